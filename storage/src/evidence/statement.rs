//! The in-toto Statement v1 inside a certificate: which tables, and what is claimed of them.
//!
//! Plain data. Every number is an integer, so that the canonical form is exact. Source: in-toto Attestation
//! Framework v1, `spec/v1/statement.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::structural::StructuralFacts;
use crate::catalog::System;
use crate::digest::Digest;
use crate::verdict::{Verdict, VerifyMode};

/// Type of every in-toto Statement of version 1.
pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// Type of the predicate below.
pub const PREDICATE_TYPE: &str = "https://sensei.dev/attestation/migration/v1";

/// The statement a certificate's envelope carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// `https://in-toto.io/Statement/v1`.
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// One entry per target table, in the order of [`Predicate::tables`].
    pub subject: Vec<Subject>,
    /// [`PREDICATE_TYPE`].
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is claimed.
    pub predicate: Predicate,
}

/// A thing the statement is about: one table in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Target description, `#`, table name.
    pub name: String,
    /// `senseiRowV2`, by the encoding of rows: the sum of the digest that was read back, hex. Where nothing was read back,
    /// `senseiRowV2Expected`: the sum of the digest that was written.
    pub digest: BTreeMap<String, String>,
}

/// What a certificate claims about one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The job.
    pub job: String,
    /// Name of the plan.
    pub plan_name: String,
    /// SHA-256 of the resolved plan, hex.
    pub plan_sha256: String,
    /// Version of the engine that did the work.
    pub engine_version: String,
    /// Version of the canonical row encoding, `row-v2`.
    pub row_encoding: String,
    /// Key of the row hashes, hex; disclosed so that anyone can recompute the digests.
    pub digest_key: String,
    /// Where the rows came from.
    pub source: SourceFacts,
    /// Where they went.
    pub target: TargetFacts,
    /// Start of the first run, RFC 3339.
    pub started_at: String,
    /// End of the last run, RFC 3339.
    pub finished_at: String,
    /// Conclusion over all tables and every other way of looking, see [`Perspectives::overall`].
    pub verdict: Verdict,
    /// How the target was checked.
    pub mode: VerifyMode,
    /// One entry per table.
    pub tables: Vec<TableFacts>,
    /// Sums over the tables.
    pub totals: Totals,
    /// Splits that were cut in two while they were copied, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<CutFacts>,
    /// One entry per relation that was checked in the target.
    pub referential: Vec<RelationFacts>,
    /// Rules that gave up information, as the plan declared them.
    pub lossy_rules: Vec<LossyRule>,
    /// Objects of the source that were not carried over, as `kind "name": reason`.
    pub not_carried: Vec<String>,
    /// The target's schema beside the plan; `null` if nobody looked.
    pub structural: Option<StructuralFacts>,
    /// Rows that did not fit.
    pub rejects: Rejects,
    /// Times the job was taken up again after an interruption.
    pub resumes: u64,
    /// Splits copied again because the source had changed between snapshots.
    pub recopied_splits: u64,
    /// What this certificate does not show, in full sentences.
    pub limits: Vec<String>,
    /// The journal behind it.
    pub journal: JournalFacts,
    /// What each way of looking concluded.
    pub perspectives: Perspectives,
}

/// Where the rows came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFacts {
    /// Kind of system.
    pub system: System,
    /// The endpoint, without secrets.
    pub description: String,
    /// Ids of the snapshots that were read, in order of use.
    pub snapshots: Vec<String>,
}

/// Where the rows went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFacts {
    /// Kind of system.
    pub system: System,
    /// The endpoint, without secrets.
    pub description: String,
}

/// What is claimed of one table. Row counts all count rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFacts {
    /// Name in the source.
    pub source: String,
    /// Name in the target.
    pub target: String,
    /// Rows the plan's `where` left out; not among those read.
    pub rows_filtered: u64,
    /// Rows read from the source to be written.
    pub rows_read: u64,
    /// Rows that did not fit and went to the rejects folder.
    pub rows_rejected: u64,
    /// Rows committed.
    pub rows_written: u64,
    /// Rows found in the target: read back (`full`), counted (`counts`), or 0 (`off`).
    pub rows_verified: u64,
    /// Digest of the rows that should be there.
    pub expected: Digest,
    /// Digest of the rows read back; `null` unless the mode is `full`.
    pub actual: Option<Digest>,
    /// Conclusion.
    pub verdict: Verdict,
    /// Splits the table was copied in.
    pub splits: u64,
}

/// What is claimed of one cut of a split: it kept what lies before a point, and the rest became another split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutFacts {
    /// Name of the table in the target.
    pub table: String,
    /// Number of the split.
    pub split: u32,
    /// Heap block, or value of the integer key, that the rest begins with.
    pub at: i64,
    /// Number of the split that the rest became.
    pub rest: u32,
}

/// Sums over all tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Tables.
    pub tables: u64,
    /// Splits.
    pub splits: u64,
    /// Rows left out by `where`.
    pub rows_filtered: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows rejected.
    pub rows_rejected: u64,
    /// Rows committed.
    pub rows_written: u64,
    /// Rows found in the target.
    pub rows_verified: u64,
}

