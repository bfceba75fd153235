//! Which primary and foreign keys hold in the target too. What is not carried is said, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use sensei_storage::{Field, ForeignKey, LogicalType, System, Table, Timing};

use crate::cast::keeps_apart;
use crate::dialect::same_name;
use crate::file::RelationFile;
use crate::indexes::{makes_unique, unindexable};
use crate::naming::NameBook;
use crate::plan::{ColumnPlan, OnOrphans, RelationPlan, TablePlan};
use crate::secret::Secret;
use crate::table::{Context, TableDraft};
use crate::translate::coarse_in;

/// Mask keys by source table and target column.
pub(crate) type MaskKeys = BTreeMap<(String, String), Secret>;

/// A table, one of its target fields, and how that comes about.
pub(crate) type Carried<'c> = (&'c TableDraft<'c>, &'c Field, &'c ColumnPlan);

/// Sets the primary key of every draft, and notes those that are not carried.
pub(crate) fn primary_keys(context: &Context<'_>, drafts: &mut [TableDraft<'_>]) {
    for draft in drafts {
        primary(context, draft);
    }
}

/// Sets the foreign keys of every draft, whose unique keys are settled, and notes those that are not carried. Gives the
/// references to check: those of the foreign keys, then those of `named`, one per relation of the plan file, that no
/// foreign key declares.
pub(crate) fn foreign_keys(
    context: &Context<'_>,
    drafts: &mut [TableDraft<'_>],
    book: &mut NameBook,
    named: Vec<RelationPlan>,
) -> Vec<RelationPlan> {
    let mask_keys = context.file.mask_keys();
    let references = References { context, drafts, mask_keys: &mask_keys, named: &named };
    let settled: Vec<Settled> = (0..drafts.len()).map(|child| references.of(child)).collect();
    let (mut relations, mut declared) = (Vec::new(), BTreeSet::new());
    for (draft, mut settled) in drafts.iter_mut().zip(settled) {
        draft.notes.extend(settled.notes);
        for key in &mut settled.keys {
            let of = title(draft, key);
            let given = key.name.as_ref().map(|name| book.constraint(&draft.plan.target.name, name));
            let (name, renamed) = given.map_or((None, None), |(name, renamed)| (Some(name), renamed));
            draft.notes.extend(renamed.map(|why| format!("{of}: {why}")));
            key.name = name;
        }
        draft.plan.target.foreign_keys = settled.keys;
        relations.extend(settled.relations);
        declared.extend(settled.named);
    }
    let alone = named.into_iter().enumerate().filter(|(index, _)| !declared.contains(index));
    relations.extend(alone.map(|(_, relation)| relation));
    relations
}

/// What became of one table's foreign keys.
#[derive(Default)]
struct Settled {
    keys: Vec<ForeignKey>,
    notes: Vec<String>,
    relations: Vec<RelationPlan>,
    /// Relations of the plan file that a foreign key declares.
    named: Vec<usize>,
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
            match not_indexed(context, draft, &columns) {
                None => draft.plan.target.primary_key = columns,
                Some(why) => draft.notes.push(format!("primary key of \"{}\": {why}", draft.table.name)),
            }
        }
        Err(why) => draft.notes.push(format!("primary key of \"{}\": {why}", draft.table.name)),
    }
}

/// Why the target cannot index one of the key's columns: by its type, or because it is a text of any length there.
fn not_indexed(context: &Context<'_>, draft: &TableDraft<'_>, key: &[String]) -> Option<String> {
    if context.source.system == context.target.system {
        return None;
    }
    let mut fields = draft.plan.target.fields.iter().filter(|field| key.contains(&field.name));
    let why = |field: &Field| unindexable(context.target.system, &field.logical, &field.name).err();
    fields.find_map(why).or_else(|| too_long(context, draft, key))
}

fn too_long(context: &Context<'_>, draft: &TableDraft<'_>, key: &[String]) -> Option<String> {
    let max = context.abilities.indexed_chars_max?;
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
    mask_keys: &'d MaskKeys,
    /// The relations of the plan file, resolved.
    named: &'d [RelationPlan],
}

impl References<'_, '_> {
    fn of(&self, child: usize) -> Settled {
        let mut settled = Settled::default();
        for key in &self.drafts[child].table.foreign_keys {
            self.settle(child, key, &mut settled);
        }
        settled
    }

