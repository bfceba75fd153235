//! What of all that was found stands in the way, what should be known, and what comes first.

use sensei_planner::{Plan, Problem};
use sensei_storage::{Error, OnExisting, Setting, VerifyMode};

use crate::assessment::layout::{grouped, interval, listed, size};
use crate::assessment::model::{
    Assessment, Decision, End, Finding, JobState, Readiness, TableAssessment, TargetStanding,
};
use crate::limits::HEADLINES_MAX;
use crate::report::counted;

/// Blockers that are headlines; the others are counted.
const BLOCKERS_FIRST: usize = 3;

/// What is not part of the model by itself.
#[derive(Debug, Default)]
pub struct Facts {
    /// Why there is no plan.
    pub problems: Vec<Problem>,
    /// What the target's account may not do.
    pub missing_privileges: Vec<String>,
    /// Source tables that cannot be read, and why.
    pub unreadable: Vec<(String, Error)>,
}

/// Sets blockers, remarks, verdict and headlines.
pub fn conclude(assessment: &mut Assessment, plan: Option<&Plan>, facts: &Facts) {
    assessment.blockers = facts.problems.iter().cloned().map(Finding::from).collect();
    assessment.blockers.extend(job_in_the_way(assessment));
    assessment.blockers.extend(facts.missing_privileges.iter().map(|right| missing_right(right)));
    assessment.blockers.extend(facts.unreadable.iter().map(|(table, error)| unreadable(table, error)));
    if let Some(plan) = plan {
        assessment.blockers.extend(occupied(assessment, plan));
        let (blocker, remark) = rejected(assessment, plan.rejects.max);
        assessment.blockers.extend(blocker);
        assessment.remarks.extend(remark);
        assessment.remarks.extend(of_plan(assessment, plan));
    }
    let (source, target) = (advice("source", &assessment.source), advice("target", &assessment.target));
    assessment.remarks.extend(source.into_iter().chain(target));
    assessment.remarks.extend(left_behind(assessment));
    assessment.verdict = match (assessment.blockers.is_empty(), assessment.remarks.is_empty()) {
        (false, _) => Readiness::NotReady,
        (true, false) => Readiness::ReadyWithRemarks,
        (true, true) => Readiness::Ready,
    };
    assessment.ready = assessment.verdict != Readiness::NotReady;
    assessment.headlines = headlines(assessment);
}

fn headlines(assessment: &Assessment) -> Vec<String> {
    let blockers = &assessment.blockers;
    let mut headlines: Vec<String> = blockers.iter().take(BLOCKERS_FIRST).map(|found| found.what.clone()).collect();
    if blockers.len() > BLOCKERS_FIRST {
        headlines.push(format!("and {} more in the way", blockers.len() - BLOCKERS_FIRST));
    }
    if let Some(estimate) = assessment.estimate.as_ref().filter(|_| blockers.is_empty()) {
        headlines.push(format!("a run takes {}", interval(estimate.seconds_low, estimate.seconds_high)));
    }
    let left = HEADLINES_MAX.saturating_sub(headlines.len());
    headlines.extend(assessment.remarks.iter().take(left).map(|found| found.what.clone()));
    headlines
}

fn job_in_the_way(assessment: &Assessment) -> Option<Finding> {
    let job = assessment.job.as_ref().filter(|job| job.state == JobState::Changed)?;
    let what = format!("job {} of this plan is not finished, and the plan or what it meets has changed since", job.job);
    Some(Finding::new(what).hint("Undo the change to go on with that job, or start anew with `sensei run --fresh`."))
}

fn missing_right(right: &str) -> Finding {
    Finding { code: Some("S103".to_owned()), ..Finding::new(format!("the target's account lacks {right}")) }
        .hint("Grant it, or use another account.")
}

fn unreadable(table: &str, error: &Error) -> Finding {
    let what = format!("source table \"{table}\" cannot be read: {error}");
    Finding { code: Some(error.code().to_owned()), ..Finding::new(what) }.hint(crate::pages::remedy(error.code()))
}

