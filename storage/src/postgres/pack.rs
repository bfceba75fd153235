//! From the tuples of COPY's binary format to packed rows. Knows nothing of queries.
//!
//! A tuple is its row's canonical bytes, but for a few values that PostgreSQL has more than one form for, and types that are
//! canonical in another form. So fields are looked at, and only where one is not canonical are they put together anew.

use super::binary::{Fields, Malformed};
use super::decode::{self, Unfit};
use super::key::KeyText;
use crate::batch::{Batch, Fault};
use crate::catalog::Field;
use crate::error::Result;
use crate::packed::{PackedBuilder, Packing};
use crate::types::LogicalType;
use crate::{numeric, row_v2};

/// Packs tuples.
pub(super) struct Packer {
    columns: Vec<Packed>,
    names: Vec<String>,
    packing: Packing,
    rows: PackedBuilder,
    /// Bytes since the last batch, as they came.
    bytes: usize,
    /// Canonical bytes of a row that came in another form.
    canonical: Vec<u8>,
    /// Where each column's canonical bytes begin in the row, and where the last one's end.
    starts: Vec<usize>,
}

/// By how much a usual row is longer in canonical form.
const CANONICAL_GROWTH: usize = 2;

/// How the fields of one column become canonical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packed {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Decimal { scale: i32 },
    Numeric,
    Text,
    Jsonb,
    Bytes,
    Date,
    Time,
    Timestamp,
    Interval,
    Uuid,
}

impl Packed {
    /// `None` for a type whose values have to be taken apart.
    fn of(logical: &LogicalType) -> Option<Packed> {
        Some(match logical {
            LogicalType::Boolean => Packed::Boolean,
            LogicalType::Int16 => Packed::Int16,
            LogicalType::Int32 => Packed::Int32,
            LogicalType::Int64 => Packed::Int64,
            LogicalType::Float32 => Packed::Float32,
            LogicalType::Float64 => Packed::Float64,
            LogicalType::Decimal { scale, .. } => Packed::Decimal { scale: *scale },
            LogicalType::Numeric => Packed::Numeric,
            LogicalType::Text { .. } | LogicalType::Json | LogicalType::Opaque { .. } => Packed::Text,
            LogicalType::Jsonb => Packed::Jsonb,
            LogicalType::Bytes | LogicalType::Geometry => Packed::Bytes,
            LogicalType::Date => Packed::Date,
            LogicalType::Time => Packed::Time,
            LogicalType::Timestamp | LogicalType::TimestampTz => Packed::Timestamp,
            LogicalType::Interval => Packed::Interval,
            LogicalType::Uuid => Packed::Uuid,
            LogicalType::Bits { .. } | LogicalType::Array(_) => return None,
        })
    }

    /// Whether a field is canonical as it came.
    fn is_canonical(self, bytes: &[u8]) -> Result<bool, Unfit> {
        Ok(match self {
            Packed::Boolean => decode::fixed::<1>(bytes)?[0] <= 1,
            Packed::Int16 => decode::fixed::<2>(bytes).map(|_| true)?,
            Packed::Int32 => decode::fixed::<4>(bytes).map(|_| true)?,
            Packed::Int64 => decode::fixed::<8>(bytes).map(|_| true)?,
            Packed::Float32 => is_plain(f32::from_be_bytes(decode::fixed(bytes)?).into()),
            Packed::Float64 => is_plain(f64::from_be_bytes(decode::fixed(bytes)?)),
            Packed::Decimal { scale } => numeric::is_canonical(bytes, Some(u16::try_from(scale).unwrap_or(0))),
            Packed::Numeric => numeric::is_canonical(bytes, None),
            Packed::Text => text(bytes).map(|()| true)?,
            Packed::Jsonb => decode::jsonb(bytes).map(|_| false)?,
            Packed::Bytes => true,
            Packed::Date => decode::date(i32::from_be_bytes(decode::fixed(bytes)?)).map(|_| true)?,
            Packed::Time => decode::time(i64::from_be_bytes(decode::fixed(bytes)?)).map(|_| true)?,
            Packed::Timestamp => decode::timestamp(i64::from_be_bytes(decode::fixed(bytes)?)).map(|_| true)?,
            Packed::Interval => decode::interval(bytes).map(|_| false)?,
            Packed::Uuid => decode::fixed::<16>(bytes).map(|_| true)?,
        })
    }

