//! Who does what: a conductor for each job whose time has come, copiers for jobs that others can help with.

use super::pool::{Ending, Worker};
use super::{Core, Job};
use crate::cluster::caller::Class;
use crate::head::classes::{conducts, may_do};
use crate::head::record::{Change, Half, JobState, Millis, Tally, Wish};
use crate::head::scale::{JobLoad, Load};

/// Connections to each end that one slot uses: a split is copied while the one before is read back.
pub const CONNECTIONS_PER_SLOT: u32 = 2;
/// Failures in a row, with nothing finished between, after which a job holds until a person looks: its circuit breaker.
const FAILURES_MAX: u32 = 6;
/// How long a worker is not asked to help with a job again after its process failed.
const COPIER_REST_MS: Millis = 10_000;
/// Half of how long a job waits after its first failure; doubled with each further one.
const BACKOFF_MS: Millis = 500;
/// The longest it waits.
const BACKOFF_MS_MAX: Millis = 60_000;
/// Why a job stands as a person wanted it to.
pub(super) const BY_A_PERSON: &str = "a person asked for it";
/// What a process that was asked to stop, and can go on, exits with.
const INTERRUPTED: u32 = 6;
/// What a process exits with that could not reach a database or the state.
pub(super) const UNAVAILABLE: u32 = 5;

/// What one process of a worker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The job.
    pub job: String,
    /// Which of its attempts.
    pub attempt: u32,
    /// As what.
    pub role: Role,
    /// Threads for splits.
    pub slots: u32,
    /// On which worker.
    pub worker: String,
    /// Since when the head knows of it.
    pub since: Millis,
}

/// What a process is to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It walks the job's stages, and copies too.
    Conduct,
    /// It copies splits.
    Copy,
    /// It reads back what others wrote.
    Validate,
    /// It is a member of a mesh.
    Meet {
        /// Which mesh.
        generation: u64,
    },
}

impl Role {
    /// As head and workers say it.
    pub fn word(self) -> &'static str {
        match self {
            Role::Conduct => "conduct",
            Role::Copy => "copy",
            Role::Validate => "validate",
            Role::Meet { .. } => "meet",
        }
    }

    /// What a process of it is called.
    fn noun(self) -> &'static str {
        match self {
            Role::Conduct => "conductor",
            Role::Copy => "copier",
            Role::Validate => "validator",
            Role::Meet { .. } => "member",
        }
    }

    /// Which half of splits it is given, if any.
    pub(super) fn half(self) -> Option<Half> {
        match self {
            Role::Conduct | Role::Copy => Some(Half::Copy),
            Role::Validate => Some(Half::Validate),
            Role::Meet { .. } => None,
        }
    }
}

impl Task {
    /// Whether it is this task on this worker.
    pub fn is(&self, worker: &str, other: &Task) -> bool {
        self.worker == worker && (&self.job, self.attempt, self.role) == (&other.job, other.attempt, other.role)
    }
}

impl Core {
    /// Conductors of running jobs, for a head that took over: they go on, or their workers will be missed.
    pub(super) fn expect_conductors(&mut self) {
        let now = self.now;
        let conducts = |job: &Job| {
            let worker = job.record.conductor.clone().filter(|_| job.record.state == JobState::Running)?;
            let (job, attempt) = (job.record.id.clone(), job.record.attempt);
            Some(Task { job, attempt, role: Role::Conduct, slots: 1, worker, since: now })
        };
        self.tasks = self.jobs.values().filter_map(conducts).collect();
    }

    /// Gives work to whoever is free.
    pub(super) fn schedule(&mut self) {
        self.begin_jobs();
        self.add_helpers();
        self.explain_unread();
    }

    fn begin_jobs(&mut self) {
        let is_due = |job: &&Job| {
            job.record.state == JobState::Queued && job.record.wish == Wish::Run && job.record.not_before <= self.now
        };
        let mut due: Vec<_> =
            self.jobs.values().filter(is_due).map(|job| (job.record.submitted_at, job.record.id.clone())).collect();
        due.sort();
        let mut due = due.into_iter().map(|(_, job)| job);
        while let Some(job) = due.next() {
            let Some((worker, free)) = self.freest(|_, worker| conducts(&worker.classes)) else {
                let why = self.why_waiting();
                return std::iter::once(job).chain(due).for_each(|job| self.wait_because(&job, why));
            };
            let share = free / (due.len() as u32 + 1);
            match self.allowance(&job) {
                Ok(allowed) => {
                    let own = self.own_slots(&job, &worker);
                    self.begin(&job, worker, share.min(allowed).min(own).max(1));
                }
                Err(why) => self.wait_because(&job, &why),
            }
        }
    }

