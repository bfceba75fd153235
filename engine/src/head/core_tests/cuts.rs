//! Stragglers are cut: who is asked when, who is added, and a random walk with real courses and a real journal's judgement,
//! after which every row was committed once.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use futures::FutureExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use sensei_storage::evidence::SigningKey;
use sensei_storage::journal::{History, Journal, Opening};
use sensei_storage::{Range, Split, SplitId};

use super::walk::Dice;
use super::*;
use crate::copying::cuts::{Judged, judge};
use crate::course::{Course, Proposal};
use crate::head::splits::{Answered, CutAnswer, Proposed, Renewal};
use crate::head::store::{Leadership, Store};
use crate::limits::{CUT_AFTER_MS, CUT_BYTES_MIN};

const LARGE: u64 = CUT_BYTES_MIN;

fn says(lease: LeaseId, bytes_ahead: u64) -> Renewal {
    Renewal { lease, bytes_ahead, proposal_json: Vec::new() }
}

/// A job whose only split a conductor with one slot has had for long.
fn straggling(core: &mut Core) -> (TaskName, LeaseId) {
    let job = submit(core, "shop");
    let order = beat(core, "conductor", 1, &[]).remove(0);
    let task = name("conductor", &job, 1);
    open(core, &task, 1, 8);
    let lease = take(core, &task).expect("pending").lease;
    for _ in 0..2 {
        let later = core.now + CUT_AFTER_MS;
        pass(core, later);
        beat(core, "conductor", 1, &[running(&order)]);
        core.renew(&task, &[says(lease, LARGE)], 0, 0).expect("its own job");
    }
    (task, lease)
}

#[test]
fn a_worker_is_called_to_a_job_whose_only_split_could_be_cut_and_the_holder_asked_once_it_is_there() {
    let mut core = head();
    let (task, lease) = straggling(&mut core);
    let asked = |core: &mut Core| core.renew(&task, &[says(lease, LARGE)], 0, 0).expect("its own job").asked;
    assert_eq!(asked(&mut core), [0; 0], "nobody else is there");
    let orders = beat(&mut core, "free", 1, &[]);
    assert_eq!((orders.len(), orders[0].task.role), (1, Role::Copy));
    let free = name("free", &task.job, 1);
    assert!(take(&mut core, &free).is_none());
    assert_eq!(asked(&mut core), [lease]);
    let later = core.now + 3_000;
    pass(&mut core, later);
    assert_eq!(asked(&mut core), [0; 0], "who asked in vain is not heard of any more");
}

#[test]
fn nobody_is_called_to_or_asked_about_what_is_nearly_done_or_is_to_end() {
    let mut core = head();
    let (task, lease) = straggling(&mut core);
    core.renew(&task, &[says(lease, LARGE - 1)], 0, 0).expect("its own job");
    assert!(beat(&mut core, "free", 1, &[]).is_empty());
    core.renew(&task, &[says(lease, LARGE)], 0, 0).expect("its own job");
    assert_eq!(beat(&mut core, "free", 1, &[]).len(), 1);
    assert!(take(&mut core, &name("free", &task.job, 1)).is_none());
    core.order(&task.job, crate::head::view::Verb::Pause).expect("it runs");
    assert_eq!(core.renew(&task, &[says(lease, LARGE)], 0, 0).expect("its own job").asked, [0; 0]);
}

#[test]
fn a_cut_is_told_of_and_stored() {
    let mut core = head();
    let (task, lease) = straggling(&mut core);
    core.take_changes();
    let proposal_json = vec![9];
    core.renew(&task, &[Renewal { lease, bytes_ahead: LARGE, proposal_json }], 0, 0).expect("its own job");
    let proposed = core.outcomes(&task).expect("its own job").proposed;
    let kept = offered(0, 60, false, Half::Copy, vec![100]);
    let rest = offered(1, 40 << 20, false, Half::Copy, vec![101]);
    let answer = CutAnswer { proposed: proposed[0].clone(), is_made: true, parts: Some(Box::new([kept, rest])) };
    core.cut(&task, vec![answer]).expect("its own job");
    let changes = core.take_changes();
    assert!(matches!(&changes[0], Change::Splits { splits, .. } if splits.len() == 2), "{changes:?}");
    let said = changes.iter().find_map(|change| match change {
        Change::Event(event) if event.kind == "halved" => Some(event.text.clone()),
        _ => None,
    });
    let said = said.expect("an event");
    assert!(said.contains("split 0 is halved: worker conductor") && said.contains("about 40 MiB"), "{said}");
    assert!(core.outcomes(&task).expect("its own job").proposed.is_empty());
}