    /// Settles whether a foreign key is carried, and what is checked: a relation that names it also where it is not.
    fn settle(&self, child: usize, key: &ForeignKey, settled: &mut Settled) {
        let draft = &self.drafts[child];
        let title = title(draft, key);
        let named = self.named_index(child, key);
        settled.named.extend(named);
        let declared = |relation: &RelationPlan| RelationPlan {
            match_full: key.match_full,
            foreign_key: Some(title.clone()),
            ..relation.clone()
        };
        let named = named.map(|index| declared(&self.named[index]));
        if let Some(left_out) = named.as_ref().and_then(RelationPlan::left_out) {
            settled.notes.push(left_out);
            settled.relations.extend(named);
            return;
        }
        let (carried, parent) = match self.reference(draft, key, named.is_some()) {
            Ok(found) => found,
            Err(why) => {
                settled.notes.push(format!("{title}: {why}"));
                settled.relations.extend(named);
                return;
            }
        };
        let by_bytes = named.unwrap_or_else(|| declared(&relation(child, &carried, parent)));
        let collation = self.coarse_collation(&by_bytes);
        let mut said = Vec::new();
        match self.declarable(draft, carried, parent, &mut said) {
            Ok(carried) => {
                settled.relations.push(RelationPlan { collation, ..by_bytes });
                if !stands(draft, &carried) {
                    settled.keys.push(carried);
                    settled.notes.extend(said.into_iter().map(|why| format!("{title}: {why}")));
                }
            }
            Err(why) => match collation {
                None => {
                    settled.notes.push(format!("{title}: {why}; its rows are checked without it"));
                    settled.relations.push(by_bytes);
                }
                Some(_) => settled.notes.push(format!("{title}: {why}; its rows are not checked, for their collation")),
            },
        }
    }

    /// The foreign key as the target can have it, or why there is none, although its rows may obey it.
    fn declarable(
        &self,
        child: &TableDraft<'_>,
        carried: ForeignKey,
        parent: usize,
        said: &mut Vec<String>,
    ) -> Result<ForeignKey, String> {
        if child.existing.is_some_and(has_keys) && !stands(child, &carried) {
            return Err("the target's table keeps its own keys".to_owned());
        }
        let parent = &self.drafts[parent];
        let fields = |draft: &'_ TableDraft<'_>, name: &String| {
            draft.plan.target.fields.iter().find(|field| field.name == *name).cloned()
        };
        for (name, parent_name) in carried.columns.iter().zip(&carried.parent_columns) {
            if let (Some(field), Some(parent_field)) = (fields(child, name), fields(parent, parent_name)) {
                self.one_type(&field, &parent_field)?;
            }
        }
        if !makes_unique(parent, &carried.parent_columns) {
            return Err(format!("what it refers to is no unique key of \"{}\" in the target", carried.parent));
        }
        self.as_the_target_can(carried, said)
    }

    /// The first collation of the parent's columns in the target under which different texts may be equal.
    fn coarse_collation(&self, relation: &RelationPlan) -> Option<String> {
        let parent = &self.drafts[relation.parent];
        let field = |name: &String| parent.plan.target.fields.iter().find(|field| field.name == *name);
        relation.parent_columns.iter().filter_map(field).find_map(|field| {
            let existing =
                parent.existing.and_then(|table| table.columns.iter().find(|found| found.name == field.name));
            coarse_in(self.context.target.system, field, existing)
        })
    }

    /// Position of the parent's draft.
    fn parent(&self, key: &ForeignKey) -> Option<usize> {
        let by_name =
            |exact: bool| self.drafts.iter().position(|draft| same_name(&draft.table.name, &key.parent, !exact));
        by_name(true).or_else(|| by_name(false).filter(|_| self.folds()))
    }

    fn folds(&self) -> bool {
        self.context.source.system == System::Sqlite
    }

