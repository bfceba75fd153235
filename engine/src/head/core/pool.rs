//! What workers say of themselves, and what the head makes of it.

use super::schedule::{Role, Task};
use super::{Core, LEASE_MS};
use crate::cluster::caller::{Class, words};
use crate::head::classes::may_do;
use crate::head::record::{JobState, Millis, Wish};
use crate::head::refusal::Refusal;
use crate::head::view::{PoolView, WorkerView};

/// Workers that are heard of at once at the most.
const WORKERS_MAX: usize = 1_024;
/// Slots of one worker at the most.
const SLOTS_MAX: u32 = 256;
/// Processes that went by a worker's name before and are remembered, so that they are told to end.
const REPLACED_MAX: usize = 16;

/// A worker that is heard of.
#[derive(Debug)]
pub(super) struct Worker {
    pub classes: Vec<Class>,
    pub zone: String,
    pub version: String,
    pub slots: u32,
    pub draining: bool,
    pub registered_at: Millis,
    pub last_beat: Millis,
    /// Which process of that name it is, the number of its newest beat, and those that went by the name before.
    pub instance: String,
    pub number: u64,
    pub replaced: Vec<String>,
    /// Whose processes its own can connect to: those of workers with the same.
    pub network: String,
}

/// What a worker says twice a second.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Its name.
    pub worker: String,
    /// What it may do with databases.
    pub classes: Vec<Class>,
    /// Where it runs.
    pub zone: String,
    /// Its version.
    pub version: String,
    /// Threads for splits.
    pub slots: u32,
    /// Whether it takes on nothing more.
    pub draining: bool,
    /// Its processes.
    pub children: Vec<ChildState>,
    /// Tells the worker's process from earlier ones of that name.
    pub instance: String,
    /// Ascending within an instance.
    pub number: u64,
    /// Processes of workers that say the same can connect to each other; empty for none.
    pub network: String,
}

/// One process of a worker.
#[derive(Clone, Debug)]
pub struct ChildState {
    /// What it does.
    pub task: Task,
    /// How it ended, if it has.
    pub ending: Option<Ending>,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Its exit code.
    pub exit_code: u32,
    /// The last of what it said.
    pub said: String,
}

/// What a worker should do about one task.
#[derive(Clone, Debug)]
pub struct Order {
    /// The task.
    pub task: Task,
    /// What should become of it.
    pub wish: WishForTask,
    /// The plan's text, for a task that is to be begun.
    pub plan: String,
}

/// What should become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WishForTask {
    /// To run.
    Run,
    /// To end in order.
    Finish,
    /// To end at once.
    Kill,
}

impl Worker {
    /// Whether it may be given more.
    pub(super) fn takes_work(&self, now: Millis) -> bool {
        !self.draining && now - self.last_beat <= LEASE_MS / 3
    }

    fn state(&self, now: Millis) -> &'static str {
        match self.draining {
            true => "draining",
            false if self.takes_work(now) => "ready",
            false => "silent",
        }
    }
}

impl Core {
    /// Takes a worker's beat and says what it should run.
    ///
    /// # Errors
    /// `Invalid` for a worker that makes no sense, `Unavailable` if there are too many.
    pub fn beat(&mut self, beat: Beat) -> Result<Vec<Order>, Refusal> {
        if self.is_stale(&beat) {
            return Ok(Vec::new());
        }
        self.register(&beat)?;
        let orders: Vec<Order> = beat.children.iter().filter_map(|child| self.child(&beat.worker, child)).collect();
        self.schedule();
        Ok(self.orders(&beat, orders))
    }

    /// Whether a later beat was heard: this one was held up on its way.
    fn is_stale(&self, beat: &Beat) -> bool {
        let heard = self.workers.get(&beat.worker).filter(|worker| worker.instance == beat.instance);
        heard.is_some_and(|worker| beat.number > 0 && beat.number <= worker.number)
    }

