//! Concludes a job: sums what was counted, derives the verdicts, and states it all for the certificate.

use sensei_planner::TablePlan;
use sensei_storage::evidence::{
    CutFacts, JournalFacts, LossyRule, Perspectives, Predicate, Rejects, RelationFacts, SourceFacts, TableFacts,
    TargetFacts, Totals,
};
use sensei_storage::journal::Checkpoint;
use sensei_storage::{Cut, Digest, OnExisting, System, Verdict, VerifyMode, row_v2};

use crate::clock::now_text;
use crate::copying::{Copied, trusts_checkpoints};
use crate::job::Job;
use crate::numbering;
use crate::references;
use crate::report::counted;
use crate::walk::Walked;

/// Everything a certificate claims about a job.
pub(crate) fn predicate(job: &Job, walked: &Walked) -> Predicate {
    let copied = &walked.copied;
    let tables: Vec<TableFacts> =
        job.plan.tables.iter().enumerate().map(|(index, table)| table_facts(job, walked, index, table)).collect();
    let referential: Vec<RelationFacts> = walked.references.values().map(|checked| checked.facts.clone()).collect();
    let perspectives = Perspectives::of(&tables, &referential, walked.structural.as_ref());
    Predicate {
        job: job.name.clone(),
        plan_name: job.plan.name.clone(),
        plan_sha256: job.history.opening.plan_sha256.clone(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        row_encoding: row_v2::ROW_ENCODING.to_owned(),
        digest_key: job.history.opening.digest_key.clone(),
        source: SourceFacts {
            system: job.plan.source.system,
            description: job.plan.source.description.clone(),
            snapshots: job.history.snapshots(),
        },
        target: TargetFacts { system: job.plan.target.system, description: job.plan.target.description.clone() },
        started_at: job.history.opening.started_at.clone(),
        finished_at: now_text(),
        verdict: perspectives.overall(),
        mode: job.plan.verify,
        totals: Totals::of(&tables).expect("row counts of one job fit 64 bits"),
        lossy_rules: lossy_rules(job, copied),
        not_carried: not_carried(job, walked),
        structural: walked.structural.clone(),
        rejects: rejects(copied),
        resumes: job.history.resumes(),
        recopied_splits: copied.recopied,
        limits: limits(job, walked),
        journal: JournalFacts { epochs: job.journal.epochs(), head_sha256: job.journal.head_sha256().to_owned() },
        perspectives,
        referential,
        cuts: cuts(job),
        tables,
    }
}

/// How splits were cut, by the names of their tables.
fn cuts(job: &Job) -> Vec<CutFacts> {
    let fact = |cut: &Cut| {
        let table = job.history.splits[cut.split.0 as usize].table as usize;
        let table = job.plan.tables[table].target.name.clone();
        CutFacts { table, split: cut.split.0, at: cut.at, rest: cut.rest.0 }
    };
    job.history.cuts.iter().map(fact).collect()
}

fn table_facts(job: &Job, walked: &Walked, index: usize, table: &TablePlan) -> TableFacts {
    let copied = &walked.copied;
    let checkpoints: Vec<&Checkpoint> = checkpoints(job, copied, index).collect();
    let sum = |count: fn(&Checkpoint) -> u64| checkpoints.iter().map(|checkpoint| count(checkpoint)).sum::<u64>();
    let digest = |side: fn(&Checkpoint) -> Digest| {
        checkpoints.iter().fold(Digest::ZERO, |mut total, checkpoint| {
            total += side(checkpoint);
            total
        })
    };
    let expected = digest(|checkpoint| checkpoint.expected);
    let actual = digest(|checkpoint| checkpoint.actual.unwrap_or_default());
    let (read, written) = (sum(|c| c.rows_read), sum(|c| c.rows_written));
    let rejected = sum(|c| c.rows_rejected);
    let verified = match walked.disturbed.get(&(index as u32)) {
        None => u64::try_from(actual.rows).unwrap_or(0),
        // Never equal to what was written, so that the counts alone show it.
        Some(found) if found.standing.ours != written => found.standing.ours,
        Some(found) => found.standing.rows,
    };
    let splits_agree =
        !copied.differing.iter().any(|split| job.history.splits[split.0 as usize].table as usize == index);
    let counts_agree = read == written + rejected && written == verified;
    let verdict = match job.plan.verify {
        VerifyMode::Full if counts_agree && splits_agree && expected == actual => Verdict::Equivalent,
        VerifyMode::Counts if counts_agree && splits_agree => Verdict::Inconclusive,
        VerifyMode::Off if read == written + rejected => Verdict::Inconclusive,
        _ => Verdict::Different,
    };
    TableFacts {
        source: table.source.clone(),
        target: table.target.name.clone(),
        rows_filtered: sum(|c| c.rows_filtered),
        rows_read: read,
        rows_rejected: rejected,
        rows_written: written,
        rows_verified: verified,
        expected,
        actual: (job.plan.verify == VerifyMode::Full).then_some(actual),
        verdict,
        splits: checkpoints.len() as u64,
    }
}

fn checkpoints<'a>(job: &'a Job, copied: &'a Copied, table: usize) -> impl Iterator<Item = &'a Checkpoint> {
    let splits = &job.history.splits;
    copied.finished.values().filter(move |checkpoint| splits[checkpoint.split.0 as usize].table as usize == table)
}

fn lossy_rules(job: &Job, copied: &Copied) -> Vec<LossyRule> {
    let touched = |rule: &sensei_planner::LossyRule| {
        let position = job.plan.tables.iter().position(|table| table.source == rule.table);
        let of_column = |checkpoint: &Checkpoint| {
            checkpoint.lossy.iter().filter(|(column, _)| *column == rule.column).map(|(_, rows)| rows).sum::<u64>()
        };
        position.map_or(0, |index| checkpoints(job, copied, index).map(of_column).sum())
    };
    let stated = |rule: &sensei_planner::LossyRule| LossyRule {
        table: rule.table.clone(),
        column: rule.column.clone(),
        rule: rule.rule.clone(),
        rows_touched: touched(rule),
    };
    job.plan.lossy.iter().map(stated).collect()
}

/// What is not carried; of a foreign key left out for its orphans, how many they are.
fn not_carried(job: &Job, walked: &Walked) -> Vec<String> {
    let relations = || walked.references.iter().map(|(index, checked)| (&job.plan.relations[*index], checked));
    let with_count = |line: &String| {
        let left_out = relations().find(|(relation, _)| relation.left_out().as_ref() == Some(line));
        left_out.map(|(_, checked)| format!("{line} ({})", counted(checked.facts.orphans, "orphan")))
    };
    job.plan.not_carried.iter().map(|line| with_count(line).unwrap_or_else(|| line.clone())).collect()
}

fn rejects(copied: &Copied) -> Rejects {
    Rejects {
        count: copied.rejects.values().map(|reject| reject.rows).sum(),
        sha256: copied.rejects.values().map(|reject| reject.sha256.clone()).collect(),
    }
}

/// What the certificate does not show, so that nobody reads more into it.
fn limits(job: &Job, walked: &Walked) -> Vec<String> {
    let mut limits = Vec::new();
    match job.plan.verify {
        VerifyMode::Full => limits.push(
            "Rows were compared as they stood when each was read back; what was changed in the target afterwards is not covered."
                .to_owned(),
        ),
        VerifyMode::Counts => limits.push("Rows were counted, not compared.".to_owned()),
        VerifyMode::Off => limits.push("Nothing was read back from the target.".to_owned()),
    }
    limits.extend(job.scope.clone());
    limits.extend(numbering::exhausted(&job.plan, &walked.numbers));
    limits.extend(references::left_to_the_target(&job.plan));
    if job.plan.verify != VerifyMode::Off && walked.structural.is_none() {
        let why = match job.plan.target.system {
            System::Parquet | System::Csv => "files have none beside their rows",
            _ => "rows differ or refer to nothing, and nothing was added after them",
        };
        limits.push(format!("The target's schema was not compared: {why}."));
    }
    if job.plan.on_existing == OnExisting::Append {
        limits.push("Rows that were in the target before are not covered.".to_owned());
    }
    if trusts_checkpoints(job) && job.history.resumes() > 0 {
        limits.push(
            "The job was resumed and the plan says that the source was quiesced, so splits finished earlier were not read again."
                .to_owned(),
        );
    }
    limits
}
