//! One value of a logical type as SQLite must be given it, so that the column's affinity stores it unchanged.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use rusqlite::types::{Null, ToSqlOutput, Value, ValueRef};

use super::decode::exact_double;
use super::types::Affinity;
use crate::catalog::Field;
use crate::decimal;
use crate::text::{self, Reason};
use crate::types::LogicalType;

/// How the values of one column are bound.
pub(super) struct Encoder {
    logical: LogicalType,
    affinity: Affinity,
    /// Whether NULL is refused here: SQLite allows it in most primary keys, and makes up a rowid for it in the others.
    not_null: bool,
}

impl Encoder {
    /// For a column of the target; `key` if it is part of the primary key.
    pub(super) fn new(field: &Field, key: bool) -> Encoder {
        let affinity = Affinity::of(&field.native);
        Encoder { logical: field.logical.clone(), affinity, not_null: key || !field.nullable }
    }

    /// The value at `row`.
    ///
    /// # Errors
    /// Why SQLite would not keep the value as it is.
    pub(super) fn encode<'a>(&self, array: &'a dyn Array, row: usize) -> Result<ToSqlOutput<'a>, Reason> {
        if array.is_null(row) {
            return if self.not_null { Err("NULL in a column that allows none") } else { Ok(Null.into()) };
        }
        match &self.logical {
            LogicalType::Bytes | LogicalType::Geometry => {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(array.as_binary::<i32>().value(row))))
            }
            LogicalType::Text { .. }
            | LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Bits { .. }
            | LogicalType::Opaque { .. } => self.text(array.as_string::<i32>().value(row)),
            // Text affinity would spell numbers in SQLite's way, which keeps 15 digits of a double.
            _ if self.affinity == Affinity::Text => Ok(self.rendered(array, row)),
            LogicalType::Boolean => Ok(i64::from(array.as_boolean().value(row)).into()),
            LogicalType::Int16 => Ok(i64::from(array.as_primitive::<Int16Type>().value(row)).into()),
            LogicalType::Int32 => Ok(i64::from(array.as_primitive::<Int32Type>().value(row)).into()),
            LogicalType::Int64 => self.integer(array.as_primitive::<Int64Type>().value(row)),
            LogicalType::Float32 => real(f64::from(array.as_primitive::<Float32Type>().value(row))),
            LogicalType::Float64 => real(array.as_primitive::<Float64Type>().value(row)),
            LogicalType::Decimal { .. } | LogicalType::Numeric => self.decimal(array.as_string::<i32>().value(row)),
            _ => Ok(self.rendered(array, row)),
        }
    }

    fn rendered(&self, array: &dyn Array, row: usize) -> ToSqlOutput<'static> {
        let mut text = String::new();
        text::render(&self.logical, array, row, &mut text);
        ToSqlOutput::Owned(Value::Text(text))
    }

    fn text<'a>(&self, text: &'a str) -> Result<ToSqlOutput<'a>, Reason> {
        if self.affinity.is_numeric() && text.trim_ascii().parse::<f64>().is_ok() {
            return Err("text that looks like a number, which the column's affinity would change");
        }
        Ok(text.into())
    }

    fn integer(&self, value: i64) -> Result<ToSqlOutput<'static>, Reason> {
        match self.affinity {
            Affinity::Real if exact_double(value).is_none() => {
                Err("an integer of more digits than the column's affinity keeps")
            }
            _ => Ok(value.into()),
        }
    }

    /// A number where the affinity would make it one anyway, converted here because SQLite's conversion may lose digits.
    fn decimal<'a>(&self, text: &'a str) -> Result<ToSqlOutput<'a>, Reason> {
        if !self.affinity.is_numeric() {
            return Ok(text.into());
        }
        if let (true, Ok(integer)) = (self.affinity != Affinity::Real, decimal::normalize(text).parse::<i64>()) {
            return Ok(integer.into());
        }
        match text.parse::<f64>() {
            Ok(double) if !double.is_finite() => Ok(text.into()),
            Ok(double) if decimal::normalize(&decimal::from_f64(double)) == decimal::normalize(text) => {
                Ok(double.into())
            }
            _ => Err("a decimal of more digits than the column's affinity keeps"),
        }
    }
}

fn real(value: f64) -> Result<ToSqlOutput<'static>, Reason> {
    if value.is_nan() { Err("NaN, which SQLite stores as NULL") } else { Ok(value.into()) }
}
