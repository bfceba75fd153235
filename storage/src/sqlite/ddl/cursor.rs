//! A place in a list of tokens, and the moves that every definition is read with.

use super::token::{Kind, Token};
use crate::text::Reason;

/// A run of tokens that is read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    sql: &'a str,
    rest: &'a [Token<'a>],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sql: &'a str, tokens: &'a [Token<'a>]) -> Cursor<'a> {
        Cursor { sql, rest: tokens }
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<&'a Token<'a>> {
        self.rest.first()
    }

    /// Whether the next tokens are these keywords.
    pub(super) fn at_words(&self, keywords: &[&str]) -> bool {
        keywords.len() <= self.rest.len() && keywords.iter().zip(self.rest).all(|(keyword, token)| token.is(keyword))
    }

    pub(super) fn take(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Takes a token of this kind if it is next.
    pub(super) fn take_kind(&mut self, kind: Kind) -> bool {
        self.peek().is_some_and(|token| token.kind == kind) && self.take().is_some()
    }

    /// Takes this keyword if it is next.
    pub(super) fn take_word(&mut self, keyword: &str) -> bool {
        self.peek().is_some_and(|token| token.is(keyword)) && self.take().is_some()
    }

    /// Takes these keywords if they are next, all or none.
    pub(super) fn take_words(&mut self, keywords: &[&str]) -> bool {
        let found = self.at_words(keywords);
        if found {
            self.rest = &self.rest[keywords.len()..];
        }
        found
    }

    /// Takes a name.
    pub(super) fn name(&mut self) -> Result<String, Reason> {
        let name = self.take().and_then(Token::name);
        name.map(std::borrow::Cow::into_owned).ok_or("a name is missing where one must be")
    }

    /// Takes what stands in parentheses.
    pub(super) fn parenthesised(&mut self) -> Result<Cursor<'a>, Reason> {
        if !self.take_kind(Kind::Open) {
            return Err("a parenthesis is missing where one must be");
        }
        let mut depth = 1;
        for (index, token) in self.rest.iter().enumerate() {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let inner = Cursor { sql: self.sql, rest: &self.rest[..index] };
                self.rest = &self.rest[index + 1..];
                return Ok(inner);
            }
        }
        Err(UNBALANCED)
    }

    /// Takes what stands in parentheses as the text of an expression.
    pub(super) fn expression(&mut self) -> Result<String, Reason> {
        match self.parenthesised()?.text() {
            text if text.is_empty() => Err("an expression is empty"),
            text => Ok(text),
        }
    }

    /// What is left, split at the commas outside of parentheses.
    pub(super) fn split_at_commas(self) -> Result<Vec<Cursor<'a>>, Reason> {
        let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
        for (index, token) in self.rest.iter().enumerate() {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.checked_sub(1).ok_or(UNBALANCED)?,
                Kind::Comma if depth == 0 => {
                    parts.push(Cursor { rest: &self.rest[start..index], ..self });
                    start = index + 1;
                }
                _ => {}
            }
        }
        if depth > 0 {
            return Err(UNBALANCED);
        }
        parts.push(Cursor { rest: &self.rest[start..], ..self });
        Ok(parts)
    }

    /// The same without its last token, if that is one of these keywords and not all there is.
    pub(super) fn without_last(self, keywords: &[&str]) -> Cursor<'a> {
        match self.rest.split_last() {
            Some((last, before)) if !before.is_empty() && keywords.iter().any(|keyword| last.is(keyword)) => {
                Cursor { rest: before, ..self }
            }
            _ => self,
        }
    }

    /// What is left as it is written, each comment turned into a blank: one that ends with its line would swallow
    /// whatever is written behind the text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.rest;
        while let Some(first) = rest.first() {
            let run = 1 + rest[1..].iter().take_while(|token| !token.after_comment).count();
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&self.sql[first.start..rest[run - 1].end()]);
            rest = &rest[run..];
        }
        text
    }
}

const UNBALANCED: Reason = "its parentheses do not match";
