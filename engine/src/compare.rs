//! Compares source and target as they stand, pass by pass over both; here the first, which finds the buckets that
//! differ. What differs in them is found in `localise`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use sensei_operators::{BUCKETS_PER_TABLE, Comparer, Finding, InletSender, Pass, Side, SideFeed, Tally, Times, inlet};
use sensei_planner::RelationPlan;
use sensei_storage::{Commit, Fault, Form, Range, Scan, Sizing, Snapshot, Target};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::copying::Copied;
use crate::difference::{Differences, Kind};
use crate::failure::{Doing, Failure, Result};
use crate::job::Job;
use crate::limits::{IN_FLIGHT_SHARE, SCANS_PER_SIDE_MAX};
use crate::localise::{Depth, Located};
use crate::lower::LoweredTable;
use crate::progress::Progress;
use crate::runtime::{Booking, LaneBudget, pump, timed};

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
    /// Where the comparison's time goes.
    pub times: Arc<Times>,
    /// Whether rows of the actual side carry their address, for repair.
    pub locate: bool,
    /// Show no progress.
    pub quiet: bool,
}

/// What the first pass found.
#[derive(Debug, Default)]
pub(crate) struct Overview {
    pub tallies: BTreeMap<(u32, Side), Tally>,
    pub rejected: BTreeMap<u32, Vec<Fault>>,
    pub rejected_rows: BTreeMap<u32, u64>,
    /// Rows of the target that cannot be decoded, by table. They take no part in digests.
    pub unreadable: BTreeMap<u32, u64>,
    /// Buckets that differ, and by how many rows the expected side has more. A table that differs by nothing but
    /// unreadable rows has one, so that its rows are looked at.
    pub differing: BTreeMap<(u32, u16), i64>,
}

impl Overview {
    /// Whether the two sides of a table hold the same rows, and nothing that is not a row.
    pub fn is_equal(&self, table: u32) -> bool {
        let digest = |side| self.tallies.get(&(table, side)).map(|tally| tally.digest).unwrap_or_default();
        let differs = self.differing.range((table, 0)..=(table, u16::MAX)).next().is_some();
        !differs && !self.unreadable.contains_key(&table) && digest(Side::Expected) == digest(Side::Actual)
    }

    /// Rows of both sides by table, to size further passes.
    pub fn rows(&self) -> BTreeMap<u32, u64> {
        let mut rows = BTreeMap::new();
        for ((table, _), tally) in &self.tallies {
            *rows.entry(*table).or_insert(u64::from(BUCKETS_PER_TABLE)) += tally.rows;
        }
        rows
    }

