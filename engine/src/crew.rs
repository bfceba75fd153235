//! Who copies a job's splits: this process alone, or the workers of a cluster.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use tokio::sync::mpsc;

use crate::cell::{Cell, Report};
use crate::enumerator::{Allocation, Grant, LocalEnumerator};
use crate::failure::Result;
use crate::references::{Found, Meeting};
use crate::rejects::Rejects;
use crate::runtime::LaneContext;
use crate::worker::Brief;

/// Whoever copies a job's splits.
pub(crate) trait Crew: Send + Sync {
    /// Gets ready to work through `share.grants`. Nothing happens before [`Begun::ended`] is polled.
    fn begin(&self, share: Share) -> Begun;

    /// Has references checked by several processes together: what each of them found, each relation in its turn. `None` where
    /// there is nobody to do so.
    fn meet(&self, _meeting: Meeting) -> BoxFuture<'_, Result<Option<Vec<Vec<Found>>>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// What a crew is given.
pub(crate) struct Share {
    /// The splits.
    pub grants: Vec<Grant>,
    /// What the lanes of this process share.
    pub context: LaneContext,
    /// What this process rejects.
    pub rejects: Arc<Mutex<Rejects>>,
    /// Names of the plan's tables in the source, by index.
    pub tables: Vec<String>,
    /// What other processes must know to help.
    pub brief: Brief,
    /// Whether they can: they see the same source, and the target takes several writers.
    pub shared: bool,
}

/// A crew at work.
pub(crate) struct Begun {
    /// Takes what becomes of splits that were reported.
    pub allocation: Arc<dyn Allocation>,
    /// What is reported.
    pub reports: mpsc::UnboundedReceiver<Report>,
    /// Ends when nothing is left to do, or the crew fails.
    pub ended: BoxFuture<'static, Result<()>>,
}

/// This process alone.
pub(crate) struct Alone;

impl Crew for Alone {
    fn begin(&self, share: Share) -> Begun {
        let Share { grants, context, rejects, tables, .. } = share;
        let enumerator = Arc::new(LocalEnumerator::new(grants));
        let cell = Cell { context: Arc::new(context), enumerator: enumerator.clone(), rejects, tables };
        let (sender, reports) = mpsc::unbounded_channel();
        Begun { allocation: enumerator, reports, ended: Box::pin(cell.run(sender)) }
    }
}
