//! What was not carried over, for people: by kind and reason, so that two hundred views take two lines.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::limits::NOT_CARRIED_SHOWN_MAX;

/// The list as text, empty for none. Entries are `kind "name"…: reason`; of those alike in kind and reason the first few
/// are named and the others counted. JSON has them all.
pub(super) fn text(entries: &[String]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for entry in entries {
        let Parts { kind, name, reason } = Parts::of(entry);
        groups.entry((kind, reason)).or_default().push(name);
    }
    let mut out = format!("\nNot carried over ({}):\n", entries.len());
    for ((kind, reason), names) in groups {
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let shown = names.len().min(NOT_CARRIED_SHOWN_MAX);
        let more = names.len() - shown;
        let list = names[..shown].join(", ");
        let list = list.trim();
        let _ = match (names.len(), more) {
            (1, _) if list.is_empty() => writeln!(out, "  {kind}{reason}"),
            (1, _) => writeln!(out, "  {kind} {list}{reason}"),
            (count, 0) => writeln!(out, "  {kind}, {count}{reason}\n    {list}"),
            (count, more) => writeln!(out, "  {kind}, {count}{reason}\n    {list} … and {more} more"),
        };
    }
    out
}

struct Parts<'a> {
    kind: &'a str,
    name: &'a str,
    reason: &'a str,
}

impl<'a> Parts<'a> {
    /// Cuts an entry before its first name and after its last.
    fn of(entry: &'a str) -> Parts<'a> {
        let (subject, reason) = entry.split_at(subject_end(entry));
        let (kind, name) = subject.split_at(subject.find('"').unwrap_or(subject.len()));
        Parts { kind: kind.trim(), name: name.trim(), reason: reason.trim_start_matches(':').trim() }
    }
}

/// Bytes before the colon that no name holds.
fn subject_end(entry: &str) -> usize {
    let mut quoted = false;
    for (at, next) in entry.char_indices() {
        match next {
            '"' => quoted = !quoted,
            ':' if !quoted => return at,
            _ => {}
        }
    }
    entry.len()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    fn check(entries: &[&str], expected: Expect) {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        expected.assert_eq(&super::text(&entries));
    }

    #[test]
    fn kinds_and_reasons_are_said_once() {
        check(
            &[
                "view \"b\": it is written in SQLite's SQL",
                "view \"a: b\": it is written in SQLite's SQL",
                "large objects: 12",
                "primary key of \"t\": column \"x\" is converted with a loss",
                "rule \"r\"",
                "view \"w\": another reason",
            ],
            expect![[r#"

                Not carried over (6):
                  large objects: 12
                  primary key of "t": column "x" is converted with a loss
                  rule "r"
                  view "w": another reason
                  view, 2: it is written in SQLite's SQL
                    "b", "a: b"
            "#]],
        );
        check(&[], expect![""]);
    }

    #[test]
    fn two_hundred_take_two_lines() {
        let entries: Vec<String> = (0..200).map(|number| format!("trigger \"t{number}\": no reason")).collect();
        let text = super::text(&entries);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("trigger, 200: no reason") && text.contains("… and 195 more"), "{text}");
    }
}
