//! Which primary and foreign keys hold in the target too. What is not carried is said, with the reason.

use std::collections::BTreeMap;

use sensei_storage::{Field, ForeignKey, LogicalType, System, Table, Timing};

use crate::cast::keeps_apart;
use crate::dialect::same_name;
use crate::indexes::makes_unique;
use crate::naming::NameBook;
use crate::plan::{ColumnPlan, TablePlan};
use crate::secret::Secret;
use crate::table::{Context, TableDraft};

/// Sets the primary key of every draft, and notes those that are not carried.
pub(crate) fn primary_keys(context: &Context<'_>, drafts: &mut [TableDraft<'_>]) {
    for draft in drafts {
        primary(context, draft);
    }
}

/// Sets the foreign keys of every draft, whose unique keys are settled, and notes those that are not carried.
pub(crate) fn foreign_keys(context: &Context<'_>, drafts: &mut [TableDraft<'_>], book: &mut NameBook) {
    let mask_keys = context.file.mask_keys();
    let references = References { context, drafts, mask_keys: &mask_keys };
    let settled: Vec<(Vec<ForeignKey>, Vec<String>)> = drafts.iter().map(|draft| references.of(draft)).collect();
    for (draft, (mut foreign_keys, notes)) in drafts.iter_mut().zip(settled) {
        draft.notes.extend(notes);
        for key in &mut foreign_keys {
            let of = title(draft, key);
            let given = key.name.as_ref().map(|name| book.constraint(&draft.plan.target.name, name));
            let (name, renamed) = given.map_or((None, None), |(name, renamed)| (Some(name), renamed));
            draft.notes.extend(renamed.map(|why| format!("{of}: {why}")));
            key.name = name;
        }
        draft.plan.target.foreign_keys = foreign_keys;
    }
}

fn primary(context: &Context<'_>, draft: &mut TableDraft<'_>) {
    let source_key = &draft.table.primary_key;
    let carried: Result<Vec<String>, String> = source_key
        .iter()
        .map(|name| {
            let (field, column) = carried(&draft.plan, name, false)?;
            if column.mask.is_none() && !keeps_apart(&column.from, &field.logical) {
                return Err(format!("column \"{name}\" is converted with a loss"));
            }
            Ok(field.name.clone())
        })
        .collect();
    if let Some(existing) = draft.existing {
        let written = |name: &String| draft.plan.target.fields.iter().any(|field| field.name == *name);
        let carried = carried.ok().filter(|columns| !columns.is_empty());
        if let (false, Some(columns)) = (has_keys(existing), &carried) {
            draft.plan.identity.clone_from(columns);
            draft.plan.target.primary_key.clone_from(columns);
            return;
        }
        let key = &existing.primary_key;
        if !source_key.is_empty() && carried.as_ref().is_some_and(|carried| carried != key) {
            draft.notes.push(format!("primary key of \"{}\": the target's table keeps its own", draft.table.name));
        }
        draft.plan.target.primary_key = if key.iter().all(written) { key.clone() } else { Vec::new() };
        draft.plan.identity = carried.unwrap_or_else(|| draft.plan.target.primary_key.clone());
        return;
    }
    match carried {
        Ok(columns) => {
            draft.plan.identity.clone_from(&columns);
            match too_long(context, draft, &columns) {
                None => draft.plan.target.primary_key = columns,
                Some(why) => draft.notes.push(format!("primary key of \"{}\": {why}", draft.table.name)),
            }
        }
        Err(why) => draft.notes.push(format!("primary key of \"{}\": {why}", draft.table.name)),
    }
}

/// Why the target cannot index one of the key's columns, which are texts of any length to it.
fn too_long(context: &Context<'_>, draft: &TableDraft<'_>, key: &[String]) -> Option<String> {
    let max = context.abilities.indexed_chars_max.filter(|_| context.source.system != context.target.system)?;
    let long = |field: &&Field| match field.logical {
        LogicalType::Text { max_chars } => max_chars.is_none_or(|chars| chars > max),
        LogicalType::Bytes | LogicalType::Numeric => true,
        _ => false,
    };
    let field = draft.plan.target.fields.iter().filter(|field| key.contains(&field.name)).find(long)?;
    let target = crate::translate::title(context.target.system);
    Some(format!(
        "{target} indexes no more than {max} characters, which column \"{}\" may exceed (say with `type` how long it is)",
        field.name
    ))
}

/// Whether a table found in the target has keys of its own, which then stand. One without any gets the source's.
fn has_keys(existing: &Table) -> bool {
    !existing.primary_key.is_empty() || !existing.foreign_keys.is_empty()
}

/// The target field that carries the source column `name` as it is, or why there is none.
fn carried<'p>(plan: &'p TablePlan, name: &str, ignores_case: bool) -> Result<(&'p Field, &'p ColumnPlan), String> {
    let is_it =
        |column: &ColumnPlan| plan.source_column(column).is_some_and(|found| same_name(found, name, ignores_case));
    let found = plan.columns.iter().zip(&plan.target.fields).find(|(column, _)| is_it(column));
    found
        .map(|(column, field)| (field, column))
        .ok_or_else(|| format!("column \"{name}\" of \"{}\" is dropped or computed", plan.source))
}

/// All drafts, to look up parents among.
struct References<'d, 'a> {
    context: &'d Context<'a>,
    drafts: &'d [TableDraft<'a>],
    mask_keys: &'d BTreeMap<(String, String), Secret>,
}