    /// Appends the canonical bytes of a field, whatever form it came in.
    fn put(self, field: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let Some(bytes) = field else {
            row_v2::null(out);
            return Ok(());
        };
        match self {
            Packed::Boolean => row_v2::boolean(out, decode::fixed::<1>(bytes)? != [0]),
            Packed::Float32 => row_v2::float32(out, f32::from_be_bytes(decode::fixed(bytes)?)),
            Packed::Float64 => row_v2::float64(out, f64::from_be_bytes(decode::fixed(bytes)?)),
            Packed::Decimal { scale } => row_v2::decimal(out, &number(bytes)?, scale),
            Packed::Numeric => row_v2::numeric(out, &number(bytes)?),
            Packed::Jsonb => row_v2::jsonb(out, decode::jsonb(bytes)?),
            Packed::Interval => {
                let value = decode::interval(bytes)?;
                row_v2::interval(out, value.months, value.days, value.nanoseconds);
            }
            Packed::Int16 | Packed::Int32 | Packed::Int64 | Packed::Text | Packed::Bytes => row_v2::bytes(out, bytes),
            Packed::Date | Packed::Time | Packed::Timestamp | Packed::Uuid => row_v2::bytes(out, bytes),
        }
        Ok(())
    }
}

/// Whether a float has one form only.
fn is_plain(value: f64) -> bool {
    !value.is_nan() && (value != 0.0 || value.is_sign_positive())
}

/// The text of a number.
fn number(bytes: &[u8]) -> Result<String, Unfit> {
    const MALFORMED: Unfit = Unfit::Malformed(decode::MALFORMED_NUMERIC);
    let mut text = Vec::new();
    numeric::decode(bytes, &mut text).ok_or(MALFORMED)?;
    String::from_utf8(text).map_err(|_| MALFORMED)
}

/// Most text is ASCII, which is found out several times as fast.
fn text(bytes: &[u8]) -> Result<(), Unfit> {
    if bytes.is_ascii() { Ok(()) } else { decode::utf8(bytes).map(|_| ()) }
}

impl Packer {
    /// For tuples that begin with `fields`; `None` if one of them cannot be packed.
    pub(super) fn new(fields: &[Field], packing: &Packing) -> Option<Packer> {
        let columns = fields.iter().map(|field| Packed::of(&field.logical)).collect::<Option<_>>()?;
        let names = fields.iter().map(|field| field.name.clone()).collect();
        let (packing, rows) = (packing.clone(), PackedBuilder::new(packing));
        let (canonical, starts) = (Vec::new(), Vec::new());
        Some(Packer { columns, names, packing, rows, bytes: 0, canonical, starts })
    }

    /// Rows since the last batch.
    pub(super) fn row_count(&self) -> usize {
        self.rows.row_count()
    }

    /// Bytes since the last batch, as they came or, where they are many more than that in canonical form, so many more.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.max(self.rows.bytes() / CANONICAL_GROWTH)
    }

    /// The rows since the last batch.
    pub(super) fn finish(&mut self) -> Result<Batch> {
        self.bytes = 0;
        self.rows.finish()
    }

    /// Packs one tuple. `key` names it where it is faulty.
    pub(super) fn push(&mut self, fields: Fields<'_>, length: usize, key: &KeyText) -> Result<(), Malformed> {
        self.bytes += length;
        match self.look(&fields) {
            Ok((tuple, is_canonical)) => {
                let canonical = if is_canonical { tuple } else { &self.canonical };
                identity(&self.packing.identity, canonical, &mut self.starts, &mut self.rows.identity.values);
                let pushed = self.rows.push(tuple, (!is_canonical).then_some(canonical));
                pushed.map_err(|_| Malformed("rows of one batch are longer than 2 GiB"))
            }
            Err((column, unfit)) => self.fail(column, unfit, key.of(&fields)),
        }
    }

    /// The tuple, and whether it is canonical; where it is not and that is wanted, its canonical bytes are put together. A row
    /// is faulty whether anybody wants its canonical bytes or not.
    fn look<'a>(&mut self, fields: &Fields<'a>) -> Result<(&'a [u8], bool), (usize, Unfit)> {
        let (mut rest, mut is_canonical) = (fields.clone(), true);
        for (index, (column, field)) in self.columns.iter().zip(rest.by_ref()).enumerate() {
            if let Some(bytes) = field {
                is_canonical &= column.is_canonical(bytes).map_err(|unfit| (index, unfit))?;
            }
        }
        let is_wanted = self.packing.canonical || !self.packing.identity.is_empty();
        let is_canonical = is_canonical || !is_wanted;
        if !is_canonical {
            self.canonical.clear();
            for (index, (column, field)) in self.columns.iter().zip(fields.clone()).enumerate() {
                column.put(field, &mut self.canonical).map_err(|unfit| (index, unfit))?;
            }
        }
        Ok((fields.until(&rest), is_canonical))
    }

    fn fail(&mut self, column: usize, unfit: Unfit, key: Option<String>) -> Result<(), Malformed> {
        match unfit {
            Unfit::Malformed(why) => Err(Malformed(why)),
            Unfit::Fault(why) => {
                let (column, reason) = (self.names[column].clone(), why.to_owned());
                self.rows.fail_row(Fault { key, column, reason });
                Ok(())
            }
        }
    }
}

