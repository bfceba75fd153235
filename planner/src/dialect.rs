//! What the planner asks about the target's own language. The engine answers out of the connectors.

use sensei_storage::LogicalType;

use crate::abilities::Abilities;

/// The target system's names for types, and its rules for names.
pub trait Dialect {
    /// The type text in the system's DDL that holds every value of `logical`.
    fn native_type(&self, logical: &LogicalType) -> String;

    /// What a new column is to be where the system cannot hold `logical` as it is, with the rule by which values are
    /// carried, as a clause such as `arrays become JSON arrays`; `None` if it can.
    fn holding(&self, logical: &LogicalType) -> Option<(LogicalType, &'static str)>;

    /// What a type text of the system means, or `None` if it is not one of the system's own types or not supported.
    /// User-defined types (an enum of one database) must give `None`: the target may not have them.
    fn logical_type(&self, native: &str) -> Option<LogicalType>;

    /// What schemas of the system can hold. `version`: the target's own version text, as its catalog has it.
    fn abilities(&self, version: &str) -> Abilities;

    /// Whether names that differ only in ASCII case are the same name (SQLite).
    fn ignores_case(&self) -> bool;

    /// The same for the columns of one table: MySQL tells tables apart by case, where its server does, and never columns.
    fn columns_ignore_case(&self) -> bool {
        self.ignores_case()
    }

    /// Why the system cannot have a table or column of this name, beyond its length, as a sentence; `None` if it can.
    fn name_problem(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Compiles SQL expressions far enough to know their type. The engine implements it with the expression engine.
pub trait ExpressionTyper {
    /// The type of `sql` over a row of `fields`, and the positions of the fields it uses.
    ///
    /// # Errors
    /// Why it does not compile, as a sentence without the values of literals.
    fn type_of(&self, sql: &str, fields: &[sensei_storage::Field]) -> Result<(LogicalType, Vec<usize>), String>;
}

/// Whether two names are one in a system that ignores case or does not.
pub(crate) fn same_name(a: &str, b: &str, ignores_case: bool) -> bool {
    if ignores_case { a.eq_ignore_ascii_case(b) } else { a == b }
}
