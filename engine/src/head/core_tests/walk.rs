//! A random walk: workers come, die and return, heads are replaced from what is stored, and the job ends.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::head::splits::Renewal;
use crate::head::store::{Leadership, Store};
use crate::head::view::JobStateView;

/// A small generator, so that a failing walk can be walked again.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const SPLITS: u32 = 20;

/// What the walk believes of the cluster.
struct World {
    core: Core,
    store: Store,
    term: u64,
    now: Millis,
    job: String,
    /// Processes by worker.
    processes: HashMap<String, Task>,
    /// Those that died, until their worker has said so.
    dead: HashMap<String, Task>,
    /// Leases as their holders know them, by split.
    leases: HashMap<u32, (String, LeaseId)>,
    /// Splits settled under the present attempt.
    settled: HashSet<u32>,
    attempt: u32,
    /// How far the job was when that was last stored.
    stored: [u64; 4],
}

impl World {
    async fn store(&mut self) {
        let changes = self.core.take_changes();
        self.store.commit(self.term, changes).await.expect("this head leads");
        self.stored = self.tally();
    }

    /// A new head takes over with what was stored.
    async fn replace_head(&mut self) {
        let Leadership::Mine { term } = self.store.lead("next", "", 0).await.unwrap() else { panic!("nobody waits") };
        self.term = term;
        self.core = Core::recover(self.store.load().await.unwrap(), term, self.now);
        assert_eq!(self.tally(), self.stored, "how far it is outlives the head");
        self.store().await;
    }

    /// Splits and bytes of the job, and what is done of each.
    fn tally(&self) -> [u64; 4] {
        let progress = self.core.get(&self.job).unwrap().progress;
        [progress.splits, progress.splits_done, progress.bytes, progress.bytes_done]
    }

    fn task(&self, worker: &str) -> TaskName {
        name(worker, &self.job, self.attempt)
    }

    fn beat(&mut self, worker: &str) {
        let ending = || Some(Ending { exit_code: 137, said: String::new() });
        let living = self.processes.get(worker).map(|task| ChildState { task: task.clone(), ending: None });
        let dead = self.dead.remove(worker).map(|task| ChildState { task, ending: ending() });
        let children: Vec<ChildState> = living.into_iter().chain(dead).collect();
        for order in beat(&mut self.core, worker, 1, &children) {
            match order.wish {
                WishForTask::Run if !self.processes.contains_key(worker) => self.begin(worker, order.task),
                WishForTask::Kill => drop(self.processes.remove(worker)),
                _ => {}
            }
        }
    }

    fn begin(&mut self, worker: &str, task: Task) {
        if task.role == Role::Conduct {
            assert!(task.attempt > self.attempt, "an attempt is begun once");
            self.attempt = task.attempt;
            self.settled.clear();
            self.leases.clear();
            open(&mut self.core, &name(worker, &self.job, task.attempt), SPLITS, 8);
        }
        self.processes.insert(worker.to_owned(), task);
    }

    fn work(&mut self, worker: &str, dice: &mut Dice) {
        let Some(process) = self.processes.get(worker).filter(|process| process.attempt == self.attempt) else {
            return;
        };
        let (task, conducts) = (self.task(worker), process.role == Role::Conduct);
        match dice.roll(4) {
            0 => {
                if let Ok(granting) = self.core.next(&task, 1) {
                    for granted in granting.granted {
                        self.leases.insert(granted.split, (worker.to_owned(), granted.lease));
                    }
                }
            }
            1 => {
                let mine = self.leases.iter().find(|(_, (holder, _))| holder == worker);
                if let Some((split, (_, lease))) = mine.map(|(split, held)| (*split, held.clone())) {
                    // Refused where it was given to another since; then nobody else's counts less.
                    if self.core.report(&task, lease, split, vec![1]).is_ok() {
                        self.leases.remove(&split);
                    }
                }
            }
            2 => {
                let mine = self.leases.values().filter(|(holder, _)| holder == worker);
                let mine: Vec<Renewal> =
                    mine.map(|(_, lease)| Renewal { lease: *lease, ..Renewal::default() }).collect();
                for lost in self.core.renew(&task, &mine, 0, 0).unwrap_or_default().lost {
                    self.leases.retain(|_, (_, lease)| *lease != lost);
                }
            }
            _ if conducts => {
                for (split, _) in self.core.outcomes(&task).unwrap_or_default().reported {
                    self.core.settle(&task, vec![Settled::Done(split)]).expect("reported");
                    assert!(self.settled.insert(split), "settled twice");
                }
                if self.core.next(&task, 0).is_ok_and(|granting| granting.exhausted) {
                    assert_eq!(self.settled.len(), SPLITS as usize, "it ends when all are settled");
                    self.core.conclude(&task, 0, "{}".to_owned(), String::new()).expect("its own job");
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_job_ends_whoever_dies_and_no_split_is_held_by_two() {
    for seed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("head.db").to_str().unwrap()).await.unwrap();
        let Leadership::Mine { term } = store.lead("first", "", 0).await.unwrap() else { panic!("nobody else") };
        let mut core = Core::recover(store.load().await.unwrap(), term, 0);
        let job = submit(&mut core, "shop");
        let (processes, dead, leases, settled) = (HashMap::new(), HashMap::new(), HashMap::new(), HashSet::new());
        let mut world =
            World { core, store, term, now: 0, job, processes, dead, leases, settled, attempt: 0, stored: [0; 4] };
        world.store().await;
        let mut dice = Dice(seed);
        for step in 0.. {
            assert!(step < 20_000, "seed {seed}: the job does not end");
            // Nobody dies any more towards the end, so that it comes.
            let calm = step > 1_500;
            world.now += dice.roll(if calm { 300 } else { 1_500 }) as Millis;
            pass(&mut world.core, world.now);
            let worker = format!("w{}", dice.roll(3));
            match dice.roll(40) {
                0 if !calm && !world.dead.contains_key(&worker) => {
                    world.dead.extend(world.processes.remove(&worker).map(|task| (worker, task)));
                }
                1 if !calm => world.replace_head().await,
                2..=13 => world.beat(&worker),
                _ => world.work(&worker, &mut dice),
            }
            world.store().await;
            if world.core.get(&world.job).unwrap().state == JobStateView::Paused {
                world.core.order(&world.job.clone(), crate::head::view::Verb::Resume).unwrap();
            }
            if world.core.get(&world.job).unwrap().state == JobStateView::Done {
                break;
            }
        }
        let stored = world.store.load().await.unwrap();
        assert!(stored.splits.is_empty(), "seed {seed}: {:?}", stored.splits.keys());
    }
}
