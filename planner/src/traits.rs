//! What columns have beyond their type, in tables that Sensei creates: defaults, computed values, numbering, collations,
//! comments. What is not carried is said, with the reason.

use sensei_storage::{Column, Generation, Identity, IdentityKind, LogicalType, System, mysql};

use crate::known;
use crate::labels::Labels;
use crate::table::{Context, TableDraft};
use crate::translate::{self, Names, coarser_than, mentions};

/// Sets the traits of every column of `draft`, whose primary key is settled.
pub(crate) fn carry(context: &Context<'_>, draft: &mut TableDraft<'_>, labels: &mut Labels<'_, '_>) {
    tell_texts_apart(context, draft);
    for column in &draft.table.columns {
        let Some(index) = known::position(&draft.plan, &column.name) else { continue };
        if draft.plan.columns[index].mask.is_some() {
            masked(draft, column);
            continue;
        }
        plain(context, draft, column, index);
        labels.carry(draft, column, index);
        number(context, draft, column, index);
    }
    comments(context, draft);
    let names = known::names(context, draft);
    for column in &draft.table.columns {
        let Some(index) = known::position(&draft.plan, &column.name) else { continue };
        if draft.plan.columns[index].mask.is_none() {
            computed(context, draft, &names, column, index);
            default(context, draft, &names, column, index);
        }
    }
}

/// Texts that differ in the source must differ in the target, whatever the target's own habit.
fn tell_texts_apart(context: &Context<'_>, draft: &mut TableDraft<'_>) {
    let Some(collation) = context.abilities.exact_collation else { return };
    if context.source.system == context.target.system {
        return;
    }
    for field in &mut draft.plan.target.fields {
        if matches!(field.logical, LogicalType::Text { .. }) {
            field.traits.collation = Some(collation.to_owned());
        }
    }
}

fn title(draft: &TableDraft<'_>, column: &Column) -> String {
    format!("column \"{}\" of table \"{}\"", column.name, draft.table.name)
}

fn note(draft: &mut TableDraft<'_>, what: &str, column: &Column, why: &str) {
    let of = title(draft, column);
    draft.notes.push(format!("{what} of {of}: {why}"));
}

/// A masked column has none of what was said about the values it hides.
fn masked(draft: &mut TableDraft<'_>, column: &Column) {
    let traits = &column.traits;
    let left = [
        (traits.default.is_some(), "default"),
        (traits.generation.is_some(), "generation expression"),
        (traits.identity.is_some(), "numbering"),
    ];
    for (_, what) in left.into_iter().filter(|(has, _)| *has) {
        note(draft, what, column, "the column is masked");
    }
}

/// Character set, collation and attributes, which mean something in their own system only.
fn plain(context: &Context<'_>, draft: &mut TableDraft<'_>, column: &Column, index: usize) {
    let field = &mut draft.plan.target.fields[index];
    if known::is_kept(context, column, field, &draft.plan.columns[index]) {
        // MySQL and MariaDB have some collations under different names, and so have old and new servers.
        let version = context.target.version.as_str();
        let (charset, collation) = match context.target.system {
            System::Mysql => {
                let charset = column.traits.charset.as_deref().map(|charset| mysql::charset_in(version, charset));
                let collation = column.traits.collation.as_deref();
                (charset, collation.map(|collation| mysql::collation_in(version, collation)))
            }
            _ => (column.traits.charset.clone(), column.traits.collation.clone()),
        };
        (field.traits.charset, field.traits.collation) = (charset, collation);
        field.traits.attributes.clone_from(&column.traits.attributes);
        return;
    }
    if let Some(why) = coarser_than(context.source.system, column, context.target.system) {
        note(draft, "collation", column, &why);
    }
    if let Some(attributes) = &column.traits.attributes {
        let why = match context.source.system == context.target.system {
            true => "the column has another type in the target".to_owned(),
            false => format!("{} has nothing like it", translate::title(context.target.system)),
        };
        note(draft, attributes, column, &why);
    }
}

