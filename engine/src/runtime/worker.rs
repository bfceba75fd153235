//! Runs the workers of one job: each a timely thread with its graph, and the tasks that keep its lanes busy.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use sensei_operators::{
    Cell, Committed, Feed, InletSender, Lease, Outcome, Permit, Refusals, Rejected, Request, inlet,
};
use sensei_storage::{Error, SplitId};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{Instrument, Span};

use crate::enumerator::{Enumerator, Grant, Work};
use crate::failure::{Doing, Failure, Result};
use crate::limits::{LANES_PER_WORKER, REFUSED_PER_SPLIT_MAX};
use crate::runtime::isolate::isolate;
use crate::runtime::lane::{self, LaneContext, Order, SplitWork};

/// What workers report.
pub enum Event {
    /// A split passed through and its counts are known.
    Done {
        /// The split.
        work: Box<SplitWork>,
        /// Its counts.
        outcome: Box<Outcome>,
    },
    /// Rows of a split do not fit the target.
    Rejected {
        /// The split.
        work: Box<SplitWork>,
        /// Why, row by row.
        rejected: Vec<Rejected>,
        /// Budget of the batch they came from.
        permit: Permit,
    },
    /// The target refused a row of a split, so that nothing of it was written. What it rejected so far does not count.
    Refused {
        /// The split.
        work: Box<SplitWork>,
    },
    /// A split without its refused rows is about to be committed. What was rejected of it must be on disk by then: should
    /// the process end before the journal has the split, nothing else tells which rows its commit left out.
    Committing {
        /// The split.
        split: SplitId,
        /// Answered when that is so.
        settled: oneshot::Sender<()>,
    },
    /// Rows of a table were handed to the writer; for progress only.
    Moved {
        /// Index of the table.
        table: u32,
        /// Rows.
        rows: u64,
        /// Arrow bytes.
        bytes: u64,
    },
}

/// The running workers of one job.
pub struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    drivers: JoinSet<Result<()>>,
}

impl Workers {
    /// Starts `context.workers` workers that pull from `enumerator` and report to `events`.
    ///
    /// # Errors
    /// If the operating system gives no more threads.
    pub fn start(
        context: Arc<LaneContext>,
        enumerator: Arc<dyn Enumerator>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Workers> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut workers = Workers { stop: stop.clone(), threads: Vec::new(), drivers: JoinSet::new() };
        let projections = Arc::new(context.tables.iter().map(|table| table.projection.clone()).collect::<Vec<_>>());
        let hashers = Arc::new(context.tables.iter().map(|table| table.hasher.clone()).collect::<Vec<_>>());
        for index in 0..context.workers {
            let (feed, feed_inlet) = inlet();
            let (committed, committed_inlet) = inlet();
            let (read_back, read_back_inlet) = inlet();
            let (requests, received) = mpsc::unbounded_channel();
            let cell = Cell {
                projections: projections.clone(),
                hashers: hashers.clone(),
                feed: feed_inlet,
                committed: committed_inlet,
                read_back: read_back_inlet,
                requests,
                times: context.times.clone(),
                stop: stop.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("timely-{index}"))
                .spawn(move || cell.run())
                .map_err(|error| Failure::internal("starting a worker thread", error))?;
            workers.threads.push(thread);
            let doors = Doors { feed, committed, read_back };
            let driver =
                Driver { context: context.clone(), enumerator: enumerator.clone(), events: events.clone(), doors };
            workers.drivers.spawn(driver.run(received).in_current_span());
        }
        Ok(workers)
    }

    /// Waits until every worker has nothing left to do, or the first one fails; then ends the others.
    ///
    /// # Errors
    /// The first failure. Whatever was open then is rolled back.
    pub async fn finish(mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(joined) = self.drivers.join_next().await {
            let result = joined.unwrap_or_else(|error| Err(Failure::internal("running a worker", error)));
            if result.is_err() && outcome.is_ok() {
                outcome = result;
                self.stop.store(true, Ordering::Relaxed);
                self.drivers.abort_all();
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok())).await;
        match (outcome, joined) {
            (Ok(()), Ok(true)) => Ok(()),
            (Ok(()), _) => Err(Failure::internal("ending a worker thread", "it panicked")),
            (failed, _) => failed,
        }
    }
}

