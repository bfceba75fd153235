//! What was measured: one file per scenario, from which every page is made.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One scenario as it was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its name on the command line.
    pub scenario: String,
    /// Its place in the list of targets.
    pub number: String,
    /// What is measured, in a line.
    pub title: String,
    /// Day, in UTC.
    pub measured_on: String,
    /// Version of the sources, with `+` if they were changed since.
    pub commit: String,
    /// Why the figures are not final, if they are not.
    pub provisional: Option<String>,
    /// TPC-H scale factor, or the factor by which other data was scaled.
    pub scale: f64,
    /// Processor, memory and system.
    pub machine: String,
    /// Versions of all that took part.
    pub versions: BTreeMap<String, String>,
    /// Settings that are not the defaults, and what else a reader must know.
    pub settings: Vec<String>,
    /// What ran side by side, in the order of each round.
    pub entrants: Vec<Entrant>,
    /// What they are held to.
    pub targets: Vec<Target>,
}

/// One of those that are compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entrant {
    /// For people.
    pub name: String,
    /// The command, as one would type it.
    pub command: String,
    /// One per round.
    pub samples: Vec<Sample>,
}

/// One run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Wall time.
    pub seconds: f64,
    /// Rows that were carried, compared or hashed.
    pub rows: u64,
    /// Highest resident memory of the command's own process, in KiB; `None` for pipes of several.
    pub peak_kib: Option<u64>,
    /// `spent` of Sensei's report.
    pub spent: Option<Value>,
    /// How far it was when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// How far a run was when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds since its start, and the part that was done: 0 to 1.
    pub points: Vec<(f64, f64)>,
    /// Seconds since its start, and what happened then.
    pub marks: Vec<(f64, String)>,
}

/// What is held against a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Wall time.
    Seconds,
    /// Wall time over rows.
    SecondsPerRow,
    /// Rows over wall time.
    RowsPerSecond,
    /// Highest resident memory, in KiB.
    PeakKib,
}

/// A bound, on one entrant alone or on its ratio to another within each round.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Target {
    /// What is compared.
    pub measure: Measure,
    /// Position of the entrant.
    pub of: usize,
    /// Position of the other one.
    pub against: Option<usize>,
    /// The bound.
    pub bound: Bound,
}

/// The side on which the median must be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}

/// Median and spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle; of an even count, the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Record {
    /// Reads all records of a folder, in the order of their numbers; none where there is no folder yet.
    ///
    /// # Errors
    /// If one cannot be read, or is not a record.
    pub fn read_all(folder: &Path) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        if !folder.exists() {
            return Ok(records);
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let record: Record = serde_json::from_slice(&fs::read(&path)?)?;
                records.push(record);
            }
        }
        records.sort_by_key(|record| (record.place(), record.scenario.clone()));
        Ok(records)
    }

    /// Writes it into a folder, in place of an earlier one of the same scenario.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(folder.join(format!("{}.json", self.scenario)), text)
    }

    fn place(&self) -> u32 {
        let digits: String = self.number.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(u32::MAX)
    }

    /// What a target is about, round by round; rounds without the figure are left out.
    pub fn values(&self, target: &Target) -> Vec<f64> {
        let value = |index: usize| self.entrants[index].samples.iter().map(|sample| sample.of(target.measure));
        let ratio = |(own, other): (Option<f64>, Option<f64>)| Some(own? / other?);
        match target.against {
            None => value(target.of).flatten().collect(),
            Some(other) => value(target.of).zip(value(other)).filter_map(ratio).collect(),
        }
    }

    /// Whether the median is within the bound; `None` if nothing was measured.
    pub fn meets(&self, target: &Target) -> Option<bool> {
        let median = Spread::of(&self.values(target))?.median;
        Some(match target.bound {
            Bound::AtMost(bound) => median <= bound,
            Bound::AtLeast(bound) => median >= bound,
        })
    }
}

impl Sample {
    fn of(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Seconds => Some(self.seconds),
            Measure::SecondsPerRow => Some(self.seconds / self.rows as f64),
            Measure::RowsPerSecond => Some(self.rows as f64 / self.seconds),
            Measure::PeakKib => self.peak_kib.map(|peak| peak as f64),
        }
    }
}

impl Spread {
    /// Of some values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Spread { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }
}
