//! A process that walks a job's stages, and has its splits copied by whoever the head gives them to, itself among them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;
use sensei_operators::Refusals;
use sensei_planner::PlanFile;
use sensei_storage::evidence::SigningKey;
use sensei_storage::{Split, SplitId, VerifyMode};
use tokio::sync::mpsc;

use super::brief::Brief;
use super::leases::{Leases, Reported, proposal_json};
use super::link::{Link, Sharing};
use super::mesh;
use crate::cell::{Cell, Report};
use crate::context::{CONNECTIONS_DEFAULT, Ends};
use crate::crew::{Begun, Crew, Share};
use crate::enumerator::{Allocation, Answer, Grant, Proposed, Work};
use crate::failure::{Failure, Result};
use crate::head::CONNECTIONS_PER_SLOT;
use crate::job::Undertaking;
use crate::proto::{self, CutAnswer, Offered, OutcomeList, Settled};
use crate::references::{Found, Meeting};
use crate::report::JobReport;
use crate::runtime::ReadBack;
use crate::state::State;

/// Settlements told to the head at once at the most.
const SETTLED_AT_ONCE_MAX: usize = 512;

/// Runs the plan to its end; `reads_back`: looking itself at what arrived.
///
/// # Errors
/// Whatever keeps the job from a verdict.
pub(super) async fn conduct(
    link: Link,
    mut file: PlanFile,
    slots: u32,
    reads_back: bool,
    key: SigningKey,
) -> Result<JobReport> {
    let budget = |limit: Option<u32>| limit.unwrap_or(CONNECTIONS_DEFAULT as u32);
    let budgets = (budget(file.limits.source_connections), budget(file.limits.target_connections));
    let separate = !reads_back;
    let is_verified = file.verify != VerifyMode::Off;
    let of_target = if separate && is_verified { share_of_writers(budgets.1)? } else { budgets.1 };
    let slots = slots.min(budgets.0.min(of_target) / CONNECTIONS_PER_SLOT).max(1);
    let connections = slots * CONNECTIONS_PER_SLOT;
    file.limits.workers = Some(slots);
    // One holds the snapshot, and is not asked for rows.
    file.limits.source_connections = Some(connections + 1);
    file.limits.target_connections = Some(connections);
    let ends = Ends::of(file).await?;
    let state = State::shared(ends.state()?);
    let crew = Arc::new(Cluster { link, budgets, separate });
    Undertaking { ends, state, key, crew, fresh: false, quiet: true }.run().await
}

/// Connections to the target for those who write, where others read back.
fn share_of_writers(target_connections: u32) -> Result<u32> {
    if target_connections >= 2 * CONNECTIONS_PER_SLOT {
        return Ok(target_connections - target_connections / 2);
    }
    Err(Failure::usage(
        format!("limits.target_connections is {target_connections}, and this job has validators of its own"),
        format!("Allow at least {}: those who write and those who read back share them.", 2 * CONNECTIONS_PER_SLOT),
    ))
}

/// The workers of a cluster.
struct Cluster {
    link: Link,
    /// Connections to source and target for all of them.
    budgets: (u32, u32),
    /// Whether what is written is read back by others.
    separate: bool,
}

impl Crew for Cluster {
    fn begin(&self, share: Share) -> Begun {
        let Share { grants, mut context, rejects, tables, brief, shared } = share;
        let brief = Brief { separate: self.separate, ..brief };
        let must_be_apart = self.separate && context.read_back != ReadBack::Never;
        if must_be_apart {
            context.read_back = ReadBack::Elsewhere;
        }
        let (settlements, settled) = mpsc::unbounded_channel();
        let (sender, reports) = mpsc::unbounded_channel();
        let allocation = Arc::new(Settling { known: Mutex::new(grants.iter().map(Known::of).collect()), settlements });
        let leases = Leases::new(self.link.clone(), false);
        let cell = Cell { context: Arc::new(context), enumerator: leases.clone(), rejects, tables };
        let (link, budgets, separate) = (self.link.clone(), self.budgets, self.separate);
        let ended = async move {
            if must_be_apart && !shared {
                return Err(cannot_be_apart());
            }
            link.open(told(&brief)?, Sharing { shared, separate }, budgets).await?;
            link.offer(grants.iter().map(offered).collect::<Result<_>>()?).await?;
            let (to_head, from_cell) = mpsc::unbounded_channel();
            let copying = async {
                let (running, reporting) = (cell.run(to_head), leases.report(from_cell, Some(sender.clone())));
                tokio::try_join!(running, reporting).map(drop)
            };
            tokio::select! {
                copied = copying => copied,
                lost = leases.hold() => lost,
                failed = settle(&link, settled) => failed,
                failed = collect(&link, &sender) => failed,
            }
        };
        Begun { allocation, reports, ended: Box::pin(ended) }
    }

    fn meet(&self, meeting: Meeting) -> BoxFuture<'_, Result<Option<Vec<Vec<Found>>>>> {
        Box::pin(mesh::ask(&self.link, meeting))
    }
}

fn told(brief: &Brief) -> Result<Vec<u8>> {
    serde_json::to_vec(brief).map_err(|error| Failure::internal("saying what to do", error))
}

fn cannot_be_apart() -> Failure {
    Failure::usage(
        "only one process can carry out this plan, and this worker may not read back what it writes",
        "Such plans, of SQLite or from MySQL, need a worker that is scout, mover and validator.",
    )
}

