//! Runs a command and measures it: wall time, and the high-water mark of its resident memory.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::record::Sample;

/// A run that takes longer is killed: something hangs.
pub const RUN_MAX: Duration = Duration::from_secs(7200);

/// How often a running command is looked at: short beside any run that is worth measuring.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Looks from one reading of its memory to the next: a reading costs some 30 µs of the processor that is measured.
const LOOKS_PER_READING: u64 = 10;

/// A monotonic start, to measure from.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Measured {
    pub seconds: f64,
    pub peak_kib: u64,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Measured {
    /// As a sample of so many rows.
    ///
    /// # Panics
    /// If it did not end with one of these codes: a failed run measures nothing.
    pub fn sample(&self, rows: u64, codes: &[i32]) -> Sample {
        let sound = self.code.is_some_and(|code| codes.contains(&code));
        assert!(sound, "ended with {:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        Sample { seconds: self.seconds, rows, peak_kib: Some(self.peak_kib), ..Sample::default() }
    }
}

/// Runs a command to its end, or kills it after `kill_after`.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command, kill_after: Duration) -> Measured {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = |name| File::create(folder.path().join(name)).expect("the temporary folder is writable");
    command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
    let watch = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (code, peak_kib) = wait(&mut child, watch, kill_after);
    let seconds = watch.elapsed().as_secs_f64();
    let text = |name| {
        let bytes = fs::read(folder.path().join(name)).expect("the file was made above");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Measured { seconds, peak_kib, code, stdout: text("stdout"), stderr: text("stderr") }
}

fn wait(child: &mut Child, watch: Instant, kill_after: Duration) -> (Option<i32>, u64) {
    let (mut looks, mut peak_kib) = (0_u64, 0);
    loop {
        if looks.is_multiple_of(LOOKS_PER_READING) {
            peak_kib = peak_kib.max(peak_of(child.id()));
        }
        looks += 1;
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return (status.code(), peak_kib);
        }
        if watch.elapsed() > kill_after {
            // Ended in this moment is fine.
            let _ = child.kill();
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The kernel's own high-water mark of resident memory, in KiB. Unlike `ru_maxrss` it does not begin with the memory of the
/// process that forked.
fn peak_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Runs two commands at once, the first one's output into the second one's input if `piped`; returns the seconds until both
/// have ended.
///
/// # Panics
/// If one cannot be started or fails.
pub fn pair(first: &mut Command, second: &mut Command, piped: bool) -> f64 {
    let watch = Instant::now();
    let out = if piped { Stdio::piped() } else { Stdio::null() };
    let mut one = first.stdin(Stdio::null()).stdout(out).spawn().expect("the command starts");
    let input = one.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let other = second.stdin(input).stdout(Stdio::null()).status().expect("the command starts");
    let one = one.wait().expect("a child can be waited for");
    assert!(one.success() && other.success(), "{first:?} {one}, {second:?} {other}");
    watch.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_measured() {
        let measured = run(Command::new("sh").args(["-c", "sleep 0.05; echo out; echo err >&2; exit 3"]), RUN_MAX);
        assert_eq!((measured.code, measured.stdout.as_str(), measured.stderr.as_str()), (Some(3), "out\n", "err\n"));
        assert!(measured.seconds >= 0.05 && measured.peak_kib > 0, "{measured:?}");
    }

    #[test]
    fn what_takes_too_long_is_killed() {
        let measured = run(Command::new("sleep").arg("60"), Duration::from_millis(20));
        assert_eq!(measured.code, None);
    }
}
