//! Finds the rows by which two sides differ: hashes of the rows in differing buckets first, then the rows themselves,
//! in rounds that bound memory. Knows nothing of reports and repairs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use sensei_operators::{BUCKETS_PER_TABLE, Buckets, Finding, Pass, RowHash, Side};

use crate::compare::{Comparison, Overview};
use crate::difference::{Counted, Fetched, Kind, RowDifference, classify};
use crate::failure::Result;
use crate::limits::{FETCH_ROWS_MAX, FETCH_SHARE, REPAIR_ROWS_MAX, ROUND_ROWS_MAX, ROUNDS_NAMED_MAX, ROWS_NAMED_MAX};
use crate::progress::Progress;

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Enough rows of each table to show what is wrong; the others are counted.
    Examples,
    /// As many rows as a repair takes on; where there are more, more of them than that are named or counted.
    Repair,
    /// Every row.
    All,
}

/// What was found out.
pub(crate) enum Located {
    /// A row, named.
    Row(RowDifference),
    /// Every row of a table is on one side only.
    OneSided { table: u32, kind: Kind, rows: u64 },
    /// Rows of a table that were counted and not named.
    Counted { table: u32, counted: Counted },
}

/// Takes what is found, as it is found.
pub(crate) type Take<'a> = dyn FnMut(Located) + Send + 'a;

/// Rows one side has more of, by bucket.
type Surplus = BTreeMap<(u32, u16), Vec<(RowHash, i64)>>;

impl Depth {
    fn rows_max(self) -> u64 {
        match self {
            Depth::Examples => ROWS_NAMED_MAX,
            Depth::Repair => REPAIR_ROWS_MAX + 1,
            Depth::All => u64::MAX,
        }
    }

    fn rounds_max(self) -> usize {
        if self == Depth::Examples { ROUNDS_NAMED_MAX } else { usize::MAX }
    }
}

impl Comparison {
    /// The second and third pass over the buckets that differ. A row of the target that cannot be decoded is given
    /// out once.
    pub async fn localise(&self, overview: &Overview, depth: Depth, take: &mut Take<'_>) -> Result<()> {
        let rows = overview.rows();
        let mut search = Search::new(overview, depth);
        for round in rounds(&search.buckets(take), &rows) {
            let (round, fresh) = search.admit(round);
            if round.is_empty() {
                continue;
            }
            let surplus = self.surplus(round, &fresh, &rows, take).await?;
            for wanted in fetches(search.choose(surplus)) {
                self.fetch(wanted, &rows, take).await?;
            }
        }
        search.counted.into_iter().for_each(|(table, counted)| take(Located::Counted { table, counted }));
        Ok(())
    }

    /// The second pass over one round; `fresh` are the tables that are read for the first time.
    async fn surplus(
        &self,
        round: Buckets,
        fresh: &BTreeSet<u32>,
        rows: &BTreeMap<u32, u64>,
        take: &mut Take<'_>,
    ) -> Result<Surplus> {
        let tables = round.iter().map(|(table, _)| *table).collect();
        let mut progress = self.progress("finding differing rows", &tables, rows);
        let mut surplus = Surplus::new();
        self.pass(
            Pass::Rows(Arc::new(round)),
            &self.parts_of(&tables),
            &mut |_, rows, bytes| progress.moved(0, rows, bytes),
            &mut |finding| match finding {
                Finding::Row { bucket, hash, surplus: count } => surplus.entry(bucket).or_default().push((hash, count)),
                Finding::Undecodable { table, fault } if fresh.contains(&table) => {
                    take(Located::Row(RowDifference::unreadable(table, fault)));
                }
                _ => {}
            },
        )
        .await?;
        Ok(surplus)
    }