const BLOCKS: u64 = 24;
const WORKERS: u64 = 3;

/// A split as somebody has it.
struct Holder {
    worker: String,
    lease: LeaseId,
    split: Split,
    course: Course,
    /// The target had it.
    inherited: bool,
}

/// What the walk believes of the cluster, the target and the journal.
struct World {
    core: Core,
    store: Store,
    term: u64,
    task: TaskName,
    tasks: HashMap<String, Task>,
    holders: Vec<Holder>,
    history: History,
    finished: BTreeSet<SplitId>,
    reopened: BTreeSet<SplitId>,
    /// What the target has of each split.
    commits: HashMap<SplitId, Option<Range>>,
    /// Whose transaction has a split's progress record.
    writers: HashMap<SplitId, LeaseId>,
    /// What became true and is in no store yet; it will be before the next head.
    changes: Vec<Change>,
    /// What the conductor has heard and not decided on.
    heard: VecDeque<Heard>,
    /// Of splits that were reported, the lease of the last report that it heard.
    taken: HashMap<u32, Vec<u8>>,
    dice: Dice,
}

enum Heard {
    Proposed(Proposed),
    Reported(SplitId, Vec<u8>),
}

fn record(split: &Split, replaces: bool) -> SplitRecord {
    let grant_json = serde_json::to_vec(&(split, replaces)).unwrap();
    offered(split.id.0, split.bytes_estimate, false, Half::Copy, grant_json)
}

async fn journal() -> History {
    let split = |id: u64, start, end| Split {
        id: SplitId(id as u32),
        table: 0,
        range: Range::Blocks { start, end },
        rows_estimate: BLOCKS,
        bytes_estimate: BLOCKS * LARGE,
    };
    let opening = Opening {
        plan_name: "shop".to_owned(),
        plan_sha256: String::new(),
        plan_json: Vec::new(),
        digest_key: String::new(),
        splits: vec![split(0, 0, Some(BLOCKS)), split(1, BLOCKS, None)],
        row_encoding: String::new(),
        engine_version: String::new(),
        started_at: String::new(),
    };
    let key = SigningKey::generate().unwrap();
    Journal::create(Arc::new(InMemory::new()), Path::from("state"), "shop-1", &key, opening).await.unwrap().1
}

impl World {
    async fn start(seed: u64, store: Store) -> World {
        let Leadership::Mine { term } = store.lead("first", "", 0).await.unwrap() else { panic!("nobody else") };
        let mut core = Core::recover(store.load().await.unwrap(), term, 0);
        let job = submit(&mut core, "shop");
        let conductor = beat(&mut core, "w0", 1, &[]).remove(0);
        let task = name("w0", &job, 1);
        let history = journal().await;
        core.open(&task, opened(80)).unwrap();
        core.offer(&task, history.splits.iter().map(|split| record(split, false)).collect(), true).unwrap();
        let mut world = World {
            core,
            store,
            term,
            task,
            tasks: HashMap::from([("w0".to_owned(), conductor.task)]),
            holders: Vec::new(),
            history,
            finished: BTreeSet::new(),
            reopened: BTreeSet::new(),
            commits: HashMap::new(),
            writers: HashMap::new(),
            changes: Vec::new(),
            heard: VecDeque::new(),
            taken: HashMap::new(),
            dice: Dice(seed),
        };
        world.keep();
        world
    }

    /// What the head did is answered for, so that the next one knows it.
    fn keep(&mut self) {
        self.changes.extend(self.core.take_changes());
    }

    /// A head dies with what it did not store, and another one takes over.
    async fn replace_head(&mut self) {
        self.store.commit(self.term, std::mem::take(&mut self.changes)).await.expect("this head leads");
        let Leadership::Mine { term } = self.store.lead("next", "", 0).await.unwrap() else { panic!("nobody waits") };
        (self.term, self.core) = (term, Core::recover(self.store.load().await.unwrap(), term, self.core.now));
        self.beats();
    }

