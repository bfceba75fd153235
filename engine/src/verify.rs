//! `sensei verify` and `sensei repair`: source and target as they stand, whoever did the copying.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use sensei_operators::{Side, Times};
use sensei_planner::{Plan, RelationPlan, TablePlan};
use sensei_storage::evidence::{SigningKey, StructuralFacts};
use sensei_storage::journal::Operation;
use sensei_storage::{OnExisting, Verdict, VerifyMode};

use crate::clock::{self, Stopwatch};
use crate::compare::{Collected, Comparison, Overview, Part, ranges};
use crate::context::Ends;
use crate::difference::{Differences, Kind, RowDifference};
use crate::failure::{Doing, Failure, Result};
use crate::inspect::{self, StandingStructure};
use crate::limits::REPAIR_ROWS_MAX;
use crate::localise::{Depth, Located};
use crate::lower::lower;
use crate::progress::Progress;
use crate::random;
use crate::recount::{Reading, recount};
use crate::references::{self, Checked, Place, Read, References};
use crate::report::{JobReport, RelationReport, Spent, TableReport, counted};
use crate::state::{Found, State};

/// What `sensei verify` and `sensei repair` were asked.
pub struct VerifyOptions {
    /// The plan file.
    pub plan: PathBuf,
    /// New file for every differing row, as JSON Lines.
    pub report: Option<PathBuf>,
    /// Show nothing while it runs.
    pub quiet: bool,
}

/// Compares source and target under the plan's rules. Writes nothing but the report.
///
/// # Errors
/// Whatever keeps it from a verdict.
pub async fn verify(options: &VerifyOptions) -> Result<JobReport> {
    let watch = Stopwatch::start();
    let checked = Prepared::new(Ends::look(&options.plan).await?)?;
    let (overview, comparison) = checked.overview(false, options.quiet).await?;
    let mut collected = Collected::new(comparison.tables.clone()).reporting(options.report.as_deref())?;
    let depth = if options.report.is_some() { Depth::All } else { Depth::Examples };
    comparison.localise(&overview, depth, &mut |located| collected.take(&located)).await?;
    let relations = checked.references(&overview, &comparison, &mut collected, options.quiet).await?;
    let mut report = checked.report(&overview, collected.close()?, relations);
    let StandingStructure { facts, not_carried, note } = inspect::standing_structure(&checked.ends).await?;
    report.verdict = Verdict::overall(facts.iter().map(StructuralFacts::verdict).chain([report.verdict]));
    (report.structural, report.not_carried) = (facts, not_carried);
    report.notes.extend(note);
    report.spent = Spent::of(&comparison.times);
    report.elapsed_seconds = watch.elapsed().as_secs_f64();
    Ok(report)
}

/// Puts right what differs, then compares once more.
///
/// # Errors
/// Whatever keeps it from a verdict; a table whose rows changed under the repair is left as it was.
pub async fn repair(options: &VerifyOptions, key: &SigningKey) -> Result<JobReport> {
    let checked = Prepared::new(Ends::connect(&options.plan).await?)?;
    refuse_append(&checked.plan)?;
    let state = State::open(&checked.ends.file.state, checked.ends.state()?, &checked.ends.file.name)?;
    refuse_unfinished(&state, &checked.plan.name, key).await?;
    let (overview, comparison) = checked.overview(true, options.quiet).await?;
    let mut repairs: BTreeMap<u32, Mend> = BTreeMap::new();
    let (mut differing, mut unreadable) = (0, 0);
    comparison
        .localise(&overview, Depth::Repair, &mut |located| match located {
            Located::Row(row) => {
                differing += row.copies;
                unreadable += if row.kind == Kind::Unreadable { row.copies } else { 0 };
                if differing <= REPAIR_ROWS_MAX {
                    repairs.entry(row.table).or_default().add(row);
                }
            }
            Located::OneSided { rows, .. } => differing += rows,
            Located::Counted { counted, .. } => differing += counted.expected.max(counted.actual),
        })
        .await?;
    refuse_what_cannot_be_mended(differing, unreadable)?;
    if !repairs.is_empty() {
        state.audit(key, &checked.plan.name, Operation::Repaired).await?;
    }
    drop(comparison);
    let mut notes = Vec::new();
    for (table, mend) in repairs {
        let target = &checked.plan.tables[table as usize].target;
        let doing = format!("repairing table \"{}\"", target.name);
        checked.ends.target.mend(target, &mend.locators, &mend.rows).await.doing(doing)?;
        let (taken, put) = (mend.locators.len() as u64, mend.rows.len() as u64);
        notes.push(format!(
            "repaired table \"{}\": {} taken out, {} put in",
            target.name,
            counted(taken, "row"),
            counted(put, "row")
        ));
    }
    if !notes.is_empty() {
        notes.push("A certificate of an earlier run describes the target before this repair.".to_owned());
    }
    let mut report = verify(options).await?;
    report.notes.extend(notes);
    Ok(report)
}

