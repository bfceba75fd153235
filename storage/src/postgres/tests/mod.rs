//! The connector against real servers, which `server` starts on private sockets.

mod carry;
mod login;
mod opaque;
mod pieces;
mod server;
mod snapshot;
mod target;
mod trial;
mod values;

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::TryStreamExt;

use self::server::{Server, shared};
use super::Postgres;
use crate::batch::{Batch, Fault};
use crate::catalog::{Field, Table, TargetTable};
use crate::source::{Scan, Snapshot, Source};
use crate::split::{Range, SplitId};
use crate::target::{Begin, Commit, OnExisting, Target, Write, Writer};

/// One test's own database on the shared server.
struct Database {
    server: Arc<Server>,
    name: String,
    postgres: Arc<Postgres>,
}

impl Database {
    async fn new(setup: &str) -> Database {
        let server = shared();
        let name = server.create_database();
        let postgres = Postgres::open(&server.url(&name), "public", 6).expect("a good URL");
        let database = Database { server, name, postgres };
        database.run(setup).await;
        database
    }

    async fn run(&self, sql: &str) {
        let session = self.postgres.session().await.expect("a session");
        session.batch_execute(sql).await.expect(sql);
        session.park(super::Tag::FREE);
    }

    async fn number(&self, sql: &str) -> i64 {
        let session = self.postgres.session().await.expect("a session");
        let number = session.query_one(&format!("SELECT ({sql})::int8"), &[]).await.expect(sql).get(0);
        session.park(super::Tag::FREE);
        number
    }

    async fn table(&self, name: &str) -> Table {
        let catalog = self.postgres.catalog().await.expect("a catalog");
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
            create: false,
            ..TargetTable::default()
        })
    }

    async fn begin(&self, table: &Arc<TargetTable>, split: u32, replace: bool) -> Begin {
        let write = write(table, split, replace);
        self.postgres.begin(write).await.expect("a writer")
    }

    async fn writer(&self, table: &Arc<TargetTable>, split: u32) -> Box<dyn Writer> {
        match self.begin(table, split, false).await {
            Begin::Writer(writer) => writer,
            Begin::Committed(commit) => panic!("committed as {commit:?}"),
        }
    }

    async fn prepared(&self, tables: &[Arc<TargetTable>]) {
        let tables: Vec<_> = tables.iter().map(|table| (**table).clone()).collect();
        self.postgres.prepare("job", &tables, OnExisting::Append).await.expect("prepared");
        self.postgres.fence("job", 1).await.expect("fenced");
    }

    async fn read(&self, table: &Table) -> Vec<Batch> {
        let snapshot = self.postgres.snapshot(1).await.expect("a snapshot");
        read(snapshot.as_ref(), scan(table, Range::Whole)).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.server.drop_database(&self.name);
    }
}

fn write(table: &Arc<TargetTable>, split: u32, replace: bool) -> Write {
    Write { job: "job".to_owned(), generation: 1, split: SplitId(split), table: table.clone(), replace, evict: false }
}

fn fields(table: &Table) -> Vec<Field> {
    let writable = table.columns.iter().filter(|column| !column.is_generated());
    let field = |column: &crate::catalog::Column| Field {
        name: column.name.clone(),
        logical: column.logical.clone().expect("a supported type"),
        native: column.native.clone(),
        nullable: column.nullable,
        traits: crate::Traits::default(),
    };
    writable.map(field).collect()
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

/// Writes everything and commits.
async fn fill(mut writer: Box<dyn Writer>, batches: &[RecordBatch]) -> crate::Result<Commit> {
    let mut count = 0;
    for batch in batches {
        writer.write(batch).await?;
        count += batch.num_rows() as u64;
    }
    writer.commit(count).await
}
