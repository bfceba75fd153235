//! Keeps what the head knows: takes calls in batches, lets the core decide, stores what became true in one transaction,
//! and only then answers.

use std::sync::Arc;
use std::time::Duration;

use sensei_storage::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use super::core::Core;
use super::refusal::Refusal;
use super::store::Store;
use crate::clock::{Stopwatch, now_ms};
use crate::failure::{Doing, Failure, Result};

/// Calls that wait for their turn at the most; more are refused.
pub const CALLS_MAX: usize = 16_384;
/// Calls decided together at the most: their changes are one transaction.
const BATCH_MAX: usize = 1_024;
/// How often time alone is looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often the leadership is renewed where nothing else is stored.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// A call, to be made on the core; what it returns is called once its changes are stored, or could not be.
type Call = Box<dyn FnOnce(&mut Core) -> Answer + Send>;
type Answer = Box<dyn FnOnce(std::result::Result<(), Refusal>) + Send>;

/// The way to the core of a head that leads.
#[derive(Clone)]
pub struct Calls {
    sender: mpsc::Sender<Call>,
    /// Moves on whenever something was stored, so that those who wait look again.
    pub stored: watch::Receiver<u64>,
}

impl Calls {
    /// Calls `f` on the core, and returns once what it changed is stored.
    ///
    /// # Errors
    /// Those of `f`; `Unavailable` if the head has too much to do, or ceased to lead.
    pub async fn call<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Core) -> std::result::Result<T, Refusal> + Send + 'static,
    ) -> std::result::Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |core| {
            let outcome = f(core);
            Box::new(move |stored| {
                // Who asked may have gone.
                let _ = answer.send(stored.and(outcome));
            })
        });
        let gone = |why: &str| Refusal::Unavailable { why: why.to_owned() };
        match self.sender.try_send(call) {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(gone("it ceased to lead"))),
            Err(mpsc::error::TrySendError::Full(_)) => Err(gone("it has too much to do")),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(gone("it ceased to lead")),
        }
    }
}

/// Owns the core of a head that leads.
pub struct Keeper {
    core: Core,
    store: Arc<Store>,
    term: u64,
    calls: mpsc::Receiver<Call>,
    stored: watch::Sender<u64>,
    commits: u64,
    commit_seconds: f64,
}

impl Keeper {
    /// Keeps `core` under `term`.
    pub fn new(core: Core, store: Arc<Store>, term: u64) -> (Keeper, Calls) {
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let (stored, watched) = watch::channel(0);
        let keeper = Keeper { core, store, term, calls, stored, commits: 0, commit_seconds: 0.0 };
        (keeper, Calls { sender, stored: watched })
    }

    /// Serves calls until nobody can call any more.
    ///
    /// # Errors
    /// The first failure to store: what is in memory is then ahead of what is stored, and must be read anew.
    pub async fn run(mut self) -> Result<()> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since_stored = Stopwatch::start();
        loop {
            let is_time = tokio::select! {
                received = self.calls.recv_many(&mut batch, BATCH_MAX) => match received {
                    0 => return Ok(()),
                    _ => false,
                },
                _ = tick.tick() => true,
            };
            self.core.set_time(now_ms());
            // Not with every batch: it looks at every lease.
            if is_time {
                self.core.tick();
            }
            let answers: Vec<Answer> = batch.drain(..).map(|call| call(&mut self.core)).collect();
            let outcome = if self.core.has_changes() {
                since_stored = Stopwatch::start();
                self.commit().await
            } else if since_stored.elapsed() >= RENEW_EVERY {
                since_stored = Stopwatch::start();
                self.store.renew(self.term).await
            } else {
                Ok(())
            };
            let refusal = outcome.as_ref().err().map(|error| Refusal::Unavailable { why: in_words(error) });
            let stored = || refusal.clone().map_or(Ok(()), Err);
            answers.into_iter().for_each(|answer| answer(stored()));
            outcome.doing("storing what the head knows")?;
        }
    }

    async fn commit(&mut self) -> sensei_storage::Result<()> {
        let watch = Stopwatch::start();
        let changes = self.core.take_changes();
        self.store.commit(self.term, changes).await?;
        self.commits += 1;
        self.commit_seconds = watch.elapsed().as_secs_f64();
        self.core.note_commit(self.commits, self.commit_seconds);
        self.stored.send_modify(|version| *version += 1);
        Ok(())
    }
}

fn in_words(error: &Error) -> String {
    match error {
        Error::Fenced { .. } => "another head leads".to_owned(),
        other => format!("what it decided could not be stored: {other}"),
    }
}

/// Whether a failure means that another head leads.
pub fn is_fenced(failure: &Failure) -> bool {
    matches!(failure, Failure::Storage { error: Error::Fenced { .. }, .. })
}
