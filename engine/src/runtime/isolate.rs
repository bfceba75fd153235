//! Finds the rows of a split that the target refuses: reads the split once more, outside the graph, and tries its rows out
//! batch by batch. Nothing is written; the split is copied without these rows afterwards.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;
use sensei_operators::{Refusal, Refusals, Rejected};
use sensei_storage::{Batch, RefusedRow, Trial, refused_rows};

use crate::enumerator::Grant;
use crate::failure::{Doing, Result};
use crate::limits::{REFUSED_LOOKED_FOR_MIN, REFUSED_NAMED_MAX, REFUSED_PER_SPLIT_MAX};
use crate::lower::LoweredTable;
use crate::runtime::lane::LaneContext;

/// What a split's trial found.
#[derive(Default)]
pub(super) struct Isolated {
    /// Rows to leave out.
    pub refused: Refusals,
    /// The first of them, for people.
    pub named: Vec<Rejected>,
    /// Each refusal once.
    refusals: HashSet<Arc<Refusal>>,
}

/// Tries out every row of a granted split, or as many as it takes to see that too many are refused: `refused` counts more
/// rows than the job may reject then.
pub(super) async fn isolate(context: &LaneContext, grant: &Grant) -> Result<Isolated> {
    let table = &context.tables[grant.split.table as usize];
    let refused_max = refused_max(context.rejects_max);
    let doing = || format!("finding the rows that table \"{}\" refuses", table.target.name);
    let mut trial = context.target.trial(context.write(grant)).await.doing(doing())?;
    let scan = table.source_scan(grant.split.range.clone());
    let mut batches = context.source()?.scan(scan).await.doing(doing())?;
    let mut isolated = Isolated::default();
    while let Some(batch) = batches.next().await {
        let left = refused_max - isolated.refused.count();
        if left == 0 {
            break;
        }
        isolated.try_out(trial.as_mut(), table, batch.doing(doing())?, left).await.doing(doing())?;
    }
    Ok(isolated)
}

/// Refused rows that are enough to stop at.
fn refused_max(rejects_max: u64) -> u64 {
    rejects_max.saturating_add(1).clamp(REFUSED_LOOKED_FOR_MIN, REFUSED_PER_SPLIT_MAX + 1)
}

impl Isolated {
    /// Whether these are more rows than may stay behind.
    pub fn is_too_much(&self, rejects_max: u64) -> bool {
        self.refused.count() > rejects_max.min(REFUSED_PER_SPLIT_MAX)
    }

    async fn try_out(
        &mut self,
        trial: &mut dyn Trial,
        table: &LoweredTable,
        batch: Batch,
        refused_max: u64,
    ) -> sensei_storage::Result<()> {
        let projected = table.projection.apply(batch.clone());
        let refused_max = usize::try_from(refused_max).unwrap_or(usize::MAX);
        let refused = refused_rows(trial, &projected.rows, refused_max).await?;
        if refused.is_empty() {
            return Ok(());
        }
        let mut of_batch = Refusals::default();
        let mut refused = refused.into_iter().peekable();
        table.hasher.for_each(&projected.rows, |row, hash| {
            if let Some(refused) = refused.next_if(|refused| refused.row == row) {
                let refusal = self.shared(refused);
                of_batch.add(hash, refusal.clone());
                self.refused.add(hash, refusal);
            }
        });
        if self.named.len() < REFUSED_NAMED_MAX {
            let rejected = table.projection.apply_without(batch, &table.hasher, &mut of_batch).rejected;
            self.named.extend(rejected.into_iter().filter(|rejected| rejected.refused.is_some()));
            self.named.truncate(REFUSED_NAMED_MAX);
        }
        Ok(())
    }

    fn shared(&mut self, refused: RefusedRow) -> Arc<Refusal> {
        let refusal = Refusal { column: refused.column, reason: refused.why };
        if let Some(known) = self.refusals.get(&refusal) {
            return known.clone();
        }
        let refusal = Arc::new(refusal);
        self.refusals.insert(refusal.clone());
        refusal
    }
}
