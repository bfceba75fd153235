//! Lines of how far runs were when, as SVG.

use std::fmt::Write;

use crate::chart::text;
use crate::record::{Entrant, Progress, Record, Sample};

/// That the colour-blind tell apart.
const COLOURS: [&str; 4] = ["#4477aa", "#228833", "#ee6677", "#ccbb44"];

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 704.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 364.0;

/// One line per entrant that tells how far it was when; `None` if none does.
pub fn svg(record: &Record) -> Option<String> {
    let lines: Vec<(&Entrant, &Sample, &Progress)> = record.entrants.iter().filter_map(median).collect();
    let longest =
        lines.iter().map(|(_, sample, _)| sample.seconds).reduce(f64::max).filter(|longest| *longest > 0.0)?;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut out, 8.0, 18.0, &format!("{}: part of the bytes that was done, over time", record.scenario));
    axes(&mut out, longest);
    for (index, (entrant, sample, progress)) in lines.into_iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let top = 28.0 + 20.0 * index as f64;
        let _ = writeln!(out, "<rect x=\"{LEFT}\" y=\"{top}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        text(&mut out, LEFT + 16.0, top + 10.0, &format!("{}: {:.1} s", entrant.name, sample.seconds));
        line(&mut out, sample.seconds, progress, colour, longest);
    }
    Some(out + "</svg>\n")
}

/// The entrant's run in the middle.
fn median(entrant: &Entrant) -> Option<(&Entrant, &Sample, &Progress)> {
    let mut samples: Vec<&Sample> = entrant.samples.iter().filter(|sample| sample.progress.is_some()).collect();
    samples.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let sample = *samples.get(samples.len() / 2)?;
    Some((entrant, sample, sample.progress.as_ref()?))
}

fn axes(out: &mut String, longest: f64) {
    let _ = writeln!(out, "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"black\"/>");
    for part in 0..=4 {
        let part = f64::from(part) / 4.0;
        text(out, 8.0, up(part) + 4.0, &format!("{:.0} %", 100.0 * part));
        text(
            out,
            across(part) - if part < 1.0 { 8.0 } else { 40.0 },
            BOTTOM + 18.0,
            &format!("{:.1} s", longest * part),
        );
    }
}

/// Its points, a dot where something happened, and a short upright line where the run ended.
fn line(out: &mut String, seconds: f64, progress: &Progress, colour: &str, longest: f64) {
    let mut path = String::new();
    for (at, part) in &progress.points {
        let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, across(at / longest), up(*part));
    }
    let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
    let (end, top, bottom) = (across(seconds / longest), TOP - 6.0, TOP + 6.0);
    let _ = writeln!(out, "<path d=\"M{end:.1} {top}V{bottom}\" stroke=\"{colour}\" stroke-width=\"3\"/>");
    for (at, what) in &progress.marks {
        let reached = progress.points.iter().take_while(|(when, _)| when <= at).last().map_or(0.0, |(_, part)| *part);
        let (x, y) = (across(at / longest), up(reached));
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
        text(out, x + 8.0, y + 14.0, what);
    }
}

fn across(part: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * part
}

fn up(part: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * part
}
