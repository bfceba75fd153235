//! Finds the rows that a target refuses, by trying them out in a transaction that is never committed.

use std::ops::Range;

use arrow_array::RecordBatch;
use async_trait::async_trait;

use crate::error::{Error, Result};

/// Tries out the rows of one split. Dropping it leaves nothing behind; it cannot be committed.
#[async_trait]
pub trait Trial: Send {
    /// Writes `rows` on top of all that were taken so far: all of them, or none.
    ///
    /// # Errors
    /// `RefusedRow` if the target did not take them because of what is in at least one of them; the trial goes on, as
    /// if they had never been sent. Any other error ends it.
    async fn attempt(&mut self, rows: &RecordBatch) -> Result<()>;
}

/// A row that a target refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its place in the batch.
    pub row: usize,
    /// The column that does not fit, where the system names one.
    pub column: Option<String>,
    /// Why, without values.
    pub why: String,
}

/// The rows of a batch that the target refuses, in their order, by halving what was refused until single rows are left.
/// Stops at `refused_max` of them; the rest of the batch was not tried then. Costs one attempt where nothing is refused,
/// and about twice the batch's rows as a binary logarithm for each row that is.
///
/// # Errors
/// Whatever ended the trial.
pub async fn refused_rows(trial: &mut dyn Trial, rows: &RecordBatch, refused_max: usize) -> Result<Vec<RefusedRow>> {
    let mut refused = Vec::new();
    let whole: Range<usize> = 0..rows.num_rows();
    let mut open = vec![whole];
    while let Some(next) = open.pop() {
        if next.is_empty() {
            continue;
        }
        if refused.len() >= refused_max {
            break;
        }
        match trial.attempt(&rows.slice(next.start, next.len())).await {
            Ok(()) => {}
            Err(Error::RefusedRow { column, why, .. }) if next.len() == 1 => {
                refused.push(RefusedRow { row: next.start, column, why });
            }
            Err(Error::RefusedRow { .. }) => {
                let middle = next.start + next.len() / 2;
                open.extend([middle..next.end, next.start..middle]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
