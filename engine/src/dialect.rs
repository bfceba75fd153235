//! What the planner asks about the target's language, answered out of the connectors.

use sensei_planner::{Abilities, Dialect, IdentifierMax, NameScope};
use sensei_storage::{LogicalType, System, mysql, parquet, postgres, sqlite};

/// The language of one kind of target.
#[derive(Clone, Copy, Debug)]
pub struct TargetDialect(pub System);

impl Dialect for TargetDialect {
    fn native_type(&self, logical: &LogicalType) -> String {
        match self.0 {
            System::Postgresql => postgres::native_type(logical),
            System::Sqlite => sqlite::native_type(logical),
            System::Parquet => parquet::native_type(logical),
            System::Mysql => mysql::native_type(logical),
            System::Csv => logical.to_string(),
        }
    }

    fn holding(&self, logical: &LogicalType) -> Option<(LogicalType, &'static str)> {
        match self.0 {
            System::Postgresql => postgres::holding(logical),
            System::Sqlite => sqlite::holding(logical),
            System::Parquet => parquet::holding(logical),
            System::Mysql => mysql::holding(logical),
            System::Csv => None,
        }
    }

    fn logical_type(&self, native: &str) -> Option<LogicalType> {
        match self.0 {
            System::Postgresql => postgres::logical_type(native),
            System::Sqlite => sqlite::logical_type(native),
            System::Mysql => mysql::logical_type(native),
            System::Parquet | System::Csv => None,
        }
    }

    fn abilities(&self, version: &str) -> Abilities {
        match self.0 {
            System::Postgresql => POSTGRESQL,
            System::Sqlite => SQLITE,
            System::Mysql if version.contains("MariaDB") => MARIADB,
            System::Mysql => MYSQL,
            System::Csv | System::Parquet => FILES,
        }
    }

    fn ignores_case(&self) -> bool {
        self.0 == System::Sqlite
    }

    fn columns_ignore_case(&self) -> bool {
        matches!(self.0, System::Sqlite | System::Mysql)
    }

    fn name_problem(&self, name: &str) -> Option<String> {
        if self.0 == System::Mysql { mysql::identifier_problem(name) } else { None }
    }
}

/// PostgreSQL manual 4.1.1 (names), 5.5.5 (foreign keys), 11 (indexes). Columns computed on reading came with 18, so
/// that computed columns are stored.
const POSTGRESQL: Abilities = Abilities {
    rows_only: false,
    identifier_max: Some(IdentifierMax::Bytes(postgres::IDENTIFIER_BYTES_MAX)),
    index_names: NameScope::Schema,
    constraint_names: NameScope::Table,
    folds_names: false,
    deferrable: true,
    match_full: true,
    set_default: true,
    references_need_one_type: false,
    partial_indexes: true,
    expression_indexes: true,
    included_columns: true,
    nulls_order: true,
    indexed_chars_max: None,
    virtual_columns: false,
    chained_generation: false,
    comments: true,
    exact_collation: None,
};

/// SQLite manual, "CREATE INDEX", "Foreign Key Support" (which parses MATCH and ignores it), "Generated Columns".
const SQLITE: Abilities = Abilities {
    identifier_max: None,
    constraint_names: NameScope::Table,
    folds_names: true,
    match_full: false,
    included_columns: false,
    nulls_order: false,
    virtual_columns: true,
    chained_generation: true,
    comments: false,
    ..POSTGRESQL
};

/// MySQL manual 11.2 (names), 15.1.15 (indexes: 3,072 bytes, four to a character), 15.1.20.5 (foreign keys).
const MYSQL: Abilities = Abilities {
    identifier_max: Some(IdentifierMax::Chars(mysql::IDENTIFIER_CHARS_MAX)),
    index_names: NameScope::Table,
    constraint_names: NameScope::Schema,
    deferrable: false,
    set_default: false,
    references_need_one_type: true,
    partial_indexes: false,
    indexed_chars_max: Some(768),
    comments: true,
    exact_collation: Some("utf8mb4_0900_bin"),
    ..SQLITE
};

/// MariaDB has no indexes on expressions, and another name for the collation that tells all texts apart.
const MARIADB: Abilities = Abilities { expression_indexes: false, exact_collation: Some("utf8mb4_nopad_bin"), ..MYSQL };

/// Parquet files, and CSV files, which are no targets.
const FILES: Abilities = Abilities { rows_only: true, identifier_max: None, ..SQLITE };
