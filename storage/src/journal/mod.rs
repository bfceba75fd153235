//! The journal: what a job did, as a chain of signed epochs in an object store.
//!
//! ```text
//! jobs/{job}/plan.json                   the resolved plan
//! jobs/{job}/generations/{g:08}.json     who may write, from 1
//! jobs/{job}/epochs/{e:08}.json          the checkpoints, from 0, each naming the SHA-256 of the one before
//! jobs/{job}/certificate.json            the evidence
//! blobs/sha256/ab/abcdef…                large values, named by their content
//! audit/{n:08}.json                      what was done to this store, chained likewise
//! ```
//!
//! Every object is created once, conditionally, and never written again; nothing here deletes or overwrites. Creating
//! epoch `e` is the one point where a checkpoint becomes true, and the fence between writers: of two that hold the same
//! head only one creates the next epoch. Knows nothing of what the events mean to the engine, and nothing of time.
//!
//! What the chain cannot show by itself is that its last epochs are missing; a certificate shows that too, since it names
//! the epoch it was made from.
//!
//! **Invariant:** the bytes of every object name its writer, so "it exists already" with equal bytes means "I wrote it",
//! which settles a write whose answer was lost.

mod audit;
mod chain;
mod event;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod foreign;
mod history;
mod objects;
mod replay;

use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::{Error, Result};
use crate::evidence::{PublicKey, SigningKey, sha256_hex};

pub use audit::{AUDIT_ATTEMPTS_MAX, AuditEntry, Operation, audit, audit_log};
pub use event::{Checkpoint, Event, Generation, Interruption, Opening, Reject, TableVerdict};
pub use history::{Finish, History};

use chain::{Link, Writer};
use event::Opened;
use objects::{Created, Objects};

/// An epoch, generation or audit entry is at most this large. An epoch holds the checkpoints of a second or so of work;
/// this bounds what a resume must hold of one.
pub const EPOCH_BYTES_MAX: u64 = 16 << 20;
/// Events in one epoch at most.
pub const EVENTS_PER_EPOCH_MAX: usize = 4096;
/// Epochs of one job at most.
pub const EPOCHS_MAX: u64 = 10_000_000;
/// A blob, plan or certificate is at most this large. A million splits take about 200 MB.
pub const BLOB_BYTES_MAX: u64 = 512 << 20;
/// How often a new generation looks for a free number before it gives up: as many rivals would have to start at once.
pub const GENERATION_ATTEMPTS_MAX: u64 = 16;
/// A plan or job name has at most this many bytes.
pub const NAME_BYTES_MAX: usize = 200;

/// The writing end of one job's journal.
#[derive(Debug)]
pub struct Journal {
    objects: Objects,
    job: String,
    writer: Writer,
    /// 0 until [`Journal::begin_generation`].
    generation: u64,
    /// Number of the next epoch.
    next: u64,
    /// SHA-256 of the last epoch.
    head_sha256: String,
}

impl Journal {
    /// Opens a journal for a new job: writes the splits, the plan and epoch 0.
    ///
    /// # Errors
    /// `Exists` if there is such a job already; take another name from [`next_job`]. `Invalid` if the name cannot name
    /// an object, or the opening is larger than the limits of this module.
    pub async fn create(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        job: &str,
        key: &SigningKey,
        opening: Opening,
    ) -> Result<(Journal, History)> {
        check_name(job)?;
        let objects = Objects::new(store, prefix);
        let splits = serde_json::to_vec(&opening.splits).map_err(|error| Error::internal("the journal", error))?;
        let splits_sha256 = objects.put_blob(Bytes::from(splits)).await?;
        let plan_json = Bytes::from(opening.plan_json.clone());
        let plan_path = objects.job(job, "plan.json");
        if objects.create(&plan_path, plan_json.clone(), BLOB_BYTES_MAX).await? == Created::Theirs {
            return Err(Error::Exists { what: format!("job {job:?}"), why: format!("{plan_path} is there") });
        }
        let opened = Opened::of(&opening, splits_sha256, sha256_hex(&plan_json));
        let writer = Writer::new(key)?;
        let mut journal =
            Journal { objects, job: job.to_owned(), writer, generation: 0, next: 0, head_sha256: String::new() };
        match journal.extend(vec![Event::Opened(opened)]).await {
            Err(Error::Fenced { .. }) => {
                Err(Error::Exists { what: format!("job {job:?}"), why: "its journal has begun".to_owned() })
            }
            Err(error) => Err(error),
            Ok(()) => {
                let mut history = History::new(opening);
                history.head_sha256.clone_from(&journal.head_sha256);
                Ok((journal, history))
            }
        }
    }

