//! Finds orphans: rows whose key refers to no row of the parent table. A differential join of child keys against parent
//! keys, in rounds by hash of the key, so that memory holds the parents' keys of one round and never a table.
//!
//! Children and parents of one key must meet, so the workers of one process, or of several (`mesh`), form one timely
//! instance and exchange by key. The parents are read first. Children then enter batch by batch, each at a time of its own, pass by the parents'
//! keys and leave again; a batch is kept until its time is over, so that its orphans can be given out whole.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{Field as ArrowField, Schema};
use arrow_select::take::take_record_batch;
use differential_dataflow::AsCollection;
use differential_dataflow::difference::{IsZero, Multiply, Semigroup};
use sensei_storage::{Batch, LogicalType};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, StreamVec};
use timely::worker::Worker;

use crate::encode::RowEncoder;
use crate::flow::event::Permit;
use crate::flow::port::{Arrival, Inlet, InletSender, Outlet, inlet};

/// Messages taken from the inlet before other operators get their turn.
const FUEL: usize = 4;

/// Half of the 256-bit hash of a key under a random key of the job: two keys share it by accident once in 2^128 pairs.
type KeyHash = [u64; 2];

/// A row of a batch: the worker that holds the batch, and the row's position. The batch is known by its time.
type Place = (u32, u32);

/// What takes part on one side of a reference: columns of its batches, in the order of the key.
#[derive(Clone, Debug)]
pub struct KeyColumns {
    /// Positions in the batch.
    pub columns: Vec<usize>,
    /// Their types, in the same order.
    pub types: Vec<LogicalType>,
}

/// What must hold: every child row that refers at all refers to a parent row.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The key in the child's batches.
    pub child: KeyColumns,
    /// The key in the parent's batches.
    pub parent: KeyColumns,
    /// SQL's `MATCH FULL`: a key with some NULLs and some values is an orphan. Otherwise (`MATCH SIMPLE`) a key with any
    /// NULL refers to nothing and is none.
    pub match_full: bool,
}

/// What was found.
pub enum OrphanFinding {
    /// Rows of one child batch that refer to nothing, as they were fed.
    Orphans {
        /// The rows.
        rows: RecordBatch,
        /// Budget of the batch they came from.
        permit: Permit,
    },
    /// Rows that one worker saw, in all rounds the same.
    Seen(KeysSeen),
}

/// Rows seen on both sides of a reference, whichever round they belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeysSeen {
    /// Child rows.
    pub children: u64,
    /// Child rows that refer to nothing because of NULLs in their key; they are no orphans.
    pub unreferring: u64,
    /// Parent rows.
    pub parents: u64,
    /// Rows of either side that could not be decoded.
    pub unreadable: u64,
}

impl std::ops::AddAssign for KeysSeen {
    fn add_assign(&mut self, other: KeysSeen) {
        self.children += other.children;
        self.unreferring += other.unreferring;
        self.parents += other.parents;
        self.unreadable += other.unreadable;
    }
}

/// One round of a search for orphans: over all workers of this process, or of a [`Mesh`](super::mesh::Mesh).
pub struct OrphanSearch {
    reference: Reference,
    hash_key: [u8; 32],
    round: Round,
    inlets: Vec<Inlet<KeyFeed>>,
    findings: Outlet<OrphanFinding>,
}

/// Which of the keys are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// From 0.
    pub index: u64,
    /// Rounds in all; together they look at every key once.
    pub count: u64,
}

/// Deals batches to the workers of one round: all parents, then all children.
pub struct KeyDealer {
    senders: Vec<InletSender<KeyFeed>>,
    dealt: Mutex<u64>,
}

enum KeyFeed {
    Parents { batch: Batch, permit: Permit },
    ParentsEnd,
    Children { time: u64, batch: Batch, permit: Permit },
    Reached { time: u64 },
}

impl OrphanSearch {
    /// A search on `workers` threads, and the way in. It ends when the dealer is dropped.
    pub fn new(
        reference: Reference,
        hash_key: [u8; 32],
        round: Round,
        workers: usize,
        findings: Outlet<OrphanFinding>,
    ) -> (OrphanSearch, KeyDealer) {
        let (senders, inlets) = (0..workers.max(1)).map(|_| inlet()).unzip();
        let dealer = KeyDealer { senders, dealt: Mutex::new(0) };
        (OrphanSearch { reference, hash_key, round, inlets, findings }, dealer)
    }

