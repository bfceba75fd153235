//! One round of one relation: the parents are read into the graph, then the children pass by them.

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::StreamExt;
use sensei_operators::{KeyDealer, KeysSeen, OrphanFinding, OrphanSearch, Permit, Reference, Round};
use sensei_planner::RelationPlan;
use sensei_storage::{Batch, Batches, Range};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use crate::failure::{Doing, Failure, Result};
use crate::limits::{KEY_IN_FLIGHT_SHARE, KEY_ROW_BYTES, SCANS_PER_SIDE_MAX};
use crate::progress::Progress;
use crate::references::side::Side;
use crate::references::{Place, Read, References};
use crate::runtime::LaneBudget;

/// How the threads of a round end.
type Graph = std::result::Result<(), String>;

/// One relation's search.
pub(super) struct Search<'s> {
    pub references: &'s References<'s>,
    pub relation: &'s RelationPlan,
    pub reference: &'s Reference,
    pub child: &'s Side<'s>,
    pub parent: &'s Side<'s>,
}

/// What is being fed.
enum Phase {
    Parents(Arc<KeyDealer>),
    Children,
    /// Everything is fed; what is found still comes.
    Ending,
}

impl Search<'_> {
    /// Reads the parents, then the children, and gives out the orphans of one round.
    pub async fn round(
        &self,
        round: Round,
        progress: &mut Progress,
        found: &mut (dyn FnMut(&RecordBatch) + Send),
    ) -> Result<KeysSeen> {
        let (findings, mut received) = mpsc::unbounded_channel();
        let (dealer, graph) = self.begin(round, findings);
        let (mover, mut moves) = mpsc::unbounded_channel();
        let dealer = Arc::new(dealer);
        let mut scans = self.scans(self.relation.parent, self.parent, &dealer, KeyDealer::parents, &mover);
        let mut phase = Phase::Parents(dealer);
        let mut seen = KeysSeen::default();
        loop {
            tokio::select! {
                finding = received.recv() => match finding {
                    Some(OrphanFinding::Orphans { rows, permit: _permit }) => found(&rows),
                    Some(OrphanFinding::Seen(of_worker)) => seen += of_worker,
                    None => break,
                },
                Some((rows, bytes)) = moves.recv() => progress.moved(0, rows, bytes),
                joined = scans.join_next(), if !matches!(phase, Phase::Ending) => match (joined, phase) {
                    (Some(joined), before) => {
                        joined.unwrap_or_else(|error| Err(Failure::internal("scanning", error)))?;
                        phase = before;
                    }
                    (None, Phase::Parents(dealer)) => {
                        dealer.end_parents();
                        scans = self.scans(self.relation.child, self.child, &dealer, KeyDealer::children, &mover);
                        phase = Phase::Children;
                    }
                    (None, _) => phase = Phase::Ending,
                },
                () = crate::interrupt::requested() => return Err(Failure::Interrupted),
            }
        }
        if let Some(graph) = graph {
            let doing = "checking references";
            let ended = graph.await.map_err(|error| Failure::internal(doing, error))?;
            ended.map_err(|error| Failure::internal(doing, error))?;
        }
        Ok(seen)
    }

    /// Begins a round: on threads for it alone, or on those of a mesh, which outlive it.
    fn begin(
        &self,
        round: Round,
        findings: mpsc::UnboundedSender<OrphanFinding>,
    ) -> (KeyDealer, Option<JoinHandle<Graph>>) {
        let (reference, hash_key) = (self.reference.clone(), self.references.hash_key);
        match &self.references.place {
            Place::Alone => {
                let workers = self.references.plan.limits.workers as usize;
                let (search, dealer) = OrphanSearch::new(reference, hash_key, round, workers, findings);
                (dealer, Some(tokio::task::spawn_blocking(move || search.run())))
            }
            Place::Member { rounds, .. } => (rounds.begin(reference, hash_key, round, findings), None),
        }
    }

    /// Starts the scans of one table. The last of them to end lets go of the dealer.
    fn scans(
        &self,
        table: usize,
        side: &Side<'_>,
        dealer: &Arc<KeyDealer>,
        deal: fn(&KeyDealer, Batch, Permit),
        moved: &mpsc::UnboundedSender<(u64, u64)>,
    ) -> JoinSet<Result<()>> {
        let limits = &self.references.plan.limits;
        let budget = LaneBudget::of(limits.memory_bytes / KEY_IN_FLIGHT_SHARE);
        let slots = Arc::new(Semaphore::new((limits.target_connections as usize).clamp(1, SCANS_PER_SIDE_MAX)));
        let mut scans = JoinSet::new();
        let place = &self.references.place;
        for read in self.references.reads[table].iter().skip(place.index()).step_by(place.members()).cloned() {
            let (target, commits) = (self.references.target.clone(), self.references.commits.clone());
            let (slots, dealer, budget, moved) = (slots.clone(), dealer.clone(), budget.clone(), moved.clone());
            let doing = format!("reading table \"{}\" of the target", side.table.target.name);
            let scan = side.scan(match &read {
                Read::Range(range) => range.clone(),
                Read::Commit(_) => Range::Whole,
            });
            scans.spawn(async move {
                let _slot = slots.acquire_owned().await;
                let batches = match read {
                    Read::Range(_) => target.scan(scan).await,
                    Read::Commit(commit) => commits.read_back(scan, commit).await,
                };
                feed(batches.doing(doing.clone())?, &budget, &dealer, deal, &moved).await.doing(doing)
            });
        }
        scans
    }
}

/// Feeds one scan to the graph, each batch with a permit for what its keys take up there.
async fn feed(
    mut batches: Batches,
    budget: &LaneBudget,
    dealer: &KeyDealer,
    deal: fn(&KeyDealer, Batch, Permit),
    moved: &mpsc::UnboundedSender<(u64, u64)>,
) -> sensei_storage::Result<()> {
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let (rows, bytes) = (batch.rows.num_rows(), batch.rows.get_array_memory_size());
        let permit = budget.acquire(bytes + rows * KEY_ROW_BYTES).await;
        deal(dealer, batch, permit);
        // Nobody listens only when the check has failed.
        let _ = moved.send((rows as u64, bytes as u64));
    }
    Ok(())
}