impl References<'_, '_> {
    fn of(&self, draft: &TableDraft<'_>) -> (Vec<ForeignKey>, Vec<String>) {
        let mut keys = Vec::new();
        let mut notes = Vec::new();
        for key in &draft.table.foreign_keys {
            let mut said = Vec::new();
            let result = self.reference(draft, key).and_then(|carried| self.as_the_target_can(carried, &mut said));
            match (result, draft.existing) {
                (Ok(carried), Some(existing)) if existing.foreign_keys.iter().any(|own| same_key(own, &carried)) => {
                    said.clear();
                }
                (_, Some(existing)) if has_keys(existing) => {
                    said = vec!["the target's table keeps its own keys".to_owned()];
                }
                (Ok(carried), _) => keys.push(carried),
                (Err(why), _) => said = vec![why],
            }
            notes.extend(said.into_iter().map(|why| format!("{}: {why}", title(draft, key))));
        }
        (keys, notes)
    }

    /// The foreign key with what the target knows of foreign keys.
    fn as_the_target_can(&self, mut key: ForeignKey, notes: &mut Vec<String>) -> Result<ForeignKey, String> {
        let abilities = &self.context.abilities;
        let target = crate::translate::title(self.context.target.system);
        if !abilities.set_default && [&key.on_delete, &key.on_update].iter().any(|action| *action == "SET DEFAULT") {
            return Err(format!("{target} does not SET DEFAULT"));
        }
        if key.match_full && !abilities.match_full {
            key.match_full = false;
            if key.columns.len() > 1 {
                notes.push(format!(
                    "{target} does not MATCH FULL; with a NULL in some of its columns it is not checked"
                ));
            }
        }
        if key.timing != Timing::Immediate && !abilities.deferrable {
            key.timing = Timing::Immediate;
            notes.push(format!("{target} defers no constraints; it is checked with every statement"));
        }
        Ok(key)
    }

    /// The foreign key in terms of the target, or why it cannot hold there.
    fn reference(&self, child: &TableDraft<'_>, key: &ForeignKey) -> Result<ForeignKey, String> {
        let folds = self.context.source.system == System::Sqlite;
        let by_name = |exact: bool| self.drafts.iter().find(|draft| same_name(&draft.table.name, &key.parent, !exact));
        let parent = by_name(true)
            .or_else(|| by_name(false).filter(|_| folds))
            .ok_or_else(|| format!("table \"{}\" is not part of the plan", key.parent))?;
        if parent.plan.filter.is_some() {
            return Err(format!("only some rows of \"{}\" are taken", parent.table.name));
        }
        let parent_columns = match key.parent_columns.is_empty() {
            true => &parent.table.primary_key,
            false => &key.parent_columns,
        };
        if parent_columns.len() != key.columns.len() {
            return Err("its columns do not pair up".to_owned());
        }
        let mut carried_key = ForeignKey { columns: Vec::new(), parent_columns: Vec::new(), ..key.clone() };
        carried_key.parent = parent.plan.target.name.clone();
        for (name, parent_name) in key.columns.iter().zip(parent_columns) {
            let (field, column) = carried(&child.plan, name, folds)?;
            let (parent_field, parent_column) = carried(&parent.plan, parent_name, folds)?;
            self.agree((child, field, column), (parent, parent_field, parent_column))?;
            carried_key.columns.push(field.name.clone());
            carried_key.parent_columns.push(parent_field.name.clone());
        }
        match makes_unique(parent, &carried_key.parent_columns) {
            true => Ok(carried_key),
            false => Err(format!("what it refers to is no unique key of \"{}\" in the target", carried_key.parent)),
        }
    }

    /// Whether the target compares the two without a cast that changes a value.
    fn comparable(&self, child: &Field, parent: &Field) -> bool {
        use LogicalType::{Int16, Int32, Int64, Text};
        match (&child.logical, &parent.logical) {
            (Text { .. }, Text { .. }) => true,
            (Int16 | Int32 | Int64, Int16 | Int32 | Int64) => {
                !self.context.abilities.references_need_one_type || child.logical == parent.logical
            }
            (child, parent) => child == parent,
        }
    }

    /// Whether equal values on both sides stay equal.
    fn agree(
        &self,
        (child, field, column): (&TableDraft<'_>, &Field, &ColumnPlan),
        (parent, parent_field, parent_column): (&TableDraft<'_>, &Field, &ColumnPlan),
    ) -> Result<(), String> {
        let secret =
            |draft: &TableDraft<'_>, field: &Field| self.mask_keys.get(&(draft.table.name.clone(), field.name.clone()));
        match (column.mask, parent_column.mask) {
            (None, None) if !self.comparable(field, parent_field) => Err(format!(
                "column \"{}\" is {} and \"{}\" is {}",
                field.name, field.logical, parent_field.name, parent_field.logical
            )),
            (None, None) => Ok(()),
            (Some(_), Some(_)) if column.from != parent_column.from => {
                Err(format!("columns \"{}\" and \"{}\" are masked from different types", field.name, parent_field.name))
            }
            (Some(_), Some(_)) if secret(child, field) == secret(parent, parent_field) => Ok(()),
            (Some(_), Some(_)) => {
                Err(format!("columns \"{}\" and \"{}\" are masked with different keys", field.name, parent_field.name))
            }
            _ => Err(format!("only one of columns \"{}\" and \"{}\" is masked", field.name, parent_field.name)),
        }
    }
}

fn same_key(a: &ForeignKey, b: &ForeignKey) -> bool {
    a.columns == b.columns && a.parent == b.parent && a.parent_columns == b.parent_columns
}

fn title(draft: &TableDraft<'_>, key: &ForeignKey) -> String {
    let columns = key.columns.join(", ");
    let name = key.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    format!("foreign key{name} of \"{}\" ({columns}) to \"{}\"", draft.table.name, key.parent)
}
