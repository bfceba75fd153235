//! What a copier must know of a job, as its conductor tells it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use sensei_operators::Times;
use sensei_planner::{Plan, PlanFile};
use sensei_storage::{Snapshot, Target, VerifyMode};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::failure::{Failure, Result};
use crate::large::for_large_rows;
use crate::lower::lower;
use crate::rejects::Rejects;
use crate::runtime::{LaneContext, LargeBudget, ReadBack};

/// What a copier must know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Brief {
    /// What the target calls the job.
    pub name_in_target: String,
    /// The job's name in its state.
    pub job: String,
    /// The generation to write under.
    pub generation: u64,
    /// The resolved plan.
    pub plan: Plan,
    /// The key that rows are hashed under, hex.
    pub digest_key: String,
    /// The source's snapshot to read through.
    pub snapshot: String,
    /// Whether splits are read back by others than those who write them.
    pub separate: bool,
    /// Bytes of memory that a split of each table takes for its largest row.
    pub large_bytes: Vec<u64>,
}

/// What a process has of the two ends.
pub(super) struct Reach {
    /// The source; `None` where it is not read.
    pub snapshot: Option<Arc<dyn Snapshot>>,
    /// The target.
    pub target: Arc<dyn Target>,
    /// Whether it looks at what arrived there.
    pub reads_back: bool,
}

impl Brief {
    /// What the lanes of a process with `slots` threads share, and where it puts what it rejects. `file` is the plan file,
    /// which alone has the keys of masks.
    ///
    /// # Errors
    /// If the brief makes no sense.
    pub(super) fn context(
        &self,
        file: &PlanFile,
        reach: Reach,
        slots: u32,
    ) -> Result<(LaneContext, Arc<Mutex<Rejects>>)> {
        let mut key = [0; 32];
        hex::decode_to_slice(&self.digest_key, &mut key)
            .map_err(|error| Failure::internal("reading the digest key", error))?;
        let rejects = Rejects::new(&self.plan.rejects, &self.job);
        let memory_bytes = self.plan.limits.memory_bytes;
        let context = LaneContext {
            job: self.name_in_target.clone(),
            generation: self.generation,
            snapshot: reach.snapshot,
            target: reach.target,
            tables: Arc::new(lower(&self.plan, &file.mask_keys(), key)?),
            times: Arc::new(Times::new(clock::nanoseconds)),
            read_back: match (self.plan.verify, reach.reads_back) {
                (VerifyMode::Off, _) => ReadBack::Never,
                (_, true) => ReadBack::Here,
                (_, false) => ReadBack::Elsewhere,
            },
            memory_bytes,
            large: LargeBudget::new(for_large_rows(memory_bytes), Arc::new(self.large_bytes.clone())),
            workers: slots as usize,
            rejects_max: self.plan.rejects.max,
            rejects_folder: display(rejects.folder()),
        };
        Ok((context, Arc::new(Mutex::new(rejects))))
    }

    /// Names of the plan's tables in the source, by index.
    pub fn tables(&self) -> Vec<String> {
        self.plan.tables.iter().map(|table| table.source.clone()).collect()
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
