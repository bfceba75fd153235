//! A scan: COPY out of one query, decoded into batches as it arrives. Knows nothing of where the query came from.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, stream};

use super::binary::{Fields, Malformed, Tuples};
use super::connection::{CopyOut, Session, Tag};
use super::decode::{self, Unfit};
use super::key::KeyText;
use super::pack::Packer;
use super::relation::Relation;
use crate::batch::{Batch, Fault};
use crate::catalog::{Field, Traits};
use crate::column::ColumnBuilder;
use crate::error::{Error, Result};
use crate::packed::Form;
use crate::rows::RowsBuilder;
use crate::source::{BatchSize, Batches, Scan};

/// Bytes from which on a row is a batch of its own that shares its large values with the message they came in, and from
/// which on a connection is not used again: it keeps room for the largest message it has had. Beside reading as much, a
/// new connection costs nothing.
const LARGE_BYTES: usize = 4 << 20;

/// What is left to do when a query's last row has come.
pub(super) enum After {
    /// The session stays in its snapshot.
    Park(Tag),
    /// While fewer rows than these have come in all, the next of other queries; then the session leaves its transaction.
    Unless {
        /// Rows that are expected.
        rows: u64,
        /// Where the others may be.
        others: VecDeque<String>,
    },
}

/// The query of a scan and how its columns are read.
pub(super) struct Query {
    /// `SELECT … FROM …`, without WHERE.
    select: String,
    rows: Rows,
}

impl Query {
    /// Prepares to read `scan` from `relation`.
    ///
    /// # Errors
    /// `Missing` for a column that is not there.
    pub(super) fn new(relation: &Relation, scan: &Scan) -> Result<Query> {
        let hidden: Vec<Field> = scan
            .key
            .iter()
            .filter(|name| scan.fields.iter().all(|field| field.name != **name))
            .map(|name| hidden_key(relation, name))
            .collect::<Result<_>>()?;
        let all = || scan.fields.iter().chain(&hidden);
        let mut columns = all().map(|field| relation.expression(field)).collect::<Result<Vec<_>>>()?;
        let packer = packer(relation, scan);
        let form = if relation.partitioned { Address::Text } else { Address::Tuple };
        let address = (scan.locator && packer.is_none()).then_some(form);
        columns.extend(address.map(|address| match address {
            Address::Text => relation.locator().to_owned(),
            Address::Tuple => "ctid".to_owned(),
        }));
        let select = format!("SELECT {} FROM {}", columns.join(", "), relation.rows_clause());
        let key = scan.key.iter().filter_map(|name| key_column(all(), name)).collect();
        let decoder = Decoder::new(&scan.fields, hidden.len(), address);
        Ok(Query { select, rows: Rows { key: KeyText(key), decoder, packer } })
    }

    /// The text with a condition.
    pub(super) fn text(&self, condition: Option<&str>) -> String {
        match condition {
            Some(condition) => format!("{} WHERE {condition}", self.select),
            None => self.select.clone(),
        }
    }

