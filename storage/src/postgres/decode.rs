//! From the bytes of one COPY field to a column builder. Knows nothing of frames or queries.
//!
//! Source: the `*_send` functions' formats, as documented by the types' manual pages and fixed since protocol 3.0.

use arrow_array::types::IntervalMonthDayNano;
use bytes::Buf;

use crate::column::{ARRAY_BYTES_MAX, ARRAY_TOO_LONG, ColumnBuilder, ListBuilder};
use crate::numeric;
use crate::row_v2::{EPOCH_DAYS, EPOCH_MICROS};
use crate::types::LogicalType;

/// The version byte in front of jsonb's text.
pub(super) const JSONB_VERSION: u8 = 1;
/// Most a time of day can be, 24:00:00.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

/// Why a field was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The bytes are not this type's form: the stream is corrupt.
    Malformed(&'static str),
    /// A good value that has no place in the carrier: this row is faulty.
    Fault(&'static str),
}

/// How the fields of one column are read. Builders tell most types apart; these share one.
#[derive(Debug)]
pub(super) enum Form {
    /// The builder's variant says it all.
    Plain,
    /// Text of a binary numeric.
    Numeric,
    /// Text behind a version byte.
    Jsonb,
    /// Text of 0 and 1, packed.
    Bits,
    /// Elements in this form.
    Array(Box<Form>),
}

impl Form {
    /// The form of a logical type.
    pub(super) fn of(logical: &LogicalType) -> Form {
        match logical {
            LogicalType::Decimal { .. } | LogicalType::Numeric => Form::Numeric,
            LogicalType::Jsonb => Form::Jsonb,
            LogicalType::Bits { .. } => Form::Bits,
            LogicalType::Array(element) => Form::Array(Box::new(Form::of(element))),
            _ => Form::Plain,
        }
    }

    /// Whether a value may take far more room here than on the wire: a number of ten bytes can be a hundred thousand digits.
    pub(super) fn grows(&self) -> bool {
        !matches!(self, Form::Plain)
    }
}

/// Pushes one field onto its column. On an error nothing, or parts of a list's elements, was pushed.
pub(super) fn decode(
    form: &Form,
    field: Option<&[u8]>,
    column: &mut ColumnBuilder,
    scratch: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let Some(bytes) = field else {
        column.append_null();
        return Ok(());
    };
    match column {
        ColumnBuilder::Boolean(b) => b.append_value(fixed::<1>(bytes)? != [0]),
        ColumnBuilder::Int16(b) => b.append_value(i16::from_be_bytes(fixed(bytes)?)),
        ColumnBuilder::Int32(b) => b.append_value(i32::from_be_bytes(fixed(bytes)?)),
        ColumnBuilder::Int64(b) => b.append_value(i64::from_be_bytes(fixed(bytes)?)),
        ColumnBuilder::Float32(b) => b.append_value(f32::from_be_bytes(fixed(bytes)?)),
        ColumnBuilder::Float64(b) => b.append_value(f64::from_be_bytes(fixed(bytes)?)),
        ColumnBuilder::Text(b) => match form {
            Form::Numeric => {
                scratch.clear();
                numeric::decode(bytes, scratch).ok_or(Unfit::Malformed(MALFORMED_NUMERIC))?;
                b.append_value(ascii(scratch));
            }
            Form::Bits => {
                scratch.clear();
                bits(bytes, scratch)?;
                b.append_value(ascii(scratch));
            }
            Form::Jsonb => b.append_value(jsonb(bytes)?),
            _ => b.append_value(utf8(bytes)?),
        },
        ColumnBuilder::Bytes(b) => b.append_value(bytes),
        ColumnBuilder::Date(b) => b.append_value(date(i32::from_be_bytes(fixed(bytes)?))?),
        ColumnBuilder::Time(b) => b.append_value(time(i64::from_be_bytes(fixed(bytes)?))?),
        ColumnBuilder::Timestamp(b) => b.append_value(timestamp(i64::from_be_bytes(fixed(bytes)?))?),
        ColumnBuilder::Interval(b) => b.append_value(interval(bytes)?),
        ColumnBuilder::Uuid(b) => {
            b.append_value(fixed::<16>(bytes)?).map_err(|_| Unfit::Malformed("a uuid has the wrong length"))?;
        }
        ColumnBuilder::List(b) => match form {
            Form::Array(element) => list(element, bytes, b, scratch)?,
            _ => return Err(Unfit::Malformed("an array came for a plain column")),
        },
    }
    Ok(())
}

/// Why a numeric is not decoded.
pub(super) const MALFORMED_NUMERIC: &str = "a numeric is malformed";

/// A field of exactly so many bytes.
pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unfit> {
    bytes.try_into().map_err(|_| Unfit::Malformed("a field has the wrong length for its type"))
}

/// A field as text.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(bytes).map_err(|_| Unfit::Fault("the text is not valid UTF-8"))
}

