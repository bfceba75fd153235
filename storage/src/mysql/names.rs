//! MySQL's own names: of types, as its DDL writes them, and which names of tables and columns it allows.

use super::flavor::{Flavor, Server};
use crate::types::LogicalType;

/// Characters of an identifier at most.
pub const IDENTIFIER_CHARS_MAX: usize = 64;

/// Why MySQL cannot have a table, column, index or constraint called `name`; `None` if it can.
///
/// ```
/// use sensei_storage::mysql;
/// assert_eq!(mysql::identifier_problem("Größe (cm)"), None);
/// assert!(mysql::identifier_problem("🦀").is_some());
/// ```
///
/// # Source
/// MySQL manual 11.2, schema object names.
pub fn identifier_problem(name: &str) -> Option<String> {
    if name.chars().count() > IDENTIFIER_CHARS_MAX {
        return Some(format!("It has more than {IDENTIFIER_CHARS_MAX} characters."));
    }
    if name.ends_with(' ') {
        return Some("It ends with a space.".to_owned());
    }
    if name.chars().any(|c| c == '\0' || u32::from(c) > 0xffff) {
        return Some("It has a character that MySQL's names cannot have: U+0000, or one beyond U+FFFF.".to_owned());
    }
    None
}

/// Collations of one server that the other has under another name. They agree on all but characters that came later.
const COUNTERPARTS: [(&str, &str); 4] = [
    ("utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"),
    ("utf8mb4_0900_as_ci", "utf8mb4_uca1400_nopad_as_ci"),
    ("utf8mb4_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs"),
    ("utf8mb4_0900_bin", "utf8mb4_nopad_bin"),
];

/// What a server of this version, in its catalog's words, calls a collation of MySQL or MariaDB.
///
/// ```
/// use sensei_storage::mysql;
/// assert_eq!(mysql::collation_in("MariaDB 11.4.2", "utf8mb4_0900_bin"), "utf8mb4_nopad_bin");
/// assert_eq!(mysql::collation_in("MariaDB 11.4.2", "latin1_swedish_ci"), "latin1_swedish_ci");
/// assert_eq!(mysql::collation_in("MySQL 8.4.0", "utf8_general_ci"), "utf8mb3_general_ci");
/// ```
///
/// # Source
/// Release notes of MySQL 8.0.30 and MariaDB 10.6.1: from these on `utf8_…` is called `utf8mb3_…`.
pub fn collation_in(version: &str, collation: &str) -> String {
    let server = Server::of_catalog(version);
    let other = |(mysql, mariadb): &(&'static str, &'static str)| match server.flavor {
        Flavor::Mariadb => (collation == *mysql).then_some(*mariadb),
        Flavor::Mysql => (collation == *mariadb).then_some(*mysql),
    };
    match COUNTERPARTS.iter().find_map(other) {
        Some(counterpart) => counterpart.to_owned(),
        None => three_bytes(collation, server.is_mysql(8, 0, 30) || server.is_mariadb(10, 6, 1)),
    }
}

/// What a server of this version, in its catalog's words, calls a character set.
///
/// ```
/// use sensei_storage::mysql;
/// assert_eq!(mysql::charset_in("MySQL 5.7.44-log", "utf8mb3"), "utf8");
/// assert_eq!(mysql::charset_in("MariaDB 10.11.6-MariaDB", "utf8"), "utf8mb3");
/// ```
///
/// # Source
/// Release notes of MySQL 8.0.28 and MariaDB 10.6.1.
pub fn charset_in(version: &str, charset: &str) -> String {
    let server = Server::of_catalog(version);
    three_bytes(charset, server.is_mysql(8, 0, 28) || server.is_mariadb(10, 6, 1))
}

/// UTF-8 of at most three bytes, which older servers call `utf8` and newer ones `utf8mb3`.
fn three_bytes(name: &str, is_newer: bool) -> String {
    let suffix = ["utf8mb3", "utf8"].iter().find_map(|old| name.strip_prefix(old));
    match suffix.filter(|suffix| suffix.is_empty() || suffix.starts_with('_')) {
        Some(suffix) if is_newer => format!("utf8mb3{suffix}"),
        Some(suffix) => format!("utf8{suffix}"),
        None => name.to_owned(),
    }
}

