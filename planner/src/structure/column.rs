//! Columns: order, type, and all they have beyond their type.

use std::mem::discriminant;

use sensei_storage::{Column, Field, IdentityKind, LogicalType, System, Table, Traits};

use super::{Comparison, column_name, sql, table_name};
use crate::plan::TablePlan;

impl<'a> Comparison<'a> {
    pub(super) fn columns(&mut self, planned: &'a TablePlan, found: &'a Table) {
        let target = &planned.target;
        let mut in_order = Vec::new();
        for (field, column) in target.fields.iter().zip(&planned.columns) {
            let object = column_name(&target.name, &field.name);
            let Some(position) = found.columns.iter().position(|found| self.same(&found.name, &field.name)) else {
                self.differs(object, "is missing");
                continue;
            };
            in_order.push(position);
            let is = &found.columns[position];
            let mut differences = self.of_any(planned, field, is);
            if target.create {
                let from = planned.source_column(column).and_then(|name| self.source_traits(&planned.source, name));
                differences.extend(self.of_created(&field.traits, &is.traits, from));
            }
            for what in differences {
                self.differs(object.clone(), what);
            }
        }
        if !target.create {
            return;
        }
        if !in_order.is_sorted() {
            self.differs(table_name(&target.name), "has its columns in another order");
        }
        for (position, extra) in found.columns.iter().enumerate() {
            if !in_order.contains(&position) {
                self.differs(column_name(&target.name, &extra.name), "is not planned");
            }
        }
    }

    /// What must hold in any table that rows go to.
    fn of_any(&self, planned: &TablePlan, field: &Field, found: &Column) -> Vec<String> {
        let mut differences = Vec::new();
        if !self.same_type(planned, field, found) {
            differences.push(format!("is {}, not {}", found.native, field.native));
        }
        let is_key = planned.target.primary_key.iter().any(|key| self.same(key, &field.name));
        let nullable = field.nullable && !is_key && field.traits.identity.is_none();
        // SQLite allows NULL in the keys of tables it was not told otherwise of.
        let either = field.nullable && is_key && !planned.target.create;
        if found.nullable != nullable && !either {
            let what = if nullable { "refuses NULL, which was planned to be allowed" } else { "allows NULL" };
            differences.push(what.to_owned());
        }
        differences
    }

    /// One type may have several names; those the dialect knows are compared by what they mean.
    fn same_type(&self, planned: &TablePlan, field: &Field, found: &Column) -> bool {
        // PostgreSQL quotes a type's name only where it must.
        let bare =
            |text: &str| if self.target.system == System::Postgresql { text.replace('"', "") } else { text.into() };
        let words = |text: &str| bare(text).split_whitespace().collect::<Vec<_>>().join(" ");
        let means = self.expected.dialect.logical_type(&field.native);
        words(&field.native) == words(&found.native)
            || (means.is_some() && means == found.logical)
            || self.is_rowid(planned, field)
    }

    /// SQLite's lone integer key is the rowid, an `INTEGER` whatever its width in the source.
    fn is_rowid(&self, planned: &TablePlan, field: &Field) -> bool {
        let integer = matches!(field.logical, LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64);
        self.target.system == System::Sqlite && integer && planned.target.primary_key == [field.name.clone()]
    }

    fn source_traits(&self, table: &str, column: &str) -> Option<&'a Traits> {
        let table = self.expected.source.tables.iter().find(|found| found.name == table)?;
        table.columns.iter().find(|found| found.name == column).map(|found| &found.traits)
    }

    /// What must hold in tables that Sensei created. `from`: what the column has in the source.
    fn of_created(&self, planned: &Traits, found: &Traits, from: Option<&Traits>) -> Vec<String> {
        let mut differences = Vec::new();
        differences.extend(self.default(planned, found, from));
        differences.extend(self.generation(planned, found, from));
        differences.extend(self.identity(planned, found));
        let mut facet = |differs: bool, what: &str| {
            if differs {
                differences.push(format!("has not the {what} that was planned"));
            }
        };
        facet(planned.collation.is_some() && planned.collation != found.collation, "collation");
        facet(planned.charset.is_some() && planned.charset != found.charset, "character set");
        facet(planned.comment.is_some() && planned.comment != found.comment, "comment");
        // SQLite has no enumerations: there a check stands for the labels.
        let has_labels = self.target.system != System::Sqlite && !planned.labels.is_empty();
        facet(has_labels && planned.labels != found.labels, "labels");
        differences
    }

    fn default(&self, planned: &Traits, found: &Traits, from: Option<&Traits>) -> Option<String> {
        // A column that numbers itself may show that as its default.
        if planned.identity.is_some() || planned.generation.is_some() {
            return None;
        }
        let original = from.and_then(|from| from.default.as_deref());
        self.expression("default", planned.default.as_deref(), found.default.as_deref(), original)
    }

    fn generation(&self, planned: &Traits, found: &Traits, from: Option<&Traits>) -> Option<String> {
        let stored = |traits: &Traits| traits.generation.as_ref().map(|generation| generation.stored);
        let original = from.and_then(expression_of);
        self.expression("generation expression", expression_of(planned), expression_of(found), original).or_else(|| {
            let what = match stored(planned) {
                Some(true) => "is computed on reading, and was planned to be stored",
                _ => "is stored, and was planned to be computed on reading",
            };
            (stored(planned) != stored(found)).then(|| what.to_owned())
        })
    }

    fn identity(&self, planned: &Traits, found: &Traits) -> Option<String> {
        let kind =
            |traits: &Traits| traits.identity.as_ref().map(|identity| discriminant::<IdentityKind>(&identity.kind));
        match (kind(planned), kind(found)) {
            (Some(planned), Some(found)) if planned != found => {
                Some("numbers itself in another way than planned".to_owned())
            }
            (Some(_), None) => Some("does not number itself".to_owned()),
            // SQLite numbers every integer key by itself.
            (None, Some(_)) if self.target.system != System::Sqlite => {
                Some("numbers itself, which was not planned".to_owned())
            }
            _ => None,
        }
    }

    /// Compares one expression: its presence, and its text where that was taken over from a source of the same words.
    pub(super) fn expression(
        &self,
        noun: &str,
        planned: Option<&str>,
        found: Option<&str>,
        original: Option<&str>,
    ) -> Option<String> {
        match (planned, found) {
            (None, None) => None,
            (Some(_), None) => Some(format!("has no {noun}")),
            (None, Some(_)) => Some(format!("has a {noun}, which was not planned")),
            (Some(planned), Some(found)) => {
                let taken_over = self.verbatim && original == Some(planned);
                let differs = taken_over && sql::skeleton(planned) != sql::skeleton(found);
                differs.then(|| format!("has another {noun}"))
            }
        }
    }
}

fn expression_of(traits: &Traits) -> Option<&str> {
    traits.generation.as_ref().map(|generation| generation.expression.as_str())
}
