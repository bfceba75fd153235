//! SQLite as a target: tables, fence, writers, reading back, and leaving the file as a user expects it.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::connect::{Access, File, quoted};
use super::error::{classify, definition};
use super::scan::{self, Rows};
use super::schema::{self, Address};
use super::writer::{self, Insert, table_name, writable_rowid};
use super::{Sqlite, blocking, checks, create, indexes, numbering, objects, progress, references, sizes, trial};
use crate::catalog::{Field, Object, TargetTable};
use crate::error::{Error, Result};
use crate::source::{Batches, Scan};
use crate::space::free_bytes;
use crate::split::SplitId;
use crate::target::{Begin, Commit, NextNumber, OnExisting, Standing, Target, Write};
use crate::trial::Trial;

/// SQLite has one write lock per file.
const WRITERS_MAX: usize = 1;

/// Index entries ANALYZE looks at per index. SQLite manual, "PRAGMA analysis_limit", recommends 100 to 1000.
const ANALYSIS_LIMIT: i64 = 1000;

impl Sqlite {
    pub(super) fn writer(&self) -> Result<Arc<Mutex<Connection>>> {
        if let Some(writer) = self.writer.get() {
            return Ok(writer.clone());
        }
        if self.access != Access::Write {
            let why = "it was opened for reading".to_owned();
            return Err(Error::Invalid { what: self.file.name().to_owned(), why });
        }
        let connection = self.file.connect(Access::Write)?;
        Ok(self.writer.get_or_init(|| Arc::new(Mutex::new(connection))).clone())
    }

    /// Runs a blocking call on the connection that writes, once no writer is open.
    async fn writing<T, F>(&self, call: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection, &File) -> Result<T> + Send + 'static,
    {
        let (mut connection, file): (OwnedMutexGuard<_>, _) = (self.writer()?.lock_owned().await, self.file.clone());
        blocking(move || call(&mut connection, &file)).await
    }
}

/// What the account may not do and writing to `file` takes.
fn unwritable(file: &File) -> Vec<String> {
    let written = std::fs::OpenOptions::new().write(true).open(file.path());
    let folder = file.path().parent().and_then(|folder| std::fs::metadata(folder).ok());
    let locked = folder.is_some_and(|folder| folder.permissions().readonly());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            vec![format!("the right to write {}", file.name())]
        }
        _ if locked => vec![format!("the right to create files in the folder of {}", file.name())],
        _ => Vec::new(),
    }
}

#[async_trait]
impl Target for Sqlite {
    fn shares_writing(&self) -> bool {
        false
    }

    fn writers_max(&self) -> usize {
        WRITERS_MAX
    }

    async fn occupied(&self, tables: &[String]) -> Result<Vec<String>> {
        let (file, mut tables) = (self.file.clone(), tables.to_vec());
        blocking(move || {
            let connection = file.connect_or_empty()?;
            let mut failure = None;
            tables.retain(|table| has_rows(&connection, table).map_err(|error| failure = Some(error)).unwrap_or(false));
            failure.map_or(Ok(tables), |error| Err(classify(file.name(), error)))
        })
        .await
    }

    async fn missing_privileges(&self) -> Result<Vec<String>> {
        let file = self.file.clone();
        blocking(move || Ok(unwritable(&file))).await
    }

    async fn free_bytes(&self) -> Result<Option<u64>> {
        let file = self.file.clone();
        blocking(move || Ok(free_bytes(file.path()))).await
    }

    async fn prepare(&self, job: &str, tables: &[TargetTable], on_existing: OnExisting) -> Result<()> {
        let (job, tables) = (job.to_owned(), tables.to_vec());
        self.writing(move |connection, file| {
            let sql = |error| classify(file.name(), error);
            progress::enter(connection, &job).map_err(sql)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
            for table in &tables {
                prepare_table(&transaction, &job, table, on_existing)?;
            }
            transaction.commit().map_err(sql)
        })
        .await
    }

