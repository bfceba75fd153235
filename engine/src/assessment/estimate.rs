//! How long a run would take: bytes to move over the pace at which some were really read, with room for what cannot be
//! tried without writing.

use futures::StreamExt;
use sensei_planner::{LimitsPlan, Plan};
use sensei_storage::{Range, Result, Scan, Snapshot};

use crate::assessment::model::{Estimate, JobStanding, Reading, TableAssessment};
use crate::assessment::sample::encoded_bytes;
use crate::clock::Stopwatch;
use crate::limits::{PACE_BYTES_MAX, PACE_SECONDS_MAX, SAMPLE_BATCH_BYTES};
use crate::lower::LoweredTable;

/// A run does to each row what was measured, writes it, reads it back and hashes both: it takes this many times as long
/// as reading and converting alone with one reader. Seen between SQLite, PostgreSQL and Parquet, 450,000 rows, on one
/// busy machine of two cores with an unoptimised build: 2.2 to 9.5. At best the splits that move at once share the lower
/// figure; where one machine does everything they gain nothing.
const RUN_FACTOR_LOW: f64 = 2.0;
/// See [`RUN_FACTOR_LOW`].
const RUN_FACTOR_HIGH: f64 = 10.0;
/// What connecting, creating, committing and certifying take, per job and per table: the quickstart's 12 small tables
/// take 0.5 to 0.9 s.
const JOB_SECONDS: f64 = 0.3;
/// See [`JOB_SECONDS`].
const TABLE_SECONDS: f64 = 0.02;

/// Bytes read and converted in some time, by one reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Encoded bytes.
    pub bytes: u64,
    /// Seconds.
    pub seconds: f64,
    /// The table, if it was one.
    pub table: Option<String>,
}

/// Reads and converts a table from its start for a short time.
///
/// # Errors
/// What reading fails with.
pub async fn measure(snapshot: &dyn Snapshot, table: &LoweredTable) -> Result<Pace> {
    let watch = Stopwatch::start();
    let scan = Scan { batch_bytes: SAMPLE_BATCH_BYTES, ..table.source_scan(Range::Whole) };
    let mut batches = snapshot.scan(scan).await?;
    let mut bytes = 0;
    while bytes < PACE_BYTES_MAX && watch.elapsed().as_secs() < PACE_SECONDS_MAX {
        let Some(batch) = batches.next().await else { break };
        let batch = batch?;
        bytes += encoded_bytes(&batch.rows);
        table.projection.apply(batch);
    }
    Ok(Pace { bytes, seconds: watch.elapsed().as_secs_f64(), table: Some(table.source.clone()) })
}

/// The estimate; `None` if nothing was read or a table's size is not known.
pub fn estimate(plan: &Plan, tables: &[TableAssessment], pace: &Pace, job: Option<&JobStanding>) -> Option<Estimate> {
    let bytes = tables.iter().map(encoded).sum::<Option<u64>>()?;
    if pace.seconds <= 0.0 || (pace.bytes == 0 && bytes > 0) {
        return None;
    }
    let (left, resumed) = remaining(job);
    let lanes = lanes(&plan.limits, plan.target.system);
    let reading = bytes as f64 * left / (pace.bytes as f64 / pace.seconds).max(1.0);
    let fixed = JOB_SECONDS + TABLE_SECONDS * tables.len() as f64;
    let mut basis = vec![basis_of_pace(pace), basis_of_factors(lanes)];
    basis.extend(resumed);
    Some(Estimate {
        seconds_low: fixed + reading * RUN_FACTOR_LOW / lanes as f64,
        seconds_high: 2.0 * fixed + reading * RUN_FACTOR_HIGH,
        bytes,
        basis,
    })
}

/// Bytes of a table as they travel: by the size of the rows read, or what it takes at rest.
fn encoded(table: &TableAssessment) -> Option<u64> {
    match (&table.reading, table.rows) {
        (Some(Reading { rows: read @ 1.., bytes, .. }), Some(rows)) => {
            Some((*bytes as f64 / *read as f64 * rows as f64) as u64)
        }
        (Some(Reading { whole: true, .. }), _) => Some(0),
        _ => table.bytes,
    }
}

/// The part of the work that is left.
fn remaining(job: Option<&JobStanding>) -> (f64, Option<String>) {
    let Some(job) = job.filter(|job| job.splits > 0) else { return (1.0, None) };
    let left = job.splits.saturating_sub(job.splits_finished) as f64 / job.splits as f64;
    // What is finished is read once more, unless the plan says that nobody writes to the source.
    let again = (1.0 - left) / RUN_FACTOR_LOW;
    let told =
        format!("Of {} splits {} are finished; those are read again and not written.", job.splits, job.splits_finished);
    (left + again, Some(told))
}

/// Splits that really move at once.
fn lanes(limits: &LimitsPlan, target: sensei_storage::System) -> u32 {
    let writers = if target == sensei_storage::System::Sqlite { 1 } else { limits.target_connections };
    limits.workers.min(limits.source_connections).min(writers).max(1)
}

fn basis_of_pace(pace: &Pace) -> String {
    let rate = pace.bytes as f64 / 1e6 / pace.seconds.max(0.001);
    let of = pace.table.as_ref().map_or_else(|| "the rows read".to_owned(), |table| format!("table \"{table}\""));
    format!(
        "Reading and converting {:.1} MB of {of} with one reader took {:.1} s, {rate:.1} MB/s, at this hour and with \
         this load.",
        pace.bytes as f64 / 1e6,
        pace.seconds
    )
}

fn basis_of_factors(lanes: u32) -> String {
    format!(
        "Writing, reading back and building keys were not tried. They are assumed to make a run take {RUN_FACTOR_LOW} to \
         {RUN_FACTOR_HIGH} times as long as reading alone; the lower figure counts on {lanes} at a time."
    )
}
