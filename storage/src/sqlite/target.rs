//! SQLite as a target: tables, fence, writers, reading back, and leaving the file as a user expects it.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::connect::{Access, File, quoted, quoted_list};
use super::error::classify;
use super::scan::{self, Rows};
use super::schema::{self, Address};
use super::types::logical_type;
use super::writer::{self, Insert, table_name, writable_rowid};
use super::{Sqlite, blocking, progress, trial};
use crate::catalog::{Field, ForeignKey, TargetTable};
use crate::error::{Error, Result};
use crate::source::{Batches, Scan};
use crate::split::SplitId;
use crate::target::{Begin, Commit, OnExisting, Standing, Target, Write};
use crate::trial::Trial;
use crate::types::LogicalType;

/// SQLite has one write lock per file.
const WRITERS_MAX: usize = 1;

/// Index entries ANALYZE looks at per index. SQLite manual, "PRAGMA analysis_limit", recommends 100 to 1000.
const ANALYSIS_LIMIT: i64 = 1000;

/// What `ON DELETE` and `ON UPDATE` may do.
const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "SET NULL", "SET DEFAULT", "CASCADE"];

impl Sqlite {
    pub(super) fn writer(&self) -> Result<Arc<Mutex<Connection>>> {
        if let Some(writer) = self.writer.get() {
            return Ok(writer.clone());
        }
        if self.access == Access::Read {
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

#[async_trait]
impl Target for Sqlite {
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
            let rows = schema::count(&file.connect(Access::Read)?, &table);
            let rows = rows.map_err(|error| classify(format!("table {}", quoted(&table)), error))?;
            Ok(Some(Standing { rows, ours }))
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
        blocking(move || check_references(&file.connect(Access::Read)?, &table)).await
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
        None if table.create => return transaction.execute_batch(&create_table(table)?).map_err(sql),
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
    let mut listed =
        connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid").map_err(sql)?;
    let listed = listed.query_map([&table.name], |row| row.get(0)).map_err(sql)?;
    let found: Vec<String> = listed.collect::<rusqlite::Result<_>>().map_err(sql)?;
    let wanted: Vec<&String> = table.fields.iter().map(|field| &field.name).collect();
    if table.create && !found.iter().eq(wanted.iter().copied()) {
        return Err(Error::Exists { what: table_name(table), why: "with other columns than planned".to_owned() });
    }
    match wanted.iter().find(|name| !found.contains(name)) {
        Some(name) => Err(Error::Missing { what: format!("column {} of {}", quoted(name), table_name(table)) }),
        None => Ok(()),
    }
}

/// The statement that creates a table with everything SQLite cannot add later.
fn create_table(table: &TargetTable) -> Result<String> {
    let rowid_key = rowid_key(table);
    let mut parts = Vec::new();
    for field in &table.fields {
        parts.push(column_definition(table, field, rowid_key == Some(field.name.as_str()))?);
    }
    if rowid_key.is_none() && !table.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", quoted_list(&table.primary_key)));
    }
    for key in &table.foreign_keys {
        parts.push(foreign_key(table, key)?);
    }
    Ok(format!("CREATE TABLE main.{} (\n  {}\n)", quoted(&table.name), parts.join(",\n  ")))
}

/// The lone integer key column, which SQLite then uses as the rowid.
fn rowid_key(table: &TargetTable) -> Option<&str> {
    let [key] = table.primary_key.as_slice() else { return None };
    let field = table.fields.iter().find(|field| field.name == *key)?;
    matches!(field.logical, LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64).then_some(key)
}

fn column_definition(table: &TargetTable, field: &Field, rowid_key: bool) -> Result<String> {
    let name = quoted(&field.name);
    if rowid_key {
        return Ok(format!("{name} INTEGER PRIMARY KEY"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || " _(),+-".contains(c);
    if logical_type(&field.native).is_none() || !field.native.chars().all(plain) {
        let what = format!("type \"{}\" of column {name} in {}", field.native, table_name(table));
        return Err(Error::Unsupported { what, why: "it is no declared type known for SQLite".to_owned() });
    }
    // SQLite alone allows NULL in a primary key that is not told otherwise.
    let not_null = if field.nullable && !table.primary_key.contains(&field.name) { "" } else { " NOT NULL" };
    Ok(format!("{name} {}{not_null}", field.native))
}

fn foreign_key(table: &TargetTable, key: &ForeignKey) -> Result<String> {
    for action in [&key.on_delete, &key.on_update] {
        if !ACTIONS.contains(&action.as_str()) {
            let what = format!("action \"{action}\" of a foreign key of {}", table_name(table));
            return Err(Error::Unsupported { what, why: "SQLite has no such action".to_owned() });
        }
    }
    let name = key.name.as_ref().map_or(String::new(), |name| format!("CONSTRAINT {} ", quoted(name)));
    Ok(format!(
        "{name}FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
        quoted_list(&key.columns),
        quoted(&key.parent),
        quoted_list(&key.parent_columns),
        key.on_delete,
        key.on_update
    ))
}

/// Refuses a table with rows that refer to nothing.
fn check_references(connection: &Connection, table: &TargetTable) -> Result<()> {
    if table.foreign_keys.is_empty() {
        return Ok(());
    }
    let sql = |error: rusqlite::Error| match error.to_string() {
        why if why.starts_with("foreign key mismatch") => Error::Refused {
            what: table_name(table),
            why: "a foreign key refers to columns that are neither a primary key nor unique".to_owned(),
        },
        _ => classify(table_name(table), error),
    };
    let mut orphans = connection
        .prepare("SELECT parent, count(*) FROM pragma_foreign_key_check(?1) GROUP BY parent ORDER BY parent")
        .map_err(sql)?;
    let orphans = orphans.query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql)?;
    let orphans: Vec<(String, i64)> = orphans.collect::<rusqlite::Result<_>>().map_err(sql)?;
    if orphans.is_empty() {
        return Ok(());
    }
    let why = orphans.iter().map(|(parent, rows)| format!("{rows} rows refer to no row of {}", quoted(parent)));
    Err(Error::Refused { what: table_name(table), why: why.collect::<Vec<_>>().join(", ") })
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
