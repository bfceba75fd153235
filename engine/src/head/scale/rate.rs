//! What one worker moves, from what workers report.

use super::Millis;

/// A report's weight halves about every twenty seconds. A guess: four decisions long, so that one odd split does not
/// move the pool, and short beside a job worth scaling for.
const MEMORY_MS: f64 = 30_000.0;

/// Samples are at least this long: a worker's first second says little.
const SAMPLE_MS_MIN: Millis = 2_000;

/// Longer silence is not slowness but a standstill (indexes, a lock, a database that restarts), which more workers would not
/// help.
const SILENCE_MS_MAX: Millis = 15_000;

/// A weighted average of bytes per second and worker of one job, recent samples counting more.
///
/// ```
/// # use sensei_engine::head::scale::Rate;
/// let mut rate = Rate::default();
/// rate.tick(0, 2);
/// rate.moved(80_000_000);
/// rate.tick(4_000, 2);
/// assert_eq!(rate.bytes_per_s_per_worker(), Some(10_000_000.0));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    average: Option<f64>,
    ticked_at: Option<Millis>,
    workers: u32,
    /// Of the sample under way.
    bytes: u64,
    span_ms: Millis,
    worker_ms: f64,
}

impl Rate {
    /// A worker reported `bytes` moved.
    pub fn moved(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// It is `now`, and `workers` work on the job. Those that came or went since the last tick count for half of the time: a
    /// growing pool would otherwise look slow, and grow too far.
    pub fn tick(&mut self, now: Millis, workers: u32) {
        let passed_ms = self.ticked_at.replace(now).map_or(0, |last| now.saturating_sub(last).max(0));
        self.span_ms += passed_ms;
        let workers_before = std::mem::replace(&mut self.workers, workers);
        self.worker_ms += passed_ms as f64 * (f64::from(workers_before) + f64::from(workers)) / 2.0;
        if self.bytes == 0 && self.span_ms > SILENCE_MS_MAX {
            (self.span_ms, self.worker_ms) = (0, 0.0);
        }
        if self.bytes > 0 && self.span_ms >= SAMPLE_MS_MIN && self.worker_ms > 0.0 {
            self.take();
        }
    }

    fn take(&mut self) {
        let sample = self.bytes as f64 * 1_000.0 / self.worker_ms;
        let weight = 1.0 - (-(self.span_ms as f64) / MEMORY_MS).exp();
        self.average = Some(self.average.map_or(sample, |average| average + weight * (sample - average)));
        (self.bytes, self.span_ms, self.worker_ms) = (0, 0, 0.0);
    }

    /// Bytes per second that one worker moves; `None` until there was a sample.
    pub fn bytes_per_s_per_worker(&self) -> Option<f64> {
        self.average
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ticks: &[(u64, u32)]) -> Option<f64> {
        let mut rate = Rate::default();
        rate.tick(0, ticks.first().map_or(0, |(_, workers)| *workers));
        for (index, (bytes, workers)) in ticks.iter().enumerate() {
            rate.moved(*bytes);
            rate.tick(5_000 * (index as Millis + 1), *workers);
        }
        rate.bytes_per_s_per_worker()
    }

    #[test]
    fn is_bytes_over_seconds_and_workers() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&[(0, 1)]), None);
        assert_eq!(after(&[(1_000_000, 0)]), None, "nobody worked");
        assert_eq!(after(&[(50_000, 1)]), Some(10_000.0));
        assert_eq!(after(&[(50_000, 1), (275_000, 10)]), Some(10_000.0), "nine came in between");
    }

    #[test]
    fn follows_a_change_within_a_minute_and_not_at_once() {
        let mut ticks = vec![(50_000, 1); 10];
        ticks.push((100_000, 1));
        assert!(after(&ticks).unwrap() < 12_000.0);
        ticks.extend([(100_000, 1); 18]);
        assert!(after(&ticks).unwrap() > 19_000.0);
    }

    #[test]
    fn a_late_report_is_averaged_and_a_standstill_is_not() {
        assert_eq!(after(&[(0, 1), (100_000, 1)]), Some(10_000.0));
        let stood_still: Vec<(u64, u32)> =
            [(50_000, 1)].into_iter().chain([(0, 1); 1_000]).chain([(50_000, 1)]).collect();
        assert!(after(&stood_still).unwrap() > 3_000.0, "{:?}", after(&stood_still));
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        let mut rate = Rate::default();
        rate.tick(10_000, 1);
        rate.moved(1_000);
        rate.tick(5_000, 1);
        assert_eq!(rate.bytes_per_s_per_worker(), None);
        rate.tick(10_000, 1);
        assert_eq!(rate.bytes_per_s_per_worker(), Some(200.0));
    }
}
