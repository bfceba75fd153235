//! Which rejected rows are outstanding: those of a plan's last job, or of the last finished attempt to bring them in.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use sensei_storage::evidence::PublicKey;
use sensei_storage::journal::{self, History};

use crate::failure::{Doing, Result};

/// A job and what its journal says.
pub(crate) struct Known {
    pub job: String,
    pub history: History,
}

/// Where a plan's rejected rows stand.
pub(crate) struct Outstanding {
    /// The plan's last job.
    pub root: String,
    /// The job whose rejects are outstanding: the root, or a retry that ended.
    pub basis: Known,
    /// A retry of these rows that was begun and has not ended.
    pub under_way: Option<Known>,
}

/// The name under which retries of `job` are numbered.
pub(crate) fn retry_name(job: &str) -> String {
    format!("{job}-retry")
}

impl Known {
    /// Whether the job ended with a certificate.
    pub fn has_ended(&self) -> bool {
        self.history.certificate_sha256.is_some()
    }
}

/// Reads journals of one state, checking them against a key where one is given.
pub(crate) struct Journals<'a> {
    pub store: Arc<dyn ObjectStore>,
    pub prefix: Path,
    pub key: Option<&'a PublicKey>,
}

impl Journals<'_> {
    /// Where the rejected rows of a plan stand; `None` if it never ran.
    ///
    /// # Errors
    /// `Altered` if a journal is not as it was written.
    pub async fn outstanding(&self, plan_name: &str) -> Result<Option<Outstanding>> {
        let Some(root) = self.latest(plan_name).await? else { return Ok(None) };
        let retries = retry_name(&root);
        let Some(last) = self.latest(&retries).await? else {
            return Ok(Some(Outstanding { basis: self.read(&root).await?, root, under_way: None }));
        };
        let last = self.read(&last).await?;
        if last.has_ended() {
            return Ok(Some(Outstanding { root, basis: last, under_way: None }));
        }
        let basis = self.basis(&root, &last.job).await?;
        Ok(Some(Outstanding { root, basis, under_way: Some(last) }))
    }

    /// The last retry before `unfinished` that ended, or the job itself.
    async fn basis(&self, root: &str, unfinished: &str) -> Result<Known> {
        let number = unfinished.rsplit_once('-').and_then(|(_, number)| number.parse::<u64>().ok()).unwrap_or(1);
        for earlier in (1..number).rev() {
            let known = self.read(&format!("{}-{earlier}", retry_name(root))).await?;
            if known.has_ended() {
                return Ok(known);
            }
        }
        self.read(root).await
    }

    async fn latest(&self, plan_name: &str) -> Result<Option<String>> {
        let found = journal::latest_job(self.store.clone(), self.prefix.clone(), plan_name).await;
        found.doing("looking for the plan's jobs")
    }

    async fn read(&self, job: &str) -> Result<Known> {
        let history = journal::history(self.store.clone(), self.prefix.clone(), job, self.key).await;
        let history = history.doing(format!("reading the journal of job {job}"))?;
        Ok(Known { job: job.to_owned(), history })
    }
}
