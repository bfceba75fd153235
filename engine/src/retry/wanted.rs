//! The rejected rows that can be found again in the source, and those that cannot.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sensei_operators::KeyPicker;

use crate::failure::{Failure, Result};
use crate::limits::RETRY_ROWS_MAX;
use crate::lower::LoweredTable;
use crate::rejects::RejectLine;

/// Rejected rows, by whether they can be tried again.
#[derive(Default)]
pub(super) struct Wanted {
    /// Keys by source table.
    pub keys: BTreeMap<String, HashSet<String>>,
    /// Rows that cannot be found by a key.
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
            let table = tables.iter().find(|table| table.source == line.table);
            match (table.map(|table| table.source_key.is_empty()), line.key.clone()) {
                (Some(false), Some(key)) => {
                    wanted.keys.entry(line.table).or_default().insert(key);
                }
                (without_key, _) => wanted.lose(line, without_key),
            }
        }
        Ok(wanted)
    }

    fn lose(&mut self, line: RejectLine, without_key: Option<bool>) {
        let why = match without_key {
            None => "is not in the plan any more",
            Some(true) => "has no key that is read and not masked, by which its rows could be found again",
            Some(false) => "has rejected rows whose key could not be read",
        };
        let note = format!("table \"{}\" {why}; its rejected rows were not tried", line.table);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
        self.lost.push(line);
    }

    /// Rows that can be tried.
    pub fn count(&self) -> u64 {
        self.keys.values().map(|keys| keys.len() as u64).sum()
    }

    /// What picks them out of the source.
    pub fn pickers(&self, tables: &[LoweredTable]) -> BTreeMap<String, Arc<KeyPicker>> {
        let picker = |table: &LoweredTable| {
            let keys = self.keys.get(&table.source)?;
            let index = |name: &String| table.read.iter().position(|field| field.name == *name);
            let key: Vec<usize> = table.source_key.iter().filter_map(index).collect();
            Some((table.source.clone(), Arc::new(KeyPicker::new(&table.read, &key, keys.clone()))))
        };
        tables.iter().filter_map(picker).collect()
    }
}
