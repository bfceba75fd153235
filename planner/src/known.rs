//! The columns of a table as its expressions name them: which arrive, under which name, and whether as they were.

use sensei_storage::{Column, Field};

use crate::plan::{ColumnPlan, TablePlan};
use crate::table::{Context, TableDraft};
use crate::translate::{Kind, Known, Names};

/// The target field that carries the source column `name`, whatever becomes of its values.
pub(crate) fn carrier<'p>(plan: &'p TablePlan, name: &str) -> Option<(&'p Field, &'p ColumnPlan)> {
    position(plan, name).map(|index| (&plan.target.fields[index], &plan.columns[index]))
}

/// Position among the target's fields of what carries the source column `name`.
pub(crate) fn position(plan: &TablePlan, name: &str) -> Option<usize> {
    plan.columns.iter().position(|column| plan.source_column(column) == Some(name))
}

/// Whether a column of a target of the same kind is as it was, but for its name.
pub(crate) fn is_kept(context: &Context<'_>, from: &Column, to: &Field, plan: &ColumnPlan) -> bool {
    let same_system = context.source.system == context.target.system;
    let as_it_is = plan.mask.is_none() && plan.cleaning.is_none();
    same_system && as_it_is && plan.from == to.logical && from.native == to.native
}

/// What the expressions of a table may name.
pub(crate) fn names(context: &Context<'_>, draft: &TableDraft<'_>) -> Names {
    let (source, target) = (context.source.system, context.target.system);
    let known = |column: &Column| {
        let name = column.name.clone();
        let Some((field, planned)) = carrier(&draft.plan, &column.name) else {
            let why = format!("column \"{name}\" is left out or computed");
            return Known { name, target: String::new(), changed: Some(why), kind: Kind::Null, is_narrow: false };
        };
        let read = Field { logical: planned.from.clone(), ..field.clone() };
        let changed = match planned.mask {
            Some(_) => Some(format!("column \"{name}\" is masked")),
            None if planned.cleaning.is_some() => Some(format!("column \"{name}\" is cleaned")),
            None if source == target && !is_kept(context, column, field, planned) => {
                Some(format!("column \"{name}\" has another type"))
            }
            None => None,
        };
        let is_narrow = !matches!(field.logical, sensei_storage::LogicalType::Int64);
        let kind = Kind::of(source, column, &read, target, field);
        Known { name, target: field.name.clone(), changed, kind, is_narrow }
    };
    Names { source, target, columns: draft.table.columns.iter().map(known).collect() }
}
