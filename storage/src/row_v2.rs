//! row-v2: the canonical bytes of a row. Two rows are the same exactly when these bytes are.
//!
//! A row is its columns in target order. Each is the length of its canonical bytes as a 32-bit big-endian integer, -1 for
//! NULL, and those bytes. The length keeps `('ab','c')` and `('a','bc')` apart. Canonical bytes depend on the logical type
//! alone, never on how a system sends or stores the value:
//!
//! | type | canonical bytes |
//! | --- | --- |
//! | boolean | one byte, 0 or 1 |
//! | int16, int32, int64 | 2, 4 or 8 bytes, big-endian two's complement |
//! | date, timestamp, timestamptz | days (4 bytes) or microseconds (8) from 2000-01-01, likewise; infinities as in [`crate::LogicalType`] |
//! | time | microseconds since midnight, 8 bytes, likewise |
//! | float32, float64 | IEEE 754, 4 or 8 bytes, big-endian; -0 as 0, every NaN as `0x7fc00000` or `0x7ff8000000000000` |
//! | decimal | groups of four digits, see [`crate::numeric`]; at the declared scale, or the value's own if that is finer |
//! | numeric | the same at the value's own scale (`1.50` differs from `1.5`) |
//! | text, json, bits, a system's own types | UTF-8 bytes |
//! | jsonb | canonical JSON: RFC 8785, but with numbers as exact decimals |
//! | bytes, uuid, geometry | the bytes |
//! | interval | months and days as 32-bit, nanoseconds as 64-bit big-endian integers |
//! | array | element count (32-bit big-endian), then each element like a column |
//!
//! Most of it is PostgreSQL's binary format, whose rows are hashed as they come: taking them apart took longer than hashing.
//! Version and vectors are fixed: `docs/row-v2.md` and the tests of `sensei_operators::encode`, which encodes rows of Arrow
//! columns. A change needs a new version name. Here is what a single value becomes, for whoever has one.
//!
//! Source: PostgreSQL manual, COPY, "Binary Format"; the `*_send` functions' formats.

use crate::canonical::canonicalize_json_text;
use crate::{decimal, numeric};

/// Name of this encoding in evidence.
pub const ROW_ENCODING: &str = "row-v2";

/// Days from 1970-01-01, where carriers begin to count, to 2000-01-01.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(crate) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// Bytes before the canonical bytes of a value.
const HEADER_BYTES: usize = 4;
/// In place of the length of NULL.
const NULL: [u8; HEADER_BYTES] = (-1_i32).to_be_bytes();
/// Before a text that is no value of its type. No value's own bytes begin with it.
const UNFIT: u8 = 0xff;

/// Appends NULL.
pub fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(&NULL);
}

/// Appends a boolean.
pub fn boolean(out: &mut Vec<u8>, value: bool) {
    fixed(out, [u8::from(value)]);
}

/// Appends an int16.
pub fn int16(out: &mut Vec<u8>, value: i16) {
    fixed(out, value.to_be_bytes());
}

/// Appends an int32.
pub fn int32(out: &mut Vec<u8>, value: i32) {
    fixed(out, value.to_be_bytes());
}

/// Appends an int64, or the microseconds of a time of day.
pub fn int64(out: &mut Vec<u8>, value: i64) {
    fixed(out, value.to_be_bytes());
}

/// Appends a date, given in days from 1970. One that has no place in 32 bits from 2000 takes 64.
pub fn date(out: &mut Vec<u8>, days: i32) {
    match days {
        i32::MIN | i32::MAX => int32(out, days),
        _ => match days.checked_sub(EPOCH_DAYS).filter(|shifted| *shifted != i32::MIN) {
            Some(shifted) => int32(out, shifted),
            None => int64(out, i64::from(days) - i64::from(EPOCH_DAYS)),
        },
    }
}