    fn beats(&mut self) {
        for worker in (0..WORKERS).map(|worker| format!("w{worker}")) {
            let children: Vec<ChildState> = self
                .tasks
                .get(&worker)
                .map(|task| ChildState { task: task.clone(), ending: None })
                .into_iter()
                .collect();
            for order in beat(&mut self.core, &worker, 1, &children) {
                self.tasks.entry(worker.clone()).or_insert(order.task);
            }
        }
    }

    fn step(&mut self, worker: &str, calm: bool) {
        let task = name(worker, &self.task.job, 1);
        match self.dice.roll(8) {
            0 if self.holders.iter().all(|holder| holder.worker != worker) => self.take(&task),
            1 | 2 => self.read(&task),
            3..=5 => self.renew(&task, calm),
            6 if !calm && self.dice.roll(4) == 0 => self.holders.retain(|holder| holder.worker != worker),
            _ => {}
        }
    }

    fn take(&mut self, task: &TaskName) {
        let Ok(Some(granted)) = self.core.next(task, 1).map(|mut granting| granting.granted.pop()) else { return };
        let (split, replaces): (Split, bool) = serde_json::from_slice(&granted.grant_json).unwrap();
        let inherited = !replaces && self.commits.contains_key(&split.id);
        let course = Course::divisible();
        let Range::Blocks { start, end } = split.range else { panic!() };
        let points = if inherited || replaces { 0..0 } else { start + 1..end.unwrap_or(2 * BLOCKS) };
        course.begin(split.clone(), points.map(|block| block as i64).collect());
        self.writers.insert(split.id, granted.lease);
        self.holders.push(Holder { worker: task.worker.clone(), lease: granted.lease, split, course, inherited });
    }

    /// Reads some legs, or commits and reports.
    fn read(&mut self, task: &TaskName) {
        let Some(at) = self.holders.iter().position(|holder| holder.worker == task.worker) else { return };
        let holder = &self.holders[at];
        let legs = 1 + self.dice.roll(12);
        let read = |_| holder.course.next().now_or_never();
        if (0..legs).map(read).last() != Some(Some(None)) {
            return;
        }
        let (id, range) = (holder.split.id, holder.course.read().unwrap());
        if !holder.inherited && self.writers.get(&id) == Some(&holder.lease) {
            self.commits.insert(id, Some(range.clone()));
        }
        let sound = self.commits.get(&id) == Some(&Some(range.clone()));
        let outcome = serde_json::to_vec(&(holder.lease, range, sound)).unwrap();
        match self.core.report(task, holder.lease, id.0, outcome) {
            Err(Refusal::Unavailable { .. }) => {}
            // Its process ends where it was lost.
            _ => drop(self.holders.remove(at)),
        }
    }

    fn renew(&mut self, task: &TaskName, calm: bool) {
        let holders = || self.holders.iter().filter(|holder| holder.worker == task.worker);
        let json = |proposal: Option<Proposal>| proposal.map(|it| serde_json::to_vec(&it).unwrap()).unwrap_or_default();
        let renewal = |holder: &Holder| Renewal {
            lease: holder.lease,
            bytes_ahead: holder.course.bytes_ahead(),
            proposal_json: json(holder.course.proposal()),
        };
        let renewals: Vec<Renewal> = holders().map(renewal).collect();
        let _ = self.core.next(task, 0);
        let Ok(renewed) = self.core.renew(task, &renewals, 0, 0) else { return };
        if !calm && self.dice.roll(4) == 0 {
            return;
        }
        for holder in self.holders.iter().filter(|holder| holder.worker == task.worker) {
            for Answered { lease, is_made } in &renewed.answered {
                let renewal = renewals.iter().find(|renewal| renewal.lease == *lease).unwrap();
                let proposal: Proposal = serde_json::from_slice(&renewal.proposal_json).unwrap();
                if *lease == holder.lease {
                    holder.course.answer(proposal.at, *is_made);
                }
            }
            if renewed.asked.contains(&holder.lease) {
                holder.course.propose();
            }
        }
        self.holders.retain(|holder| !renewed.lost.contains(&holder.lease));
    }

