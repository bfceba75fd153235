//! Every bound of the HTTP side.

use std::time::Duration;

use crate::head::core::PLAN_BYTES_MAX;

/// The body of a submission: a plan within JSON, where each line end and quote takes two bytes, and what is around it.
pub const SUBMISSION_BYTES_MAX: usize = 2 * PLAN_BYTES_MAX + BODY_BYTES_MAX;
/// Any other body.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a body may take to arrive.
pub const BODY_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long a request may take until its answer begins.
pub const REQUEST_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long the core may take where somebody asks whether it is well.
pub const PROBE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Requests under way at once; more are turned away, so that those that are in stay fast. A guess.
pub const REQUESTS_MAX: usize = 512;
/// Submissions under way at once: each may hold a whole body in memory.
pub const SUBMISSIONS_MAX: usize = 16;
/// Event streams open at once; each may ask the store once per [`FOLLOW_PAUSE`].
pub const FOLLOWERS_MAX: usize = 256;
/// How long an event stream waits at least before it asks again: a busy head stores something all the time.
pub const FOLLOW_PAUSE: Duration = Duration::from_millis(200);
/// How long an event stream lasts; then the client comes again, and shows again who it is.
pub const FOLLOW_MAX: Duration = Duration::from_secs(3600);
/// How often a silent event stream shows that it is alive.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events or audit entries in one answer.
pub const PAGE_MAX: usize = 1000;
/// The same where nothing is asked.
pub const PAGE_DEFAULT: usize = 100;
/// A job's or token's name has at most this many bytes; the core may take less.
pub const NAME_BYTES_MAX: usize = 128;

const _: () = assert!(PAGE_DEFAULT <= PAGE_MAX);
const _: () = assert!(BODY_WAIT_MAX.as_secs() < REQUEST_WAIT_MAX.as_secs());
