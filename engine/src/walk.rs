//! Walks a job's stages, every one after those it waits for, up to the verdict. Each stage looks first at what is there,
//! so that a run that was cut off anywhere walks them all again.
//!
//! **Invariant:** nothing is added to a target once rows are known to differ or to refer to nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};
use sensei_planner::{ReadyQueue, Stage};
use sensei_storage::evidence::StructuralFacts;
use sensei_storage::{NextNumber, Object, Verdict};
use tokio::sync::{Semaphore, mpsc};
use tracing::Instrument;

use crate::copying::{Copied, Copying};
use crate::failure::{Failure, Result};
use crate::inspect::{self, Disturbance};
use crate::interrupt::unless_interrupted;
use crate::job::Job;
use crate::limits::INDEXES_WHILE_COPYING_MAX;
use crate::numbering;
use crate::recount;
use crate::references::{self, Checked};
use crate::schema::{self, Indexer};

/// What the stages left behind.
#[derive(Default)]
pub(crate) struct Walked {
    /// Rows, split by split.
    pub copied: Copied,
    /// Tables, by index, that somebody else changed while the job ran.
    pub disturbed: BTreeMap<u32, Disturbance>,
    /// The relations of the plan, by their position there; none where the rows themselves differ.
    pub references: BTreeMap<usize, Checked>,
    /// What the target was told to number next.
    pub numbers: Vec<NextNumber>,
    /// The target's catalog beside the plan; `None` if it was not compared.
    pub structural: Option<StructuralFacts>,
}

impl Walked {
    /// Whether the rows are as the plan wants them, as far as is known: none differs, and none that the plan does not
    /// accept refers to nothing.
    fn is_sound(&self) -> bool {
        let has_orphans = self.references.values().any(|checked| checked.facts.verdict == Verdict::Different);
        self.copied.differing.is_empty() && !has_orphans
    }
}

/// Walks all stages but the last, which certifies.
///
/// # Errors
/// The first failure; `Violated` where rows break a constraint. What was finished stays.
pub(crate) async fn walk(job: &mut Job) -> Result<Walked> {
    let graph = job.ends.stages(&job.plan);
    let mut queue = ReadyQueue::new(&graph);
    let mut walk = Walk::new(job);
    while !queue.is_finished() {
        let ready: Vec<usize> = std::iter::from_fn(|| queue.next()).collect();
        let stages: Vec<Stage> = ready.iter().map(|&index| graph.nodes[index].stage).collect();
        walk.wave(&stages).await?;
        ready.into_iter().for_each(|index| queue.finish(index));
    }
    Ok(walk.walked)
}

struct Walk<'a> {
    job: &'a mut Job,
    walked: Walked,
    /// Tables whose keys and indexes are there, by index in the plan.
    indexed: BTreeSet<usize>,
    /// Routines that need a table to be there first.
    put_off: Vec<Object>,
}

impl<'a> Walk<'a> {
    fn new(job: &'a mut Job) -> Walk<'a> {
        let (walked, indexed) = (Walked::default(), BTreeSet::new());
        Walk { job, walked, indexed, put_off: Vec::new() }
    }

    /// Walks stages of which none waits for another.
    async fn wave(&mut self, stages: &[Stage]) -> Result<()> {
        if stages.iter().any(|stage| matches!(stage, Stage::Snapshot { .. })) {
            self.copy().instrument(tracing::info_span!("copying")).await?;
            unless_interrupted(recount::source(self.job, &self.walked.copied)).await?;
        }
        let of_index = |stage: &Stage| match stage {
            Stage::Index { table } => Some(*table),
            _ => None,
        };
        let unindexed = stages.iter().filter_map(of_index).filter(|table| !self.indexed.contains(table)).collect();
        if self.walked.is_sound() {
            unless_interrupted(Indexer::new(self.job).add_all(unindexed)).await?;
        }
        let relations: Vec<usize> = stages.iter().filter_map(Stage::relation).collect();
        if !relations.is_empty() && self.walked.is_sound() {
            let checking = references::within_job(self.job, &self.walked.copied, &relations);
            let checked = checking.instrument(tracing::info_span!("references")).await?;
            self.walked.references.extend(checked);
        }
        for stage in stages {
            self.stage(*stage).instrument(tracing::info_span!("stage", ?stage)).await?;
        }
        Ok(())
    }

    async fn stage(&mut self, stage: Stage) -> Result<()> {
        match stage {
            Stage::Verify => unless_interrupted(self.verify()).await,
            _ if !self.walked.is_sound() => Ok(()),
            // It writes the journal, so it is not stopped midway.
            Stage::Prepare => {
                self.job.prepare().await?;
                unless_interrupted(schema::create_objects(self.job, &self.put_off)).await
            }
            Stage::ObjectsBefore => {
                self.put_off = unless_interrupted(schema::objects_before(self.job)).await?;
                Ok(())
            }
            Stage::Constraints => unless_interrupted(schema::add_constraints(self.job)).await,
            Stage::Sequences => unless_interrupted(self.set_numbers()).await,
            Stage::ObjectsAfter => unless_interrupted(schema::objects_after(self.job)).await,
            // The wave saw to these; certified when the walk is over.
            Stage::Snapshot { .. } | Stage::Index { .. } | Stage::References { .. } | Stage::Certify => Ok(()),
        }
    }

    /// Copies all tables. A table that is complete gets its keys and indexes while others are still copied; if they cannot
    /// be added, what is open is finished and nothing more begun.
    async fn copy(&mut self) -> Result<()> {
        let indexer = Indexer::new(self.job);
        let turns = Semaphore::new(INDEXES_WHILE_COPYING_MAX);
        let (loaded, complete) = mpsc::unbounded_channel();
        let tables = self.job.plan.tables.len();
        let copying = Copying::new(self.job, loaded);
        let splits = copying.splits();
        let copying = async {
            let copied = copying.run().await;
            turns.add_permits(indexer.at_once().saturating_sub(INDEXES_WHILE_COPYING_MAX));
            copied
        };
        let in_turn = |table| {
            let (indexer, turns) = (&indexer, &turns);
            async move {
                let _turn = turns.acquire().await.map_err(|error| Failure::internal("adding indexes", error))?;
                indexer.add(table).await.map(|()| table)
            }
        };
        let complete = stream::unfold(complete, async |mut complete| Some((complete.recv().await?, complete)));
        let indexing = complete.map(in_turn).buffer_unordered(tables.max(1)).try_collect();
        let (mut copying, mut indexing) = (pin!(copying), pin!(indexing));
        tokio::select! {
            copied = &mut copying => {
                self.walked.copied = copied?;
                self.indexed = unless_interrupted(indexing).await?;
            }
            // Before the copying is over this ends by a failure only.
            indexed = &mut indexing => {
                if indexed.is_err() {
                    splits.close();
                }
                let copied = copying.await;
                self.indexed = indexed?;
                self.walked.copied = copied?;
            }
        }
        Ok(())
    }

    async fn set_numbers(&mut self) -> Result<()> {
        self.walked.numbers = numbering::settle(&self.job.ends, &self.job.plan).await?;
        numbering::set(&self.job.ends, &self.walked.numbers).await
    }

    /// Where rows differ or refer to nothing, nothing was added after them, so that there is no schema to compare.
    async fn verify(&mut self) -> Result<()> {
        self.walked.disturbed = inspect::disturbances(self.job, &self.walked.copied).await?;
        if self.walked.is_sound() {
            schema::policies(self.job).await?;
            self.walked.structural = inspect::structure(&self.job.ends, &self.job.plan, &self.walked.numbers).await?;
        }
        Ok(())
    }
}