    async fn fence(&self, job: &str, generation: u64) -> Result<()> {
        let job = job.to_owned();
        self.writing(move |connection, file| {
            let sql = |error| classify(file.name(), error);
            progress::enter(connection, &job).map_err(sql)?;
            match progress::raise(connection, &job, generation).map_err(sql)? {
                stands if stands > generation => Err(Error::Fenced { job, mine: generation }),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn committed(&self, job: &str, known: &[(SplitId, Commit)]) -> Result<HashSet<SplitId>> {
        let (job, known) = (job.to_owned(), known.to_vec());
        self.writing(move |connection, file| {
            let sql = |error| classify(file.name(), error);
            progress::enter(connection, &job).map_err(sql)?;
            let mut still = HashSet::new();
            for (split, commit) in known {
                if progress::committed(connection, &job, split).map_err(sql)? == Some(commit) {
                    still.insert(split);
                }
            }
            Ok(still)
        })
        .await
    }

    async fn begin(&self, write: Write) -> Result<Begin> {
        writer::begin(self.writer()?.lock_owned().await, write).await
    }

    async fn trial(&self, write: Write) -> Result<Box<dyn Trial>> {
        Ok(trial::begin(self.writer()?.lock_owned().await, write))
    }

    async fn read_back(&self, scan: Scan, commit: Commit) -> Result<Batches> {
        let closed = |error| Error::internal("SQLite read back", error);
        let permit = self.readers.clone().acquire_owned().await.map_err(closed)?;
        let file = self.file.clone();
        Ok(scan::stream(move |emit| {
            let _permit = permit;
            let connection = file.connect(Access::Read)?;
            // One transaction, so that the record and all runs are read in one state.
            let view = connection.unchecked_transaction().map_err(|error| classify(file.name(), error))?;
            scan::run(&view, &scan, Rows::RowIds(&progress::runs(&view, &commit)?), emit)
        }))
    }

    async fn standing(&self, table: &str, commits: &[Commit]) -> Result<Option<Standing>> {
        let (file, table) = (self.file.clone(), table.to_owned());
        let ours = commits.iter().map(|commit| commit.rows).sum();
        blocking(move || {
            let rows = sizes::count(&file.connect(Access::Read)?, &table);
            let rows = rows.map_err(|error| classify(format!("table {}", quoted(&table)), error))?;
            Ok(Some(Standing { rows, ours }))
        })
        .await
    }

    async fn extent(&self, table: &str, column: &str) -> Result<Option<(i64, i64)>> {
        let (file, table, column) = (self.file.clone(), table.to_owned(), quoted(column));
        blocking(move || {
            let sql = format!("SELECT min({column}), max({column}) FROM main.{}", quoted(&table));
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let extent: rusqlite::Result<(Option<i64>, Option<i64>)> =
                file.connect(Access::Read)?.query_row(&sql, (), read);
            let (least, greatest) = extent.map_err(|error| classify(format!("table {}", quoted(&table)), error))?;
            Ok(least.zip(greatest))
        })
        .await
    }

    /// A created table has its primary key from the start, and SQLite cannot add one to a table it found.
    async fn add_primary_key(&self, _table: &TargetTable) -> Result<()> {
        Ok(())
    }

    /// Created tables have their foreign keys from the start; what remains is to see that the rows obey them.
    async fn add_foreign_keys(&self, table: &TargetTable) -> Result<()> {
        let (file, table) = (self.file.clone(), table.clone());
        blocking(move || references::verify(&file.connect(Access::Read)?, &table)).await
    }

    async fn create_objects(&self, objects: &[Object]) -> Result<()> {
        let objects = objects.to_vec();
        self.writing(move |connection, file| objects::create(connection, &objects, file.name())).await
    }

    /// Created tables have their unique constraints from the start.
    async fn add_indexes(&self, table: &TargetTable) -> Result<()> {
        let table = table.clone();
        self.writing(move |connection, _| indexes::add(connection, &table)).await
    }

    /// Created tables have their checks from the start, so that a row that violates one is refused when it is written.
    async fn add_checks(&self, table: &TargetTable) -> Result<()> {
        let (file, table) = (self.file.clone(), table.clone());
        blocking(move || checks::verify(&file.connect(Access::Read)?, &table)).await
    }

    async fn set_next(&self, next: &[NextNumber]) -> Result<()> {
        let next = next.to_vec();
        self.writing(move |connection, _| next.iter().try_for_each(|next| numbering::set_next(connection, next))).await
    }

    async fn finish(&self, job: &str, tables: &[(TargetTable, Vec<Commit>)]) -> Result<()> {
        let (job, tables): (_, Vec<_>) = (job.to_owned(), tables.iter().map(|(table, _)| table.name.clone()).collect());
        self.writing(move |connection, file| {
            finish(connection, &job, &tables).map_err(|error| classify(file.name(), error))
        })
        .await
    }

    async fn mend(&self, table: &TargetTable, locators: &[String], rows: &[RecordBatch]) -> Result<()> {
        let (table, rows) = (table.clone(), rows.to_vec());
        let rowids = locators.iter().map(|locator| locator.parse::<i64>()).collect::<Result<Vec<_>, _>>();
        let rowids = rowids
            .map_err(|_| Error::Invalid { what: "a locator".to_owned(), why: "SQLite's are rowids".to_owned() })?;
        self.writing(move |connection, _| mend(connection, &table, &rowids, &rows)).await
    }
}

fn has_rows(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    if schema::address(connection, table)?.is_none() {
        return Ok(false);
    }
    let sql = format!("SELECT EXISTS (SELECT 1 FROM main.{})", quoted(table));
    connection.query_row(&sql, (), |row| row.get(0))
}

fn prepare_table(transaction: &Transaction<'_>, job: &str, table: &TargetTable, on_existing: OnExisting) -> Result<()> {
    let sql = |error| classify(table_name(table), error);
    match schema::address(transaction, &table.name).map_err(sql)? {
        None if table.create => {
            let statement = create::statement(table)?;
            return transaction.execute_batch(&statement).map_err(|error| definition(table_name(table), error));
        }
        None => return Err(Error::Missing { what: table_name(table) }),
        Some(Address::RowId(_)) => check_columns(transaction, table)?,
        Some(_) => return Err(scan::no_rowid(&table.name)),
    }
    if progress::has_commits(transaction, job, &table.name).map_err(sql)? {
        return Ok(());
    }
    match on_existing {
        OnExisting::Append => Ok(()),
        OnExisting::Truncate => {
            transaction.execute_batch(&format!("DELETE FROM main.{}", quoted(&table.name))).map_err(sql)
        }
        OnExisting::Fail if has_rows(transaction, &table.name).map_err(sql)? => {
            Err(Error::Exists { what: table_name(table), why: "it has rows".to_owned() })
        }
        OnExisting::Fail => Ok(()),
    }
}

/// An existing table must have every column that is written, and be the table meant where Sensei is to create it.
fn check_columns(connection: &Connection, table: &TargetTable) -> Result<()> {
    let sql = |error| classify(table_name(table), error);
    let mut listed = connection
        .prepare("SELECT name, hidden <> 0 FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")
        .map_err(sql)?;
    let listed = listed.query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql)?;
    let found: Vec<(String, bool)> = listed.collect::<rusqlite::Result<_>>().map_err(sql)?;
    let column = |field: &Field| (field.name.clone(), field.traits.generation.is_some());
    if table.create && !found.iter().cloned().eq(table.fields.iter().map(column)) {
        return Err(Error::Exists { what: table_name(table), why: "with other columns than planned".to_owned() });
    }
    match table.fields.iter().find(|field| !found.contains(&column(field))) {
        Some(field) => {
            let kind = if field.traits.generation.is_some() { "generated column" } else { "column" };
            Err(Error::Missing { what: format!("{kind} {} of {}", quoted(&field.name), table_name(table)) })
        }
        None => Ok(()),
    }
}

/// Statistics, then no trace of the job, then one file without a log beside it.
fn finish(connection: &mut Connection, job: &str, tables: &[String]) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "analysis_limit", ANALYSIS_LIMIT, |_| Ok(()))?;
    for table in tables {
        if schema::address(connection, table)?.is_some() {
            connection.execute_batch(&format!("ANALYZE main.{}", quoted(table)))?;
        }
    }
    let mode = progress::leave(connection, job)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    if let Some(mode) = mode {
        // Another connection may keep the file in WAL mode: the rows are safe in either, so that is no failure.
        if connection.pragma_update_and_check(None, "journal_mode", &mode, |_| Ok(())).is_err() {
            tracing::warn!(mode, "SQLite file stays in WAL mode because another connection is open");
        }
    }
    Ok(())
}

fn mend(connection: &mut Connection, table: &TargetTable, rowids: &[i64], rows: &[RecordBatch]) -> Result<()> {
    let sql = |error| classify(table_name(table), error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let rowid = writable_rowid(&transaction, table)?;
    delete_rows(&transaction, table, &rowid, rowids)?;
    let mut insert = Insert::prepare(&transaction, table)?;
    for batch in rows {
        insert.rows(batch)?;
    }
    drop(insert);
    transaction.commit().map_err(sql)
}

/// Deletes exactly the rows at `rowids`.
fn delete_rows(transaction: &Transaction<'_>, table: &TargetTable, rowid: &str, rowids: &[i64]) -> Result<()> {
    let sql = |error| classify(table_name(table), error);
    let statement = format!("DELETE FROM main.{} WHERE {rowid} = ?1", quoted(&table.name));
    let mut delete = transaction.prepare(&statement).map_err(sql)?;
    for rowid in rowids {
        if delete.execute([rowid]).map_err(sql)? != 1 {
            let why = "a row to be replaced is no longer there".to_owned();
            return Err(Error::Refused { what: table_name(table), why });
        }
    }
    Ok(())
}
