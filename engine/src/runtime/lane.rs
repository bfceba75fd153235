//! One split's way through a worker: begin a writer, feed the source's rows in, write what the graph hands back,
//! commit when the graph says so, feed in what the target holds.

use std::sync::Arc;

use futures::StreamExt;
use sensei_operators::{Committed, Feed, InletSender, Lease, Refusals, Rows, Times};
use sensei_storage::{Batch, Batches, Begin, Commit, Digest, Error, Form, Scan, Snapshot, Target, Write, Writer};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::enumerator::{Grant, Work};
use crate::failure::{Doing, Failure, Result};
use crate::limits::{ISOLATIONS_PER_SPLIT_MAX, LEG_BYTES_MIN, LEGS_MAX};
use crate::lower::LoweredTable;
use crate::runtime::budget::{LaneBudget, LargeBudget};
use crate::runtime::timed::{Booking, timed};
use crate::runtime::worker::Event;

/// Who reads back what was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// The process that wrote it.
    Here,
    /// Another one.
    Elsewhere,
    /// Nobody.
    Never,
}

/// What every lane of a job shares.
pub struct LaneContext {
    /// What the target calls the job.
    pub job: String,
    /// The generation this process writes under.
    pub generation: u64,
    /// The source as it stood when the job (or its resumption) began; `None` where it is not read.
    pub snapshot: Option<Arc<dyn Snapshot>>,
    /// Where rows go.
    pub target: Arc<dyn Target>,
    /// The plan's tables, lowered.
    pub tables: Arc<Vec<LoweredTable>>,
    /// Where the job's time goes.
    pub times: Arc<Times>,
    /// Who reads commits back.
    pub read_back: ReadBack,
    /// Memory for rows in flight, whole process, in bytes.
    pub memory_bytes: u64,
    /// Memory for splits with large rows.
    pub large: LargeBudget,
    /// Worker threads.
    pub workers: usize,
    /// Rows of the job that may be rejected.
    pub rejects_max: u64,
    /// Folder of the rejected rows, for people.
    pub rejects_folder: String,
}

impl LaneContext {
    /// The source.
    ///
    /// # Errors
    /// `Internal` in a process that does not read it.
    pub fn source(&self) -> Result<&Arc<dyn Snapshot>> {
        self.snapshot.as_ref().ok_or_else(|| Failure::internal("reading the source", "this process has none"))
    }

    /// What the target is told about a split.
    pub(super) fn write(&self, grant: &Grant) -> Write {
        Write {
            job: self.job.clone(),
            generation: self.generation,
            split: grant.split.id,
            table: self.tables[grant.split.table as usize].target.clone(),
            replace: grant.work.replaces(),
            evict: grant.taken_over,
        }
    }
}

/// One split as a lane carries it.
#[derive(Clone, Debug)]
pub struct SplitWork {
    /// What was granted.
    pub grant: Grant,
    /// The lease it got on its worker.
    pub lease: Lease,
    /// Whether the target had committed it before this process came to it.
    pub inherited: bool,
    /// Rows the target is known to refuse.
    pub refused: Refusals,
}

/// What the graph hands to a lane's writer.
pub(super) enum Order {
    Write(Rows),
    Commit(u64),
}

/// Where a lane's rows will go.
pub(super) enum Destination {
    /// Into this writer, for as long as it is its worker's turn.
    Writer(Box<dyn Writer>, OwnedSemaphorePermit),
    /// Nowhere: they are there already, and are read back once more.
    Committed(Commit),
    /// Nowhere: the target refused one of them.
    Refused,
}

/// Opens the destination of a grant. Called in lease order on each worker: a later lease must not hold the only
/// writer an earlier one waits for, since its commit waits for the earlier one's rows.
///
/// One writer per worker is open at a time, `turn`: rows of writers that are open together lie between each other, and
/// reading one's back passes by those of all.
pub(super) async fn open(context: &LaneContext, grant: &Grant, turn: OwnedSemaphorePermit) -> Result<Destination> {
    match &grant.work {
        Work::Recheck(recheck) => return Ok(Destination::Committed(recheck.checkpoint.commit.clone())),
        Work::Validate(validation) => {
            return Ok(Destination::Committed(validation.finished.checkpoint.commit.clone()));
        }
        Work::Copy(_) | Work::Recopy | Work::Isolate(_) => {}
    }
    let write = context.write(grant);
    let doing = format!("opening table \"{}\" for writing", write.table.name);
    Ok(match context.target.begin(write).await.doing(doing)? {
        Begin::Writer(writer) => Destination::Writer(writer, turn),
        Begin::Committed(commit) => Destination::Committed(commit),
    })
}

/// The form in which a split's rows are wanted from the source: what is done with them says whether anybody looks at
/// their columns.
pub(super) fn source_form(context: &LaneContext, work: &SplitWork, destination: &Destination) -> Form {
    let table = &context.tables[work.grant.split.table as usize];
    match destination {
        _ if !table.as_is || work.refused.count() > 0 => Form::Columns,
        Destination::Writer(writer, _) if writer.takes_tuples() => table.passable(),
        Destination::Committed(_) => table.hashable(false),
        Destination::Writer(..) | Destination::Refused => Form::Columns,
    }
}

/// Reads the split from the source and feeds it to the graph; nothing of one that somebody else has read.
pub(super) async fn read(context: &LaneContext, work: &SplitWork, form: Form, feed: &InletSender<Feed>) -> Result<()> {
    if !work.grant.is_validation() {
        read_source(context, work, form, feed).await?;
    }
    feed.send(Feed::Close { lease: work.lease });
    Ok(())
}

