//! Whether the pieces a table was read in gave as many rows as it has. A damaged index or tree, or a wrong cut, lets ranges
//! miss rows or give them twice, and no error says so: only another count does, that goes by no range. Tables of one piece
//! are counted too, since a system may read a whole table from an index that has all of its columns.
//!
//! Knows nothing of what is in a row, and nothing of the other side.

use sensei_storage::{Snapshot, SplitId};

use crate::copying::Copied;
use crate::failure::{Doing, Failure, Result};
use crate::job::Job;
use crate::progress::Progress;

/// What reading one table in pieces gave.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The table's name as stored.
    pub table: String,
    /// Pieces it was read in.
    pub pieces: u64,
    /// Rows they gave together, those left out or rejected included.
    pub rows: u64,
}

impl Reading {
    /// # Errors
    /// `Miscounted` if the pieces gave another number of rows than were counted.
    fn agree(&self, side: &'static str, counted: u64) -> Result<()> {
        if counted == self.rows {
            return Ok(());
        }
        let Reading { table, pieces, rows } = self.clone();
        Err(Failure::Miscounted { side, table, counted, read: rows, pieces })
    }
}

/// Counts the tables of a job's source, when every split is copied. A split that an earlier run finished, and that was not
/// looked at again because the plan calls the source quiesced, gave the rows that are in the journal.
///
/// # Errors
/// `Miscounted`; whatever keeps a table from being counted.
pub(crate) async fn source(job: &Job, copied: &Copied) -> Result<()> {
    let splits = &job.history.splits;
    let reading = |(index, table): (usize, &sensei_planner::TablePlan)| {
        let of_table = |split: &&SplitId| splits[split.0 as usize].table as usize == index;
        let checkpoints = copied.finished.keys().filter(of_table).map(|split| &copied.finished[split]);
        let rows = checkpoints.map(|checkpoint| checkpoint.rows_read + checkpoint.rows_filtered).sum();
        let pieces = splits.iter().filter(|split| split.table as usize == index).count() as u64;
        Reading { table: table.source.clone(), pieces, rows }
    };
    let readings: Vec<_> = job.plan.tables.iter().enumerate().map(reading).collect();
    recount(job.snapshot.as_ref(), "source", &readings, job.quiet).await
}

/// Counts every table that was read, one after another and nothing beside it, in the snapshot that was read.
///
/// # Errors
/// `Miscounted` for the first table whose pieces gave another number of rows; whatever keeps a table from being counted.
pub(crate) async fn recount(
    snapshot: &dyn Snapshot,
    side: &'static str,
    readings: &[Reading],
    quiet: bool,
) -> Result<()> {
    let expected: Vec<_> = readings.iter().map(|reading| (reading.table.clone(), reading.rows)).collect();
    let mut progress = Progress::new(&format!("counting the {side}"), &expected, quiet);
    for (index, reading) in readings.iter().enumerate().filter(|(_, reading)| reading.pieces > 0) {
        let doing = format!("counting table \"{}\" of the {side}", reading.table);
        let Some(counted) = snapshot.count(&reading.table).await.doing(doing)? else { continue };
        progress.moved(index as u32, counted, 0);
        reading.agree(side, counted)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_missed_and_rows_read_twice_are_failures() {
        let reading = |rows| Reading { table: "t".to_owned(), pieces: 5, rows };
        assert!(reading(67).agree("source", 67).is_ok());
        for rows in [0, 66, 68] {
            let failure = reading(rows).agree("source", 67).unwrap_err();
            assert_eq!(failure.code(), "S404");
            assert_eq!(failure.exit(), crate::Exit::Unavailable);
            let said = failure.to_string();
            let numbers = format!("holds 67 rows, and reading it in 5 pieces gave {rows}");
            assert!(said.contains("table \"t\" of the source") && said.contains(&numbers), "{said}");
        }
    }
}