    /// Runs on threads of its own and returns when the dealer is dropped and everything found was sent.
    ///
    /// # Errors
    /// If the worker threads cannot be started or one of them failed.
    pub fn run(self) -> Result<(), String> {
        let shares = Mutex::new(self.shares().into_iter().map(Some).collect::<Vec<_>>());
        let threads = shares.lock().map_or(1, |shares| shares.len());
        let guards = timely::execute(timely::Config::process(threads), move |worker| {
            let taken = shares.lock().map(|mut shares| shares[worker.index()].take());
            taken.ok().flatten().expect("each worker takes its own share once").build(worker);
        })?;
        guards.join().into_iter().collect::<Result<(), String>>()
    }

    /// What each worker thread of this process has to do with it.
    pub(super) fn shares(self) -> Vec<SearchShare> {
        let OrphanSearch { reference, hash_key, round, inlets, findings } = self;
        let share = |inlet| {
            let (reference, findings) = (reference.clone(), findings.clone());
            SearchShare { reference, hash_key, round, inlet, findings }
        };
        inlets.into_iter().map(share).collect()
    }
}

/// One worker thread's part in a round.
pub(super) struct SearchShare {
    reference: Reference,
    hash_key: [u8; 32],
    round: Round,
    inlet: Inlet<KeyFeed>,
    findings: Outlet<OrphanFinding>,
}

impl SearchShare {
    /// Adds the dataflow to a worker, whose index among all workers of all processes says whose batches are whose.
    pub(super) fn build(self, worker: &mut Worker) {
        let SearchShare { reference, hash_key, round, inlet, findings } = self;
        let keys = |side: &KeyColumns, nulls| Keys { side: side.clone(), nulls, hash_key, round };
        let child_nulls = if reference.match_full { Unkeyed::AllNull } else { Unkeyed::AnyNull };
        let entry = Entry {
            child: keys(&reference.child, child_nulls),
            parent: keys(&reference.parent, Unkeyed::AnyNull),
            worker: worker.index() as u32,
            held: Held::default(),
            seen: KeysSeen::default(),
        };
        worker.dataflow::<u64, _, _>(|scope| build(scope, inlet, entry, findings));
    }
}

impl KeyDealer {
    /// Feeds rows of the parent table.
    pub fn parents(&self, batch: Batch, permit: Permit) {
        let turn = self.turn(|turn| turn);
        self.senders[turn as usize % self.senders.len()].send(KeyFeed::Parents { batch, permit });
    }

    /// No more parents follow. Children fed before this are kept until then.
    pub fn end_parents(&self) {
        self.senders.iter().for_each(|sender| sender.send(KeyFeed::ParentsEnd));
    }

    /// Feeds rows of the child table. Every worker hears of it, since a batch leaves the graph only when no worker can
    /// still have an earlier one.
    pub fn children(&self, batch: Batch, permit: Permit) {
        self.turn(|time| {
            let mut rows = Some((batch, permit));
            for (worker, sender) in self.senders.iter().enumerate() {
                let is_its_turn = worker == time as usize % self.senders.len();
                match rows.take_if(|_| is_its_turn) {
                    Some((batch, permit)) => sender.send(KeyFeed::Children { time, batch, permit }),
                    None => sender.send(KeyFeed::Reached { time: time + 1 }),
                }
            }
        });
    }

    /// Calls `deal` with the next number; what it sends, every worker receives in the order of the numbers.
    fn turn<T>(&self, deal: impl FnOnce(u64) -> T) -> T {
        let mut dealt = self.dealt.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let turn = *dealt;
        *dealt += 1;
        deal(turn)
    }
}

/// That a key is among the parents, however often: adding changes nothing, so the join needs no `distinct` before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Present;

impl IsZero for Present {
    fn is_zero(&self) -> bool {
        false
    }
}

impl Semigroup for Present {
    fn plus_equals(&mut self, _: &Present) {}
}

impl Multiply<Present> for i64 {
    type Output = i64;

    fn multiply(self, _: &Present) -> i64 {
        self
    }
}