fn names<'a>(tables: impl IntoIterator<Item = &'a TableAssessment>) -> Vec<String> {
    tables.into_iter().map(|table| format!("\"{}\"", table.target.as_ref().unwrap_or(&table.source))).collect()
}

fn with_rows(assessment: &Assessment) -> Vec<&TableAssessment> {
    assessment.tables.iter().filter(|table| table.standing == Some(TargetStanding::Occupied)).collect()
}

fn occupied(assessment: &Assessment, plan: &Plan) -> Option<Finding> {
    let tables = with_rows(assessment);
    if plan.on_existing != OnExisting::Fail || tables.is_empty() {
        return None;
    }
    let verb = if tables.len() == 1 { "table {} has rows" } else { "tables {} have rows" };
    let what = format!("target {}, and the plan says on_existing: fail", verb.replace("{}", &listed(&names(tables))));
    Some(Finding { code: Some("S301".to_owned()), ..Finding::new(what) }.hint(crate::pages::remedy("S301")))
}

/// Rows that would be rejected: in the way where those seen are already more than the plan allows.
fn rejected(assessment: &Assessment, max: u64) -> (Option<Finding>, Option<Finding>) {
    let mut rows = 0;
    let mut reasons: Vec<(u64, String)> = Vec::new();
    for table in &assessment.tables {
        let Some(reading) = &table.reading else { continue };
        rows += reading.rows_rejected;
        reasons.extend(
            reading
                .rejects
                .iter()
                .map(|group| (group.rows, format!("\"{}\".\"{}\": {}", table.source, group.column, group.reason))),
        );
        for column in table.columns.iter().filter(|column| column.bounds.is_some_and(|bounds| !bounds.fits)) {
            if !reading.rejects.iter().any(|group| group.column == column.target) {
                rows += 1;
                let why = format!("the key reaches beyond {}", column.to);
                reasons.push((1, format!("\"{}\".\"{}\": {why}", table.source, column.target)));
            }
        }
    }
    if rows == 0 {
        return (None, None);
    }
    reasons.sort_by_key(|(rows, _)| std::cmp::Reverse(*rows));
    let reasons: Vec<String> = reasons.into_iter().map(|(_, reason)| reason).collect();
    let whole = assessment.tables.iter().all(|table| table.reading.as_ref().is_some_and(|reading| reading.whole));
    let least = if whole { "" } else { "at least " };
    let what = format!("{least}{} would be rejected, and the plan allows {}", counted(rows, "row"), grouped(max));
    let hint = "Mend the data or the columns' rules in the plan, or allow more with rejects.max.";
    let finding = Finding::new(what).why(format!("{}.", listed(&reasons))).hint(hint);
    if rows > max { (Some(Finding { code: Some("S304".to_owned()), ..finding }), None) } else { (None, Some(finding)) }
}

/// What the plan itself brings with it, the gravest first.
fn of_plan(assessment: &Assessment, plan: &Plan) -> Vec<Finding> {
    let mut remarks = Vec::new();
    remarks.extend(replaced(assessment, plan));
    remarks.extend(job_to_know(assessment));
    remarks.extend(
        match plan.verify {
            VerifyMode::Full => None,
            VerifyMode::Counts => Some("rows are counted, not compared"),
            VerifyMode::Off => Some("nothing is compared"),
        }
        .map(|less| {
            Finding::new(format!("{less}: the run ends inconclusive, exit 7")).hint("Say `verify: full` in the plan.")
        }),
    );
    remarks.extend(lossy(assessment));
    remarks.extend(space(assessment));
    remarks.extend(keyless(assessment));
    remarks
}

