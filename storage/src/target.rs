//! What every connector that can be written offers. Every target is a source too: what was written is read back.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::catalog::{Object, TargetTable};
use crate::error::{Error, Result};
use crate::source::{Batches, Scan, Source};
use crate::split::SplitId;
use crate::trial::Trial;

/// What to do with a target table that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExisting {
    /// Refuse if it has rows.
    #[default]
    Fail,
    /// Delete its rows first.
    Truncate,
    /// Keep its rows.
    Append,
}

/// An endpoint that can be written.
///
/// Exactly once: one transaction (or its equivalent) holds the fence check, a progress record per split, the rows and
/// the commit. A split whose progress record is there was committed, whoever asks.
#[async_trait]
pub trait Target: Source {
    /// How many writers may be open at once. A writer beyond that waits in [`Target::begin`].
    fn writers_max(&self) -> usize;

    /// Whether writers of several processes get anywhere at once.
    fn shares_writing(&self) -> bool {
        true
    }

    /// Tables among `tables` that exist and hold at least one row.
    async fn occupied(&self, tables: &[String]) -> Result<Vec<String>>;

    /// Creates missing tables without indexes or constraints beyond NOT NULL (SQLite: with its primary key, which it
    /// cannot add later), empties existing ones under `Truncate`, and creates the progress records. Idempotent: a job
    /// that was interrupted here calls it again, and a table with committed splits of `job` is never emptied.
    async fn prepare(&self, job: &str, tables: &[TargetTable], on_existing: OnExisting) -> Result<()>;

    /// Declares `generation` the only one that may write for `job`. Writers of older generations fail from now on.
    async fn fence(&self, job: &str, generation: u64) -> Result<()>;

    /// What the account may not do and a job must, as sentences; empty if nothing is missing or the system has no rights.
    async fn missing_privileges(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Bytes that still fit where the rows will be, if that can be told from here.
    async fn free_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Of the commits `known` of `job`, the splits whose commit the target still has. One that was restored, failed over
    /// or lost its last transactions in a crash has fewer than the journal says.
    async fn committed(&self, job: &str, known: &[(SplitId, Commit)]) -> Result<HashSet<SplitId>>;

    /// Opens a writer for one split, or says that the split is committed already.
    async fn begin(&self, write: Write) -> Result<Begin>;

    /// Opens a transaction like that of [`Target::begin`], fence check and replacing included, in which rows are tried
    /// out. What other writers of the job wrote to the table counts; the trial waits for those under way.
    async fn trial(&self, write: Write) -> Result<Box<dyn Trial>>;

    /// Streams the rows a commit wrote, as they stand now, whoever changed them since. Works until [`Target::finish`].
    async fn read_back(&self, scan: Scan, commit: Commit) -> Result<Batches>;

    /// How a table stands beside `commits`, all that this job made of it. Under `Fail` and `Truncate` the table is the
    /// job's alone, so a row that is not ours was added or changed by somebody else. `None` where a table is only what
    /// its commits are (Parquet).
    async fn standing(&self, table: &str, commits: &[Commit]) -> Result<Option<Standing>>;

    /// Creates what tables may need (types, domains, sequences, functions) before [`Target::prepare`], or what needs
    /// tables and rows (views, triggers) at the end. Does nothing for those that are there and equal.
    ///
    /// # Errors
    /// `Exists` where one of that name is there and not equal; `Unsupported` for systems without any such object.
    async fn create_objects(&self, objects: &[Object]) -> Result<()> {
        match objects.first() {
            None => Ok(()),
            Some(object) => Err(Error::Unsupported {
                what: format!("{} \"{}\"", object.kind, object.name),
                why: format!("{} targets hold tables only", self.system()),
            }),
        }
    }

    /// Adds the secondary indexes and unique constraints of one loaded table. Does nothing for those that are there.
    async fn add_indexes(&self, table: &TargetTable) -> Result<()> {
        nothing_to_add(table, table.indexes.len(), "indexes")
    }

    /// Adds the check constraints of one loaded table. Does nothing for those that are there.
    async fn add_checks(&self, table: &TargetTable) -> Result<()> {
        nothing_to_add(table, table.checks.len(), "check constraints")
    }

    /// The smallest and the largest number in a column; `None` if no row has one.
    async fn extent(&self, table: &str, column: &str) -> Result<Option<(i64, i64)>> {
        Err(Error::Unsupported {
            what: format!("numbering of \"{column}\" of table \"{table}\""),
            why: format!("{} targets number nothing by themselves", self.system()),
        })
    }

    /// Sets what the target's own numbering gives next. Never back: where it would give a later number already, or none
    /// any more, it stays.
    async fn set_next(&self, next: &[NextNumber]) -> Result<()> {
        match next.first() {
            None => Ok(()),
            Some(next) => Err(Error::Unsupported {
                what: format!("numbering of \"{}\"", next.of),
                why: format!("{} targets number nothing by themselves", self.system()),
            }),
        }
    }

    /// Adds the primary key of one loaded table. Does nothing if it is there.
    async fn add_primary_key(&self, table: &TargetTable) -> Result<()>;

    /// Adds the foreign keys of one loaded table. Does nothing for those that are there.
    async fn add_foreign_keys(&self, table: &TargetTable) -> Result<()>;

    /// Makes the loaded tables visible and durable (Parquet: writes each table's manifest from `commits`; databases:
    /// checkpoint and statistics) and drops the progress records of `job`.
    async fn finish(&self, job: &str, tables: &[(TargetTable, Vec<Commit>)]) -> Result<()>;

    /// Deletes the rows at `locators` and inserts `rows`, in one transaction. Fails, changing nothing, unless exactly
    /// the named rows are deleted.
    async fn mend(&self, table: &TargetTable, locators: &[String], rows: &[RecordBatch]) -> Result<()>;
}

fn nothing_to_add(table: &TargetTable, count: usize, what: &str) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let why = "this kind of target has none, so the plan must not have any".to_owned();
    Err(Error::Unsupported { what: format!("{what} of table \"{}\"", table.name), why })
}