    /// Slots that a job's own plan allows its conductor on this worker, which leaves what others read back through to them.
    fn own_slots(&self, id: &str, worker: &str) -> u32 {
        let Some(Job { ends: [source, target], .. }) = self.jobs.get(id) else { return 1 };
        let reads_back = self.workers.get(worker).is_some_and(|worker| worker.classes.contains(&Class::Validator));
        let writing = if reads_back { target.connections } else { target.connections - target.connections / 2 };
        source.connections.min(writing) / CONNECTIONS_PER_SLOT
    }

    /// Slots that a job's databases leave its conductor.
    ///
    /// # Errors
    /// Why it has to wait, if other jobs have all of the connections.
    fn allowance(&self, id: &str) -> Result<u32, String> {
        let Some((slots, place)) = self.left_by_databases(id, Half::Copy) else { return Ok(1) };
        let is_shared =
            |job: &&Job| job.record.state == JobState::Running && job.ends.iter().any(|end| end.label == place.label);
        let others: Vec<&str> = self.jobs.values().filter(is_shared).map(|job| job.record.id.as_str()).collect();
        match (slots, others.as_slice()) {
            // A plan with a very small limit gets one slot all the same.
            (0, []) => Ok(1),
            (0, _) => Err(format!("it waits for connections to {}, which {} has", place.label, others.join(", "))),
            _ => Ok(slots),
        }
    }

