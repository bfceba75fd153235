//! Names in the target: not empty, not too long, not taken twice. Nothing is shortened or folded silently.

use std::collections::HashMap;

use crate::abilities::{Abilities, IdentifierMax};
use crate::dialect::Dialect;
use crate::problem::{Code, Problem};
use crate::table::TableDraft;

/// Adds a problem for each name that the target cannot have.
pub(crate) fn check(
    drafts: &[TableDraft<'_>],
    dialect: &dyn Dialect,
    abilities: &Abilities,
    problems: &mut Vec<Problem>,
) {
    let mut limits = Limits { max: abilities.identifier_max, ignores_case: dialect.ignores_case(), dialect };
    let tables =
        drafts.iter().map(|draft| (draft.plan.target.name.as_str(), format!("table \"{}\"", draft.table.name)));
    distinct("table", tables, &limits, problems);
    limits.ignores_case = dialect.columns_ignore_case();
    for draft in drafts {
        let table = &draft.table.name;
        let of = |index: usize| match draft.plan.source_column(&draft.plan.columns[index]) {
            Some(column) => format!("column \"{column}\" of table \"{table}\""),
            None => format!("a computed column of table \"{table}\""),
        };
        let columns = draft.plan.target.fields.iter().enumerate();
        distinct("column", columns.map(|(index, field)| (field.name.as_str(), of(index))), &limits, problems);
    }
}

/// What names in the target must obey.
struct Limits<'a> {
    max: Option<IdentifierMax>,
    ignores_case: bool,
    dialect: &'a dyn Dialect,
}

/// Checks names that must differ from each other, each with what it is the name of.
fn distinct<'a>(
    kind: &str,
    names: impl Iterator<Item = (&'a str, String)>,
    limits: &Limits<'_>,
    problems: &mut Vec<Problem>,
) {
    let mut taken: HashMap<String, String> = HashMap::new();
    for (name, of) in names {
        if let Some(why) = unusable(name, limits) {
            let what = format!("{of} cannot be named \"{}\" in the target", name.escape_debug());
            problems.push(Problem::new(Code::Name, what).why(why).hint("Choose another name with `into`."));
        }
        let folded = if limits.ignores_case { name.to_ascii_lowercase() } else { name.to_owned() };
        if let Some(other) = taken.insert(folded, of.clone()) {
            let why = match limits.ignores_case {
                true => "The target does not tell names apart that differ only in case.",
                false => "",
            };
            let what = format!("{other} and {of} would both become {kind} \"{name}\"");
            problems.push(Problem::new(Code::Name, what).why(why).hint("Choose another name with `into`."));
        }
    }
}

fn unusable(name: &str, limits: &Limits<'_>) -> Option<String> {
    if name.is_empty() {
        return Some("It is empty.".to_owned());
    }
    if name.contains('\0') {
        return Some("It has a NUL character.".to_owned());
    }
    let Some(max) = limits.max.filter(|max| !max.allows(name)) else { return limits.dialect.name_problem(name) };
    match max {
        IdentifierMax::Bytes(max) => Some(format!("It has {} bytes, and the target's limit is {max}.", name.len())),
        IdentifierMax::Chars(max) => {
            Some(format!("It has {} characters, and the target's limit is {max}.", name.chars().count()))
        }
    }
}