/// The next number of a column or sequence of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextNumber {
    /// The table, for a column that numbers itself; `None` for a sequence that stands alone.
    pub table: Option<String>,
    /// The column or the sequence.
    pub of: String,
    /// What the next draw must give; one beyond the last number if the target must refuse to draw.
    pub next: i128,
}

/// Which split is about to be written.
#[derive(Clone, Debug)]
pub struct Write {
    /// The job.
    pub job: String,
    /// The writer's generation, checked against the fence inside the transaction.
    pub generation: u64,
    /// The split.
    pub split: SplitId,
    /// Where to.
    pub table: Arc<TargetTable>,
    /// If the split was committed before: delete the rows of that commit and write anew, in the same transaction.
    /// [`crate::Error::Changed`] unless exactly those rows are still there.
    pub replace: bool,
    /// If somebody who had the split before is not heard of any more: end what he may still have open in the target,
    /// where the system can, instead of waiting for him. What he committed counts.
    pub evict: bool,
}

/// Answer to [`Target::begin`].
pub enum Begin {
    /// Write here.
    Writer(Box<dyn Writer>),
    /// Nothing to write: this is the earlier commit.
    Committed(Commit),
}

/// Takes the rows of one split. Fails with [`crate::Error::RefusedRow`], in `write` or `commit`, where a row was refused
/// because of what is in it; [`Target::trial`] finds out which. Dropping it without `commit` leaves nothing behind.
#[async_trait]
pub trait Writer: Send {
    /// Whether [`Writer::write`] takes the tuples of a scan of a system of its own kind, whose columns are those of the
    /// target table in the same order and of the same types.
    fn takes_tuples(&self) -> bool {
        false
    }

    /// Sends rows on: the table's columns, or tuples. Returning means accepted, not durable.
    async fn write(&mut self, rows: &RecordBatch) -> Result<()>;

    /// Makes the rows durable. Fails, leaving nothing, unless the target took exactly `rows` rows. Where the answer to
    /// a commit is lost, the progress record is read to settle it before this returns.
    async fn commit(self: Box<Self>, rows: u64) -> Result<Commit>;
}

/// Proof of one committed split, enough to find its rows again until [`Target::finish`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Rows committed.
    pub rows: u64,
    /// Where they are.
    pub token: Token,
}

/// The rows of a table, counted at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Rows in the table.
    pub rows: u64,
    /// Rows that are still as one of the commits wrote them. SQLite cannot tell a row that was changed later, so there
    /// it is the sum of what was committed; MySQL cannot either, so there it is what is left of that.
    pub ours: u64,
}

/// How each system finds the rows of one commit again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "in")]
pub enum Token {
    /// PostgreSQL: the writing transaction, and the heap blocks its rows should be in. The blocks are a hint that
    /// saves reading the whole table; the transaction id decides.
    Postgresql {
        /// `xmin` of the rows.
        xid: u32,
        /// First heap block.
        first_block: u64,
        /// Block after the last.
        end_block: u64,
    },
    /// SQLite: the progress record in the file, which lists the rowids, since gaps can make that list as long as the
    /// rows are many. Good until [`Target::finish`] drops the record.
    Sqlite {
        /// The job.
        job: String,
        /// The split.
        split: u32,
        /// SHA-256 of the list as it is stored, hex.
        rowids_sha256: String,
    },
    /// MySQL: the numbers that mark its rows, in a column that is there until [`Target::finish`].
    Mysql {
        /// First mark.
        first: u64,
        /// Mark after the last.
        end: u64,
    },
    /// Parquet: one file, relative to the endpoint.
    Parquet {
        /// Object path.
        path: String,
        /// Size in bytes.
        bytes: u64,
        /// SHA-256 of the file, hex.
        sha256: String,
    },
}