    /// The third pass, repeated for what did not fit into memory.
    async fn fetch(&self, mut wanted: Surplus, rows: &BTreeMap<u32, u64>, take: &mut Take<'_>) -> Result<()> {
        while !wanted.is_empty() {
            let tables = wanted.keys().map(|(table, _)| *table).collect();
            let mut progress = self.progress("reading differing rows", &tables, rows);
            let mut gathered = Gathered::new(&wanted, self.locate, self.memory_bytes / FETCH_SHARE);
            self.pass(
                Pass::Fetch(Arc::new(gathered.copies())),
                &self.parts_of(&tables),
                &mut |_, rows, bytes| progress.moved(0, rows, bytes),
                &mut |finding| {
                    if let Finding::Fetched { table, side, hash, row } = finding {
                        gathered.add(table, side, hash, row);
                    }
                },
            )
            .await?;
            wanted.retain(|bucket, _| gathered.postponed.contains(bucket));
            let found = gathered.buckets.into_values().flat_map(|bucket| bucket.rows).collect();
            classify(&self.tables, found).into_iter().for_each(|row| take(Located::Row(row)));
        }
        Ok(())
    }

    fn progress(&self, doing: &str, tables: &BTreeSet<u32>, rows: &BTreeMap<u32, u64>) -> Progress {
        let name = match tables.iter().next() {
            Some(table) if tables.len() == 1 => self.tables[*table as usize].source.clone(),
            _ => format!("{} tables", tables.len()),
        };
        let rows = tables.iter().filter_map(|table| rows.get(table)).sum();
        Progress::new(doing, &[(name, rows)], self.quiet)
    }
}

/// How far each table was looked into.
struct Search<'a> {
    overview: &'a Overview,
    depth: Depth,
    looked: BTreeMap<u32, Looked>,
    counted: BTreeMap<u32, Counted>,
}

#[derive(Default)]
struct Looked {
    rounds: usize,
    /// Differing rows named, at the least: the two versions of a changed row count once.
    rows: u64,
}

impl<'a> Search<'a> {
    fn new(overview: &'a Overview, depth: Depth) -> Search<'a> {
        Search { overview, depth, looked: BTreeMap::new(), counted: BTreeMap::new() }
    }

    /// The buckets to look into. Large tables that are on one side only need no look where examples will do.
    fn buckets(&self, take: &mut Take<'_>) -> Buckets {
        let mut buckets: Buckets = self.overview.differing.keys().copied().collect();
        if self.depth != Depth::Examples {
            return buckets;
        }
        let tables: BTreeSet<u32> = buckets.iter().map(|(table, _)| *table).collect();
        for table in tables {
            if let Some((kind, rows)) = self.overview.one_sided(table).filter(|(_, rows)| *rows > ROWS_NAMED_MAX) {
                buckets.retain(|(of, _)| *of != table);
                take(Located::OneSided { table, kind, rows });
            }
        }
        buckets
    }

    /// Leaves out tables that were looked into far enough; also gives the tables that had no round before.
    fn admit(&mut self, round: Buckets) -> (Buckets, BTreeSet<u32>) {
        let (rows_max, rounds_max) = (self.depth.rows_max(), self.depth.rounds_max());
        let far_enough = |looked: &Looked| looked.rows >= rows_max || looked.rounds >= rounds_max;
        let (left, admitted): (Buckets, Buckets) =
            round.into_iter().partition(|(table, _)| self.looked.get(table).is_some_and(far_enough));
        for bucket in left {
            let net = self.overview.differing.get(&bucket).copied().unwrap_or(0);
            self.counted.entry(bucket.0).or_default().add_unseen(net);
        }
        let tables: BTreeSet<u32> = admitted.iter().map(|(table, _)| *table).collect();
        let mut fresh = BTreeSet::new();
        for table in tables {
            let looked = self.looked.entry(table).or_default();
            looked.rounds += 1;
            if looked.rounds == 1 {
                fresh.insert(table);
            }
        }
        (admitted, fresh)
    }

    /// Leaves out buckets whose rows are only counted. A bucket is never torn: the two versions of a changed row are
    /// both in it.
    fn choose(&mut self, mut surplus: Surplus) -> Surplus {
        surplus.retain(|(table, _), rows| {
            let sum = |sign: i64| {
                let of_side = rows.iter().map(|(_, count)| count * sign).filter(|count| *count > 0);
                of_side.map(i64::unsigned_abs).sum::<u64>()
            };
            let (expected, actual) = (sum(1), sum(-1));
            let looked = self.looked.entry(*table).or_default();
            if looked.rows >= self.depth.rows_max() {
                self.counted.entry(*table).or_default().add(expected, actual);
                return false;
            }
            looked.rows += expected.max(actual);
            true
        });
        surplus
    }
}

/// The rows of one fetch, within a bound of memory: where they are too many, the last buckets are left for another.
struct Gathered {
    wanted: BTreeMap<(u32, RowHash), Wanted>,
    buckets: BTreeMap<(u32, u16), Bucket>,
    postponed: BTreeSet<(u32, u16)>,
    bytes: u64,
    bytes_max: u64,
}

struct Wanted {
    bucket: u16,
    side: Side,
    /// Copies to read yet.
    copies: u64,
    /// Differing rows each of them stands for.
    weight: u64,
}

#[derive(Default)]
struct Bucket {
    rows: Vec<Fetched>,
    bytes: u64,
}

impl Gathered {
    fn new(surplus: &Surplus, locate: bool, bytes_max: u64) -> Gathered {
        let wanted = surplus.iter().flat_map(|(&(table, bucket), rows)| {
            rows.iter().map(move |&(hash, count)| ((table, hash), Wanted::new(bucket, count, locate)))
        });
        let (buckets, postponed) = (BTreeMap::new(), BTreeSet::new());
        Gathered { wanted: wanted.collect(), buckets, postponed, bytes: 0, bytes_max }
    }

