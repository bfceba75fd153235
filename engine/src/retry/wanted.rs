//! The rejected rows that can be found again in the source, and those that cannot.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::StreamExt;
use sensei_operators::KeyPicker;
use sensei_storage::{Range, Snapshot};

use crate::failure::{Doing, Failure, Result};
use crate::limits::RETRY_ROWS_MAX;
use crate::lower::LoweredTable;
use crate::rejects::RejectLine;

/// Rejected rows, by whether they can be tried again.
#[derive(Default)]
pub(super) struct Wanted {
    /// Rows by source table and key.
    rows: BTreeMap<String, BTreeMap<String, Vec<RejectLine>>>,
    /// Rows that cannot be tried; they stay rejected.
    pub lost: Vec<RejectLine>,
    /// Why, once per reason.
    pub notes: Vec<String>,
}

impl Wanted {
    /// Sorts the lines of a job's rejects.
    ///
    /// # Errors
    /// `Usage` if they are more than a retry takes on.
    pub fn of(lines: Vec<RejectLine>, tables: &[LoweredTable]) -> Result<Wanted> {
        let mut wanted = Wanted::default();
        if lines.len() as u64 > RETRY_ROWS_MAX {
            return Err(Failure::usage(
                format!("{} rows were rejected, more than the {RETRY_ROWS_MAX} that a retry takes on", lines.len()),
                "Run the plan again with `sensei run --fresh`.",
            ));
        }
        for line in lines {
            match key(&line, tables) {
                Ok(key) => wanted.rows.entry(line.table.clone()).or_default().entry(key).or_default().push(line),
                Err(why) => wanted.lose(line, why),
            }
        }
        Ok(wanted)
    }

    fn lose(&mut self, line: RejectLine, why: &str) {
        let note = format!("table \"{}\" {why}; they were not tried and stay rejected", line.table);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
        self.lost.push(line);
    }

    /// Leaves out rows that `source`, which shows the wanted ones only, does not have.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn keep_present(&mut self, source: &dyn Snapshot, tables: &[LoweredTable]) -> Result<()> {
        let pickers = self.pickers(tables);
        for table in tables {
            let Some(picker) = pickers.get(&table.source) else { continue };
            let present = present(source, table, picker).await?;
            let rows = self.rows.remove(&table.source).unwrap_or_default();
            for (key, lines) in rows {
                if present.contains(&key) {
                    self.rows.entry(table.source.clone()).or_default().insert(key, lines);
                } else {
                    lines.into_iter().for_each(|line| self.lose(line, "has not all rejected rows in the source"));
                }
            }
        }
        Ok(())
    }

    /// Whether rows of this source table can be tried.
    pub fn has(&self, table: &str) -> bool {
        self.rows.contains_key(table)
    }

    /// Rows that can be tried.
    pub fn count(&self) -> u64 {
        self.rows.values().map(|keys| keys.len() as u64).sum()
    }

    /// What picks them out of the source.
    pub fn pickers(&self, tables: &[LoweredTable]) -> BTreeMap<String, Arc<KeyPicker>> {
        let picker = |table: &LoweredTable| {
            let keys: HashSet<String> = self.rows.get(&table.source)?.keys().cloned().collect();
            let index = |name: &String| table.read.iter().position(|field| field.name == *name);
            let key: Vec<usize> = table.source_key.iter().filter_map(index).collect();
            Some((table.source.clone(), Arc::new(KeyPicker::new(&table.read, &key, keys))))
        };
        tables.iter().filter_map(picker).collect()
    }
}

/// The key by which a row can be found, or why there is none.
fn key(line: &RejectLine, tables: &[LoweredTable]) -> std::result::Result<String, &'static str> {
    let table = tables.iter().find(|table| table.source == line.table);
    let first = table.ok_or("is not in the plan any more, so its rejected rows have no place")?.source_key.first();
    let first = first.ok_or("has no key that is read and not masked, by which rejected rows could be found again")?;
    // A reader that cannot tell the key gives the row's address.
    let is_key = |key: &&String| key.strip_prefix(first.as_str()).is_some_and(|rest| rest.starts_with('='));
    line.key.as_ref().filter(is_key).cloned().ok_or("has rejected rows whose key could not be read")
}

async fn present(source: &dyn Snapshot, table: &LoweredTable, picker: &KeyPicker) -> Result<HashSet<String>> {
    let doing = || format!("reading table \"{}\"", table.source);
    let mut present = HashSet::new();
    let mut batches = source.scan(table.source_scan(Range::Whole)).await.doing(doing())?;
    while let Some(batch) = batches.next().await {
        present.extend(picker.keys(&batch.doing(doing())?));
    }
    Ok(present)
}
