//! What a person sees while a job runs: one line per table on a terminal, a plain line now and then elsewhere.
//! Everything goes to stderr; stdout belongs to the result.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::Stopwatch;
use crate::limits::{PROGRESS_INTERVAL_MS, PROGRESS_LINE_INTERVAL_MS};
use crate::say::say;

/// Tables shown live at once; the rest is counted in the total line.
const TABLES_SHOWN_MAX: usize = 12;

/// Live progress of one command.
pub struct Progress {
    bars: BTreeMap<u32, ProgressBar>,
    total: ProgressBar,
    _all: MultiProgress,
    watched: bool,
    watch: Stopwatch,
    last_line: Duration,
    rows: u64,
    bytes: u64,
    quiet: bool,
}

impl Progress {
    /// Progress over tables with these names and expected row counts; `quiet` shows nothing.
    pub fn new(doing: &str, tables: &[(String, u64)], quiet: bool) -> Progress {
        let watched = !quiet && std::io::stderr().is_terminal();
        let target = if watched { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        let all = MultiProgress::with_draw_target(target);
        let shown = tables.len() <= TABLES_SHOWN_MAX;
        let bar = |(index, (name, rows)): (usize, &(String, u64))| {
            let bar = all.add(ProgressBar::new(*rows));
            bar.set_style(style("  {prefix:24!} {bar:24} {human_pos:>12} rows {msg}"));
            bar.set_prefix(name.clone());
            (index as u32, bar)
        };
        let bars = if shown { tables.iter().enumerate().map(bar).collect() } else { BTreeMap::new() };
        let total = all.add(ProgressBar::new(tables.iter().map(|(_, rows)| rows).sum()));
        total.set_style(style("{prefix} {bar:24} {human_pos} of about {human_len} rows, {per_sec}, {msg}, ETA {eta}"));
        total.set_prefix(doing.to_owned());
        total.enable_steady_tick(Duration::from_millis(PROGRESS_INTERVAL_MS));
        let watch = Stopwatch::start();
        Progress { bars, total, _all: all, watched, watch, last_line: Duration::ZERO, rows: 0, bytes: 0, quiet }
    }

    /// Rows of a table moved on.
    pub fn moved(&mut self, table: u32, rows: u64, bytes: u64) {
        self.rows += rows;
        self.bytes += bytes;
        if let Some(bar) = self.bars.get(&table) {
            bar.inc(rows);
        }
        self.total.inc(rows);
        self.total.set_message(rate(self.bytes, self.watch.elapsed()));
        self.line_when_due();
    }

    /// A split of a table was verified, or not.
    pub fn verified(&mut self, table: u32, done: u64, of: u64, sound: bool) {
        if let Some(bar) = self.bars.get(&table) {
            let mark = if sound { "verified" } else { "DIFFERENT" };
            bar.set_message(format!("{done}/{of} splits {mark}"));
            if done == of {
                bar.abandon();
            }
        }
    }

    fn line_when_due(&mut self) {
        let elapsed = self.watch.elapsed();
        let due = elapsed.saturating_sub(self.last_line) >= Duration::from_millis(PROGRESS_LINE_INTERVAL_MS);
        if self.quiet || self.watched || !due {
            return;
        }
        self.last_line = elapsed;
        let expected = self.total.length().unwrap_or(0);
        say(format_args!(
            "{} {} of about {expected} rows after {} s, {}",
            self.total.prefix(),
            self.rows,
            elapsed.as_secs(),
            rate(self.bytes, elapsed)
        ));
    }
}

/// Leaves the terminal clean for the report.
impl Drop for Progress {
    fn drop(&mut self) {
        for bar in self.bars.values() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a fixed template").progress_chars("=> ")
}

fn rate(bytes: u64, elapsed: Duration) -> String {
    format!("{:.1} MB/s", bytes as f64 / 1e6 / elapsed.as_secs_f64().max(0.001))
}
