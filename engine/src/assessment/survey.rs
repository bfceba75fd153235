//! Looks at both ends and fills in the assessment, in the order in which things can fail.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sensei_planner::{Plan, TablePlan};
use sensei_storage::{Catalog, Error, Kind, Role, Sizing, Snapshot, Table};

use crate::assessment::estimate::{self, Pace};
use crate::assessment::findings::{self, Facts};
use crate::assessment::model::{Assessment, Bounds, Depth, End, JobState, Readiness, TableAssessment, TargetStanding};
use crate::assessment::sample::{self, Sampled};
use crate::assessment::standing::{Outlook, outlook};
use crate::assessment::{columns, objects};
use crate::clock::{Stopwatch, now_text};
use crate::context::Ends;
use crate::failure::{Doing, Failure, Result};
use crate::job::journaled_plan;
use crate::limits::SPLITS_PER_TABLE_MAX;
use crate::lower::{LoweredTable, lower};
use crate::progress::Progress;

/// Assesses the plan in the file at `path`. Writes nothing.
///
/// # Errors
/// If an end cannot be reached or the file is no plan. What would keep a run from succeeding is no error but a finding.
pub async fn assess(path: &Path, depth: Depth, quiet: bool) -> Result<Assessment> {
    let watch = Stopwatch::start();
    let ends = Ends::look(path).await?;
    let outlook = outlook(&ends).await?;
    let mut survey = Survey { ends: &ends, depth, quiet, facts: Facts::default(), pace: Pace::default() };
    let tables = match &outlook.plan {
        Ok(plan) => survey.planned(plan, &outlook).await?,
        Err(problems) => {
            survey.facts.problems = problems.clone();
            ends.source_catalog.tables.iter().map(bare).collect()
        }
    };
    let bytes = tables.iter().filter_map(|table| table.bytes).sum();
    let plan = outlook.plan.as_ref().ok();
    let resumed = outlook.job.as_ref().filter(|job| job.state == JobState::Resumable);
    let not_carried = plan.map_or(&ends.source_catalog.not_carried, |plan| &plan.not_carried);
    let mut assessment = Assessment {
        plan: ends.file.name.clone(),
        plan_file: path.display().to_string(),
        made_at: now_text(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        verdict: Readiness::Ready,
        ready: true,
        headlines: Vec::new(),
        blockers: Vec::new(),
        remarks: Vec::new(),
        source: survey.source(bytes).await?,
        target: survey.target(bytes).await?,
        estimate: plan.and_then(|plan| estimate::estimate(plan, &tables, &survey.pace, resumed)),
        not_carried: objects::by_kind(not_carried),
        job: outlook.job,
        depth,
        tables,
        elapsed_seconds: 0.0,
    };
    findings::conclude(&mut assessment, plan, &survey.facts);
    assessment.elapsed_seconds = watch.elapsed().as_secs_f64();
    Ok(assessment)
}

/// One look at both ends.
struct Survey<'a> {
    ends: &'a Ends,
    depth: Depth,
    quiet: bool,
    facts: Facts,
    pace: Pace,
}

