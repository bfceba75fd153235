//! The assessment as plain data; its JSON form is documented in `docs/check.md`. Holds no secret, and no cell's value
//! but the keys of rows that do not fit.

use sensei_planner::Problem;
use sensei_storage::{Setting, System};
use serde::Serialize;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "read")]
pub enum Depth {
    /// So many rows of each table at the most.
    Sample {
        /// Rows.
        rows: u64,
    },
    /// Every row.
    Exact,
}

/// Everything found.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    /// The plan's name.
    pub plan: String,
    /// The plan file as it was named.
    pub plan_file: String,
    /// RFC 3339, UTC.
    pub made_at: String,
    /// Version of Sensei.
    pub engine_version: String,
    /// Conclusion.
    pub verdict: Readiness,
    /// Whether nothing stands in the way.
    pub ready: bool,
    /// What a person in a hurry must know, the worst first.
    pub headlines: Vec<String>,
    /// What stands in the way.
    pub blockers: Vec<Finding>,
    /// What does not stand in the way and should be known.
    pub remarks: Vec<Finding>,
    /// Where rows come from.
    pub source: End,
    /// Where they go.
    pub target: End,
    /// The newest job of the plan, if it has begun.
    pub job: Option<JobStanding>,
    /// How much was read of each table.
    pub depth: Depth,
    /// Table by table, as the plan has them; where there is no plan, those of the source.
    pub tables: Vec<TableAssessment>,
    /// What is left behind, by kind.
    pub not_carried: Vec<LeftBehind>,
    /// How long a run would take; `null` where there is nothing to judge by.
    pub estimate: Option<Estimate>,
    /// Wall time of this check, in seconds.
    pub elapsed_seconds: f64,
}

/// Whether the plan can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Nothing stands in the way.
    Ready,
    /// Nothing stands in the way, but something should be known first.
    ReadyWithRemarks,
    /// It would fail.
    NotReady,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Code of its page, if it has one: `sensei error CODE`.
    pub code: Option<String>,
    /// What it is: lowercase, no full stop.
    pub what: String,
    /// Why it matters: full sentences, perhaps none.
    pub why: String,
    /// What to do: full sentences, perhaps none.
    pub hint: String,
}

/// One end of the job.
#[derive(Clone, Debug, Serialize)]
pub struct End {
    /// Which kind of system.
    pub system: System,
    /// Its version, in its own words.
    pub version: String,
    /// Its URL without secrets.
    pub description: String,
    /// Settings that matter to the job.
    pub settings: Vec<Setting>,
    /// Bytes that still fit, where that can be told.
    pub free_bytes: Option<u64>,
}

/// How an earlier run of the same plan stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobStanding {
    /// The job.
    pub job: String,
    /// What a run would do about it.
    pub state: JobState,
    /// Splits with a checkpoint.
    pub splits_finished: u64,
    /// All splits.
    pub splits: u64,
}

/// What a run would do about an earlier job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Go on with it.
    Resumable,
    /// Refuse, for the plan or what it meets has changed since.
    Changed,
    /// Show its certificate and copy nothing.
    Finished,
}

/// One table of the plan.
#[derive(Clone, Debug, Serialize)]
pub struct TableAssessment {
    /// Name in the source.
    pub source: String,
    /// Name in the target; `null` where there is no plan.
    pub target: Option<String>,
    /// What is in the target under that name.
    pub standing: Option<TargetStanding>,
    /// Rows; `null` if nobody knows.
    pub rows: Option<u64>,
    /// Whether the rows were counted (`true`) or are an estimate.
    pub rows_counted: bool,
    /// Bytes at rest in the source, estimated.
    pub bytes: Option<u64>,
    /// Splits it would be cut into, about.
    pub splits: Option<u64>,
    /// Columns in the target that tell rows apart; empty for none.
    pub key: Vec<String>,
    /// Whether only some rows are taken (`where`).
    pub filtered: bool,
    /// Column by column.
    pub columns: Vec<ColumnAssessment>,
    /// What reading it showed; `null` if it was not or could not be read.
    pub reading: Option<Reading>,
}

/// What a target holds under a table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStanding {
    /// Nothing: the table is created.
    Absent,
    /// A table without rows.
    Empty,
    /// A table with rows.
    Occupied,
    /// What the unfinished job has made of it.
    UnderWay,
}

