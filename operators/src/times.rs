//! Where a job's time goes, step by step. The clock is handed in: nothing here reads one.

use std::sync::atomic::{AtomicU64, Ordering};

/// A monotonic clock: nanoseconds since a start of its own.
pub type Clock = fn() -> u64;

/// What a worker can be busy with, or be kept waiting by. In the order of a split's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waiting for the source's rows, and decoding them where that is done on threads of the connector.
    Source,
    /// Making batches of what the source sends.
    Decode,
    /// Expressions, casts, masks and checks.
    Transform,
    /// Canonical encoding and hashing, of both sides.
    Digest,
    /// Making what the target understands of batches.
    Encode,
    /// Waiting for the target to take rows and to commit them, and encoding where that is done on threads of the
    /// connector.
    Target,
    /// Waiting for rows read back from the target, and decoding them.
    ReadBack,
    /// Adding keys and indexes.
    Index,
}

impl Step {
    /// Every step.
    pub const ALL: [Step; 8] = [
        Step::Source,
        Step::Decode,
        Step::Transform,
        Step::Digest,
        Step::Encode,
        Step::Target,
        Step::ReadBack,
        Step::Index,
    ];
}

/// Time spent per step, summed over everything that runs side by side. Booked per batch or longer, never per value.
#[derive(Debug)]
pub struct Times {
    clock: Clock,
    nanoseconds: [AtomicU64; Step::ALL.len()],
}

impl Times {
    /// Nothing spent yet.
    pub fn new(clock: Clock) -> Times {
        Times { clock, nanoseconds: Default::default() }
    }

    /// Now, by the clock, in nanoseconds.
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Books the time from one reading of the clock to another.
    pub fn book(&self, step: Step, from: u64, to: u64) {
        self.nanoseconds[step as usize].fetch_add(to.saturating_sub(from), Ordering::Relaxed);
    }

    /// Does `work` and books its time.
    pub fn on<T>(&self, step: Step, work: impl FnOnce() -> T) -> T {
        let begun = self.now();
        let done = work();
        self.book(step, begun, self.now());
        done
    }

    /// Seconds booked for a step so far.
    pub fn seconds(&self, step: Step) -> f64 {
        self.nanoseconds[step as usize].load(Ordering::Relaxed) as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticking() -> u64 {
        static NOW: AtomicU64 = AtomicU64::new(0);
        NOW.fetch_add(1_000_000_000, Ordering::Relaxed)
    }

    #[test]
    fn each_step_has_its_own_sum() {
        let times = Times::new(ticking);
        assert_eq!(times.on(Step::Digest, || 7), 7);
        times.on(Step::Digest, || ());
        times.book(Step::Target, 5, 500_000_005);
        let seconds = Step::ALL.map(|step| times.seconds(step));
        assert_eq!(seconds, [0.0, 0.0, 0.0, 2.0, 0.0, 0.5, 0.0, 0.0]);
    }
}
