//! Names in the target: not empty, not too long, not taken twice. Nothing is shortened or folded silently.

use std::collections::HashMap;

use crate::dialect::Dialect;
use crate::problem::{Code, Problem};
use crate::table::TableDraft;

/// Adds a problem for each name that the target cannot have.
pub(crate) fn check(drafts: &[TableDraft<'_>], dialect: &dyn Dialect, problems: &mut Vec<Problem>) {
    let tables =
        drafts.iter().map(|draft| (draft.plan.target.name.as_str(), format!("table \"{}\"", draft.table.name)));
    distinct("table", tables, dialect, problems);
    for draft in drafts {
        let table = &draft.table.name;
        let of = |index: usize| match draft.plan.source_column(&draft.plan.columns[index]) {
            Some(column) => format!("column \"{column}\" of table \"{table}\""),
            None => format!("a computed column of table \"{table}\""),
        };
        let columns = draft.plan.target.fields.iter().enumerate();
        distinct("column", columns.map(|(index, field)| (field.name.as_str(), of(index))), dialect, problems);
    }
}

/// Checks names that must differ from each other, each with what it is the name of.
fn distinct<'a>(
    kind: &str,
    names: impl Iterator<Item = (&'a str, String)>,
    dialect: &dyn Dialect,
    problems: &mut Vec<Problem>,
) {
    let mut taken: HashMap<String, String> = HashMap::new();
    for (name, of) in names {
        if let Some(why) = unusable(name, dialect) {
            let what = format!("{of} cannot be named \"{}\" in the target", name.escape_debug());
            problems.push(Problem::new(Code::Name, what).why(why).hint("Choose another name with `into`."));
        }
        let folded = if dialect.ignores_case() { name.to_ascii_lowercase() } else { name.to_owned() };
        if let Some(other) = taken.insert(folded, of.clone()) {
            let why = match dialect.ignores_case() {
                true => "The target does not tell names apart that differ only in case.",
                false => "",
            };
            let what = format!("{other} and {of} would both become {kind} \"{name}\"");
            problems.push(Problem::new(Code::Name, what).why(why).hint("Choose another name with `into`."));
        }
    }
}

fn unusable(name: &str, dialect: &dyn Dialect) -> Option<String> {
    if name.is_empty() {
        return Some("It is empty.".to_owned());
    }
    if name.contains('\0') {
        return Some("It has a NUL character.".to_owned());
    }
    let max = dialect.identifier_bytes_max()?;
    (name.len() > max).then(|| format!("It has {} bytes, and the target's limit is {max}.", name.len()))
}
