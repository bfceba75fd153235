//! Builds the Arrow carrier of a logical type, value by value. Every decoder in this crate ends here.

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Date32Builder, FixedSizeBinaryBuilder, Float32Builder, Float64Builder,
    Int16Builder, Int32Builder, Int64Builder, IntervalMonthDayNanoBuilder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::Field as ArrowField;
use std::sync::Arc;

use crate::types::LogicalType;

/// Values, and bytes of values, that room is made for in advance at the most: one huge value says nothing of the next.
pub(crate) const RESERVED_MAX: usize = 4 << 20;
/// Bytes of the texts of one array at the most, half of what a carrier holds: the largest value that PostgreSQL has.
pub(crate) const ARRAY_BYTES_MAX: usize = 1 << 30;
/// Why a longer one is refused.
pub(crate) const ARRAY_TOO_LONG: &str = "the array's elements take more than 1 GiB as text";

/// One column under construction. The variant is fixed by the logical type's carrier, so decoders match once per
/// column and push without further dispatch.
#[derive(Debug)]
pub enum ColumnBuilder {
    /// Boolean.
    Boolean(BooleanBuilder),
    /// Int16.
    Int16(Int16Builder),
    /// Int32.
    Int32(Int32Builder),
    /// Int64.
    Int64(Int64Builder),
    /// Float32.
    Float32(Float32Builder),
    /// Float64.
    Float64(Float64Builder),
    /// Decimal, Numeric, Text, Json, Jsonb.
    Text(StringBuilder),
    /// Bytes.
    Bytes(BinaryBuilder),
    /// Date.
    Date(Date32Builder),
    /// Time.
    Time(Time64MicrosecondBuilder),
    /// Timestamp and TimestampTz.
    Timestamp(TimestampMicrosecondBuilder),
    /// Interval.
    Interval(IntervalMonthDayNanoBuilder),
    /// Uuid.
    Uuid(FixedSizeBinaryBuilder),
    /// Array.
    List(Box<ListBuilder>),
}

/// A list column under construction: push elements, then close the row.
#[derive(Debug)]
pub struct ListBuilder {
    /// Elements of all rows so far.
    pub values: ColumnBuilder,
    offsets: Vec<i32>,
    validity: NullBufferBuilder,
}

impl ListBuilder {
    /// Ends the current row; `valid` false makes it NULL.
    pub fn close(&mut self, valid: bool) {
        // A batch is bounded far below 2^31 elements, see limits.
        self.offsets.push(i32::try_from(self.values.len()).expect("elements of one batch fit i32"));
        self.validity.append(valid);
    }
}

