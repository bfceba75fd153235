//! The memory budget: permits that travel with the batches.

use std::sync::Arc;

use sensei_operators::Permit;
use tokio::sync::Semaphore;

use crate::limits::{IN_FLIGHT_SHARE, LANE_BYTES_MIN, LANES_PER_WORKER};

/// Bytes one direction of one lane may have in flight. Each has its own share, so that no lane can starve another
/// that it waits for.
#[derive(Clone, Debug)]
pub struct LaneBudget {
    bytes: u32,
    semaphore: Arc<Semaphore>,
}

impl LaneBudget {
    /// The share of one lane's direction, out of the plan's memory limit.
    pub fn new(memory_bytes: u64, workers: usize) -> LaneBudget {
        let shares = (workers * LANES_PER_WORKER * 2 * IN_FLIGHT_SHARE) as u64;
        LaneBudget::of(memory_bytes / shares.max(1))
    }

    /// A budget of `bytes`, or the least that works.
    pub fn of(bytes: u64) -> LaneBudget {
        let bytes = u32::try_from(bytes.max(LANE_BYTES_MIN as u64)).unwrap_or(u32::MAX >> 4);
        LaneBudget { bytes, semaphore: Arc::new(Semaphore::new(bytes as usize)) }
    }

    /// Waits until `bytes` more may be in flight. A single batch larger than the whole budget passes alone.
    pub async fn acquire(&self, bytes: usize) -> Permit {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.bytes);
        let permit = self.semaphore.clone().acquire_many_owned(wanted).await;
        Arc::new(permit.expect("the semaphore is never closed"))
    }
}

/// Memory for splits whose rows are so large that a lane's share does not hold one: as many are open at once as fit.
#[derive(Clone, Debug)]
pub struct LargeBudget {
    /// What a split of each table takes, in bytes; 0 for one that stays within its share.
    of_tables: Arc<Vec<u64>>,
    mebibytes: u32,
    semaphore: Arc<Semaphore>,
}

impl LargeBudget {
    /// `of_tables`: bytes a split of each table takes.
    pub fn new(memory_bytes: u64, of_tables: Arc<Vec<u64>>) -> LargeBudget {
        let mebibytes = mebibytes(memory_bytes).max(1);
        LargeBudget { of_tables, mebibytes, semaphore: Arc::new(Semaphore::new(mebibytes as usize)) }
    }

    /// Waits until a split of `table` may be opened. To be asked for before anything else that splits wait for, and in the
    /// order of leases: what was granted is held until the split is done.
    pub async fn acquire(&self, table: u32) -> Permit {
        let wanted = mebibytes(self.of_tables[table as usize]).min(self.mebibytes);
        let permit = self.semaphore.clone().acquire_many_owned(wanted).await;
        Arc::new(permit.expect("the semaphore is never closed"))
    }
}

fn mebibytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX >> 4)
}