    /// Opens the journal of a job that goes on, checking everything in it against `key`.
    ///
    /// # Errors
    /// `Missing` if there is no such job; `Altered`, naming the object, if anything in it is not as it was written.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        job: &str,
        key: &SigningKey,
    ) -> Result<(Journal, History)> {
        check_name(job)?;
        let objects = Objects::new(store, prefix);
        let history = replay::replay(&objects, job, Some(&key.public())).await?;
        let journal = Journal {
            objects,
            job: job.to_owned(),
            writer: Writer::new(key)?,
            generation: 0,
            next: history.epochs,
            head_sha256: history.head_sha256.clone(),
        };
        Ok((journal, history))
    }

    /// The job this is the journal of.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Epochs written so far, by whomever.
    pub fn epochs(&self) -> u64 {
        self.next
    }

    /// SHA-256 of the last epoch, hex.
    pub fn head_sha256(&self) -> &str {
        &self.head_sha256
    }

    /// Takes the next free generation number for this writer, from 1.
    ///
    /// # Errors
    /// `Unavailable` if the store is; `Fenced` if others took [`GENERATION_ATTEMPTS_MAX`] numbers meanwhile.
    pub async fn begin_generation(&mut self) -> Result<u64> {
        let folder = self.objects.job(&self.job, "generations");
        let last = self.objects.numbers(&folder).await?.last().copied().unwrap_or(0);
        for generation in last + 1..=last + GENERATION_ATTEMPTS_MAX {
            let path = objects::numbered(&folder, generation);
            let link = Link { log: folder.to_string(), number: generation, parent: None, body: () };
            let bytes = self.writer.seal(&path, link)?;
            if self.objects.create(&path, bytes, EPOCH_BYTES_MAX).await? == Created::Ours {
                self.generation = generation;
                return Ok(generation);
            }
        }
        Err(Error::Fenced { job: self.job.clone(), mine: last + GENERATION_ATTEMPTS_MAX })
    }

    /// Makes `events` true, all or none: creates the next epoch.
    ///
    /// # Errors
    /// `Fenced` if another writer created that epoch: stop, this journal has moved on. `Unavailable` if the store gave
    /// no answer and none could be had by looking: the same call with the same events may be repeated and settles it.
    /// `Invalid` beyond [`EVENTS_PER_EPOCH_MAX`], [`EPOCH_BYTES_MAX`] or [`EPOCHS_MAX`].
    pub async fn append(&mut self, events: Vec<Event>) -> Result<()> {
        if self.generation == 0 {
            return Err(Error::internal("the journal", "nothing is appended before a generation has begun"));
        }
        if events.is_empty() {
            return Ok(());
        }
        self.extend(events).await
    }

    async fn extend(&mut self, events: Vec<Event>) -> Result<()> {
        let folder = self.objects.job(&self.job, "epochs");
        let path = objects::numbered(&folder, self.next);
        if events.len() > EVENTS_PER_EPOCH_MAX || self.next >= EPOCHS_MAX {
            let why = format!("{} events, the limits are {EVENTS_PER_EPOCH_MAX} and {EPOCHS_MAX} epochs", events.len());
            return Err(Error::Invalid { what: path.to_string(), why });
        }
        let parent = (self.next > 0).then(|| self.head_sha256.clone());
        let link = Link { log: folder.to_string(), number: self.next, parent, body: events };
        let bytes = self.writer.seal(&path, link)?;
        let head_sha256 = sha256_hex(&bytes);
        match self.objects.create(&path, bytes, EPOCH_BYTES_MAX).await? {
            Created::Ours => {
                self.next += 1;
                self.head_sha256 = head_sha256;
                Ok(())
            }
            Created::Theirs => Err(Error::Fenced { job: self.job.clone(), mine: self.generation }),
        }
    }

    /// Stores `bytes` under their SHA-256, which is returned as hex. Storing the same bytes again changes nothing.
    ///
    /// # Errors
    /// `Altered` if something else stands under that name; `Invalid` beyond [`BLOB_BYTES_MAX`].
    pub async fn put_blob(&self, bytes: Bytes) -> Result<String> {
        self.objects.put_blob(bytes).await
    }

    /// The bytes with this SHA-256 (hex).
    ///
    /// # Errors
    /// `Missing`, or `Altered` if what stands under that name is something else.
    pub async fn get_blob(&self, sha256: &str) -> Result<Bytes> {
        self.objects.get_blob(sha256).await
    }

    /// Stores the certificate, once and for all, and returns its SHA-256 as hex. [`Event::Finished`] belongs after it.
    ///
    /// # Errors
    /// `Exists` if there is another certificate.
    pub async fn store_certificate(&self, bytes: Bytes) -> Result<String> {
        let path = self.objects.job(&self.job, "certificate.json");
        let sha256 = sha256_hex(&bytes);
        match self.objects.create(&path, bytes, BLOB_BYTES_MAX).await? {
            Created::Ours => Ok(sha256),
            Created::Theirs => {
                let why = "a certificate is never replaced; start a fresh job instead".to_owned();
                Err(Error::Exists { what: path.to_string(), why })
            }
        }
    }
}

