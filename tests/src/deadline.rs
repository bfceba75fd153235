//! The harness's only clock: how long a real process may take before the test fails.

use std::time::{Duration, Instant};

/// A moment after which waiting is given up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    started: Instant,
    allowed: Duration,
}

impl Deadline {
    /// How long [`Deadline::wait_for`] sleeps between two looks: short beside any process's start.
    const PAUSE: Duration = Duration::from_millis(10);

    /// Starts counting now.
    #[expect(clippy::disallowed_methods, reason = "real processes take real time; this is the harness's one clock")]
    pub fn after(allowed: Duration) -> Deadline {
        Deadline { started: Instant::now(), allowed }
    }

    /// Time since the count began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Looks until `look` finds something; `None` when the time is over. Looks at least once.
    pub fn wait_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = look() {
                return Some(found);
            }
            if self.elapsed() >= self.allowed {
                return None;
            }
            std::thread::sleep(Deadline::PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_up_and_looks_at_least_once() {
        let over = Deadline::after(Duration::ZERO);
        assert_eq!(over.wait_for(|| Some(1)), Some(1));
        assert_eq!(over.wait_for(|| None::<()>), None);
    }
}
