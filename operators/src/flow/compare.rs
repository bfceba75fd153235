//! Compares what two sides hold, in three passes of one idiom: buckets of rows by digest, then rows of the differing
//! buckets by hash, then the differing rows themselves. Memory is bounded by the buckets looked at, never by the table.
//!
//! Here rows of both sides must meet, so the workers of one process form one timely instance and exchange by bucket.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use differential_dataflow::AsCollection;
use sensei_storage::{Batch, Digest, Fault};
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, StreamVec};

use crate::flow::difference::Difference;
use crate::flow::event::Permit;
use crate::flow::port::{Arrival, Inlet, Outlet};
use crate::hash::{RowHasher, prefix};
use crate::project::Projection;
use crate::times::{Step, Times};

/// Buckets of one table in the first pass: a thousand differing rows of ten million leave a twentieth of the rows to look
/// at in the second.
pub const BUCKETS_PER_TABLE: u16 = 1 << 14;

/// Buckets that a worker sums up before it passes them on, some 50 bytes each: one update per bucket, where a batch would
/// give nearly one per row.
const SUMMED_BUCKETS_MAX: usize = 4 * BUCKETS_PER_TABLE as usize;

/// Batches taken from the inlet before other operators get their turn.
const FUEL: usize = 16;

/// Half of a row's 256-bit hash: enough to tell rows of one comparison apart.
pub type RowHash = [u64; 2];

/// Which side a row was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// What the target should hold: the source under the plan's rules.
    Expected,
    /// What the target holds.
    Actual,
}

/// Rows for a comparison.
pub struct SideFeed {
    /// Where they come from.
    pub side: Side,
    /// Index of their table.
    pub table: u32,
    /// The rows: source fields on the expected side, target fields on the actual side.
    pub batch: Batch,
    /// Their budget.
    pub permit: Permit,
}

/// Buckets to look into, as (table, bucket).
pub type Buckets = BTreeSet<(u32, u16)>;

/// What one pass looks for.
#[derive(Clone, Debug)]
pub enum Pass {
    /// Which buckets differ.
    Buckets,
    /// Which rows of these buckets are on one side only.
    Rows(Arc<Buckets>),
    /// The rows with these hashes, at most so many copies of each per worker: positive of the expected side, negative
    /// of the actual.
    Fetch(Arc<BTreeMap<(u32, RowHash), i64>>),
}

/// What a pass found.
#[derive(Debug)]
pub enum Finding {
    /// The two sides of this bucket differ.
    Bucket {
        /// Table and bucket.
        bucket: (u32, u16),
        /// Expected minus actual.
        difference: Digest,
    },
    /// A row that one side has more often.
    Row {
        /// Table and bucket.
        bucket: (u32, u16),
        /// The row.
        hash: RowHash,
        /// Positive: the expected side has that many more.
        surplus: i64,
    },
    /// A row asked for by [`Pass::Fetch`].
    Fetched {
        /// Its table.
        table: u32,
        /// The side it was read from.
        side: Side,
        /// Its hash.
        hash: RowHash,
        /// The row alone: target columns, and the locator where the actual side was read with one.
        row: RecordBatch,
    },
    /// A row of the expected side that does not fit the target, so it cannot be there.
    Rejected {
        /// Its table.
        table: u32,
        /// Why.
        fault: Fault,
    },
    /// A row of the actual side that cannot be decoded as the type it must have.
    Undecodable {
        /// Its table.
        table: u32,
        /// Why.
        fault: Fault,
    },
    /// Rows seen by one worker.
    Tally(Tally),
}

/// Rows one worker saw of one side of one table.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The table.
    pub table: u32,
    /// The side.
    pub side: Side,
    /// Rows that took part.
    pub rows: u64,
    /// Rows the `where` condition left out.
    pub filtered: u64,
    /// Rows changed by declared lossy rules, by column.
    pub lossy: BTreeMap<String, u64>,
    /// Digest of the rows that took part (first pass only).
    pub digest: Digest,
}

/// One comparison pass over all workers of this process.
pub struct Comparer {
    /// Transformation of each table's source rows, by table index.
    pub projections: Arc<Vec<Projection>>,
    /// Row hasher of each table, by table index.
    pub hashers: Arc<Vec<RowHasher>>,
    /// What to look for.
    pub pass: Pass,
    /// One inlet per worker. The pass ends when all are closed.
    pub inlets: Vec<Inlet<SideFeed>>,
    /// Where the time of the operators is booked.
    pub times: Arc<Times>,
    /// What was found.
    pub findings: Outlet<Finding>,
}

