//! Values and definitions from anywhere, read as if a database file had held them.

use rusqlite::types::ValueRef;

use super::decode::{decode, render_stored};
use super::{ddl, logical_type};
use crate::batch::Fault;
use crate::rows::RowsBuilder;
use crate::testing::{Input, foreign};

/// Reads the rest of `input` as rows, after the columns.
pub(crate) fn read(mut input: Input<'_>) {
    let fields = input.fields();
    let mut rows = RowsBuilder::new(&fields, false);
    while !input.is_empty() {
        let values: Vec<ValueRef<'_>> = fields.iter().map(|_| value(&mut input)).collect();
        let mut columns = fields.iter().zip(&values).zip(&mut rows.columns);
        let unfit = columns.find_map(|((field, value), column)| {
            decode(&field.logical, *value, column).err().map(|reason| (field.name.clone(), reason.to_owned()))
        });
        match unfit {
            None => rows.end_row(),
            Some((column, reason)) => {
                let mut key = String::new();
                render_stored(values[0], &mut key);
                rows.fail_row(Fault { key: Some(key), column, reason });
            }
        }
    }
    let batch = rows.finish().expect("columns of one length");
    foreign::tell(&fields, &batch.rows);
}

/// A value of any storage class, with any content.
fn value<'a>(input: &mut Input<'a>) -> ValueRef<'a> {
    match input.byte() % 5 {
        0 => ValueRef::Null,
        1 => ValueRef::Integer(i64::from_le_bytes(input.array())),
        2 => ValueRef::Real(f64::from_le_bytes(input.array())),
        3 => ValueRef::Text(input.bytes()),
        _ => ValueRef::Blob(input.bytes()),
    }
}

/// Reads `text` as every kind of definition there is.
pub(crate) fn read_definition(text: &str) {
    let _ = ddl::read_table(text);
    let _ = ddl::read_index(text);
    let _ = ddl::names(text);
    let _ = ddl::is_expression(text);
    let _ = ddl::is_type(text);
    let _ = (ddl::creates(text, "TABLE"), logical_type(text));
    if let Ok(bare) = ddl::without_comments(text) {
        assert_eq!(ddl::without_comments(&bare).as_ref(), Ok(&bare), "comments are gone");
    }
}