/// A worker dropped midway (a command that gives up) leaves its threads to notice the flag.
impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The ways into one worker's graph.
#[derive(Clone)]
struct Doors {
    feed: InletSender<Feed>,
    committed: InletSender<Committed>,
    read_back: InletSender<Feed>,
}

struct Driver {
    context: Arc<LaneContext>,
    enumerator: Arc<dyn Enumerator>,
    events: mpsc::UnboundedSender<Event>,
    doors: Doors,
}

struct Lane {
    work: SplitWork,
    orders: mpsc::UnboundedSender<Order>,
    span: Span,
    /// Freed when the lane is done, for the next split.
    _held: Held,
}

/// What a split holds while it is open: its worker's slot, and memory for its large rows.
struct Held {
    _slot: tokio::sync::OwnedSemaphorePermit,
    _large: Permit,
}

enum Step {
    Granted(Box<SplitWork>, lane::Destination, Held),
    Exhausted,
}

impl Driver {
    /// Keeps up to [`LANES_PER_WORKER`] splits open until there are no more, and carries the graph's requests out.
    async fn run(self, mut requests: mpsc::UnboundedReceiver<Request>) -> Result<()> {
        let mut lanes: HashMap<Lease, Lane> = HashMap::new();
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        let (granted, mut steps) = mpsc::channel(1);
        let granting = grant_splits(self.context.clone(), self.enumerator.clone(), self.events.clone(), granted);
        tasks.spawn(granting.in_current_span());
        let mut exhausted = false;
        while !exhausted || !lanes.is_empty() {
            tokio::select! {
                Some(step) = steps.recv(), if !exhausted => match step {
                    Step::Granted(work, destination, held) => self.open(*work, destination, held, &mut lanes, &mut tasks),
                    Step::Exhausted => exhausted = true,
                },
                request = requests.recv() => {
                    let gone = || Failure::internal("running a worker", "its graph ended early");
                    self.carry_out(request.ok_or_else(gone)?, &mut lanes, &mut tasks)?;
                }
                Some(joined) = tasks.join_next() => {
                    joined.unwrap_or_else(|error| Err(Failure::internal("running a lane", error)))?;
                }
            }
        }
        Ok(())
    }

    fn open(
        &self,
        work: SplitWork,
        destination: lane::Destination,
        held: Held,
        lanes: &mut HashMap<Lease, Lane>,
        tasks: &mut JoinSet<Result<()>>,
    ) {
        let span = self.span(&work.grant);
        let (orders, received) = mpsc::unbounded_channel();
        let refused = work.refused.clone();
        self.doors.feed.send(Feed::Open { lease: work.lease, table: work.grant.split.table, refused });
        let (context, feed, reading) = (self.context.clone(), self.doors.feed.clone(), work.clone());
        let form = lane::source_form(&context, &work, &destination);
        let read = async move { lane::read(&context, &reading, form, &feed).await };
        tasks.spawn(read.instrument(span.clone()));
        let (context, committed, writing) = (self.context.clone(), self.doors.committed.clone(), work.clone());
        let events = self.events.clone();
        let write = async move { lane::write(&context, &writing, destination, received, &committed, &events).await };
        tasks.spawn(write.instrument(span.clone()));
        lanes.insert(work.lease, Lane { work, orders, span, _held: held });
    }

    /// What every line about a split says.
    fn span(&self, grant: &Grant) -> Span {
        let table = &self.context.tables[grant.split.table as usize].source;
        let generation = self.context.generation;
        tracing::error_span!("split", split = grant.split.id.0, table, generation)
    }