/// Rows put in by a repair are none of the job's, which would copy them once more.
async fn refuse_unfinished(state: &State, plan_name: &str, key: &SigningKey) -> Result<()> {
    match state.find(plan_name, key).await? {
        Found::Unfinished(_, job) => Err(Failure::usage(
            format!("job {job} is not finished"),
            "Run it to its end with `sensei run`, then repair what still differs.",
        )),
        Found::Nothing | Found::Finished(..) => Ok(()),
    }
}

/// Rows that were there before the job would count as extra and be deleted.
fn refuse_append(plan: &Plan) -> Result<()> {
    if plan.on_existing != OnExisting::Append {
        return Ok(());
    }
    Err(Failure::usage(
        "a plan that appends cannot be repaired: rows of the target that are not in the source may be somebody's own",
        "See what differs with `sensei verify`; to make the target equal the source, set on_existing to fail or truncate.",
    ))
}

fn refuse_what_cannot_be_mended(differing: u64, unreadable: u64) -> Result<()> {
    if unreadable > 0 {
        return Err(Failure::usage(
            format!("{unreadable} rows of the target cannot be read as their columns' types"),
            "See them with `sensei verify`, correct or delete them in the target, then repair again.",
        ));
    }
    if differing > REPAIR_ROWS_MAX {
        return Err(Failure::usage(
            format!("at least {differing} rows differ, more than the {REPAIR_ROWS_MAX} that a repair takes on"),
            "Set target.on_existing to truncate and copy again with `sensei run --fresh`.",
        ));
    }
    Ok(())
}

/// What to do to one table.
#[derive(Default)]
struct Mend {
    locators: Vec<String>,
    rows: Vec<RecordBatch>,
}

impl Mend {
    fn add(&mut self, row: RowDifference) {
        self.locators.extend(row.locators);
        if let Some(expected) = row.expected {
            self.rows.extend((0..row.copies).map(|_| expected.clone()));
        }
    }
}

/// A plan, with the target tables that are not there.
struct Prepared {
    ends: Ends,
    plan: Plan,
    missing: Vec<u32>,
}

impl Prepared {
    fn new(ends: Ends) -> Result<Prepared> {
        let mut plan = ends.resolve(None)?;
        plan.verify = VerifyMode::Full;
        let missing = plan.tables.iter().enumerate().filter(|(_, table)| table.target.create);
        let missing = missing.map(|(index, _)| index as u32).collect();
        Ok(Prepared { ends, plan, missing })
    }

    async fn overview(&self, locate: bool, quiet: bool) -> Result<(Overview, Comparison)> {
        let limits = &self.plan.limits;
        let tables = Arc::new(lower(&self.plan, &self.ends.file.mask_keys(), random::key()?)?);
        let source = self.ends.source.snapshot(limits.source_connections as usize);
        let source = source.await.doing("opening a snapshot of the source")?;
        let target = self.ends.target.snapshot(limits.target_connections as usize);
        let target = target.await.doing("opening a snapshot of the target")?;
        let mut comparison = Comparison {
            tables,
            source,
            target,
            commits: self.ends.target.clone(),
            parts: Vec::new(),
            workers: limits.workers as usize,
            source_scans: limits.source_connections as usize,
            target_scans: limits.target_connections as usize,
            memory_bytes: limits.memory_bytes,
            times: Arc::new(Times::new(clock::nanoseconds)),
            locate,
            quiet,
        };
        comparison.parts = self.parts(&comparison).await?;
        let mut progress = Progress::new("comparing", &self.expected_rows(), quiet);
        let overview = comparison.overview(&mut progress).await?;
        drop(progress);
        for side in [Side::Expected, Side::Actual] {
            self.recount(side, &overview, &comparison).await?;
        }
        Ok((overview, comparison))
    }

    /// Ranges that miss rows on both sides alike would make the sides look equal.
    async fn recount(&self, side: Side, overview: &Overview, comparison: &Comparison) -> Result<()> {
        let of = |counts: &BTreeMap<u32, u64>, table| counts.get(&table).copied().unwrap_or(0);
        let reading = |(index, planned): (usize, &TablePlan)| {
            let index = index as u32;
            let tally = overview.tallies.get(&(index, side)).map_or(0, |tally| tally.rows + tally.filtered);
            let (table, apart) = match side {
                Side::Expected => (&planned.source, of(&overview.rejected_rows, index)),
                Side::Actual => (&planned.target.name, of(&overview.unreadable, index)),
            };
            Reading { table: table.clone(), pieces: comparison.pieces(index, side), rows: tally + apart }
        };
        let readings: Vec<_> = self.plan.tables.iter().enumerate().map(reading).collect();
        match side {
            Side::Expected => recount(comparison.source.as_ref(), "source", &readings, comparison.quiet).await,
            Side::Actual => recount(comparison.target.as_ref(), "target", &readings, comparison.quiet).await,
        }
    }

