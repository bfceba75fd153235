//! What a job adds to the target around the rows: objects beside the tables, keys, indexes, checks.

use std::slice;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use sensei_operators::Times;
use sensei_storage::{Error, Kind, Object, ObjectKind, Target, VerifyMode};

use crate::failure::{Doing, Failure, Result};
use crate::job::Job;
use crate::lower::LoweredTable;
use crate::runtime::{Booking, timed};

/// Adds keys and indexes, table by table.
pub(crate) struct Indexer {
    target: Arc<dyn Target>,
    tables: Arc<Vec<LoweredTable>>,
    times: Arc<Times>,
    at_once: usize,
}

impl Indexer {
    /// For the tables of `job`.
    pub fn new(job: &Job) -> Indexer {
        let at_once = (job.plan.limits.target_connections as usize).max(1);
        let (target, tables, times) = (job.ends.target.clone(), job.tables.clone(), job.times.clone());
        Indexer { target, tables, times, at_once }
    }

    /// Tables that may be indexed at once when nothing else uses the target: one connection each.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Adds the primary key of one table, then its other indexes.
    ///
    /// # Errors
    /// `Violated` if rows have equal keys where there may be none.
    pub async fn add(&self, table: usize) -> Result<()> {
        timed(&self.times, Booking::INDEX, self.add_untimed(table)).await
    }

    async fn add_untimed(&self, table: usize) -> Result<()> {
        let table = &self.tables[table].target;
        let doing = |what: &str| format!("adding {what} of table \"{}\"", table.name);
        let violated = |what: &str, error: Error| Failure::of_constraint(doing(what), error);
        self.target.add_primary_key(table).await.map_err(|error| violated("the primary key", error))?;
        self.target.add_indexes(table).await.map_err(|error| violated("the indexes", error))
    }

    /// Adds those of several tables, as many at once as the target has connections for.
    ///
    /// # Errors
    /// As [`Indexer::add`].
    pub async fn add_all(&self, tables: Vec<usize>) -> Result<()> {
        stream::iter(tables).map(|table| self.add(table)).buffer_unordered(self.at_once).try_collect().await
    }
}

/// Adds all checks, then all foreign keys: one that refers to a table whose own rows are refused comes to nothing.
///
/// # Errors
/// `Violated` if rows break one, `ForeignKey` if the target refuses one that none breaks.
pub(crate) async fn add_constraints(job: &Job) -> Result<()> {
    let (target, tables) = (&job.ends.target, || job.plan.tables.iter().map(|table| &table.target));
    for table in tables() {
        let doing = || format!("adding the checks of table \"{}\"", table.name);
        target.add_checks(table).await.map_err(|error| Failure::of_constraint(doing(), error))?;
    }
    for (index, table) in tables().enumerate() {
        let mut unchecked = job.plan.relations.iter().filter(|one| one.child == index && one.collation.is_some());
        let is_checked = job.plan.verify != VerifyMode::Off && unchecked.next().is_none();
        let added = target.add_foreign_keys(table).await;
        added.map_err(|error| Failure::foreign_key(&table.name, is_checked, error))?;
    }
    Ok(())
}

/// Creates what tables may need. Returns the routines that could not be created yet: one may speak of a table (`RETURNS
/// SETOF t`), and a table of another routine (in a default), so neither can all come first.
///
/// # Errors
/// If anything else cannot be created.
pub(crate) async fn objects_before(job: &Job) -> Result<Vec<Object>> {
    let mut put_off = Vec::new();
    for object in job.plan.objects.iter().filter(|object| object.precedes_tables()) {
        match job.ends.target.create_objects(slice::from_ref(object)).await {
            Err(error) if is_routine(object) && error.kind() == Kind::Invalid => put_off.push(object.clone()),
            created => created.doing(creating(object))?,
        }
    }
    Ok(put_off)
}

/// Creates what needs tables and their rows, but for policies, unless nothing is verified after it.
///
/// # Errors
/// If anything cannot be created.
pub(crate) async fn objects_after(job: &Job) -> Result<()> {
    let is_last = job.plan.verify == VerifyMode::Off;
    let after = job.plan.objects.iter().filter(|object| !object.precedes_tables());
    create_objects(job, after.filter(|object| is_last || !is_policy(object))).await
}

/// Creates the policies: where they bind the owner of a table too, rows that they hide are not to be seen any more.
///
/// # Errors
/// If one cannot be created.
pub(crate) async fn policies(job: &Job) -> Result<()> {
    create_objects(job, job.plan.objects.iter().filter(|object| is_policy(object))).await
}

/// Creates objects one by one, so that the one that fails is named.
///
/// # Errors
/// If one cannot be created.
pub(crate) async fn create_objects(job: &Job, objects: impl IntoIterator<Item = &Object>) -> Result<()> {
    for object in objects {
        job.ends.target.create_objects(slice::from_ref(object)).await.doing(creating(object))?;
    }
    Ok(())
}

fn creating(object: &Object) -> String {
    format!("creating {} \"{}\"", object.kind, object.name)
}

fn is_policy(object: &Object) -> bool {
    object.kind == ObjectKind::Policy
}

fn is_routine(object: &Object) -> bool {
    matches!(object.kind, ObjectKind::Function | ObjectKind::Procedure)
}
