//! Stacked bars of where Sensei's time goes, as SVG.

use std::fmt::Write;

use serde_json::Value;

use crate::record::{Entrant, Record, Sample};

/// Steps in the order of a row's way, with colours that the colour-blind tell apart.
const STEPS: [(&str, &str, &str); 8] = [
    ("source_seconds", "source", "#4477aa"),
    ("decode_seconds", "decode", "#66ccee"),
    ("transform_seconds", "transform", "#228833"),
    ("digest_seconds", "digest", "#ccbb44"),
    ("encode_seconds", "encode", "#ee8866"),
    ("target_seconds", "target", "#ee6677"),
    ("read_back_seconds", "read-back", "#aa3377"),
    ("index_seconds", "index", "#bbbbbb"),
];

const WIDTH: f64 = 720.0;
const BAR_LEFT: f64 = 190.0;
const BAR_HEIGHT: f64 = 26.0;
const BAR_EVERY: f64 = 40.0;
const BARS_TOP: f64 = 64.0;

/// One bar per entrant that tells where its time went; `None` if none does.
pub fn svg(record: &Record) -> Option<String> {
    let bars: Vec<(&Entrant, &Sample, &Value)> = record.entrants.iter().filter_map(median).collect();
    let sum = |spent: &Value| STEPS.iter().filter_map(|(field, ..)| spent[field].as_f64()).sum::<f64>();
    let longest = bars.iter().map(|(.., spent)| sum(spent)).reduce(f64::max).filter(|longest| *longest > 0.0)?;
    let height = BARS_TOP + BAR_EVERY * bars.len() as f64 + 16.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(
        &mut out,
        8.0,
        18.0,
        &format!("{}: seconds per step, added up over all that ran side by side", record.scenario),
    );
    legend(&mut out);
    let per_second = (WIDTH - BAR_LEFT - 16.0) / longest;
    for (index, (entrant, sample, spent)) in bars.into_iter().enumerate() {
        let top = BARS_TOP + BAR_EVERY * index as f64;
        text(&mut out, 8.0, top + 11.0, &entrant.name);
        text(&mut out, 8.0, top + 25.0, &format!("{:.1} s of wall time", sample.seconds));
        bar(&mut out, spent, top, per_second);
    }
    Some(out + "</svg>\n")
}

/// The entrant's run in the middle.
fn median(entrant: &Entrant) -> Option<(&Entrant, &Sample, &Value)> {
    let mut samples: Vec<&Sample> = entrant.samples.iter().filter(|sample| sample.spent.is_some()).collect();
    samples.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let sample = *samples.get(samples.len() / 2)?;
    Some((entrant, sample, sample.spent.as_ref()?))
}

fn legend(out: &mut String) {
    let every = (WIDTH - 16.0) / STEPS.len() as f64;
    for (index, (_, name, colour)) in STEPS.iter().enumerate() {
        let left = 8.0 + every * index as f64;
        let _ = writeln!(out, "<rect x=\"{left:.1}\" y=\"32\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        text(out, left + 16.0, 42.0, name);
    }
}

fn bar(out: &mut String, spent: &Value, top: f64, per_second: f64) {
    let mut left = BAR_LEFT;
    for (field, name, colour) in STEPS {
        let seconds = spent[field].as_f64().unwrap_or(0.0);
        let width = seconds * per_second;
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" fill=\"{colour}\">\
             <title>{name}: {seconds:.2} s</title></rect>"
        );
        if width > 30.0 {
            text(out, left + 4.0, top + 17.0, &format!("{seconds:.1}"));
        }
        left += width;
    }
}

/// Writes a line of text into an SVG, its baseline beginning at these units from the left and the top.
pub(crate) fn text(out: &mut String, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}