/// The text of a jsonb.
pub(super) fn jsonb(bytes: &[u8]) -> Result<&str, Unfit> {
    match bytes.split_first() {
        Some((&JSONB_VERSION, text)) => utf8(text),
        _ => Err(Unfit::Malformed("a jsonb has an unknown version")),
    }
}

fn ascii(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).expect("digits and words are ASCII")
}

fn bits(mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Unfit> {
    const MALFORMED: Unfit = Unfit::Malformed("a bit string has the wrong length");
    let count = usize::try_from(bytes.try_get_i32().map_err(|_| MALFORMED)?).map_err(|_| MALFORMED)?;
    if bytes.len() != count.div_ceil(8) {
        return Err(MALFORMED);
    }
    out.extend((0..count).map(|bit| if bytes[bit / 8] & (0x80 >> (bit % 8)) == 0 { b'0' } else { b'1' }));
    Ok(())
}

/// Days from 1970 for days from PostgreSQL's day zero.
pub(super) fn date(days: i32) -> Result<i32, Unfit> {
    match days {
        i32::MIN | i32::MAX => Ok(days),
        _ => days.checked_add(EPOCH_DAYS).ok_or(Unfit::Fault("the date is out of range")),
    }
}

/// A time of day in microseconds.
pub(super) fn time(micros: i64) -> Result<i64, Unfit> {
    match micros {
        0..=DAY_MICROS => Ok(micros),
        _ => Err(Unfit::Malformed("a time of day is out of range")),
    }
}

/// Microseconds from 1970 for microseconds from PostgreSQL's day zero.
pub(super) fn timestamp(micros: i64) -> Result<i64, Unfit> {
    match micros {
        i64::MIN | i64::MAX => Ok(micros),
        // The last half hour or so of PostgreSQL's range would collide with, or pass, the value for infinity.
        _ => micros
            .checked_add(EPOCH_MICROS)
            .filter(|shifted| *shifted != i64::MAX)
            .ok_or(Unfit::Fault("the timestamp is beyond what 64-bit microseconds from 1970 can hold")),
    }
}

/// An interval.
pub(super) fn interval(bytes: &[u8]) -> Result<IntervalMonthDayNano, Unfit> {
    let fixed = fixed::<16>(bytes)?;
    let mut rest = fixed.as_slice();
    let (micros, days, months) = (rest.get_i64(), rest.get_i32(), rest.get_i32());
    let nanos = micros.checked_mul(1000);
    let nanos = nanos.ok_or(Unfit::Fault("the interval's time part is beyond what 64-bit nanoseconds can hold"))?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

fn list(form: &Form, mut bytes: &[u8], list: &mut ListBuilder, scratch: &mut Vec<u8>) -> Result<(), Unfit> {
    const SHORT: Unfit = Unfit::Malformed("an array is cut short");
    let dimensions = bytes.try_get_i32().map_err(|_| SHORT)?;
    let (_has_null, _element) = (bytes.try_get_i32().map_err(|_| SHORT)?, bytes.try_get_u32().map_err(|_| SHORT)?);
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = bytes.try_get_i32().map_err(|_| SHORT)?;
            if bytes.try_get_i32().map_err(|_| SHORT)? != 1 {
                return Err(Unfit::Fault("the array does not begin at index 1"));
            }
            count
        }
        2..=6 => return Err(Unfit::Fault("the array has more than one dimension")),
        _ => return Err(Unfit::Malformed("an array has an impossible number of dimensions")),
    };
    let before = list.values.text_bytes();
    for _ in 0..count {
        let length = bytes.try_get_i32().map_err(|_| SHORT)?;
        let field = match usize::try_from(length) {
            Ok(length) => {
                let (field, rest) = bytes.split_at_checked(length).ok_or(SHORT)?;
                bytes = rest;
                Some(field)
            }
            Err(_) => None,
        };
        decode(form, field, &mut list.values, scratch)?;
        if list.values.text_bytes() - before > ARRAY_BYTES_MAX {
            return Err(Unfit::Fault(ARRAY_TOO_LONG));
        }
    }
    if !bytes.is_empty() {
        return Err(Unfit::Malformed("an array has bytes after its elements"));
    }
    list.close(true);
    Ok(())
}
