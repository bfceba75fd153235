//! The page of all records, and their charts.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use crate::record::{Bound, Entrant, Measure, Record, Spread, Target};
use crate::{chart, plot};

const HEAD: &str = "# Measurements

Made by `make bench` of the records in `results/`; do not edit. One scenario alone: `make bench ARGS='--only pg-verified'`, their
names with `--list`. Every scenario runs its entrants in turn, round by round. A ratio is taken within each round; the median is
held against the target, and the spread is the least and the greatest. Peak memory is the kernel's high-water mark of resident memory
of the command's own process. Times are wall times, of commands as a person would start them: process start, planning, checks, keys
and the signed certificate are in Sensei's.
";

/// Writes `RESULTS.md` and the charts into `folder`, from `folder/results`.
///
/// # Errors
/// If a file cannot be read or written.
pub fn write(folder: &Path) -> io::Result<()> {
    let records = Record::read_all(&folder.join("results"))?;
    let charts = folder.join("charts");
    fs::create_dir_all(&charts)?;
    for record in &records {
        if let Some(chart) = chart::svg(record).or_else(|| plot::svg(record)) {
            fs::write(charts.join(format!("{}.svg", record.scenario)), chart)?;
        }
    }
    fs::write(folder.join("RESULTS.md"), page(&records))
}

/// The page.
pub fn page(records: &[Record]) -> String {
    let mut out = HEAD.to_owned();
    out += "\n| # | scenario | what | median | spread | target | met |\n| --- | --- | --- | --- | --- | --- | --- |\n";
    for record in records {
        for target in &record.targets {
            out += &summary(record, target);
        }
    }
    if records.iter().any(|record| record.provisional.is_some()) {
        out += "\nFigures marked ° are provisional: see their scenario.\n";
    }
    records.iter().for_each(|record| section(&mut out, record));
    out
}

fn summary(record: &Record, target: &Target) -> String {
    let Some(spread) = Spread::of(&record.values(target)) else { return String::new() };
    let mark = if record.provisional.is_some() { "°" } else { "" };
    let met = if record.meets(target) == Some(true) { "yes" } else { "**no**" };
    let show = |value| shown(target, value);
    let (median, low, high) = (show(spread.median), show(spread.min), show(spread.max));
    let (what, bound) = (what(record, target), bound(target));
    format!("| {} | {} | {what} | {median}{mark} | {low}–{high} | {bound} | {met} |\n", record.number, record.scenario)
}

/// What a target is about, in words.
pub fn what(record: &Record, target: &Target) -> String {
    let measure = match target.measure {
        Measure::Seconds => "time",
        Measure::SecondsPerRow => "time per row",
        Measure::RowsPerSecond => "rows per second",
        Measure::PeakKib => "peak memory",
    };
    let of = &record.entrants[target.of].name;
    match target.against {
        None => format!("{measure} of {of}"),
        Some(other) => format!("{measure}, {of} / {}", record.entrants[other].name),
    }
}

fn bound(target: &Target) -> String {
    match target.bound {
        Bound::AtMost(bound) => format!("≤ {}", shown(target, bound)),
        Bound::AtLeast(bound) => format!("≥ {}", shown(target, bound)),
    }
}

fn shown(target: &Target, value: f64) -> String {
    match (target.against, target.measure) {
        (Some(_), _) => format!("{value:.2}×"),
        (None, Measure::PeakKib) => format!("{:.0} MiB", value / 1024.0),
        (None, Measure::RowsPerSecond) => format!("{:.2} million/s", value / 1e6),
        (None, Measure::Seconds) => format!("{value:.1} s"),
        (None, Measure::SecondsPerRow) => format!("{:.2} µs", value * 1e6),
    }
}

fn section(out: &mut String, record: &Record) {
    let Record { number, title, scenario, measured_on, commit, scale, machine, .. } = record;
    line(out, format_args!("\n## {number}: {title}\n"));
    if let Some(why) = &record.provisional {
        line(out, format_args!("**Provisional:** {why}\n"));
    }
    let rounds = record.entrants.first().map_or(0, |entrant| entrant.samples.len());
    line(
        out,
        format_args!("`{scenario}`, {rounds} rounds, scale {scale}, {measured_on}, commit {commit}, {machine}.\n"),
    );
    line(out, format_args!("| entrant | rows | median s | min | max | rows/s | peak MiB |"));
    line(out, format_args!("| --- | --- | --- | --- | --- | --- | --- |"));
    record.entrants.iter().for_each(|entrant| row(out, entrant));
    if record.entrants.iter().any(|entrant| entrant.samples.iter().any(|sample| sample.spent.is_some())) {
        line(out, format_args!("\n![Where the time goes](charts/{scenario}.svg)"));
    } else if record.entrants.iter().any(|entrant| entrant.samples.iter().any(|sample| sample.progress.is_some())) {
        line(out, format_args!("\n![How far each was when](charts/{scenario}.svg)"));
    }
    line(out, format_args!("\n```text"));
    record.entrants.iter().for_each(|entrant| line(out, format_args!("{}", entrant.command)));
    line(out, format_args!("```\n"));
    record.settings.iter().for_each(|setting| line(out, format_args!("- {setting}")));
    let versions: Vec<String> = record.versions.iter().map(|(name, version)| format!("{name}: {version}")).collect();
    line(out, format_args!("- versions: {}", versions.join("; ")));
}

fn row(out: &mut String, entrant: &Entrant) {
    let seconds: Vec<f64> = entrant.samples.iter().map(|sample| sample.seconds).collect();
    let (Some(spread), Some(sample)) = (Spread::of(&seconds), entrant.samples.first()) else { return };
    let peak = entrant.samples.iter().filter_map(|sample| sample.peak_kib).max();
    let peak = peak.map_or("—".to_owned(), |peak| format!("{:.0}", peak as f64 / 1024.0));
    let Spread { median, min, max } = spread;
    let (name, rows, pace) = (&entrant.name, sample.rows, sample.rows as f64 / median);
    line(out, format_args!("| {name} | {rows} | {median:.2} | {min:.2} | {max:.2} | {pace:.0} | {peak} |"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string");
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