    /// Copies to ask for, signed by side.
    fn copies(&self) -> BTreeMap<(u32, RowHash), i64> {
        let signed = |wanted: &Wanted| {
            let copies = i64::try_from(wanted.copies).unwrap_or(i64::MAX);
            if wanted.side == Side::Expected { copies } else { -copies }
        };
        self.wanted.iter().map(|(row, wanted)| (*row, signed(wanted))).collect()
    }

    /// Each worker sends as many copies as were asked for; those beyond are dropped here.
    fn add(&mut self, table: u32, side: Side, hash: RowHash, row: RecordBatch) {
        let wanted = self.wanted.get_mut(&(table, hash)).filter(|wanted| wanted.copies > 0);
        let Some(wanted) = wanted.filter(|wanted| !self.postponed.contains(&(table, wanted.bucket))) else { return };
        wanted.copies -= 1;
        let bytes = row.get_array_memory_size() as u64;
        let bucket = self.buckets.entry((table, wanted.bucket)).or_default();
        bucket.rows.push(Fetched { table, side, row, copies: wanted.weight });
        bucket.bytes += bytes;
        self.bytes += bytes;
        while self.bytes > self.bytes_max && self.buckets.len() > 1 {
            let Some((last, bucket)) = self.buckets.pop_last() else { return };
            self.bytes -= bucket.bytes;
            self.postponed.insert(last);
        }
    }
}

impl Wanted {
    /// Equal rows are read once, unless each one's address is needed.
    fn new(bucket: u16, surplus: i64, locate: bool) -> Wanted {
        let (side, rows) =
            if surplus > 0 { (Side::Expected, surplus) } else { (Side::Actual, surplus.saturating_neg()) };
        let rows = rows.unsigned_abs();
        if locate && side == Side::Actual {
            Wanted { bucket, side, copies: rows.min(REPAIR_ROWS_MAX + 1), weight: 1 }
        } else {
            Wanted { bucket, side, copies: 1, weight: rows }
        }
    }
}

/// Groups buckets so that the hashes of one round stay within [`ROUND_ROWS_MAX`]. `rows`: rows of both sides per table.
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

/// Groups differing rows so that one fetch stays within [`FETCH_ROWS_MAX`], never tearing a bucket.
fn fetches(surplus: Surplus) -> Vec<Surplus> {
    let mut fetches: Vec<Surplus> = Vec::new();
    let mut held = 0;
    for (bucket, rows) in surplus {
        held += rows.len() as u64;
        if fetches.is_empty() || held > FETCH_ROWS_MAX {
            fetches.push(Surplus::new());
            held = rows.len() as u64;
        }
        fetches.last_mut().expect("just made sure").insert(bucket, rows);
    }
    fetches
}

#[cfg(test)]
#[path = "localise_tests.rs"]
mod tests;
