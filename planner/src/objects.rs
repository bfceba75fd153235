//! What stands beside tables: types, sequences, views, routines, triggers. It is written in the source's own language,
//! so it goes to a system of the same kind or nowhere. What is left behind is said, with the reason.

use std::collections::BTreeSet;

use sensei_storage::{Catalog, Object, ObjectKind, System};
use wildmatch::WildMatch;

use crate::file::ObjectsFile;
use crate::labels::is_type;
use crate::problem::{Code, Problem, did_you_mean, listed};
use crate::table::{Context, TableDraft};
use crate::translate::{mentions, title};

/// The objects of the source that the plan's patterns take.
pub(crate) fn select<'a>(
    file: &ObjectsFile,
    source: &'a Catalog,
    problems: &mut Vec<Problem>,
) -> Vec<(&'a Object, bool)> {
    let include = patterns("include", &file.include, source, problems);
    let exclude = patterns("exclude", &file.exclude, source, problems);
    let matches = |patterns: &[WildMatch], said: &str| patterns.iter().any(|pattern| pattern.matches(said));
    let taken = |object: &'a Object| {
        let said = said(object);
        (object, matches(&include, &said) && !matches(&exclude, &said))
    };
    source.objects.iter().map(taken).collect()
}

/// What a pattern is held against: kind and name.
fn said(object: &Object) -> String {
    format!("{} {}", object.kind, object.name)
}

fn patterns(key: &str, patterns: &[String], source: &Catalog, problems: &mut Vec<Problem>) -> Vec<WildMatch> {
    let names: Vec<String> = source.objects.iter().map(said).collect();
    let names = || names.iter().map(String::as_str);
    let compiled: Vec<WildMatch> = patterns.iter().map(|pattern| WildMatch::new(pattern)).collect();
    for (text, pattern) in patterns.iter().zip(&compiled) {
        if text != "*" && !names().any(|name| pattern.matches(name)) {
            let what = format!("pattern \"{text}\" in `objects.{key}` matches nothing");
            let why = match source.objects.len() {
                0 => "The source has nothing beside its tables.".to_owned(),
                _ => format!("The source has {}. Case matters.", listed(names())),
            };
            problems.push(Problem::new(Code::Table, what).why(why).hint(did_you_mean(text, names())));
        }
    }
    compiled
}

/// Names of the types that the target gets from the source.
pub(crate) fn own_types(context: &Context<'_>, selected: &[(&Object, bool)]) -> BTreeSet<String> {
    let carried =
        selected.iter().filter(|(object, taken)| *taken && is_type(object.kind) && object.definition.is_some());
    match context.source.system == context.target.system {
        true => carried.map(|(object, _)| object.name.clone()).collect(),
        false => BTreeSet::new(),
    }
}

/// The objects to create, in the source's order, and why the others are not.
pub(crate) fn carry(
    context: &Context<'_>,
    selected: &[(&Object, bool)],
    drafts: &[TableDraft<'_>],
) -> (Vec<Object>, Vec<String>) {
    let mut missing = Missing::new(context, drafts);
    let (mut carried, mut notes) = (Vec::new(), Vec::new());
    for (object, taken) in selected {
        match missing.reason(context, drafts, object, *taken) {
            None => carried.push(Object { next: None, ..(*object).clone() }),
            Some(why) => {
                missing.names.push((object.name.clone(), format!("{} \"{}\"", object.kind, object.name)));
                notes.push(format!("{} \"{}\": {why}", object.kind, object.name));
            }
        }
    }
    (carried, notes)
}

/// What of the source will not be in the target under its name.
struct Missing {
    /// The name, and what to call it.
    names: Vec<(String, String)>,
}

impl Missing {
    fn new(context: &Context<'_>, drafts: &[TableDraft<'_>]) -> Missing {
        let there = |name: &String| drafts.iter().any(|draft| draft.plan.target.name == *name);
        let tables = context.source.tables.iter().map(|table| &table.name).filter(|name| !there(name));
        Missing { names: tables.map(|name| (name.clone(), format!("table \"{name}\""))).collect() }
    }

    fn is_carried_view(&self, context: &Context<'_>, name: &str) -> bool {
        let is_view = |object: &Object| object.name == name && object.kind == ObjectKind::View;
        context.source.objects.iter().any(is_view) && self.names.iter().all(|(missing, _)| missing != name)
    }

    fn reason(&self, context: &Context<'_>, drafts: &[TableDraft<'_>], object: &Object, taken: bool) -> Option<String> {
        let (source, target) = (context.source.system, context.target.system);
        if source != target {
            return Some(foreign(object.kind, source, target));
        }
        if !taken {
            return Some("the plan leaves it out".to_owned());
        }
        let Some(definition) = &object.definition else {
            return Some("no statement creates it anew".to_owned());
        };
        // A type or routine only needs the table it names, whoever made it.
        let is_attached = !object.kind.precedes_tables();
        if let Some(table) = object.table.as_ref().filter(|_| is_attached) {
            let draft = drafts.iter().find(|draft| draft.table.name == *table);
            let why = match draft {
                None if self.is_carried_view(context, table) => "",
                None => "is not part of the plan",
                Some(draft) if draft.existing.is_some() => "was found in the target and keeps its own schema",
                Some(draft) if draft.plan.target.name != *table => "has another name in the target",
                Some(_) => "",
            };
            if !why.is_empty() {
                return Some(format!("table \"{table}\" {why}"));
            }
        }
        // The body of a routine is looked at when it runs; anything else is looked at when it is created.
        let checked = !object.precedes_tables();
        let (_, gone) = self.names.iter().filter(|_| checked).find(|(name, _)| mentions(definition, name))?;
        Some(format!("it names {gone}, which the target does not get under that name"))
    }
}

/// Why another kind of system does not get an object.
fn foreign(kind: ObjectKind, source: System, target: System) -> String {
    let (own, other) = (title(source), title(target));
    match kind {
        ObjectKind::Enum => format!("{other} has no types of its own; columns carry its labels"),
        ObjectKind::Domain | ObjectKind::Type => format!("{own}'s own type; columns carry its values"),
        ObjectKind::Extension => format!("it extends {own}"),
        ObjectKind::Sequence => format!("it stands alone, and {other} numbers columns only"),
        ObjectKind::Policy | ObjectKind::Rule => format!("{other} has nothing like it"),
        _ => format!("it is written in {own}'s SQL"),
    }
}
