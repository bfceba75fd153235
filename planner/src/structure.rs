//! The target's catalog beside the plan, once everything is done. Pure: what differs is data, and nobody is asked.
//!
//! Tables that Sensei created are compared in all that was planned, and have no further column, unique index, foreign key
//! or check. Tables it found are compared in the columns the plan writes. Expressions of SQL are compared by their
//! presence, and by their text where both ends are of one system and version: another version may print the same
//! expression in other words.

mod column;
mod parts;
mod sql;

use sensei_storage::evidence::{StructuralCounts, StructuralDifference, StructuralFacts};
use sensei_storage::{Catalog, IdentityKind, NextNumber, Object, ObjectKind, System, Table, TargetTable};

use crate::dialect::{Dialect, same_name};
use crate::plan::{Plan, TablePlan};

/// What the target should look like.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The plan that was carried out.
    pub plan: &'a Plan,
    /// What the source holds, for the text of expressions.
    pub source: &'a Catalog,
    /// What the target's numbering must give next, or later.
    pub numbers: &'a [NextNumber],
    /// The target's rules for names and types.
    pub dialect: &'a dyn Dialect,
}

impl Expected<'_> {
    /// Compares `target` with what it should look like.
    pub fn compare(self, target: &Catalog) -> StructuralFacts {
        let mut comparison = Comparison {
            expected: self,
            target,
            verbatim: self.source.system == target.system && self.source.version == target.version,
            differences: Vec::new(),
        };
        for planned in &self.plan.tables {
            comparison.table(planned);
        }
        for object in &self.plan.objects {
            comparison.object(object);
        }
        for number in self.numbers {
            comparison.number(number);
        }
        StructuralFacts { compared: self.counts(), differences: comparison.differences }
    }

    fn counts(&self) -> StructuralCounts {
        let tables = || self.plan.tables.iter().map(|table| &table.target);
        let created =
            |count: fn(&TargetTable) -> usize| tables().filter(|table| table.create).map(count).sum::<usize>();
        StructuralCounts {
            tables: tables().count() as u64,
            columns: tables().map(|table| table.fields.len()).sum::<usize>() as u64,
            primary_keys: created(|table| usize::from(!table.primary_key.is_empty())) as u64,
            indexes: created(|table| table.indexes.len()) as u64,
            foreign_keys: created(|table| table.foreign_keys.len()) as u64,
            checks: created(|table| table.checks.len()) as u64,
            objects: self.plan.objects.len() as u64,
            numbers: self.numbers.len() as u64,
        }
    }
}

struct Comparison<'a> {
    expected: Expected<'a>,
    target: &'a Catalog,
    /// Whether source and target print an expression in the same words.
    verbatim: bool,
    differences: Vec<StructuralDifference>,
}

impl<'a> Comparison<'a> {
    fn differs(&mut self, object: impl Into<String>, what: impl Into<String>) {
        self.differences.push(StructuralDifference { object: object.into(), what: what.into() });
    }

    /// Whether two names are one in the target.
    fn same(&self, a: &str, b: &str) -> bool {
        same_name(a, b, self.expected.dialect.ignores_case())
    }

    fn same_all(&self, a: &[String], b: &[String]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(a, b))
    }

    fn table(&mut self, planned: &'a TablePlan) {
        let target = &planned.target;
        let Some(found) = self.target.tables.iter().find(|found| self.same(&found.name, &target.name)) else {
            return self.differs(table_name(&target.name), "is missing");
        };
        self.columns(planned, found);
        if !target.create {
            return;
        }
        let key_is_planned = self.same_all(&found.primary_key, &target.primary_key);
        if !key_is_planned {
            let what = match (found.primary_key.as_slice(), target.primary_key.as_slice()) {
                ([], _) => "is missing",
                (_, []) => "is not planned",
                _ => "has other columns than planned",
            };
            self.differs(format!("the primary key of {}", table_name(&target.name)), what);
        }
        if target.comment.is_some() && found.comment != target.comment {
            self.differs(table_name(&target.name), "has not the comment that was planned");
        }
        let source = self.expected.source.tables.iter().find(|table| table.name == planned.source);
        self.indexes(target, found, source);
        self.foreign_keys(target, found);
        self.checks(target, found, source);
        self.partitions(target, found);
    }

    fn partitions(&mut self, planned: &TargetTable, found: &Table) {
        let names = |table: &Option<sensei_storage::Partitioning>| {
            let partitions = table.iter().flat_map(|table| &table.partitions);
            let mut names: Vec<String> = partitions.map(|partition| partition.name.clone()).collect();
            names.sort();
            names
        };
        let (by, is) = (&planned.partitioning, &found.partitioning);
        let same_by = by.as_ref().map(|by| sql::skeleton(&by.by)) == is.as_ref().map(|is| sql::skeleton(&is.by));
        if !same_by || names(by) != names(is) {
            self.differs(table_name(&planned.name), "is not partitioned as planned");
        }
    }

    fn object(&mut self, planned: &Object) {
        let same_table = |found: &Object| match (&found.table, &planned.table) {
            (Some(found), Some(planned)) => self.same(found, planned),
            (found, planned) => found == planned,
        };
        let is_it =
            |found: &&Object| found.kind == planned.kind && self.same(&found.name, &planned.name) && same_table(found);
        if self.target.objects.iter().find(is_it).is_none() {
            let of = planned.table.as_ref().map(|table| format!(" of {}", table_name(table))).unwrap_or_default();
            self.differs(format!("{} \"{}\"{of}", planned.kind, planned.name), "is missing");
        }
    }

    /// Whoever sets the next number looked at the rows, so a later one is as good: somebody drew from it meanwhile.
    fn number(&mut self, wanted: &NextNumber) {
        let (object, found) = match &wanted.table {
            Some(table) => {
                let mut tables = self.target.tables.iter();
                let found = tables.find(|found| self.same(&found.name, table));
                let mut columns = found.into_iter().flat_map(|found| &found.columns);
                let column = columns.find(|column| self.same(&column.name, &wanted.of));
                let identity = column.and_then(|column| column.traits.identity.as_ref());
                if identity.is_some_and(|identity| identity.kind == IdentityKind::RowId) {
                    // SQLite goes on from the largest number there is, whatever anybody says.
                    return;
                }
                let object = format!("the numbering of {}", column_name(table, &wanted.of));
                (object, identity.and_then(|identity| Some((identity.next?, identity.increment))))
            }
            None => {
                let is_it = |found: &&Object| found.kind == ObjectKind::Sequence && self.same(&found.name, &wanted.of);
                let next = self.target.objects.iter().find(is_it).and_then(|found| found.next);
                (format!("sequence \"{}\"", wanted.of), next.map(|next| (next, 1)))
            }
        };
        match found {
            None => self.differs(object, "does not tell its next number"),
            Some((next, increment)) if increment < 0 && next > wanted.next => {
                self.differs(object, "would give numbers that are taken");
            }
            Some((next, increment)) if increment >= 0 && next < wanted.next => {
                self.differs(object, "would give numbers that are taken");
            }
            Some(_) => {}
        }
    }

    /// Whether the target adds checks of its own: MariaDB does, to columns of JSON.
    fn adds_checks(&self) -> bool {
        self.target.system == System::Mysql
    }
}

fn table_name(name: &str) -> String {
    format!("table \"{name}\"")
}

fn column_name(table: &str, name: &str) -> String {
    format!("column \"{name}\" of table \"{table}\"")
}
