//! How the rows of one table go to the server: which columns, and in which of COPY's formats. The binary format takes
//! every type that has a codec here; a table with any other is written as text, whole, since a COPY has one format.

use std::pin::Pin;

use arrow_array::{Array, RecordBatch};
use bytes::{Bytes, BytesMut};
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

/// What is settled once per table and COPY.
pub(super) struct Layout {
    /// Positions of the planned fields that are written; the server computes the others.
    written: Vec<usize>,
    format: Format,
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
        Ok(Layout { written, format })
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

    /// What comes before the first row.
    pub(super) fn put_header(&self, out: &mut BytesMut) {
        if let Format::Binary(_) = self.format {
            binary::put_header(out);
        }
    }

    /// What comes after the last row.
    pub(super) fn put_trailer(&self, out: &mut BytesMut) {
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

impl RowEncoder<'_> {
    /// Appends one row.
    ///
    /// # Errors
    /// `RefusedRow`, naming the column, for a value PostgreSQL cannot hold.
    pub(super) fn put_row(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        match self {
            RowEncoder::Binary(encoder) => encoder.put_row(row, out),
            RowEncoder::Text(encoder) => encoder.put_row(row, out),
        }
    }
}
