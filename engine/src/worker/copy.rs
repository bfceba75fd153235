//! A process that copies splits of a job that another one conducts, or reads back what others wrote.

use std::sync::{Arc, Mutex};

use sensei_planner::PlanFile;
use tokio::sync::mpsc;

use super::brief::{Brief, Reach};
use super::leases::Leases;
use super::link::Link;
use crate::cell::Cell;
use crate::context::Ends;
use crate::failure::{Doing, Failure, Result};
use crate::head::CONNECTIONS_PER_SLOT;
use crate::rejects::Rejects;
use crate::runtime::LaneContext;

/// Copies until there are no more splits, or it is asked to end.
///
/// # Errors
/// The first failure; what was open then goes to others.
pub(super) async fn copy(link: Link, mut file: PlanFile, slots: u32) -> Result<()> {
    let brief = brief(&link).await?;
    let connections = slots * CONNECTIONS_PER_SLOT;
    file.limits.source_connections = Some(connections + 1);
    file.limits.target_connections = Some(connections);
    let (source, target) = Ends::open_both(&file)?;
    let readers = connections as usize;
    let snapshot = source.join(&brief.snapshot, readers).await.doing("joining the snapshot of the source")?;
    target.fence(&brief.name_in_target, brief.generation).await.doing("taking part in the job")?;
    let reach = Reach { snapshot: Some(snapshot), target, reads_back: !brief.separate };
    let (context, rejects) = brief.context(&file, reach, slots)?;
    pull(link, &brief, context, rejects).await
}

/// Reads back what others wrote until there is no more, or it is asked to end. Opens the target only, and only to read.
///
/// # Errors
/// As of [`copy`].
pub(super) async fn validate(link: Link, mut file: PlanFile, slots: u32) -> Result<()> {
    let brief = brief(&link).await?;
    file.limits.target_connections = Some(slots * CONNECTIONS_PER_SLOT);
    let reach = Reach { snapshot: None, target: Ends::look_at_target(&file)?, reads_back: true };
    let (context, rejects) = brief.context(&file, reach, slots)?;
    pull(link, &brief, context, rejects).await
}

async fn brief(link: &Link) -> Result<Brief> {
    serde_json::from_slice(&link.brief().await?).map_err(|error| Failure::internal("reading what to do", error))
}

async fn pull(link: Link, brief: &Brief, context: LaneContext, rejects: Arc<Mutex<Rejects>>) -> Result<()> {
    let leases = Leases::new(link, true);
    let cell = Cell { context: Arc::new(context), enumerator: leases.clone(), rejects, tables: brief.tables() };
    let (sender, reports) = mpsc::unbounded_channel();
    let (running, reporting) = (cell.run(sender), leases.report(reports, None));
    tokio::select! {
        ended = async { tokio::try_join!(running, reporting) } => ended.map(drop),
        lost = leases.hold() => lost,
    }
}
