//! Rows that something else brought in since they were rejected: a repair, or a person. A primary key of the target refuses
//! them once more; a table without one would hold them twice.

use std::collections::HashSet;

use futures::StreamExt;
use sensei_storage::{Snapshot, Table, Target};

use crate::context::Ends;
use crate::failure::{Doing, Failure, Result};
use crate::lower::LoweredTable;

/// Refuses to go on if a table whose key would not refuse them holds some of the rows that `source` shows, by their
/// identity.
///
/// # Errors
/// `Usage` naming the table.
pub(super) async fn refuse_doubles(ends: &Ends, source: &dyn Snapshot, tables: &[LoweredTable]) -> Result<()> {
    let guarded = |table: &LoweredTable| ends.target_catalog.tables.iter().any(|found| guards(found, table));
    for table in tables.iter().filter(|table| table.hasher.has_identity() && !guarded(table)) {
        let wanted = wanted(source, table).await?;
        let there = among(ends.target.as_ref(), table, &wanted).await?;
        if there > 0 {
            return Err(Failure::usage(
                format!("{there} of the rejected rows are in table \"{}\" already", table.target.name),
                "See with `sensei verify` whether they are as they should be; what is missing is put in by `sensei repair`.",
            ));
        }
    }
    Ok(())
}

/// Whether `found` is the target of `table`, with a primary key in which rows of one identity are equal.
fn guards(found: &Table, table: &LoweredTable) -> bool {
    let fields = &table.target.fields;
    let identifies = |column: &String| table.hasher.identity().iter().any(|&index| fields[index].name == *column);
    found.name == table.target.name && !found.primary_key.is_empty() && found.primary_key.iter().all(identifies)
}

/// The identities of the rows to be tried.
async fn wanted(source: &dyn Snapshot, table: &LoweredTable) -> Result<HashSet<[u8; 32]>> {
    let doing = || format!("reading table \"{}\"", table.source);
    let mut wanted = HashSet::new();
    let mut batches = source.scan(table.source_scan(sensei_storage::Range::Whole)).await.doing(doing())?;
    while let Some(batch) = batches.next().await {
        let projected = table.projection.apply(batch.doing(doing())?);
        wanted.extend(table.hasher.identities(&projected.rows));
    }
    Ok(wanted)
}

/// How many rows of the target are among them.
async fn among(target: &dyn Target, table: &LoweredTable, wanted: &HashSet<[u8; 32]>) -> Result<usize> {
    let doing = || format!("reading table \"{}\" of the target", table.target.name);
    let snapshot = target.snapshot(1).await.doing(doing())?;
    let mut batches = snapshot.scan(table.target_scan(false)).await.doing(doing())?;
    let mut there = 0;
    while let Some(batch) = batches.next().await {
        let identities = table.hasher.identities(&batch.doing(doing())?.rows);
        there += identities.iter().filter(|identity| wanted.contains(*identity)).count();
    }
    Ok(there)
}
