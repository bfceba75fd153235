//! What a journal records. Plain data; what it adds up to is `history`'s.

use serde::{Deserialize, Serialize};

use crate::cut::Cut;
use crate::digest::Digest;
use crate::split::{Split, SplitId};
use crate::target::Commit;
use crate::verdict::Verdict;

/// What a job starts from. Times are RFC 3339 text and come from the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Name of the plan.
    pub plan_name: String,
    /// SHA-256 of the resolved plan as the planner counts it, hex.
    pub plan_sha256: String,
    /// The resolved plan, stored as given.
    pub plan_json: Vec<u8>,
    /// Key of the row hashes, hex.
    pub digest_key: String,
    /// Every split, in the order of their numbers.
    pub splits: Vec<Split>,
    /// Encoding of the rows that its digests are of, see [`crate::row_v2`].
    pub row_encoding: String,
    /// Version of the engine.
    pub engine_version: String,
    /// Start of the job.
    pub started_at: String,
}

impl Opening {
    /// What targets call the job. Names of jobs are unique within one state only, and what one job committed must never be
    /// taken for another's.
    pub fn name_in_target(&self, job: &str) -> String {
        format!("{job}-{}", &blake3::hash(self.digest_key.as_bytes()).to_hex()[..8])
    }
}

/// An [`Opening`] as epoch 0 records it: large parts by their hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Name of the plan.
    pub(crate) plan_name: String,
    /// SHA-256 of the resolved plan as the planner counts it.
    pub(crate) plan_sha256: String,
    /// SHA-256 of the bytes of `plan.json`.
    pub(crate) plan_json_sha256: String,
    /// Key of the row hashes.
    pub(crate) digest_key: String,
    /// Blob that holds the splits as a JSON array.
    pub(crate) splits_sha256: String,
    /// Encoding of rows; those of journals that do not say so were of row-v1.
    #[serde(default = "first_encoding")]
    pub(crate) row_encoding: String,
    /// Version of the engine.
    pub(crate) engine_version: String,
    /// Start of the job.
    pub(crate) started_at: String,
}

impl Opened {
    pub(super) fn of(opening: &Opening, splits_sha256: String, plan_json_sha256: String) -> Opened {
        Opened {
            plan_name: opening.plan_name.clone(),
            plan_sha256: opening.plan_sha256.clone(),
            plan_json_sha256,
            digest_key: opening.digest_key.clone(),
            splits_sha256,
            row_encoding: opening.row_encoding.clone(),
            engine_version: opening.engine_version.clone(),
            started_at: opening.started_at.clone(),
        }
    }
}

fn first_encoding() -> String {
    "row-v1".to_owned()
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The journal began; always and only the first event. Written by [`super::Journal::create`].
    Opened(Opened),
    /// A writer took over.
    GenerationOpened(Generation),
    /// A stage of the plan is done.
    StageDone {
        /// Name of the stage.
        stage: String,
    },
    /// A split is committed and, where the mode asks for it, verified.
    SplitDone(Checkpoint),
    /// A finished split must be done again; its checkpoint and rejects no longer count.
    SplitReopened {
        /// The split.
        split: SplitId,
        /// Why, for people.
        why: String,
    },
    /// A split that is not finished was cut in two. Written before anybody copies either part as such.
    SplitCut(Cut),
    /// Rows of a split did not fit. Written before or with the split's checkpoint; of several for one split the last
    /// counts.
    Rejected(Reject),
    /// A table was concluded; of several for one table the last counts.
    TableVerdict(TableVerdict),
    /// The job stopped at a checkpoint.
    Interrupted(Interruption),
    /// The job ended, with a certificate.
    Finished(super::Finish),
}

/// One writer's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Number from [`super::Journal::begin_generation`].
    pub generation: u64,
    /// Id of the source snapshot it reads.
    pub snapshot: String,
    /// When.
    pub at: String,
}

/// Proof of one finished split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The split.
    pub split: SplitId,
    /// Writer that finished it.
    pub generation: u64,
    /// Attempts it took, from 1.
    pub attempt: u32,
    /// Source snapshot it was read under.
    pub snapshot: String,
    /// Rows the plan's `where` left out.
    pub rows_filtered: u64,
    /// Rows read to be written.
    pub rows_read: u64,
    /// Rows committed.
    pub rows_written: u64,
    /// Rows that did not fit.
    pub rows_rejected: u64,
    /// Target column and rows touched, for each declared lossy rule in the plan's order.
    pub lossy: Vec<(String, u64)>,
    /// Digest of the rows that should be there.
    pub expected: Digest,
    /// Digest of the rows read back; `None` if nothing was. Under `counts` it knows their number only.
    pub actual: Option<Digest>,
    /// Where the rows are.
    pub commit: Commit,
}

/// A file of rows that did not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The split they came from.
    pub split: SplitId,
    /// File in the rejects folder.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// What was concluded of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableVerdict {
    /// Index of the table in the plan.
    pub table: u32,
    /// Rows found in the target.
    pub rows_verified: u64,
    /// Digest of the rows that should be there.
    pub expected: Digest,
    /// Digest of the rows read back; `None` unless the mode is `full`.
    pub actual: Option<Digest>,
    /// Conclusion.
    pub verdict: Verdict,
}

/// Why a job stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// When.
    pub at: String,
    /// Why, for people.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_names_no_encoding_is_of_the_first() {
        let before = r#"{"plan_name":"","plan_sha256":"","plan_json_sha256":"","digest_key":"","splits_sha256":"",
            "engine_version":"0.1.0","started_at":""}"#;
        let opened: Opened = serde_json::from_str(before).expect("an opening of an earlier version");
        assert_eq!(opened.row_encoding, "row-v1");
    }
}