fn replaced(assessment: &Assessment, plan: &Plan) -> Option<Finding> {
    let tables = with_rows(assessment);
    let count = counted(tables.len() as u64, "target table");
    let fate = match plan.on_existing {
        _ if tables.is_empty() => return None,
        OnExisting::Fail => return None,
        OnExisting::Truncate => "will be emptied first",
        OnExisting::Append => "will keep the rows that are there, which nothing vouches for",
    };
    Some(Finding::new(format!("{count} with rows {fate}")).why(format!("{}.", listed(&names(tables)))))
}

fn job_to_know(assessment: &Assessment) -> Option<Finding> {
    let job = assessment.job.as_ref()?;
    match job.state {
        JobState::Changed => None,
        JobState::Resumable => Some(
            Finding::new(format!(
                "job {} is not finished: a run goes on with it, {} of {} splits are done",
                job.job, job.splits_finished, job.splits
            ))
            .why("The target's tables are as that job left them."),
        ),
        JobState::Finished => Some(
            Finding::new(format!(
                "job {} of this plan is finished: a run shows its certificate and copies nothing",
                job.job
            ))
            .why("What follows is about a new job.")
            .hint("Start one with `sensei run --fresh`."),
        ),
    }
}

fn lossy(assessment: &Assessment) -> Option<Finding> {
    let lossy: Vec<_> =
        assessment.columns().into_iter().filter(|(_, column)| column.decision == Decision::Lossy).collect();
    if lossy.is_empty() {
        return None;
    }
    let touched: u64 = lossy.iter().filter_map(|(_, column)| column.rows_touched).sum();
    let told = |(table, column): &(&TableAssessment, &crate::assessment::model::ColumnAssessment)| {
        format!("\"{}\".\"{}\": {}", table.source, column.target, column.rule.as_deref().unwrap_or_default())
    };
    let columns = counted(lossy.len() as u64, "column");
    let loses = if lossy.len() == 1 { "loses" } else { "lose" };
    let what = format!("{columns} {loses} something, as declared: {} of the rows read changed", grouped(touched));
    Some(Finding::new(what).why(format!("{}.", listed(&lossy.iter().map(told).collect::<Vec<_>>()))))
}

/// Free space beside what would be stored, if both are known.
fn space(assessment: &Assessment) -> Option<Finding> {
    let free = assessment.target.free_bytes?;
    let bytes = assessment.estimate.as_ref()?.bytes.max(assessment.bytes().unwrap_or(0));
    (bytes > free).then(|| {
        Finding::new(format!("the target's disk has {} free, and about {} are copied", size(free), size(bytes)))
            .hint("Make room, or choose another place.")
    })
}

fn keyless(assessment: &Assessment) -> Option<Finding> {
    let keyless: Vec<_> = assessment.tables.iter().filter(|table| table.key.is_empty()).collect();
    if keyless.is_empty() {
        return None;
    }
    let has = if keyless.len() == 1 { "has" } else { "have" };
    let what = format!("{} {has} no key", counted(keyless.len() as u64, "table"));
    let why = format!(
        "{}. Rows are compared whole: one that changed shows as one missing and one extra, and a rejected row is named \
         by its place.",
        listed(&names(keyless))
    );
    Some(Finding::new(what).why(why))
}

fn advice(side: &str, end: &End) -> Vec<Finding> {
    let one = |setting: &Setting| {
        let advice = setting.advice.as_ref()?;
        Some(Finding::new(format!("{side}: {} is {}", setting.name, setting.value)).why(advice))
    };
    end.settings.iter().filter_map(one).collect()
}

fn left_behind(assessment: &Assessment) -> Option<Finding> {
    let count: usize = assessment.not_carried.iter().map(|kind| kind.objects.len()).sum();
    if count == 0 {
        return None;
    }
    let kinds: Vec<String> =
        assessment.not_carried.iter().map(|kind| format!("{} {}", kind.objects.len(), kind.kind)).collect();
    Some(
        Finding::new(format!("{} not carried over", counted(count as u64, "thing")))
            .why(format!("{}.", listed(&kinds)))
            .hint("Create in the target what is needed there, after the run."),
    )
}
