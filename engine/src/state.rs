//! Which job a command is about, and who may write its journal.

use std::fs::{File, TryLockError};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use sensei_planner::Plan;
use sensei_storage::evidence::SigningKey;
use sensei_storage::journal::{self, AuditEntry, History, Journal, Operation};
use sensei_storage::{Error, ObjectFolder};

use crate::clock::now_text;
use crate::context::local_state;
use crate::failure::{Doing, Failure, Result};

/// The state folder of a plan, opened for writing by this process alone where it is on this machine.
pub struct State {
    folder: ObjectFolder,
    /// Held until the process ends. Where the state is in a bucket, generations alone keep writers apart.
    _lock: Option<File>,
}

/// A job as the state folder has it.
pub enum Found {
    /// None for this plan.
    Nothing,
    /// Begun and not finished.
    Unfinished(Box<History>, String),
    /// Finished, with its certificate.
    Finished(Box<History>, String),
}

impl State {
    /// Opens the state at `url` for one plan.
    ///
    /// # Errors
    /// `Usage` if another process of this machine has it.
    pub fn open(url: &str, folder: ObjectFolder, plan_name: &str) -> Result<State> {
        let lock = local_state(url).map(|path| lock(&path, plan_name)).transpose()?;
        Ok(State { folder, _lock: lock })
    }

    /// The state of a plan for one of a cluster's processes: generations alone keep writers apart, since one that hangs would
    /// hold a lock for ever.
    pub fn shared(folder: ObjectFolder) -> State {
        State { folder, _lock: None }
    }

    /// The object store and the prefix everything is under.
    pub fn place(&self) -> (Arc<dyn ObjectStore>, Path) {
        (self.folder.store.clone(), self.folder.prefix.clone())
    }

    /// Looks for the newest job of a plan, checking all of its evidence.
    ///
    /// # Errors
    /// `Altered` if anything in its journal is not as it was written.
    pub async fn find(&self, plan_name: &str, key: &SigningKey) -> Result<Found> {
        let doing = "looking for an earlier run";
        let (store, prefix) = self.place();
        journal::audit_log(store.clone(), prefix.clone()).await.doing("reading the audit log")?;
        let Some(job) = journal::latest_job(store.clone(), prefix.clone(), plan_name).await.doing(doing)? else {
            return Ok(Found::Nothing);
        };
        let doing = format!("reading the journal of job {job}");
        let history = journal::history(store, prefix, &job, Some(&key.public())).await.doing(doing)?;
        let finished = history.certificate_sha256.is_some();
        Ok(if finished { Found::Finished(Box::new(history), job) } else { Found::Unfinished(Box::new(history), job) })
    }

    /// The certificate of a finished job.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn certificate(&self, job: &str) -> Result<Vec<u8>> {
        let (store, prefix) = self.place();
        let found = journal::certificate(store, prefix, job).await.doing("reading the certificate")?;
        let missing = || Error::Missing { what: format!("the certificate of job {job}") };
        Ok(found.ok_or_else(missing).doing("reading the certificate")?.to_vec())
    }

    /// Reopens the journal of a job to go on writing it.
    ///
    /// # Errors
    /// `Altered` if anything in it is not as it was written.
    pub async fn reopen(&self, job: &str, key: &SigningKey) -> Result<(Journal, History)> {
        let (store, prefix) = self.place();
        Journal::open(store, prefix, job, key).await.doing(format!("opening the journal of job {job}"))
    }

    /// Begins the journal of a new job.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn begin(
        &self,
        plan_name: &str,
        key: &SigningKey,
        opening: journal::Opening,
    ) -> Result<(Journal, History)> {
        let doing = "beginning the journal";
        let (store, prefix) = self.place();
        let job = journal::next_job(store.clone(), prefix.clone(), plan_name).await.doing(doing)?;
        Journal::create(store, prefix, &job, key, opening).await.doing(doing)
    }

    /// Adds an entry to the audit log.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn audit(&self, key: &SigningKey, job: &str, operation: Operation) -> Result<()> {
        let (store, prefix) = self.place();
        let entry = AuditEntry { operation, job: job.to_owned(), at: now_text() };
        journal::audit(store, prefix, key, entry).await.doing("writing the audit log").map(|_| ())
    }

    /// Name of the certificate for people.
    pub fn certificate_name(&self, job: &str) -> String {
        format!("{}/jobs/{job}/certificate.json", self.folder.name.trim_end_matches('/'))
    }
}

fn lock(folder: &std::path::Path, plan_name: &str) -> Result<File> {
    let path = folder.join(format!("{plan_name}.lock"));
    let fail = |error| Error::io(format!("lock file \"{}\"", path.display()), error);
    std::fs::create_dir_all(folder).map_err(fail).doing("opening the state")?;
    lock_file(&path).map_err(fail).doing("opening the state")?.ok_or_else(|| {
        Failure::usage(
            format!("another process on this machine is working on plan \"{plan_name}\""),
            "Wait for it, or look at it with `sensei status`.",
        )
    })
}

/// Locks a file, which is made if it is not there, until it is dropped; `None` if another process has it.
///
/// # Errors
/// If it cannot be opened or locked.
pub fn lock_file(path: &std::path::Path) -> std::io::Result<Option<File>> {
    let file = File::options().create(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// SHA-256 by which a later run knows the plan again. What only bounds the work (limits, the number of rejects allowed),
/// what is written of rejected rows and what is not copied anyway may change between runs.
pub fn identity(plan: &Plan) -> String {
    let mut plan = plan.clone();
    plan.rejects.max = 0;
    plan.rejects.rows = true;
    plan.not_carried.clear();
    plan.limits.workers = 0;
    plan.limits.source_connections = 0;
    plan.limits.target_connections = 0;
    plan.limits.memory_bytes = 0;
    plan.limits.split_bytes = 0;
    plan.sha256()
}
