//! What a table enforces or keeps at hand beyond its primary key: foreign keys, indexes, checks.

use serde::{Deserialize, Serialize};

/// A declared foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Constraint name, if it has one.
    pub name: Option<String>,
    /// Referencing columns.
    pub columns: Vec<String>,
    /// Referenced table, in the same schema.
    pub parent: String,
    /// Referenced columns, in the order of `columns`.
    pub parent_columns: Vec<String>,
    /// `ON DELETE` action in SQL, such as `CASCADE`; `NO ACTION` if none.
    pub on_delete: String,
    /// `ON UPDATE` action in SQL; `NO ACTION` if none.
    pub on_update: String,
    /// `MATCH FULL`: either all columns are NULL or none.
    #[serde(default)]
    pub match_full: bool,
    /// When it is checked.
    #[serde(default)]
    pub timing: Timing,
}

/// When a constraint is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// With every statement.
    #[default]
    Immediate,
    /// With every statement, unless a transaction defers it.
    Deferrable,
    /// At commit.
    Deferred,
}

/// An index or unique constraint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Name as stored.
    pub name: String,
    /// Whether equal keys are refused.
    pub unique: bool,
    /// Whether it is declared as a constraint (`UNIQUE`, `EXCLUDE`) rather than as an index.
    #[serde(default)]
    pub constraint: bool,
    /// Access method as its system names it, in lower case, such as `btree`, `gin`, `fulltext`, `spatial`.
    pub method: String,
    /// What it is sorted by, in order.
    pub parts: Vec<IndexPart>,
    /// Columns that are stored and not sorted by.
    #[serde(default)]
    pub include: Vec<String>,
    /// Condition of a partial index.
    #[serde(default)]
    pub predicate: Option<String>,
    /// Whether two NULLs are equal keys.
    #[serde(default)]
    pub nulls_not_distinct: bool,
    /// What follows the name and the table in the system's own statement, where the rest of this record does not say all
    /// (exclusion operators, storage parameters); good between equal systems only.
    #[serde(default)]
    pub verbatim: Option<String>,
}

/// One part of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPart {
    /// What is indexed.
    pub of: IndexTerm,
    /// Whether the order is descending.
    #[serde(default)]
    pub descending: bool,
    /// Whether NULLs come first, where that is not what the order implies.
    #[serde(default)]
    pub nulls_first: Option<bool>,
    /// Characters or bytes of the value that count (MySQL), if not all.
    #[serde(default)]
    pub prefix: Option<u32>,
    /// Operator class, if not the type's default.
    #[serde(default)]
    pub operator_class: Option<String>,
    /// Collation, if not the column's own.
    #[serde(default)]
    pub collation: Option<String>,
}

/// What one part of an index is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexTerm {
    /// A column.
    Column(String),
    /// An expression in the SQL of the index's own system.
    Expression(String),
}

impl Default for IndexTerm {
    fn default() -> IndexTerm {
        IndexTerm::Column(String::new())
    }
}

/// A check constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Constraint name, if it has one.
    pub name: Option<String>,
    /// The condition, in the SQL of its own system.
    pub expression: String,
}
