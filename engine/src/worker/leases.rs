//! The splits a process has from the head: taken one by one, held by renewing them, reported when they have passed through.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use sensei_storage::SplitId;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::link::Link;
use crate::cell::{Ended, Report};
use crate::clock::Stopwatch;
use crate::course::{Course, Proposal};
use crate::enumerator::{Enumerator, Grant, Work};
use crate::failure::{Failure, Result};
use crate::head::LEASE_MS;
use crate::interrupt;
use crate::proto::{CutAnswered, RenewReply, Renewal};

/// How long a process works on without having renewed its leases: it ends before the head gives them to others.
const HOLD_MAX: Duration = Duration::from_millis(LEASE_MS.cast_unsigned() - 3_000);
/// How often leases are renewed.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How often while a cut was proposed and not answered: its holder may be waiting for that.
const RENEW_SOON: Duration = Duration::from_millis(200);

/// How a split passed through, under which lease: the head gives what it was told until it is settled, and a split that is done
/// again is told of again.
#[derive(Serialize, Deserialize)]
pub(super) struct Reported<'a> {
    pub lease: u64,
    pub ended: Cow<'a, Ended>,
}

/// Does `renew` after every `pause`, for as long as it succeeds in time: what a process was given is given to others soon after.
///
/// # Errors
/// The first failure of `renew`; `Superseded`, saying `late`, once it took too long.
pub(super) async fn keep_renewing<T, F>(late: &str, pause: impl Fn() -> Duration, renew: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<T>>,
{
    let mut renewed = Stopwatch::start();
    loop {
        tokio::time::sleep(pause()).await;
        let (asked, left) = (Stopwatch::start(), HOLD_MAX.saturating_sub(renewed.elapsed()));
        let late = |_| Failure::Superseded { what: late.to_owned() };
        tokio::time::timeout(left, renew()).await.map_err(late)??;
        renewed = asked;
    }
}

/// The leases of a process.
pub(super) struct Leases {
    link: Link,
    held: Mutex<HashMap<SplitId, Held>>,
    /// Rows and bytes moved that the head was not told of.
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Whether a signal ends the taking of splits; a conductor has the head close the job instead.
    ends_by_signal: bool,
}

/// A split that this process has.
struct Held {
    lease: u64,
    course: Arc<Course>,
    /// What came of it is on its way to the head, whose answer to that says whether it was still held.
    is_reported: bool,
}

impl Held {
    fn renewal(&self) -> Result<Renewal> {
        let proposal_json = self.course.proposal().as_ref().map(proposal_json).transpose()?.unwrap_or_default();
        Ok(Renewal { lease: self.lease, bytes_ahead: self.course.bytes_ahead(), proposal_json })
    }
}

/// A proposed cut as it is sent: the same one always gives the same bytes.
pub(super) fn proposal_json(proposal: &Proposal) -> Result<Vec<u8>> {
    serde_json::to_vec(proposal).map_err(|error| Failure::internal("proposing a cut", error))
}

impl Leases {
    pub(super) fn new(link: Link, ends_by_signal: bool) -> Arc<Leases> {
        let (rows, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Leases { link, held: Mutex::new(HashMap::new()), rows, bytes, ends_by_signal })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<SplitId, Held>> {
        self.held.lock().expect("a panic elsewhere ends the process")
    }

    /// Renews leases for ever.
    ///
    /// # Errors
    /// `Superseded` once one is lost: what this process has open is somebody else's, so it must end.
    pub(super) async fn hold(&self) -> Result<()> {
        let late = "leases could not be renewed in time, and are given to somebody else";
        keep_renewing(late, || self.pause(), || self.renew_held()).await
    }

    async fn renew_held(&self) -> Result<()> {
        let renewals = self.held().values().map(Held::renewal).collect::<Result<Vec<_>>>()?;
        let RenewReply { lost, asked, answered } = self.renew(renewals.clone()).await?;
        self.take_answers(&renewals, &answered)?;
        self.held().values().filter(|held| asked.contains(&held.lease)).for_each(|held| held.course.propose());
        let is_held = |lease: &&u64| self.held().values().any(|held| held.lease == **lease && !held.is_reported);
        // One that was reported meanwhile, or is being, is not lost.
        match lost.iter().find(is_held) {
            Some(lease) => Err(Failure::Superseded { what: format!("lease {lease} was given to somebody else") }),
            None => Ok(()),
        }
    }

    /// Has the courses go on whose cuts were answered. An answer is about what was proposed with the same call.
    fn take_answers(&self, renewals: &[Renewal], answered: &[CutAnswered]) -> Result<()> {
        for CutAnswered { lease, is_made } in answered {
            let held = self.held().values().find(|held| held.lease == *lease).map(|held| held.course.clone());
            let renewal = renewals.iter().find(|renewal| renewal.lease == *lease);
            let Some((course, renewal)) = held.zip(renewal) else { continue };
            let proposal: Proposal = serde_json::from_slice(&renewal.proposal_json)
                .map_err(|error| Failure::internal("reading what became of a cut", error))?;
            course.answer(proposal.at, *is_made);
        }
        Ok(())
    }

    /// How long leases are left alone.
    fn pause(&self) -> Duration {
        let waits = self.held().values().any(|held| held.course.proposal().is_some());
        if waits { RENEW_SOON } else { RENEW_EVERY }
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Result<RenewReply> {
        let (rows, bytes) = (self.rows.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed));
        self.link.renew(renewals, rows, bytes).await
    }

    /// Reports what passes through the cell until it has ended; progress goes on to `progress`.
    ///
    /// # Errors
    /// If the head cannot be told.
    pub(super) async fn report(
        &self,
        mut reports: mpsc::UnboundedReceiver<Report>,
        progress: Option<mpsc::UnboundedSender<Report>>,
    ) -> Result<()> {
        while let Some(report) = reports.recv().await {
            match report {
                Report::Moved { rows, bytes, .. } => {
                    self.rows.fetch_add(rows, Ordering::Relaxed);
                    self.bytes.fetch_add(bytes, Ordering::Relaxed);
                    progress.as_ref().map(|progress| progress.send(report));
                }
                Report::Rejecting { .. } | Report::Proposed(_) => {
                    progress.as_ref().map(|progress| progress.send(report));
                }
                Report::Ended(ended) => self.ended(&ended).await?,
            }
        }
        // What was moved since the last renewal.
        self.renew(Vec::new()).await.map(drop)
    }

    async fn ended(&self, ended: &Ended) -> Result<()> {
        let split = ended.split();
        let lease = self.held().get_mut(&split).map(|held| {
            held.is_reported = true;
            held.lease
        });
        let lease = lease.ok_or_else(|| Failure::internal("reporting a split", "it has no lease"))?;
        let reported = Reported { lease, ended: Cow::Borrowed(ended) };
        let outcome = serde_json::to_vec(&reported).map_err(|error| Failure::internal("reporting a split", error))?;
        self.link.report(lease, split.0, outcome).await?;
        // The other half of the split may be this process's by now, under a lease of its own.
        self.held().retain(|_, held| held.lease != lease);
        Ok(())
    }

    async fn take(&self) -> Result<Option<Grant>> {
        loop {
            let (lease, exhausted) = self.link.next().await?;
            if let Some(lease) = lease {
                let grant: Grant = serde_json::from_slice(&lease.grant_json)
                    .map_err(|error| Failure::internal("reading a grant", error))?;
                let course = Arc::new(match grant.work {
                    Work::Copy(_) => Course::divisible(),
                    Work::Recheck(_) | Work::Recopy | Work::Isolate(_) | Work::Validate(_) => Course::default(),
                });
                let held = Held { lease: lease.lease, course: course.clone(), is_reported: false };
                self.held().insert(grant.split.id, held);
                return Ok(Some(Grant { taken_over: lease.taken_over, course, ..grant }));
            }
            if exhausted {
                return Ok(None);
            }
        }
    }
}

#[async_trait]
impl Enumerator for Leases {
    async fn next(&self) -> Result<Option<Grant>> {
        tokio::select! {
            biased;
            () = interrupt::requested(), if self.ends_by_signal => Ok(None),
            grant = self.take() => grant,
        }
    }
}