type ParentUpdate = (KeyHash, u64, Present);
type ChildUpdate = ((KeyHash, Place), u64, i64);
type ParentUpdates<'scope> = StreamVec<'scope, u64, ParentUpdate>;
type ChildUpdates<'scope> = StreamVec<'scope, u64, ChildUpdate>;

/// Batches of children that are in the graph, by time. Shared by the operators at both ends of one worker.
type Held = Rc<RefCell<BTreeMap<u64, (RecordBatch, Permit)>>>;

fn build(scope: Scope<'_, u64>, inlet: Inlet<KeyFeed>, entry: Entry, findings: Outlet<OrphanFinding>) {
    let held = entry.held.clone();
    let (parents, children) = enter(scope, inlet, entry, findings.clone());
    let orphans = children.as_collection().antijoin(parents.as_collection()).consolidate();
    give_out(orphans.inner, held, findings);
}

/// The entry operator: turns rows into hashes of their keys.
fn enter<'scope>(
    scope: Scope<'scope, u64>,
    mut inlet: Inlet<KeyFeed>,
    mut entry: Entry,
    findings: Outlet<OrphanFinding>,
) -> (ParentUpdates<'scope>, ChildUpdates<'scope>) {
    let mut builder = OperatorBuilder::new("Keys".to_owned(), scope);
    let (mut parent_output, parents) = builder.new_output::<Vec<_>>();
    let (mut child_output, children) = builder.new_output::<Vec<_>>();
    let address = builder.operator_info().address;
    inlet.register(scope, &address);
    let again = scope.activator_for(address);
    builder.build_reschedule(move |mut capabilities| {
        let mut child_time: Option<Capability<u64>> = capabilities.pop();
        let mut parent_time: Option<Capability<u64>> = capabilities.pop();
        move |_frontiers| {
            for _ in 0..FUEL {
                match inlet.next() {
                    Arrival::Item(KeyFeed::Parents { batch, permit: _permit }) => {
                        let time = parent_time.as_ref().expect("no parents come after their end");
                        parent_output.activate().give(time, &mut entry.parents(&batch));
                    }
                    Arrival::Item(KeyFeed::ParentsEnd) => parent_time = None,
                    Arrival::Item(KeyFeed::Children { time, batch, permit }) => {
                        let held = child_time.as_mut().expect("an inlet that delivers is not closed");
                        held.downgrade(&time);
                        child_output.activate().give(held, &mut entry.children(time, batch, permit));
                        held.downgrade(&(time + 1));
                    }
                    Arrival::Item(KeyFeed::Reached { time }) => {
                        child_time.as_mut().expect("an inlet that delivers is not closed").downgrade(&time);
                    }
                    Arrival::NothingYet => return true,
                    Arrival::Closed => {
                        if child_time.take().is_some() {
                            let _ = findings.send(OrphanFinding::Seen(entry.seen));
                        }
                        parent_time = None;
                        return false;
                    }
                }
            }
            again.activate();
            true
        }
    });
    (parents, children)
}

/// The last operator: back at the worker that holds the batch, takes the orphans out of it and lets it go.
fn give_out(orphans: ChildUpdates<'_>, held: Held, findings: Outlet<OrphanFinding>) {
    let mut builder = OperatorBuilder::new("Orphans".to_owned(), orphans.scope());
    let home = Exchange::new(|((_, place), _, _): &ChildUpdate| u64::from(place.0));
    let mut input = builder.new_input(orphans, home);
    builder.build(move |_capabilities| {
        let mut found: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        move |frontiers| {
            input.for_each(|_, data| {
                for ((_, (_, row)), time, _) in data.drain(..) {
                    found.entry(time).or_default().push(row);
                }
            });
            let mut held = held.borrow_mut();
            while let Some(first) = held.first_entry().filter(|first| !frontiers[0].less_equal(first.key())) {
                let (time, (batch, permit)) = first.remove_entry();
                if let Some(mut rows) = found.remove(&time) {
                    rows.sort_unstable();
                    let rows = take_record_batch(&batch, &UInt32Array::from(rows)).expect("rows of this batch");
                    let _ = findings.send(OrphanFinding::Orphans { rows, permit });
                }
            }
        }
    });
}

