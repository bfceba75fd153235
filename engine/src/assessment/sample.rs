//! Rows really read and converted as a run would, and counted instead of written.

use std::collections::BTreeMap;

use arrow_array::{Array, RecordBatch};
use futures::StreamExt;
use sensei_operators::Projected;
use sensei_storage::{Batch, Fault, Range, Result, Scan, Snapshot, Table};

use crate::assessment::model::{Depth, Reading, RejectGroup};
use crate::limits::{SAMPLE_BATCH_BYTES, SAMPLE_BYTES_MAX, SAMPLE_KEYS_MAX, SAMPLE_REASONS_MAX};
use crate::lower::LoweredTable;

/// What reading a table showed, with the rows that each lossy rule changed, by target column.
pub struct Sampled {
    /// Counts and reasons.
    pub reading: Reading,
    /// Rows changed, by target column.
    pub lossy: BTreeMap<String, u64>,
}

/// Reads `table` as deep as asked, telling `moved` of rows and bytes on the way.
///
/// # Errors
/// What reading fails with.
pub async fn read(
    snapshot: &dyn Snapshot,
    table: &LoweredTable,
    found: &Table,
    depth: Depth,
    moved: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Sampled> {
    let (mut ranges, mut left) = match depth {
        Depth::Exact => (vec![Range::Whole], Limit { rows: u64::MAX, bytes: u64::MAX }),
        Depth::Sample { rows } => (snapshot.sample(found, rows).await?, Limit { rows, bytes: SAMPLE_BYTES_MAX }),
    };
    let mut tally = Tally { places: ranges.len() as u64, ..Tally::default() };
    let mut whole = ranges == [Range::Whole];
    // The last rows first: the newest differ most from what people expect, and what a sparse range leaves over goes to
    // those before it.
    while let Some(range) = ranges.pop() {
        let places = ranges.len() as u64 + 1;
        let share = Limit { rows: left.rows.div_ceil(places), bytes: left.bytes.div_ceil(places) };
        let before = (tally.reading.rows, tally.reading.bytes);
        whole &= tally.range(snapshot, table, range, share, moved).await?;
        left.rows = left.rows.saturating_sub(tally.reading.rows - before.0);
        left.bytes = left.bytes.saturating_sub(tally.reading.bytes - before.1);
    }
    Ok(tally.close(whole))
}

/// Bytes of the values in a batch, whatever room its builders took.
pub fn encoded_bytes(rows: &RecordBatch) -> u64 {
    let bytes = |column: &arrow_array::ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0) as u64;
    rows.columns().iter().map(bytes).sum()
}

/// How much is read at the most, about: the batch that goes beyond it counts too.
#[derive(Clone, Copy)]
struct Limit {
    rows: u64,
    bytes: u64,
}

/// What adds up over the batches of one table.
#[derive(Default)]
struct Tally {
    reading: Reading,
    lossy: BTreeMap<String, u64>,
    groups: BTreeMap<(String, String), (u64, Vec<String>)>,
    places: u64,
}

impl Tally {
    /// Reads one range; `true` if it ended before the limit.
    async fn range(
        &mut self,
        snapshot: &dyn Snapshot,
        table: &LoweredTable,
        range: Range,
        limit: Limit,
        moved: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<bool> {
        let scan = Scan { batch_bytes: SAMPLE_BATCH_BYTES, ..table.source_scan(range) };
        let mut batches = snapshot.scan(scan).await?;
        let (mut rows, mut bytes) = (0, 0);
        while rows < limit.rows && bytes < limit.bytes {
            let Some(batch) = batches.next().await else { return Ok(true) };
            let batch = batch?;
            let (read, size) = ((batch.rows.num_rows() + batch.faults.len()) as u64, encoded_bytes(&batch.rows));
            self.add(table, batch, read, size);
            moved(read, size);
            rows += read;
            bytes += size;
        }
        Ok(batches.next().await.transpose()?.is_none())
    }

    fn add(&mut self, table: &LoweredTable, batch: Batch, read: u64, bytes: u64) {
        let Projected { rejected, filtered, lossy, .. } = table.projection.apply(batch);
        self.reading.rows += read;
        self.reading.bytes += bytes;
        self.reading.rows_filtered += filtered;
        self.reading.rows_rejected += rejected.len() as u64;
        for (column, rows) in lossy {
            *self.lossy.entry(column).or_default() += rows;
        }
        rejected.into_iter().for_each(|rejected| self.reject(rejected.fault));
    }

    fn reject(&mut self, fault: Fault) {
        let full = self.groups.len() >= SAMPLE_REASONS_MAX;
        let group = (fault.column, fault.reason);
        if full && !self.groups.contains_key(&group) {
            self.reading.rows_rejected_otherwise += 1;
            return;
        }
        let (rows, keys) = self.groups.entry(group).or_default();
        *rows += 1;
        if keys.len() < SAMPLE_KEYS_MAX {
            keys.extend(fault.key);
        }
    }

    fn close(self, whole: bool) -> Sampled {
        let group = |((column, reason), (rows, keys))| RejectGroup { column, reason, rows, keys };
        let mut rejects: Vec<RejectGroup> = self.groups.into_iter().map(group).collect();
        rejects.sort_by_key(|group| std::cmp::Reverse(group.rows));
        Sampled { reading: Reading { whole, places: self.places, rejects, ..self.reading }, lossy: self.lossy }
    }
}
