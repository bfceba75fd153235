//! The connector against real servers, which `server` starts on private sockets.

mod login;
mod pieces;
mod schema;
mod server;
mod snapshot;
mod target;
mod values;

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::TryStreamExt;

use self::server::{Server, shared, unique};
use super::Mysql;
use super::answer::Answer;
use crate::batch::{Batch, Fault};
use crate::catalog::{Column, Field, Table, TargetTable};
use crate::source::{Scan, Snapshot, Source};
use crate::split::{Range, SplitId};
use crate::target::{Begin, Commit, OnExisting, Target, Write, Writer};

/// One test's own database on the shared server.
struct Database {
    server: Arc<Server>,
    name: String,
    mysql: Arc<Mysql>,
}

impl Database {
    /// An empty database and then `setup`, statements separated by `;`.
    fn new(setup: &str) -> Database {
        Database::on(shared(), setup)
    }

    fn on(server: Arc<Server>, setup: &str) -> Database {
        let name = unique("test");
        server.sql(&format!("CREATE DATABASE {name}"));
        let mysql = Mysql::open(&server.url(&name), 6).expect("a good URL");
        let database = Database { server, name, mysql };
        database.run(setup);
        database
    }

    fn run(&self, sql: &str) {
        self.server.sql(&format!("USE {}; {sql}", self.name));
    }

    /// One statement that may have semicolons in it.
    async fn statement(&self, sql: &str) {
        let mut session = self.mysql.session().await.expect("a session");
        session.run("a test", sql).await.expect(sql);
        session.park();
    }

    async fn number(&self, sql: &str) -> i64 {
        let mut session = self.mysql.session().await.expect("a session");
        let row = session.first("a test", sql).await.expect(sql).expect("a row");
        session.park();
        row.text(0).expect("not NULL").parse().expect("a number")
    }

    async fn table(&self, name: &str) -> Table {
        let catalog = self.mysql.catalog().await.expect("a catalog");
        catalog.tables.into_iter().find(|table| table.name == name).expect(name)
    }

    /// A plan to write `name` with its own columns.
    async fn target(&self, name: &str) -> Arc<TargetTable> {
        let table = self.table(name).await;
        Arc::new(TargetTable {
            name: table.name.clone(),
            fields: fields(&table),
            primary_key: table.primary_key,
            foreign_keys: table.foreign_keys,
            ..TargetTable::default()
        })
    }

    async fn begin(&self, table: &Arc<TargetTable>, split: u32, replace: bool) -> Begin {
        self.mysql.begin(write(table, split, replace)).await.expect("a writer")
    }

    async fn writer(&self, table: &Arc<TargetTable>, split: u32) -> Box<dyn Writer> {
        match self.begin(table, split, false).await {
            Begin::Writer(writer) => writer,
            Begin::Committed(commit) => panic!("committed as {commit:?}"),
        }
    }

    async fn prepared(&self, tables: &[Arc<TargetTable>]) {
        let tables: Vec<_> = tables.iter().map(|table| (**table).clone()).collect();
        self.mysql.prepare("job", &tables, OnExisting::Append).await.expect("prepared");
        self.mysql.fence("job", 1).await.expect("fenced");
    }

    async fn read(&self, table: &Table) -> Vec<Batch> {
        let snapshot = self.mysql.snapshot(1).await.expect("a snapshot");
        read(snapshot.as_ref(), scan(table, Range::Whole)).await
    }
}

fn write(table: &Arc<TargetTable>, split: u32, replace: bool) -> Write {
    Write { job: "job".to_owned(), generation: 1, split: SplitId(split), table: table.clone(), replace, evict: false }
}

/// Writes everything and commits.
async fn fill(mut writer: Box<dyn Writer>, batches: &[RecordBatch]) -> crate::Result<Commit> {
    let mut count = 0;
    for batch in batches {
        writer.write(batch).await?;
        count += batch.num_rows() as u64;
    }
    writer.commit(count).await
}

fn field(column: &Column) -> Field {
    Field {
        name: column.name.clone(),
        logical: column.logical.clone().expect("a supported type"),
        native: column.native.clone(),
        nullable: column.nullable,
        traits: column.traits.clone(),
    }
}

fn fields(table: &Table) -> Vec<Field> {
    table.columns.iter().map(field).collect()
}

fn scan(table: &Table, range: Range) -> Scan {
    Scan {
        table: table.name.clone(),
        fields: fields(table),
        key: table.primary_key.clone(),
        range,
        locator: false,
        form: crate::Form::Columns,
        batch_bytes: 4096,
    }
}

async fn read(snapshot: &dyn Snapshot, scan: Scan) -> Vec<Batch> {
    snapshot.scan(scan).await.expect("a scan").try_collect().await.expect("rows")
}

fn rows(batches: &[Batch]) -> Vec<RecordBatch> {
    batches.iter().map(|batch| batch.rows.clone()).collect()
}

fn row_count(batches: &[Batch]) -> usize {
    batches.iter().map(|batch| batch.rows.num_rows()).sum()
}

fn faults(batches: &[Batch]) -> Vec<Fault> {
    batches.iter().flat_map(|batch| batch.faults.clone()).collect()
}

/// Every row as its canonical texts, NULL as `∅`.
fn texts(batches: &[Batch], fields: &[Field]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for batch in batches {
        for row in 0..batch.rows.num_rows() {
            let cell = |(field, array): (&Field, &arrow_array::ArrayRef)| {
                let mut out = String::new();
                match array.is_null(row) {
                    true => out.push('∅'),
                    false => crate::text::render(&field.logical, array.as_ref(), row, &mut out),
                }
                out
            };
            all.push(fields.iter().zip(batch.rows.columns()).map(cell).collect());
        }
    }
    all
}
