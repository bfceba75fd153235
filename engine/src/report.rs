//! What a run, a comparison or a certificate says at its end: one object for scripts, one page for people.

mod not_carried;
mod spent;
mod structure;

use std::collections::BTreeMap;
use std::fmt::Write;

use sensei_storage::evidence::{self, RelationFacts, StructuralFacts, TableFacts};
use sensei_storage::{Error, Verdict};
use serde::Serialize;

use crate::difference::{Counted, Differences, Example, Kind};
use crate::failure::{Doing, Exit, Result};
use crate::references::Checked;

pub use spent::Spent;

/// The result of `run`, `verify` and `repair`.
#[derive(Clone, Debug, Serialize)]
pub struct JobReport {
    /// The job, or the plan's name where there is none.
    pub job: String,
    /// Conclusion over all tables and the schema.
    pub verdict: Verdict,
    /// Table by table.
    pub tables: Vec<TableReport>,
    /// Relation by relation; none where they were not checked.
    pub relations: Vec<RelationReport>,
    /// Wall time of this command, in seconds.
    pub elapsed_seconds: f64,
    /// Where that time went; `null` for a run that had nothing to copy.
    pub spent: Option<Spent>,
    /// Where the certificate is; `null` for comparisons.
    pub certificate: Option<String>,
    /// Whether an earlier run had finished already, so that nothing was done now.
    pub certified_earlier: bool,
    /// Times the job was taken up again.
    pub resumes: u64,
    /// Splits copied again because their source had changed.
    pub recopied_splits: u64,
    /// Folder with the reasons of rejected rows; `null` if none were rejected or it is not known.
    pub rejects: Option<String>,
    /// Differing rows, by table.
    pub differences: Vec<Differences>,
    /// The target's schema beside the plan; `null` if it was not compared.
    pub structural: Option<StructuralFacts>,
    /// Objects of the source that were not carried over, with the reason.
    pub not_carried: Vec<String>,
    /// Declared losses with the rows they touched.
    pub lossy: Vec<String>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

/// One relation's result.
#[derive(Clone, Debug, Serialize)]
pub struct RelationReport {
    /// What was counted, and the conclusion.
    #[serde(flatten)]
    pub facts: RelationFacts,
    /// The first orphans, each by its key, or by its address where its table has none.
    pub examples: Vec<String>,
}

/// One table's result. All counts are rows.
#[derive(Clone, Debug, Serialize)]
pub struct TableReport {
    /// Name in the source.
    pub source: String,
    /// Name in the target.
    pub target: String,
    /// Left out by `where`.
    pub rows_filtered: u64,
    /// Read from the source to be carried.
    pub rows_read: u64,
    /// Not fitting the target.
    pub rows_rejected: u64,
    /// Committed by the job.
    pub rows_written: u64,
    /// Found in the target.
    pub rows_verified: u64,
    /// Conclusion.
    pub verdict: Verdict,
}

impl JobReport {
    /// A report without particulars.
    pub fn new(job: &str, verdict: Verdict, tables: Vec<TableReport>) -> JobReport {
        JobReport {
            job: job.to_owned(),
            verdict,
            tables,
            relations: Vec::new(),
            elapsed_seconds: 0.0,
            spent: None,
            certificate: None,
            certified_earlier: false,
            resumes: 0,
            recopied_splits: 0,
            rejects: None,
            differences: Vec::new(),
            structural: None,
            not_carried: Vec::new(),
            lossy: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What a certificate says of its job.
    ///
    /// # Errors
    /// `Altered` if it is not as it was signed.
    pub fn from_certificate(bytes: &[u8], name: String, job: &str) -> Result<JobReport> {
        let report = evidence::verify(bytes, None);
        let why = || report.altered.iter().map(ToString::to_string).chain(report.inconsistent.iter().cloned());
        let altered = || Error::Altered { what: name.clone(), why: why().collect::<Vec<_>>().join("; ") };
        let statement = report.statement.as_ref().filter(|_| report.valid).ok_or_else(altered);
        let claims = statement.doing("reading the certificate")?.predicate.clone();
        let mut result = JobReport::new(job, claims.verdict, claims.tables.iter().map(TableReport::of).collect());
        result.relations = claims.referential.into_iter().map(RelationReport::unnamed).collect();
        result.certificate = Some(name.clone());
        result.certified_earlier = true;
        result.resumes = claims.resumes;
        result.recopied_splits = claims.recopied_splits;
        result.structural = claims.structural;
        result.not_carried = claims.not_carried;
        let lossy = |rule: &evidence::LossyRule| {
            format!("{}.{}: {} ({} rows)", rule.table, rule.column, rule.rule, rule.rows_touched)
        };
        result.lossy = claims.lossy_rules.iter().map(lossy).collect();
        result.notes = claims.limits;
        Ok(result)
    }

    /// Adds the names of orphans, which no certificate has, to the relations of a run.
    pub(crate) fn name_orphans(&mut self, checked: &BTreeMap<usize, Checked>) {
        for (relation, checked) in self.relations.iter_mut().zip(checked.values()) {
            relation.examples.clone_from(&checked.examples);
        }
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Equivalent => Exit::Done,
            Verdict::Different => Exit::Different,
            Verdict::Inconclusive => Exit::Review,
        }
    }

    /// The page for people.
    pub fn text(&self) -> String {
        let mut out = self.claims();
        self.write_verdict(&mut out);
        out
    }

    /// The page without its conclusion.
    pub fn claims(&self) -> String {
        let mut out = String::new();
        self.write_tables(&mut out);
        for differences in &self.differences {
            write_differences(&mut out, differences);
        }
        write_relations(&mut out, &self.relations);
        out += &self.structural.as_ref().map(structure::text).unwrap_or_default();
        write_list(&mut out, "Declared losses", &self.lossy);
        out += &not_carried::text(&self.not_carried);
        write_list(&mut out, "Notes", &self.notes);
        out
    }

    fn write_tables(&self, out: &mut String) {
        let width = self.tables.iter().map(|table| table.source.chars().count()).max().unwrap_or(0).max(5);
        line(
            out,
            format_args!(
                "{:width$} {:>12} {:>10} {:>12} {:>12}  verdict",
                "table", "read", "rejected", "written", "verified"
            ),
        );
        for table in &self.tables {
            let TableReport { source, rows_read, rows_rejected, rows_written, rows_verified, verdict, .. } = table;
            let mark = if *verdict == Verdict::Different { "DIFFERENT".to_owned() } else { verdict.to_string() };
            line(
                out,
                format_args!(
                    "{source:width$} {rows_read:>12} {rows_rejected:>10} {rows_written:>12} {rows_verified:>12}  {mark}"
                ),
            );
        }
    }

    fn write_verdict(&self, out: &mut String) {
        let rows: u64 = self.tables.iter().map(|table| table.rows_verified).sum();
        let earlier = if self.certified_earlier { " (certified by an earlier run; nothing was done now)" } else { "" };
        let (rows, tables) = (counted(rows, "row"), counted(self.tables.len() as u64, "table"));
        line(out, format_args!("\n{}: {}, {rows} in {tables}{earlier}", self.job, self.verdict));
        if self.resumes > 0 {
            let (resumes, splits) = (counted(self.resumes, "time"), counted(self.recopied_splits, "split"));
            line(out, format_args!("resumed {resumes}, {splits} copied again"));
        }
        if let Some(rejects) = &self.rejects {
            line(out, format_args!("rejected rows, with reasons: {rejects}"));
        }
        if !self.certified_earlier {
            let limit = self.spent.and_then(|spent| spent.sentence(self.elapsed_seconds));
            let limit = limit.map(|limit| format!("; {limit}")).unwrap_or_default();
            line(out, format_args!("took {:.1} s{limit}", self.elapsed_seconds));
        }
        if let Some(certificate) = &self.certificate {
            line(out, format_args!("certificate: {certificate}"));
        }
        if self.relations.iter().any(|relation| relation.facts.verdict == Verdict::Different) {
            line(
                out,
                format_args!(
                    "orphans: correct the rows in the source, leave them out with `where`, or accept them with `orphans: report` under the plan's `relations`; list all with `sensei verify PLAN --report FILE`"
                ),
            );
        }
        if self.tables.iter().any(|table| table.verdict == Verdict::Different) {
            line(
                out,
                format_args!(
                    "list every differing row with `sensei verify PLAN --report FILE`, put them right with `sensei repair PLAN`"
                ),
            );
        }
        if self.structural.as_ref().is_some_and(|structural| !structural.differences.is_empty()) {
            line(out, format_args!("put the target's schema right by hand, then look again with `sensei verify PLAN`"));
        }
    }
}

impl RelationReport {
    fn unnamed(facts: RelationFacts) -> RelationReport {
        RelationReport { facts, examples: Vec::new() }
    }
}

impl TableReport {
    fn of(facts: &TableFacts) -> TableReport {
        TableReport {
            source: facts.source.clone(),
            target: facts.target.clone(),
            rows_filtered: facts.rows_filtered,
            rows_read: facts.rows_read,
            rows_rejected: facts.rows_rejected,
            rows_written: facts.rows_written,
            rows_verified: facts.rows_verified,
            verdict: facts.verdict,
        }
    }
}

/// `1 row`, `2 rows`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string");
}

fn write_differences(out: &mut String, differences: &Differences) {
    let count = |kind| differences.counts.get(&kind).copied().unwrap_or(0);
    line(
        out,
        format_args!(
            "\n{}: {} missing, {} extra, {} changed, {} unreadable",
            differences.target,
            count(Kind::Missing),
            count(Kind::Extra),
            count(Kind::Changed),
            count(Kind::Unreadable)
        ),
    );
    for Example { kind, copies, key, columns } in &differences.examples {
        let kind = format!("{kind:?}").to_lowercase();
        let key = key.as_deref().unwrap_or("(no key)");
        let columns = if columns.is_empty() { String::new() } else { format!(" in {}", columns.join(", ")) };
        let copies = if *copies > 1 { format!(", {copies} times") } else { String::new() };
        line(out, format_args!("  {kind:10} {key}{columns}{copies}"));
    }
    let all: u64 = differences.counts.values().sum();
    let shown: u64 = differences.examples.iter().map(|example| example.copies).sum();
    if all > shown && shown > 0 {
        line(out, format_args!("  … and {} more", all - shown));
    }
    write_counted(out, differences.counted);
}

fn write_relations(out: &mut String, relations: &[RelationReport]) {
    if relations.is_empty() {
        return;
    }
    line(out, format_args!("\nRelations checked:"));
    for RelationReport { facts, examples } in relations {
        let mark = match facts.verdict {
            Verdict::Different => "DIFFERENT".to_owned(),
            Verdict::Equivalent if facts.orphans > 0 => "accepted by the plan".to_owned(),
            other => other.to_string(),
        };
        let (columns, parent_columns) = (facts.columns.join(", "), facts.parent_columns.join(", "));
        let (orphans, rows) = (counted(facts.orphans, "orphan"), counted(facts.rows, "row"));
        line(
            out,
            format_args!(
                "  {} ({columns}) → {} ({parent_columns}): {orphans} in {rows}  {mark}",
                facts.table, facts.parent
            ),
        );
        examples.iter().for_each(|key| line(out, format_args!("    orphan {key}")));
        let more = facts.orphans - examples.len() as u64;
        if more > 0 && !examples.is_empty() {
            line(out, format_args!("    … and {more} more"));
        }
        if facts.rows_unreadable > 0 {
            line(out, format_args!("    … and {} whose key cannot be read", counted(facts.rows_unreadable, "row")));
        }
    }
}

fn write_counted(out: &mut String, counted: Counted) {
    if counted == Counted::default() {
        return;
    }
    let Counted { expected, actual, buckets_unseen } = counted;
    let about = if buckets_unseen > 0 { "at least" } else { "about" };
    line(
        out,
        format_args!(
            "  … and {about} {expected} more rows on the expected side, {actual} on the actual side: counted, not paired"
        ),
    );
    if buckets_unseen > 0 {
        let of = sensei_operators::BUCKETS_PER_TABLE;
        line(
            out,
            format_args!("  … and no row was looked at in {buckets_unseen} of {of} parts of the table, which differ"),
        );
    }
}

fn write_list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    line(out, format_args!("\n{title}:"));
    for item in items {
        line(out, format_args!("  {item}"));
    }
}
