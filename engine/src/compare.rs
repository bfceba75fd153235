//! Compares source and target as they stand, in passes: buckets, rows of differing buckets, the rows themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use sensei_operators::{
    BUCKETS_PER_TABLE, Buckets, Comparer, Finding, InletSender, Pass, RowHash, Side, SideFeed, Tally, inlet,
};
use sensei_storage::{Commit, Fault, Range, Sizing, Snapshot, Target};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::copying::Copied;
use crate::difference::{Differences, RowDifference, classify};
use crate::failure::{Doing, Failure, Result};
use crate::job::Job;
use crate::limits::{FETCH_ROWS_MAX, IN_FLIGHT_SHARE, ROUND_ROWS_MAX, SCANS_PER_SIDE_MAX};
use crate::lower::LoweredTable;
use crate::progress::Progress;
use crate::runtime::{LaneBudget, pump};

/// One scan that takes part in a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A range of a source table.
    Source(u32, Range),
    /// A range of a target table.
    Target(u32, Range),
    /// What one commit wrote.
    Commit(u32, Commit),
}

/// What to compare, and with what.
pub(crate) struct Comparison {
    pub tables: Arc<Vec<LoweredTable>>,
    pub source: Arc<dyn Snapshot>,
    pub target: Arc<dyn Snapshot>,
    pub commits: Arc<dyn Target>,
    pub parts: Vec<Part>,
    pub workers: usize,
    pub source_scans: usize,
    pub target_scans: usize,
    pub memory_bytes: u64,
    /// Whether rows of the actual side carry their address, for repair.
    pub locate: bool,
}

/// Rows one side has more of, by bucket.
type Surplus = BTreeMap<(u32, u16), Vec<(RowHash, i64)>>;

/// What the first pass found.
#[derive(Debug, Default)]
pub(crate) struct Overview {
    pub tallies: BTreeMap<(u32, Side), Tally>,
    pub rejected: BTreeMap<u32, Vec<Fault>>,
    pub rejected_rows: BTreeMap<u32, u64>,
    pub differing: Buckets,
}

impl Part {
    fn table(&self) -> u32 {
        match self {
            Part::Source(table, _) | Part::Target(table, _) | Part::Commit(table, _) => *table,
        }
    }

    fn side(&self) -> Side {
        match self {
            Part::Source(..) => Side::Expected,
            Part::Target(..) | Part::Commit(..) => Side::Actual,
        }
    }
}

/// Finds the rows by which the differing splits of a run differ.
pub(crate) async fn within_splits(job: &Job, copied: &Copied) -> Result<Vec<Differences>> {
    let mut parts = Vec::new();
    let mut buckets = Buckets::new();
    let mut rows = BTreeMap::new();
    for split in &copied.differing {
        let split = &job.history.opening.splits[split.0 as usize];
        let checkpoint = &copied.finished[&split.id];
        parts.push(Part::Source(split.table, split.range.clone()));
        parts.push(Part::Commit(split.table, checkpoint.commit.clone()));
        buckets.extend((0..BUCKETS_PER_TABLE).map(|bucket| (split.table, bucket)));
        *rows.entry(split.table).or_default() += checkpoint.rows_read + checkpoint.rows_written;
    }
    let target = job.ends.target.snapshot(1).await.doing("opening a snapshot of the target")?;
    let comparison = Comparison {
        tables: job.tables.clone(),
        source: job.snapshot.clone(),
        target,
        commits: job.ends.target.clone(),
        parts,
        workers: job.plan.limits.workers as usize,
        source_scans: job.plan.limits.source_connections as usize,
        target_scans: job.plan.limits.target_connections as usize,
        memory_bytes: job.plan.limits.memory_bytes,
        locate: false,
    };
    let mut found = Collected::new(job.tables.clone());
    comparison.localise(&buckets, &rows, &mut |batch| found.take(&batch)).await?;
    Ok(found.finish())
}