    /// Why no worker begins a job that waits.
    fn why_waiting(&self) -> &'static str {
        let there: Vec<&Worker> = self.workers.values().filter(|worker| worker.takes_work(self.now)).collect();
        match (there.is_empty(), there.iter().any(|worker| conducts(&worker.classes))) {
            (true, _) => "it waits for a worker: none is connected that takes on work",
            (_, true) => "it waits for a worker: all slots are taken",
            (_, false) => "no worker is both scout and mover, and whoever conducts a job is both",
        }
    }

    /// A job that failed keeps the reason for that.
    fn wait_because(&mut self, id: &str, why: &str) {
        if let Ok(job) = self.job_mut(id)
            && job.record.why != why
            && job.record.failures == 0
        {
            why.clone_into(&mut job.record.why);
            self.store(id);
            self.event(Some(id), "waits", why);
        }
    }

    fn begin(&mut self, id: &str, worker: String, slots: u32) {
        let now = self.now;
        let Ok(job) = self.job_mut(id) else { return };
        let record = &mut job.record;
        record.attempt += 1;
        record.state = JobState::Running;
        record.conductor = Some(worker.clone());
        record.started_at = record.started_at.or(Some(now));
        record.opened = None;
        record.why.clear();
        let attempt = record.attempt;
        job.splits = Default::default();
        self.changes.push(Change::Cleared { job: id.to_owned(), tally: Tally::default() });
        self.store(id);
        self.event(Some(id), "begun", format!("attempt {attempt} begins on worker {worker} with {slots} slots"));
        let (job, role) = (id.to_owned(), Role::Conduct);
        self.tasks.push(Task { job, attempt, role, slots, worker, since: now });
    }

    /// The ready worker with the most free slots, and how many, of those that `may`.
    fn freest(&self, may: impl Fn(&str, &Worker) -> bool) -> Option<(String, u32)> {
        let free = |(id, worker): (&String, &Worker)| {
            let busy: u32 = self.tasks.iter().filter(|task| task.worker == *id).map(|task| task.slots).sum();
            let free = worker.slots.saturating_sub(busy);
            (free > 0 && worker.takes_work(self.now) && may(id, worker)).then(|| (id.clone(), free))
        };
        self.workers.iter().filter_map(free).max_by_key(|(_, free)| *free)
    }

    /// Gives free workers to jobs that others can help with, one worker at a time to the job with the most left for each of
    /// its slots.
    fn add_helpers(&mut self) {
        for (role, half) in [(Role::Copy, Half::Copy), (Role::Validate, Half::Validate)] {
            while let Some((_, job, worker, slots)) = self.neediest(half) {
                let Some(attempt) = self.jobs.get(&job).map(|job| job.record.attempt) else { return };
                let does = if role == Role::Copy { "helps" } else { "reads back" };
                self.event(Some(&job), role.noun(), format!("worker {worker} {does} with {slots} slots"));
                self.tasks.push(Task { job, attempt, role, slots, worker, since: self.now });
            }
        }
    }

    /// Of the running jobs that can use one more worker, that with the most splits for each of its slots: how many, its id, who
    /// could help, and with how many slots.
    fn neediest(&self, half: Half) -> Option<(u32, String, String, u32)> {
        let need = |job: &Job| {
            let record = &job.record;
            let is_wanted = record.state == JobState::Running && record.wish == Wish::Run && record.is_shared();
            let slots = self.slots_of(&record.id, half);
            // The rest of a straggler is nobody's yet, and becomes a split once somebody asks for one.
            let divisible = if half == Half::Copy { job.divisible() } else { 0 };
            let open = (job.splits.open(half) + divisible) as u32;
            let is_needed = is_wanted && job.splits.waits(half) + divisible > 0 && open > slots;
            let room = if is_needed { self.room(&record.id, half) } else { 0 };
            let (worker, free) = if room > 0 { self.helper(&record.id, half)? } else { return None };
            Some((open / slots.max(1), record.id.clone(), worker, free.min(room)))
        };
        self.jobs.values().filter_map(need).max()
    }

    /// The worker with the most free slots that may help with a job and does not yet.
    fn helper(&self, job: &str, half: Half) -> Option<(String, u32)> {
        let separate = self.jobs.get(job).is_some_and(|job| job.record.is_separate());
        self.freest(|id, worker| {
            let helps = self.tasks.iter().any(|task| task.worker == id && task.job == job);
            may_do(half, separate, &worker.classes) && !helps && !self.rests(id, job)
        })
    }

    /// Whether a worker is not asked to help with a job, since its last try failed.
    pub(super) fn rests(&self, worker: &str, job: &str) -> bool {
        self.rests.get(&(worker.to_owned(), job.to_owned())).is_some_and(|until| *until > self.now)
    }

    /// Does not ask a worker to help with a job until then.
    pub(super) fn rest(&mut self, worker: &str, job: &str, until: Millis) {
        let (now, workers, jobs) = (self.now, &self.workers, &self.jobs);
        self.rests
            .retain(|(worker, job), until| *until > now && workers.contains_key(worker) && jobs.contains_key(job));
        self.rests.insert((worker.to_owned(), job.to_owned()), until);
    }

    /// Slots of those who do this half of a job's splits.
    fn slots_of(&self, job: &str, half: Half) -> u32 {
        let does = |task: &&Task| task.job == job && task.role.half() == Some(half);
        self.tasks.iter().filter(does).map(|task| task.slots).sum()
    }

    /// Slots that a job's connections still allow for this half of its splits. Where the halves are apart, each has half of
    /// the connections to the target.
    fn room(&self, id: &str, half: Half) -> u32 {
        let Some(opened) = self.jobs.get(id).and_then(|job| job.record.opened.as_ref()) else { return 0 };
        let (source, target) = (opened.source_connections, opened.target_connections);
        let connections = match (half, opened.separate) {
            (Half::Copy, false) => source.min(target),
            (Half::Copy, true) => source.min(target - target / 2),
            (Half::Validate, _) => target / 2,
        };
        let has = self.slots_of(id, half);
        let own = (connections / CONNECTIONS_PER_SLOT).saturating_sub(has);
        let left = own.min(self.left_by_databases(id, half).map_or(own, |(slots, _)| slots));
        // Those who write hold their connections until what they wrote is read back: without one who does, nothing would end.
        if half == Half::Validate && has == 0 { left.max(1) } else { left }
    }

    /// Says of a job whose written splits nobody reads back what it waits for, and takes that back once somebody does.
    fn explain_unread(&mut self) {
        const NONE: &str = "what was written waits to be read back: no worker is a validator without being a mover too";
        const OTHERS: &str =
            "what was written waits to be read back: the validators are busy, or could not do it, see the job's log";
        let is_there = self.workers.values().any(|worker| may_do(Half::Validate, true, &worker.classes));
        let says = |job: &Job| {
            let record = &job.record;
            let waits = job.splits.waits(Half::Validate) > 0 && self.slots_of(&record.id, Half::Validate) == 0;
            let why = match (waits, is_there) {
                (false, _) => "",
                (true, false) => NONE,
                (true, true) => OTHERS,
            };
            let is_ours = ["", NONE, OTHERS].contains(&record.why.as_str());
            let is_new = record.state == JobState::Running && is_ours && record.why != why;
            is_new.then(|| (record.id.clone(), why))
        };
        let news: Vec<(String, &str)> = self.jobs.values().filter_map(says).collect();
        for (id, why) in news {
            if let Ok(job) = self.job_mut(&id) {
                why.clone_into(&mut job.record.why);
            }
            self.store(&id);
            if !why.is_empty() {
                self.event(Some(&id), "waits", why);
            }
        }
    }

    /// Slots that work is waiting for.
    pub(super) fn slots_wanted(&self) -> u32 {
        let wanted = |job: &Job| match job.record.state {
            JobState::Queued if job.record.wish == Wish::Run => 1,
            JobState::Running if job.record.is_shared() => {
                let of_half = |half| {
                    let open = if job.splits.waits(half) > 0 { job.splits.open(half) as u32 } else { 0 };
                    open.saturating_sub(self.slots_of(&job.record.id, half)).min(self.room(&job.record.id, half))
                };
                of_half(Half::Copy) + of_half(Half::Validate)
            }
            _ => 0,
        };
        self.jobs.values().map(wanted).sum()
    }

    /// What there is to do, for the autoscaler; what workers move is for it to measure.
    pub fn load(&self) -> Load {
        let is_queued = |job: &&Job| job.record.state == JobState::Queued && job.record.wish == Wish::Run;
        let running = self.jobs.values().filter(|job| job.record.state == JobState::Running);
        let load = |job: &Job| {
            let (opened, progress) = (job.record.opened.as_ref(), job.splits.progress());
            JobLoad {
                id: job.record.id.clone(),
                bytes_left: progress.bytes - progress.bytes_done,
                splits_left: progress.splits - progress.splits_done,
                splits_unread: job.splits.open(Half::Validate) as u64,
                shared: opened.is_some_and(|opened| opened.shared),
                separate: job.record.is_separate(),
                source_connections: opened.map_or(0, |opened| opened.source_connections),
                target_connections: opened.map_or(0, |opened| opened.target_connections),
            }
        };
        Load { jobs_queued: self.jobs.values().filter(is_queued).count() as u32, jobs: running.map(load).collect() }
    }

    /// A process ended, and its worker says how.
    pub(super) fn task_ended(&mut self, task: &Task, ending: &Ending) {
        match task.role {
            Role::Meet { .. } => self.member_ended(task, ending),
            Role::Copy | Role::Validate => {
                if ending.exit_code != 0 && ending.exit_code != INTERRUPTED {
                    let (worker, code) = (&task.worker, ending.exit_code);
                    let text =
                        format!("a process that helps on worker {worker} ended with exit code {code}: {}", ending.said);
                    self.event(Some(&task.job), task.role.noun(), text);
                    if is_of_database(&ending.said) {
                        self.note_failed(&task.job);
                    }
                    let until = match is_denied(&ending.said) {
                        // Until the worker is started again: its credentials are those it was started with.
                        true => Millis::MAX,
                        false => self.now + COPIER_REST_MS,
                    };
                    self.rest(worker, &task.job, until);
                }
                self.release(task);
            }
            Role::Conduct if self.never_began(task, ending) => {
                self.concluded(&task.job, INTERRUPTED, String::new(), String::new());
            }
            Role::Conduct => self.task_lost(task, ending),
        }
    }

    /// Whether a conductor was told to end before it had begun: its worker says so without a word of the process's own.
    fn never_began(&self, task: &Task, ending: &Ending) -> bool {
        let job = self.jobs.get(&task.job).map(|job| &job.record);
        let is_theirs = job.is_some_and(|job| job.state == JobState::Running && job.attempt == task.attempt);
        is_theirs && ending.exit_code == INTERRUPTED && ending.said.is_empty()
    }

    /// A process is gone: what it held goes to others; without its conductor the job begins again.
    pub(super) fn task_lost(&mut self, task: &Task, ending: &Ending) {
        if matches!(task.role, Role::Meet { .. }) {
            return self.member_ended(task, ending);
        }
        self.release(task);
        let conducted = |job: &Job| job.record.state == JobState::Running && job.record.attempt == task.attempt;
        if task.role == Role::Conduct && self.jobs.get(&task.job).is_some_and(conducted) {
            let code = format!("the process that conducted it ended with exit code {}", ending.exit_code);
            let why = match (ending.exit_code, ending.said.as_str()) {
                (_, "") => code,
                // Nobody saw how it ended.
                (0, said) => format!("the process that conducted it is lost: {said}"),
                (_, said) => format!("{code}: {said}"),
            };
            self.attempt_failed(&task.job, why, None);
        }
    }

    fn release(&mut self, task: &Task) {
        let Some(job) = self.jobs.get_mut(&task.job) else { return };
        if job.record.attempt != task.attempt {
            return;
        }
        let lost = job.splits.release(&task.worker);
        let count = self.moved(&task.job, lost);
        self.counters.leases_lost += count;
        if count > 0 {
            let text = format!("{count} splits of worker {} go to others", task.worker);
            self.event(Some(&task.job), "leases_lost", text);
        }
    }

    /// A conductor said how it ended.
    pub(super) fn concluded(&mut self, id: &str, exit_code: u32, report_json: String, message: String) {
        let Ok(job) = self.job(id) else { return };
        let wish = job.record.wish;
        match (exit_code, wish) {
            (INTERRUPTED, Wish::Run) => self.end_attempt(id, JobState::Queued, "it goes on elsewhere".to_owned()),
            (INTERRUPTED, Wish::Pause) => self.end_attempt(id, JobState::Paused, BY_A_PERSON.to_owned()),
            (INTERRUPTED, Wish::Stop) => self.end_attempt(id, JobState::Stopped, BY_A_PERSON.to_owned()),
            (UNAVAILABLE, Wish::Run) if is_denied(&message) => {
                let why = format!("a login was refused; resume it when the credentials are renewed: {message}");
                self.end_attempt(id, JobState::Paused, why);
            }
            (UNAVAILABLE, _) if is_of_database(&message) => {
                self.note_failed(id);
                let away = self.is_away(id);
                self.attempt_failed(id, message, away);
            }
            (UNAVAILABLE, _) => self.attempt_failed(id, message, None),
            _ => {
                let state = if exit_code == 0 { JobState::Done } else { JobState::Failed };
                if let Ok(job) = self.job_mut(id) {
                    job.record.exit_code = u8::try_from(exit_code).ok();
                    job.record.report_json = Some(report_json).filter(|report| !report.is_empty());
                }
                self.end_attempt(id, state, message);
            }
        }
    }

    /// An attempt failed for a reason that may pass: once more after a while, but not for ever.
    /// `away`: why it is not tried again even so.
    fn attempt_failed(&mut self, id: &str, why: String, away: Option<String>) {
        let now = self.now;
        let Ok(job) = self.job_mut(id) else { return };
        let record = &mut job.record;
        record.failures += 1;
        let wait = BACKOFF_MS.saturating_mul(1 << record.failures.min(16)).min(BACKOFF_MS_MAX);
        record.not_before = now + wait;
        let failures = record.failures;
        let state = match record.wish {
            Wish::Stop => JobState::Stopped,
            Wish::Pause => JobState::Paused,
            Wish::Run if failures >= FAILURES_MAX || away.is_some() => JobState::Paused,
            Wish::Run => JobState::Queued,
        };
        let why = match state {
            JobState::Paused if failures >= FAILURES_MAX => {
                format!("{failures} failures in a row; resume it when this is mended: {why}")
            }
            JobState::Paused if let Some(away) = away => {
                format!("{away}; resume it when this is mended: {why}")
            }
            _ => why,
        };
        self.end_attempt(id, state, why);
    }

    fn end_attempt(&mut self, id: &str, state: JobState, why: String) {
        let now = self.now;
        let Ok(job) = self.job_mut(id) else { return };
        job.splits.clear();
        let tally = job.splits.tally();
        let record = &mut job.record;
        (record.state, record.conductor, record.opened) = (state, None, None);
        record.why = why.clone();
        record.ended_at = state.has_ended().then_some(now);
        if state == JobState::Paused {
            record.wish = Wish::Pause;
        }
        let attempt = record.attempt;
        self.tasks.retain(|task| task.job != id);
        self.meshes.remove(id);
        self.changes.push(Change::Cleared { job: id.to_owned(), tally });
        self.store(id);
        let word =
            serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
        let text = if why.is_empty() { String::new() } else { format!(": {why}") };
        self.event(Some(id), "ended", format!("attempt {attempt} ended, the job is {word}{text}"));
    }
}

/// Whether what a process said in the end is about a database, or a folder, and not about the head or the process itself.
fn is_of_database(said: &str) -> bool {
    said.contains("error[S10")
}

/// Whether what a process said in the end is that a database refused its credentials. Trying that again may lock an account.
pub(super) fn is_denied(said: &str) -> bool {
    let code = sensei_storage::Error::LOGIN_CODE;
    said.contains(&format!("error[{code}]"))
}