impl Comparer {
    /// Runs on threads of its own and returns when every inlet is closed and everything found was sent.
    ///
    /// # Errors
    /// If the worker threads cannot be started or one of them failed.
    pub fn run(self) -> Result<(), String> {
        let threads = self.inlets.len();
        let inlets = Mutex::new(self.inlets.into_iter().map(Some).collect::<Vec<_>>());
        let (projections, hashers, pass, findings) = (self.projections, self.hashers, self.pass, self.findings);
        let times = self.times;
        let guards = timely::execute(timely::Config::process(threads), move |worker| {
            let taken = inlets.lock().map(|mut inlets| inlets[worker.index()].take());
            let inlet = taken.ok().flatten().expect("each worker takes its own inlet once");
            let sorter = Sorter::new(projections.clone(), hashers.clone(), times.clone(), pass.clone());
            worker.dataflow::<u64, _, _>(|scope| build(scope, inlet, sorter, findings.clone()));
        })?;
        guards.join().into_iter().collect::<Result<(), String>>()
    }
}

type Update<D, R> = (D, u64, R);
type BucketUpdate = Update<(u32, u16), Difference>;
type RowUpdate = Update<((u32, u16), RowHash), i64>;

fn build(scope: Scope<'_, u64>, inlet: Inlet<SideFeed>, sorter: Sorter, findings: Outlet<Finding>) {
    let (buckets, rows) = sort(scope, inlet, sorter, findings.clone());
    let found = findings.clone();
    buckets.as_collection().consolidate().inspect(move |(bucket, _, difference)| {
        let _ = found.send(Finding::Bucket { bucket: *bucket, difference: difference.0 });
    });
    rows.as_collection().consolidate().inspect(move |((bucket, hash), _, surplus)| {
        let _ = findings.send(Finding::Row { bucket: *bucket, hash: *hash, surplus: *surplus });
    });
}

type BucketUpdates<'scope> = StreamVec<'scope, u64, BucketUpdate>;
type RowUpdates<'scope> = StreamVec<'scope, u64, RowUpdate>;

/// The entry operator: brings the expected side into target form and turns rows of both sides into updates.
fn sort<'scope>(
    scope: Scope<'scope, u64>,
    mut inlet: Inlet<SideFeed>,
    mut sorter: Sorter,
    findings: Outlet<Finding>,
) -> (BucketUpdates<'scope>, RowUpdates<'scope>) {
    let mut builder = OperatorBuilder::new("Sort".to_owned(), scope);
    let (mut bucket_output, buckets) = builder.new_output::<Vec<_>>();
    let (mut row_output, rows) = builder.new_output::<Vec<_>>();
    let address = builder.operator_info().address;
    inlet.register(scope, &address);
    let again = scope.activator_for(address);
    builder.build_reschedule(move |capabilities| {
        let mut capabilities = Some(capabilities);
        let mut tallies = BTreeMap::new();
        move |_frontiers| {
            let Some(held) = &capabilities else { return false };
            for _ in 0..FUEL {
                match inlet.next() {
                    Arrival::Item(feed) => {
                        let (mut buckets, mut rows) = sorter.updates(feed, &mut tallies, &findings);
                        if !buckets.is_empty() {
                            bucket_output.activate().give(&held[0], &mut buckets);
                        }
                        if !rows.is_empty() {
                            row_output.activate().give(&held[1], &mut rows);
                        }
                    }
                    Arrival::NothingYet => return true,
                    Arrival::Closed => {
                        bucket_output.activate().give(&held[0], &mut sorter.summed());
                        for tally in std::mem::take(&mut tallies).into_values() {
                            let _ = findings.send(Finding::Tally(tally));
                        }
                        capabilities = None;
                        return false;
                    }
                }
            }
            again.activate();
            true
        }
    });
    (buckets, rows)
}

struct Sorter {
    projections: Arc<Vec<Projection>>,
    hashers: Arc<Vec<RowHasher>>,
    times: Arc<Times>,
    pass: Pass,
    /// Copies this worker has still to send.
    unsent: Unsent,
    sums: Sums,
}

/// Expected minus actual, by table and bucket.
type Sums = HashMap<(u32, u16), Digest>;

/// Copies of rows to send, by table, side and hash.
type Unsent = HashMap<(u32, Side, RowHash), u64>;
type Tallies = BTreeMap<(u32, Side), Tally>;
type Updates = (Vec<BucketUpdate>, Vec<RowUpdate>);

impl Sorter {
    fn new(projections: Arc<Vec<Projection>>, hashers: Arc<Vec<RowHasher>>, times: Arc<Times>, pass: Pass) -> Sorter {
        let unsent = match &pass {
            Pass::Fetch(wanted) => wanted.iter().map(|(row, copies)| unsent(*row, *copies)).collect(),
            Pass::Buckets | Pass::Rows(_) => Unsent::new(),
        };
        Sorter { projections, hashers, times, pass, unsent, sums: Sums::new() }
    }