    /// Starts the query `text` in `session` and streams its rows.
    pub(super) async fn stream(
        self,
        session: Session,
        scan: &Scan,
        text: &str,
        after: After,
        guard: impl Send + 'static,
    ) -> Result<Batches> {
        let object = format!("table \"{}\"", scan.table);
        let copy = copy_out(&session, &object, text).await?;
        let tuples = Tuples::new(self.rows.width());
        let (size, rows) = (BatchSize::of(scan), self.rows);
        let reader = Reader {
            session,
            copy,
            tuples,
            rows,
            after,
            object,
            size,
            given: 0,
            ended: false,
            large: None,
            had_large: false,
        };
        let state = Some((reader, guard));
        Ok(stream::unfold(state, |state| async move {
            let (mut reader, guard): (Reader, _) = state?;
            match reader.next().await {
                Ok(true) => Some((reader.batch(), Some((reader, guard)))),
                Ok(false) => reader.end().await.err().map(|error| (Err(error), None)),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }
}

/// A key column that is not scanned itself. It is read to name faulty rows only, so any type will do as text.
fn hidden_key(relation: &Relation, name: &str) -> Result<Field> {
    let meaning = relation.column(name)?.meaning.as_ref();
    let logical = meaning.map_or(crate::types::LogicalType::TEXT, |meaning| meaning.logical.clone());
    Ok(Field { name: name.to_owned(), logical, native: String::new(), nullable: false, traits: Traits::default() })
}

/// What packs the rows, if they are wanted packed and can be.
fn packer(relation: &Relation, scan: &Scan) -> Option<Packer> {
    let Form::Packed(packing) = &scan.form else { return None };
    let is_native = || relation.is_native(&scan.fields);
    (!packing.tuple || is_native()).then(|| Packer::new(&scan.fields, packing))?
}

fn key_column<'a>(mut all: impl Iterator<Item = &'a Field>, name: &str) -> Option<(usize, Field)> {
    let index = all.by_ref().enumerate().find(|(_, field)| field.name == name)?;
    Some((index.0, index.1.clone()))
}

async fn copy_out(session: &Session, object: &str, text: &str) -> Result<CopyOut> {
    session.start_copy_out(object, &format!("COPY ({text}) TO STDOUT (FORMAT binary)")).await
}

/// A running scan.
struct Reader {
    session: Session,
    copy: CopyOut,
    tuples: Tuples,
    rows: Rows,
    after: After,
    object: String,
    size: BatchSize,
    /// Rows in the batches given out.
    given: u64,
    /// Whether the last query's last row has come.
    ended: bool,
    /// Where a message with a large row is, which waits for a batch of its own.
    large: Option<Range<usize>>,
    had_large: bool,
}

impl Reader {
    /// Gathers a batch. `false` if all rows were given out.
    async fn next(&mut self) -> Result<bool> {
        while !self.ended {
            let message = match self.large.take() {
                Some(message) => Some(Ok(message)),
                None => self.copy.next().await,
            };
            match message {
                Some(Ok(message)) => {
                    let is_large = message.len() >= LARGE_BYTES;
                    self.had_large |= is_large;
                    if is_large && self.rows.count() > 0 {
                        self.large = Some(message);
                        return Ok(true);
                    }
                    self.feed(message)?;
                    let is_full = self.size.is_reached(self.rows.count(), self.rows.bytes());
                    if is_full || (is_large && self.rows.count() > 0) {
                        return Ok(true);
                    }
                }
                Some(Err(error)) => return Err(self.session.failure(&self.object, error)),
                None => {
                    self.tuples.finish().map_err(|Malformed(why)| self.corrupt(why))?;
                    self.ended = !self.go_on().await?;
                }
            }
        }
        Ok(self.rows.count() > 0)
    }

    fn feed(&mut self, message: Range<usize>) -> Result<()> {
        let (rows, piece) = (&mut self.rows, self.copy.piece());
        let large = (message.len() >= LARGE_BYTES).then(|| piece.slice(message.clone()));
        let fed = self.tuples.feed(&piece[message], |fields, length| rows.push(fields, length, large.as_ref()));
        fed.map_err(|Malformed(why)| self.corrupt(why))
    }

    /// Starts the next query if rows are wanting.
    async fn go_on(&mut self) -> Result<bool> {
        let seen = self.given + self.rows.count() as u64;
        let next = match &mut self.after {
            After::Unless { rows, others } if seen < *rows => others.pop_front(),
            _ => None,
        };
        let Some(next) = next else { return Ok(false) };
        self.copy = copy_out(&self.session, &self.object, &next).await?;
        self.tuples = Tuples::new(self.rows.width());
        Ok(true)
    }

    fn batch(&mut self) -> Result<Batch> {
        self.given += self.rows.count() as u64;
        self.rows.finish()
    }

    async fn end(self) -> Result<()> {
        let Reader { session, after, object, had_large, .. } = self;
        let tag = match after {
            After::Park(tag) => tag,
            _ => {
                session.run(&object, "COMMIT").await?;
                Tag::FREE
            }
        };
        if !had_large {
            session.park(tag);
        }
        Ok(())
    }

    fn corrupt(&self, why: &str) -> Error {
        Error::Corrupt { what: format!("the binary COPY of {}", self.object), why: why.to_owned() }
    }
}

/// How a row's physical address comes.
#[derive(Clone, Copy)]
pub(super) enum Address {
    /// As text.
    Text,
    /// As `ctid` itself: number of the block (32 bits) and of the tuple in it (16 bits). The server takes longer to write it
    /// as text than to read the row.
    Tuple,
}

impl Address {
    fn text<'a>(self, bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a str> {
        match self {
            Address::Text => std::str::from_utf8(bytes).ok(),
            Address::Tuple => {
                let (block, tuple) = bytes.split_first_chunk()?;
                let (block, tuple) = (u32::from_be_bytes(*block), u16::from_be_bytes(tuple.try_into().ok()?));
                scratch.clear();
                // Every row without a key has one: `write!` took as long as all of its columns.
                let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
                let parts = ["(", first.format(block), ",", second.format(tuple), ")"];
                parts.iter().for_each(|part| scratch.extend_from_slice(part.as_bytes()));
                std::str::from_utf8(scratch).ok()
            }
        }
    }
}

/// Where tuples go: of scanned fields, then key columns that are not among them, then the locator.
struct Rows {
    key: KeyText,
    /// For large rows, and for all where there is no packer.
    decoder: Decoder,
    packer: Option<Packer>,
}

impl Rows {
    fn width(&self) -> usize {
        self.decoder.width()
    }

    /// Rows since the last batch, faulty ones included.
    fn count(&self) -> usize {
        self.decoder.rows.row_count() + self.packer.as_ref().map_or(0, Packer::row_count)
    }

    /// Bytes since the last batch.
    fn bytes(&self) -> usize {
        self.decoder.bytes + self.packer.as_ref().map_or(0, Packer::bytes)
    }

    /// `large`: what the row came in, where that is large; no other may wait for the batch then.
    fn push(&mut self, fields: Fields<'_>, length: usize, large: Option<&Bytes>) -> Result<(), Malformed> {
        match &mut self.packer {
            Some(packer) if large.is_none() => packer.push(fields, length, &self.key),
            _ => self.decoder.push(fields, length, large, &self.key),
        }
    }

    fn finish(&mut self) -> Result<Batch> {
        match &mut self.packer {
            Some(packer) if packer.row_count() > 0 => packer.finish(),
            _ => self.decoder.finish(),
        }
    }
}

/// Turns tuples into rows in columns.
pub(super) struct Decoder {
    forms: Vec<decode::Form>,
    names: Vec<String>,
    hidden: usize,
    address: Option<Address>,
    pub(super) rows: RowsBuilder,
    scratch: Vec<u8>,
    /// Bytes since the last batch, on the wire or, where they are more there, in the arrays.
    bytes: usize,
}

impl Decoder {
    /// For tuples of `fields`, then `hidden` columns that are only looked at for the key, then the locator.
    pub(super) fn new(fields: &[Field], hidden: usize, address: Option<Address>) -> Decoder {
        Decoder {
            forms: fields.iter().map(|field| decode::Form::of(&field.logical)).collect(),
            names: fields.iter().map(|field| field.name.clone()).collect(),
            hidden,
            address,
            rows: RowsBuilder::new(fields, address.is_some()),
            scratch: Vec::new(),
            bytes: 0,
        }
    }

    fn width(&self) -> usize {
        self.forms.len() + self.hidden + usize::from(self.address.is_some())
    }

    /// `large`: what the row came in, where that is large.
    pub(super) fn push(
        &mut self,
        fields: Fields<'_>,
        length: usize,
        large: Option<&Bytes>,
        key: &KeyText,
    ) -> Result<(), Malformed> {
        self.bytes += length;
        let alone = large.filter(|message| self.rows.row_count() == 0 && fields.end(message));
        if let Some(address) = self.address {
            let bytes = fields.clone().nth(self.width() - 1).flatten();
            let text = bytes.and_then(|bytes| address.text(bytes, &mut self.scratch));
            match (self.rows.columns.last_mut(), text) {
                (Some(ColumnBuilder::Text(column)), Some(text)) => column.append_value(text),
                _ => return Err(Malformed("a row has no address")),
            }
        }
        for (index, (form, field)) in self.forms.iter().zip(fields.clone()).enumerate() {
            if let (Some(message), Some(field)) = (alone, field.filter(|field| field.len() >= LARGE_BYTES))
                && let Some(value) = shareable(form, &self.rows.columns[index], field, message)
            {
                self.rows.share(index, value);
                continue;
            }
            let column = &mut self.rows.columns[index];
            let before = form.grows().then(|| column.text_bytes());
            let decoded = decode::decode(form, field, column, &mut self.scratch);
            if let Some(before) = before {
                self.bytes += (column.text_bytes() - before).saturating_sub(field.map_or(0, <[u8]>::len));
            }
            match decoded {
                Ok(()) => {}
                Err(Unfit::Malformed(why)) => return Err(Malformed(why)),
                Err(Unfit::Fault(why)) => {
                    let (key, column) = (key.of(&fields), self.names[index].clone());
                    self.rows.fail_row(Fault { key, column, reason: why.to_owned() });
                    return Ok(());
                }
            }
        }
        self.rows.end_row();
        Ok(())
    }

    fn finish(&mut self) -> Result<Batch> {
        self.bytes = 0;
        self.rows.finish()
    }
}

/// `field` as a part of `message`, if its bytes are those of the column's values and it lies within the message: a row
/// that came in pieces lies elsewhere. Text that is none is left to be told as a fault.
fn shareable(form: &decode::Form, column: &ColumnBuilder, field: &[u8], message: &Bytes) -> Option<Bytes> {
    let is_plain = match column {
        ColumnBuilder::Bytes(_) => true,
        ColumnBuilder::Text(_) => matches!(form, decode::Form::Plain) && std::str::from_utf8(field).is_ok(),
        _ => false,
    };
    let lies_within = message.as_ptr_range().contains(&field.as_ptr());
    (is_plain && lies_within).then(|| message.slice_ref(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::LogicalType;

    #[test]
    fn numbers_count_by_the_room_they_take() {
        let field = |logical| Field {
            name: "n".to_owned(),
            logical,
            native: String::new(),
            nullable: true,
            traits: Traits::default(),
        };
        let list = LogicalType::Array(Box::new(LogicalType::Numeric));
        let mut decoder = Decoder::new(&[field(LogicalType::Numeric), field(list)], 0, None);
        // One digit, 9, of weight 32767: four zeros follow for each of the weights below.
        let number = [0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 9];
        let array = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 164, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 10];
        let stream = [b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x02".as_slice(), &[0, 0, 0, 10], &number];
        let stream = [&stream.concat()[..], &[0, 0, 0, 34], &array, &number, &[0xff, 0xff]].concat();
        let mut tuples = Tuples::new(2);
        tuples
            .feed::<Malformed>(&stream, |fields, length| decoder.push(fields, length, None, &KeyText(Vec::new())))
            .unwrap();
        tuples.finish().unwrap();
        assert!(decoder.bytes >= 2 * 131_069, "{}", decoder.bytes);
    }
}
