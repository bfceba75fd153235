//! What tables leave behind where nothing can be added to the target's: files hold rows only, and a table that was found
//! keeps its own schema. One line for each table, not one for each thing.

use sensei_storage::{Index, Table};

use crate::known;
use crate::table::{Context, TableDraft};

/// Notes what `draft` leaves behind.
pub(crate) fn note(context: &Context<'_>, draft: &mut TableDraft<'_>) {
    let left = match draft.existing {
        Some(existing) => lacking(draft, existing),
        None => kinds(draft.table),
    };
    if left.is_empty() {
        return;
    }
    let why = match draft.existing {
        Some(_) => "the target's table keeps its own".to_owned(),
        None => format!("{} holds rows only", crate::translate::title(context.target.system)),
    };
    draft.notes.push(format!("{} of table \"{}\": {why}", joined(&left), draft.table.name));
}

fn has_default(table: &Table) -> bool {
    table.columns.iter().any(|column| column.traits.default.is_some())
}

fn is_computed(table: &Table) -> bool {
    table.columns.iter().any(|column| column.traits.generation.is_some())
}

/// What the source's table has.
fn kinds(table: &Table) -> Vec<&'static str> {
    let all = [
        (table.columns.iter().any(|column| !column.traits.labels.is_empty()), "labels"),
        (has_default(table), "defaults"),
        (is_computed(table), "generation expressions"),
        (!table.indexes.is_empty(), "indexes"),
        (!table.checks.is_empty(), "checks"),
        (table.partitioning.is_some(), "partitions"),
    ];
    all.into_iter().filter(|(has, _)| *has).map(|(_, kind)| kind).collect()
}

/// What the source's table has and the one found in the target has not, as far as it can be told by looking.
fn lacking(draft: &TableDraft<'_>, existing: &Table) -> Vec<&'static str> {
    let table = draft.table;
    let has = |index: &Index| existing.indexes.iter().any(|own| is_alike(draft, index, own));
    let all = [
        (has_default(table) && !has_default(existing), "defaults"),
        (is_computed(table) && !is_computed(existing), "generation expressions"),
        (!table.indexes.iter().all(has), "indexes"),
        (!table.checks.is_empty() && existing.checks.is_empty(), "checks"),
        (table.partitioning.is_some() && existing.partitioning.is_none(), "partitions"),
    ];
    all.into_iter().filter(|(lacks, _)| *lacks).map(|(_, kind)| kind).collect()
}

/// Whether the target's index does for the source's: as many parts, over the same columns, as strict.
fn is_alike(draft: &TableDraft<'_>, index: &Index, own: &Index) -> bool {
    use sensei_storage::IndexTerm::{Column, Expression};
    let same = |(a, b): (&sensei_storage::IndexPart, &sensei_storage::IndexPart)| match (&a.of, &b.of) {
        (Column(name), Column(other)) => {
            known::carrier(&draft.plan, name).is_some_and(|(field, _)| field.name == *other)
        }
        (Expression(_), Expression(_)) => true,
        _ => false,
    };
    index.unique == own.unique && index.parts.len() == own.parts.len() && index.parts.iter().zip(&own.parts).all(same)
}

fn joined(kinds: &[&str]) -> String {
    match kinds {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}