/// Appends a timestamp, given in microseconds from 1970. One that has no place in 64 bits from 2000 takes 128.
pub fn timestamp(out: &mut Vec<u8>, micros: i64) {
    match micros {
        i64::MIN | i64::MAX => int64(out, micros),
        _ => match micros.checked_sub(EPOCH_MICROS).filter(|shifted| *shifted != i64::MIN) {
            Some(shifted) => int64(out, shifted),
            None => fixed(out, (i128::from(micros) - i128::from(EPOCH_MICROS)).to_be_bytes()),
        },
    }
}

/// Appends a float32.
pub fn float32(out: &mut Vec<u8>, value: f32) {
    let folded = if value.is_nan() { f32::from_bits(0x7fc0_0000) } else { value };
    fixed(out, if value == 0.0 { [0; 4] } else { folded.to_be_bytes() });
}

/// Appends a float64.
pub fn float64(out: &mut Vec<u8>, value: f64) {
    let folded = if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value };
    fixed(out, if value == 0.0 { [0; 8] } else { folded.to_be_bytes() });
}

/// Appends a decimal of this declared scale, given as text. Text that is no decimal is marked and kept as it is.
pub fn decimal(out: &mut Vec<u8>, text: &str, scale: i32) {
    counted(out, |out| {
        let (start, scale) = (out.len(), u16::try_from(scale).unwrap_or(0));
        let is_short = numeric::encode(text, out).is_some() && numeric::raise_scale(&mut out[start..], scale);
        if !is_short {
            out.truncate(start);
            number_or_text(out, &decimal::normalize(text), scale);
        }
    });
}

/// Appends a decimal at its own scale, given as plain text. Other text is marked and kept as it is.
pub fn numeric(out: &mut Vec<u8>, text: &str) {
    counted(out, |out| number_or_text(out, text, 0));
}

fn number_or_text(out: &mut Vec<u8>, text: &str, scale: u16) {
    let start = out.len();
    if numeric::encode(text, out).is_some() {
        numeric::raise_scale(&mut out[start..], scale);
    } else {
        out.truncate(start);
        unfit(out, text);
    }
}

/// Appends a value that is its own canonical bytes: text, bytes, uuid and the like.
pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&header(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Appends jsonb. Text that is not JSON cannot equal any canonical JSON, so it is marked and kept as it is: the check
/// before writing refuses such text, and on the way back it must show as a difference, not stop the comparison.
pub fn jsonb(out: &mut Vec<u8>, text: &str) {
    match canonicalize_json_text(text) {
        Ok(canonical) => bytes(out, canonical.as_bytes()),
        Err(_) => counted(out, |out| unfit(out, text)),
    }
}

fn unfit(out: &mut Vec<u8>, text: &str) {
    out.push(UNFIT);
    out.extend_from_slice(text.as_bytes());
}

/// Appends an interval.
pub fn interval(out: &mut Vec<u8>, months: i32, days: i32, nanoseconds: i64) {
    let mut value = [0; 16];
    value[..4].copy_from_slice(&months.to_be_bytes());
    value[4..8].copy_from_slice(&days.to_be_bytes());
    value[8..].copy_from_slice(&nanoseconds.to_be_bytes());
    fixed(out, value);
}

/// Appends what `write` appends as one value.
pub fn counted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&header(0));
    write(out);
    let length = out.len() - start - HEADER_BYTES;
    out[start..start + HEADER_BYTES].copy_from_slice(&header(length));
}

/// What stands before the canonical bytes of a value that is not NULL.
pub fn header(length: usize) -> [u8; HEADER_BYTES] {
    (length as u32).to_be_bytes()
}

/// Bytes that a value takes that begins here, its header included; `None` if it does not end here.
pub(crate) fn cell_length(row: &[u8]) -> Option<usize> {
    let header = *row.first_chunk()?;
    let length = if header == NULL { 0 } else { u32::from_be_bytes(header) as usize };
    Some(HEADER_BYTES + length).filter(|length| *length <= row.len())
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
