//! Everything of a schema but tables, columns and rows, in the order in which one thing needs another: primary keys, then
//! columns' traits, indexes, checks, foreign keys, and what stands beside the tables.

use sensei_storage::Object;

use crate::labels::Labels;
use crate::naming::NameBook;
use crate::plan::{Numbering, RelationPlan};
use crate::table::{Context, TableDraft};
use crate::{checks, indexes, keys, known, left, numbering, objects, traits};

/// What goes into a plan beside its tables.
pub(crate) struct Beside {
    pub(crate) relations: Vec<RelationPlan>,
    pub(crate) objects: Vec<Object>,
    pub(crate) numbering: Vec<Numbering>,
    /// Objects that are not carried.
    pub(crate) notes: Vec<String>,
}

/// Completes the drafts, and settles what stands beside them.
///
/// `named`: the relations of the plan file.
pub(crate) fn carry(
    context: &Context<'_>,
    drafts: &mut [TableDraft<'_>],
    selected: &[(&Object, bool)],
    named: Vec<RelationPlan>,
) -> Beside {
    keys::primary_keys(context, drafts);
    let mut book = book(context, drafts, selected);
    let own_types = objects::own_types(context, selected);
    let mut labels = Labels { context, own_types: &own_types, book: &mut book, created: Vec::new() };
    for draft in drafts.iter_mut().filter(|draft| is_made(context, draft)) {
        traits::carry(context, draft, &mut labels);
    }
    let mut created = labels.created;
    for draft in drafts.iter_mut() {
        if !is_made(context, draft) {
            left::note(context, draft);
            continue;
        }
        let names = known::names(context, draft);
        indexes::carry(context, draft, &names, &mut book);
        checks::carry(context, draft, &names, &mut book);
        checks::partition(context, draft, &names);
    }
    let relations = keys::foreign_keys(context, drafts, &mut book, named);
    let (carried, notes) = objects::carry(context, selected, drafts);
    created.extend(carried);
    let numbering = numbering::all(drafts, &created);
    Beside { relations, objects: created, numbering, notes }
}

/// Whether Sensei creates the table, in a system that knows more than rows.
fn is_made(context: &Context<'_>, draft: &TableDraft<'_>) -> bool {
    draft.existing.is_none() && !context.abilities.rows_only
}

/// The names that are taken before the first index is named: those of tables, their keys and partitions, and of what
/// stands beside them.
fn book(context: &Context<'_>, drafts: &[TableDraft<'_>], selected: &[(&Object, bool)]) -> NameBook {
    let mut book = NameBook::new(context.abilities);
    for draft in drafts {
        let table = &draft.plan.target.name;
        book.reserve(table);
        if !draft.plan.target.primary_key.is_empty() {
            // The name PostgreSQL gives a primary key.
            book.reserve(&format!("{table}_pkey"));
        }
        let partitions = draft.table.partitioning.iter().flat_map(|partitioning| &partitioning.partitions);
        partitions.for_each(|partition| book.reserve(&partition.name));
    }
    let same_system = context.source.system == context.target.system;
    for (object, _) in selected.iter().filter(|(_, taken)| *taken && same_system) {
        book.reserve(&object.name);
    }
    book
}
