//! The logical types every connector speaks, and the Arrow array that carries each of them.
//! Knows nothing of any database's own type names.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field as ArrowField, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::catalog::System;

/// The rule by which values of a type that the target does not know are carried.
pub(crate) const FOREIGN_TYPE_RULE: &str = "values become the text that their own system writes for them";
/// The rule by which shapes are carried into a system without a type for them.
pub(crate) const GEOMETRY_RULE: &str = "shapes become EWKB: well-known binary with the number of the reference system";

/// What a column holds, independent of the system that stores it.
///
/// Each type has exactly one Arrow carrier ([`LogicalType::carrier`]), so two connectors that agree on the logical
/// type agree on the bytes in memory. Dates and instants use the extreme integers for PostgreSQL's `infinity`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogicalType {
    /// True or false.
    Boolean,
    /// Signed 16-bit integer.
    Int16,
    /// Signed 32-bit integer.
    Int32,
    /// Signed 64-bit integer.
    Int64,
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
    /// Decimal with declared precision and scale (digits). Carried as plain text, such as `-12.50` or `NaN`.
    Decimal {
        /// Significant digits at most.
        precision: u32,
        /// Digits after the point; negative rounds to tens and hundreds, as PostgreSQL 15 allows.
        scale: i32,
    },
    /// Decimal of any size whose scale belongs to the value (`1.50` is not `1.5`). Carried as plain text.
    Numeric,
    /// Unicode text.
    Text {
        /// Characters (not bytes) at most, if declared.
        max_chars: Option<u32>,
    },
    /// Bytes.
    Bytes,
    /// Calendar day. Days since 1970-01-01; `i32::MAX` and `i32::MIN` are infinity and -infinity.
    Date,
    /// Time of day without zone. Microseconds since midnight, 0 to 86,400,000,000 inclusive.
    Time,
    /// Date and time without zone. Microseconds since 1970-01-01; extremes are the infinities.
    Timestamp,
    /// Instant. UTC microseconds since 1970-01-01; extremes are the infinities.
    TimestampTz,
    /// Months, days and microseconds, kept apart as PostgreSQL does.
    Interval,
    /// RFC 9562 UUID, 16 bytes.
    Uuid,
    /// JSON kept as the text it was written in.
    Json,
    /// JSON kept by value: white space, key order and repeated keys carry no meaning.
    Jsonb,
    /// A string of bits. Carried as text of `0` and `1`.
    Bits {
        /// Bits exactly (PostgreSQL `bit(n)`, MySQL `bit(n)`); `None` for any number.
        length: Option<u32>,
    },
    /// A shape, as little-endian EWKB: with its reference system's number if that is not 0.
    Geometry,
    /// A value only its own system computes with, carried as that system writes it: network addresses, ranges, composite
    /// values, search vectors.
    Opaque {
        /// Whose text it is.
        system: System,
        /// The type's name there.
        native: String,
    },
    /// One-dimensional array with elements of one type; elements may be null. Arrays of arrays are not supported.
    Array(Box<LogicalType>),
}

impl LogicalType {
    /// Text without a declared length.
    pub const TEXT: LogicalType = LogicalType::Text { max_chars: None };

    /// The Arrow type of the one array that carries this type in memory.
    ///
    /// Decimal, Numeric, Text, Json, Jsonb, Bits and Opaque: `Utf8`; Bytes and Geometry: `Binary`; Date: `Date32`; Time: `Time64(µs)`;
    /// Timestamp: `Timestamp(µs)`; TimestampTz: `Timestamp(µs, "UTC")`; Interval: `Interval(MonthDayNano)`;
    /// Uuid: `FixedSizeBinary(16)`; Array: `List` with a nullable field named `item`.
    pub fn carrier(&self) -> DataType {
        match self {
            LogicalType::Boolean => DataType::Boolean,
            LogicalType::Int16 => DataType::Int16,
            LogicalType::Int32 => DataType::Int32,
            LogicalType::Int64 => DataType::Int64,
            LogicalType::Float32 => DataType::Float32,
            LogicalType::Float64 => DataType::Float64,
            LogicalType::Decimal { .. }
            | LogicalType::Numeric
            | LogicalType::Text { .. }
            | LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Bits { .. }
            | LogicalType::Opaque { .. } => DataType::Utf8,
            LogicalType::Bytes | LogicalType::Geometry => DataType::Binary,
            LogicalType::Date => DataType::Date32,
            LogicalType::Time => DataType::Time64(TimeUnit::Microsecond),
            LogicalType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            LogicalType::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            LogicalType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            LogicalType::Uuid => DataType::FixedSizeBinary(16),
            LogicalType::Array(element) => {
                DataType::List(Arc::new(ArrowField::new_list_field(element.carrier(), true)))
            }
        }
    }
}

/// Prints the name a user writes in a plan, such as `decimal(10,2)` or `timestamptz`.
impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogicalType::Boolean => f.write_str("boolean"),
            LogicalType::Int16 => f.write_str("int16"),
            LogicalType::Int32 => f.write_str("int32"),
            LogicalType::Int64 => f.write_str("int64"),
            LogicalType::Float32 => f.write_str("float32"),
            LogicalType::Float64 => f.write_str("float64"),
            LogicalType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            LogicalType::Numeric => f.write_str("numeric"),
            LogicalType::Text { max_chars: None } => f.write_str("text"),
            LogicalType::Text { max_chars: Some(n) } => write!(f, "text({n})"),
            LogicalType::Bytes => f.write_str("bytes"),
            LogicalType::Date => f.write_str("date"),
            LogicalType::Time => f.write_str("time"),
            LogicalType::Timestamp => f.write_str("timestamp"),
            LogicalType::TimestampTz => f.write_str("timestamptz"),
            LogicalType::Interval => f.write_str("interval"),
            LogicalType::Uuid => f.write_str("uuid"),
            LogicalType::Json => f.write_str("json"),
            LogicalType::Jsonb => f.write_str("jsonb"),
            LogicalType::Bits { length: None } => f.write_str("bits"),
            LogicalType::Bits { length: Some(n) } => write!(f, "bits({n})"),
            LogicalType::Geometry => f.write_str("geometry"),
            LogicalType::Opaque { system, native } => write!(f, "{system}:{native}"),
            LogicalType::Array(element) => write!(f, "{element}[]"),
        }
    }
}
