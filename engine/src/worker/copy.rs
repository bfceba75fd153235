//! A process that copies splits of a job that another one conducts.

use std::sync::Arc;

use sensei_planner::PlanFile;
use tokio::sync::mpsc;

use super::brief::Brief;
use super::leases::Leases;
use super::link::Link;
use crate::cell::Cell;
use crate::context::Ends;
use crate::failure::{Doing, Failure, Result};
use crate::head::CONNECTIONS_PER_SLOT;

/// Copies until there are no more splits, or it is asked to end.
///
/// # Errors
/// The first failure; what was open then goes to others.
pub(super) async fn copy(link: Link, mut file: PlanFile, slots: u32) -> Result<()> {
    let brief: Brief =
        serde_json::from_slice(&link.brief().await?).map_err(|error| Failure::internal("reading what to do", error))?;
    let connections = slots * CONNECTIONS_PER_SLOT;
    file.limits.source_connections = Some(connections + 1);
    file.limits.target_connections = Some(connections);
    let (source, target) = Ends::open_both(&file)?;
    let readers = connections as usize;
    let snapshot = source.join(&brief.snapshot, readers).await.doing("joining the snapshot of the source")?;
    target.fence(&brief.name_in_target, brief.generation).await.doing("taking part in the job")?;
    let (context, rejects) = brief.context(&file, snapshot, target, slots)?;
    let leases = Leases::new(link, true);
    let cell = Cell { context: Arc::new(context), enumerator: leases.clone(), rejects, tables: brief.tables() };
    let (sender, reports) = mpsc::unbounded_channel();
    let (running, reporting) = (cell.run(sender), leases.report(reports, None));
    tokio::select! {
        ended = async { tokio::try_join!(running, reporting) } => ended.map(drop),
        lost = leases.hold() => lost,
    }
}
