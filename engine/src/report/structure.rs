//! The target's schema beside the plan, for people.

use std::fmt::Write;

use sensei_storage::evidence::{StructuralCounts, StructuralFacts};

use super::counted;
use crate::limits::STRUCTURE_SHOWN_MAX;

/// What was compared and what differs; the first few differences, the others counted.
pub(super) fn text(facts: &StructuralFacts) -> String {
    let mut out = format!("\nSchema: {}", compared(&facts.compared));
    if facts.differences.is_empty() {
        return out + "; all as planned\n";
    }
    let _ = writeln!(out, "; {} from the plan", counted(facts.differences.len() as u64, "difference"));
    for difference in facts.differences.iter().take(STRUCTURE_SHOWN_MAX) {
        let _ = writeln!(out, "  {} {}", difference.object, difference.what);
    }
    if let more @ 1.. = facts.differences.len().saturating_sub(STRUCTURE_SHOWN_MAX) {
        let _ = writeln!(out, "  … and {more} more");
    }
    out
}

fn compared(counts: &StructuralCounts) -> String {
    let StructuralCounts { tables, columns, primary_keys, indexes, foreign_keys, checks, objects, numbers } = *counts;
    let kinds = [
        (tables, "table"),
        (columns, "column"),
        (primary_keys, "primary key"),
        (indexes, "other index"),
        (foreign_keys, "foreign key"),
        (checks, "check"),
        (objects, "other object"),
        (numbers, "next number"),
    ];
    let named = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| match (count, noun) {
        (count, "other index") if count > 1 => format!("{count} other indexes"),
        (count, noun) => counted(count, noun),
    });
    named.collect::<Vec<_>>().join(", ")
}
