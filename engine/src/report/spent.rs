//! Where a run's time went, and what held it up.

use sensei_operators::{Step, Times};
use serde::Serialize;

/// A step that took this share of the time, in percent, held the run up; below it none alone did.
const LIMIT_PERCENT_MIN: f64 = 50.0;

/// Shorter runs say nothing about their limits: they are mostly beginning and end.
const SECONDS_MIN: f64 = 1.0;

/// Time per step, in seconds, added up over everything that ran side by side: more than wall time where splits overlap,
/// less where only preparations took time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spent {
    /// Waiting for the source's rows; decoding included where the connector does it on threads of its own (SQLite, CSV,
    /// Parquet).
    pub source_seconds: f64,
    /// Making batches of what the source sent.
    pub decode_seconds: f64,
    /// Expressions, casts, masks and checks.
    pub transform_seconds: f64,
    /// Canonical encoding and hashing of both sides.
    pub digest_seconds: f64,
    /// Making what the target understands of batches.
    pub encode_seconds: f64,
    /// Waiting for the target to take rows and commit them; encoding included where the connector does it on threads of
    /// its own.
    pub target_seconds: f64,
    /// Reading rows back from the target and decoding them; comparisons read the whole target here.
    pub read_back_seconds: f64,
    /// Adding keys and indexes.
    pub index_seconds: f64,
    /// The step that took the most: a name from above without `_seconds`.
    pub most: &'static str,
    /// Its share of the sum of all steps, in percent.
    pub most_percent: f64,
}

impl Spent {
    /// What was booked so far; `None` if nothing was.
    pub fn of(times: &Times) -> Option<Spent> {
        let seconds = Step::ALL.map(|step| times.seconds(step));
        let sum: f64 = seconds.iter().sum();
        let of = |step: Step| seconds[step as usize];
        let most = Step::ALL.into_iter().max_by(|one, other| of(*one).total_cmp(&of(*other)))?;
        (sum > 0.0).then(|| Spent {
            source_seconds: of(Step::Source),
            decode_seconds: of(Step::Decode),
            transform_seconds: of(Step::Transform),
            digest_seconds: of(Step::Digest),
            encode_seconds: of(Step::Encode),
            target_seconds: of(Step::Target),
            read_back_seconds: of(Step::ReadBack),
            index_seconds: of(Step::Index),
            most: name(most),
            most_percent: 100.0 * of(most) / sum,
        })
    }

    /// What held a run of `elapsed_seconds` up, as a sentence; `None` if it was too short to tell.
    pub fn sentence(&self, elapsed_seconds: f64) -> Option<String> {
        let (who, percent) = (people(self.most), self.most_percent);
        if elapsed_seconds < SECONDS_MIN {
            return None;
        }
        Some(if percent >= LIMIT_PERCENT_MIN {
            format!("{who} was the limit: {percent:.0} % of the time")
        } else {
            format!("nothing alone was the limit; {who} took most of the time, {percent:.0} %")
        })
    }
}

fn name(step: Step) -> &'static str {
    match step {
        Step::Source => "source",
        Step::Decode => "decode",
        Step::Transform => "transform",
        Step::Digest => "digest",
        Step::Encode => "encode",
        Step::Target => "target",
        Step::ReadBack => "read_back",
        Step::Index => "index",
    }
}

/// The step as the subject of a sentence.
fn people(name: &str) -> &'static str {
    match name {
        "source" => "the source",
        "decode" => "decoding the source's rows",
        "transform" => "transforming rows",
        "digest" => "hashing rows",
        "encode" => "encoding rows for the target",
        "target" => "the target",
        "read_back" => "reading the target",
        _ => "building the target's keys and indexes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(booked: &[(Step, u64)]) -> Option<Spent> {
        let times = Times::new(|| 0);
        booked.iter().for_each(|(step, seconds)| times.book(*step, 0, seconds * 1_000_000_000));
        Spent::of(&times)
    }

    #[test]
    fn the_limit_is_named_where_one_step_took_most() {
        let mostly = spent(&[(Step::Target, 81), (Step::Source, 19)]).unwrap();
        assert_eq!((mostly.most, mostly.most_percent), ("target", 81.0));
        assert_eq!(mostly.sentence(9.0).unwrap(), "the target was the limit: 81 % of the time");
        assert_eq!(mostly.sentence(0.9), None);
        let even = spent(&[(Step::Target, 30), (Step::Digest, 40), (Step::Source, 30)]).unwrap();
        let sentence = "nothing alone was the limit; hashing rows took most of the time, 40 %";
        assert_eq!(even.sentence(9.0).unwrap(), sentence);
        assert!(spent(&[]).is_none());
    }
}