    fn updates(&mut self, feed: SideFeed, tallies: &mut Tallies, findings: &Outlet<Finding>) -> Updates {
        let SideFeed { side, table, batch, permit: _permit } = feed;
        let fresh = || Tally { table, side, rows: 0, filtered: 0, lossy: BTreeMap::new(), digest: Digest::ZERO };
        let tally = tallies.entry((table, side)).or_insert_with(fresh);
        let rows = match side {
            Side::Expected => self.times.on(Step::Transform, || self.expected(table, batch, tally, findings)),
            Side::Actual => actual(table, batch, findings),
        };
        tally.rows += rows.num_rows() as u64;
        let hasher = &self.hashers[table as usize];
        let (unsent, sums) = (&mut self.unsent, &mut self.sums);
        let rows = self.times.on(Step::Digest, || match &self.pass {
            Pass::Buckets => {
                tally.digest += sum(hasher, &rows, side, table, sums);
                Vec::new()
            }
            Pass::Rows(wanted) => by_row(hasher, &rows, side, table, wanted),
            Pass::Fetch(_) => {
                fetch(hasher, &rows, side, table, unsent, findings);
                Vec::new()
            }
        });
        let buckets = if self.sums.len() > SUMMED_BUCKETS_MAX { self.summed() } else { Vec::new() };
        (buckets, rows)
    }

    /// What was summed up since the last call.
    fn summed(&mut self) -> Vec<BucketUpdate> {
        let differing = self.sums.drain().filter(|(_, difference)| !difference.is_zero());
        differing.map(|(bucket, difference)| (bucket, 0, Difference(difference))).collect()
    }

    fn expected(&self, table: u32, batch: Batch, tally: &mut Tally, findings: &Outlet<Finding>) -> RecordBatch {
        let projected = self.projections[table as usize].apply(batch);
        tally.filtered += projected.filtered;
        for (column, rows) in projected.lossy {
            *tally.lossy.entry(column).or_default() += rows;
        }
        for rejected in projected.rejected {
            let _ = findings.send(Finding::Rejected { table, fault: rejected.fault });
        }
        projected.rows
    }
}

fn actual(table: u32, batch: Batch, findings: &Outlet<Finding>) -> RecordBatch {
    for fault in batch.faults {
        let _ = findings.send(Finding::Undecodable { table, fault });
    }
    batch.rows
}

fn bucket_of(identity: &[u8; 32]) -> u16 {
    (prefix(identity) % u64::from(BUCKETS_PER_TABLE)) as u16
}

/// Adds rows to their buckets; the digest of all of them.
fn sum(hasher: &RowHasher, rows: &RecordBatch, side: Side, table: u32, sums: &mut Sums) -> Digest {
    let mut total = Digest::ZERO;
    hasher.for_each_identified(rows, |_, identity, hash| {
        let digest = Digest::of_row(*hash);
        total += digest;
        let bucket = sums.entry((table, bucket_of(identity))).or_default();
        *bucket += if side == Side::Expected { digest } else { -digest };
    });
    total
}

fn row_hash(hash: &[u8; 32]) -> RowHash {
    let words = hash.as_chunks::<8>().0;
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

fn by_row(hasher: &RowHasher, rows: &RecordBatch, side: Side, table: u32, wanted: &Buckets) -> Vec<RowUpdate> {
    let sign = if side == Side::Expected { 1 } else { -1 };
    let mut updates = Vec::new();
    hasher.for_each_identified(rows, |_, identity, hash| {
        let bucket = (table, bucket_of(identity));
        if wanted.contains(&bucket) {
            updates.push(((bucket, row_hash(hash)), 0, sign));
        }
    });
    updates
}

fn unsent((table, hash): (u32, RowHash), copies: i64) -> ((u32, Side, RowHash), u64) {
    let side = if copies > 0 { Side::Expected } else { Side::Actual };
    ((table, side, hash), copies.unsigned_abs())
}

fn fetch(
    hasher: &RowHasher,
    rows: &RecordBatch,
    side: Side,
    table: u32,
    unsent: &mut Unsent,
    findings: &Outlet<Finding>,
) {
    hasher.for_each(rows, |row, hash| {
        let hash = row_hash(&hash);
        let Some(copies) = unsent.get_mut(&(table, side, hash)).filter(|copies| **copies > 0) else { return };
        *copies -= 1;
        let index = UInt32Array::from(vec![row as u32]);
        let row = take_record_batch(rows, &index).expect("a row of this batch");
        let _ = findings.send(Finding::Fetched { table, side, hash, row });
    });
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
