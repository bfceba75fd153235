//! A cluster: what it costs beside `sensei run`, how fast its head gives out splits, and how many requests it answers.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sensei_engine::cluster::caller::Class;
use sensei_engine::head::Head;
use sensei_engine::head::core::{Beat, Submission, TaskName, offered};
use sensei_engine::head::record::{Half, Opened};
use sensei_engine::head::store::Store;
use sensei_tests::cluster::{Cluster, Store as Place};
use sensei_tests::tpch::Table;
use sensei_tests::{Deadline, Sensei};

use super::{Case, Running};
use crate::ground::Ground;
use crate::measure::Stopwatch;
use crate::peers::{self, Missing};
use crate::record::{Bound, Measure, Sample, Target};

/// Splits of the job that the head is measured with.
const SPLITS: u32 = 1_000_000;
/// Callers at once, each for one split at a time.
const CALLERS: u32 = 64;
/// Splits granted in each round.
const GRANTS: u64 = 100_000;
/// Bytes of a split's record: about those of a key range of two columns.
const RECORD_BYTES: usize = 250;
/// Resident memory of the head with that job at the most, in KiB.
const HEAD_KIB_MAX: f64 = 512.0 * 1024.0;
/// How long requests are sent in each round.
const LOAD_SECONDS: u64 = 20;

/// `sensei run` with two threads beside two workers with one slot each.
pub fn workers(ground: &Ground) -> Result<Case<'_>, Missing> {
    let (database, rows) = ground.tpch(&[Table::LineItem], ground.scale, false);
    let plan = move |workers: u32| {
        let (source, target) = (ground.source().url(&database), ground.target().url("copy"));
        let limits = format!("limits: {{ workers: {workers}, source_connections: 8, target_connections: 8 }}");
        format!("version: 1\nname: copy\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{limits}\n")
    };
    let alone = plan.clone();
    let run = Running::new("sensei run, two threads", "sensei run plan.yaml", move || {
        ground.fresh_target();
        let sensei = Sensei::new();
        fs::write(sensei.path("plan.yaml"), alone(2)).expect("our own folder");
        let watch = Stopwatch::start();
        sensei.run(&["run", "plan.yaml", "--quiet"]).expect(0);
        Sample { seconds: watch.seconds(), rows, ..Sample::default() }
    });
    let of = move |count: usize| {
        let plan = plan.clone();
        move || {
            ground.fresh_target();
            let mut cluster = Cluster::start(Sensei::new(), Place::Sqlite, 1);
            fs::write(cluster.sensei.path("plan.yaml"), plan(1)).expect("our own folder");
            for _ in 0..count {
                cluster.add_worker(1);
            }
            let known = Deadline::after(Duration::from_secs(30))
                .wait_for(|| (1..=count).all(|worker| cluster.knows(&format!("w{worker}"))).then_some(()));
            known.expect("the workers register");
            let watch = Stopwatch::start();
            cluster.command(&["job", "submit", "plan.yaml", "--wait"]).expect(0);
            Sample { seconds: watch.seconds(), rows, ..Sample::default() }
        }
    };
    let command = "sensei job submit plan.yaml --wait";
    let two = Running::new("cluster, two workers of one slot", command, of(2));
    let one = Running::new("cluster, one worker of one slot", command, of(1));
    let target = Target { measure: Measure::Seconds, of: 1, against: Some(0), bound: Bound::AtMost(1.05) };
    Ok(Case { entrants: vec![run, two, one], targets: vec![target], notes: Vec::new(), versions: Vec::new() })
}

