//! Settings of a system that decide how a job fares, as an assessment lists them. Read, never changed.

use serde::{Deserialize, Serialize};

/// Which side of a job an endpoint is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Rows are read from it.
    Source,
    /// Rows are written to it.
    Target,
}

/// One setting as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name in the system, or what people call it.
    pub name: String,
    /// Its value, with the unit.
    pub value: String,
    /// What it does to a job and what to do about it, in full sentences; `None` where it does no harm.
    pub advice: Option<String>,
}

impl Setting {
    /// A setting that does no harm.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Setting {
        Setting { name: name.into(), value: value.into(), advice: None }
    }

    /// The same setting, with `advice` if `harmful`.
    #[must_use]
    pub fn advise(mut self, harmful: bool, advice: impl Into<String>) -> Setting {
        self.advice = harmful.then(|| advice.into());
        self
    }
}