/// What one worker's entry operator works with.
struct Entry {
    child: Keys,
    parent: Keys,
    worker: u32,
    held: Held,
    seen: KeysSeen,
}

impl Entry {
    fn parents(&mut self, batch: &Batch) -> Vec<ParentUpdate> {
        self.seen.parents += batch.rows.num_rows() as u64;
        self.seen.unreadable += batch.faults.len() as u64;
        let mut updates = Vec::new();
        self.parent.for_each(&batch.rows, |_, hash| updates.push((hash, 0, Present)));
        updates
    }

    fn children(&mut self, time: u64, batch: Batch, permit: Permit) -> Vec<ChildUpdate> {
        let rows = batch.rows.num_rows() as u64;
        self.seen.children += rows;
        self.seen.unreadable += batch.faults.len() as u64;
        let mut updates = Vec::new();
        let referring =
            self.child.for_each(&batch.rows, |row, hash| updates.push(((hash, (self.worker, row)), time, 1)));
        self.seen.unreferring += rows - referring;
        if !updates.is_empty() {
            self.held.borrow_mut().insert(time, (batch.rows, permit));
        }
        updates
    }
}

/// Which rows have no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unkeyed {
    AnyNull,
    AllNull,
}

/// Hashes the keys of one side.
struct Keys {
    side: KeyColumns,
    nulls: Unkeyed,
    hash_key: [u8; 32],
    round: Round,
}

impl Keys {
    /// Calls `visit` with every row whose key belongs to this round. Returns how many rows have a key in any round. A
    /// key that is NULL in part meets no other: no parent's key has a NULL.
    fn for_each(&self, rows: &RecordBatch, mut visit: impl FnMut(u32, KeyHash)) -> u64 {
        let key = rows.project(&self.side.columns).expect("key columns of this batch");
        let (key, types) = compared(&key, &self.side.types);
        let encoder = RowEncoder::new(&key, &types);
        let mut bytes = Vec::with_capacity(64);
        let mut keyed = 0;
        for row in (0..rows.num_rows()).filter(|row| self.has_key(&key, *row)) {
            keyed += 1;
            bytes.clear();
            encoder.encode(row, &mut bytes);
            let hash = key_hash(blake3::keyed_hash(&self.hash_key, &bytes).as_bytes());
            if hash[1] % self.round.count.max(1) == self.round.index {
                visit(row as u32, hash);
            }
        }
        keyed
    }

    fn has_key(&self, key: &RecordBatch, row: usize) -> bool {
        let mut columns = key.columns().iter();
        match self.nulls {
            Unkeyed::AnyNull => columns.all(|column| column.is_valid(row)),
            Unkeyed::AllNull => columns.any(|column| column.is_valid(row)),
        }
    }
}

/// Keys in the types they are compared in: numbers are equal whatever their width and scale, though row-v2 tells them apart.
fn compared(key: &RecordBatch, types: &[LogicalType]) -> (RecordBatch, Vec<LogicalType>) {
    let widened = |(array, logical): (&ArrayRef, &LogicalType)| -> (ArrayRef, LogicalType) {
        let wide = wide(logical);
        (arrow_cast::cast(array, &wide.carrier()).expect("a number fits a wider type"), wide)
    };
    let (arrays, types): (Vec<_>, Vec<_>) = key.columns().iter().zip(types).map(widened).unzip();
    let fields: Vec<ArrowField> =
        arrays.iter().map(|array: &ArrayRef| ArrowField::new("", array.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(key.num_rows()));
    let key = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
    (key.expect("columns of one length"), types)
}

fn wide(logical: &LogicalType) -> LogicalType {
    match logical {
        LogicalType::Int16 | LogicalType::Int32 => LogicalType::Int64,
        LogicalType::Float32 => LogicalType::Float64,
        LogicalType::Numeric | LogicalType::Decimal { .. } => LogicalType::Decimal { precision: 1, scale: 0 },
        LogicalType::Array(element) => LogicalType::Array(Box::new(wide(element))),
        other => other.clone(),
    }
}

fn key_hash(hash: &[u8; 32]) -> KeyHash {
    let words = hash.as_chunks::<8>().0;
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

#[cfg(test)]
#[path = "references_tests.rs"]
mod tests;