/// Cuts a table on one side into ranges to scan side by side.
pub(crate) async fn ranges(
    snapshot: &dyn Snapshot,
    table: &sensei_storage::Table,
    split_bytes: u64,
) -> Result<Vec<Range>> {
    let sizing = Sizing { split_bytes, splits_max: crate::limits::SPLITS_PER_TABLE_MAX };
    let pieces = snapshot.pieces(table, sizing).await.doing(format!("cutting table \"{}\"", table.name))?;
    Ok(pieces.into_iter().map(|piece| piece.range).collect())
}

impl Comparison {
    /// The first pass: counts, digests, and which buckets differ.
    pub async fn overview(&self, progress: &mut Progress) -> Result<Overview> {
        let mut overview = Overview::default();
        self.pass(Pass::Buckets, &self.parts, Some(progress), &mut |finding| match finding {
            Finding::Bucket { bucket, .. } => {
                overview.differing.insert(bucket);
            }
            Finding::Tally(tally) => add_tally(&mut overview.tallies, tally),
            Finding::Rejected { table, fault } => {
                *overview.rejected_rows.entry(table).or_default() += 1;
                let kept = overview.rejected.entry(table).or_default();
                if kept.len() < crate::limits::EXAMPLES_PER_TABLE_MAX {
                    kept.push(fault);
                }
            }
            Finding::Row { .. } | Finding::Fetched { .. } | Finding::Undecodable { .. } => {}
        })
        .await?;
        Ok(overview)
    }

    /// The second and third pass over `buckets`, in rounds that bound memory. `rows`: rows of both sides per table,
    /// to size the rounds. Differing rows are given to `take`, round by round.
    pub async fn localise(
        &self,
        buckets: &Buckets,
        rows: &BTreeMap<u32, u64>,
        take: &mut dyn FnMut(Vec<RowDifference>),
    ) -> Result<()> {
        for round in rounds(buckets, rows) {
            let parts = self.parts_of(&round.iter().map(|(table, _)| *table).collect());
            let mut surplus: Surplus = BTreeMap::new();
            let mut unreadable = Vec::new();
            self.pass(Pass::Rows(Arc::new(round)), &parts, None, &mut |finding| match finding {
                Finding::Row { bucket, hash, surplus: count } => surplus.entry(bucket).or_default().push((hash, count)),
                Finding::Undecodable { table, fault } => unreadable.push((table, fault)),
                _ => {}
            })
            .await?;
            take(unreadable.into_iter().map(|(table, fault)| RowDifference::unreadable(table, fault)).collect());
            for wanted in fetches(surplus) {
                take(self.fetch(wanted).await?);
            }
        }
        Ok(())
    }

    async fn fetch(&self, wanted: BTreeMap<(u32, RowHash), i64>) -> Result<Vec<RowDifference>> {
        let wanted = Arc::new(wanted);
        let parts = self.parts_of(&wanted.keys().map(|(table, _)| *table).collect());
        let mut rows = Vec::new();
        self.pass(Pass::Fetch(wanted.clone()), &parts, None, &mut |finding| {
            if let Finding::Fetched { table, side, hash, row } = finding {
                rows.push((table, side, hash, row));
            }
        })
        .await?;
        Ok(classify(&self.tables, &wanted, rows))
    }

    fn parts_of(&self, tables: &BTreeSet<u32>) -> Vec<Part> {
        self.parts.iter().filter(|part| tables.contains(&part.table())).cloned().collect()
    }