/// What becomes of one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnAssessment {
    /// Name in the target.
    pub target: String,
    /// The target's own type.
    pub target_type: String,
    /// Name in the source; `null` if it is computed.
    pub source: Option<String>,
    /// The source's own type; `null` if it is computed or has none.
    pub source_type: Option<String>,
    /// Sensei's type as read.
    pub from: String,
    /// Sensei's type as written.
    pub to: String,
    /// What the way from one to the other costs.
    pub decision: Decision,
    /// The rule, unless the decision is exact.
    pub rule: Option<String>,
    /// Rows read that a lossy rule changed; `null` where nothing is lossy or was read.
    pub rows_touched: Option<u64>,
    /// Least and greatest value of an integer key that becomes narrower.
    pub bounds: Option<Bounds>,
}

/// What a conversion costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Something is lost, as declared.
    Lossy,
    /// Every value arrives by a rule, or its row is rejected.
    ExactWithRule,
    /// Every value arrives as it is.
    Exact,
}

/// The span of an integer key beside what its target holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Least value.
    pub least: i64,
    /// Greatest value.
    pub greatest: i64,
    /// Whether both fit.
    pub fits: bool,
}

/// What reading a table, or a part of it, showed. All counts are rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Read, the ones below included.
    pub rows: u64,
    /// Left out by `where`.
    pub rows_filtered: u64,
    /// That would be rejected.
    pub rows_rejected: u64,
    /// Whether that is the whole table.
    pub whole: bool,
    /// Places they were read at.
    pub places: u64,
    /// Bytes in memory, encoded.
    pub bytes: u64,
    /// Why rows would be rejected, the most frequent first.
    pub rejects: Vec<RejectGroup>,
    /// Rows whose reasons are not among these.
    pub rows_rejected_otherwise: u64,
}

/// Rows that would be rejected for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectGroup {
    /// The column that does not fit.
    pub column: String,
    /// Why, without the value.
    pub reason: String,
    /// How many of the rows read.
    pub rows: u64,
    /// Keys of the first few.
    pub keys: Vec<String>,
}

/// Objects of one kind that will not exist in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftBehind {
    /// What they are.
    pub kind: String,
    /// Each with its reason, where one is known.
    pub objects: Vec<String>,
}

/// How long a run would take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// If all goes well.
    pub seconds_low: f64,
    /// If the target is slow.
    pub seconds_high: f64,
    /// Bytes that are moved, encoded.
    pub bytes: u64,
    /// What it is based on, in full sentences.
    pub basis: Vec<String>,
}

impl Finding {
    /// A finding without detail or hint.
    pub fn new(what: impl Into<String>) -> Finding {
        Finding { code: None, what: what.into(), why: String::new(), hint: String::new() }
    }

    /// The same finding with its reason.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Finding {
        self.why = why.into();
        self
    }

    /// The same finding with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = hint.into();
        self
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Finding {
        let Problem { code, what, why, hint } = problem;
        Finding { code: Some(code.as_str().to_owned()), what, why, hint }
    }
}

impl Assessment {
    /// Rows over all tables, and whether every table's were counted; `None` if a table's are not known.
    pub fn rows(&self) -> Option<(u64, bool)> {
        let rows = self.tables.iter().map(|table| table.rows).sum::<Option<u64>>()?;
        Some((rows, self.tables.iter().all(|table| table.rows_counted)))
    }

    /// Bytes at rest over all tables; `None` if a table's are not known.
    pub fn bytes(&self) -> Option<u64> {
        self.tables.iter().map(|table| table.bytes).sum()
    }

    /// Columns of all tables with their tables, the worst decision first.
    pub fn columns(&self) -> Vec<(&TableAssessment, &ColumnAssessment)> {
        let mut columns: Vec<_> =
            self.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column))).collect();
        columns.sort_by_key(|(_, column)| column.decision);
        columns
    }

    /// Columns with a decision.
    pub fn columns_with(&self, decision: Decision) -> usize {
        self.columns().iter().filter(|(_, column)| column.decision == decision).count()
    }
}

impl TableAssessment {
    /// Whether something about it deserves a look before the others.
    pub fn is_remarkable(&self) -> bool {
        let rejects = self.reading.as_ref().is_some_and(|reading| reading.rows_rejected > 0);
        let lossy = self.columns.iter().any(|column| column.decision == Decision::Lossy);
        rejects || lossy || self.standing == Some(TargetStanding::Occupied)
    }

    /// Rows read that lossy rules changed, over all columns; `None` where nothing is lossy.
    pub fn rows_touched(&self) -> Option<u64> {
        let touched: Vec<u64> = self.columns.iter().filter_map(|column| column.rows_touched).collect();
        (!touched.is_empty()).then(|| touched.iter().sum())
    }
}
