//! The resolved plan: what will happen, down to every column's type. Plain data without secrets; it is hashed, stored
//! and printed. Knows nothing of how it is carried out.

use sensei_storage::evidence::sha256_hex;
use sensei_storage::{Field, LogicalType, Object, OnExisting, System, TargetTable, VerifyMode, canonical_json};
use serde::{Deserialize, Serialize};

/// Everything that a job does, settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of the plan file format.
    pub version: u32,
    /// Name of the job.
    pub name: String,
    /// Where the rows are.
    pub source: Place,
    /// Where they go.
    pub target: Place,
    /// Whether nobody writes to the source meanwhile.
    pub quiesced: bool,
    /// What to do with tables that exist and have rows.
    pub on_existing: OnExisting,
    /// URL or folder of journal and evidence, without secrets.
    pub state: String,
    /// What happens table by table, in the order of the source's names.
    pub tables: Vec<TablePlan>,
    /// References that are checked in the target.
    pub relations: Vec<RelationPlan>,
    /// What is created beside the tables, in an order in which it can be: before them where
    /// [`Object::precedes_tables`], else after their rows, keys and checks.
    #[serde(default)]
    pub objects: Vec<Object>,
    /// What numbers itself in the target and must go on where the source stands.
    #[serde(default)]
    pub numbering: Vec<Numbering>,
    /// How much is proved.
    pub verify: VerifyMode,
    /// What to do with rows that do not fit.
    pub rejects: RejectsPlan,
    /// How much may be used.
    pub limits: LimitsPlan,
    /// Rules that lose or assume something, declared before the first row is read.
    pub lossy: Vec<LossyRule>,
    /// What exists in the source and will not exist in the target, with the reason.
    pub not_carried: Vec<String>,
}

/// A column or sequence of the target that must go on where its like in the source stands when the rows have arrived. No
/// number is part of a plan: it would change with every row the source gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbering {
    /// Table in the target, for a column that numbers itself; `None` for a sequence that stands alone.
    pub table: Option<String>,
    /// The column or the sequence in the target.
    pub of: String,
    /// Whose next number it takes, looked up in a catalog of the source that is read then.
    pub source: NumberSource,
}

/// What to look a next number up by, in a catalog of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberSource {
    /// [`sensei_storage::Identity::next`] of a column.
    Column {
        /// Its table.
        table: String,
        /// The column.
        column: String,
    },
    /// [`Object::next`] of a sequence.
    Sequence {
        /// Its name.
        name: String,
    },
}

/// One end of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which kind of system.
    pub system: System,
    /// Its URL without secrets.
    pub description: String,
    /// Schema, where the system has schemas.
    pub schema: Option<String>,
}

/// What to do with rows that do not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectsPlan {
    /// Rows that may be rejected before the job stops.
    pub max: u64,
    /// Folder for rejected rows.
    pub to: String,
    /// Whether the rows themselves are written there, beside key and reason.
    pub rows: bool,
}

/// How much may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsPlan {
    /// Worker threads.
    pub workers: u32,
    /// Connections to the source at once.
    pub source_connections: u32,
    /// Connections to the target at once.
    pub target_connections: u32,
    /// Memory for rows in flight, in bytes.
    pub memory_bytes: u64,
    /// Encoded bytes per split, about.
    pub split_bytes: u64,
}

/// A rule that loses or assumes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossyRule {
    /// Table in the source.
    pub table: String,
    /// Column in the target.
    pub column: String,
    /// What is lost or assumed.
    pub rule: String,
}

/// What happens to one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Name in the source.
    pub source: String,
    /// Primary key columns in the source, in key order; empty for none. They need not be in `read`.
    pub source_key: Vec<String>,
    /// Columns scanned from the source, in the source's order.
    pub read: Vec<Field>,
    /// SQL condition over `read`; only rows for which it is true are taken.
    pub filter: Option<String>,
    /// The table as it must stand in the target.
    pub target: TargetTable,
    /// Target columns that tell rows apart: the source's key where it is carried, else the target's; empty for none.
    pub identity: Vec<String>,
    /// How each of the target's fields comes about, in the same order.
    pub columns: Vec<ColumnPlan>,
}