impl Survey<'_> {
    /// Every table of a plan that stands, read as deep as asked.
    async fn planned(&mut self, plan: &Plan, outlook: &Outlook) -> Result<Vec<TableAssessment>> {
        let ends = self.ends;
        let names: Vec<String> = plan.tables.iter().map(|table| table.target.name.clone()).collect();
        let under_way = outlook.history.as_ref().map(journaled_plan).transpose()?.is_some();
        let occupied: BTreeSet<String> = match under_way {
            true => BTreeSet::new(),
            false => ends.target.occupied(&names).await.doing("looking at the target's tables")?.into_iter().collect(),
        };
        self.facts.missing_privileges =
            ends.target.missing_privileges().await.doing("looking at the account's privileges")?;
        let mut tables: Vec<TableAssessment> = plan.tables.iter().map(|table| planned(plan, table, ends)).collect();
        for (table, planned) in tables.iter_mut().zip(&plan.tables) {
            table.standing = Some(match planned.target.create {
                _ if under_way => TargetStanding::UnderWay,
                _ if occupied.contains(&planned.target.name) => TargetStanding::Occupied,
                true => TargetStanding::Absent,
                false => TargetStanding::Empty,
            });
        }
        let lowered = lower(plan, &ends.file.mask_keys(), [0; 32])?;
        let snapshot = ends.source.snapshot(1).await.doing("opening a snapshot of the source")?;
        self.read(plan, &lowered, snapshot.as_ref(), &mut tables).await?;
        self.measure(&lowered, snapshot, &tables).await?;
        Ok(tables)
    }

    /// Reads every table. One that cannot be read is a fact; a source that went away is a failure.
    async fn read(
        &mut self,
        plan: &Plan,
        lowered: &[LoweredTable],
        snapshot: &dyn Snapshot,
        tables: &mut [TableAssessment],
    ) -> Result<()> {
        let watch = Stopwatch::start();
        let mut progress = self.progress(tables);
        for (index, (table, lowered)) in tables.iter_mut().zip(lowered).enumerate() {
            let planned = &plan.tables[index];
            let found = catalogued(&self.ends.source_catalog, &planned.source)?;
            let mut moved = |rows, bytes| progress.moved(index as u32, rows, bytes);
            match sample::read(snapshot, lowered, found, self.depth, &mut moved).await {
                Ok(sampled) => {
                    self.pace.bytes += sampled.reading.bytes;
                    take(table, sampled);
                    bound(snapshot, planned, table).await.doing(format!("reading table \"{}\"", planned.source))?;
                }
                Err(error) => self.unreadable(&planned.source, error)?,
            }
        }
        self.pace.seconds = watch.elapsed().as_secs_f64();
        Ok(())
    }

    fn unreadable(&mut self, table: &str, error: Error) -> Result<()> {
        match error.kind() {
            Kind::Unavailable | Kind::Internal => Err(error).doing(format!("reading table \"{table}\"")),
            Kind::Conflict | Kind::Invalid | Kind::Corrupt => {
                self.facts.unreadable.push((table.to_owned(), error));
                Ok(())
            }
        }
    }

    /// Times a longer read of the largest table that was sampled only. Small reads tell more of their beginnings than of
    /// their pace.
    async fn measure(
        &mut self,
        lowered: &[LoweredTable],
        snapshot: Arc<dyn Snapshot>,
        tables: &[TableAssessment],
    ) -> Result<()> {
        let partly = |table: &&TableAssessment| table.reading.as_ref().is_some_and(|reading| !reading.whole);
        let Some(largest) = tables.iter().filter(partly).max_by_key(|table| table.bytes) else { return Ok(()) };
        let Some(table) = lowered.iter().find(|table| table.source == largest.source) else { return Ok(()) };
        let doing = format!("reading table \"{}\"", table.source);
        self.pace = estimate::measure(snapshot.as_ref(), table).await.doing(doing)?;
        Ok(())
    }

    fn progress(&self, tables: &[TableAssessment]) -> Progress {
        let expected = |table: &TableAssessment| match self.depth {
            Depth::Exact => table.rows.unwrap_or(0),
            Depth::Sample { rows } => table.rows.unwrap_or(rows).min(rows),
        };
        let tables: Vec<_> = tables.iter().map(|table| (table.source.clone(), expected(table))).collect();
        Progress::new("checking", &tables, self.quiet)
    }

    async fn source(&self, bytes: u64) -> Result<End> {
        let catalog = &self.ends.source_catalog;
        Ok(End {
            system: catalog.system,
            version: catalog.version.clone(),
            description: self.ends.source.describe(),
            settings: self.ends.source.settings(Role::Source, bytes).await.doing("reading the source's settings")?,
            free_bytes: None,
        })
    }

    async fn target(&self, bytes: u64) -> Result<End> {
        let catalog = &self.ends.target_catalog;
        let target = &self.ends.target;
        Ok(End {
            system: catalog.system,
            version: catalog.version.clone(),
            description: target.describe(),
            settings: target.settings(Role::Target, bytes).await.doing("reading the target's settings")?,
            free_bytes: target.free_bytes().await.doing("looking for free space in the target")?,
        })
    }
}

fn catalogued<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Table> {
    let missing = || Failure::internal("assessing tables", "a planned table is not in the catalog");
    catalog.tables.iter().find(|table| table.name == name).ok_or_else(missing)
}

fn planned(plan: &Plan, table: &TablePlan, ends: &Ends) -> TableAssessment {
    let found = ends.source_catalog.tables.iter().find(|found| found.name == table.source);
    let sizing = Sizing { split_bytes: plan.limits.split_bytes, splits_max: SPLITS_PER_TABLE_MAX };
    let bytes = found.and_then(|found| found.bytes_estimate);
    TableAssessment {
        source: table.source.clone(),
        target: Some(table.target.name.clone()),
        standing: None,
        rows: found.and_then(|found| found.rows_estimate),
        rows_counted: false,
        bytes,
        splits: bytes.map(|bytes| sizing.split_count(bytes).into()),
        key: table.identity.clone(),
        filtered: table.filter.is_some(),
        columns: columns::of(table),
        reading: None,
    }
}

/// A table of the source, where there is no plan to say what becomes of it.
fn bare(table: &Table) -> TableAssessment {
    TableAssessment {
        source: table.name.clone(),
        target: None,
        standing: None,
        rows: table.rows_estimate,
        rows_counted: false,
        bytes: table.bytes_estimate,
        splits: None,
        key: table.primary_key.clone(),
        filtered: false,
        columns: Vec::new(),
        reading: None,
    }
}

fn take(table: &mut TableAssessment, sampled: Sampled) {
    let Sampled { reading, lossy } = sampled;
    if reading.whole {
        (table.rows, table.rows_counted) = (Some(reading.rows), true);
    }
    for column in &mut table.columns {
        column.rows_touched = lossy.get(&column.target).copied();
    }
    table.reading = Some(reading);
}

/// Looks up the span of a key's first column that becomes narrower, unless every row was read or only some are taken.
async fn bound(
    snapshot: &dyn Snapshot,
    planned: &TablePlan,
    table: &mut TableAssessment,
) -> sensei_storage::Result<()> {
    let read_whole = table.reading.as_ref().is_some_and(|reading| reading.whole);
    let Some(first) = planned.source_key.first().filter(|_| !read_whole && planned.filter.is_none()) else {
        return Ok(());
    };
    for (assessed, (column, field)) in table.columns.iter_mut().zip(planned.columns.iter().zip(&planned.target.fields))
    {
        let Some((_, lowest, highest)) = columns::narrowed(planned, column, field).filter(|(from, ..)| from == first)
        else {
            continue;
        };
        assessed.bounds = snapshot.integer_bounds(&planned.source, first).await?.map(|(least, greatest)| Bounds {
            least,
            greatest,
            fits: lowest <= least && greatest <= highest,
        });
    }
    Ok(())
}
