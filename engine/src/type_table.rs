//! What becomes of every type: native type, logical type, and each target's native type, out of the same functions that
//! plan a job. Printed by `sensei types`; the part of `docs/types.md` below its marker is this table.

use std::fmt::Write;

use sensei_planner::Dialect;
use sensei_storage::{DocumentedType, LogicalType, System, mysql, parquet, postgres, sqlite};
use serde::Serialize;

use crate::dialect::TargetDialect;

/// Systems that columns with native types come from.
const SOURCES: [System; 3] = [System::Postgresql, System::Mysql, System::Sqlite];
/// Systems that columns go to.
const TARGETS: [System; 4] = [System::Postgresql, System::Mysql, System::Sqlite, System::Parquet];

/// One native type and what becomes of it.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Where it comes from.
    pub system: System,
    /// The type in its system's own words.
    pub native: &'static str,
    /// What its columns are read as; `None` if they are not supported.
    pub logical: Option<String>,
    /// What else there is to say; empty for nothing.
    pub note: &'static str,
    /// What it becomes in each target.
    pub targets: Vec<Arrival>,
}

/// What a native type becomes in one target.
#[derive(Debug, Serialize)]
pub struct Arrival {
    /// Where it goes.
    pub system: System,
    /// The type of the column that is created.
    pub native: String,
    /// The rule by which values are carried, if they are not exactly the same.
    pub rule: Option<&'static str>,
    /// Values the target cannot hold, whose rows are rejected.
    pub rejects: Option<&'static str>,
}

/// The rows for columns of `from` going to `to`; `None` stands for every system.
pub fn rows(from: Option<System>, to: Option<System>) -> Vec<Row> {
    let chosen = |one: Option<System>, system: &System| one.is_none_or(|one| one == *system);
    let targets: Vec<System> = TARGETS.into_iter().filter(|system| chosen(to, system)).collect();
    let sources = SOURCES.into_iter().filter(|system| chosen(from, system));
    sources
        .flat_map(|system| documented(system).into_iter().map(move |found| (system, found)))
        .map(|(system, found)| row(system, found, &targets))
        .collect()
}

fn row(system: System, found: DocumentedType, targets: &[System]) -> Row {
    let arrivals = found
        .logical
        .iter()
        .flat_map(|logical| targets.iter().map(|target| arrival(system, found.native, logical, *target)));
    Row {
        system,
        native: found.native,
        logical: found.logical.as_ref().map(LogicalType::to_string),
        note: found.note,
        targets: arrivals.collect(),
    }
}

fn arrival(from: System, native: &'static str, logical: &LogicalType, to: System) -> Arrival {
    if from == to {
        return Arrival { system: to, native: native.to_owned(), rule: None, rejects: None };
    }
    let dialect = TargetDialect(to);
    let held = dialect.holding(logical);
    let rule = held.as_ref().map(|(_, rule)| *rule);
    let becomes = held.map_or_else(|| logical.clone(), |(becomes, _)| becomes);
    Arrival { system: to, native: dialect.native_type(&becomes), rule, rejects: refuses(to, &becomes) }
}

fn documented(system: System) -> Vec<DocumentedType> {
    match system {
        System::Postgresql => postgres::documented_types(),
        System::Sqlite => sqlite::documented_types(),
        System::Mysql => mysql::documented_types(),
        System::Csv | System::Parquet => Vec::new(),
    }
}

fn refuses(system: System, logical: &LogicalType) -> Option<&'static str> {
    match system {
        System::Postgresql => postgres::refuses(logical),
        System::Sqlite => sqlite::refuses(logical),
        System::Parquet => parquet::refuses(logical),
        System::Mysql => mysql::refuses(logical),
        System::Csv => None,
    }
}

/// The name people know a system by.
fn title(system: System) -> &'static str {
    match system {
        System::Postgresql => "PostgreSQL",
        System::Sqlite => "SQLite",
        System::Mysql => "MySQL, MariaDB",
        System::Csv => "CSV",
        System::Parquet => "Parquet",
    }
}

/// Sentences that cells refer to by number.
#[derive(Default)]
struct Footnotes(Vec<String>);

impl Footnotes {
    fn number(&mut self, text: String) -> usize {
        let known = self.0.iter().position(|note| *note == text);
        1 + known.unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        })
    }
}

