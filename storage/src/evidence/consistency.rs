//! Recounts what a statement claims. Signatures say who claims it; this says whether it can be true.

use std::collections::BTreeMap;

use super::statement::{
    CutFacts, PREDICATE_TYPE, Perspectives, Predicate, RelationFacts, STATEMENT_TYPE, Statement, TableFacts, Totals,
    subjects,
};
use crate::digest::Digest;
use crate::verdict::{Verdict, VerifyMode};

/// Everything in which `statement` contradicts itself, each as `section: what`; empty if nothing.
///
/// A table is equivalent exactly if read = written + rejected, verified = written, both digests count that many rows
/// and their difference is zero. Under `counts` no digests are read back, so equal counts do not demand a verdict, but
/// unequal ones demand `different`. Under `off` nothing but `inconclusive` can be said. A relation with orphans is
/// different unless the plan accepts them, and so is then the whole; likewise a structural difference.
pub fn contradictions(statement: &Statement) -> Vec<String> {
    let predicate = &statement.predicate;
    let mut found = Vec::new();
    let mut demand = |holds: bool, section: &str, what: &str| {
        if !holds {
            found.push(format!("{section}: {what}"));
        }
    };
    demand(statement.statement_type == STATEMENT_TYPE, "_type", "not an in-toto Statement v1");
    demand(statement.predicate_type == PREDICATE_TYPE, "predicateType", "not a migration predicate v1");
    demand(statement.subject == subjects(predicate), "subject", "does not follow from the tables");
    for table in &predicate.tables {
        let section = format!("tables/{}", table.target);
        for what in table_contradictions(table, predicate.mode) {
            demand(false, &section, what);
        }
    }
    for what in cut_contradictions(predicate) {
        demand(false, "cuts", &what);
    }
    demand(Totals::of(&predicate.tables) == Some(predicate.totals), "totals", "not the sums over the tables");
    for relation in &predicate.referential {
        for what in relation_contradictions(relation, predicate.mode) {
            demand(false, "referential", &format!("{} to {}: {what}", relation.table, relation.parent));
        }
    }
    let claimed = predicate.perspectives;
    let sound = Perspectives::of(&predicate.tables, &predicate.referential, predicate.structural.as_ref());
    demand(claimed.row == sound.row, "perspectives", "the row perspective does not follow from the tables");
    let follows = claimed.referential == sound.referential;
    demand(follows, "perspectives", "the referential perspective does not follow from the relations");
    let follows = claimed.structural == sound.structural;
    demand(follows, "perspectives", "the structural perspective does not follow from the differences");
    let Perspectives { row, referential, structural, .. } = sound;
    let overall = Perspectives { row, referential, structural, ..claimed }.overall();
    demand(predicate.verdict == overall, "verdict", "does not follow from the perspectives");
    demand(predicate.rejects.count == predicate.totals.rows_rejected, "rejects", "not the count in the totals");
    found
}

/// What speaks against the cuts: a part that was cut at its edge or beyond, a number used twice, more parts of a table
/// than it has splits.
fn cut_contradictions(predicate: &Predicate) -> Vec<String> {
    let mut found = Vec::new();
    let mut parts: BTreeMap<u32, Part<'_>> = BTreeMap::new();
    for CutFacts { table, split, at, rest } in &predicate.cuts {
        let whole = parts.get(split).copied().unwrap_or(Part { table, after: None, before: None });
        let inside = whole.after.is_none_or(|after| after < *at) && whole.before.is_none_or(|before| *at < before);
        if whole.table != table || !inside || split == rest || parts.contains_key(rest) {
            found.push(format!("split {split} cannot have been cut at {at} into itself and split {rest}"));
            continue;
        }
        parts.insert(*split, Part { before: Some(*at), ..whole });
        parts.insert(*rest, Part { after: Some(*at), ..whole });
    }
    let splits: BTreeMap<&str, u64> =
        predicate.tables.iter().map(|table| (table.target.as_str(), table.splits)).collect();
    let mut parts_of: BTreeMap<&str, u64> = BTreeMap::new();
    parts.values().for_each(|part| *parts_of.entry(part.table).or_default() += 1);
    let too_many = parts_of.into_iter().filter(|(table, parts)| splits.get(table).is_none_or(|splits| splits < parts));
    found.extend(too_many.map(|(table, parts)| format!("table {table} has fewer splits than the {parts} cuts left")));
    found
}

/// What came of a cut: the points it lies between, as far as they are known.
#[derive(Clone, Copy)]
struct Part<'a> {
    table: &'a str,
    after: Option<i64>,
    before: Option<i64>,
}

fn table_contradictions(table: &TableFacts, mode: VerifyMode) -> Vec<&'static str> {
    let equivalent = table.verdict == Verdict::Equivalent;
    let complete = table.rows_written.checked_add(table.rows_rejected) == Some(table.rows_read);
    let found = table.rows_verified == table.rows_written;
    let mut contradictions = Vec::new();
    let mut demand = |holds: bool, what| {
        if !holds {
            contradictions.push(what);
        }
    };
    demand(complete || !equivalent, "equivalent, though rows read are not rows written and rejected");
    demand(found || !equivalent, "equivalent, though rows verified are not rows written");
    match (mode, table.actual) {
        (VerifyMode::Full, Some(actual)) => {
            let mut difference = table.expected;
            difference -= actual;
            demand(counts(actual, table.rows_verified), "rows verified are not those of the actual digest");
            let expected = counts(table.expected, table.rows_written);
            demand(expected || !equivalent, "equivalent, though rows written are not those of the expected digest");
            demand(difference.is_zero() || !equivalent, "equivalent, though the digests differ");
            let agrees = difference.is_zero() && expected && complete && found;
            demand(equivalent || !agrees, "not equivalent, though every check agrees");
        }
        (VerifyMode::Full, None) => demand(!equivalent, "equivalent, though nothing was read back"),
        (_, Some(_)) => demand(false, "a digest was read back, though the mode is not full"),
        (VerifyMode::Counts, None) => {
            demand(found || table.verdict == Verdict::Different, "not different, though the counts differ");
            demand(!(found && complete) || table.verdict != Verdict::Different, "different, though the counts agree");
        }
        (VerifyMode::Off, None) => {
            demand(table.verdict == Verdict::Inconclusive, "a verdict, though nobody looked");
            demand(table.rows_verified == 0, "rows verified, though nobody looked");
        }
    }
    contradictions
}

fn relation_contradictions(relation: &RelationFacts, mode: VerifyMode) -> Vec<&'static str> {
    let mut contradictions = Vec::new();
    let mut demand = |holds: bool, what| {
        if !holds {
            contradictions.push(what);
        }
    };
    let referring = relation.rows.checked_sub(relation.rows_unreferring);
    demand(referring.is_some_and(|rows| relation.orphans <= rows), "more orphans than rows that refer");
    let no_parents = relation.parent_rows == 0;
    demand(!no_parents || Some(relation.orphans) == referring, "rows that refer to an empty table and are no orphans");
    demand(relation.columns.len() == relation.parent_columns.len(), "columns that do not pair up");
    demand(relation.verdict == relation.concluded(), "a verdict that does not follow from the orphans");
    demand(mode != VerifyMode::Off, "checked, though nobody looked");
    contradictions
}

fn counts(digest: Digest, rows: u64) -> bool {
    u64::try_from(digest.rows) == Ok(rows)
}