/// How one target column comes about: input, then mask, then cast to the target field's logical type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPlan {
    /// Where the value comes from.
    pub input: Input,
    /// Logical type of the input, before mask and cast.
    pub from: LogicalType,
    /// How the value is made unreadable; the result is text.
    pub mask: Option<MaskPlan>,
    /// What is done to values that the target could not hold otherwise, before the cast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleaning: Option<Cleaning>,
    /// The rule by which values are carried into a type that is another, losing nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the cast loses or assumes, if anything.
    pub lossy: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A column as it was read.
    Column {
        /// Position in [`TablePlan::read`].
        index: usize,
    },
    /// An SQL expression over the columns read.
    Expression {
        /// Its text.
        sql: String,
    },
}

/// What is done to values that a target cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cleaning {
    /// Dates that are zero, have a zero part or name a day that does not exist become NULL.
    ZeroDatesToNull,
    /// Characters U+0000 are taken out of text.
    RemoveNul,
}

impl Cleaning {
    /// What it loses, as a clause.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Cleaning::ZeroDatesToNull => "dates that are zero, have a zero part or name no day become NULL",
            Cleaning::RemoveNul => "characters U+0000 are removed",
        }
    }
}

/// How a value is made unreadable. Keys travel apart, see [`crate::PlanFile::mask_keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskPlan {
    /// 64 hexadecimal digits out of value and key; NULL stays NULL.
    KeyedHash,
}

/// Rows of one table that refer to rows of another, or of the same, as both stand in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationPlan {
    /// Position in [`Plan::tables`] of the table whose rows refer.
    pub child: usize,
    /// Its referring columns in the target.
    pub columns: Vec<String>,
    /// Position in [`Plan::tables`] of the table referred to.
    pub parent: usize,
    /// The columns referred to, in the target, in the order of `columns`.
    pub parent_columns: Vec<String>,
    /// Whether a key that is NULL in part is an orphan (`MATCH FULL`).
    pub match_full: bool,
    /// The collation under which the target finds different texts equal, so that the target's own foreign key tells what
    /// refers to nothing and nothing else does; `None` where equal texts have equal bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// The foreign key of the source that declares it, as [`Plan::not_carried`] would name it; `None` if none does.
    pub foreign_key: Option<String>,
    /// What to do about rows that refer to nothing.
    pub orphans: OnOrphans,
}

/// What to do about rows that refer to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOrphans {
    /// The job ends `different`.
    #[default]
    Fail,
    /// They are counted and named. A foreign key that declares the reference is not added to the target.
    Report,
}

impl RelationPlan {
    /// The line of [`Plan::not_carried`] for a foreign key that is left out because its orphans are accepted.
    pub fn left_out(&self) -> Option<String> {
        let foreign_key = self.foreign_key.as_ref().filter(|_| self.orphans == OnOrphans::Report)?;
        Some(format!("{foreign_key}: the plan accepts orphans"))
    }
}

impl Plan {
    /// The relation for people, by the target's names: `orders (customer_id) → customers (id)`.
    pub fn relation_title(&self, relation: &RelationPlan) -> String {
        let name = |table: usize| self.tables.get(table).map_or("?", |table| table.target.name.as_str());
        let (columns, parent_columns) = (relation.columns.join(", "), relation.parent_columns.join(", "));
        format!("{} ({columns}) → {} ({parent_columns})", name(relation.child), name(relation.parent))
    }

    /// SHA-256 over the canonical JSON of the plan (keys sorted, no white space), in hexadecimal.
    pub fn sha256(&self) -> String {
        sha256_hex(self.canonical_json().as_bytes())
    }

    /// Canonical JSON of the plan: what [`Plan::sha256`] hashes.
    pub fn canonical_json(&self) -> String {
        let value = serde_json::to_value(self).expect("plain data with text keys has a JSON form");
        String::from_utf8(canonical_json(&value)).expect("JSON text is UTF-8")
    }
}

impl TablePlan {
    /// Name of the source column that `column` carries as it is (perhaps masked or cast); `None` for expressions.
    pub fn source_column(&self, column: &ColumnPlan) -> Option<&str> {
        match column.input {
            Input::Column { index } => self.read.get(index).map(|field| field.name.as_str()),
            Input::Expression { .. } => None,
        }
    }
}