    /// Both sides are scanned, so each table's rows pass twice.
    fn expected_rows(&self) -> Vec<(String, u64)> {
        let estimate = |name: &str| {
            let found = self.ends.source_catalog.tables.iter().find(|table| table.name == name);
            found.and_then(|table| table.rows_estimate).unwrap_or(0)
        };
        self.plan.tables.iter().map(|table| (table.source.clone(), 2 * estimate(&table.source))).collect()
    }

    async fn parts(&self, comparison: &Comparison) -> Result<Vec<Part>> {
        let split_bytes = self.plan.limits.split_bytes;
        let mut parts = Vec::new();
        for (index, planned) in self.plan.tables.iter().enumerate() {
            let index = index as u32;
            let find = |catalog: &sensei_storage::Catalog, name: &str| {
                catalog.tables.iter().find(|table| table.name == name).cloned()
            };
            if let Some(table) = find(&self.ends.source_catalog, &planned.source) {
                let ranges = ranges(comparison.source.as_ref(), &table, split_bytes).await?;
                parts.extend(ranges.into_iter().map(|range| Part::Source(index, range)));
            }
            if let Some(table) = find(&self.ends.target_catalog, &planned.target.name) {
                let ranges = ranges(comparison.target.as_ref(), &table, split_bytes).await?;
                parts.extend(ranges.into_iter().map(|range| Part::Target(index, range)));
            }
        }
        Ok(parts)
    }

    /// Checks every relation whose tables are there, in the snapshot that was compared.
    async fn references(
        &self,
        overview: &Overview,
        comparison: &Comparison,
        collected: &mut Collected,
        quiet: bool,
    ) -> Result<Vec<RelationReport>> {
        let mut reads = vec![Vec::new(); self.plan.tables.len()];
        for part in &comparison.parts {
            if let Part::Target(table, range) = part {
                reads[*table as usize].push(Read::Range(range.clone()));
            }
        }
        let rows = |table: usize| overview.tallies.get(&(table as u32, Side::Actual)).map_or(0, |tally| tally.rows);
        let references = References {
            plan: &self.plan,
            target: comparison.target.clone(),
            commits: self.ends.target.clone(),
            reads,
            rows: (0..self.plan.tables.len()).map(rows).collect(),
            hash_key: random::key()?,
            place: Place::Alone,
            quiet,
        };
        let is_there = |table: usize| !self.missing.contains(&(table as u32));
        let mut reports = Vec::new();
        let is_ours = |one: &&RelationPlan| one.collation.is_none() && is_there(one.child) && is_there(one.parent);
        for relation in self.plan.relations.iter().filter(is_ours) {
            let mut orphan = |key: &str| collected.orphan(relation, key);
            let Checked { facts, examples } = references.check(relation, &mut orphan).await?;
            reports.push(RelationReport { facts, examples });
        }
        Ok(reports)
    }

    fn report(&self, overview: &Overview, differences: Vec<Differences>, relations: Vec<RelationReport>) -> JobReport {
        let table = |index: usize| self.table_report(index as u32, overview);
        let tables: Vec<TableReport> = (0..self.plan.tables.len()).map(table).collect();
        let of_tables = tables.iter().map(|table| table.verdict);
        let verdict = Verdict::overall(of_tables.chain(relations.iter().map(|relation| relation.facts.verdict)));
        let mut report = JobReport::new(&self.plan.name, verdict, tables);
        report.relations = relations;
        report.differences = differences;
        report.notes = self.missing_notes();
        report.notes.extend(references::left_to_the_target(&self.plan));
        report
    }

    fn missing_notes(&self) -> Vec<String> {
        let name = |index: &u32| &self.plan.tables[*index as usize].target.name;
        self.missing.iter().map(|index| format!("table \"{}\" does not exist in the target", name(index))).collect()
    }

    fn table_report(&self, index: u32, overview: &Overview) -> TableReport {
        let planned = &self.plan.tables[index as usize];
        let expected = overview.tallies.get(&(index, Side::Expected));
        let actual = overview.tallies.get(&(index, Side::Actual));
        let rows = expected.map_or(0, |tally| tally.rows);
        let found = actual.map_or(0, |tally| tally.rows);
        let rejected = overview.rejected_rows.get(&index).copied().unwrap_or(0);
        let equal = overview.is_equal(index) && !self.missing.contains(&index);
        TableReport {
            source: planned.source.clone(),
            target: planned.target.name.clone(),
            rows_filtered: expected.map_or(0, |tally| tally.filtered),
            rows_read: rows + rejected,
            rows_rejected: rejected,
            rows_written: 0,
            rows_verified: found,
            verdict: if equal { Verdict::Equivalent } else { Verdict::Different },
        }
    }
}