    fn register(&mut self, beat: &Beat) -> Result<(), Refusal> {
        let invalid = |why: String| Refusal::Invalid { what: format!("worker \"{}\"", beat.worker), why };
        if beat.slots == 0 || beat.slots > SLOTS_MAX {
            return Err(invalid(format!("a worker has from 1 to {SLOTS_MAX} slots")));
        }
        if beat.classes.is_empty() {
            return Err(invalid("it has no class".to_owned()));
        }
        let now = self.now;
        let is_new = !self.workers.contains_key(&beat.worker);
        if self.workers.get(&beat.worker).is_none_or(|worker| worker.instance != beat.instance) {
            self.rests.retain(|(worker, _), _| *worker != beat.worker);
        }
        if is_new && self.workers.len() >= WORKERS_MAX {
            return Err(Refusal::Unavailable { why: format!("{WORKERS_MAX} workers are registered") });
        }
        let mut replaced = self.replaced(beat)?;
        if replaced.len() > REPLACED_MAX {
            replaced.remove(0);
        }
        let registered_at = self.workers.get(&beat.worker).map_or(now, |worker| worker.registered_at);
        let was_draining = self.workers.get(&beat.worker).is_some_and(|worker| worker.draining);
        let worker = Worker {
            classes: beat.classes.clone(),
            zone: beat.zone.clone(),
            version: beat.version.clone(),
            slots: beat.slots,
            draining: beat.draining,
            registered_at,
            last_beat: now,
            instance: beat.instance.clone(),
            number: beat.number,
            replaced,
            network: beat.network.clone(),
        };
        self.workers.insert(beat.worker.clone(), worker);
        if is_new {
            let slots = beat.slots;
            self.event(None, "worker", format!("worker {} registered with {slots} slots", beat.worker));
        } else if beat.draining && !was_draining {
            self.event(None, "worker", format!("worker {} drains", beat.worker));
        }
        Ok(())
    }

    /// The processes that went by a worker's name before. The newest has it, since a worker that was started again must not wait
    /// until the old one is missed; what that one did is lost with it.
    fn replaced(&mut self, beat: &Beat) -> Result<Vec<String>, Refusal> {
        let Some(known) = self.workers.get(&beat.worker) else { return Ok(Vec::new()) };
        let mut replaced = known.replaced.clone();
        if known.instance == beat.instance {
            return Ok(replaced);
        }
        if replaced.contains(&beat.instance) {
            let why = "another process goes by that name since; every worker needs a name of its own".to_owned();
            return Err(Refusal::Conflict { what: format!("worker \"{}\"", beat.worker), why });
        }
        replaced.push(known.instance.clone());
        self.event(None, "worker", format!("worker {} was started again", beat.worker));
        let (lost, kept) = std::mem::take(&mut self.tasks).into_iter().partition(|task| task.worker == beat.worker);
        self.tasks = kept;
        self.all_lost(lost, "its worker was started again");
        Ok(replaced)
    }

    fn all_lost(&mut self, tasks: Vec<Task>, why: &str) {
        for task in tasks {
            self.task_lost(&task, &Ending { exit_code: 0, said: why.to_owned() });
        }
    }

    /// Brings what a worker says of one process together with what it should be doing.
    fn child(&mut self, worker: &str, child: &ChildState) -> Option<Order> {
        let reported = &child.task;
        let position = self.tasks.iter().position(|task| task.is(worker, reported));
        match (position, &child.ending) {
            (Some(position), Some(ending)) => {
                let task = self.tasks.remove(position);
                self.task_ended(&task, ending);
                None
            }
            (Some(position), None) => {
                self.tasks[position].slots = reported.slots;
                None
            }
            (None, Some(_)) => None,
            // A head that took over does not know of copiers until they are heard of.
            (None, None) if self.adopts(worker, reported) => {
                let task = Task { worker: worker.to_owned(), ..reported.clone() };
                self.tasks.push(task);
                None
            }
            (None, None) => Some(Order { task: reported.clone(), wish: WishForTask::Kill, plan: String::new() }),
        }
    }

