//! Changes a column's logical type, row by row where a value may not fit. A value that does not fit is a fault of its
//! row; nothing is rounded or cut unless the plan's rules say so.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Float32Array};
use arrow_cast::cast;
use sensei_storage::{ColumnBuilder, LogicalType, text};

use crate::fault::RowFaults;

/// A cast from one logical type to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    from: LogicalType,
    to: LogicalType,
    way: Way,
}

#[derive(Clone, Debug, PartialEq)]
enum Way {
    /// Same carrier, every value fits.
    Same,
    /// Arrow widens without loss.
    Widen,
    /// Double to single precision, rounding to nearest: lossy, only where the plan declares it.
    Narrow,
    /// Microseconds keep their value and change meaning: the zone is UTC on both sides.
    Relabel,
    /// Rendered as canonical text and parsed as the other type.
    Text,
}

impl Cast {
    /// A cast between any two types the planner allows.
    pub fn new(from: &LogicalType, to: &LogicalType) -> Cast {
        use LogicalType::{Array, Bits, Boolean, Bytes, Decimal, Float32, Float64, Geometry, Int16, Int32, Int64};
        use LogicalType::{Json, Jsonb, Numeric, Opaque, Text, Timestamp, TimestampTz};
        let way = match (from, to) {
            (a, b) if a == b => Way::Same,
            (Text { .. } | Json | Numeric | Decimal { .. } | Opaque { .. } | Bits { .. }, Text { max_chars: None })
            | (Json, Jsonb)
            | (Text { .. }, Opaque { .. })
            | (Bits { .. }, Bits { length: None })
            | (Geometry, Bytes)
            | (Bytes, Geometry) => Way::Same,
            (Text { max_chars: Some(have) }, Text { max_chars: Some(room) }) if have <= room => Way::Same,
            (Decimal { precision: p, scale: s }, Decimal { precision: room_p, scale: room_s })
                if s == room_s && p <= room_p =>
            {
                Way::Same
            }
            (Decimal { .. }, Numeric) => Way::Same,
            (Array(a), Array(b)) if Cast::new(a, b).way == Way::Same => Way::Same,
            (Boolean, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) | (Float32, Float64) => {
                Way::Widen
            }
            (Float64, Float32) => Way::Narrow,
            (Timestamp, TimestampTz) | (TimestampTz, Timestamp) => Way::Relabel,
            _ => Way::Text,
        };
        Cast { from: from.clone(), to: to.clone(), way }
    }

    /// Casts a column; rows that do not fit become NULL and a fault of `column`.
    pub fn apply(&self, array: &ArrayRef, column: &str, faults: &mut RowFaults) -> ArrayRef {
        match self.way {
            Way::Same => array.clone(),
            Way::Widen => cast(array, &self.to.carrier()).expect("widening always works"),
            Way::Narrow => Arc::new(narrow(array)),
            Way::Relabel => {
                let values = array.as_primitive::<TimestampMicrosecondType>().clone();
                Arc::new(values.with_data_type(self.to.carrier()))
            }
            Way::Text => self.through_text(array, column, faults),
        }
    }

    fn through_text(&self, array: &ArrayRef, column: &str, faults: &mut RowFaults) -> ArrayRef {
        let mut builder = ColumnBuilder::new(&self.to);
        let mut rendered = String::new();
        for row in 0..array.len() {
            if array.is_null(row) {
                builder.append_null();
                continue;
            }
            rendered.clear();
            text::render(&self.from, array, row, &mut rendered);
            if let Err(reason) = text::parse(&self.to, &rendered, &mut builder) {
                builder.append_null();
                faults.lose(row, column, reason);
            }
        }
        builder.finish()
    }

    /// How many rows a lossy cast changed: those whose value, brought back, is not what it was.
    pub fn changed_rows(&self, before: &ArrayRef, after: &ArrayRef) -> u64 {
        let (mut old, mut new) = (String::new(), String::new());
        let changed = |row: &usize| {
            if before.is_null(*row) || after.is_null(*row) {
                return false;
            }
            old.clear();
            new.clear();
            text::render(&self.from, before, *row, &mut old);
            text::render(&self.to, after, *row, &mut new);
            match (&self.from, &self.to) {
                (LogicalType::Json, LogicalType::Jsonb) => {
                    sensei_storage::canonicalize_json_text(&old).is_ok_and(|canonical| canonical != old)
                }
                (LogicalType::Float64, LogicalType::Float32) => {
                    new.parse::<f32>().map(f64::from).ok() != old.parse::<f64>().ok()
                }
                _ => old != new,
            }
        };
        (0..before.len()).filter(changed).count() as u64
    }
}

fn narrow(array: &ArrayRef) -> Float32Array {
    array.as_primitive::<Float64Type>().iter().map(|value| value.map(|value| value as f32)).collect()
}
