//! Check constraints and partitions in terms of the target, or why they are left behind.

use sensei_storage::{Check, ForeignKey, System};

use crate::known;
use crate::naming::NameBook;
use crate::table::{Context, TableDraft};
use crate::translate::{self, Names, mentions, title};

/// Sets the checks of `draft`, and notes those that are not carried.
pub(crate) fn carry(context: &Context<'_>, draft: &mut TableDraft<'_>, names: &Names, book: &mut NameBook) {
    for check in &draft.table.checks {
        let said = check.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let of = format!("check{said} of table \"{}\"", draft.table.name);
        let carried = match numbered(context, draft, &check.expression) {
            Some(name) => Err(format!("MySQL checks no column that numbers itself, as \"{name}\" does")),
            None => match acted_upon(context, draft, &check.expression) {
                Some(name) => Err(format!("MySQL checks no column that a foreign key may change, as \"{name}\"")),
                None => translate::condition(names, &check.expression),
            },
        };
        match carried {
            Ok(expression) => {
                let given = check.name.as_ref().map(|name| book.constraint(&draft.plan.target.name, name));
                let (name, renamed) = given.map_or((None, None), |(name, renamed)| (Some(name), renamed));
                draft.notes.extend(renamed.map(|why| format!("{of}: {why}")));
                draft.plan.target.checks.push(Check { name, expression });
            }
            Err(why) => draft.notes.push(format!("{of}: {why}")),
        }
    }
}

/// The column that numbers itself and is checked, where MySQL refuses that (manual 15.1.20.6).
fn numbered<'d>(context: &Context<'_>, draft: &'d TableDraft<'_>, sql: &str) -> Option<&'d str> {
    let foreign = context.target.system == System::Mysql && context.source.system != System::Mysql;
    let of = |column: &&sensei_storage::Column| {
        let field = known::carrier(&draft.plan, &column.name).map(|(field, _)| field);
        field.is_some_and(|field| field.traits.identity.is_some()) && mentions(sql, &column.name)
    };
    draft.table.columns.iter().filter(|_| foreign).find(of).map(|column| column.name.as_str())
}

/// The column that is checked and that a foreign key changes with its parent, where MySQL refuses that (manual 15.1.20.6;
/// MariaDB 10.11 does too).
fn acted_upon<'d>(context: &Context<'_>, draft: &'d TableDraft<'_>, sql: &str) -> Option<&'d str> {
    let foreign = context.target.system == System::Mysql && context.source.system != System::Mysql;
    let changes = |key: &&ForeignKey| {
        key.on_delete.starts_with("SET ") || key.on_update.starts_with("SET ") || key.on_update == "CASCADE"
    };
    let keys = draft.table.foreign_keys.iter().filter(|_| foreign).filter(changes);
    keys.flat_map(|key| &key.columns).find(|name| mentions(sql, name)).map(String::as_str)
}

/// Cuts the target's table as the source's is cut, between systems of one kind. The rows arrive either way.
pub(crate) fn partition(context: &Context<'_>, draft: &mut TableDraft<'_>, names: &Names) {
    let Some(partitioning) = &draft.table.partitioning else { return };
    let of = format!("partitions of table \"{}\"", draft.table.name);
    if context.source.system != context.target.system {
        let target = title(context.target.system);
        draft.notes.push(format!("{of}: the table is one piece in {target}, which cuts tables in another way"));
        return;
    }
    let texts = || {
        let own = partitioning.partitions.iter().filter_map(|partition| partition.by.as_ref());
        own.chain([&partitioning.by])
    };
    let moves = |known: &&translate::Known| known.changed.is_some() || known.target != known.name;
    let moved = names.columns.iter().filter(moves).find(|known| texts().any(|text| mentions(text, &known.name)));
    match moved {
        Some(known) => draft.notes.push(format!("{of}: they are cut by column \"{}\", which changes", known.name)),
        None => draft.plan.target.partitioning = Some(partitioning.clone()),
    }
}
