//! What people ask of jobs.

use sensei_planner::Outline;
use sensei_storage::evidence::sha256_hex;

use super::schedule::BY_A_PERSON;
use super::{Core, Job};
use crate::head::record::{Change, JobRecord, JobState, Wish};
use crate::head::refusal::Refusal;
use crate::head::splits::Splits;
use crate::head::view::{JobStateView, JobView, Verb};

/// Bytes of a plan at the most.
pub const PLAN_BYTES_MAX: usize = 4 << 20;
/// Characters of a job's id at the most.
const ID_CHARS_MAX: usize = 128;
/// Jobs a head keeps at the most, ended ones among them.
const JOBS_MAX: usize = 10_000;

/// A job as a client submits it.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The plan file's text.
    pub plan: String,
    /// What the client calls it; `None` for a name of the head's choice.
    pub id: Option<String>,
    /// Who submits it.
    pub by: String,
}

impl Core {
    /// Takes a job on; the same id with the same plan again is the same job. Says whether it is new.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` for what makes no sense, `Conflict` for an id that is another plan's.
    pub fn submit(&mut self, submission: Submission) -> Result<(JobView, bool), Refusal> {
        let Submission { plan, id, by } = submission;
        if plan.len() > PLAN_BYTES_MAX {
            return Err(Refusal::TooLarge { what: "the plan".into(), max: PLAN_BYTES_MAX as u64, unit: "bytes" });
        }
        let Outline { name, state, .. } = outline(&plan)?;
        let plan_sha256 = sha256_hex(plan.as_bytes());
        let id = match id {
            Some(id) => checked_id(id)?,
            None => self.free_id(&name),
        };
        if let Some(job) = self.jobs.get(&id) {
            let why = "it was submitted with another plan".to_owned();
            let same = job.record.plan_sha256 == plan_sha256;
            return if same { Ok((job.view(), false)) } else { Err(Refusal::Conflict { what: label(&id), why }) };
        }
        self.refuse_rival(&name, &state)?;
        self.make_room()?;
        let record = JobRecord {
            id: id.clone(),
            name,
            plan,
            plan_sha256,
            submitted_by: by,
            submitted_at: self.now,
            state: JobState::Queued,
            wish: Wish::Run,
            attempt: 0,
            failures: 0,
            not_before: 0,
            conductor: None,
            started_at: None,
            ended_at: None,
            exit_code: None,
            report_json: None,
            why: String::new(),
            opened: None,
        };
        self.jobs.insert(id.clone(), Job::new(record, Splits::default()));
        self.store(&id);
        self.event(Some(&id), "submitted", "the job was submitted");
        self.schedule();
        Ok((self.job(&id)?.view(), true))
    }

    /// Two jobs of one plan name in one state would be one job, and end each other.
    fn refuse_rival(&self, name: &str, state: &str) -> Result<(), Refusal> {
        let is_rival = |job: &&Job| {
            let record = &job.record;
            !record.state.has_ended()
                && record.name == name
                && outline(&record.plan).is_ok_and(|its| its.state == state)
        };
        match self.jobs.values().find(is_rival) {
            Some(rival) => Err(Refusal::Conflict {
                what: format!("the plan \"{name}\""),
                why: format!("job \"{}\" is at work on a plan of that name with the same state", rival.record.id),
            }),
            None => Ok(()),
        }
    }

    /// Forgets the job that ended first where there are too many. What it proved is in its journal.
    fn make_room(&mut self) -> Result<(), Refusal> {
        if self.jobs.len() < JOBS_MAX {
            return Ok(());
        }
        let ended = self.jobs.values().filter(|job| job.record.state.has_ended());
        let oldest = ended.min_by_key(|job| job.record.ended_at).map(|job| job.record.id.clone());
        let why = || format!("{JOBS_MAX} jobs are under way");
        let oldest = oldest.ok_or_else(|| Refusal::Unavailable { why: why() })?;
        self.jobs.remove(&oldest);
        self.changes.push(Change::Forgotten { job: oldest });
        Ok(())
    }

    fn free_id(&self, name: &str) -> String {
        let base: String = name.chars().map(|c| if is_id_char(c) { c } else { '-' }).take(ID_CHARS_MAX - 12).collect();
        let base = if base.is_empty() { "job".to_owned() } else { base };
        let mut numbered = (1_u32..).map(|number| format!("{base}-{number}"));
        numbered.find(|id| !self.jobs.contains_key(id)).unwrap_or(base)
    }

    /// All jobs, the newest first.
    pub fn list(&self) -> Vec<JobView> {
        let mut views: Vec<JobView> = self.jobs.values().map(Job::summary).collect();
        views.sort_by_key(|view| (std::cmp::Reverse(view.submitted_at_ms), view.id.clone()));
        views
    }

