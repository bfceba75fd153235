//! Real files, read and written.

mod definitions;
mod reading;
mod schemas;
mod snapshots;
mod trial;
mod types;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use tempfile::TempDir;

use super::*;
use crate::batch::Batch;
use crate::catalog::{Field, Table, TargetTable};
use crate::rows::{RowsBuilder, arrow_schema};
use crate::source::{Batches, Scan};
use crate::split::{Range, SplitId};
use crate::target::{Begin, Commit, OnExisting, Target, Write};
use crate::text;
use crate::types::LogicalType;

/// A database file in a folder of its own.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new(sql: &str) -> Fixture {
        let fixture = Fixture { folder: tempfile::tempdir().unwrap() };
        fixture.connect().execute_batch(sql).unwrap();
        fixture
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// A connection beside Sensei's, as another program would have.
    fn connect(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
        connection
    }

    fn open(&self, access: Access) -> Arc<Sqlite> {
        Sqlite::open(&self.path(), access, 4).unwrap()
    }

    async fn table(&self, name: &str) -> Table {
        let catalog = self.open(Access::Read).catalog().await.unwrap();
        catalog.tables.into_iter().find(|table| table.name == name).unwrap()
    }

    fn query<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.connect().query_row(sql, (), |row| row.get(0)).unwrap()
    }
}

fn field(name: &str, logical: LogicalType) -> Field {
    Field {
        name: name.to_owned(),
        native: native_type(&logical),
        logical,
        nullable: true,
        traits: crate::Traits::default(),
    }
}

fn fields(table: &Table) -> Vec<Field> {
    let settled = |column: &crate::Column| Field {
        name: column.name.clone(),
        logical: column.logical.clone().unwrap(),
        native: column.native.clone(),
        nullable: column.nullable,
        traits: crate::Traits::default(),
    };
    table.columns.iter().map(settled).collect()
}

fn scan(table: &Table, range: Range) -> Scan {
    Scan {
        table: table.name.clone(),
        fields: fields(table),
        key: table.primary_key.clone(),
        range,
        locator: false,
        form: crate::Form::Columns,
        batch_bytes: 1 << 16,
    }
}

async fn collect(batches: Batches) -> Vec<Batch> {
    batches.try_collect().await.unwrap()
}

/// Every value as text, NULL as `NULL`, one string per row.
fn lines(batches: &[Batch], fields: &[Field]) -> Vec<String> {
    let types: Vec<_> = fields.iter().map(|field| (field.name.as_str(), &field.logical)).collect();
    let mut lines = Vec::new();
    for Batch { rows, .. } in batches {
        let columns: Vec<_> = types
            .iter()
            .zip(rows.columns())
            .map(|((name, logical), array)| (*name, *logical, array.as_ref()))
            .collect();
        lines.extend((0..rows.num_rows()).map(|row| text::render_key(&columns, row)));
    }
    lines
}

/// Rows from their values' texts.
fn rows(fields: &[Field], values: &[&[Option<&str>]]) -> RecordBatch {
    let mut builder = RowsBuilder::new(fields, false);
    for row in values {
        for ((field, value), column) in fields.iter().zip(*row).zip(&mut builder.columns) {
            match value {
                Some(value) => text::parse(&field.logical, value, column).unwrap(),
                None => column.append_null(),
            }
        }
        builder.end_row();
    }
    let rows = builder.finish().unwrap().rows;
    assert_eq!(rows.schema(), arrow_schema(fields, false));
    rows
}
