//! What goes into a statement and what comes out of one: the few types that every system stores alike.

use std::sync::Arc;

use crate::error::{Error, Result};

/// A value as it is bound to a parameter, or as a row holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A `bigint`.
    Int(i64),
    /// A `text`. Make it with `Value::from`, which puts U+FFFD in place of NUL: PostgreSQL cannot store that one.
    Text(String),
    /// What `{bytes}` stands for.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Int(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Int(flag.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        match text.contains('\0') {
            true => Value::Text(text.replace('\0', "\u{fffd}")),
            false => Value::Text(text),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::from(text.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// One row of an answer. Its getters take the column's place, from 0.
///
/// # Errors
/// Every getter: `Corrupt`, naming the column, if it holds something else or is not there.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(super) fn new(columns: Arc<[String]>, values: Vec<Value>) -> Row {
        Row { columns, values }
    }

    /// A number that fits `T`.
    pub fn number<T: TryFrom<i64>>(&self, column: usize) -> Result<T> {
        self.optional_number(column)?.ok_or_else(|| self.corrupt(column, "a number"))
    }

    /// A number that fits `T`, or nothing.
    pub fn optional_number<T: TryFrom<i64>>(&self, column: usize) -> Result<Option<T>> {
        match self.value(column) {
            Some(Value::Null) => Ok(None),
            Some(Value::Int(number)) => {
                T::try_from(*number).map(Some).map_err(|_| self.corrupt(column, "a number in range"))
            }
            _ => Err(self.corrupt(column, "a number")),
        }
    }

    /// Yes for 1, no for 0.
    pub fn flag(&self, column: usize) -> Result<bool> {
        match self.number(column)? {
            0_i64 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt(column, "0 or 1")),
        }
    }

    /// Text.
    pub fn text(&self, column: usize) -> Result<&str> {
        self.optional_text(column)?.ok_or_else(|| self.corrupt(column, "text"))
    }

    /// Text, or nothing.
    pub fn optional_text(&self, column: usize) -> Result<Option<&str>> {
        match self.value(column) {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            _ => Err(self.corrupt(column, "text")),
        }
    }

    /// Bytes.
    pub fn bytes(&self, column: usize) -> Result<&[u8]> {
        self.optional_bytes(column)?.ok_or_else(|| self.corrupt(column, "bytes"))
    }

    /// Bytes, or nothing.
    pub fn optional_bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        match self.value(column) {
            Some(Value::Null) => Ok(None),
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            _ => Err(self.corrupt(column, "bytes")),
        }
    }

    /// That the column should hold `wanted` and does not.
    pub fn corrupt(&self, column: usize, wanted: &str) -> Error {
        let name = self.columns.get(column).map_or("?", String::as_str);
        Error::Corrupt { what: format!("column \"{name}\" of a stored record"), why: format!("it must hold {wanted}") }
    }

    fn value(&self, column: usize) -> Option<&Value> {
        self.values.get(column)
    }
}
