//! Who changed what: entries of which each names the hash of the one before, so that a change to one shows in all that
//! follow. That the last entries are missing does not show here, only to whoever noted their hash.

use sensei_storage::database::{Row, Statement, Value};
use sensei_storage::{Error, Result, canonical_json};
use sha2::{Digest as _, Sha256};

use super::Store;
use crate::head::record::AuditRecord;

/// Entries checked at once.
const ENTRIES_PER_PAGE_MAX: u32 = 5_000;

const AFTER: &str = "SELECT seq, entry, previous_sha256, sha256 FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";
const LAST: &str = "SELECT seq, entry, previous_sha256, sha256 FROM audit ORDER BY seq DESC LIMIT 1";
/// Only where the last entry is the one that this one follows.
const APPEND: &str = "INSERT INTO audit (seq, entry, previous_sha256, sha256)
    SELECT CAST($1 AS bigint), CAST($2 AS text), CAST($3 AS text), CAST($4 AS text)
    WHERE coalesce((SELECT max(seq) FROM audit), 0) = CAST($1 AS bigint) - 1
    AND coalesce((SELECT sha256 FROM audit ORDER BY seq DESC LIMIT 1), '') = CAST($3 AS text)";

/// One entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 1 without gaps.
    pub seq: u64,
    /// What was done.
    pub record: AuditRecord,
    /// SHA-256 of the entry before, hex; empty for the first.
    pub previous_sha256: String,
    /// SHA-256 of `previous_sha256` followed by the record's canonical JSON, hex.
    pub sha256: String,
}

/// Where the chain ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    seq: u64,
    sha256: String,
}

impl Chain {
    /// The statement that appends `record`, of which this is the new end.
    pub(super) fn append(&mut self, record: &AuditRecord) -> Result<Statement> {
        let entry = text_of(record)?;
        let (seq, sha256) = (self.seq + 1, link(&self.sha256, &entry));
        let previous = std::mem::replace(self, Chain { seq, sha256: sha256.clone() }).sha256;
        let row = [Value::Int(seq.cast_signed()), entry.into(), previous.into(), sha256.into()];
        let moved = move || altered(seq - 1, "it is not the last one that was written");
        Ok(Statement::new(APPEND).row(row).expect_rows(1, moved))
    }
}

impl Store {
    /// At most `limit` entries whose number is above `after`, the oldest first, not checked.
    ///
    /// # Errors
    /// `Altered` if an entry cannot be read. `Unavailable` if the database is away.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>> {
        let rows = self.audit_rows(after, limit).await?;
        rows.iter().map(|row| entry(row).map(|(entry, _)| entry)).collect()
    }

    /// Checks the chain from its first entry and returns how many there are.
    ///
    /// # Errors
    /// `Altered`, naming the first entry that does not fit. `Unavailable` if the database is away.
    pub async fn verify_audit(&self) -> Result<u64> {
        let mut end = Chain::default();
        loop {
            let rows = self.audit_rows(end.seq, ENTRIES_PER_PAGE_MAX).await?;
            for row in &rows {
                end = follow(&end, row)?;
            }
            if rows.len() < ENTRIES_PER_PAGE_MAX as usize {
                return Ok(end.seq);
            }
        }
    }

    /// Where the chain ends, as its last entry says.
    pub(super) async fn chain_end(&self) -> Result<Chain> {
        let rows = self.database.read(LAST, Vec::new()).await?;
        let end = |row: &Row| Ok(Chain { seq: number(row)?, sha256: row.text(3)?.to_owned() });
        rows.first().map_or(Ok(Chain::default()), end)
    }

    async fn audit_rows(&self, after: u64, limit: u32) -> Result<Vec<Row>> {
        self.database.read(AFTER, vec![Value::Int(after.cast_signed()), limit.into()]).await
    }
}

/// Hash of the entry of `record` behind an entry with the hash `previous`, hex.
///
/// # Errors
/// None that a record has: each can be written.
pub fn hash_of(previous: &str, record: &AuditRecord) -> Result<String> {
    Ok(link(previous, &text_of(record)?))
}

fn text_of(record: &AuditRecord) -> Result<String> {
    let value = serde_json::to_value(record).map_err(|error| Error::internal("audit", error))?;
    String::from_utf8(canonical_json(&value)).map_err(|error| Error::internal("audit", error))
}

/// The end of the chain after the entry in `row`, which must follow `end`.
fn follow(end: &Chain, row: &Row) -> Result<Chain> {
    let seq = end.seq + 1;
    if number(row)? != seq {
        return Err(altered(seq, "it is gone, though later ones are there"));
    }
    let (entry, text) = entry(row)?;
    if entry.previous_sha256 != end.sha256 {
        return Err(altered(seq, "it does not follow the entry before it"));
    }
    match link(&end.sha256, text) == entry.sha256 {
        true => Ok(Chain { seq, sha256: entry.sha256 }),
        false => Err(altered(seq, "its hash is that of another entry")),
    }
}

/// The entry in a row, and its text.
fn entry(row: &Row) -> Result<(AuditEntry, &str)> {
    let (seq, text) = (number(row)?, row.text(1)?);
    let record = serde_json::from_str(text).map_err(|_| altered(seq, "it cannot be read"))?;
    let (previous_sha256, sha256) = (row.text(2)?.to_owned(), row.text(3)?.to_owned());
    Ok((AuditEntry { seq, record, previous_sha256, sha256 }, text))
}

fn number(row: &Row) -> Result<u64> {
    row.number(0)
}

fn link(previous: &str, entry: &str) -> String {
    hex::encode(Sha256::new().chain_update(previous).chain_update(entry).finalize())
}

fn altered(seq: u64, why: &str) -> Error {
    Error::Altered { what: format!("audit entry {seq}"), why: why.to_owned() }
}
