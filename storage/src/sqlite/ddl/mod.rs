//! Reads SQLite's own `CREATE TABLE` and `CREATE INDEX` texts for what its pragmas do not tell: expressions, constraint
//! names, when references are checked. Text in, plain data out; knows nothing of connections.
//!
//! The texts come from `sqlite_schema`, so SQLite has read them before, but the file may come from anybody. Whatever a
//! text holds, reading ends with what it says or with a reason why that cannot be told; what was read is compared with
//! the pragmas by the caller. The grammar is that of SQLite's `parse.y`, the words those of its `tokenize.c`.

mod cursor;
mod index;
mod table;
mod token;

use std::collections::BTreeSet;

pub(super) use index::{IndexText, read_index};
pub(super) use table::{ReferenceText, TableText, read_table};

use crate::text::Reason;
use cursor::Cursor;
use token::{Kind, Token, tokens};

/// Bytes of a statement that are looked at; longer ones are not read. Real ones have some kilobytes.
const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// Every name that a statement may use, in lower case. What looks like a name counts, also strings, which SQLite takes
/// for names where it can.
///
/// # Errors
/// Why the statement cannot be split into words.
pub(super) fn names(sql: &str) -> Result<BTreeSet<String>, Reason> {
    Ok(tokens(sql)?.iter().filter_map(Token::name).map(|name| name.to_ascii_lowercase()).collect())
}

/// Whether a text can stand where one expression is wanted and nothing can follow from it but that expression.
pub(super) fn is_expression(text: &str) -> bool {
    let Ok(found) = tokens(text) else { return false };
    let comment = found.iter().any(|token| token.after_comment) || token::ends_in_comment(text);
    let Ok(parts) = Cursor::new(text, &found).split_at_commas() else { return false };
    !comment && !found.is_empty() && parts.len() == 1 && found.iter().all(|token| token.kind != Kind::Semicolon)
}

/// The text with each comment turned into a blank.
///
/// # Errors
/// Why it cannot be split into words.
pub(super) fn without_comments(text: &str) -> Result<String, Reason> {
    let found = tokens(text)?;
    let commented = found.iter().any(|token| token.after_comment) || token::ends_in_comment(text);
    Ok(if commented { Cursor::new(text, &found).text() } else { text.to_owned() })
}

/// Whether a text is a type that SQLite takes as such in a column's definition: words without quotes, and up to two
/// numbers after them.
pub(super) fn is_type(text: &str) -> bool {
    let Ok(found) = tokens(text) else { return false };
    let plain = found.iter().all(|token| !token.after_comment && !matches!(token.kind, Kind::Quoted | Kind::Text));
    let mut cursor = Cursor::new(text, &found);
    plain && !token::ends_in_comment(text) && table::skip_type(&mut cursor).is_ok() && cursor.is_done()
}

/// Whether a statement creates what it is said to create.
pub(super) fn creates(sql: &str, what: &str) -> bool {
    tokens(sql).is_ok_and(|found| {
        let mut cursor = Cursor::new(sql, &found);
        cursor.take_word("CREATE") && cursor.take_word(what)
    })
}

#[cfg(test)]
mod tests;
