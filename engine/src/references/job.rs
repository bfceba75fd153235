//! The check within a job: all rows are loaded, no foreign key is added yet.

use std::sync::Arc;

use sensei_storage::{Catalog, Snapshot, SplitId, System};

use crate::compare::ranges;
use crate::copying::Copied;
use crate::failure::{Doing, Failure, Result};
use crate::job::Job;
use crate::random;
use crate::references::{Checked, Found, Meeting, Place, Read, References};

/// Checks the relations at these positions of the job's plan: with others where the job has any, else alone.
pub(crate) async fn within_job(job: &Job, copied: &Copied, relations: &[usize]) -> Result<Vec<(usize, Checked)>> {
    let target = &job.ends.target;
    let catalog = target.catalog().await.doing("reading the target's catalog")?;
    let snapshot = target.snapshot(job.plan.limits.target_connections as usize);
    let snapshot = snapshot.await.doing("opening a snapshot of the target")?;
    let (mut reads, mut rows) = (Vec::new(), Vec::new());
    for table in 0..job.plan.tables.len() {
        let takes_part = |&relation: &usize| {
            let relation = &job.plan.relations[relation];
            relation.child == table || relation.parent == table
        };
        let (of_table, count) = match relations.iter().any(takes_part) {
            true => table_reads(job, copied, table, &catalog, &snapshot).await?,
            false => (Vec::new(), 0),
        };
        reads.push(of_table);
        rows.push(count);
    }
    let (commits, hash_key) = (target.clone(), random::key()?);
    if target.shares_writing() {
        let meeting = meeting(job, relations, snapshot.as_ref(), (&reads, &rows), hash_key)?;
        if let Some(found) = job.crew.meet(meeting).await? {
            return Ok(together(job, relations, found));
        }
    }
    let (place, quiet) = (Place::Alone, job.quiet);
    let references = References { plan: &job.plan, target: snapshot, commits, reads, rows, hash_key, place, quiet };
    let mut checked = Vec::new();
    for &relation in relations {
        checked.push((relation, references.check(&job.plan.relations[relation], &mut |_| {}).await?));
    }
    Ok(checked)
}

/// What others must know to check together.
fn meeting(
    job: &Job,
    relations: &[usize],
    snapshot: &dyn Snapshot,
    (reads, rows): (&[Vec<Read>], &[u64]),
    hash_key: [u8; 32],
) -> Result<Meeting> {
    let part = |(table, reads): (usize, &Vec<Read>)| (!reads.is_empty()).then(|| (table, reads.clone()));
    Ok(Meeting {
        plan: job.plan.clone(),
        relations: relations.to_vec(),
        snapshot: job.ends.target.shares_snapshots().then(|| snapshot.id()),
        reads: reads.iter().enumerate().filter_map(part).collect(),
        rows: rows.to_vec(),
        hash_key: hex::encode(hash_key),
        secret: hex::encode(random::key()?),
    })
}

/// What follows from what all members found, each of every relation.
fn together(job: &Job, relations: &[usize], found: Vec<Vec<Found>>) -> Vec<(usize, Checked)> {
    let mut of_relation = vec![Found::default(); relations.len()];
    for by_member in found {
        of_relation.iter_mut().zip(by_member).for_each(|(sum, found)| sum.add(found));
    }
    let checked =
        |(&relation, found): (&usize, Found)| (relation, found.checked(&job.plan, &job.plan.relations[relation]));
    relations.iter().zip(of_relation).map(checked).collect()
}

/// What to read of a table, and how many rows that are. Parquet tables are not to be seen before the job finishes them,
/// and are nothing but their commits; of others, rows that were there before count too.
async fn table_reads(
    job: &Job,
    copied: &Copied,
    table: usize,
    catalog: &Catalog,
    snapshot: &Arc<dyn Snapshot>,
) -> Result<(Vec<Read>, u64)> {
    let name = &job.plan.tables[table].target.name;
    let of_table = |split: &&SplitId| job.history.splits[split.0 as usize].table as usize == table;
    let commits: Vec<_> =
        copied.finished.keys().filter(of_table).map(|split| copied.finished[split].commit.clone()).collect();
    let written = commits.iter().map(|commit| commit.rows).sum();
    if job.plan.target.system == System::Parquet {
        return Ok((commits.into_iter().map(Read::Commit).collect(), written));
    }
    let found = catalog.tables.iter().find(|found| found.name == *name);
    let gone = || Failure::internal("checking references", format!("table \"{name}\" is not in the target's catalog"));
    let ranges = ranges(snapshot.as_ref(), found.ok_or_else(gone)?, job.plan.limits.split_bytes).await?;
    let standing = job.ends.target.standing(name, &commits).await.doing(format!("counting table \"{name}\""))?;
    let rows = standing.map_or(written, |standing| standing.rows);
    Ok((ranges.into_iter().map(Read::Range).collect(), rows))
}