impl ColumnBuilder {
    /// An empty column for values of `logical`.
    pub fn new(logical: &LogicalType) -> ColumnBuilder {
        match logical {
            LogicalType::Boolean => ColumnBuilder::Boolean(BooleanBuilder::new()),
            LogicalType::Int16 => ColumnBuilder::Int16(Int16Builder::new()),
            LogicalType::Int32 => ColumnBuilder::Int32(Int32Builder::new()),
            LogicalType::Int64 => ColumnBuilder::Int64(Int64Builder::new()),
            LogicalType::Float32 => ColumnBuilder::Float32(Float32Builder::new()),
            LogicalType::Float64 => ColumnBuilder::Float64(Float64Builder::new()),
            LogicalType::Decimal { .. }
            | LogicalType::Numeric
            | LogicalType::Text { .. }
            | LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Bits { .. }
            | LogicalType::Opaque { .. } => ColumnBuilder::Text(StringBuilder::new()),
            LogicalType::Bytes | LogicalType::Geometry => ColumnBuilder::Bytes(BinaryBuilder::new()),
            LogicalType::Date => ColumnBuilder::Date(Date32Builder::new()),
            LogicalType::Time => ColumnBuilder::Time(Time64MicrosecondBuilder::new()),
            LogicalType::Timestamp | LogicalType::TimestampTz => {
                ColumnBuilder::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(logical.carrier()))
            }
            LogicalType::Interval => ColumnBuilder::Interval(IntervalMonthDayNanoBuilder::new()),
            LogicalType::Uuid => ColumnBuilder::Uuid(FixedSizeBinaryBuilder::new(16)),
            LogicalType::Array(element) => ColumnBuilder::List(Box::new(ListBuilder {
                values: ColumnBuilder::new(element),
                offsets: vec![0],
                validity: NullBufferBuilder::new(0),
            })),
        }
    }

    /// Values so far, NULLs included.
    pub fn len(&self) -> usize {
        match self {
            ColumnBuilder::Boolean(b) => b.len(),
            ColumnBuilder::Int16(b) => b.len(),
            ColumnBuilder::Int32(b) => b.len(),
            ColumnBuilder::Int64(b) => b.len(),
            ColumnBuilder::Float32(b) => b.len(),
            ColumnBuilder::Float64(b) => b.len(),
            ColumnBuilder::Text(b) => b.len(),
            ColumnBuilder::Bytes(b) => b.len(),
            ColumnBuilder::Date(b) => b.len(),
            ColumnBuilder::Time(b) => b.len(),
            ColumnBuilder::Timestamp(b) => b.len(),
            ColumnBuilder::Interval(b) => b.len(),
            ColumnBuilder::Uuid(b) => b.len(),
            ColumnBuilder::List(b) => b.offsets.len() - 1,
        }
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the texts so far, also of those in arrays; 0 for other types. Texts are what can take far more room here
    /// than where they came from: `1e131071` has 131,072 digits.
    pub fn text_bytes(&self) -> usize {
        match self {
            ColumnBuilder::Text(b) => b.values_slice().len(),
            ColumnBuilder::List(b) => b.values.text_bytes(),
            _ => 0,
        }
    }

    /// Pushes NULL.
    pub fn append_null(&mut self) {
        match self {
            ColumnBuilder::Boolean(b) => b.append_null(),
            ColumnBuilder::Int16(b) => b.append_null(),
            ColumnBuilder::Int32(b) => b.append_null(),
            ColumnBuilder::Int64(b) => b.append_null(),
            ColumnBuilder::Float32(b) => b.append_null(),
            ColumnBuilder::Float64(b) => b.append_null(),
            ColumnBuilder::Text(b) => b.append_null(),
            ColumnBuilder::Bytes(b) => b.append_null(),
            ColumnBuilder::Date(b) => b.append_null(),
            ColumnBuilder::Time(b) => b.append_null(),
            ColumnBuilder::Timestamp(b) => b.append_null(),
            ColumnBuilder::Interval(b) => b.append_null(),
            ColumnBuilder::Uuid(b) => b.append_null(),
            ColumnBuilder::List(b) => b.close(false),
        }
    }

    /// Makes room for as many values as an earlier batch had, and a little more, so that a column does not grow step by
    /// step in every batch. The builder must be empty.
    pub fn reserve_as(&mut self, earlier: &dyn Array) {
        let more = |size: usize| (size + size / 8).min(RESERVED_MAX);
        let rows = more(earlier.len());
        match self {
            ColumnBuilder::Boolean(b) => *b = BooleanBuilder::with_capacity(rows),
            ColumnBuilder::Int16(b) => *b = Int16Builder::with_capacity(rows),
            ColumnBuilder::Int32(b) => *b = Int32Builder::with_capacity(rows),
            ColumnBuilder::Int64(b) => *b = Int64Builder::with_capacity(rows),
            ColumnBuilder::Float32(b) => *b = Float32Builder::with_capacity(rows),
            ColumnBuilder::Float64(b) => *b = Float64Builder::with_capacity(rows),
            ColumnBuilder::Text(b) => {
                *b = StringBuilder::with_capacity(rows, more(earlier.as_string::<i32>().value_data().len()));
            }
            ColumnBuilder::Bytes(b) => {
                *b = BinaryBuilder::with_capacity(rows, more(earlier.as_binary::<i32>().value_data().len()));
            }
            ColumnBuilder::Date(b) => *b = Date32Builder::with_capacity(rows),
            ColumnBuilder::Time(b) => *b = Time64MicrosecondBuilder::with_capacity(rows),
            ColumnBuilder::Timestamp(b) => {
                let typed = TimestampMicrosecondBuilder::with_capacity(rows);
                *b = typed.with_data_type(earlier.data_type().clone());
            }
            ColumnBuilder::Interval(b) => *b = IntervalMonthDayNanoBuilder::with_capacity(rows),
            ColumnBuilder::Uuid(b) => *b = FixedSizeBinaryBuilder::with_capacity(rows, 16),
            ColumnBuilder::List(_) => {}
        }
    }

    /// The finished array; the builder is empty again and can be reused.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Boolean(b) => Arc::new(b.finish()),
            ColumnBuilder::Int16(b) => Arc::new(b.finish()),
            ColumnBuilder::Int32(b) => Arc::new(b.finish()),
            ColumnBuilder::Int64(b) => Arc::new(b.finish()),
            ColumnBuilder::Float32(b) => Arc::new(b.finish()),
            ColumnBuilder::Float64(b) => Arc::new(b.finish()),
            ColumnBuilder::Text(b) => Arc::new(b.finish()),
            ColumnBuilder::Bytes(b) => Arc::new(b.finish()),
            ColumnBuilder::Date(b) => Arc::new(b.finish()),
            ColumnBuilder::Time(b) => Arc::new(b.finish()),
            ColumnBuilder::Timestamp(b) => Arc::new(b.finish()),
            ColumnBuilder::Interval(b) => Arc::new(b.finish()),
            ColumnBuilder::Uuid(b) => Arc::new(b.finish()),
            ColumnBuilder::List(b) => {
                let values = b.values.finish();
                let field = Arc::new(ArrowField::new_list_field(values.data_type().clone(), true));
                let offsets = OffsetBuffer::new(std::mem::replace(&mut b.offsets, vec![0]).into());
                Arc::new(ListArray::new(field, offsets, values, b.validity.finish()))
            }
        }
    }
}
