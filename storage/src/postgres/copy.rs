//! How the rows of one table go to the server: which columns, and in which of COPY's formats. The binary format takes
//! every type that has a codec here; a table with any other is written as text, whole, since a COPY has one format.

use std::pin::Pin;

use arrow_array::{Array, RecordBatch};
use bytes::{BufMut, Bytes};
use tokio_postgres::CopyInSink;

use super::binary;
use super::connection::Session;
use super::encode::Encoder;
use super::relation::Relation;
use super::sql::{identifiers, qualified};
use super::text::TextEncoder;
use super::types::{Access, Meaning, same_form};
use crate::catalog::{Field, TargetTable};
use crate::error::{Error, Result};

/// Bytes of a value that are copied at once: as many as go into one message.
const PIECE_BYTES: usize = 256 << 10;

/// What is settled once per table and COPY.
pub(super) struct Layout {
    /// Positions of the planned fields that are written; the server computes the others.
    written: Vec<usize>,
    format: Format,
    takes_tuples: bool,
}

enum Format {
    /// With the oids of arrays' elements, 0 for other columns.
    Binary(Vec<u32>),
    /// With what the columns mean on the server.
    Text(Vec<Access>),
}

/// Columns of one batch, ready to be written row by row.
pub(super) enum RowEncoder<'a> {
    Binary(Encoder<'a>),
    Text(TextEncoder<'a>),
}

impl Layout {
    /// For writing `fields` into `relation`.
    ///
    /// # Errors
    /// `Missing` for a column that is not there, `Invalid` for one of another type than planned.
    pub(super) fn new(relation: &Relation, fields: &[Field]) -> Result<Layout> {
        let is_written = |field: &Field| field.traits.generation.is_none();
        let written: Vec<_> = (0..fields.len()).filter(|index| is_written(&fields[*index])).collect();
        let meanings = relation.meanings(written.iter().map(|index| &fields[*index]))?;
        let has_codec = |(meaning, index): (&&Meaning, &usize)| {
            let native = matches!(meaning.access, Access::Direct | Access::Shape { .. });
            native && same_form(&meaning.logical, &fields[*index].logical)
        };
        let format = match meanings.iter().zip(&written).all(has_codec) {
            true => Format::Binary(meanings.iter().map(|meaning| meaning.element).collect()),
            false => Format::Text(meanings.iter().map(|meaning| meaning.access.clone()).collect()),
        };
        let is_direct = meanings.iter().all(|meaning| meaning.is_direct());
        let takes_tuples = matches!(format, Format::Binary(_)) && is_direct && written.len() == fields.len();
        Ok(Layout { written, format, takes_tuples })
    }

    /// Starts a COPY into the planned columns.
    pub(super) async fn copy_in(
        &self,
        session: &Session,
        relation: &Relation,
        table: &TargetTable,
    ) -> Result<Pin<Box<CopyInSink<Bytes>>>> {
        let columns = identifiers(self.written.iter().map(|index| table.fields[*index].name.as_str()));
        let name = qualified(&relation.schema, &relation.name);
        let format = match self.format {
            Format::Binary(_) => "binary",
            Format::Text(_) => "text",
        };
        let copy = session.copy_in(&format!("COPY {name} ({columns}) FROM STDIN (FORMAT {format})")).await;
        copy.map(Box::pin).map_err(|error| session.failure(&relation.label(), error))
    }

    /// Whether tuples of the planned columns, as another server sent them, are what is written here.
    pub(super) fn takes_tuples(&self) -> bool {
        self.takes_tuples
    }

    /// How many columns are written.
    pub(super) fn column_count(&self) -> usize {
        self.written.len()
    }

    /// What comes before the first row.
    pub(super) fn put_header(&self, out: &mut Vec<u8>) {
        if let Format::Binary(_) = self.format {
            binary::put_header(out);
        }
    }

    /// What comes after the last row.
    pub(super) fn put_trailer(&self, out: &mut Vec<u8>) {
        if let Format::Binary(_) = self.format {
            binary::put_trailer(out);
        }
    }

    /// For a batch with all planned columns of `table`.
    ///
    /// # Errors
    /// `Internal` if an array is not its field's carrier.
    pub(super) fn encoder<'a>(&'a self, table: &'a TargetTable, rows: &'a RecordBatch) -> Result<RowEncoder<'a>> {
        if rows.num_columns() != table.fields.len() {
            return Err(Error::internal("COPY encoding", "a batch has the wrong number of columns"));
        }
        let column = |index: &usize| {
            let (field, array) = (&table.fields[*index], rows.column(*index).as_ref());
            if *array.data_type() != field.logical.carrier() {
                let why = format!("column \"{}\" came as {}", field.name, array.data_type());
                return Err(Error::internal("COPY encoding", why));
            }
            Ok((field, array))
        };
        let columns: Vec<(&Field, &dyn Array)> = self.written.iter().map(column).collect::<Result<_>>()?;
        Ok(match &self.format {
            Format::Binary(elements) => RowEncoder::Binary(Encoder::new(&table.name, columns, elements)),
            Format::Text(accesses) => RowEncoder::Text(TextEncoder::new(&table.name, columns, accesses)),
        })
    }
}

