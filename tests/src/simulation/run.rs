//! What happened in a simulation.

/// The pool at one decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at_ms: i64,
    /// Workers that the decision aims at.
    pub target: u32,
    /// Workers on their way.
    pub launching: u32,
    /// Workers that take work.
    pub ready: u32,
    /// Those of them that have some.
    pub busy: u32,
    /// Workers that leave.
    pub draining: u32,
    /// Workers launched now.
    pub launched: u32,
    /// Workers retired now.
    pub retired: u32,
    /// Launches given up now.
    pub abandoned: u32,
    /// Workers that the jobs' budgets have use for, and the queued jobs.
    pub budget: u32,
    /// Bytes of splits not done.
    pub bytes_left: u64,
}

impl Point {
    /// Workers in any state before the decision.
    pub fn present(&self) -> u32 {
        self.launching + self.ready + self.draining
    }
}

/// A simulation from its beginning to its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// One point per decision.
    pub points: Vec<Point>,
    /// When the last job ended; `None` if the horizon came first.
    pub finished_ms: Option<i64>,
    /// Splits that were done, each counted as often as it was done to its end and accepted.
    pub splits_done: u64,
    /// Their bytes.
    pub bytes_done: u64,
    /// Splits that were begun again because their worker died.
    pub splits_lost: u64,
    /// Workers that had work when they were retired.
    pub busy_retired: u64,
    /// The shortest time that a worker had been idle when it was retired.
    pub rested_least_ms: Option<i64>,
    /// The most workers that were in a job at once beyond its budget.
    pub over_budget: u32,
}

impl Run {
    /// Changes from launching to retiring or back.
    pub fn turns(&self) -> u32 {
        let direction = |point: &Point| match (point.launched, point.retired) {
            (0, 0) => None,
            (_, 0) => Some(true),
            _ => Some(false),
        };
        let directions: Vec<bool> = self.points.iter().filter_map(direction).collect();
        directions.windows(2).filter(|pair| pair[0] != pair[1]).count() as u32
    }
}