/// Splits granted one at a time to many callers, each grant stored before it is told, out of a job of a million.
pub fn grants(_: &Ground) -> Result<Case<'_>, Missing> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads are to be had");
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let (head, task) = runtime.block_on(offered_job(&folder.path().join("head.db").display().to_string()));
    let command = "cargo run --release --example bench -- head-grants";
    let ours = Running::new("grants", command, move || {
        let _kept = &folder;
        let watch = Stopwatch::start();
        let grants = runtime.block_on(grant(&head, &task));
        Sample { seconds: watch.seconds(), rows: grants, peak_kib: Some(peak_kib()), ..Sample::default() }
    });
    let rate = Target { measure: Measure::RowsPerSecond, of: 0, against: None, bound: Bound::AtLeast(1e4) };
    let memory = Target { measure: Measure::PeakKib, of: 0, against: None, bound: Bound::AtMost(HEAD_KIB_MAX) };
    let case = Case { entrants: vec![ours], targets: vec![rate, memory], notes: Vec::new(), versions: Vec::new() };
    Ok(case.note("a row is a grant; the peak is that of the whole measuring process with the job's million splits"))
}

async fn offered_job(store: &str) -> (Head, TaskName) {
    let store = Store::open(store).await.expect("a new file");
    let head = Head::new(Arc::new(store), None);
    let leading = head.clone();
    tokio::spawn(async move { leading.lead_or_wait("bench", "http://127.0.0.1:1").await });
    while head.call(|_| Ok(())).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let plan = "version: 1\nname: bench\nsource: { url: \"sqlite:a\" }\ntarget: { url: \"sqlite:b\" }\n".to_owned();
    let submission = Submission { plan, id: Some("bench".to_owned()), by: "bench".to_owned() };
    head.call(move |core| core.submit(submission)).await.expect("a plan");
    beat(&head).await;
    let task = TaskName { worker: "bench".to_owned(), job: "bench".to_owned(), attempt: 1 };
    let opened = Opened {
        separate: false,
        brief_json: Vec::new(),
        shared: false,
        source_connections: 1,
        target_connections: 1,
        complete: false,
        closed: false,
    };
    let of = task.clone();
    head.call(move |core| core.open(&of, opened)).await.expect("its own job");
    for first in (0..SPLITS).step_by(10_000) {
        let splits = (first..first + 10_000)
            .map(|split| offered(split, 1, false, Half::Copy, vec![b'x'; RECORD_BYTES]))
            .collect();
        let (of, last) = (task.clone(), first + 10_000 == SPLITS);
        head.call(move |core| core.offer(&of, splits, last)).await.expect("its own job");
        beat(&head).await;
    }
    (head, task)
}

async fn beat(head: &Head) {
    let beat = Beat {
        worker: "bench".to_owned(),
        instance: String::new(),
        number: 0,
        classes: vec![Class::Scout, Class::Mover],
        zone: String::new(),
        version: String::new(),
        slots: 1,
        draining: false,
        children: Vec::new(),
        network: String::new(),
    };
    head.call(move |core| core.beat(beat)).await.expect("a sound beat");
}

