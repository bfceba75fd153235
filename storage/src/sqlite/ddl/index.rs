//! What a `CREATE INDEX` text says.

use super::cursor::Cursor;
use super::token::tokens;
use crate::text::Reason;

/// What the pragmas do not tell of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sqlite) struct IndexText {
    /// Each part as it is written, without its order.
    pub(in crate::sqlite) parts: Vec<String>,
    /// Condition of a partial index.
    pub(in crate::sqlite) predicate: Option<String>,
}

/// Reads a `CREATE INDEX` text as `sqlite_schema` holds it.
///
/// # Errors
/// Why it cannot be told what the text says.
pub(in crate::sqlite) fn read_index(sql: &str) -> Result<IndexText, Reason> {
    let tokens = tokens(sql)?;
    let mut cursor = Cursor::new(sql, &tokens);
    if !cursor.take_words(&["CREATE", "INDEX"]) && !cursor.take_words(&["CREATE", "UNIQUE", "INDEX"]) {
        return Err("it does not create an index");
    }
    cursor.name()?;
    if !cursor.take_word("ON") {
        return Err("it does not name a table");
    }
    cursor.name()?;
    let parts = cursor.parenthesised()?.split_at_commas()?;
    let parts = parts.into_iter().map(|part| part.without_last(&["ASC", "DESC"]).text()).collect();
    let predicate = cursor.take_word("WHERE").then(|| cursor.text());
    if predicate.is_none() && !cursor.is_done() {
        return Err("something unknown follows its columns");
    }
    Ok(IndexText { parts, predicate })
}
