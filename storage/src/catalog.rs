//! What a database says it holds: tables, columns, keys. Plain data, no connection.

mod column;
mod constraint;
mod object;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use column::{Column, Field, Generation, Identity, IdentityKind, Traits};
pub use constraint::{Check, ForeignKey, Index, IndexPart, IndexTerm, Timing};
pub use object::{Object, ObjectKind, Partition, Partitioning};

/// The kinds of system Sensei reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// An SQLite 3 database file.
    Sqlite,
    /// A PostgreSQL server, version 14 or later.
    Postgresql,
    /// A CSV file or a folder of them.
    Csv,
    /// Parquet files in a folder or bucket.
    Parquet,
    /// A MySQL or MariaDB server.
    Mysql,
}

/// Prints the name that stands in URLs and in a plan's `types`.
impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            System::Sqlite => "sqlite",
            System::Postgresql => "postgresql",
            System::Csv => "csv",
            System::Parquet => "parquet",
            System::Mysql => "mysql",
        })
    }
}

/// Everything found at one endpoint, tables in name order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Which kind of system this is.
    pub system: System,
    /// The system's own version text, for the report.
    pub version: String,
    /// The schema the tables were looked up in, where the system has schemas.
    pub schema: Option<String>,
    /// Ordinary tables. Views and system tables are not listed.
    pub tables: Vec<Table>,
    /// What else stands beside the tables, in an order in which it can be created again.
    #[serde(default)]
    pub objects: Vec<Object>,
    /// Objects that exist and can never be carried over, as `kind "name"`, with the reason where one is known.
    pub not_carried: Vec<String>,
}

/// One table as its system describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Name as stored, without its schema.
    pub name: String,
    /// Columns in the table's own order.
    pub columns: Vec<Column>,
    /// Primary key columns in key order; empty if there is none.
    pub primary_key: Vec<String>,
    /// Declared foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes and unique constraints beside the primary key.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// Declared check constraints.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// How its rows are spread over partitions, if they are.
    #[serde(default)]
    pub partitioning: Option<Partitioning>,
    /// What people wrote about it.
    #[serde(default)]
    pub comment: Option<String>,
    /// Rows, as an estimate from the system's statistics; `None` if it has none.
    pub rows_estimate: Option<u64>,
    /// Bytes at rest, an estimate likewise.
    pub bytes_estimate: Option<u64>,
}

/// A table as it must stand in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetTable {
    /// Name in the target.
    pub name: String,
    /// Columns that are written and read back, in order.
    pub fields: Vec<Field>,
    /// Primary key columns in the target; empty for none.
    pub primary_key: Vec<String>,
    /// Foreign keys to add once every table has its rows.
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes to add once the table has its rows.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// Checks to add once the table has its rows.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// How its rows are spread over partitions.
    #[serde(default)]
    pub partitioning: Option<Partitioning>,
    /// What people wrote about it.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether Sensei creates the table (`true`) or found it there (`false`).
    pub create: bool,
}
