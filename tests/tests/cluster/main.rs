//! A cluster of real processes: jobs end with the same proof as `sensei run`, whatever dies, hangs or is cut off meanwhile.
//!
//! In reading order: `ground` is a job from PostgreSQL to PostgreSQL and its check by SQL, `basics` what people do with
//! jobs and workers, `validators` who only read, `pools` that the head scales by class, `mesh` references that several
//! workers check together, `lost` what one loss each brings about, `cut` what a pulled cable does, `halved` what becomes of
//! stragglers, `faults` is what may befall a cluster at a random moment, `chaos` rounds of many. `SENSEI_SEED` repeats the
//! choices of a run.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::print_stderr, reason = "a failed test shows its seed")]

mod basics;
mod chaos;
mod cut;
mod faults;
mod ground;
mod halved;
mod lost;
mod mesh;
mod pools;
mod validators;
