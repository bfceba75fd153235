//! What a database says it holds: tables, columns, keys. Plain data, no connection.

use serde::{Deserialize, Serialize};

use crate::types::LogicalType;

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
    /// Objects that exist and are not carried over, as `kind "name"`, such as `index "i"`, `view "v"`, `trigger "t"`.
    pub not_carried: Vec<String>,
}

/// One table as its system describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Name as stored, without its schema.
    pub name: String,
    /// Columns in the table's own order.
    pub columns: Vec<Column>,
    /// Primary key columns in key order; empty if there is none.
    pub primary_key: Vec<String>,
    /// Declared foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Rows, as an estimate from the system's statistics; `None` if it has none.
    pub rows_estimate: Option<u64>,
    /// Bytes at rest, an estimate likewise.
    pub bytes_estimate: Option<u64>,
}

/// One column as its system describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name as stored.
    pub name: String,
    /// The system's own type text, such as `character varying(40)`.
    pub native: String,
    /// What it means to Sensei; `None` if this type is not supported.
    pub logical: Option<LogicalType>,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Computed by the database from other columns; read, never written.
    pub generated: bool,
}

/// A declared foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A column with a settled type, as readers and writers are asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name as stored.
    pub name: String,
    /// Settled logical type.
    pub logical: LogicalType,
    /// The type text in the system's own DDL.
    pub native: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

/// A table as it must stand in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetTable {
    /// Name in the target.
    pub name: String,
    /// Columns that are written and read back, in order.
    pub fields: Vec<Field>,
    /// Primary key columns in the target; empty for none.
    pub primary_key: Vec<String>,
    /// Foreign keys to add once every table has its rows.
    pub foreign_keys: Vec<ForeignKey>,
    /// Whether Sensei creates the table (`true`) or found it there (`false`).
    pub create: bool,
}