    /// Scans `parts` once, everything found going to `take`.
    async fn pass(
        &self,
        pass: Pass,
        parts: &[Part],
        mut progress: Option<&mut Progress>,
        take: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<()> {
        let (findings, mut found) = mpsc::unbounded_channel();
        let (senders, inlets): (Vec<_>, Vec<_>) = (0..self.workers.max(1)).map(|_| inlet()).unzip();
        let comparer = Comparer {
            projections: Arc::new(self.tables.iter().map(|table| table.projection.clone()).collect()),
            hashers: Arc::new(self.tables.iter().map(|table| table.hasher.clone()).collect()),
            pass,
            inlets,
            findings,
        };
        let graph = tokio::task::spawn_blocking(move || comparer.run());
        let (moved, mut moves) = mpsc::unbounded_channel();
        let mut scans = self.start_scans(parts, senders, &moved);
        drop(moved);
        let mut open = true;
        while open || !scans.is_empty() {
            tokio::select! {
                finding = found.recv(), if open => match finding {
                    Some(finding) => take(finding),
                    None => open = false,
                },
                Some((table, rows, bytes)) = moves.recv() => {
                    if let Some(progress) = progress.as_deref_mut() {
                        progress.moved(table, rows, bytes);
                    }
                }
                Some(joined) = scans.join_next() => {
                    joined.unwrap_or_else(|error| Err(Failure::internal("scanning", error)))?;
                }
                () = crate::interrupt::requested() => return Err(Failure::Interrupted),
            }
        }
        let ended = graph.await.map_err(|error| Failure::internal("comparing", error))?;
        ended.map_err(|error| Failure::internal("comparing", error))
    }

    fn start_scans(
        &self,
        parts: &[Part],
        senders: Vec<InletSender<SideFeed>>,
        moved: &mpsc::UnboundedSender<(u32, u64, u64)>,
    ) -> JoinSet<Result<()>> {
        let budget = LaneBudget::of(self.memory_bytes / IN_FLIGHT_SHARE as u64);
        let slots = |limit: usize| Arc::new(Semaphore::new(limit.clamp(1, SCANS_PER_SIDE_MAX)));
        let (source_slots, target_slots) = (slots(self.source_scans), slots(self.target_scans));
        let mut scans = JoinSet::new();
        for (index, part) in parts.iter().enumerate() {
            let slots = match part.side() {
                Side::Expected => source_slots.clone(),
                Side::Actual => target_slots.clone(),
            };
            let scanner = Scanner {
                tables: self.tables.clone(),
                source: self.source.clone(),
                target: self.target.clone(),
                commits: self.commits.clone(),
                locate: self.locate,
                budget: budget.clone(),
                sender: senders[index % senders.len()].clone(),
                moved: moved.clone(),
            };
            let part = part.clone();
            scans.spawn(async move {
                let _slot = slots.acquire_owned().await;
                scanner.scan(part).await
            });
        }
        scans
    }
}

struct Scanner {
    tables: Arc<Vec<LoweredTable>>,
    source: Arc<dyn Snapshot>,
    target: Arc<dyn Snapshot>,
    commits: Arc<dyn Target>,
    locate: bool,
    budget: LaneBudget,
    sender: InletSender<SideFeed>,
    moved: mpsc::UnboundedSender<(u32, u64, u64)>,
}

impl Scanner {
    async fn scan(self, part: Part) -> Result<()> {
        let (side, index) = (part.side(), part.table());
        let table = &self.tables[index as usize];
        let name = if side == Side::Expected { &table.source } else { &table.target.name };
        let doing =
            format!("reading table \"{name}\" of the {}", if side == Side::Expected { "source" } else { "target" });
        let batches = match part {
            Part::Source(_, range) => self.source.scan(table.source_scan(range)).await,
            Part::Target(_, range) => self.target.scan(table.target_range(range, self.locate)).await,
            Part::Commit(_, commit) => self.commits.read_back(table.target_scan(false), commit).await,
        };
        let send = |batch: sensei_storage::Batch, permit| {
            let (rows, bytes) = (batch.rows.num_rows() as u64, batch.rows.get_array_memory_size() as u64);
            self.sender.send(SideFeed { side, table: index, batch, permit });
            // Nobody listens only when the pass has failed.
            let _ = self.moved.send((index, rows, bytes));
        };
        pump(batches.doing(doing.clone())?, &self.budget, send).await.doing(doing)
    }
}

fn add_tally(tallies: &mut BTreeMap<(u32, Side), Tally>, tally: Tally) {
    let Some(sum) = tallies.get_mut(&(tally.table, tally.side)) else {
        tallies.insert((tally.table, tally.side), tally);
        return;
    };
    sum.rows += tally.rows;
    sum.filtered += tally.filtered;
    sum.digest += tally.digest;
    for (column, rows) in tally.lossy {
        *sum.lossy.entry(column).or_default() += rows;
    }
}

/// Groups buckets so that the hashes of one round stay within [`ROUND_ROWS_MAX`].
fn rounds(buckets: &Buckets, rows: &BTreeMap<u32, u64>) -> Vec<Buckets> {
    let mut rounds = vec![Buckets::new()];
    let mut held = 0;
    for bucket in buckets {
        let expected = rows.get(&bucket.0).copied().unwrap_or(0) / u64::from(BUCKETS_PER_TABLE) + 1;
        if held + expected > ROUND_ROWS_MAX {
            rounds.push(Buckets::new());
            held = 0;
        }
        held += expected;
        rounds.last_mut().expect("never empty").insert(*bucket);
    }
    rounds.retain(|round| !round.is_empty());
    rounds
}

/// Groups differing rows so that one fetch stays within [`FETCH_ROWS_MAX`]; the rows of one bucket stay together,
/// since the two versions of a changed row are among them.
fn fetches(surplus: Surplus) -> Vec<BTreeMap<(u32, RowHash), i64>> {
    let mut fetches: Vec<BTreeMap<(u32, RowHash), i64>> = Vec::new();
    for ((table, _), rows) in surplus {
        let full = fetches.last().is_none_or(|fetch| (fetch.len() + rows.len()) as u64 > FETCH_ROWS_MAX);
        if full {
            fetches.push(BTreeMap::new());
        }
        fetches
            .last_mut()
            .expect("just made sure")
            .extend(rows.into_iter().map(|(hash, count)| ((table, hash), count)));
    }
    fetches
}

/// Gathers differences per table: counts of all, examples of some, and all of them into the report file.
pub(crate) struct Collected {
    tables: Arc<Vec<LoweredTable>>,
    by_table: BTreeMap<u32, Differences>,
    report: Option<crate::difference::ReportFile>,
}

impl Collected {
    pub fn new(tables: Arc<Vec<LoweredTable>>) -> Collected {
        Collected { tables, by_table: BTreeMap::new(), report: None }
    }

