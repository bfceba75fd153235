//! One table of the plan: what is read, what becomes of it, and where it goes. Keys between tables are settled later.

use std::collections::{BTreeMap, BTreeSet};

use sensei_storage::{Catalog, Field, LogicalType, Table, TargetTable};

use crate::abilities::Abilities;
use crate::column::{ColumnDraft, Target};
use crate::dialect::{Dialect, ExpressionTyper, same_name};
use crate::file::{ColumnFile, PlanFile};
use crate::plan::{ColumnPlan, Input, LossyRule, TablePlan};
use crate::problem::{Code, Problem, did_you_mean, listed};
use crate::select::Selected;
use crate::settle::{Settled, Settling, TypeMap};

/// What resolution works with.
pub(crate) struct Context<'a> {
    pub(crate) file: &'a PlanFile,
    pub(crate) source: &'a Catalog,
    pub(crate) target: &'a Catalog,
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) typer: &'a dyn ExpressionTyper,
    pub(crate) types: TypeMap,
    /// What schemas of the target can hold.
    pub(crate) abilities: Abilities,
}

/// A table on its way to becoming a [`TablePlan`]: keys are still missing.
#[derive(Debug)]
pub(crate) struct TableDraft<'a> {
    pub(crate) table: &'a Table,
    /// The table found in the target, if there is one.
    pub(crate) existing: Option<&'a Table>,
    pub(crate) plan: TablePlan,
    pub(crate) lossy: Vec<LossyRule>,
    /// What of this table is not carried.
    pub(crate) notes: Vec<String>,
}

/// What columns of one table are resolved against.
pub(crate) struct Scope<'a, 'c> {
    pub(crate) context: &'c Context<'a>,
    pub(crate) table: &'a Table,
    pub(crate) existing: Option<&'a Table>,
    /// Every source column, in order.
    pub(crate) settled: Vec<Settled<'a>>,
    /// The columns an expression may use.
    pub(crate) readable: Vec<Field>,
}

/// Resolves one table. The draft leaves out what has a problem.
pub(crate) fn resolve<'a>(
    context: &Context<'a>,
    selected: Selected<'a>,
    problems: &mut Vec<Problem>,
) -> TableDraft<'a> {
    let Selected { table, rule } = selected;
    let name = rule.and_then(|rule| rule.into.clone()).unwrap_or_else(|| table.name.clone());
    let ignores_case = context.dialect.ignores_case();
    let existing = context.target.tables.iter().find(|found| same_name(&found.name, &name, ignores_case));
    let (source, target) = (context.source.system, context.target.system);
    let settling = Settling { source, target, types: &context.types, dialect: context.dialect, rule };
    let settled = settling.settle(table, problems);
    let readable = settled.iter().filter_map(|settled| settled.field.clone()).collect();
    let scope = Scope { context, table, existing, settled, readable };

    let empty = BTreeMap::new();
    let rules = rule.map_or(&empty, |rule| &rule.columns);
    let filter = rule.and_then(|rule| rule.filter.as_deref());
    let mut used = filter.map(|sql| scope.filter(sql, problems)).unwrap_or_default();
    let mut notes = Vec::new();
    let drafts = scope.columns(rules, problems, &mut notes);
    if drafts.is_empty() && problems.is_empty() {
        let what = format!("table \"{}\" has no column left to carry", table.name);
        problems.push(Problem::new(Code::Column, what).hint("Leave the table out with `tables.exclude`."));
    }
    scope.unfilled(&drafts, problems, &mut notes);
    used.extend(drafts.iter().flat_map(|draft| draft.uses.iter().copied()));
    let target = TargetTable {
        name: existing.map_or(name, |found| found.name.clone()),
        fields: drafts.iter().map(|draft| draft.field.clone()).collect(),
        create: existing.is_none(),
        ..TargetTable::default()
    };
    scope.draft(drafts, &used, filter, target, notes)
}