impl Totals {
    /// Sums `tables`. `None` if a sum leaves 64 bits.
    pub fn of(tables: &[TableFacts]) -> Option<Totals> {
        tables.iter().try_fold(Totals::default(), |sum, table| {
            Some(Totals {
                tables: sum.tables.checked_add(1)?,
                splits: sum.splits.checked_add(table.splits)?,
                rows_filtered: sum.rows_filtered.checked_add(table.rows_filtered)?,
                rows_read: sum.rows_read.checked_add(table.rows_read)?,
                rows_rejected: sum.rows_rejected.checked_add(table.rows_rejected)?,
                rows_written: sum.rows_written.checked_add(table.rows_written)?,
                rows_verified: sum.rows_verified.checked_add(table.rows_verified)?,
            })
        })
    }
}

/// What is claimed of one relation: that the rows of a table refer to rows that are there. All names are the target's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationFacts {
    /// Table whose rows refer.
    pub table: String,
    /// Its referring columns.
    pub columns: Vec<String>,
    /// Table they refer to.
    pub parent: String,
    /// Columns they refer to, in the order of `columns`.
    pub parent_columns: Vec<String>,
    /// Whether the source declares it as a foreign key.
    pub declared: bool,
    /// Rows of the table.
    pub rows: u64,
    /// Of those, rows that refer to nothing because of a NULL; they are no orphans.
    pub rows_unreferring: u64,
    /// Rows of the table referred to.
    pub parent_rows: u64,
    /// Rows of either table whose key cannot be read as its columns' types; in none of the other counts.
    pub rows_unreadable: u64,
    /// Rows that refer to a row that is not there.
    pub orphans: u64,
    /// Whether the plan accepts orphans.
    pub accepted: bool,
    /// Conclusion.
    pub verdict: Verdict,
}

impl RelationFacts {
    /// The verdict that follows from the counts.
    pub fn concluded(&self) -> Verdict {
        match (self.orphans, self.rows_unreadable) {
            (1.., _) if !self.accepted => Verdict::Different,
            (_, 1..) => Verdict::Inconclusive,
            _ => Verdict::Equivalent,
        }
    }
}

/// A rule that gave up information.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossyRule {
    /// Table in the source, as the plan names it.
    pub table: String,
    /// Column in the target.
    pub column: String,
    /// What the rule does.
    pub rule: String,
    /// Rows whose value it changed.
    pub rows_touched: u64,
}

/// Rows that did not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejects {
    /// How many.
    pub count: u64,
    /// SHA-256 of each file that holds them, hex.
    pub sha256: Vec<String>,
}

/// The journal behind a certificate, as it stood when the certificate was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalFacts {
    /// Epochs.
    pub epochs: u64,
    /// SHA-256 of the last epoch, hex; through the chain it stands for all of them.
    pub head_sha256: String,
}

/// What each of the five ways of looking concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Perspectives {
    /// Row by row, over all tables.
    pub row: Verdict,
    /// Schema.
    pub structural: Outcome,
    /// Per-column profile.
    pub statistical: Outcome,
    /// Rows that refer to nothing, over all relations.
    pub referential: Outcome,
    /// Declared rules.
    pub semantic: Outcome,
    /// Queries replayed on both sides.
    pub behavioural: Outcome,
}

impl Perspectives {
    /// What follows from tables, relations and schema; nothing else was looked at.
    pub fn of(
        tables: &[TableFacts],
        relations: &[RelationFacts],
        structural: Option<&StructuralFacts>,
    ) -> Perspectives {
        let none = Outcome::NotPerformed;
        let row = Verdict::overall(tables.iter().map(|table| table.verdict));
        let referential = match relations {
            [] => none,
            relations => Outcome::Performed(Verdict::overall(relations.iter().map(|relation| relation.verdict))),
        };
        let structural = structural.map_or(none, |structural| Outcome::Performed(structural.verdict()));
        Perspectives { row, structural, statistical: none, referential, semantic: none, behavioural: none }
    }

    /// The verdict of the certificate: that of everything that was looked at.
    pub fn overall(&self) -> Verdict {
        let others = [self.structural, self.statistical, self.referential, self.semantic, self.behavioural];
        let performed = others.into_iter().filter_map(|outcome| match outcome {
            Outcome::NotPerformed => None,
            Outcome::Performed(verdict) => Some(verdict),
        });
        Verdict::overall(performed.chain([self.row]))
    }
}

/// A verdict, or the plain statement that nobody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Nobody looked.
    #[serde(rename = "not performed")]
    NotPerformed,
    /// Somebody looked.
    #[serde(untagged)]
    Performed(Verdict),
}

impl Statement {
    /// The statement that makes these claims.
    pub(super) fn new(predicate: Predicate) -> Statement {
        Statement {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: subjects(&predicate),
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }
}

/// The subjects that follow from the tables.
pub(super) fn subjects(predicate: &Predicate) -> Vec<Subject> {
    // A sum means nothing without the encoding of the rows: row-v2 gives senseiRowV2.
    let version = predicate.row_encoding.rsplit('-').next().unwrap_or_default().to_uppercase();
    let subject = |table: &TableFacts| {
        let (suffix, digest) = match table.actual {
            Some(actual) => ("", actual),
            None => ("Expected", table.expected),
        };
        Subject {
            name: format!("{}#{}", predicate.target.description, table.target),
            digest: BTreeMap::from([(format!("senseiRow{version}{suffix}"), digest.sum_hex())]),
        }
    };
    predicate.tables.iter().map(subject).collect()
}