    fn adopts(&self, worker: &str, task: &Task) -> bool {
        let half = match task.role {
            Role::Copy | Role::Validate => task.role.half(),
            Role::Conduct | Role::Meet { .. } => None,
        };
        let (Some(half), Some(worker)) = (half, self.workers.get(worker)) else { return false };
        self.jobs.get(&task.job).is_some_and(|job| {
            let record = &job.record;
            record.state == JobState::Running
                && record.attempt == task.attempt
                && record.opened.is_some()
                && may_do(half, record.is_separate(), &worker.classes)
        })
    }

    fn orders(&self, beat: &Beat, mut orders: Vec<Order>) -> Vec<Order> {
        for task in self.tasks.iter().filter(|task| task.worker == beat.worker) {
            let is_known = beat.children.iter().any(|child| task.is(&beat.worker, &child.task));
            let Some(job) = self.jobs.get(&task.job) else { continue };
            let holds = task.role == Role::Conduct && job.record.wish != Wish::Run;
            let wish = if beat.draining || holds { WishForTask::Finish } else { WishForTask::Run };
            let plan = if is_known { String::new() } else { job.record.plan.clone() };
            orders.push(Order { task: task.clone(), wish, plan });
        }
        orders
    }

    /// Whether a worker that drains may leave.
    pub fn may_leave(&self, worker: &str) -> bool {
        self.workers.get(worker).is_some_and(|worker| worker.draining)
            && !self.tasks.iter().any(|task| task.worker == worker)
    }

    /// A worker said farewell.
    pub fn farewell(&mut self, worker: &str) {
        if self.workers.remove(worker).is_some() {
            self.event(None, "worker", format!("worker {worker} left"));
        }
    }

    pub(super) fn give_up_silent_workers(&mut self) {
        let silent = |worker: &Worker| self.now - worker.last_beat > LEASE_MS;
        let gone: Vec<String> = self.workers.iter().filter(|(_, w)| silent(w)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.workers.remove(&id);
            self.event(None, "worker", format!("worker {id} was not heard of for {} s", LEASE_MS / 1000));
        }
        // Also those of workers that a head which took over never heard of.
        let (lost, kept): (Vec<Task>, Vec<Task>) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|task| !self.workers.contains_key(&task.worker) && self.now - task.since > LEASE_MS);
        self.tasks = kept;
        self.all_lost(lost, "its worker is not heard of any more");
    }

    /// The workers and what waits for them.
    pub fn pool(&self) -> PoolView {
        let view = |(id, worker): (&String, &Worker)| {
            let tasks: Vec<&Task> = self.tasks.iter().filter(|task| task.worker == *id).collect();
            WorkerView {
                id: id.clone(),
                state: worker.state(self.now).to_owned(),
                classes: words(&worker.classes),
                zone: worker.zone.clone(),
                version: worker.version.clone(),
                slots: worker.slots,
                slots_busy: tasks.iter().map(|task| task.slots).sum(),
                registered_at_ms: worker.registered_at,
                last_beat_at_ms: worker.last_beat,
                jobs: tasks.iter().map(|task| task.job.clone()).collect(),
            }
        };
        let workers: Vec<WorkerView> = self.workers.iter().map(view).collect();
        let in_state = |state| self.jobs.values().filter(|job| job.record.state == state).count() as u32;
        PoolView {
            slots: workers.iter().filter(|worker| worker.state == "ready").map(|worker| worker.slots).sum(),
            slots_busy: workers.iter().map(|worker| worker.slots_busy).sum(),
            slots_wanted: self.slots_wanted(),
            jobs_queued: in_state(JobState::Queued),
            jobs_running: in_state(JobState::Running),
            workers,
            scaled: self.scaled.clone(),
        }
    }
}
