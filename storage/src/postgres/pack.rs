//! From the tuples of COPY's binary format to packed rows. Knows nothing of queries.

use super::binary::{Fields, Malformed};
use super::decode::{self, Unfit};
use super::key::KeyText;
use super::numeric;
use crate::batch::{Batch, Fault};
use crate::catalog::Field;
use crate::error::Result;
use crate::packed::{PackedBuilder, Packing};
use crate::row_v1;
use crate::types::LogicalType;

/// Packs tuples.
pub(super) struct Packer {
    columns: Vec<Packed>,
    names: Vec<String>,
    packing: Packing,
    rows: PackedBuilder,
    /// Where each column's canonical bytes begin in the row, and where the last one's end.
    starts: Vec<usize>,
    /// Bytes since the last batch, as they came.
    bytes: usize,
    scratch: Vec<u8>,
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
    Decimal,
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
            LogicalType::Decimal { .. } => Packed::Decimal,
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

    /// Whether a good value of the type may have no place in the carrier.
    fn may_be_faulty(self) -> bool {
        matches!(self, Packed::Text | Packed::Jsonb | Packed::Date | Packed::Timestamp | Packed::Interval)
    }

    /// Appends the canonical bytes of one field.
    fn put(self, field: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let Some(bytes) = field else {
            row_v1::null(out);
            return Ok(());
        };
        match self {
            Packed::Boolean => row_v1::boolean(out, decode::fixed::<1>(bytes)? != [0]),
            Packed::Int16 => row_v1::integer(out, i16::from_be_bytes(decode::fixed(bytes)?).into()),
            Packed::Int32 => row_v1::integer(out, i32::from_be_bytes(decode::fixed(bytes)?).into()),
            Packed::Int64 => row_v1::integer(out, i64::from_be_bytes(decode::fixed(bytes)?)),
            Packed::Float32 => row_v1::float(out, f32::from_be_bytes(decode::fixed(bytes)?).into()),
            Packed::Float64 => row_v1::float(out, f64::from_be_bytes(decode::fixed(bytes)?)),
            Packed::Decimal => number(out, bytes, numeric::decode_shortest)?,
            Packed::Numeric => number(out, bytes, numeric::decode)?,
            Packed::Text => row_v1::bytes(out, text(bytes)?),
            Packed::Jsonb => row_v1::jsonb(out, decode::jsonb(bytes)?),
            Packed::Bytes => row_v1::bytes(out, bytes),
            Packed::Date => row_v1::integer(out, decode::date(i32::from_be_bytes(decode::fixed(bytes)?))?.into()),
            Packed::Time => row_v1::integer(out, decode::time(i64::from_be_bytes(decode::fixed(bytes)?))?),
            Packed::Timestamp => row_v1::integer(out, decode::timestamp(i64::from_be_bytes(decode::fixed(bytes)?))?),
            Packed::Interval => {
                let value = decode::interval(bytes)?;
                row_v1::interval(out, value.months, value.days, value.nanoseconds);
            }
            Packed::Uuid => row_v1::bytes(out, &decode::fixed::<16>(bytes)?),
        }
        Ok(())
    }
}

fn number(out: &mut Vec<u8>, bytes: &[u8], decode: fn(&[u8], &mut Vec<u8>) -> Option<()>) -> Result<(), Unfit> {
    let mut decoded = None;
    row_v1::counted(out, |out| decoded = decode(bytes, out));
    decoded.ok_or(Unfit::Malformed(decode::MALFORMED_NUMERIC))
}

/// Most text is ASCII, which is found out several times as fast.
fn text(bytes: &[u8]) -> Result<&[u8], Unfit> {
    if !bytes.is_ascii() {
        decode::utf8(bytes)?;
    }
    Ok(bytes)
}

impl Packer {
    /// For tuples that begin with `fields`; `None` if one of them cannot be packed.
    pub(super) fn new(fields: &[Field], packing: &Packing) -> Option<Packer> {
        let columns = fields.iter().map(|field| Packed::of(&field.logical)).collect::<Option<_>>()?;
        let names = fields.iter().map(|field| field.name.clone()).collect();
        let (packing, rows) = (packing.clone(), PackedBuilder::new(packing));
        Some(Packer { columns, names, packing, rows, starts: Vec::new(), bytes: 0, scratch: Vec::new() })
    }

    /// Rows since the last batch.
    pub(super) fn row_count(&self) -> usize {
        self.rows.row_count()
    }

    /// Bytes since the last batch, as they came or, where they are many more than that in canonical form, so many more.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.max(self.rows.canonical_bytes() / CANONICAL_GROWTH)
    }

    /// The rows since the last batch.
    pub(super) fn finish(&mut self) -> Result<Batch> {
        self.bytes = 0;
        self.rows.finish()
    }

    /// Packs one tuple. `key` names it where it is faulty.
    pub(super) fn push(&mut self, fields: Fields<'_>, length: usize, key: &KeyText) -> Result<(), Malformed> {
        self.bytes += length;
        let looked_at =
            if self.packing.canonical { self.put_canonical(fields.clone()) } else { self.check(fields.clone()) };
        if let Err((column, unfit)) = looked_at {
            return self.fail(column, unfit, key.of(&fields));
        }
        if self.packing.tuple {
            self.rows.tuple.values.extend_from_slice(fields.first(self.columns.len()));
        }
        self.rows.end_row().map_err(|_| Malformed("rows of one batch are longer than 2 GiB"))
    }

    /// A row is faulty whether anybody wants its canonical bytes or not.
    fn check(&mut self, fields: Fields<'_>) -> Result<(), (usize, Unfit)> {
        for (index, (column, field)) in self.columns.iter().zip(fields).enumerate() {
            if column.may_be_faulty() {
                self.scratch.clear();
                column.put(field, &mut self.scratch).map_err(|unfit| (index, unfit))?;
            }
        }
        Ok(())
    }

    fn put_canonical(&mut self, fields: Fields<'_>) -> Result<(), (usize, Unfit)> {
        self.starts.clear();
        let out = &mut self.rows.canonical;
        let begin = out.values.len() - out.open().len();
        for (index, (column, field)) in self.columns.iter().zip(fields).enumerate() {
            self.starts.push(out.values.len() - begin);
            column.put(field, &mut out.values).map_err(|unfit| (index, unfit))?;
        }
        let row = out.open();
        self.starts.push(row.len());
        for &index in &self.packing.identity {
            self.rows.identity.values.extend_from_slice(&row[self.starts[index]..self.starts[index + 1]]);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
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
            row_v1::integer(&mut row, number);
            row_v1::integer(&mut row, micros);
            row_v1::bytes(&mut row, text.as_bytes());
            row_v1::bytes(&mut key, text.as_bytes());
            row_v1::integer(&mut key, number);
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

    #[test]
    fn what_must_be_taken_apart_is_not_packed() {
        let packing = Packing { canonical: true, ..Packing::default() };
        for logical in [LogicalType::Bits { length: None }, LogicalType::Array(Box::new(LogicalType::Int16))] {
            assert!(Packer::new(&[field("x", logical)], &packing).is_none());
        }
    }
}
