//! One line of a comparison's report. Knows nothing of what was compared.

use std::path::Path;

use serde_json::Value;

/// A differing row, as reports name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    kind: String,
    key: Option<String>,
    columns: Vec<String>,
}

impl Finding {
    /// A row that the target lacks, by its key as reports write it.
    pub fn missing(key: &str) -> Finding {
        Finding { kind: "missing".to_owned(), key: Some(key.to_owned()), columns: vec![] }
    }

    /// A row that only the target has.
    pub fn extra(key: &str) -> Finding {
        Finding { kind: "extra".to_owned(), key: Some(key.to_owned()), columns: vec![] }
    }

    /// A row that differs in `columns`.
    pub fn changed(key: &str, columns: &[&str]) -> Finding {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Finding { kind: "changed".to_owned(), key: Some(key.to_owned()), columns }
    }

    /// A cell of the target that is no value of its column's type.
    pub fn unreadable(key: &str, column: &str) -> Finding {
        Finding { kind: "unreadable".to_owned(), key: Some(key.to_owned()), columns: vec![column.to_owned()] }
    }

    /// `kind` in a table without a key.
    pub fn keyless(kind: &str) -> Finding {
        Finding { kind: kind.to_owned(), key: None, columns: vec![] }
    }

    /// Reads what `{kind, key, columns, copies}` says: equal rows share a line.
    ///
    /// # Panics
    /// If it says something else.
    pub fn of(line: &Value) -> Vec<Finding> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let finding = Finding {
            kind: text(&line["kind"]).expect("a difference has a kind"),
            key: text(&line["key"]),
            columns: line["columns"].as_array().expect("and columns").iter().filter_map(text).collect(),
        };
        vec![finding; line["copies"].as_u64().and_then(|copies| usize::try_from(copies).ok()).expect("and copies")]
    }
}

/// The report at `path`: table of the target and row, sorted.
///
/// # Panics
/// If there is none, or a table has another name in the target.
pub fn read_report(path: &Path) -> Vec<(String, Finding)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        assert_eq!(line["source"], line["target"], "names are kept in these plans");
        let table = line["target"].as_str().expect("a difference has a table").to_owned();
        Finding::of(&line).into_iter().map(move |finding| (table.clone(), finding))
    };
    let mut findings: Vec<(String, Finding)> = text.lines().flat_map(line).collect();
    findings.sort();
    findings
}
