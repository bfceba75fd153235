//! The command line of the measurements: which scenarios, how often, at which scale.
#![allow(clippy::print_stderr, reason = "a measurement tells how far it is")]
#![allow(clippy::print_stdout, reason = "a measurement tells what it found")]

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;

use crate::ground::Ground;
use crate::measure::Stopwatch;
use crate::peers::{self, Missing};
use crate::record::{Entrant, Record, Spread};
use crate::render;
use crate::scenario::{self, Case, Scenario};

/// Measures Sensei beside other tools and writes bench/RESULTS.md.
#[derive(Clone, Debug, Parser)]
pub struct Arguments {
    /// Only these scenarios; all if none is named
    #[arg(long, value_name = "SCENARIO")]
    pub only: Vec<String>,
    /// Alternating rounds of each scenario
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// TPC-H scale factor, and the factor of all other sizes
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// Measure scale factor 10 too, which takes 30 GB of disk
    #[arg(long)]
    pub large: bool,
    /// Why the figures are not final, for the page
    #[arg(long, value_name = "WHY")]
    pub provisional: Option<String>,
    /// Name the scenarios and end
    #[arg(long)]
    pub list: bool,
    /// Make the pages anew of what was measured earlier and end
    #[arg(long)]
    pub render: bool,
    /// Folder of the records, pages and charts
    #[arg(long, value_name = "FOLDER", default_value = "bench")]
    pub into: PathBuf,
}

impl Arguments {
    /// Of this process.
    pub fn from_command_line() -> Arguments {
        Arguments::parse()
    }
}

/// Measures what was asked for and writes the pages. Scenarios whose tools are missing are named and skipped.
pub fn run(arguments: Arguments) -> ExitCode {
    if arguments.list {
        scenario::ALL
            .iter()
            .for_each(|scenario| println!("{:18} {:18} {}", scenario.name, scenario.number, scenario.title));
        return ExitCode::SUCCESS;
    }
    let measured = if arguments.render { Ok(()) } else { measure(&arguments) };
    match measured.and_then(|()| render::write(&arguments.into).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    let known = |name: &String| scenario::ALL.iter().any(|scenario| scenario.name == *name);
    if let Some(unknown) = arguments.only.iter().find(|name| !known(name)) {
        return Err(format!("there is no scenario {unknown:?}; --list names them"));
    }
    let wanted =
        |scenario: &&Scenario| arguments.only.is_empty() || arguments.only.iter().any(|name| name == scenario.name);
    let ground = Ground::new(arguments.scale, arguments.large);
    for scenario in scenario::ALL.iter().filter(wanted) {
        let watch = Stopwatch::start();
        eprintln!("{}: {}", scenario.name, scenario.title);
        match (scenario.case)(&ground) {
            Ok(case) => {
                eprintln!("  data made in {:.0} s", watch.seconds());
                let record = rounds(scenario, case, arguments);
                record.write(&arguments.into.join("results")).map_err(|error: io::Error| error.to_string())?;
                eprintln!("  took {:.0} s in all", watch.seconds());
            }
            Err(Missing(why)) => eprintln!("  skipped: {why}"),
        }
    }
    Ok(())
}

/// All entrants in turn, round by round: what disturbs the machine for a while disturbs all of them.
fn rounds(scenario: &Scenario, case: Case<'_>, arguments: &Arguments) -> Record {
    let Case { entrants: mut running, targets, notes, versions } = case;
    let fresh = |running: &scenario::Running<'_>| {
        let (name, command) = (running.name.clone(), running.command.clone());
        Entrant { name, command, samples: Vec::new() }
    };
    let mut entrants: Vec<Entrant> = running.iter().map(fresh).collect();
    for round in 1..=arguments.rounds.max(1) {
        for (entrant, running) in entrants.iter_mut().zip(&mut running) {
            let sample = (running.run)();
            let peak = sample.peak_kib.map(|peak| format!(", {} MiB", peak / 1024)).unwrap_or_default();
            eprintln!("  round {round}: {}: {:.2} s{peak}", entrant.name, sample.seconds);
            entrant.samples.push(sample);
        }
    }
    let mut all: BTreeMap<String, String> = common_versions();
    all.extend(versions.into_iter().map(|(name, version)| (name.to_owned(), version)));
    let mut settings = Ground::settings();
    settings.extend(notes);
    let record = Record {
        scenario: scenario.name.to_owned(),
        number: scenario.number.to_owned(),
        title: scenario.title.to_owned(),
        measured_on: told("date", &["-u", "+%F"]),
        commit: commit(),
        provisional: arguments.provisional.clone(),
        scale: arguments.scale,
        machine: machine(),
        versions: all,
        settings,
        entrants,
        targets,
    };
    for target in &record.targets {
        if let Some(spread) = Spread::of(&record.values(target)) {
            let met = if record.meets(target) == Some(true) { "met" } else { "NOT met" };
            eprintln!(
                "  {}: {:.3} ({:.3} to {:.3}), {met}",
                render::what(&record, target),
                spread.median,
                spread.min,
                spread.max
            );
        }
    }
    record
}

fn common_versions() -> BTreeMap<String, String> {
    let mut versions = BTreeMap::from([("sensei".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    for (name, program, arguments) in [
        ("PostgreSQL", "psql", ["--version"]),
        ("MariaDB", "mariadb", ["--version"]),
        ("rustc", "rustc", ["--version"]),
    ] {
        versions.extend(peers::version(program.as_ref(), &arguments).map(|version| (name.to_owned(), version)));
    }
    versions
}

/// What the sources are, with `+` where they differ from the commit. What measurements write is no source.
fn commit() -> String {
    let head = told("git", &["rev-parse", "--short=10", "HEAD"]);
    let written = [":(top,exclude)bench/results", ":(top,exclude)bench/charts", ":(top,exclude)bench/RESULTS.md"];
    let changed = told("git", &[&["status", "--porcelain", "--untracked-files=no", "--"], &written[..]].concat());
    format!("{head}{}", if changed.is_empty() { "" } else { "+" })
}

fn told(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn machine() -> String {
    let line = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once([':', '=']));
        found.map(|(_, value)| value.trim().trim_matches('"').to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kib: u64 = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    let (processor, system) = (line("/proc/cpuinfo", "model name"), line("/etc/os-release", "PRETTY_NAME"));
    format!("{cores} cores ({processor}), {:.0} GiB of memory, {system}", kib as f64 / f64::from(1 << 20))
}