    /// The conductor answers and settles; a head may die between hearing that and storing it, and is told again.
    async fn conduct(&mut self, calm: bool) {
        let Ok(Outcomes { reported, proposed }) = self.core.outcomes(&self.task.clone()) else { return };
        for (split, outcome) in reported {
            if self.taken.insert(split, outcome.clone()).as_ref() != Some(&outcome) {
                self.heard.push_back(Heard::Reported(SplitId(split), outcome));
            }
        }
        self.heard.extend(proposed.into_iter().map(Heard::Proposed));
        // It may be slow to decide: leases are lost meanwhile.
        if !calm && self.dice.roll(12) > 0 {
            return;
        }
        let (mut cuts, mut settled) = (Vec::new(), Vec::new());
        while let Some(heard) = self.heard.pop_front() {
            match heard {
                Heard::Proposed(proposed) => cuts.push(self.answer(proposed)),
                Heard::Reported(split, outcome) => settled.push(self.outcome(split, &outcome)),
            }
        }
        if !calm && self.dice.roll(6) == 0 {
            self.core.cut(&self.task, cuts.clone()).expect("its own job");
            if self.dice.roll(2) == 0 {
                self.keep();
            }
            self.replace_head().await;
        }
        self.core.cut(&self.task, cuts).expect("its own job");
        self.core.settle(&self.task, settled).expect("reported");
    }

    fn answer(&mut self, proposed: Proposed) -> CutAnswer {
        let proposal: Proposal = serde_json::from_slice(&proposed.proposal_json).unwrap();
        let is_taken = self.finished.contains(&proposal.split) || self.reopened.contains(&proposal.split);
        match judge(&self.history, &proposal) {
            Judged::Made => CutAnswer { proposed, is_made: true, parts: None },
            Judged::Make(cut) if !is_taken => {
                let parts = [cut.split, cut.rest];
                self.history.cut(cut).unwrap();
                let parts = parts.map(|part| record(&self.history.splits[part.0 as usize], false));
                CutAnswer { proposed, is_made: true, parts: Some(Box::new(parts)) }
            }
            Judged::Make(_) | Judged::Refused => CutAnswer { proposed, is_made: false, parts: None },
        }
    }

    fn outcome(&mut self, split: SplitId, outcome: &[u8]) -> Settled {
        let (_, range, sound): (LeaseId, Range, bool) = serde_json::from_slice(outcome).unwrap();
        let now = &self.history.splits[split.0 as usize];
        if sound && now.range == range {
            assert!(self.finished.insert(split), "{split:?} is finished twice");
            return Settled::Done(split.0);
        }
        self.reopened.insert(split);
        self.commits.insert(split, None);
        Settled::Again(record(now, true))
    }

    /// Insists that the target has every block once.
    fn check(&self, seed: u64) {
        for block in 0..2 * BLOCKS + 5 {
            let has = |range: &&Range| {
                let Range::Blocks { start, end } = range else { panic!("{range:?}") };
                *start <= block && end.is_none_or(|end| block < end)
            };
            let among = self.commits.values().flatten().filter(has).count();
            assert_eq!(among, 1, "seed {seed}: block {block} of {:?}", self.commits);
        }
    }
}

#[tokio::test]
async fn every_row_is_committed_once_whoever_dies_and_whatever_is_lost() {
    let (mut cuts, mut reopened) = (0, 0);
    for seed in 0..60 {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("head.db").to_str().unwrap()).await.unwrap();
        let mut world = World::start(seed, store).await;
        for step in 0.. {
            assert!(step < 20_000, "seed {seed}: the job does not end");
            let calm = step > 3_000;
            let until = world.core.now + world.dice.roll(if calm { 300 } else { 900 }) as Millis;
            pass(&mut world.core, until);
            world.beats();
            let worker = format!("w{}", world.dice.roll(WORKERS));
            match world.dice.roll(60) {
                0 if !calm => world.replace_head().await,
                1..=15 => world.conduct(calm).await,
                _ => world.step(&worker, calm),
            }
            world.keep();
            if world.finished.len() == world.history.splits.len() {
                break;
            }
        }
        world.check(seed);
        cuts += world.history.cuts.len();
        reopened += world.reopened.len();
    }
    // What is not met is not tested.
    assert!(cuts > 60 && reopened > 0, "{cuts} cuts, {reopened} splits copied again");
}
