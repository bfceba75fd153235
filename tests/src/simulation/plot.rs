//! A run as SVG: workers above, bytes left below, both over time.

use std::fmt::Write;

use super::run::{Point, Run};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 704.0;
/// Top and bottom of the workers' panel.
const WORKERS: (f64, f64) = (56.0, 256.0);
/// Top and bottom of the panel of bytes left.
const BYTES: (f64, f64) = (296.0, 396.0);
const HEIGHT: f64 = 432.0;

/// What a line shows: name, colour that the colour-blind tell apart, and value.
type Line = (&'static str, &'static str, fn(&Point) -> f64);

const LINES: [Line; 4] = [
    ("wanted", "#bbbbbb", |point| f64::from(point.target)),
    ("launching", "#ccbb44", |point| f64::from(point.launching)),
    ("ready", "#4477aa", |point| f64::from(point.ready)),
    ("busy", "#228833", |point| f64::from(point.busy)),
];
const LEFT_OVER: Line = ("bytes left", "#ee6677", |point| point.bytes_left as f64);

/// Draws `run`; `None` if nothing was decided in it.
pub fn svg(title: &str, run: &Run) -> Option<String> {
    let end_ms = run.points.last()?.at_ms.max(1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut out, 8.0, 18.0, title);
    legend(&mut out);
    let most = LINES.iter().map(|line| largest(run, line)).fold(1.0, f64::max);
    let most_left = largest(run, &LEFT_OVER).max(1.0);
    axes(&mut out, WORKERS, &format!("{most:.0}"));
    axes(&mut out, BYTES, &format!("{:.1} GB", most_left / 1e9));
    LINES.iter().for_each(|line| steps(&mut out, run, line, WORKERS, (end_ms, most)));
    steps(&mut out, run, &LEFT_OVER, BYTES, (end_ms, most_left));
    times(&mut out, end_ms, run.finished_ms);
    Some(out + "</svg>\n")
}

fn largest(run: &Run, (_, _, value): &Line) -> f64 {
    run.points.iter().map(value).fold(0.0, f64::max)
}

fn legend(out: &mut String) {
    for (index, (name, colour, _)) in LINES.iter().chain([&LEFT_OVER]).enumerate() {
        let left = LEFT + 110.0 * index as f64;
        let _ = writeln!(out, "<rect x=\"{left}\" y=\"28\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        text(out, left + 16.0, 38.0, name);
    }
}

fn axes(out: &mut String, (top, bottom): (f64, f64), most: &str) {
    let _ = writeln!(out, "<path d=\"M{LEFT} {top}V{bottom}H{RIGHT}\" fill=\"none\" stroke=\"black\"/>");
    text(out, 8.0, top + 10.0, most);
    text(out, 8.0, bottom, "0");
}

/// A value holds until the next one: steps, of which only those that rise or fall are written.
fn steps(out: &mut String, run: &Run, line: &Line, (top, bottom): (f64, f64), (end_ms, most): (i64, f64)) {
    let (name, colour, value) = line;
    let across = |at_ms: i64| LEFT + (RIGHT - LEFT) * at_ms as f64 / end_ms as f64;
    let up = |value: f64| bottom - (bottom - top) * value / most;
    let mut path = String::new();
    let mut last = None;
    for point in &run.points {
        let (x, y) = (across(point.at_ms), up(value(point)));
        match last {
            None => path += &format!("M{x:.1} {y:.1}"),
            Some(last) if last != y => path += &format!("H{x:.1}V{y:.1}"),
            Some(_) => {}
        }
        last = Some(y);
    }
    let _ = writeln!(
        out,
        "<path d=\"{path}H{RIGHT}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"><title>{name}</title></path>"
    );
}

fn times(out: &mut String, end_ms: i64, finished_ms: Option<i64>) {
    for part in 0..=4 {
        let x = LEFT + (RIGHT - LEFT) * f64::from(part) / 4.0;
        text(
            out,
            x - if part == 4 { 40.0 } else { 8.0 },
            BYTES.1 + 18.0,
            &format!("{} s", end_ms * i64::from(part) / 4_000),
        );
    }
    if let Some(finished_ms) = finished_ms {
        let x = LEFT + (RIGHT - LEFT) * finished_ms as f64 / end_ms as f64;
        let (top, bottom) = (WORKERS.0, BYTES.1);
        let _ = writeln!(out, "<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"black\" stroke-dasharray=\"3 3\"/>");
        text(out, (x - 80.0).max(LEFT), BYTES.0 - 8.0, &format!("done at {} s", finished_ms / 1_000));
    }
}

fn text(out: &mut String, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_ms: i64, ready: u32, bytes_left: u64) -> Point {
        let (launching, busy, draining, launched, retired, abandoned) = (0, ready, 0, 0, 0, 0);
        let (target, budget) = (4, 4);
        Point { at_ms, target, launching, ready, busy, draining, launched, retired, abandoned, budget, bytes_left }
    }

    #[test]
    fn draws_steps_and_the_end() {
        assert_eq!(svg("nothing", &Run::default()), None);
        let points = vec![point(0, 0, 2_000_000_000), point(5_000, 4, 1_000_000_000), point(10_000, 4, 0)];
        let picture = svg("a < b & c", &Run { points, finished_ms: Some(7_500), ..Run::default() }).unwrap();
        assert!(picture.contains("a &lt; b &amp; c"));
        assert!(picture.contains("d=\"M64.0 256.0H384.0V56.0H704\""), "{picture}");
        assert!(picture.contains("d=\"M64.0 296.0H384.0V346.0H704.0V396.0H704\""), "{picture}");
        assert!(picture.contains("done at 7 s"));
        assert!(picture.ends_with("</svg>\n"));
    }
}
