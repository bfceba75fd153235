//! TPC-H lineitem from one PostgreSQL server to another: `sensei run` with full verification beside `psql`'s binary COPY
//! pipe without any, in alternating rounds. Prints medians, spread, the ratio within this run and sensei's peak memory.
//!
//! `cargo run --release -p sensei-bench --example lineitem -- SCALE ROUNDS`

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement reads the clock and prints")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sensei_tests::Sensei;
use sensei_tests::postgres::Server;
use sensei_tests::tpch::Table;

/// A round that takes longer is given up.
const ROUND_MAX: Duration = Duration::from_secs(1800);

struct Round {
    seconds: f64,
    peak_kib: u64,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let scale: f64 = arguments.next().map_or(1.0, |text| text.parse().expect("SCALE is a number"));
    let rounds: usize = arguments.next().map_or(3, |text| text.parse().expect("ROUNDS is a count"));
    let (source, target) = (Server::start(), Server::start());
    source.create_database("tpch");
    let rows = source.load_tpch("tpch", Table::LineItem, scale);
    source.psql("tpch", "VACUUM ANALYZE lineitem");
    let (mut pipes, mut runs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        pipes.push(pipe(&source, &target));
        runs.push(run(&source, &target, rows));
        println!("round {}: psql {:.1} s, sensei {:.1} s", round + 1, pipes[round], runs[round].seconds);
    }
    report(rows, &pipes, &runs);
}

fn report(rows: u64, pipes: &[f64], runs: &[Round]) {
    let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
    let ratios: Vec<f64> = seconds.iter().zip(pipes).map(|(run, pipe)| run / pipe).collect();
    let peak = runs.iter().map(|run| run.peak_kib).max().unwrap_or(0);
    println!("\nlineitem, {rows} rows, PostgreSQL to PostgreSQL, {} alternating rounds", runs.len());
    println!("| run | median s | min | max |\n| --- | --- | --- | --- |");
    line("psql COPY binary pipe, unverified", pipes);
    line("sensei run, verify: full, with primary key", &seconds);
    line("ratio sensei / psql, round by round", &ratios);
    println!("\npeak resident memory of sensei: {:.0} MiB", peak as f64 / 1024.0);
}

fn line(name: &str, values: &[f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    println!("| {name} | {:.2} | {:.2} | {:.2} |", sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1]);
}

fn fresh_target(target: &Server) {
    target.psql("postgres", "DROP DATABASE IF EXISTS copy");
    target.create_database("copy");
    target.psql("postgres", "CHECKPOINT");
}

fn pipe(source: &Server, target: &Server) -> f64 {
    fresh_target(target);
    target.psql("copy", Table::LineItem.create());
    let start = Instant::now();
    let psql = |url: String, sql: &str| {
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", &url, "-c", sql]);
        command
    };
    let mut reading = psql(source.url("tpch"), "COPY lineitem TO STDOUT (FORMAT binary)")
        .stdout(Stdio::piped())
        .spawn()
        .expect("psql starts");
    let rows = reading.stdout.take().expect("a pipe");
    let writing = psql(target.url("copy"), "COPY lineitem FROM STDIN (FORMAT binary)").stdin(rows).status();
    assert!(writing.expect("psql starts").success() && reading.wait().expect("psql ends").success());
    start.elapsed().as_secs_f64()
}

fn run(source: &Server, target: &Server, rows: u64) -> Round {
    fresh_target(target);
    let sensei = Sensei::new().time_max(ROUND_MAX);
    let plan = format!(
        "version: 1\nname: lineitem\nsource: {{ url: \"{}\" }}\ntarget: {{ url: \"{}\" }}\n",
        source.url("tpch"),
        target.url("copy")
    );
    sensei.write("plan.yaml", plan);
    let start = Instant::now();
    let mut running = sensei.spawn(&["run", "plan.yaml", "--output", "json"]);
    let mut peak_kib = 0;
    while running.is_running() {
        peak_kib = peak_kib.max(peak_of(running.pid()));
        std::thread::sleep(Duration::from_millis(50));
    }
    let seconds = start.elapsed().as_secs_f64();
    let report = running.wait().expect(0).json();
    assert_eq!(report["verdict"], "equivalent");
    assert_eq!(report["tables"][0]["rows_verified"], rows);
    Round { seconds, peak_kib }
}

/// The kernel's own high-water mark of resident memory, in KiB.
fn peak_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
