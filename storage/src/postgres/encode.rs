//! From Arrow arrays to the tuples of COPY's binary format. Knows nothing of connections.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray, StringArray};
use arrow_buffer::NullBuffer;
use bytes::BufMut;

use super::copy::{Rest, start_tuple};
use super::decode::{DAY_MICROS, JSONB_VERSION};
use crate::catalog::Field;
use crate::error::{Error, Result};
use crate::numeric;
use crate::row_v2::{EPOCH_DAYS, EPOCH_MICROS};
use crate::types::LogicalType;

/// Columns of one batch, ready to be written row by row.
pub(super) struct Encoder<'a> {
    columns: Vec<Column<'a>>,
    table: &'a str,
}

struct Column<'a> {
    field: &'a Field,
    cells: Cells<'a>,
    nulls: Option<&'a NullBuffer>,
}

/// One column's array, resolved once per batch.
enum Cells<'a> {
    Boolean(&'a BooleanArray),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Numeric(&'a StringArray),
    Text(&'a StringArray),
    Jsonb(&'a StringArray),
    Bits(&'a StringArray),
    Bytes(&'a BinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
    Interval(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    Uuid(&'a FixedSizeBinaryArray),
    List(&'a ListArray, Box<Cells<'a>>, u32),
}

impl<'a> Encoder<'a> {
    /// For columns that are the carriers of their fields' types; `elements` are the oids of array elements, 0 for other
    /// columns.
    pub(super) fn new(table: &'a str, columns: Vec<(&'a Field, &'a dyn Array)>, elements: &[u32]) -> Self {
        let column = |((field, array), element): ((&'a Field, &'a dyn Array), &u32)| Column {
            field,
            cells: Cells::new(&field.logical, array, *element),
            nulls: array.nulls(),
        };
        Encoder { columns: columns.into_iter().zip(elements).map(column).collect(), table }
    }

    /// How many columns a tuple has: at most 1600.
    pub(super) fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// Whether a value is so large that it is sent in pieces.
    pub(super) fn has_large(&self) -> bool {
        self.columns.iter().any(|column| column.cells.has_large())
    }

    /// Appends one tuple, whatever its size.
    ///
    /// # Errors
    /// `RefusedRow`, naming the column, for a value PostgreSQL cannot hold.
    pub(super) fn put_row(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        start_tuple(self.columns.len(), out);
        for column in &self.columns {
            column.put(row, out).map_err(|why| self.refused(column, why))?;
        }
        Ok(())
    }

    /// Appends one field, or its length and says what is left of it.
    ///
    /// # Errors
    /// As of [`Encoder::put_row`].
    pub(super) fn put_cell(&self, row: usize, column: usize, out: &mut Vec<u8>) -> Result<Rest<'a>> {
        let column = &self.columns[column];
        let put = match column.cells.large(row) {
            Some((prefix, bytes)) => put_length(prefix, bytes, out).map(|()| Rest::as_it_is(bytes)),
            None => column.put(row, out).map(|()| Rest::NOTHING),
        };
        put.map_err(|why| self.refused(column, why))
    }

    fn refused(&self, column: &Column<'_>, why: &str) -> Error {
        let what = format!("table \"{}\"", self.table);
        Error::RefusedRow { what, column: Some(column.field.name.clone()), why: why.to_owned() }
    }
}

impl Column<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.extend_from_slice(&NULL);
            return Ok(());
        }
        self.cells.put(row, out)
    }
}

impl<'a> Cells<'a> {
    /// The array must be the carrier of `logical`, which the caller has checked.
    fn new(logical: &LogicalType, array: &'a dyn Array, element: u32) -> Cells<'a> {
        match logical {
            LogicalType::Boolean => Cells::Boolean(array.as_boolean()),
            LogicalType::Int16 => Cells::Int16(array.as_primitive()),
            LogicalType::Int32 => Cells::Int32(array.as_primitive()),
            LogicalType::Int64 => Cells::Int64(array.as_primitive()),
            LogicalType::Float32 => Cells::Float32(array.as_primitive()),
            LogicalType::Float64 => Cells::Float64(array.as_primitive()),
            LogicalType::Decimal { .. } | LogicalType::Numeric => Cells::Numeric(array.as_string()),
            LogicalType::Text { .. } | LogicalType::Json | LogicalType::Opaque { .. } => Cells::Text(array.as_string()),
            LogicalType::Bits { .. } => Cells::Bits(array.as_string()),
            LogicalType::Jsonb => Cells::Jsonb(array.as_string()),
            LogicalType::Bytes | LogicalType::Geometry => Cells::Bytes(array.as_binary()),
            LogicalType::Date => Cells::Date(array.as_primitive()),
            LogicalType::Time => Cells::Time(array.as_primitive()),
            LogicalType::Timestamp | LogicalType::TimestampTz => Cells::Timestamp(array.as_primitive()),
            LogicalType::Interval => Cells::Interval(array.as_primitive()),
            LogicalType::Uuid => Cells::Uuid(array.as_fixed_size_binary()),
            LogicalType::Array(of) => {
                let list: &ListArray = array.as_list();
                Cells::List(list, Box::new(Cells::new(of, list.values().as_ref(), 0)), element)
            }
        }
    }

    /// Whether a value is large. Values are looked at one by one only where all together are.
    fn has_large(&self) -> bool {
        let bytes = match self {
            Cells::Text(a) | Cells::Jsonb(a) => a.value_data(),
            Cells::Bytes(a) => a.value_data(),
            _ => return false,
        };
        Rest::is_large(bytes) && (0..self.array().len()).any(|row| self.large(row).is_some())
    }

    /// A value that is large, with what stands before it.
    fn large(&self, row: usize) -> Option<(&'static [u8], &'a [u8])> {
        let (prefix, bytes): (&[u8], &[u8]) = match self {
            Cells::Text(a) => (&[], a.value(row).as_bytes()),
            Cells::Jsonb(a) => (&[JSONB_VERSION], a.value(row).as_bytes()),
            Cells::Bytes(a) => (&[], a.value(row)),
            _ => return None,
        };
        Rest::is_large(bytes).then_some((prefix, bytes))
    }

    /// Appends length and bytes of one value that is not NULL.
    fn put(&self, row: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
        match self {
            Cells::Boolean(a) => put_fixed([u8::from(a.value(row))], out),
            Cells::Int16(a) => put_fixed(a.value(row).to_be_bytes(), out),
            Cells::Int32(a) => put_fixed(a.value(row).to_be_bytes(), out),
            Cells::Int64(a) => put_fixed(a.value(row).to_be_bytes(), out),
            Cells::Float32(a) => put_fixed(a.value(row).to_be_bytes(), out),
            Cells::Float64(a) => put_fixed(a.value(row).to_be_bytes(), out),
            Cells::Numeric(a) => put_sized(out, |out| numeric::encode(a.value(row), out).ok_or(NOT_DECIMAL))?,
            Cells::Text(a) => put_bytes(&[], a.value(row).as_bytes(), out)?,
            Cells::Jsonb(a) => put_bytes(&[JSONB_VERSION], a.value(row).as_bytes(), out)?,
            Cells::Bits(a) => put_sized(out, |out| put_bits(a.value(row), out))?,
            Cells::Bytes(a) => put_bytes(&[], a.value(row), out)?,
            Cells::Date(a) => put_fixed(date(a.value(row))?.to_be_bytes(), out),
            Cells::Time(a) => match a.value(row) {
                time @ 0..=DAY_MICROS => put_fixed(time.to_be_bytes(), out),
                _ => return Err(TIME_RANGE),
            },
            Cells::Timestamp(a) => put_fixed(timestamp(a.value(row))?.to_be_bytes(), out),
            Cells::Interval(a) => {
                let interval = a.value(row);
                if interval.nanoseconds % 1000 != 0 {
                    return Err(SPLIT_MICROSECOND);
                }
                out.put_i32(16);
                out.put_i64(interval.nanoseconds / 1000);
                out.put_i32(interval.days);
                out.put_i32(interval.months);
            }
            Cells::Uuid(a) => put_bytes(&[], a.value(row), out)?,
            Cells::List(a, cells, oid) => put_sized(out, |out| put_list(a, cells, *oid, row, out))?,
        }
        Ok(())
    }

    fn array(&self) -> &'a dyn Array {
        match self {
            Cells::Boolean(a) => *a,
            Cells::Int16(a) => *a,
            Cells::Int32(a) => *a,
            Cells::Int64(a) => *a,
            Cells::Float32(a) => *a,
            Cells::Float64(a) => *a,
            Cells::Numeric(a) | Cells::Text(a) | Cells::Jsonb(a) | Cells::Bits(a) => *a,
            Cells::Bytes(a) => *a,
            Cells::Date(a) => *a,
            Cells::Time(a) => *a,
            Cells::Timestamp(a) => *a,
            Cells::Interval(a) => *a,
            Cells::Uuid(a) => *a,
            Cells::List(a, ..) => *a,
        }
    }
}

pub(super) const TIME_RANGE: &str = "a time of day is out of range";
pub(super) const SPLIT_MICROSECOND: &str = "an interval has parts of a microsecond";
const NOT_BITS: &str = "a value is not a string of bits";
const NOT_DECIMAL: &str = "a value is not a decimal number PostgreSQL can hold";
const TOO_LONG: &str = "a value is longer than PostgreSQL can hold";

/// In place of a value's length.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Length and bytes in one piece: most columns are numbers, and appending twice took twice as long.
fn put_fixed<const N: usize>(bytes: [u8; N], out: &mut Vec<u8>) {
    /// Of the longest such value.
    const CELL_BYTES_MAX: usize = 4 + 8;
    let mut cell = [0; CELL_BYTES_MAX];
    cell[..4].copy_from_slice(&(N as i32).to_be_bytes());
    cell[4..4 + N].copy_from_slice(&bytes);
    out.extend_from_slice(&cell[..4 + N]);
}

fn put_length(prefix: &[u8], bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    out.put_i32(i32::try_from(prefix.len() + bytes.len()).map_err(|_| TOO_LONG)?);
    out.put_slice(prefix);
    Ok(())
}

fn put_bytes(prefix: &[u8], bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    put_length(prefix, bytes, out)?;
    out.put_slice(bytes);
    Ok(())
}

/// Writes what `put` writes, with its length in front.
fn put_sized(
    out: &mut Vec<u8>,
    put: impl FnOnce(&mut Vec<u8>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let start = out.len();
    out.put_i32(0);
    put(out)?;
    let length = i32::try_from(out.len() - start - 4).map_err(|_| TOO_LONG)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// The number of bits, then the bits from the left, filled up to whole bytes.
fn put_bits(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    out.put_i32(i32::try_from(text.len()).map_err(|_| TOO_LONG)?);
    for eight in text.as_bytes().chunks(8) {
        let mut byte = 0;
        for (place, bit) in eight.iter().enumerate() {
            match bit {
                b'0' => {}
                b'1' => byte |= 0x80 >> place,
                _ => return Err(NOT_BITS),
            }
        }
        out.put_u8(byte);
    }
    Ok(())
}

fn put_list(array: &ListArray, cells: &Cells<'_>, oid: u32, row: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let (start, end) = (array.value_offsets()[row] as usize, array.value_offsets()[row + 1] as usize);
    let has_null = (start..end).any(|index| cells.array().is_null(index));
    out.put_i32(i32::from(end > start));
    out.put_i32(i32::from(has_null));
    out.put_u32(oid);
    if end > start {
        out.put_i32((end - start) as i32);
        out.put_i32(1);
    }
    (start..end).try_for_each(|index| match cells.array().is_null(index) {
        true => {
            out.extend_from_slice(&NULL);
            Ok(())
        }
        false => cells.put(index, out),
    })
}

/// PostgreSQL's days for days from 1970. What would land on a value that means infinity is refused.
fn date(days: i32) -> Result<i32, &'static str> {
    match days {
        i32::MIN | i32::MAX => Ok(days),
        _ => days.checked_sub(EPOCH_DAYS).filter(|shifted| *shifted != i32::MIN).ok_or("a date is out of range"),
    }
}

/// PostgreSQL's microseconds for microseconds from 1970, likewise.
fn timestamp(micros: i64) -> Result<i64, &'static str> {
    match micros {
        i64::MIN | i64::MAX => Ok(micros),
        _ => {
            let shifted = micros.checked_sub(EPOCH_MICROS).filter(|shifted| *shifted != i64::MIN);
            shifted.ok_or("a timestamp is out of range")
        }
    }
}
