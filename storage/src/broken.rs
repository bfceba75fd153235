//! Tells, for people, which rows break a constraint that a target would not add: by their keys, never by other values.

use crate::catalog::{Field, TargetTable};

/// Rows, or groups of rows with an equal key, that are named; the others are counted.
pub(crate) const BROKEN_NAMED_MAX: usize = 10;
/// Characters of one name.
const NAME_CHARS_MAX: usize = 200;

/// The fields that name a row of `table`: its primary key, or none.
pub(crate) fn key(table: &TargetTable) -> Vec<&Field> {
    let field = |name: &String| table.fields.iter().find(|field| field.name == *name);
    table.primary_key.iter().filter_map(field).collect()
}

/// What rows are sorted by to name the first of them, each column as `quoted`.
pub(crate) fn order(table: &TargetTable, quoted: fn(&str) -> String) -> String {
    let columns: Vec<String> = key(table).iter().map(|field| quoted(&field.name)).collect();
    if columns.is_empty() { "2".to_owned() } else { columns.join(", ") }
}

/// `rows that break it: 12, among them id=2; id=5`.
pub(crate) fn rows(count: u64, named: &[String]) -> String {
    told("rows that break it", count, named)
}

/// `keys that several rows have: 2, among them that of id=2 and id=5`.
pub(crate) fn doubled(count: u64, named: &[(String, String)]) -> String {
    let pair = |(one, other): &(String, String)| match one == other {
        true => one.clone(),
        false => format!("that of {one} and {other}"),
    };
    told("keys that several rows have", count, &named.iter().map(pair).collect::<Vec<_>>())
}

fn told(what: &str, count: u64, named: &[String]) -> String {
    let short = |name: &String| name.chars().take(NAME_CHARS_MAX).collect::<String>();
    let named = named.iter().filter(|name| !name.is_empty()).map(short).collect::<Vec<_>>().join("; ");
    match named.is_empty() {
        true => format!("{what}: {count}"),
        false => format!("{what}: {count}, among them {named}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_by_key_and_counted() {
        assert_eq!(rows(12, &["id=2".to_owned(), "id=5".to_owned()]), "rows that break it: 12, among them id=2; id=5");
        assert_eq!(rows(3, &[]), "rows that break it: 3");
        let pairs = [("id=1".to_owned(), "id=4".to_owned()), ("id=7".to_owned(), "id=7".to_owned())];
        assert_eq!(doubled(2, &pairs), "keys that several rows have: 2, among them that of id=1 and id=4; id=7");
        assert_eq!(doubled(1, &[(String::new(), String::new())]), "keys that several rows have: 1");
    }
}
