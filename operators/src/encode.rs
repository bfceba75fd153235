//! The canonical bytes of rows in Arrow columns, as [`row_v2`] defines them.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow_buffer::NullBuffer;
use sensei_storage::{LogicalType, row_v2};

/// Bytes from which on a value is not copied to be hashed: beside hashing as many, a copy costs nothing, and two in
/// memory are one too many where they are large.
const LARGE_BYTES: usize = 1 << 20;

/// Appends the canonical bytes of rows of one batch.
#[derive(Debug)]
pub struct RowEncoder<'a> {
    columns: Vec<Column<'a>>,
}

#[derive(Debug)]
struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Boolean(&'a BooleanArray),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a StringArray, i32),
    Numeric(&'a StringArray),
    Text(&'a StringArray),
    Jsonb(&'a StringArray),
    Bytes(&'a BinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
    Interval(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    Uuid(&'a FixedSizeBinaryArray),
    List(&'a ListArray, Box<Column<'a>>),
}

impl<'a> RowEncoder<'a> {
    /// An encoder over the first `types.len()` columns of `rows`, each in the carrier of its type.
    ///
    /// # Panics
    /// If a column is not in its type's carrier: that is our bug, not the data's.
    pub fn new(rows: &'a RecordBatch, types: &[LogicalType]) -> RowEncoder<'a> {
        let columns = types.iter().zip(rows.columns()).map(|(logical, array)| Column::new(logical, array)).collect();
        RowEncoder { columns }
    }

    /// An encoder over a choice of columns, in the order of `chosen`.
    pub fn of_columns(rows: &'a RecordBatch, types: &[LogicalType], chosen: &[usize]) -> RowEncoder<'a> {
        let columns = chosen.iter().map(|&index| Column::new(&types[index], rows.column(index))).collect();
        RowEncoder { columns }
    }

    /// Appends row `row` to `out`.
    pub fn encode(&self, row: usize, out: &mut Vec<u8>) {
        for column in &self.columns {
            column.encode(row, out);
        }
    }

    /// Whether a row has a value that is better not copied.
    pub fn has_large(&self) -> bool {
        self.columns.iter().any(Column::has_large)
    }

    /// Hands out the bytes that [`RowEncoder::encode`] appends, piece by piece: large values as they are, what is between
    /// them by way of `scratch`.
    pub fn encode_pieces(&self, row: usize, scratch: &mut Vec<u8>, mut take: impl FnMut(&[u8])) {
        scratch.clear();
        for column in &self.columns {
            match column.large(row) {
                None => column.encode(row, scratch),
                Some(bytes) => {
                    scratch.extend_from_slice(&row_v2::header(bytes.len()));
                    take(scratch);
                    scratch.clear();
                    take(bytes);
                }
            }
        }
        take(scratch);
    }
}

impl<'a> Column<'a> {
    fn new(logical: &LogicalType, array: &'a dyn Array) -> Column<'a> {
        let values = match logical {
            LogicalType::Boolean => Values::Boolean(array.as_boolean()),
            LogicalType::Int16 => Values::Int16(array.as_primitive()),
            LogicalType::Int32 => Values::Int32(array.as_primitive()),
            LogicalType::Int64 => Values::Int64(array.as_primitive()),
            LogicalType::Float32 => Values::Float32(array.as_primitive()),
            LogicalType::Float64 => Values::Float64(array.as_primitive()),
            LogicalType::Decimal { scale, .. } => Values::Decimal(array.as_string(), *scale),
            LogicalType::Numeric => Values::Numeric(array.as_string()),
            LogicalType::Text { .. } | LogicalType::Json | LogicalType::Bits { .. } | LogicalType::Opaque { .. } => {
                Values::Text(array.as_string())
            }
            LogicalType::Jsonb => Values::Jsonb(array.as_string()),
            LogicalType::Bytes | LogicalType::Geometry => Values::Bytes(array.as_binary()),
            LogicalType::Date => Values::Date(array.as_primitive()),
            LogicalType::Time => Values::Time(array.as_primitive()),
            LogicalType::Timestamp | LogicalType::TimestampTz => Values::Timestamp(array.as_primitive()),
            LogicalType::Interval => Values::Interval(array.as_primitive()),
            LogicalType::Uuid => Values::Uuid(array.as_fixed_size_binary()),
            LogicalType::Array(element) => {
                let list = array.as_list::<i32>();
                Values::List(list, Box::new(Column::new(element, list.values())))
            }
        };
        Column { nulls: array.nulls(), values }
    }

    /// Values are looked at one by one only where all together are large.
    fn has_large(&self) -> bool {
        let (bytes, rows) = match &self.values {
            Values::Text(values) => (values.value_data().len(), values.len()),
            Values::Bytes(values) => (values.value_data().len(), values.len()),
            _ => return false,
        };
        bytes >= LARGE_BYTES && (0..rows).any(|row| self.large(row).is_some())
    }

    /// A large value whose canonical bytes are its own.
    fn large(&self, row: usize) -> Option<&'a [u8]> {
        let bytes = match &self.values {
            Values::Text(values) if values.is_valid(row) => values.value(row).as_bytes(),
            Values::Bytes(values) if values.is_valid(row) => values.value(row),
            _ => return None,
        };
        (bytes.len() >= LARGE_BYTES).then_some(bytes)
    }

    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return row_v2::null(out);
        }
        match &self.values {
            Values::Boolean(values) => row_v2::boolean(out, values.value(row)),
            Values::Int16(values) => row_v2::int16(out, values.value(row)),
            Values::Int32(values) => row_v2::int32(out, values.value(row)),
            Values::Int64(values) => row_v2::int64(out, values.value(row)),
            Values::Date(values) => row_v2::date(out, values.value(row)),
            Values::Time(values) => row_v2::int64(out, values.value(row)),
            Values::Timestamp(values) => row_v2::timestamp(out, values.value(row)),
            Values::Float32(values) => row_v2::float32(out, values.value(row)),
            Values::Float64(values) => row_v2::float64(out, values.value(row)),
            Values::Decimal(values, scale) => row_v2::decimal(out, values.value(row), *scale),
            Values::Numeric(values) => row_v2::numeric(out, values.value(row)),
            Values::Text(values) => row_v2::bytes(out, values.value(row).as_bytes()),
            Values::Jsonb(values) => row_v2::jsonb(out, values.value(row)),
            Values::Bytes(values) => row_v2::bytes(out, values.value(row)),
            Values::Uuid(values) => row_v2::bytes(out, values.value(row)),
            Values::Interval(values) => {
                let value = values.value(row);
                row_v2::interval(out, value.months, value.days, value.nanoseconds);
            }
            Values::List(list, elements) => {
                let (start, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                row_v2::counted(out, |out| {
                    out.extend_from_slice(&((end - start) as u32).to_be_bytes());
                    for element in start..end {
                        elements.encode(element, out);
                    }
                });
            }
        }
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
pub(crate) mod tests;
