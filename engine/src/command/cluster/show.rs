//! Jobs and workers, for people and for scripts.

use std::fmt::Write;

use serde_json::{Value, json};

use super::job::refused;
use crate::cli::{HeadArgs, Output};
use crate::clock;
use crate::cluster::connect::way;
use crate::command::present;
use crate::failure::{Exit, Result};
use crate::proto;
use crate::proto::jobs_client::JobsClient;

/// A job, for scripts: as REST shows it.
pub(super) fn shown(job: &proto::Job) -> Value {
    let time = |at: i64| (at > 0).then_some(at);
    let report: Option<Value> = serde_json::from_str(&job.report_json).ok();
    json!({
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "why": job.why,
        "plan_sha256": job.plan_sha256,
        "attempt": job.attempt,
        "worker": Some(&job.worker).filter(|worker| !worker.is_empty()),
        "submitted_by": job.submitted_by,
        "submitted_at_ms": job.submitted_at_ms,
        "started_at_ms": time(job.started_at_ms),
        "ended_at_ms": time(job.ended_at_ms),
        "progress": {
            "splits": job.splits,
            "splits_leased": job.splits_leased,
            "splits_done": job.splits_done,
            "bytes": job.bytes,
            "bytes_done": job.bytes_done,
        },
        "exit_code": job.exit_code,
        "report": report,
    })
}

/// A job, for people.
pub(super) fn job_text(job: &proto::Job) -> String {
    let mut text = format!("job {}: {}\n", job.id, job.state);
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:12} {value}");
        }
    };
    line("why", job.why.replace('\n', "\n               "));
    line("plan", format!("{} (SHA-256 {})", job.name, job.plan_sha256));
    line("submitted", format!("{} by {}", clock::text_of(job.submitted_at_ms), job.submitted_by));
    line("started", at(job.started_at_ms));
    line("ended", at(job.ended_at_ms));
    line("attempt", job.attempt.to_string());
    line("conducted by", job.worker.clone());
    if job.splits > 0 {
        let percent = job.bytes_done * 100 / job.bytes.max(1);
        line(
            "splits",
            format!(
                "{} of {} done, {} under way, {percent} % of the bytes",
                job.splits_done, job.splits, job.splits_leased
            ),
        );
    }
    if let Ok(report) = serde_json::from_str::<Value>(&job.report_json) {
        report_lines(&report).into_iter().for_each(|(name, value)| line(name, value));
    }
    text
}

fn report_lines(report: &Value) -> Vec<(&'static str, String)> {
    let of = |name: &str| report.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tables = report.get("tables").and_then(Value::as_array);
    let sum = |name: &str| -> u64 {
        tables.into_iter().flatten().filter_map(|table| table.get(name).and_then(Value::as_u64)).sum()
    };
    let rows = tables.map(|tables| {
        let (read, verified, rejected) = (sum("rows_read"), sum("rows_verified"), sum("rows_rejected"));
        format!("{read} read, {verified} verified, {rejected} rejected, in {} tables", tables.len())
    });
    vec![("verdict", of("verdict")), ("rows", rows.unwrap_or_default()), ("certificate", of("certificate"))]
}

fn at(ms: i64) -> String {
    if ms > 0 { clock::text_of(ms) } else { String::new() }
}

/// Jobs, for people.
pub(super) fn jobs_text(jobs: &[proto::Job]) -> String {
    if jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let mut text = format!("{:32} {:9} {:>7} {:24} {}\n", "JOB", "STATE", "DONE", "SUBMITTED", "WHY");
    for job in jobs {
        let done = match job.bytes {
            0 => String::new(),
            bytes => format!("{} %", job.bytes_done * 100 / bytes),
        };
        let why = job.why.lines().next().unwrap_or_default();
        let submitted = clock::text_of(job.submitted_at_ms);
        let _ = writeln!(text, "{:32} {:9} {done:>7} {submitted:24} {why}", job.id, job.state);
    }
    text
}

/// The workers and what waits for them.
pub async fn pool(args: &HeadArgs, output: Output) -> Result<Exit> {
    let way = way(args)?;
    let asked = way.heads.call(|channel| async move { JobsClient::new(channel).pool(proto::PoolRequest {}).await });
    let pool = asked.await.map_err(refused)?.into_inner();
    let workers: Vec<Value> = pool.workers.iter().map(worker).collect();
    let object = json!({
        "workers": workers,
        "slots": pool.slots,
        "slots_busy": pool.slots_busy,
        "slots_wanted": pool.slots_wanted,
        "jobs_queued": pool.jobs_queued,
        "jobs_running": pool.jobs_running,
        "scaled": pool.scaled.iter().map(scaled).collect::<Vec<Value>>(),
    });
    present(&object, || pool_text(&pool), output)?;
    Ok(Exit::Done)
}

fn worker(worker: &proto::Worker) -> Value {
    json!({
        "id": worker.id,
        "state": worker.state,
        "classes": worker.classes,
        "zone": worker.zone,
        "version": worker.version,
        "slots": worker.slots,
        "slots_busy": worker.slots_busy,
        "registered_at_ms": worker.registered_at_ms,
        "last_beat_at_ms": worker.last_beat_at_ms,
        "jobs": worker.jobs,
    })
}

fn scaled(pool: &proto::ScaledPool) -> Value {
    json!({
        "classes": pool.classes,
        "workers_min": pool.workers_min,
        "workers_max": pool.workers_max,
        "workers_wanted": pool.workers_wanted,
        "why": pool.why,
        "workers": pool.workers,
    })
}

/// Pools that are scaled come first, each with its workers.
fn pool_text(pool: &proto::PoolStatus) -> String {
    let mut text = format!(
        "{} jobs running, {} waiting; {} of {} slots busy, {} more wanted\n",
        pool.jobs_running, pool.jobs_queued, pool.slots_busy, pool.slots, pool.slots_wanted
    );
    let of = |scaled: &proto::ScaledPool, worker: &proto::Worker| scaled.workers.contains(&worker.id);
    for scaled in &pool.scaled {
        let _ = writeln!(
            text,
            "pool {}: {} of {} to {} workers; {}",
            scaled.classes.join(","),
            scaled.workers.len(),
            scaled.workers_min,
            scaled.workers_max,
            scaled.why
        );
        pool.workers.iter().filter(|worker| of(scaled, worker)).for_each(|worker| text.push_str(&worker_line(worker)));
    }
    let mut others =
        pool.workers.iter().filter(|worker| !pool.scaled.iter().any(|scaled| of(scaled, worker))).peekable();
    if !pool.scaled.is_empty() && others.peek().is_some() {
        text.push_str("workers of no pool that is scaled:\n");
    }
    others.for_each(|worker| text.push_str(&worker_line(worker)));
    text
}

fn worker_line(worker: &proto::Worker) -> String {
    format!(
        "  {:40} {:9} {}/{} slots  {}  {}\n",
        worker.id,
        worker.state,
        worker.slots_busy,
        worker.slots,
        worker.classes.join(","),
        worker.jobs.join(" ")
    )
}