/// Appends the canonical bytes of these columns of a row.
fn identity(columns: &[usize], canonical: &[u8], starts: &mut Vec<usize>, out: &mut Vec<u8>) {
    if columns.is_empty() {
        return;
    }
    starts.clear();
    starts.push(0);
    let mut end = 0;
    while let Some(length) = row_v2::cell_length(&canonical[end..]) {
        end += length;
        starts.push(end);
    }
    columns.iter().for_each(|&index| out.extend_from_slice(&canonical[starts[index]..starts[index + 1]]));
}

#[cfg(test)]
mod tests {
    use arrow_array::{BinaryArray, RecordBatch};

    use super::*;
    use crate::catalog::Traits;
    use crate::packed::{canonical, identity, is_packed, tuples};
    use crate::postgres::binary::{Tuples, put_header, put_trailer};

    fn field(name: &str, logical: LogicalType) -> Field {
        let (name, native, traits) = (name.to_owned(), logical.to_string(), Traits::default());
        Field { name, logical, native, nullable: true, traits }
    }

    /// A tuple of a number, an instant and a text.
    fn tuple(number: i32, micros: i64, text: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [&number.to_be_bytes()[..], &micros.to_be_bytes()[..], text] {
            bytes.extend_from_slice(&(field.len() as u32).to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    fn pack(packing: &Packing, rows: &[Vec<u8>]) -> Batch {
        let fields =
            [field("id", LogicalType::Int32), field("at", LogicalType::Timestamp), field("says", LogicalType::TEXT)];
        let key = KeyText(vec![(0, fields[0].clone())]);
        let mut packer = Packer::new(&fields, packing).expect("fields that can be packed");
        let mut stream = Vec::new();
        put_header(&mut stream);
        for row in rows {
            stream.extend_from_slice(&3_i16.to_be_bytes());
            stream.extend_from_slice(row);
        }
        put_trailer(&mut stream);
        Tuples::new(3).feed(&stream, |fields, length| packer.push(fields, length, &key)).expect("a good stream");
        let batch = packer.finish().expect("a batch");
        assert_eq!((packer.row_count(), packer.bytes()), (0, 0));
        batch
    }

    #[test]
    fn a_row_is_what_it_would_be_in_columns_and_faulty_ones_leave_nothing() {
        let rows = [
            tuple(7, 0, b"a"),
            tuple(8, i64::MAX - 1, b"b"),
            tuple(9, 0, b"\xff"),
            tuple(10, i64::MAX, "ü".as_bytes()),
        ];
        let packing = Packing { canonical: true, identity: vec![2, 0], tuple: true };
        let Batch { rows: packed, faults } = pack(&packing, &rows);
        let mut expected = Vec::new();
        for (number, micros, text) in [(7, 946_684_800_000_000, "a"), (10, i64::MAX, "ü")] {
            let (mut row, mut key) = (Vec::new(), Vec::new());
            row_v2::int32(&mut row, number);
            row_v2::timestamp(&mut row, micros);
            row_v2::bytes(&mut row, text.as_bytes());
            row_v2::bytes(&mut key, text.as_bytes());
            row_v2::int32(&mut key, number);
            expected.push((row, key));
        }
        assert!(is_packed(&packed));
        let (found, keys) = (canonical(&packed).expect("canonical bytes"), identity(&packed).expect("identities"));
        let found: Vec<_> = found.iter().flatten().zip(keys.iter().flatten()).collect();
        assert_eq!(found, expected.iter().map(|(row, key)| (&row[..], &key[..])).collect::<Vec<_>>());
        let passed: Vec<_> = tuples(&packed).expect("tuples").iter().flatten().collect();
        assert_eq!(passed, [&rows[0][..], &rows[3][..]]);
        let faults: Vec<_> = faults.iter().map(|fault| (fault.key.as_deref(), fault.column.as_str())).collect();
        assert_eq!(faults, [(Some("id=8"), "at"), (Some("id=9"), "says")]);
    }

    #[test]
    fn what_is_not_wanted_is_not_there() {
        let rows = [tuple(1, 0, b"a"), tuple(2, i64::MAX - 1, b""), tuple(3, 0, b"\xff")];
        let Batch { rows, faults } = pack(&Packing { tuple: true, ..Packing::default() }, &rows);
        assert_eq!((rows.num_rows(), canonical(&rows).is_none(), identity(&rows).is_none()), (1, true, true));
        let faults: Vec<_> = faults.iter().map(|fault| fault.key.as_deref()).collect();
        assert_eq!(faults, [Some("id=2"), Some("id=3")], "faulty all the same");
        let Batch { rows, .. } = pack(&Packing { canonical: true, ..Packing::default() }, &[tuple(1, 0, b"")]);
        assert_eq!((rows.num_rows(), tuples(&rows).is_none()), (1, true));
    }

    /// One column of values that came in these forms.
    fn column(logical: LogicalType, packing: &Packing, values: &[&[u8]]) -> RecordBatch {
        let fields = [field("x", logical)];
        let mut packer = Packer::new(&fields, packing).expect("a field that can be packed");
        let mut stream = Vec::new();
        put_header(&mut stream);
        for value in values {
            stream.extend_from_slice(&1_i16.to_be_bytes());
            row_v2::bytes(&mut stream, value);
        }
        put_trailer(&mut stream);
        let key = KeyText(Vec::new());
        Tuples::new(1).feed(&stream, |fields, length| packer.push(fields, length, &key)).expect("a good stream");
        packer.finish().expect("a batch").rows
    }

    #[test]
    fn what_has_several_forms_is_hashed_in_one_and_passed_on_as_it_came() {
        let (nan, negative_nan) = (f64::NAN.to_be_bytes(), (-f64::NAN).to_be_bytes());
        let (zero, negative_zero, one) = (0.0_f64.to_be_bytes(), (-0.0_f64).to_be_bytes(), 1.0_f64.to_be_bytes());
        let values: [&[u8]; 6] = [&one, &nan, &negative_nan, &zero, &negative_zero, &one];
        let packing = Packing { canonical: true, identity: Vec::new(), tuple: true };
        let rows = column(LogicalType::Float64, &packing, &values);
        let cells = |values: &[&[u8]]| -> Vec<Vec<u8>> {
            let cell = |value: &&[u8]| [&row_v2::header(value.len()), *value].concat();
            values.iter().map(cell).collect()
        };
        let found = |column: &BinaryArray| column.iter().flatten().map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!(found(tuples(&rows).expect("tuples")), cells(&values));
        let plain = 0x7ff8_0000_0000_0000_u64.to_be_bytes();
        let expected = cells(&[&one, &plain, &plain, &zero, &zero, &one]);
        assert_eq!(found(canonical(&rows).expect("canonical bytes")), expected);
        let rows = column(LogicalType::Float64, &packing, &[&one, &zero]);
        assert_eq!(rows.num_columns(), 1, "both at once");
        assert_eq!(found(tuples(&rows).expect("tuples")), found(canonical(&rows).expect("canonical bytes")));
    }

    #[test]
    fn numbers_of_another_scale_are_hashed_at_the_column_s() {
        let packing = Packing { canonical: true, ..Packing::default() };
        let form = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let (half, fine, infinity) =
            (form(&[1, 0xffff, 0, 1, 5000]), form(&[1, 0xffff, 0, 3, 5000]), form(&[0, 0, 0xd000, 32]));
        let rows = column(LogicalType::Decimal { precision: 9, scale: 2 }, &packing, &[&half, &fine, &infinity]);
        let found: Vec<_> = canonical(&rows).expect("canonical bytes").iter().flatten().collect();
        let mut expected = [Vec::new(), Vec::new(), Vec::new()];
        ["0.5", "0.500", "Infinity"].iter().zip(&mut expected).for_each(|(text, out)| row_v2::decimal(out, text, 2));
        assert_eq!(found, expected);
        assert_eq!(expected[0], expected[1]);
    }

    #[test]
    fn what_must_be_taken_apart_is_not_packed() {
        let packing = Packing { canonical: true, ..Packing::default() };
        for logical in [LogicalType::Bits { length: None }, LogicalType::Array(Box::new(LogicalType::Int16))] {
            assert!(Packer::new(&[field("x", logical)], &packing).is_none());
        }
    }
}
