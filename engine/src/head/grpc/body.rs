//! A message on its way: it arrives within a bound of time, or not at all.

use std::io;
use std::time::Duration;

use axum::body::Body;
use futures::{StreamExt, stream};
use tokio::time::sleep;

/// How long a message may take to arrive, however slow its sender is.
pub(super) const MESSAGE_WAIT_MAX: Duration = Duration::from_secs(20);

/// A body that breaks off when its time, from now, is over.
pub(super) fn timely(body: Body, time_max: Duration) -> Body {
    let begun = (body.into_data_stream(), Box::pin(sleep(time_max)));
    Body::from_stream(stream::unfold(begun, async |(mut data, mut deadline)| {
        let next = tokio::select! {
            biased;
            next = data.next() => next?.map_err(io::Error::other),
            () = &mut deadline => Err(io::Error::new(io::ErrorKind::TimedOut, "the message did not arrive in time")),
        };
        Some((next, (data, deadline)))
    }))
}
