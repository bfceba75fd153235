//! Reads a journal from its first epoch, believing nothing that is not signed, chained and hashed.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;

use super::chain::{self, Link};
use super::event::{Event, Opened, Opening};
use super::history::History;
use super::objects::{Objects, altered, numbered};
use super::{BLOB_BYTES_MAX, EPOCH_BYTES_MAX};
use crate::error::{Error, Result};
use crate::evidence::{self, PublicKey, sha256_hex};

/// Reads under way at once. An object store answers in tens of milliseconds, so that a long journal read one by one
/// would take minutes; the number is a guess.
const READS_MAX: usize = 16;

/// What `job` did.
pub(super) async fn replay(objects: &Objects, job: &str, key: Option<&PublicKey>) -> Result<History> {
    let folder = objects.job(job, "epochs");
    let count = contiguous(&folder, &objects.numbers(&folder).await?, 0)?;
    if count == 0 {
        return Err(Error::Missing { what: format!("job {job:?}") });
    }
    let paths = (0..count).map(|number| numbered(&folder, number));
    let mut epochs = futures::stream::iter(paths.map(|path| read(objects, path))).buffered(READS_MAX);
    let mut chain = Chain { folder: folder.clone(), key: key.copied(), heads: Vec::new() };
    let mut history = None;
    while let Some((path, bytes)) = epochs.try_next().await? {
        let mut events = chain.follow(&path, &bytes)?.into_iter();
        let history = match &mut history {
            Some(history) => history,
            none => {
                let Some(Event::Opened(opened)) = events.next() else {
                    return Err(altered(&path, "it does not open the journal"));
                };
                none.insert(History::new(opening(objects, job, opened).await?))
            }
        };
        for event in events {
            history.apply(event).map_err(|why| Error::Corrupt { what: path.to_string(), why })?;
        }
    }
    let (Some(mut history), Some(signer)) = (history, chain.key) else {
        return Err(Error::internal("the journal", "an epoch was listed and not read"));
    };
    history.epochs = count;
    history.head_sha256 = chain.heads.last().cloned().unwrap_or_default();
    check_generations(objects, job, &signer, &history).await?;
    history.certificate_sha256 = certificate(objects, job, &signer, &history, &chain.heads).await?;
    Ok(history)
}

/// The epochs as far as they were read.
struct Chain {
    folder: Path,
    /// Known from the start, or from the first epoch on.
    key: Option<PublicKey>,
    /// SHA-256 of each epoch.
    heads: Vec<String>,
}

impl Chain {
    fn follow(&mut self, path: &Path, bytes: &[u8]) -> Result<Vec<Event>> {
        let place = Link {
            log: self.folder.to_string(),
            number: self.heads.len() as u64,
            parent: self.heads.last().cloned(),
            body: (),
        };
        let (events, signer) = chain::open(path, bytes, self.key.as_ref(), place)?;
        self.key = Some(signer);
        self.heads.push(sha256_hex(bytes));
        Ok(events)
    }
}

async fn read(objects: &Objects, path: Path) -> Result<(Path, Bytes)> {
    match objects.get(&path, EPOCH_BYTES_MAX).await? {
        Some(bytes) => Ok((path, bytes)),
        None => Err(altered(&path, "it was listed and is gone")),
    }
}

/// How many numbers there are, if they run from `first` without a gap.
fn contiguous(folder: &Path, numbers: &[u64], first: u64) -> Result<u64> {
    for (expected, number) in (first..).zip(numbers) {
        if *number != expected {
            return Err(altered(&numbered(folder, expected), "it is gone, though later ones are there"));
        }
    }
    Ok(numbers.len() as u64)
}

async fn opening(objects: &Objects, job: &str, opened: Opened) -> Result<Opening> {
    let plan = objects.job(job, "plan.json");
    let plan_json = match objects.get(&plan, BLOB_BYTES_MAX).await? {
        Some(bytes) if sha256_hex(&bytes) == opened.plan_json_sha256 => bytes,
        Some(_) => return Err(altered(&plan, "its hash is not the one in the journal")),
        None => return Err(altered(&plan, "it is gone")),
    };
    let splits = match objects.get_blob(&opened.splits_sha256).await {
        Err(Error::Missing { what }) => return Err(Error::Altered { what, why: "it is gone".to_owned() }),
        other => other?,
    };
    let splits = serde_json::from_slice(&splits)
        .map_err(|error| Error::Corrupt { what: "the list of splits".to_owned(), why: error.to_string() })?;
    Ok(Opening {
        plan_name: opened.plan_name,
        plan_sha256: opened.plan_sha256,
        plan_json: plan_json.into(),
        digest_key: opened.digest_key,
        splits,
        row_encoding: opened.row_encoding,
        engine_version: opened.engine_version,
        started_at: opened.started_at,
    })
}

/// Every generation is signed, numbered without a gap, and there for each that the journal names.
async fn check_generations(objects: &Objects, job: &str, signer: &PublicKey, history: &History) -> Result<()> {
    let folder = objects.job(job, "generations");
    let count = contiguous(&folder, &objects.numbers(&folder).await?, 1)?;
    if let Some(last) = history.generations.last().filter(|last| last.generation > count) {
        return Err(altered(&numbered(&folder, last.generation), "it is gone, though the journal names it"));
    }
    let paths = (1..=count).map(|number| numbered(&folder, number));
    let mut records = futures::stream::iter(paths.map(|path| read(objects, path))).buffered(READS_MAX);
    let mut number = 0;
    while let Some((path, bytes)) = records.try_next().await? {
        number += 1;
        let place = Link { log: folder.to_string(), number, parent: None, body: () };
        chain::open::<()>(&path, &bytes, Some(signer), place)?;
    }
    Ok(())
}

/// The stored certificate's hash. It must be the recorded one; where the job died before recording it, it must be valid,
/// signed by the journal's key and made from these epochs.
async fn certificate(
    objects: &Objects,
    job: &str,
    signer: &PublicKey,
    history: &History,
    heads: &[String],
) -> Result<Option<String>> {
    let path = objects.job(job, "certificate.json");
    let stored = objects.get(&path, BLOB_BYTES_MAX).await?;
    let sha256 = stored.as_ref().map(|bytes| sha256_hex(bytes));
    match (&history.finish, stored) {
        (None, None) => {}
        (Some(_), None) => return Err(altered(&path, "it is gone")),
        (Some(finish), Some(_)) => {
            if sha256.as_ref() != Some(&finish.certificate_sha256) {
                return Err(altered(&path, "its hash is not the one in the journal"));
            }
        }
        (None, Some(bytes)) => {
            let report = evidence::verify(&bytes, Some(signer));
            let made_from = report.statement.filter(|_| report.valid).map(|statement| statement.predicate.journal);
            let Some(made_from) = made_from else { return Err(altered(&path, "it is not a valid certificate")) };
            let head = usize::try_from(made_from.epochs).ok().and_then(|epochs| heads.get(epochs.checked_sub(1)?));
            if head != Some(&made_from.head_sha256) {
                return Err(altered(&path, "it was not made from this journal"));
            }
        }
    }
    Ok(sha256)
}
