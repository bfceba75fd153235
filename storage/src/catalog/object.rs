//! What stands beside and behind tables: partitions, types, sequences, views, routines, triggers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a table's rows are spread over partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitioning {
    /// What follows `PARTITION BY`.
    pub by: String,
    /// The partitions in an order in which they can be created; a partition may have partitions of its own.
    pub partitions: Vec<Partition>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Name as stored.
    pub name: String,
    /// Which rows belong to it, as its system writes it (`FOR VALUES FROM …`, `VALUES LESS THAN …`).
    pub bound: String,
    /// Its own `PARTITION BY`, if it is cut further.
    pub by: Option<String>,
    /// The partition it belongs to, where that is not the table itself.
    pub of: Option<String>,
}

/// Something that stands beside the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Name as stored, with its arguments where several may share one name.
    pub name: String,
    /// The table it belongs to, if it belongs to one.
    #[serde(default)]
    pub table: Option<String>,
    /// The statement that creates it in a system of the same kind, names in it relative to the schema; `None` if there
    /// is none that would do.
    #[serde(default)]
    pub definition: Option<String>,
    /// What the next draw would give, for sequences.
    #[serde(default)]
    pub next: Option<i128>,
}

impl Object {
    /// Whether tables may need it, so that it is created before them. A type or routine that needs the rows of a table
    /// or view itself names that one and comes after.
    pub fn precedes_tables(&self) -> bool {
        self.kind.precedes_tables() && self.table.is_none()
    }
}

/// The kinds of things that stand beside tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// An extension that types or functions come from.
    Extension,
    /// An enumeration type.
    Enum,
    /// A type with conditions.
    Domain,
    /// Any other type people defined.
    Type,
    /// A sequence no column owns.
    Sequence,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// A view.
    View,
    /// A materialised view.
    MaterializedView,
    /// A trigger.
    Trigger,
    /// A row security policy.
    Policy,
    /// A rewrite rule.
    Rule,
    /// A scheduled event.
    Event,
}

impl ObjectKind {
    /// Whether tables may need it, so that it is created before them; the others need tables and their rows.
    pub fn precedes_tables(self) -> bool {
        matches!(
            self,
            ObjectKind::Extension
                | ObjectKind::Enum
                | ObjectKind::Domain
                | ObjectKind::Type
                | ObjectKind::Sequence
                | ObjectKind::Function
                | ObjectKind::Procedure
        )
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Extension => "extension",
            ObjectKind::Enum => "enum type",
            ObjectKind::Domain => "domain",
            ObjectKind::Type => "type",
            ObjectKind::Sequence => "sequence",
            ObjectKind::Function => "function",
            ObjectKind::Procedure => "procedure",
            ObjectKind::View => "view",
            ObjectKind::MaterializedView => "materialized view",
            ObjectKind::Trigger => "trigger",
            ObjectKind::Policy => "policy",
            ObjectKind::Rule => "rule",
            ObjectKind::Event => "event",
        })
    }
}