    fn carry_out(
        &self,
        request: Request,
        lanes: &mut HashMap<Lease, Lane>,
        tasks: &mut JoinSet<Result<()>>,
    ) -> Result<()> {
        let lost = || Failure::internal("running a worker", "a request names a lease that is not open");
        match request {
            Request::Write { lease, rows } => {
                let lane = lanes.get(&lease).ok_or_else(lost)?;
                let moved = Event::Moved {
                    table: lane.work.grant.split.table,
                    rows: rows.batch.num_rows() as u64,
                    bytes: rows.batch.get_array_memory_size() as u64,
                };
                // Nobody listens to events any more only when the job has failed already; likewise for orders.
                let _ = self.events.send(moved);
                let _ = lane.orders.send(Order::Write(rows));
            }
            Request::Commit { lease, rows } => {
                let _ = lanes.get(&lease).ok_or_else(lost)?.orders.send(Order::Commit(rows));
            }
            Request::ReadBack { lease, commit } => {
                let lane = lanes.get(&lease).ok_or_else(lost)?;
                let table = lane.work.grant.split.table as usize;
                let (context, feed) = (self.context.clone(), self.doors.read_back.clone());
                let read_back =
                    async move { lane::read_back(&context, &context.tables[table], lease, commit, &feed).await };
                tasks.spawn(read_back.instrument(lane.span.clone()));
            }
            Request::Reject { lease, rejected, permit } => {
                let work = Box::new(lanes.get(&lease).ok_or_else(lost)?.work.clone());
                let _ = self.events.send(Event::Rejected { work, rejected, permit });
            }
            Request::Refused { lease } => {
                let work = Box::new(lanes.remove(&lease).ok_or_else(lost)?.work);
                let _ = self.events.send(Event::Refused { work });
            }
            Request::Done(outcome) => {
                let lane = lanes.remove(&outcome.lease).ok_or_else(lost)?;
                let _ = self.events.send(Event::Done { work: Box::new(lane.work), outcome: Box::new(outcome) });
            }
        }
        Ok(())
    }
}

/// Pulls splits and opens their destinations one after the other, in lease order.
async fn grant_splits(
    context: Arc<LaneContext>,
    enumerator: Arc<dyn Enumerator>,
    events: mpsc::UnboundedSender<Event>,
    granted: mpsc::Sender<Step>,
) -> Result<()> {
    let (slots, turns) = (Arc::new(Semaphore::new(LANES_PER_WORKER)), Arc::new(Semaphore::new(1)));
    let one_of =
        async |places: &Arc<Semaphore>| places.clone().acquire_owned().await.expect("the semaphore is never closed");
    for lease in 0.. {
        let (slot, turn) = (one_of(&slots).await, one_of(&turns).await);
        let Some(grant) = enumerator.next().await? else { break };
        let large = context.large.acquire(grant.split.table).await;
        let refused = known_to_be_refused(&context, &grant, lease, &events).await?;
        let destination = lane::open(&context, &grant, turn).await?;
        let inherited = !matches!(destination, lane::Destination::Writer(..));
        let refused = match &grant.work {
            Work::Copy(refused_then) if inherited => refused_then.clone(),
            _ => refused,
        };
        let work = Box::new(SplitWork { grant, lease, inherited, refused });
        // The driver is gone only after a failure.
        let _ = granted.send(Step::Granted(work, destination, Held { _slot: slot, _large: large })).await;
    }
    let _ = granted.send(Step::Exhausted).await;
    Ok(())
}

/// The rows of a granted split that the target refuses, found out now if that must be.
///
/// # Errors
/// `TooManyRejects` if these alone are more than the job may reject, `Refused` if they are more than can be told apart;
/// the first of them are reported before.
async fn known_to_be_refused(
    context: &LaneContext,
    grant: &Grant,
    lease: Lease,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Refusals> {
    match &grant.work {
        Work::Recheck(recheck) => return Ok(recheck.refused.clone()),
        Work::Copy(_) | Work::Recopy | Work::Validate(_) => return Ok(Refusals::default()),
        Work::Isolate(_) => {}
    }
    let isolated = isolate(context, grant).await?;
    if !isolated.is_too_much(context.rejects_max) {
        return Ok(isolated.refused);
    }
    let refused = Refusals::default();
    let work = Box::new(SplitWork { grant: grant.clone(), lease, inherited: false, refused });
    let _ = events.send(Event::Rejected { work, rejected: isolated.named, permit: Arc::new(()) });
    let (rejected, max) = (isolated.refused.count(), context.rejects_max);
    if rejected <= max {
        let what = format!("table \"{}\"", context.tables[grant.split.table as usize].target.name);
        let why = format!("more than {REFUSED_PER_SPLIT_MAX} rows of one split");
        return Err(Error::Refused { what, why }).doing("finding the rows that the target refuses");
    }
    Err(Failure::TooManyRejects { rejected, max, folder: context.rejects_folder.clone() })
}