/// A type text, taken apart: `int(10) unsigned zerofill` is `int` with the parameter 10, unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NativeType {
    /// Lower-case name.
    pub name: String,
    /// What stands in parentheses, as written.
    pub parameters: Option<String>,
    /// Whether it has no negative numbers.
    pub unsigned: bool,
}

impl NativeType {
    /// Takes `text` apart; `None` if it does not look like a type.
    pub(super) fn parse(text: &str) -> Option<NativeType> {
        let text = text.trim();
        let (name, rest) = text.split_at(text.find(|c: char| c == '(' || c.is_whitespace()).unwrap_or(text.len()));
        // The labels of an enumeration may hold parentheses; the last one closes the list.
        let (parameters, attributes) = match rest.trim_start().strip_prefix('(') {
            Some(rest) => {
                let (inside, after) = rest.rsplit_once(')')?;
                (Some(inside.to_owned()), after)
            }
            None => (None, rest),
        };
        let word = |word: &str| attributes.split_whitespace().any(|found| found.eq_ignore_ascii_case(word));
        // A column that is filled up with zeros is unsigned too.
        let unsigned = word("unsigned") || word("zerofill");
        let name = name.to_ascii_lowercase();
        (!name.is_empty()).then_some(NativeType { name, parameters, unsigned })
    }

    /// The parameters as numbers; empty if there are none.
    pub(super) fn numbers(&self) -> Option<Vec<u32>> {
        let Some(parameters) = &self.parameters else { return Some(Vec::new()) };
        parameters.split(',').map(|digits| digits.trim().parse().ok()).collect()
    }

    /// The labels of an enumeration, in its order.
    pub(super) fn labels(&self) -> Vec<String> {
        let Some(mut rest) = self.parameters.as_deref().filter(|_| self.name == "enum") else { return Vec::new() };
        let mut labels = Vec::new();
        while let Some(inside) = rest.trim_start_matches([',', ' ']).strip_prefix('\'') {
            let (label, after) = quoted(inside);
            labels.push(label);
            rest = after;
        }
        labels
    }
}

/// The text up to the closing quote, with doubled quotes single, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut label = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\'') {
        label.push_str(before);
        match after.strip_prefix('\'') {
            Some(after) => {
                label.push('\'');
                rest = after;
            }
            None => return (label, after),
        }
    }
    (label, "")
}

/// What a type text means; `None` if it is not one of MySQL's or MariaDB's supported types.
///
/// ```
/// use sensei_storage::{LogicalType, mysql};
/// assert_eq!(mysql::logical_type("varchar(40)"), Some(LogicalType::Text { max_chars: Some(40) }));
/// assert_eq!(mysql::logical_type("int(10) unsigned"), Some(LogicalType::Int64));
/// assert_eq!(mysql::logical_type("mood"), None);
/// ```
pub fn logical_type(native: &str) -> Option<LogicalType> {
    super::types::logical(&NativeType::parse(native)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_taken_apart() {
        let parse = |text| NativeType::parse(text).expect("a type");
        assert_eq!(parse("DECIMAL(10, 2) zerofill").numbers(), Some(vec![10, 2]));
        assert!(parse("decimal(10,2) zerofill").unsigned && parse("int unsigned").unsigned && !parse("int").unsigned);
        assert_eq!(parse("enum('a','b''c','d,e','f)(')").labels(), ["a", "b'c", "d,e", "f)("]);
        assert_eq!(parse("longtext /* x */").name, "longtext");
        assert_eq!(NativeType::parse(" "), None);
    }

    #[test]
    fn names_that_mysql_cannot_have_are_told() {
        for name in ["a", "`", "a\nb", "ü".repeat(64).as_str(), "; DROP TABLE x"] {
            assert_eq!(identifier_problem(name), None, "{name}");
        }
        for name in ["a ", "a\0", "🦀", "x".repeat(65).as_str()] {
            assert!(identifier_problem(name).is_some(), "{name}");
        }
    }
}
