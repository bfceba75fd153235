//! What the processes that carry a job out say: the conductor offers splits and settles them, copiers take, renew and report.

use super::schedule::Task;
use super::{Core, Job, LEASE_MS, unknown};
use crate::head::record::{Change, Half, JobState, LeaseId, Opened, SplitRecord, Standing, Tally};
use crate::head::refusal::Refusal;
use crate::head::splits::{Granted, Proposed};

/// Splits of one job at the most.
const SPLITS_MAX: u64 = 4_000_000;
/// Bytes that a split is taken to have at the most: those of all splits must fit what the store counts with.
const SPLIT_BYTES_MAX: u64 = 1 << 40;
const _: () = assert!(SPLITS_MAX * SPLIT_BYTES_MAX < i64::MAX.cast_unsigned());
/// Splits handed out at once at the most.
const GRANTS_MAX: u32 = 64;
/// Outcomes handed out at once at the most, in splits and in bytes.
const OUTCOMES_MAX: usize = 512;
const OUTCOME_BYTES_MAX: usize = 8 << 20;

/// Which process speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskName {
    /// Its worker.
    pub worker: String,
    /// Its job.
    pub job: String,
    /// The attempt it belongs to.
    pub attempt: u32,
}

/// What becomes of a split that was reported.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The journal has it.
    Done(u32),
    /// It is to be done again, as this record says.
    Again(SplitRecord),
}

impl Settled {
    fn split(&self) -> u32 {
        match self {
            Settled::Done(split) => *split,
            Settled::Again(record) => record.split,
        }
    }
}

/// What a process that wants splits is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granting {
    /// Splits to work on.
    pub granted: Vec<Granted>,
    /// Whether there will be no more.
    pub exhausted: bool,
}

/// What a conductor has to decide on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Splits that were reported, with what came of them.
    pub reported: Vec<(u32, Vec<u8>)>,
    /// Cuts that were proposed.
    pub proposed: Vec<Proposed>,
}

impl Core {
    /// The job a process speaks for.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without it.
    pub(super) fn own_job(&mut self, task: &TaskName) -> Result<&mut Job, Refusal> {
        let is_known = self.tasks.iter().any(|known| is_own(known, task));
        let job = self.jobs.get_mut(&task.job).ok_or_else(|| unknown(&task.job))?;
        if job.record.state != JobState::Running || job.record.attempt != task.attempt {
            return Err(lost(task));
        }
        match is_known {
            true => Ok(job),
            // A head that took over hears of copiers by their workers' next beat.
            false if self.now - self.since <= LEASE_MS => {
                Err(Refusal::Unavailable { why: format!("worker \"{}\" was not heard of yet", task.worker) })
            }
            false => Err(lost(task)),
        }
    }

    /// Which half of splits a process is given, if any.
    fn half_of(&self, task: &TaskName) -> Option<Half> {
        self.tasks.iter().filter(|known| is_own(known, task)).find_map(|known| known.role.half())
    }

    pub(super) fn conducted_job(&mut self, task: &TaskName) -> Result<&mut Job, Refusal> {
        let job = self.own_job(task)?;
        if job.record.conductor.as_deref() != Some(&task.worker) {
            return Err(lost(task));
        }
        Ok(job)
    }

    /// The conductor says what its job is; again, after the head lost touch with it, that is nothing new.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without it.
    pub fn open(&mut self, task: &TaskName, opened: Opened) -> Result<(), Refusal> {
        let job = self.conducted_job(task)?;
        if job.record.opened.is_some() {
            return Ok(());
        }
        job.record.opened = Some(opened);
        self.store(&task.job);
        Ok(())
    }

    /// The conductor offers splits; `last` says that these were all. Those that were offered before stay as they are.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without it, `TooLarge` for too many.
    pub fn offer(&mut self, task: &TaskName, splits: Vec<SplitRecord>, last: bool) -> Result<(), Refusal> {
        let job = self.conducted_job(task)?;
        let opened = job.record.opened.as_mut().ok_or_else(|| Refusal::Conflict {
            what: format!("job \"{}\"", task.job),
            why: "its splits are offered before it was opened".to_owned(),
        })?;
        if opened.complete {
            return Ok(());
        }
        let is_last = last && !std::mem::replace(&mut opened.complete, last);
        let new: Vec<SplitRecord> = splits.into_iter().filter(|split| !job.splits.knows(split.split)).collect();
        if job.splits.progress().splits + new.len() as u64 > SPLITS_MAX {
            return Err(Refusal::TooLarge { what: "the job".to_owned(), max: SPLITS_MAX, unit: "splits" });
        }
        job.splits.put(new.clone(), 0);
        self.changes.push(Change::Splits { job: task.job.clone(), splits: new });
        if is_last {
            let count = self.job(&task.job)?.splits.progress().splits;
            self.store(&task.job);
            self.event(Some(&task.job), "offered", format!("{count} splits are to be done"));
            self.schedule();
        }
        Ok(())
    }

    /// What a copier must know.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without it, `Unavailable` before the conductor said it.
    pub fn brief(&mut self, task: &TaskName) -> Result<Vec<u8>, Refusal> {
        let job = self.own_job(task)?;
        let opened = job.record.opened.as_ref();
        let why = || Refusal::Unavailable { why: format!("job \"{}\" is not open yet", task.job) };
        opened.map(|opened| opened.brief_json.clone()).ok_or_else(why)
    }

