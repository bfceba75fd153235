//! row-v1: the canonical bytes of a row. Two rows are the same exactly when these bytes are.
//!
//! A row is its columns in target order. A NULL is the byte 0. Any other value is the byte 1, the length of its
//! canonical bytes as a 32-bit little-endian integer, and those bytes. The length keeps `('ab','c')` and `('a','bc')`
//! apart. Canonical bytes depend on the logical type alone, never on how a system sends or stores the value:
//!
//! | type | canonical bytes |
//! | --- | --- |
//! | boolean | one byte, 0 or 1 |
//! | int16, int32, int64, date, time, timestamp, timestamptz | 16-byte little-endian two's complement; units and infinities as in [`crate::LogicalType`] |
//! | float32, float64 | the double's 8 bytes, little-endian; -0 as 0, every NaN as `0x7ff8000000000000` |
//! | decimal | shortest plain decimal text (`-12.5`, `0`), `NaN`, `Infinity`, `-Infinity` |
//! | numeric | plain decimal text at the value's own scale (`1.50` differs from `1.5`) |
//! | text, json, bits, a system's own types | UTF-8 bytes |
//! | jsonb | canonical JSON: RFC 8785, but with numbers as exact decimals |
//! | bytes, uuid, geometry | the bytes |
//! | interval | months and days as 32-bit, nanoseconds as 64-bit little-endian integers |
//! | array | element count (32-bit little-endian), then each element like a column |
//!
//! Version and vectors are fixed: `docs/row-v1.md` and the tests of `sensei_operators::encode`, which encodes rows of Arrow
//! columns. A change needs a new version name. Here is what a single value becomes, for whoever has one.

use crate::canonical::canonicalize_json_text;
use crate::decimal;

/// Name of this encoding in evidence.
pub const ROW_ENCODING: &str = "row-v1";

/// Bytes before the canonical bytes of a value that is not NULL.
const HEADER_BYTES: usize = 5;

/// Appends NULL.
pub fn null(out: &mut Vec<u8>) {
    out.push(0);
}

/// Appends a boolean.
pub fn boolean(out: &mut Vec<u8>, value: bool) {
    fixed(out, [u8::from(value)]);
}

/// Appends an integer, or a date or time as the integer it is carried as.
pub fn integer(out: &mut Vec<u8>, value: i64) {
    fixed(out, i128::from(value).to_le_bytes());
}

/// Appends a float.
pub fn float(out: &mut Vec<u8>, value: f64) {
    let folded = if value.is_nan() {
        f64::from_bits(0x7ff8_0000_0000_0000)
    } else if value == 0.0 {
        0.0
    } else {
        value
    };
    fixed(out, folded.to_le_bytes());
}

/// Appends a decimal, given as plain text.
pub fn decimal(out: &mut Vec<u8>, text: &str) {
    bytes(out, decimal::normalize(text).as_bytes());
}

/// Appends a value that is its own canonical bytes: text, numeric, bytes, uuid and the like.
pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&header(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Appends jsonb. Text that is not JSON cannot equal any canonical JSON, so it is marked and kept as it is: the check
/// before writing refuses such text, and on the way back it must show as a difference, not stop the comparison.
pub fn jsonb(out: &mut Vec<u8>, text: &str) {
    match canonicalize_json_text(text) {
        Ok(canonical) => bytes(out, canonical.as_bytes()),
        Err(_) => counted(out, |out| {
            out.push(0xff);
            out.extend_from_slice(text.as_bytes());
        }),
    }
}

/// Appends an interval.
pub fn interval(out: &mut Vec<u8>, months: i32, days: i32, nanoseconds: i64) {
    let mut value = [0; 16];
    value[..4].copy_from_slice(&months.to_le_bytes());
    value[4..8].copy_from_slice(&days.to_le_bytes());
    value[8..].copy_from_slice(&nanoseconds.to_le_bytes());
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
