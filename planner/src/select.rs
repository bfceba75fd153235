//! Which tables a plan takes, by patterns, and which rule goes with each. Knows nothing of columns.

use std::collections::HashMap;

use sensei_storage::{Catalog, Table};
use wildmatch::WildMatch;

use crate::file::{RuleFile, TablesFile};
use crate::problem::{Code, Problem, did_you_mean, listed};

/// A table that the plan takes, with the rule for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected<'a> {
    pub(crate) table: &'a Table,
    pub(crate) rule: Option<&'a RuleFile>,
}

/// The tables of `source` that `file` takes, in the catalog's order.
pub(crate) fn select<'a>(file: &'a TablesFile, source: &'a Catalog, problems: &mut Vec<Problem>) -> Vec<Selected<'a>> {
    let include = patterns("include", &file.include, source, problems);
    let exclude = patterns("exclude", &file.exclude, source, problems);
    let rules = rules(&file.rules, source, problems);
    let matches = |patterns: &[WildMatch], name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    let mut selected = Vec::new();
    for table in &source.tables {
        let rule = rules.get(table.name.as_str()).copied();
        if matches(&include, &table.name) && !matches(&exclude, &table.name) {
            selected.push(Selected { table, rule });
        } else if rule.is_some() {
            let what = format!("rule for table \"{}\" has no effect", table.name);
            problems.push(Problem::new(Code::Table, what).why("The table is not included, or it is excluded."));
        }
    }
    if selected.is_empty() && problems.is_empty() {
        let why = match source.tables.len() {
            0 => "The source has no tables there.".to_owned(),
            count => format!("The source has {count} tables, and the patterns leave none."),
        };
        problems.push(Problem::new(Code::Table, "plan takes no table").why(why));
    }
    selected
}

/// Compiles patterns; each must match something, except that `*` may find an empty source.
fn patterns(key: &str, patterns: &[String], source: &Catalog, problems: &mut Vec<Problem>) -> Vec<WildMatch> {
    let compiled: Vec<WildMatch> = patterns.iter().map(|pattern| WildMatch::new(pattern)).collect();
    for (text, pattern) in patterns.iter().zip(&compiled) {
        if text != "*" && !source.tables.iter().any(|table| pattern.matches(&table.name)) {
            let what = format!("pattern \"{text}\" in `tables.{key}` matches no table");
            problems.push(no_such_table(what, text, source));
        }
    }
    compiled
}

fn rules<'a>(rules: &'a [RuleFile], source: &Catalog, problems: &mut Vec<Problem>) -> HashMap<&'a str, &'a RuleFile> {
    let mut by_table = HashMap::new();
    for rule in rules {
        if !source.tables.iter().any(|table| table.name == rule.table) {
            let what = format!("table \"{}\", which has a rule, does not exist in the source", rule.table);
            problems.push(no_such_table(what, &rule.table, source));
        } else if by_table.insert(rule.table.as_str(), rule).is_some() {
            let what = format!("table \"{}\" has two rules", rule.table);
            problems.push(Problem::new(Code::Table, what).hint("Write them as one."));
        }
    }
    by_table
}

fn no_such_table(what: String, name: &str, source: &Catalog) -> Problem {
    let names = || source.tables.iter().map(|table| table.name.as_str());
    let quoted = format!("\"{name}\"");
    let other = source.not_carried.iter().find(|object| object.ends_with(&quoted));
    let why = match other {
        Some(object) => format!("The source has {object}, and only ordinary tables are carried."),
        None if source.tables.is_empty() => "The source has no tables there.".to_owned(),
        None => format!("The source has {}. Case matters.", listed(names())),
    };
    Problem::new(Code::Table, what).why(why).hint(did_you_mean(name, names()))
}