    /// One job.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: &str) -> Result<JobView, Refusal> {
        self.job(id).map(Job::view)
    }

    /// Does to a job what a client asks. Asking for what is so already is nothing.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the job's state does not allow it.
    pub fn order(&mut self, id: &str, verb: Verb) -> Result<JobView, Refusal> {
        let now = self.now;
        if verb == Verb::Retry && self.job(id)?.record.state.has_ended() {
            let Outline { name, state, .. } = outline(&self.job(id)?.record.plan)?;
            self.refuse_rival(&name, &state)?;
            self.job_mut(id)?.find_ends();
        }
        let record = &mut self.job_mut(id)?.record;
        let refused = |why: &str| Err(Refusal::Conflict { what: label(id), why: why.to_owned() });
        match (verb, record.state) {
            (Verb::Pause, JobState::Running) if record.wish != Wish::Stop => record.wish = Wish::Pause,
            (Verb::Pause, JobState::Queued) => {
                (record.wish, record.state) = (Wish::Pause, JobState::Paused);
                record.why = BY_A_PERSON.to_owned();
            }
            (Verb::Pause, JobState::Paused) => {}
            (Verb::Pause, JobState::Running) => return refused("it is being stopped"),
            (Verb::Pause, _) => return refused("it has ended"),
            (Verb::Resume, JobState::Paused) => record.queue(now),
            (Verb::Resume, JobState::Running | JobState::Queued) if record.wish != Wish::Stop => {
                record.wish = Wish::Run;
            }
            (Verb::Resume, JobState::Running | JobState::Queued) => return refused("it is being stopped"),
            (Verb::Resume, _) => return refused("it has ended; `retry` begins it again where it was"),
            (Verb::Stop, JobState::Running) => record.wish = Wish::Stop,
            (Verb::Stop, JobState::Queued | JobState::Paused) => {
                (record.wish, record.state) = (Wish::Stop, JobState::Stopped);
                record.why = BY_A_PERSON.to_owned();
                record.ended_at = Some(now);
            }
            (Verb::Stop, JobState::Stopped) => {}
            (Verb::Stop, JobState::Done | JobState::Failed) => return refused("it has ended"),
            (Verb::Retry, JobState::Stopped | JobState::Failed | JobState::Paused) => record.queue(now),
            (Verb::Retry, JobState::Done) => return refused("it ended equivalent"),
            (Verb::Retry, JobState::Queued | JobState::Running) => return refused("it is under way"),
        }
        self.store(id);
        self.event(Some(id), "order", format!("a person asked to {}", verb.word()));
        self.schedule();
        self.get(id)
    }
}

impl JobRecord {
    /// To be begun anew, as if nothing had gone wrong before.
    fn queue(&mut self, now: i64) {
        (self.state, self.wish) = (JobState::Queued, Wish::Run);
        (self.failures, self.not_before) = (0, now);
        (self.exit_code, self.report_json, self.ended_at) = (None, None, None);
        self.why.clear();
    }
}

impl Job {
    /// Where it stands, with what is being done about it.
    pub(super) fn state(&self) -> JobStateView {
        match (self.record.state, self.record.wish) {
            (JobState::Running, Wish::Pause) => JobStateView::Pausing,
            (JobState::Running, Wish::Stop) => JobStateView::Stopping,
            (JobState::Queued, _) => JobStateView::Queued,
            (JobState::Running, Wish::Run) => JobStateView::Running,
            (JobState::Paused, _) => JobStateView::Paused,
            (JobState::Stopped, _) => JobStateView::Stopped,
            (JobState::Done, _) => JobStateView::Done,
            (JobState::Failed, _) => JobStateView::Failed,
        }
    }

    /// The job for clients, without its report.
    fn summary(&self) -> JobView {
        let record = &self.record;
        JobView {
            id: record.id.clone(),
            name: record.name.clone(),
            state: self.state(),
            why: record.why.clone(),
            plan_sha256: record.plan_sha256.clone(),
            attempt: record.attempt,
            worker: record.conductor.clone(),
            submitted_by: record.submitted_by.clone(),
            submitted_at_ms: record.submitted_at,
            started_at_ms: record.started_at,
            ended_at_ms: record.ended_at,
            progress: self.splits.progress(),
            exit_code: record.exit_code,
            report: None,
        }
    }

    /// The job for clients.
    pub(super) fn view(&self) -> JobView {
        let report = self.record.report_json.as_deref().and_then(|json| serde_json::from_str(json).ok());
        JobView { report, ..self.summary() }
    }
}

impl Verb {
    /// As people say it.
    pub fn word(self) -> &'static str {
        match self {
            Verb::Pause => "pause",
            Verb::Resume => "resume",
            Verb::Stop => "stop",
            Verb::Retry => "retry",
        }
    }
}

fn outline(plan: &str) -> Result<Outline, Refusal> {
    sensei_planner::outline(plan).map_err(|why| Refusal::Invalid { what: "the plan".to_owned(), why })
}

fn checked_id(id: String) -> Result<String, Refusal> {
    let fits = id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().count() <= ID_CHARS_MAX
        && id.chars().all(is_id_char);
    let why =
        format!("it has up to {ID_CHARS_MAX} letters, digits, '-', '_' and '.', and begins with a letter or digit");
    if fits { Ok(id) } else { Err(Refusal::Invalid { what: "the job's id".to_owned(), why }) }
}

fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn label(id: &str) -> String {
    format!("job \"{id}\"")
}