    /// The relation of the plan file that names this foreign key.
    fn named_index(&self, child: usize, key: &ForeignKey) -> Option<usize> {
        let parent = self.parent(key)?;
        let pairs = |columns: &[String], parent_columns: &[String]| {
            let fold = |name: &String| if self.folds() { name.to_ascii_lowercase() } else { name.clone() };
            columns.iter().map(fold).zip(parent_columns.iter().map(fold)).collect::<BTreeSet<_>>()
        };
        let declared = pairs(&key.columns, parent_columns(&key.parent_columns, self.drafts[parent].table));
        let names_it = |(file, plan): (&RelationFile, &RelationPlan)| {
            let of_parent = parent_columns(&file.parent_columns, self.drafts[parent].table);
            (plan.child, plan.parent) == (child, parent) && pairs(&file.columns, of_parent) == declared
        };
        self.context.file.relations.iter().zip(self.named).position(names_it)
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

    /// The foreign key in terms of the target with its parent's position, or why nobody can tell whether it holds. Where the plan
    /// names the relation, a parent of which only some rows are taken is no reason: whether it holds is checked.
    fn reference(
        &self,
        child: &TableDraft<'_>,
        key: &ForeignKey,
        is_named: bool,
    ) -> Result<(ForeignKey, usize), String> {
        let folds = self.folds();
        let index = self.parent(key).ok_or_else(|| format!("table \"{}\" is not part of the plan", key.parent))?;
        let parent = &self.drafts[index];
        if parent.plan.filter.is_some() && !is_named {
            return Err(format!("only some rows of \"{}\" are taken", parent.table.name));
        }
        let parent_columns = parent_columns(&key.parent_columns, parent.table);
        if parent_columns.len() != key.columns.len() {
            return Err("its columns do not pair up".to_owned());
        }
        let mut carried_key = ForeignKey { columns: Vec::new(), parent_columns: Vec::new(), ..key.clone() };
        carried_key.parent = parent.plan.target.name.clone();
        for (name, parent_name) in key.columns.iter().zip(parent_columns) {
            let (field, column) = carried(&child.plan, name, folds)?;
            let (parent_field, parent_column) = carried(&parent.plan, parent_name, folds)?;
            agree(self.mask_keys, (child, field, column), (parent, parent_field, parent_column))?;
            carried_key.columns.push(field.name.clone());
            carried_key.parent_columns.push(parent_field.name.clone());
        }
        Ok((carried_key, index))
    }

    /// Whether the target takes a reference between two types whose values compare.
    fn one_type(&self, child: &Field, parent: &Field) -> Result<(), String> {
        use LogicalType::{Int16, Int32, Int64};
        let is_integer = matches!(child.logical, Int16 | Int32 | Int64);
        if !is_integer || child.logical == parent.logical || !self.context.abilities.references_need_one_type {
            return Ok(());
        }
        Err(format!("column \"{}\" is {} and \"{}\" is {}", child.name, child.logical, parent.name, parent.logical))
    }
}

/// Whether equal values on both sides stay equal, so that a reference between the two columns can hold; else why not.
pub(crate) fn agree(
    mask_keys: &MaskKeys,
    (child, field, column): Carried<'_>,
    (parent, parent_field, parent_column): Carried<'_>,
) -> Result<(), String> {
    let secret = |draft: &TableDraft<'_>, field: &Field| mask_keys.get(&(draft.table.name.clone(), field.name.clone()));
    match (column.mask, parent_column.mask) {
        (None, None) if !comparable(field, parent_field) => Err(format!(
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

/// The columns a reference to `parent` means: its primary key where it names none.
pub(crate) fn parent_columns<'a>(named: &'a [String], parent: &'a Table) -> &'a [String] {
    if named.is_empty() { &parent.primary_key } else { named }
}

/// Whether systems compare the two without a cast that changes a value.
fn comparable(child: &Field, parent: &Field) -> bool {
    use LogicalType::{Decimal, Int16, Int32, Int64, Numeric, Text};
    match (&child.logical, &parent.logical) {
        (Text { .. }, Text { .. })
        | (Int16 | Int32 | Int64, Int16 | Int32 | Int64)
        | (Decimal { .. } | Numeric, Decimal { .. } | Numeric) => true,
        (child, parent) => child == parent,
    }
}

/// Whether the target's table has this foreign key already.
fn stands(draft: &TableDraft<'_>, carried: &ForeignKey) -> bool {
    draft.existing.is_some_and(|existing| existing.foreign_keys.iter().any(|own| same_key(own, carried)))
}

/// What a foreign key of the target demands.
fn relation(child: usize, carried: &ForeignKey, parent: usize) -> RelationPlan {
    RelationPlan {
        child,
        columns: carried.columns.clone(),
        parent,
        parent_columns: carried.parent_columns.clone(),
        match_full: carried.match_full,
        collation: None,
        foreign_key: None,
        orphans: OnOrphans::Fail,
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
