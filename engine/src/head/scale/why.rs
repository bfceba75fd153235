//! A decision in words.

use super::want::{Bound, Want, rate};
use super::{Demand, Settings, Snapshot};

/// One sentence: how many are wanted, what for, and what bounds it.
pub fn why(settings: &Settings, snapshot: &Snapshot, want: &Want) -> String {
    let what = if want.wanted == 0 { "nothing to do".to_owned() } else { demand(settings, &snapshot.demand) };
    let bound = want.bound.map_or(String::new(), |bound| format!("; {}", said(bound)));
    format!("{} wanted: {what}{bound}", want.target)
}

fn demand(settings: &Settings, demand: &Demand) -> String {
    let mut parts = Vec::new();
    if demand.jobs_queued > 0 {
        parts.push(format!("{} waiting for a worker", counted(u64::from(demand.jobs_queued), "job")));
    }
    let bytes_left = demand.jobs.iter().map(|job| job.bytes_left).fold(0, u64::saturating_add);
    match rate(demand) {
        Some(rate) => parts.push(format!(
            "{} left at {}/s per worker within {} s",
            bytes(bytes_left as f64),
            bytes(rate),
            settings.drain_target_ms as f64 / 1_000.0
        )),
        None if !demand.jobs.is_empty() => parts.push(format!(
            "{} left of {}, no rate measured yet",
            bytes(bytes_left as f64),
            counted(demand.jobs.len() as u64, "job")
        )),
        None => {}
    }
    parts.join(", ")
}

fn said(bound: Bound) -> String {
    match bound {
        Bound::Min(min) => format!("kept at the minimum of {min}"),
        Bound::Max(max) => format!("capped by the maximum of {max}"),
        Bound::Source(connections) => format!("capped by {}", counted(u64::from(connections), "source connection")),
        Bound::Target(connections) => format!("capped by {}", counted(u64::from(connections), "target connection")),
        Bound::Alone => "capped because a job cannot be shared".to_owned(),
        Bound::Splits(splits) => format!("capped by {} left", counted(splits, "split")),
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn bytes(bytes: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes / unit),
        None => format!("{bytes:.0} B"),
    }
}