fn comments(context: &Context<'_>, draft: &mut TableDraft<'_>) {
    let table = draft.table;
    if context.abilities.comments {
        draft.plan.target.comment.clone_from(&table.comment);
        for column in &table.columns {
            if let Some(index) = known::position(&draft.plan, &column.name) {
                draft.plan.target.fields[index].traits.comment.clone_from(&column.traits.comment);
            }
        }
    } else if table.comment.is_some() || table.columns.iter().any(|column| column.traits.comment.is_some()) {
        let target = translate::title(context.target.system);
        draft.notes.push(format!("comments on table \"{}\" and its columns: {target} keeps none", table.name));
    }
}

fn number(context: &Context<'_>, draft: &mut TableDraft<'_>, column: &Column, index: usize) {
    let Some(identity) = &column.traits.identity else { return };
    match numbered(context, draft, identity, index) {
        Ok(identity) => {
            let field = &mut draft.plan.target.fields[index];
            if context.target.system == System::Sqlite {
                // Only a column of exactly this type is the rowid, and only the rowid numbers itself.
                field.native = "INTEGER".to_owned();
            }
            field.traits.identity = Some(identity);
        }
        Err(why) => note(draft, "numbering", column, &why),
    }
}

/// How the target's column numbers itself. The next number is no part of a plan: it changes with every row.
fn numbered(
    context: &Context<'_>,
    draft: &TableDraft<'_>,
    identity: &Identity,
    index: usize,
) -> Result<Identity, String> {
    let target = &draft.plan.target;
    let field = &target.fields[index];
    if !matches!(field.logical, LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64) {
        return Err(format!("the column is {} in the target, which nothing numbers", field.logical));
    }
    let same_system = context.source.system == context.target.system;
    let kind = if same_system { identity.kind.clone() } else { IdentityKind::ByDefault };
    let key = &target.primary_key;
    let system = translate::title(context.target.system);
    if context.target.system != System::Postgresql && !same_system {
        if identity.increment != 1 {
            return Err(format!("{system} numbers in steps of one"));
        }
        let leads = match context.target.system {
            System::Sqlite => key.len() == 1 && key[0] == field.name,
            _ => key.first() == Some(&field.name),
        };
        if !leads {
            return Err(format!("{system} numbers the primary key only"));
        }
    }
    Ok(Identity { kind, next: None, increment: identity.increment })
}

fn computed(context: &Context<'_>, draft: &mut TableDraft<'_>, names: &Names, column: &Column, index: usize) {
    let Some(generation) = &column.traits.generation else { return };
    let field = &draft.plan.target.fields[index];
    let own = |known: &&Column| known.traits.generation.is_some() && known.name != column.name;
    let chained = draft.table.columns.iter().filter(own).any(|other| mentions(&generation.expression, &other.name));
    let changed = draft.plan.columns[index].from != field.logical;
    let carried = match generation.expression.trim() {
        "" => Err("its text is not known".to_owned()),
        _ if changed => Err("the column has another type in the target".to_owned()),
        _ if chained && !context.abilities.chained_generation => {
            Err("it is computed from another computed column".to_owned())
        }
        expression => translate::value_for(names, expression, field),
    };
    match carried {
        Ok(expression) => {
            let stored = generation.stored || !(names.is_same_system() || context.abilities.virtual_columns);
            draft.plan.target.fields[index].traits.generation = Some(Generation { expression, stored });
        }
        Err(why) => note(draft, "generation expression", column, &format!("{why}; its values are carried")),
    }
}

fn default(context: &Context<'_>, draft: &mut TableDraft<'_>, names: &Names, column: &Column, index: usize) {
    let Some(sql) = &column.traits.default else { return };
    let field = &draft.plan.target.fields[index];
    if field.traits.generation.is_some() || field.traits.identity.is_some() {
        return;
    }
    let is_kept = known::is_kept(context, column, field, &draft.plan.columns[index]);
    match translate::default(names, sql, &draft.plan.columns[index].from, field, is_kept) {
        Ok(carried) => {
            draft.plan.target.fields[index].traits.default = carried.sql;
            if let Some(differs) = carried.note {
                note(draft, "default", column, &format!("it gives {differs}"));
            }
        }
        Err(why) => note(draft, "default", column, &why),
    }
}
