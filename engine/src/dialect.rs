//! What the planner asks about the target's language, answered out of the connectors.

use sensei_planner::Dialect;
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

    fn identifier_bytes_max(&self) -> Option<usize> {
        (self.0 == System::Postgresql).then_some(postgres::IDENTIFIER_BYTES_MAX)
    }

    fn ignores_case(&self) -> bool {
        self.0 == System::Sqlite
    }
}
