//! What numbers itself in the target, and where the source tells how far it has come.

use sensei_storage::{Object, ObjectKind, Table};

use crate::known;
use crate::plan::{NumberSource, Numbering};
use crate::table::TableDraft;

/// Everything that must go on where the source stands, in the order of the plan.
pub(crate) fn all(drafts: &[TableDraft<'_>], objects: &[Object]) -> Vec<Numbering> {
    let columns = drafts.iter().flat_map(of_table);
    let sequences = objects.iter().filter(|object| object.kind == ObjectKind::Sequence).map(|object| Numbering {
        table: None,
        of: object.name.clone(),
        source: NumberSource::Sequence { name: object.name.clone() },
    });
    columns.chain(sequences).collect()
}

/// The columns that number themselves on both sides. A table that was found there counts too: its rows come from the
/// source, so its own numbers would collide with them.
fn of_table<'d>(draft: &'d TableDraft<'_>) -> impl Iterator<Item = Numbering> + 'd {
    draft.table.columns.iter().filter(|column| column.traits.identity.is_some()).filter_map(|column| {
        let (field, planned) = known::carrier(&draft.plan, &column.name)?;
        let numbers = match draft.existing {
            None => field.traits.identity.is_some(),
            Some(existing) => planned.mask.is_none() && numbers_itself(existing, &field.name),
        };
        let (table, name) = (draft.table.name.clone(), column.name.clone());
        numbers.then(|| Numbering {
            table: Some(draft.plan.target.name.clone()),
            of: field.name.clone(),
            source: NumberSource::Column { table, column: name },
        })
    })
}

fn numbers_itself(table: &Table, name: &str) -> bool {
    table.columns.iter().any(|column| column.name == name && column.traits.identity.is_some())
}