/// The table in Markdown: one section per source, one column per target, and under it what the numbers mean.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::new();
    for (index, system) in SOURCES.into_iter().enumerate() {
        let of_source: Vec<&Row> = rows.iter().filter(|row| row.system == system).collect();
        let Some(targets) = of_source.iter().map(|row| &row.targets).max_by_key(|targets| targets.len()) else {
            continue;
        };
        let targets: Vec<System> = targets.iter().map(|arrival| arrival.system).collect();
        let gap = if index > 0 && !out.is_empty() { "\n" } else { "" };
        let _ = write!(out, "{gap}## From {}\n\n| {} | read as |", title(system), title(system));
        targets.iter().for_each(|target| {
            let _ = write!(out, " to {} |", title(*target));
        });
        let _ = writeln!(out, "\n| --- | --- |{}", " --- |".repeat(targets.len()));
        let mut notes = Footnotes::default();
        for row in of_source {
            let _ = writeln!(out, "{}", line(row, targets.len(), &mut notes));
        }
        out.push('\n');
        for (index, note) in notes.0.iter().enumerate() {
            let _ = writeln!(out, "{}. {note}", index + 1);
        }
    }
    out
}

fn line(row: &Row, targets: usize, notes: &mut Footnotes) -> String {
    let native = if row.native.is_empty() { "no type".to_owned() } else { format!("`{}`", row.native) };
    let note = match row.note {
        "" => String::new(),
        note => format!(" [{}]", notes.number(sentence(note))),
    };
    let logical = row.logical.as_deref().unwrap_or("not supported");
    let mut out = format!("| {native}{note} | {logical} |");
    row.targets.iter().for_each(|arrival| {
        let _ = write!(out, " {} |", cell(arrival, notes));
    });
    out.push_str(&" |".repeat(targets - row.targets.len()));
    out
}

fn cell(arrival: &Arrival, notes: &mut Footnotes) -> String {
    let native = if arrival.native.is_empty() { "no type".to_owned() } else { format!("`{}`", arrival.native) };
    let mut out = match arrival.rule {
        None => format!("{native} exact"),
        Some(rule) => format!("{native} exact with rule [{}]", notes.number(sentence(rule))),
    };
    if let Some(rejects) = arrival.rejects {
        let number = notes.number(format!("Rejected row by row, because the target cannot hold it: {rejects}."));
        let _ = write!(out, " [{number}]");
    }
    out
}

fn sentence(clause: &str) -> String {
    let mut characters = clause.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

/// The table for a terminal: a line per type, for one source and one target or for all of them.
pub fn text(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let logical = row.logical.as_deref().unwrap_or("not supported");
        let _ = write!(out, "{}:{}  read as {logical}", row.system, row.native);
        let _ = if row.note.is_empty() { writeln!(out) } else { writeln!(out, " ({})", row.note) };
        for arrival in &row.targets {
            let rule = arrival.rule.map_or_else(|| "exact".to_owned(), |rule| format!("exact with rule: {rule}"));
            let rejects = arrival.rejects.map(|values| format!("; rejected: {values}")).unwrap_or_default();
            let _ = writeln!(out, "    {}  {}  {rule}{rejects}", arrival.system, arrival.native);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Below this line `docs/types.md` is generated.
    const MARKER: &str =
        "<!-- Generated by `sensei types --markdown`: run the tests with UPDATE_GOLDEN=1 to write it anew. -->\n";

    #[test]
    fn the_committed_table_is_the_generated_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/types.md");
        let committed = std::fs::read_to_string(path).unwrap();
        let (head, below) = committed.split_once(MARKER).expect("the marker stands in the file");
        let generated = format!("\n{}", markdown(&rows(None, None)));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, format!("{head}{MARKER}{generated}")).unwrap();
        } else {
            assert!(below == generated, "docs/types.md is not what `sensei types` says: run with UPDATE_GOLDEN=1");
        }
    }

    #[test]
    fn what_is_documented_is_what_the_connectors_say() {
        for row in rows(None, None) {
            let known = TargetDialect(row.system).logical_type(row.native).map(|logical| logical.to_string());
            assert!(known.is_none() || known == row.logical, "{}:{}", row.system, row.native);
        }
    }
}