fn offered(grant: &Grant) -> Result<Offered> {
    let grant_json = serde_json::to_vec(grant).map_err(|error| Failure::internal("offering a split", error))?;
    let (split, bytes) = (grant.split.id.0, grant.split.bytes_estimate);
    Ok(Offered { split, bytes, recheck: grant.is_recheck(), validation: grant.is_validation(), grant_json })
}

/// What becomes of splits, on its way to the head.
struct Settling {
    known: Mutex<HashMap<SplitId, Known>>,
    settlements: mpsc::UnboundedSender<Settlement>,
}

/// A split as it is now.
struct Known {
    split: Split,
    /// Rows that the target may have refused of it, should it be committed.
    refused_then: Refusals,
}

enum Settlement {
    Split(SplitId, Option<Grant>),
    Cut(Proposed, Option<Box<[Grant; 2]>>, bool),
    Close,
}

impl Known {
    fn of(grant: &Grant) -> (SplitId, Known) {
        let refused_then = match &grant.work {
            Work::Copy(refused_then) => refused_then.clone(),
            Work::Recheck(_) | Work::Recopy | Work::Isolate(_) | Work::Validate(_) => Refusals::default(),
        };
        (grant.split.id, Known { split: grant.split.clone(), refused_then })
    }
}

impl Settling {
    fn known(&self) -> MutexGuard<'_, HashMap<SplitId, Known>> {
        self.known.lock().expect("a panic elsewhere ends the process")
    }

    /// What is to be done with a part of a split that was cut.
    fn part(&self, split: Split) -> Grant {
        let mut known = self.known();
        let refused_then = known.get(&split.id).map(|known| known.refused_then.clone()).unwrap_or_default();
        let grant = Grant::new(split, Work::Copy(refused_then));
        known.extend([Known::of(&grant)]);
        grant
    }

    /// Nobody listens any more only when the job has failed already.
    fn say(&self, settlement: Settlement) {
        let _ = self.settlements.send(settlement);
    }
}

impl Allocation for Settling {
    fn complete(&self, split: SplitId, again: Option<Work>) {
        let split_now = self.known().get(&split).map(|known| known.split.clone());
        self.say(Settlement::Split(split, split_now.zip(again).map(|(split, work)| Grant::new(split, work))));
    }

    fn answer(&self, proposed: Proposed, answer: Answer) {
        self.say(match answer {
            Answer::Make(parts) => Settlement::Cut(proposed, Some(Box::new(parts.map(|part| self.part(part)))), true),
            Answer::Made => Settlement::Cut(proposed, None, true),
            Answer::Refused => Settlement::Cut(proposed, None, false),
        });
    }

    fn close(&self) {
        self.say(Settlement::Close);
    }
}

/// Tells the head what becomes of splits, for ever.
async fn settle(link: &Link, mut settlements: mpsc::UnboundedReceiver<Settlement>) -> Result<()> {
    let mut some = Vec::new();
    loop {
        if settlements.recv_many(&mut some, SETTLED_AT_ONCE_MAX).await == 0 {
            return std::future::pending().await;
        }
        let (mut settled, mut cuts, mut is_closed) = (Vec::new(), Vec::new(), false);
        for settlement in some.drain(..) {
            match settlement {
                Settlement::Close => is_closed = true,
                Settlement::Split(split, again) => {
                    settled.push(Settled { split: split.0, again: again.as_ref().map(offered).transpose()? });
                }
                Settlement::Cut(proposed, parts, is_made) => cuts.push(cut(&proposed, parts.as_deref(), is_made)?),
            }
        }
        if !settled.is_empty() || !cuts.is_empty() {
            link.settle(settled, cuts).await?;
        }
        if is_closed {
            link.close().await?;
        }
    }
}

fn cut(proposed: &Proposed, parts: Option<&[Grant; 2]>, is_made: bool) -> Result<CutAnswer> {
    let proposed = proto::Proposed {
        lease: proposed.lease,
        split: proposed.proposal.split.0,
        proposal_json: proposal_json(&proposed.proposal)?,
    };
    let offer = |part: usize| parts.map(|parts| offered(&parts[part])).transpose();
    Ok(CutAnswer { proposed: Some(proposed), is_made, kept: offer(0)?, rest: offer(1)? })
}

/// Collects what the workers report and propose, for ever. The head gives an outcome until it is settled; here it is taken
/// once. A proposal is given until it is answered, and answered as often.
async fn collect(link: &Link, reports: &mpsc::UnboundedSender<Report>) -> Result<()> {
    let mut taken: HashMap<u32, u64> = HashMap::new();
    loop {
        let OutcomeList { outcomes, proposed } = link.outcomes().await?;
        let mut is_new = false;
        for outcome in outcomes {
            let Reported { lease, ended } = serde_json::from_slice(&outcome.outcome_json)
                .map_err(|error| Failure::internal("reading an outcome", error))?;
            if ended.split().0 != outcome.split {
                return Err(Failure::internal("reading an outcome", "it is another split's"));
            }
            if taken.insert(outcome.split, lease) != Some(lease) {
                is_new = true;
                let _ = reports.send(Report::Ended(ended.into_owned()));
            }
        }
        for proto::Proposed { lease, proposal_json, .. } in proposed {
            let proposal = serde_json::from_slice(&proposal_json)
                .map_err(|error| Failure::internal("reading a proposed cut", error))?;
            let _ = reports.send(Report::Proposed(Proposed { lease, proposal }));
        }
        if !is_new {
            // All there is is being settled.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}