impl<'a> Scope<'a, '_> {
    /// The columns a `where` uses, if it is a condition.
    fn filter(&self, sql: &str, problems: &mut Vec<Problem>) -> BTreeSet<usize> {
        let of = format!("`where` of table \"{}\"", self.table.name);
        match self.context.typer.type_of(sql, &self.readable) {
            Ok((LogicalType::Boolean, used)) => return used.into_iter().collect(),
            Ok((other, _)) => {
                let what = format!("{of} is not a condition");
                problems.push(Problem::new(Code::Expression, what).why(format!("It gives {other}, not boolean.")));
            }
            Err(why) => problems.push(Problem::new(Code::Expression, format!("{of} does not compile")).why(why)),
        }
        BTreeSet::new()
    }

    /// Every column of the target: those of the source in order, then the new ones by name.
    fn columns(
        &self,
        rules: &BTreeMap<String, ColumnFile>,
        problems: &mut Vec<Problem>,
        notes: &mut Vec<String>,
    ) -> Vec<ColumnDraft> {
        let plain = ColumnFile::default();
        let mut drafts = Vec::new();
        for settled in &self.settled {
            let rule = rules.get(&settled.column.name).unwrap_or(&plain);
            drafts.extend(self.column(&settled.column.name, Some(settled), rule, problems, notes));
        }
        for (name, rule) in rules {
            if self.settled.iter().any(|settled| settled.column.name == *name) {
                continue;
            }
            if rule.expr.is_some() && !rule.drop {
                drafts.extend(self.column(name, None, rule, problems, notes));
            } else {
                problems.push(self.no_such_column(name));
            }
        }
        drafts
    }

    fn no_such_column(&self, name: &str) -> Problem {
        let names = || self.table.columns.iter().map(|column| column.name.as_str());
        let what = format!("column \"{name}\", which has a rule, does not exist in table \"{}\"", self.table.name);
        let hint = match did_you_mean(name, names()) {
            hint if hint.is_empty() => "A new column needs `expr`.".to_owned(),
            hint => hint,
        };
        Problem::new(Code::Column, what).why(format!("The table has {}.", listed(names()))).hint(hint)
    }

    /// Columns of an existing target table that get no value. Sensei does not lean on the target's defaults: a value
    /// that is not in the plan cannot be verified.
    fn unfilled(&self, drafts: &[ColumnDraft], problems: &mut Vec<Problem>, notes: &mut Vec<String>) {
        let Some(existing) = self.existing else { return };
        for column in existing.columns.iter().filter(|column| !column.is_generated()) {
            if drafts.iter().any(|draft| draft.field.name == column.name) {
                continue;
            }
            let of = format!("column \"{}\" of the target's table \"{}\"", column.name, existing.name);
            if column.nullable {
                notes.push(format!("{of}: the plan has no value for it"));
            } else if problems.is_empty() {
                problems.push(
                    Problem::new(Code::Target, format!("{of} is NOT NULL and gets no value"))
                        .why("Nothing in the source has that name, and a default that the plan does not know cannot be verified.")
                        .hint(format!("Give it a value: `{:?}: {{ expr: … }}` under `columns`.", column.name)),
                );
            }
        }
    }

    fn draft(
        &self,
        drafts: Vec<ColumnDraft>,
        used: &BTreeSet<usize>,
        filter: Option<&str>,
        target: TargetTable,
        notes: Vec<String>,
    ) -> TableDraft<'a> {
        let position = |readable: usize| used.range(..readable).count();
        let lossy = drafts.iter().filter_map(|draft| {
            let rule = draft.lossy.clone()?;
            Some(LossyRule { table: self.table.name.clone(), column: draft.field.name.clone(), rule })
        });
        let lossy = lossy.collect();
        let columns = drafts.into_iter().map(|draft| ColumnPlan {
            input: match draft.sql {
                Some(sql) => Input::Expression { sql },
                None => Input::Column { index: draft.uses.first().map_or(0, |readable| position(*readable)) },
            },
            from: draft.from,
            mask: draft.mask,
            cleaning: draft.cleaning,
            rule: draft.rule,
            lossy: draft.lossy,
        });
        let plan = TablePlan {
            identity: Vec::new(),
            source: self.table.name.clone(),
            source_key: self.table.primary_key.clone(),
            columns: columns.collect(),
            read: used.iter().filter_map(|index| self.readable.get(*index).cloned()).collect(),
            filter: filter.map(str::to_owned),
            target,
        };
        TableDraft { table: self.table, existing: self.existing, plan, lossy, notes }
    }

    /// The column of an existing target table, or the freedom to create one.
    pub(crate) fn target_column(&self, name: &str) -> Target<'a> {
        let Some(existing) = self.existing else { return Target::New };
        let ignores_case = self.context.dialect.columns_ignore_case();
        match existing.columns.iter().find(|column| same_name(&column.name, name, ignores_case)) {
            Some(column) => Target::Existing(column),
            None => Target::Missing(existing),
        }
    }
}