    /// What all rows of a table are where one side has none at all.
    pub fn one_sided(&self, table: u32) -> Option<(Kind, u64)> {
        let rows = |side| self.tallies.get(&(table, side)).map_or(0, |tally| tally.rows);
        match (rows(Side::Expected), rows(Side::Actual)) {
            _ if self.unreadable.contains_key(&table) => None,
            (0, 0) => None,
            (expected, 0) => Some((Kind::Missing, expected)),
            (0, actual) => Some((Kind::Extra, actual)),
            _ => None,
        }
    }
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
    let mut rows: BTreeMap<u32, u64> = BTreeMap::new();
    for split in &copied.differing {
        let split = &job.history.splits[split.0 as usize];
        let checkpoint = &copied.finished[&split.id];
        parts.push(Part::Source(split.table, split.range.clone()));
        parts.push(Part::Commit(split.table, checkpoint.commit.clone()));
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
        times: job.times.clone(),
        locate: false,
        quiet: job.quiet,
    };
    let expected = |(index, table): (usize, &LoweredTable)| {
        (table.source.clone(), rows.get(&(index as u32)).copied().unwrap_or(0))
    };
    let expected: Vec<_> = job.tables.iter().enumerate().map(expected).collect();
    let overview = comparison.overview(&mut Progress::new("comparing differing splits", &expected, job.quiet)).await?;
    let mut found = Collected::new(job.tables.clone());
    comparison.localise(&overview, Depth::Examples, &mut |located| found.take(&located)).await?;
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
        let moved = &mut |table, rows, bytes| progress.moved(table, rows, bytes);
        self.pass(Pass::Buckets, &self.parts, moved, &mut |finding| match finding {
            Finding::Bucket { bucket, difference } => {
                overview.differing.insert(bucket, difference.rows);
            }
            Finding::Tally(tally) => add_tally(&mut overview.tallies, tally),
            Finding::Rejected { table, fault } => {
                *overview.rejected_rows.entry(table).or_default() += 1;
                let kept = overview.rejected.entry(table).or_default();
                if kept.len() < crate::limits::EXAMPLES_PER_TABLE_MAX {
                    kept.push(fault);
                }
            }
            Finding::Undecodable { table, .. } => *overview.unreadable.entry(table).or_default() += 1,
            Finding::Row { .. } | Finding::Fetched { .. } => {}
        })
        .await?;
        for &table in overview.unreadable.keys() {
            if overview.differing.range((table, 0)..=(table, u16::MAX)).next().is_none() {
                overview.differing.insert((table, 0), 0);
            }
        }
        Ok(overview)
    }

    /// Scans that read one side of a table.
    pub fn pieces(&self, table: u32, side: Side) -> u64 {
        self.parts.iter().filter(|part| part.table() == table && part.side() == side).count() as u64
    }

    /// The parts of these tables.
    pub fn parts_of(&self, tables: &BTreeSet<u32>) -> Vec<Part> {
        self.parts.iter().filter(|part| tables.contains(&part.table())).cloned().collect()
    }

    /// Scans `parts` once, everything found going to `take`; `moved` hears of table, rows and bytes that were read.
    pub async fn pass(
        &self,
        pass: Pass,
        parts: &[Part],
        moved: &mut (dyn FnMut(u32, u64, u64) + Send),
        take: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<()> {
        let (findings, mut found) = mpsc::unbounded_channel();
        let fetches = matches!(pass, Pass::Fetch(_));
        let (senders, inlets): (Vec<_>, Vec<_>) = (0..self.workers.max(1)).map(|_| inlet()).unzip();
        let comparer = Comparer {
            projections: Arc::new(self.tables.iter().map(|table| table.projection.clone()).collect()),
            hashers: Arc::new(self.tables.iter().map(|table| table.hasher.clone()).collect()),
            times: self.times.clone(),
            pass,
            inlets,
            findings,
        };
        let graph = tokio::task::spawn_blocking(move || comparer.run());
        let (mover, mut moves) = mpsc::unbounded_channel();
        let mut scans = self.start_scans(parts, fetches, senders, &mover);
        drop(mover);
        let mut open = true;
        while open || !scans.is_empty() {
            tokio::select! {
                finding = found.recv(), if open => match finding {
                    Some(finding) => take(finding),
                    None => open = false,
                },
                Some((table, rows, bytes)) = moves.recv() => moved(table, rows, bytes),
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
        fetches: bool,
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
                fetches,
                budget: budget.clone(),
                times: self.times.clone(),
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
    /// Whether rows are given out, and not only hashed.
    fetches: bool,
    budget: LaneBudget,
    times: Arc<Times>,
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
        let is_hashed = !self.fetches && (side == Side::Actual || table.as_is);
        let form = if is_hashed { table.hashable(true) } else { Form::Columns };
        let scanning = async {
            match part {
                Part::Source(_, range) => self.source.scan(Scan { form, ..table.source_scan(range) }).await,
                Part::Target(_, range) => {
                    self.target.scan(Scan { form, ..table.target_range(range, self.locate) }).await
                }
                Part::Commit(_, commit) => {
                    self.commits.read_back(Scan { form, ..table.target_scan(false) }, commit).await
                }
            }
        };
        let booking = if side == Side::Expected { Booking::SOURCE } else { Booking::READ_BACK };
        let batches = timed(&self.times, booking, scanning).await.doing(doing.clone())?;
        let send = |batch: sensei_storage::Batch, permit| {
            let (rows, bytes) = (batch.rows.num_rows() as u64, batch.rows.get_array_memory_size() as u64);
            self.sender.send(SideFeed { side, table: index, batch, permit });
            // Nobody listens only when the pass has failed.
            let _ = self.moved.send((index, rows, bytes));
        };
        pump(batches, &self.budget, &self.times, booking, send).await.doing(doing)
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

    pub fn take(&mut self, located: &Located) {
        match located {
            Located::Row(row) => {
                self.of(row.table).add(row);
                let table = &self.tables[row.table as usize];
                if let Some(report) = &mut self.report {
                    report.add(&table.source, &table.target.name, row);
                }
            }
            Located::OneSided { table, kind, rows } => *self.of(*table).counts.entry(*kind).or_default() += rows,
            Located::Counted { table, counted } => self.of(*table).counted = *counted,
        }
    }

    /// Writes an orphan to the report.
    pub fn orphan(&mut self, relation: &RelationPlan, key: &str) {
        if let Some(report) = &mut self.report {
            let table = &self.tables[relation.child];
            let references = &self.tables[relation.parent].target.name;
            report.add_orphan(&table.source, &table.target.name, &relation.columns, references, key);
        }
    }

    fn of(&mut self, index: u32) -> &mut Differences {
        let table = &self.tables[index as usize];
        self.by_table.entry(index).or_insert_with(|| Differences::new(&table.source, &table.target.name))
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