async fn read_source(context: &LaneContext, work: &SplitWork, form: Form, feed: &InletSender<Feed>) -> Result<()> {
    let SplitWork { grant: Grant { split, course, .. }, lease, .. } = work;
    let (table, source) = (&context.tables[split.table as usize], context.source()?);
    let doing = || format!("reading table \"{}\"", table.source);
    let points = match legs(work) {
        0 | 1 => Vec::new(),
        legs => source.points(&table.source, &split.range, legs).await.doing(doing())?,
    };
    course.begin(split.clone(), points);
    let budget = LaneBudget::new(context.memory_bytes, context.workers);
    while let Some(leg) = course.next().await {
        let scanning = source.scan(Scan { form: form.clone(), ..table.source_scan(leg) });
        let batches = timed(&context.times, Booking::SOURCE, scanning).await.doing(doing())?;
        let send = |batch, permit| feed.send(Feed::Rows { lease: *lease, batch, permit });
        pump(batches, &budget, &context.times, Booking::SOURCE, send).await.doing(doing())?;
    }
    Ok(())
}

/// Legs to read a split in. One that is there already is not cut: what was committed is all of it.
fn legs(work: &SplitWork) -> u32 {
    let is_divisible = work.grant.course.is_divisible() && !work.inherited;
    let legs = (work.grant.split.bytes_estimate / LEG_BYTES_MIN).min(LEGS_MAX);
    if is_divisible { legs as u32 } else { 1 }
}

/// Writes what the graph orders, and answers its order to commit.
pub(super) async fn write(
    context: &LaneContext,
    work: &SplitWork,
    mut destination: Destination,
    mut orders: mpsc::UnboundedReceiver<Order>,
    committed: &InletSender<Committed>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<()> {
    let table = &context.tables[work.grant.split.table as usize];
    let doing = || format!("writing table \"{}\"", table.target.name);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Write(rows) => {
                if let Destination::Writer(writer, _) = &mut destination
                    && let Err(error) = timed(&context.times, Booking::TARGET, writer.write(&rows.batch)).await
                {
                    destination = refused(work, error).doing(doing())?;
                }
            }
            Order::Commit(rows) => {
                if matches!(destination, Destination::Writer(..)) && work.refused.count() > 0 {
                    settle_rejects(work, events).await?;
                }
                let commit = match destination {
                    Destination::Writer(writer, _turn) => {
                        match timed(&context.times, Booking::TARGET, writer.commit(rows)).await {
                            Ok(commit) => Some(commit),
                            Err(error) => refused(work, error).doing(doing()).map(|_| None)?,
                        }
                    }
                    Destination::Committed(commit) => Some(commit),
                    Destination::Refused => None,
                };
                let count = |commit: &Commit| Digest::of_count(commit.rows as i64);
                let known = commit.as_ref().filter(|_| context.read_back != ReadBack::Here).map(count);
                let owed = match &work.grant.work {
                    Work::Validate(validation) => Some(validation.finished.checkpoint.expected),
                    Work::Copy(_) | Work::Recheck(_) | Work::Recopy | Work::Isolate(_) => None,
                };
                committed.send(Committed { lease: work.lease, commit, known, owed });
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Has what was rejected of the split put on disk, before a commit that leaves refused rows out.
async fn settle_rejects(work: &SplitWork, events: &mpsc::UnboundedSender<Event>) -> Result<()> {
    let (settled, answer) = oneshot::channel();
    let _ = events.send(Event::Committing { split: work.grant.split.id, settled });
    answer.await.map_err(|error| Failure::internal("writing rejected rows", error))
}

/// Goes on without a writer where a row was refused: the graph is told when it asks for the commit. Rows that are still
/// on their way are dropped.
fn refused(work: &SplitWork, error: Error) -> sensei_storage::Result<Destination> {
    match error {
        Error::RefusedRow { .. } if work.grant.work.round() < ISOLATIONS_PER_SPLIT_MAX => Ok(Destination::Refused),
        error => Err(error),
    }
}

/// Reads a commit back from the target and feeds it to the graph.
pub(super) async fn read_back(
    context: &LaneContext,
    table: &LoweredTable,
    lease: Lease,
    commit: Commit,
    feed: &InletSender<Feed>,
) -> Result<()> {
    let doing = || format!("reading table \"{}\" back", table.target.name);
    let scan = Scan { form: table.hashable(false), ..table.target_scan(false) };
    let reading = context.target.read_back(scan, commit);
    let batches = timed(&context.times, Booking::READ_BACK, reading).await.doing(doing())?;
    let budget = LaneBudget::new(context.memory_bytes, context.workers);
    let send = |batch, permit| feed.send(Feed::Rows { lease, batch, permit });
    pump(batches, &budget, &context.times, Booking::READ_BACK, send).await.doing(doing())?;
    feed.send(Feed::Close { lease });
    Ok(())
}

/// Moves batches from a stream to `send`, each with its permit. Waiting for a permit is nobody's time: whoever holds
/// the budget books his own.
pub async fn pump(
    mut batches: Batches,
    budget: &LaneBudget,
    times: &Times,
    booking: Booking,
    mut send: impl FnMut(Batch, sensei_operators::Permit),
) -> sensei_storage::Result<()> {
    while let Some(batch) = timed(times, booking, batches.next()).await {
        let batch = batch?;
        let permit = budget.acquire(batch.rows.get_array_memory_size()).await;
        send(batch, permit);
    }
    Ok(())
}