impl<'a> RowEncoder<'a> {
    /// Appends one row, whatever its size.
    ///
    /// # Errors
    /// `RefusedRow`, naming the column, for a value PostgreSQL cannot hold.
    pub(super) fn put_row(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if let RowEncoder::Binary(encoder) = self {
            return encoder.put_row(row, out);
        }
        self.start_row(out);
        for column in 0..self.column_count() {
            let rest = self.put_cell(row, column, out)?;
            rest.pieces().for_each(|piece| rest.put(piece, out));
        }
        self.end_row(out);
        Ok(())
    }

    /// Whether a value may be so large that it is sent in pieces.
    pub(super) fn has_large(&self) -> bool {
        match self {
            RowEncoder::Binary(encoder) => encoder.has_large(),
            RowEncoder::Text(_) => true,
        }
    }

    /// How many columns are written.
    pub(super) fn column_count(&self) -> usize {
        match self {
            RowEncoder::Binary(encoder) => encoder.column_count(),
            RowEncoder::Text(encoder) => encoder.column_count(),
        }
    }

    /// Appends what comes before a row's first column.
    pub(super) fn start_row(&self, out: &mut Vec<u8>) {
        if let RowEncoder::Binary(encoder) = self {
            start_tuple(encoder.column_count(), out);
        }
    }

    /// Appends one column of a row. What it leaves of a large value is to be appended next, piece by piece.
    ///
    /// # Errors
    /// As of [`RowEncoder::put_row`].
    pub(super) fn put_cell(&self, row: usize, column: usize, out: &mut Vec<u8>) -> Result<Rest<'a>> {
        match self {
            RowEncoder::Binary(encoder) => encoder.put_cell(row, column, out),
            RowEncoder::Text(encoder) => encoder.put_cell(row, column, out),
        }
    }

    /// Appends what comes after a row's last column.
    pub(super) fn end_row(&self, out: &mut Vec<u8>) {
        if let RowEncoder::Text(_) = self {
            out.put_u8(b'\n');
        }
    }
}

/// Appends what comes before a tuple's first column.
pub(super) fn start_tuple(column_count: usize, out: &mut Vec<u8>) {
    out.put_i16(column_count as i16);
}

/// What is left of a value that is too large to be copied at once, and how its bytes are written.
#[derive(Clone, Copy)]
pub(super) struct Rest<'a> {
    bytes: &'a [u8],
    put: fn(&[u8], &mut Vec<u8>),
}

impl<'a> Rest<'a> {
    /// The value was appended whole.
    pub(super) const NOTHING: Rest<'static> = Rest { bytes: &[], put: put_as_it_is };

    /// Whether a value is sent in pieces.
    pub(super) fn is_large(bytes: &[u8]) -> bool {
        bytes.len() > PIECE_BYTES
    }

    /// All of `bytes`.
    pub(super) fn as_it_is(bytes: &'a [u8]) -> Rest<'a> {
        Rest { bytes, put: put_as_it_is }
    }

    /// Appends a value by `put`, or leaves all of a large one.
    pub(super) fn of(bytes: &'a [u8], put: fn(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) -> Rest<'a> {
        if Rest::is_large(bytes) {
            return Rest { bytes, put };
        }
        put(bytes, out);
        Rest::NOTHING
    }

    /// The bytes in pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks(PIECE_BYTES)
    }

    /// Appends one piece.
    pub(super) fn put(&self, piece: &[u8], out: &mut Vec<u8>) {
        (self.put)(piece, out);
    }
}

fn put_as_it_is(bytes: &[u8], out: &mut Vec<u8>) {
    out.put_slice(bytes);
}
