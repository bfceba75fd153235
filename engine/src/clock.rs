//! The one place that reads clocks.
#![allow(clippy::disallowed_methods, reason = "this is the place the lint points to")]

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A monotonic start, to measure from.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Nanoseconds since this was first asked.
pub fn nanoseconds() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

/// Now.
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// A time in milliseconds since 1970, as RFC 3339 UTC text.
pub fn text_of(milliseconds: i64) -> String {
    rfc3339(milliseconds)
}

/// Now, as RFC 3339 UTC text with milliseconds.
pub fn now_text() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since_epoch.as_millis() as i64)
}

fn rfc3339(milliseconds: i64) -> String {
    let mut text = String::new();
    let array = arrow_array::TimestampMicrosecondArray::from(vec![milliseconds * 1000]);
    sensei_storage::text::render(&sensei_storage::LogicalType::Timestamp, &array, 0, &mut text);
    let (seconds, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    format!("{}.{:0<3}Z", seconds.replace(' ', "T"), &fraction[..fraction.len().min(3)])
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn writes_rfc3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_250_096_050), "2026-11-21T08:34:56.050Z");
    }
}