    /// Also writes every difference to a new file at `path`.
    pub fn reporting(mut self, path: Option<&Path>) -> Result<Collected> {
        self.report = path.map(crate::difference::ReportFile::create).transpose()?;
        Ok(self)
    }

    pub fn take(&mut self, rows: &[RowDifference]) {
        for row in rows {
            let table = &self.tables[row.table as usize];
            let fresh = || Differences::new(&table.source, &table.target.name);
            self.by_table.entry(row.table).or_insert_with(fresh).add(row);
            if let Some(report) = &mut self.report {
                report.add(&table.source, &table.target.name, row);
            }
        }
    }

    pub fn finish(self) -> Vec<Differences> {
        self.by_table.into_values().collect()
    }

    /// Completes the report file.
    ///
    /// # Errors
    /// If it could not be written.
    pub fn close(mut self) -> Result<Vec<Differences>> {
        if let Some(report) = self.report.take() {
            report.finish()?;
        }
        Ok(self.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_stay_within_their_bound_and_lose_no_bucket() {
        let buckets: Buckets = (0..BUCKETS_PER_TABLE).map(|bucket| (3, bucket)).collect();
        let rows = BTreeMap::from([(3, 10 * ROUND_ROWS_MAX)]);
        let rounds = rounds(&buckets, &rows);
        assert!(rounds.len() >= 10 && rounds.len() <= 12, "{}", rounds.len());
        assert_eq!(rounds.into_iter().flatten().collect::<Buckets>(), buckets);
    }

    #[test]
    fn a_bucket_is_never_torn_between_fetches() {
        let many = |start: u64| (0..FETCH_ROWS_MAX * 2 / 3).map(|n| ([start, n], 1)).collect::<Vec<_>>();
        let fetches = fetches(BTreeMap::from([((0, 0), many(0)), ((0, 1), many(1))]));
        assert_eq!(fetches.iter().map(BTreeMap::len).collect::<Vec<_>>(), [many(0).len(), many(1).len()]);
    }
}
