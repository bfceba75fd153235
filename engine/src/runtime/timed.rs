//! Tells work from waiting: an asynchronous step computes while it is polled and waits in between.

use std::future::{Future, poll_fn};
use std::pin::pin;

use sensei_operators::{Step, Times};

/// Where the time of an asynchronous piece of work is booked.
#[derive(Clone, Copy, Debug)]
pub struct Booking {
    /// While it computes.
    pub busy: Step,
    /// While it waits for somebody else.
    pub waiting: Step,
}

impl Booking {
    /// Rows of the source.
    pub const SOURCE: Booking = Booking { busy: Step::Decode, waiting: Step::Source };
    /// Rows to the target.
    pub const TARGET: Booking = Booking { busy: Step::Encode, waiting: Step::Target };
    /// Rows of the target.
    pub const READ_BACK: Booking = Booking { busy: Step::ReadBack, waiting: Step::ReadBack };
    /// Keys and indexes of the target.
    pub const INDEX: Booking = Booking { busy: Step::Index, waiting: Step::Index };
}

/// Does `work` and books its time.
pub async fn timed<F: Future>(times: &Times, booking: Booking, work: F) -> F::Output {
    let mut work = pin!(work);
    let mut left_at = times.now();
    poll_fn(|context| {
        let begun = times.now();
        times.book(booking.waiting, left_at, begun);
        let polled = work.as_mut().poll(context);
        left_at = times.now();
        times.book(booking.busy, begun, left_at);
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn waiting_is_not_work() {
        let times = Times::new(clock::nanoseconds);
        let pause = Duration::from_millis(30);
        timed(&times, Booking::SOURCE, tokio::time::sleep(pause)).await;
        assert!(times.seconds(Step::Source) >= 0.03, "{times:?}");
        assert!(times.seconds(Step::Decode) < times.seconds(Step::Source), "{times:?}");
    }

    #[tokio::test]
    async fn work_is_not_waiting() {
        let times = Times::new(clock::nanoseconds);
        timed(&times, Booking::TARGET, async { std::thread::sleep(Duration::from_millis(30)) }).await;
        assert!(times.seconds(Step::Encode) >= 0.03, "{times:?}");
        assert!(times.seconds(Step::Target) < times.seconds(Step::Encode), "{times:?}");
    }
}