/// Reads what a job did without taking part in it. With `key` everything must be signed by it, without by whoever
/// opened the journal.
///
/// # Errors
/// As [`Journal::open`].
pub async fn history(store: Arc<dyn ObjectStore>, prefix: Path, job: &str, key: Option<&PublicKey>) -> Result<History> {
    check_name(job)?;
    replay::replay(&Objects::new(store, prefix), job, key).await
}

/// Every job whose journal has begun, in name order, numbers by value.
///
/// # Errors
/// `Unavailable` if the store is.
pub async fn jobs(store: Arc<dyn ObjectStore>, prefix: Path) -> Result<Vec<String>> {
    let objects = Objects::new(store, prefix);
    let mut begun = Vec::new();
    for job in objects.jobs().await? {
        if objects.has_begun(&job).await? {
            begun.push(job);
        }
    }
    begun.sort_by_cached_key(|job| job.rsplit_once('-').map(|(name, n)| (name.to_owned(), n.len(), n.to_owned())));
    Ok(begun)
}

/// The last job of this plan whose journal has begun.
///
/// # Errors
/// `Unavailable` if the store is.
pub async fn latest_job(store: Arc<dyn ObjectStore>, prefix: Path, plan_name: &str) -> Result<Option<String>> {
    let objects = Objects::new(store, prefix);
    for number in runs(&objects, plan_name).await?.into_iter().rev() {
        let job = format!("{plan_name}-{number}");
        if objects.has_begun(&job).await? {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// The name for a new job of this plan: one past every name that was ever begun, also where the beginning failed.
///
/// # Errors
/// `Invalid` if the plan's name cannot name an object.
pub async fn next_job(store: Arc<dyn ObjectStore>, prefix: Path, plan_name: &str) -> Result<String> {
    check_name(plan_name)?;
    let last = runs(&Objects::new(store, prefix), plan_name).await?.last().copied().unwrap_or(0);
    Ok(format!("{plan_name}-{}", last + 1))
}

/// The certificate of a job, if it has one, as it stands; checking it is [`crate::evidence::verify`]'s.
///
/// # Errors
/// `Unavailable` if the store is.
pub async fn certificate(store: Arc<dyn ObjectStore>, prefix: Path, job: &str) -> Result<Option<Bytes>> {
    check_name(job)?;
    let objects = Objects::new(store, prefix);
    objects.get(&objects.job(job, "certificate.json"), BLOB_BYTES_MAX).await
}

/// Numbers of this plan's jobs, ascending.
async fn runs(objects: &Objects, plan_name: &str) -> Result<Vec<u64>> {
    let number = |job: &String| {
        let digits = job.strip_prefix(plan_name)?.strip_prefix('-')?;
        let number = digits.parse().ok().filter(|n: &u64| n.to_string() == digits)?;
        Some(number)
    };
    let mut numbers: Vec<u64> = objects.jobs().await?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Accepts names that stand in an object path as they are.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() && c.is_ascii() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') || !name.chars().all(plain) {
        let why = format!("use 1 to {NAME_BYTES_MAX} of the characters A-Z a-z 0-9 - _ . and no dot in front");
        return Err(Error::Invalid { what: format!("name {name:?}"), why });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
