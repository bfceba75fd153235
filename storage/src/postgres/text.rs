//! From Arrow arrays to the lines of COPY's text format. Knows nothing of connections.
//!
//! Source: PostgreSQL manual, COPY, "Text Format"; 8.5.1 and 8.5.4 for dates and intervals, 8.15.2 for arrays.

use std::fmt::Write as _;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{IntervalMonthDayNanoType, Time64MicrosecondType};
use bytes::{BufMut, BytesMut};

use super::copy::Rest;
use super::decode::DAY_MICROS;
use super::encode::{SPLIT_MICROSECOND, TIME_RANGE};
use super::types::Access;
use crate::catalog::Field;
use crate::error::{Error, Result};
use crate::text;
use crate::types::LogicalType;

/// Columns of one batch, ready to be written row by row.
pub(super) struct TextEncoder<'a> {
    columns: Vec<Column<'a>>,
    table: &'a str,
}

struct Column<'a> {
    field: &'a Field,
    array: &'a dyn Array,
    /// Shapes are written as bare hex digits, bytes with a prefix.
    shape: bool,
}

impl<'a> TextEncoder<'a> {
    /// For columns that are the carriers of their fields' types, with what they mean on the server.
    pub(super) fn new(table: &'a str, columns: Vec<(&'a Field, &'a dyn Array)>, accesses: &[Access]) -> Self {
        let shapes = accesses.iter().map(|access| matches!(access, Access::Shape { .. }));
        let column = |((field, array), shape)| Column { field, array, shape };
        TextEncoder { columns: columns.into_iter().zip(shapes).map(column).collect(), table }
    }

    /// How many columns a line has.
    pub(super) fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// Appends one field with the tab before it, and says what is left of it.
    ///
    /// # Errors
    /// `RefusedRow`, naming the column, for a value PostgreSQL cannot hold.
    pub(super) fn put_cell(&self, row: usize, column: usize, out: &mut BytesMut) -> Result<Rest<'a>> {
        if column > 0 {
            out.put_u8(b'\t');
        }
        let column = &self.columns[column];
        column.put(row, out).map_err(|why| Error::RefusedRow {
            what: format!("table \"{}\"", self.table),
            column: Some(column.field.name.clone()),
            why: why.to_owned(),
        })
    }
}

impl<'a> Column<'a> {
    fn put(&self, row: usize, out: &mut BytesMut) -> Result<Rest<'a>, &'static str> {
        if self.array.is_null(row) {
            out.put_slice(b"\\N");
            return Ok(Rest::NOTHING);
        }
        match &self.field.logical {
            LogicalType::Bytes | LogicalType::Geometry => {
                out.put_slice(if self.shape { b"" } else { b"\\\\x" });
                Ok(Rest::of(self.array.as_binary::<i32>().value(row), put_hex, out))
            }
            LogicalType::Text { .. } | LogicalType::Json | LogicalType::Jsonb | LogicalType::Opaque { .. } => {
                Ok(Rest::of(self.array.as_string::<i32>().value(row).as_bytes(), put_escaped, out))
            }
            logical => {
                let mut text = String::new();
                render(logical, self.array, row, &mut text)?;
                put_escaped(text.as_bytes(), out);
                Ok(Rest::NOTHING)
            }
        }
    }
}

/// The text that PostgreSQL reads as the value.
fn render(logical: &LogicalType, array: &dyn Array, row: usize, out: &mut String) -> Result<(), &'static str> {
    match logical {
        LogicalType::Array(element) => return render_list(element, array.as_list::<i32>().value(row).as_ref(), out),
        LogicalType::Time => {
            let time = array.as_primitive::<Time64MicrosecondType>().value(row);
            if !(0..=DAY_MICROS).contains(&time) {
                return Err(TIME_RANGE);
            }
        }
        LogicalType::Interval => return render_interval(array, row, out),
        _ => {}
    }
    text::render(logical, array, row, out);
    Ok(())
}

/// Each part with its own sign, which ISO 8601 leaves open for parts of a second.
fn render_interval(array: &dyn Array, row: usize, out: &mut String) -> Result<(), &'static str> {
    let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
    if value.nanoseconds % 1000 != 0 {
        return Err(SPLIT_MICROSECOND);
    }
    let (seconds, micros) = (value.nanoseconds / 1_000_000_000, value.nanoseconds / 1000 % 1_000_000);
    let sign = if value.nanoseconds < 0 { "-" } else { "" };
    let (seconds, micros) = (seconds.unsigned_abs(), micros.unsigned_abs());
    let written = write!(
        out,
        "{} mons {} days {sign}{}:{:02}:{:02}.{micros:06}",
        value.months,
        value.days,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    written.map_err(|_| "an interval cannot be written")
}

fn render_list(element: &LogicalType, values: &dyn Array, out: &mut String) -> Result<(), &'static str> {
    out.push('{');
    for index in 0..values.len() {
        if index > 0 {
            out.push(',');
        }
        if values.is_null(index) {
            out.push_str("NULL");
            continue;
        }
        let mut text = String::new();
        render(element, values, index, &mut text)?;
        out.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                out.push('\\');
            }
            out.push(character);
        }
        out.push('"');
    }
    out.push('}');
    Ok(())
}

/// Appends text with the characters that mean something to COPY escaped.
fn put_escaped(mut rest: &[u8], out: &mut BytesMut) {
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t')) {
        out.put_slice(&rest[..at]);
        out.put_slice(match rest[at] {
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _ => b"\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.put_slice(rest);
}

fn put_hex(bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.put_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}