    /// Up to `count` splits for a process.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without it.
    pub fn next(&mut self, task: &TaskName, count: u32) -> Result<Granting, Refusal> {
        let (now, deadline) = (self.now, self.now + LEASE_MS);
        let mut lease = self.last_lease;
        let half = self.half_of(task);
        let job = self.own_job(task)?;
        let (complete, closed) =
            job.record.opened.as_ref().map_or((false, false), |opened| (opened.complete, opened.closed));
        let mut granting = Granting::default();
        // Before all are offered nobody knows whether something must be rechecked first.
        if let Some(half) = half.filter(|_| complete && !closed) {
            for _ in 0..count.min(GRANTS_MAX) {
                let Some(granted) = job.splits.grant(half, &task.worker, lease + 1, deadline) else { break };
                lease += 1;
                granting.granted.push(granted);
            }
        }
        if half == Some(Half::Copy) && complete && !closed {
            job.idle.note(&task.worker, !granting.granted.is_empty(), now);
        }
        // A conductor that was told to end waits for what others have open.
        let conducts = job.record.conductor.as_deref() == Some(&task.worker);
        let is_over = if conducts { job.splits.is_quiet() } else { true };
        granting.exhausted = (closed && is_over) || (complete && job.splits.is_exhausted());
        let standings: Vec<_> = granting.granted.iter().map(|grant| job.splits.leased(grant, &task.worker)).collect();
        self.last_lease = lease;
        self.counters.grants += standings.len() as u64;
        self.moved(&task.job, standings);
        Ok(granting)
    }

    /// Takes what came of a split.
    ///
    /// # Errors
    /// `Lost` unless the process has it under this lease.
    pub fn report(
        &mut self,
        task: &TaskName,
        lease: LeaseId,
        split: u32,
        outcome_json: Vec<u8>,
    ) -> Result<(), Refusal> {
        let moved = self.own_job(task)?.splits.report(&task.worker, lease, split, outcome_json)?;
        self.moved(&task.job, moved);
        Ok(())
    }

    /// What was reported and is not settled, and cuts that were proposed and not answered.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without the conductor.
    pub fn outcomes(&mut self, task: &TaskName) -> Result<Outcomes, Refusal> {
        let splits = &self.conducted_job(task)?.splits;
        let reported = splits.outcomes(OUTCOMES_MAX, OUTCOME_BYTES_MAX);
        Ok(Outcomes { reported, proposed: splits.proposals() })
    }

    /// What becomes of splits that were reported.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without the conductor; `Conflict` for one that was not reported.
    pub fn settle(&mut self, task: &TaskName, settled: Vec<Settled>) -> Result<(), Refusal> {
        let job = self.conducted_job(task)?;
        let settled: Vec<Settled> = settled
            .into_iter()
            .filter(|settled| !matches!(settled, Settled::Again(record) if job.splits.is_again(record)))
            .collect();
        for settled in &settled {
            job.splits.must_be_reported(settled.split())?;
        }
        let (mut done, mut again) = (Vec::new(), Vec::new());
        let before = job.splits.progress();
        for settled in settled {
            match settled {
                Settled::Done(split) => {
                    job.splits.settle(split);
                    done.push(split);
                }
                Settled::Again(record) => {
                    job.splits.put(vec![record.clone()], 0);
                    again.push(record);
                }
            }
        }
        let after = job.splits.progress();
        let (splits, bytes) = (after.splits_done - before.splits_done, after.bytes_done - before.bytes_done);
        let tally = Tally { splits, splits_done: splits, bytes, bytes_done: bytes };
        if !done.is_empty() && job.record.failures > 0 {
            job.record.failures = 0;
            self.store(&task.job);
        }
        self.counters.splits_done += done.len() as u64;
        self.note_done(&task.job, done.len() as u64);
        if !done.is_empty() {
            self.changes.push(Change::Settled { job: task.job.clone(), splits: done, tally });
        }
        if !again.is_empty() {
            self.changes.push(Change::Splits { job: task.job.clone(), splits: again });
        }
        Ok(())
    }

    /// Grants nothing more.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without the conductor.
    pub fn close(&mut self, task: &TaskName) -> Result<(), Refusal> {
        let job = self.conducted_job(task)?;
        if let Some(opened) = job.record.opened.as_mut().filter(|opened| !opened.closed) {
            opened.closed = true;
            self.store(&task.job);
        }
        Ok(())
    }

    /// The conductor's last word.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without it.
    pub fn conclude(
        &mut self,
        task: &TaskName,
        exit_code: u32,
        report_json: String,
        message: String,
    ) -> Result<(), Refusal> {
        self.conducted_job(task)?;
        self.concluded(&task.job, exit_code, report_json, message);
        self.schedule();
        Ok(())
    }
}

fn is_own(known: &Task, task: &TaskName) -> bool {
    (&known.worker, &known.job, known.attempt) == (&task.worker, &task.job, task.attempt)
}

pub(super) fn lost(task: &TaskName) -> Refusal {
    Refusal::Lost { what: format!("attempt {} of job \"{}\"", task.attempt, task.job) }
}

/// What a split is when it is offered.
pub fn offered(split: u32, bytes: u64, recheck: bool, half: Half, grant_json: Vec<u8>) -> SplitRecord {
    let bytes = bytes.min(SPLIT_BYTES_MAX);
    SplitRecord { split, bytes, recheck, half, grant_json, standing: Standing::Pending { lost: 0 } }
}
