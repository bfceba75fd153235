//! Words of SQL as SQLite's tokenizer cuts them.

use std::borrow::Cow;

use super::STATEMENT_BYTES_MAX;
use crate::text::Reason;

/// What a token is, as far as reading definitions needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in `"…"`, `[…]` or `` `…` ``.
    Quoted,
    /// A string in `'…'`, which SQLite takes for a name where it wants one.
    Text,
    /// A number or a blob.
    Number,
    Open,
    Close,
    Comma,
    Semicolon,
    /// Operators and whatever else there is.
    Other,
}

/// One token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
    /// Whether a comment stands between the token before and this one.
    pub(super) after_comment: bool,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword, which is given in capitals.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// The name it stands for, if it can stand for one.
    pub(super) fn name(&self) -> Option<Cow<'_, str>> {
        let inner = || self.text.get(1..self.text.len() - 1);
        match self.kind {
            Kind::Word => Some(Cow::Borrowed(self.text)),
            Kind::Quoted if self.text.starts_with('[') => inner().map(Cow::Borrowed),
            Kind::Quoted | Kind::Text => {
                let quote = self.text.get(..1)?;
                inner().map(|inner| Cow::Owned(inner.replace(&quote.repeat(2), quote)))
            }
            _ => None,
        }
    }
}

/// Splits a statement into tokens, leaving out white space and comments.
///
/// # Errors
/// Why it cannot be split.
pub(super) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Reason> {
    if sql.len() > STATEMENT_BYTES_MAX {
        return Err("it is too long to be read");
    }
    let mut tokens = Vec::new();
    let (mut at, mut after_comment) = (0, false);
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = blank_bytes(rest);
        if blank > 0 {
            at += blank;
            continue;
        }
        if let Some(comment) = comment_bytes(rest) {
            (at, after_comment) = (at + comment, true);
            continue;
        }
        let (kind, bytes) = token(rest)?;
        let text = rest.get(..bytes).ok_or("a character is cut in two")?;
        tokens.push(Token { kind, text, start: at, after_comment });
        (at, after_comment) = (at + bytes, false);
    }
    Ok(tokens)
}

/// Whether a comment follows the last token, which would swallow what is written after it.
pub(super) fn ends_in_comment(sql: &str) -> bool {
    let end = tokens(sql).ok().and_then(|tokens| tokens.last().map(Token::end)).unwrap_or(0);
    !sql[end..].trim().is_empty()
}

/// Bytes of white space at the start; a byte order mark counts as such.
fn blank_bytes(rest: &str) -> usize {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0c' | '\r');
    match rest.strip_prefix('\u{feff}') {
        Some(after) => rest.len() - after.len(),
        None => rest.len() - rest.trim_start_matches(blank).len(),
    }
}

/// Bytes of the comment at the start, if there is one. One that is not closed goes on to the end.
fn comment_bytes(rest: &str) -> Option<usize> {
    if rest.starts_with("--") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    let inner = rest.strip_prefix("/*").filter(|inner| !inner.is_empty())?;
    Some(inner.find("*/").map_or(rest.len(), |end| "/*".len() + end + "*/".len()))
}

/// The kind and length of the token at the start, which is no white space and no comment.
fn token(rest: &str) -> Result<(Kind, usize), Reason> {
    let bytes = rest.as_bytes();
    Ok(match bytes[0] {
        b'(' => (Kind::Open, 1),
        b')' => (Kind::Close, 1),
        b',' => (Kind::Comma, 1),
        b';' => (Kind::Semicolon, 1),
        b'\'' => (Kind::Text, quoted_bytes(bytes)?),
        b'"' | b'`' => (Kind::Quoted, quoted_bytes(bytes)?),
        b'[' => (Kind::Quoted, 1 + rest.find(']').ok_or(NOT_CLOSED)?),
        b'x' | b'X' if bytes.get(1) == Some(&b'\'') => (Kind::Number, 1 + quoted_bytes(&bytes[1..])?),
        b'0'..=b'9' => (Kind::Number, number_bytes(bytes)),
        b'.' if bytes.get(1).is_some_and(u8::is_ascii_digit) => (Kind::Number, number_bytes(bytes)),
        first if is_name_byte(first) => (Kind::Word, run(bytes, is_name_byte)),
        0 => return Err("it holds a NUL character"),
        first if first.is_ascii_control() => return Err("it holds a control character"),
        _ => (Kind::Other, 1),
    })
}

const NOT_CLOSED: Reason = "a quotation is not closed";

/// Bytes up to the closing quote, a doubled quote being one of the text.
fn quoted_bytes(bytes: &[u8]) -> Result<usize, Reason> {
    let quote = bytes[0];
    let mut at = 1;
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (None, _) => return Err(NOT_CLOSED),
            (Some(found), Some(next)) if *found == quote && *next == quote => at += 2,
            (Some(found), _) if *found == quote => return Ok(at + 1),
            _ => at += 1,
        }
    }
}

/// Digits, point, exponent with its sign, and separators; hexadecimal digits likewise.
fn number_bytes(bytes: &[u8]) -> usize {
    let part = |byte: u8| is_name_byte(byte) || byte == b'.';
    let mut end = run(bytes, part);
    let exponent = !bytes.starts_with(b"0x") && !bytes.starts_with(b"0X") && matches!(bytes[end - 1], b'e' | b'E');
    let signed = matches!(bytes.get(end), Some(b'+' | b'-')) && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    if exponent && signed {
        end += 1 + run(&bytes[end + 1..], part);
    }
    end
}

fn run(bytes: &[u8], part: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !part(*byte)).unwrap_or(bytes.len())
}

/// Letters, digits, `_`, `$`, and every byte of a character beyond ASCII.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}
