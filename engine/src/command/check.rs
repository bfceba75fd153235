//! `check`: everything that can be known before the first row moves. Writes nothing.

use std::fmt::Write;
use std::path::Path;

use futures::StreamExt;
use sensei_planner::{LossyRule, Plan, TablePlan};
use sensei_storage::{OnExisting, Range, Scan, Snapshot};
use serde::Serialize;

use crate::cli::Output;
use crate::command::present;
use crate::context::Ends;
use crate::failure::{Doing, Exit, Result};

/// Arrow bytes read of each table, to see that it can be read.
const SAMPLE_BYTES: usize = 64 << 10;

#[derive(Serialize)]
struct Checked {
    ready: bool,
    source: String,
    target: String,
    tables: Vec<CheckedTable>,
    lossy: Vec<LossyRule>,
    not_carried: Vec<String>,
    blockers: Vec<String>,
}

#[derive(Serialize)]
struct CheckedTable {
    source: String,
    target: String,
    creates: bool,
    rows_estimate: Option<u64>,
    bytes_estimate: Option<u64>,
    key: Vec<String>,
}

/// Checks a plan against both ends.
pub async fn check(path: &Path, output: Output) -> Result<Exit> {
    let ends = Ends::connect(path).await?;
    let plan = ends.resolve(None)?;
    let checked = examine(&ends, &plan).await?;
    present(&checked, || checked.text(path), output)?;
    Ok(if checked.ready { Exit::Done } else { Exit::Usage })
}

async fn examine(ends: &Ends, plan: &Plan) -> Result<Checked> {
    let snapshot = ends.source.snapshot(1).await.doing("opening a snapshot of the source")?;
    let names: Vec<String> = plan.tables.iter().map(|table| table.target.name.clone()).collect();
    let occupied = ends.target.occupied(&names).await.doing("looking at the target's tables")?;
    let blocked = |name: &String| format!("target table \"{name}\" has rows, and the plan says on_existing: fail");
    let mut blockers: Vec<String> =
        if plan.on_existing == OnExisting::Fail { occupied.iter().map(blocked).collect() } else { Vec::new() };
    let missing = ends.target.missing_privileges().await.doing("looking at the account's privileges")?;
    blockers.extend(missing.into_iter().map(|privilege| format!("the target's account lacks {privilege}")));
    for table in &plan.tables {
        blockers.extend(unreadable(snapshot.as_ref(), table).await);
    }
    Ok(Checked {
        ready: blockers.is_empty(),
        source: format!("{} ({})", plan.source.description, ends.source_catalog.version),
        target: format!("{} ({})", plan.target.description, ends.target_catalog.version),
        tables: plan.tables.iter().map(|table| CheckedTable::of(ends, table)).collect(),
        lossy: plan.lossy.clone(),
        not_carried: plan.not_carried.clone(),
        blockers,
    })
}

/// Reads the first rows of a table, and says why if that fails.
async fn unreadable(snapshot: &dyn Snapshot, table: &TablePlan) -> Option<String> {
    let scan = Scan {
        table: table.source.clone(),
        fields: table.read.clone(),
        key: Vec::new(),
        range: Range::Whole,
        locator: false,
        batch_bytes: SAMPLE_BYTES,
    };
    let first = match snapshot.scan(scan).await {
        Ok(mut batches) => batches.next().await,
        Err(error) => Some(Err(error)),
    };
    first?.err().map(|error| format!("source table \"{}\" cannot be read: {error}", table.source))
}

impl CheckedTable {
    fn of(ends: &Ends, table: &sensei_planner::TablePlan) -> CheckedTable {
        let found = ends.source_catalog.tables.iter().find(|found| found.name == table.source);
        CheckedTable {
            source: table.source.clone(),
            target: table.target.name.clone(),
            creates: table.target.create,
            rows_estimate: found.and_then(|found| found.rows_estimate),
            bytes_estimate: found.and_then(|found| found.bytes_estimate),
            key: table.target.primary_key.clone(),
        }
    }
}

impl Checked {
    fn text(&self, plan: &Path) -> String {
        let mut out = format!("source: {}\ntarget: {}\n\n", self.source, self.target);
        let width = self.tables.iter().map(|table| table.source.chars().count()).max().unwrap_or(0).max(5);
        let _ = writeln!(out, "{:width$} {:>12} {:>12}  key", "table", "rows (est.)", "MB (est.)");
        for table in &self.tables {
            let rows = table.rows_estimate.map_or("?".to_owned(), |rows| rows.to_string());
            let megabytes = table.bytes_estimate.map_or("?".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6));
            let key = if table.key.is_empty() { "none".to_owned() } else { table.key.join(", ") };
            let _ = writeln!(out, "{:width$} {rows:>12} {megabytes:>12}  {key}", table.source);
        }
        let lossy = |rule: &LossyRule| format!("{}.{}: {}", rule.table, rule.column, rule.rule);
        list(&mut out, "Declared losses", self.lossy.iter().map(lossy));
        list(&mut out, "Not carried over", self.not_carried.iter().cloned());
        list(&mut out, "Blockers", self.blockers.iter().cloned());
        match self.ready {
            true => out += &format!("\nready: sensei run {}\n", plan.display()),
            false => out += "\nnot ready: settle the blockers first\n",
        }
        out
    }
}

fn list(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if !items.is_empty() {
        let _ = writeln!(out, "\n{title}:\n  {}", items.join("\n  "));
    }
}
