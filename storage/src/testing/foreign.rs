//! Doors to the readers of foreign bytes, for the fuzzer and for tests with damaged input. Whatever comes in, each door
//! returns: a reader refuses what it does not understand. Where a reader promises more than that, the door holds it to
//! its word and panics if it is broken.

use arrow_array::RecordBatch;

use super::Input;
use crate::catalog::Field;
use crate::column::ColumnBuilder;
use crate::text;

/// Reads `bytes` as PostgreSQL's COPY might send them: the columns, how the stream is cut, the stream.
pub fn read_copy(bytes: &[u8]) {
    crate::postgres::foreign::read(Input::new(bytes));
}

/// Reads `bytes` as rows of MySQL's binary protocol: the columns, then cells, each with its kind.
pub fn read_mysql_rows(bytes: &[u8]) {
    crate::mysql::foreign::read(Input::new(bytes));
}

/// Reads `bytes` as a shape in MySQL's own form and as EWKB.
///
/// # Panics
/// If a shape that MySQL can hold is another after it went there and back.
pub fn read_shape(bytes: &[u8]) {
    crate::mysql::foreign::read_shape(bytes);
}

/// Reads `bytes` as rows of SQLite's values: the columns, then values, each with its storage class.
pub fn read_sqlite_rows(bytes: &[u8]) {
    crate::sqlite::foreign::read(Input::new(bytes));
}

/// Reads `text` as a definition out of a database's catalog: SQLite's statements, and the type texts of every database.
pub fn read_definition(text: &str) {
    crate::sqlite::foreign::read_definition(text);
    let _ = crate::mysql::logical_type(text);
    let _ = crate::postgres::logical_type(text);
}

/// Reads `bytes` as a record of a journal, once as it is and once as what a journal's own key signed.
pub fn read_journal(bytes: &[u8]) {
    crate::journal::foreign::read(bytes);
}

/// Reads the text of a value: the first byte says of which type.
///
/// # Panics
/// If the text that is written for the value reads back as another.
pub fn read_value(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let logical = input.logical();
    let Ok(written) = std::str::from_utf8(input.rest()) else { return };
    let retold = |written: &str| {
        let mut column = ColumnBuilder::new(&logical);
        let parsed = text::parse(&logical, written, &mut column);
        assert_eq!(column.len(), usize::from(parsed.is_ok()), "a refused value leaves nothing behind");
        let mut out = String::new();
        parsed.map(|()| text::render(&logical, column.finish().as_ref(), 0, &mut out)).map(|()| out)
    };
    if let Ok(canonical) = retold(written) {
        assert_eq!(retold(&canonical).as_ref(), Ok(&canonical), "{logical}");
    }
}

/// Writes the text of every value, as reports and messages do.
pub(crate) fn tell(fields: &[Field], rows: &RecordBatch) {
    let mut out = String::new();
    for (field, array) in fields.iter().zip(rows.columns()) {
        for row in (0..array.len()).filter(|row| array.is_valid(*row)) {
            out.clear();
            text::render(&field.logical, array, row, &mut out);
        }
    }
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
