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
    let mut parser = Parser::new(dialect).with_recursion_limit(EXPRESSION_DEPTH_MAX).with_tokens(plain_trims(tokens));
    let expression = parser.parse_expr().map_err(|_| unclear())?;
    match parser.peek_token().token {
        Token::EOF => Ok(expression),
        _ => Err(unclear()),
    }
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
