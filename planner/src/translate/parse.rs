//! SQL text of one system into a tree. Errors never quote the text: it may hold values.

use sensei_storage::System;
use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Bytes of an expression at most; longer ones are nobody's by hand.
const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// Levels an expression may be nested at most, so that walking it needs little stack.
const EXPRESSION_DEPTH_MAX: usize = 40;
/// Operators and keywords that may apply one to another, as in `a + a + a`: the parser makes each a level of the tree
/// without counting it. A guess; longer chains are generated, and an unbounded one would use up the stack.
const EXPRESSION_CHAIN_MAX: usize = 300;

/// Parses `sql`, all of it, as `system` would.
pub(super) fn parse(system: System, sql: &str) -> Result<Expr, String> {
    if sql.len() > EXPRESSION_BYTES_MAX {
        return Err(format!("its expression is longer than {EXPRESSION_BYTES_MAX} bytes"));
    }
    let dialect: &dyn Dialect = match system {
        System::Postgresql => &PostgreSqlDialect {},
        System::Sqlite => &SQLiteDialect {},
        System::Mysql => &MySqlDialect {},
        System::Csv | System::Parquet => return Err("files have no expressions".to_owned()),
    };
    let unclear = || format!("its expression is not understood as {}'s SQL", title(system));
    let tokens = Tokenizer::new(dialect, sql).tokenize().map_err(|_| unclear())?;
    if longest_chain(&tokens) > EXPRESSION_CHAIN_MAX {
        return Err(format!("its expression is a chain of more than {EXPRESSION_CHAIN_MAX} operators"));
    }
    let mut parser = Parser::new(dialect).with_recursion_limit(EXPRESSION_DEPTH_MAX).with_tokens(plain_trims(tokens));
    let expression = parser.parse_expr().map_err(|_| unclear())?;
    match parser.peek_token().token {
        Token::EOF => Ok(expression),
        _ => Err(unclear()),
    }
}

/// At most so many levels the tree of `tokens` has beside those of its brackets. What commas and the branches of a `CASE`
/// separate stands side by side.
fn longest_chain(tokens: &[Token]) -> usize {
    let (mut open, mut length, mut longest) = (vec![0], 0, 0);
    for token in tokens {
        let keyword = match token {
            Token::Word(word) => Some(word.keyword),
            _ => None,
        };
        match (token, keyword) {
            (Token::RParen | Token::RBracket, _) | (_, Some(Keyword::END)) => {
                length -= if open.len() > 1 { open.pop().unwrap_or(0) } else { 0 };
            }
            (Token::Comma, _) | (_, Some(Keyword::WHEN | Keyword::THEN | Keyword::ELSE)) => {
                length -= open.last_mut().map_or(0, |links: &mut usize| std::mem::take(links));
            }
            (Token::Whitespace(_) | Token::Number(..) | Token::SingleQuotedString(_), _) => {}
            (_, Some(Keyword::NoKeyword)) => {}
            _ => {
                length += 1;
                longest = longest.max(length);
                if let Some(links) = open.last_mut() {
                    *links += 1;
                }
                if matches!(token, Token::LParen | Token::LBracket) || keyword == Some(Keyword::CASE) {
                    open.push(0);
                }
            }
        }
    }
    longest
}

/// PostgreSQL prints `TRIM(BOTH FROM x)`, which the parser knows without the `FROM` only.
fn plain_trims(tokens: Vec<Token>) -> Vec<Token> {
    let mut plain: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        let keyword = |token: &Token| match token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        let side = plain.last().map(keyword);
        let after_side = matches!(side, Some(Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING));
        if !(after_side && keyword(&token) == Keyword::FROM) {
            plain.push(token);
        }
    }
    plain
}

/// A system's name in a sentence.
pub(crate) fn title(system: System) -> &'static str {
    match system {
        System::Sqlite => "SQLite",
        System::Postgresql => "PostgreSQL",
        System::Mysql => "MySQL",
        System::Csv => "CSV",
        System::Parquet => "Parquet",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(sql: &str) -> usize {
        longest_chain(&Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().unwrap())
    }

    #[test]
    fn chains_are_counted_and_lists_are_not() {
        for (sql, longest) in [
            ("a", 0),
            ("a + a + a", 2),
            ("f(a + a, a + a + a) + a", 3),
            ("x(a, b) + x(a, b) + x(a, b)", 5),
            ("a IN ('x', 'y', 'z')", 2),
            (")))", 0),
            ("CASE WHEN a = 1 THEN b + b WHEN a = 2 THEN c ELSE d END + e", 2),
        ] {
            assert_eq!(chain(sql), longest, "{sql}");
        }
        let states: Vec<_> = (0..250).map(|state| format!("'{state}'::character varying")).collect();
        let check = format!("((a)::text = ANY ((ARRAY[{}])::text[]))", states.join(", "));
        assert!(parse(System::Postgresql, &check).is_ok());
        assert!(parse(System::Postgresql, &"- ".repeat(301)).unwrap_err().contains("300"));
    }
}