async fn grant(head: &Head, task: &TaskName) -> u64 {
    beat(head).await;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (head, task) = (head.clone(), task.clone());
            tokio::spawn(async move {
                let mut granted = 0;
                while granted < GRANTS / u64::from(CALLERS) {
                    let of = task.clone();
                    granted +=
                        head.call(move |core| core.next(&of, 1)).await.expect("its own job").granted.len() as u64;
                }
                granted
            })
        })
        .collect();
    let mut granted = 0;
    for caller in callers {
        granted += caller.await.expect("it does not panic");
    }
    granted
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Mixed requests to REST while a job runs: of ten, nine read and one submits, which is stored before it is answered.
pub fn requests(ground: &Ground) -> Result<Case<'_>, Missing> {
    let wrk = peers::wrk()?;
    let version = wrk.version.clone();
    let (database, _) = ground.tpch(&[Table::LineItem], ground.scale, false);
    let program = wrk.program.clone();
    let load = move || {
        ground.fresh_target();
        let mut cluster = Cluster::start(Sensei::new(), Place::Sqlite, 1);
        let (source, target) = (ground.source().url(&database), ground.target().url("copy"));
        let plan =
            format!("version: 1\nname: copy\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n");
        fs::write(cluster.sensei.path("plan.yaml"), plan).expect("our own folder");
        cluster.add_worker(1);
        cluster.submit("copy");
        let token = fs::read_to_string(cluster.sensei.path("token")).expect("the head made it");
        let script = cluster.sensei.path("mixed.lua");
        fs::write(&script, MIXED.replace("TOKEN", token.trim())).expect("our own folder");
        let seconds = format!("{LOAD_SECONDS}s");
        let output = Command::new(&program)
            .args(["--threads", "1", "--connections", "32", "--duration", &seconds, "--latency", "--script"])
            .arg(&script)
            .arg(cluster.url())
            .output()
            .expect("wrk runs");
        cluster.command(&["job", "stop", "copy"]);
        said(&String::from_utf8_lossy(&output.stdout))
    };
    let command = "wrk --threads 1 --connections 32 --duration 20s --latency --script mixed.lua http://127.0.0.1:PORT";
    let last = std::rc::Rc::new(std::cell::Cell::new(0.0));
    let (p99, slow) = (last.clone(), last);
    let answered = Running::new("requests", command, move || {
        let (requests, milliseconds) = load();
        p99.set(milliseconds);
        Sample { seconds: LOAD_SECONDS as f64, rows: requests, ..Sample::default() }
    });
    let slowest = Running::new("99th percentile of the same requests", "(the same run)", move || Sample {
        seconds: slow.get() / 1_000.0,
        ..Sample::default()
    });
    let rate = Target { measure: Measure::RowsPerSecond, of: 0, against: None, bound: Bound::AtLeast(2_400.0) };
    let late = Target { measure: Measure::Seconds, of: 1, against: None, bound: Bound::AtMost(0.085) };
    let case =
        Case { entrants: vec![answered, slowest], targets: vec![rate, late], notes: Vec::new(), versions: Vec::new() };
    Ok(case
        .version("wrk", &version)
        .note("a row is a request: of ten, nine read and one submits; the load tool shares the machine"))
}

/// Requests and milliseconds of the 99th percentile, as wrk says them.
fn said(text: &str) -> (u64, f64) {
    let requests =
        text.lines().find(|line| line.contains("requests in")).and_then(|line| line.split_whitespace().next());
    let p99 = text.lines().find_map(|line| line.trim().strip_prefix("99%")).map(str::trim);
    let milliseconds = p99.and_then(|p99| match p99 {
        p99 if p99.ends_with("us") => p99.trim_end_matches("us").parse().ok().map(|us: f64| us / 1_000.0),
        p99 if p99.ends_with("ms") => p99.trim_end_matches("ms").parse().ok(),
        p99 => p99.trim_end_matches('s').parse().ok().map(|s: f64| s * 1_000.0),
    });
    assert!(!text.contains("Non-2xx"), "requests were refused:\n{text}");
    let parsed = requests.and_then(|requests| requests.parse().ok()).zip(milliseconds);
    parsed.unwrap_or_else(|| panic!("wrk said:\n{text}"))
}

const MIXED: &str = r#"
local headers = { ["Authorization"] = "Bearer TOKEN" }
local yaml = { ["Authorization"] = "Bearer TOKEN", ["Content-Type"] = "application/yaml" }
local plan = "version: 1\nname: never\nsource: { url: \"sqlite:a\" }\ntarget: { url: \"sqlite:b\" }\n"
local count = 0
request = function()
  count = count + 1
  local turn = count % 10
  if turn == 0 then return wrk.format("POST", "/v1/jobs?id=never", yaml, plan) end
  if turn == 1 then return wrk.format("GET", "/v1/pool", headers) end
  if turn == 2 then return wrk.format("GET", "/v1/jobs", headers) end
  return wrk.format("GET", "/v1/jobs/copy", headers)
end
"#;
