//! row-v1: the canonical bytes of a row. Two rows are the same exactly when these bytes are.
//!
//! A row is its columns in target order. A NULL is the byte 0. Any other value is the byte 1, the length of its
//! canonical bytes as a 32-bit little-endian integer, and those bytes. The length keeps `('ab','c')` and `('a','bc')`
//! apart. Canonical bytes depend on the logical type alone, never on how a system sends or stores the value:
//!
//! | type | canonical bytes |
//! | --- | --- |
//! | boolean | one byte, 0 or 1 |
//! | int16, int32, int64, date, time, timestamp, timestamptz | 16-byte little-endian two's complement; units and infinities as in [`LogicalType`] |
//! | float32, float64 | the double's 8 bytes, little-endian; -0 as 0, every NaN as `0x7ff8000000000000` |
//! | decimal | shortest plain decimal text (`-12.5`, `0`), `NaN`, `Infinity`, `-Infinity` |
//! | numeric | plain decimal text at the value's own scale (`1.50` differs from `1.5`) |
//! | text, json, bits, a system's own types | UTF-8 bytes |
//! | jsonb | canonical JSON: RFC 8785, but with numbers as exact decimals |
//! | bytes, uuid, geometry | the bytes |
//! | interval | months and days as 32-bit, nanoseconds as 64-bit little-endian integers |
//! | array | element count (32-bit little-endian), then each element like a column |
//!
//! Version and vectors are fixed: `docs/row-v1.md` and the tests below. A change needs a new version name.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow_buffer::NullBuffer;
use sensei_storage::{LogicalType, canonicalize_json_text, decimal};

/// Name of this encoding in evidence.
pub const ROW_ENCODING: &str = "row-v1";

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
    Decimal(&'a StringArray),
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
                    scratch.extend_from_slice(&header(bytes.len()));
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
            LogicalType::Decimal { .. } => Values::Decimal(array.as_string()),
            LogicalType::Numeric
            | LogicalType::Text { .. }
            | LogicalType::Json
            | LogicalType::Bits { .. }
            | LogicalType::Opaque { .. } => Values::Text(array.as_string()),
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
            out.push(0);
            return;
        }
        match &self.values {
            Values::Boolean(values) => fixed(out, [u8::from(values.value(row))]),
            Values::Int16(values) => integer(out, values.value(row).into()),
            Values::Int32(values) => integer(out, values.value(row).into()),
            Values::Int64(values) => integer(out, values.value(row)),
            Values::Date(values) => integer(out, values.value(row).into()),
            Values::Time(values) => integer(out, values.value(row)),
            Values::Timestamp(values) => integer(out, values.value(row)),
            Values::Float32(values) => float(out, values.value(row).into()),
            Values::Float64(values) => float(out, values.value(row)),
            Values::Decimal(values) => counted(out, decimal::normalize(values.value(row)).as_bytes()),
            Values::Text(values) => counted(out, values.value(row).as_bytes()),
            Values::Jsonb(values) => jsonb(out, values.value(row)),
            Values::Bytes(values) => counted(out, values.value(row)),
            Values::Uuid(values) => counted(out, values.value(row)),
            Values::Interval(values) => {
                let value = values.value(row);
                counted_with(out, |out| {
                    out.extend_from_slice(&value.months.to_le_bytes());
                    out.extend_from_slice(&value.days.to_le_bytes());
                    out.extend_from_slice(&value.nanoseconds.to_le_bytes());
                });
            }
            Values::List(list, elements) => {
                let (start, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                counted_with(out, |out| {
                    out.extend_from_slice(&((end - start) as u32).to_le_bytes());
                    for element in start..end {
                        elements.encode(element, out);
                    }
                });
            }
        }
    }
}

fn counted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&header(bytes.len()));
    out.extend_from_slice(bytes);
}

fn counted_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&header(0));
    write(out);
    let length = out.len() - start - HEADER_BYTES;
    out[start..start + HEADER_BYTES].copy_from_slice(&header(length));
}

const HEADER_BYTES: usize = 5;

/// What stands before the canonical bytes of a value that is not NULL.
fn header(length: usize) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = (length as u32).to_le_bytes();
    [1, a, b, c, d]
}

/// A value of so many bytes, in one piece: most columns are numbers, and most of the time went into appending them.
fn fixed<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    /// Of the longest such value.
    const CELL_BYTES_MAX: usize = HEADER_BYTES + 16;
    let mut cell = [0; CELL_BYTES_MAX];
    cell[..HEADER_BYTES].copy_from_slice(&header(N));
    cell[HEADER_BYTES..HEADER_BYTES + N].copy_from_slice(&bytes);
    out.extend_from_slice(&cell[..HEADER_BYTES + N]);
}

fn integer(out: &mut Vec<u8>, value: i64) {
    fixed(out, i128::from(value).to_le_bytes());
}

fn float(out: &mut Vec<u8>, value: f64) {
    let folded = if value.is_nan() {
        f64::from_bits(0x7ff8_0000_0000_0000)
    } else if value == 0.0 {
        0.0
    } else {
        value
    };
    fixed(out, folded.to_le_bytes());
}

/// Text that is not JSON cannot equal any canonical JSON, so it is marked and kept as it is: the check before writing
/// refuses such text, and on the way back it must show as a difference, not stop the comparison.
fn jsonb(out: &mut Vec<u8>, text: &str) {
    match canonicalize_json_text(text) {
        Ok(canonical) => counted(out, canonical.as_bytes()),
        Err(_) => counted_with(out, |out| {
            out.push(0xff);
            out.extend_from_slice(text.as_bytes());
        }),
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
pub(crate) mod tests;
