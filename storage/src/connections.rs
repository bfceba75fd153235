//! A bounded set of connections to one server, reused. Knows nothing of what speaks over them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// One connection.
pub(crate) trait Link: Send + 'static {
    /// Whether it is of no more use.
    fn is_closed(&self) -> bool;

    /// Takes leave of the server. Dropping it instead breaks it off.
    fn close(self);
}

/// Which connections may serve a request: those of one snapshot, or those in no transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u64);

impl Tag {
    /// A connection in no transaction.
    pub(crate) const FREE: Tag = Tag(0);
}

/// Counts connections in use and keeps idle ones.
///
/// **Invariant:** those in use and idle together never exceed `connections_max`; an idle one gives way.
pub(crate) struct Connections<L> {
    connections_max: usize,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<(Tag, L)>>,
    tags: AtomicU64,
}

impl<L: Link> Connections<L> {
    /// At most `connections_max`, none open yet.
    pub(crate) fn new(connections_max: usize) -> Connections<L> {
        let permits = Arc::new(Semaphore::new(connections_max));
        Connections { connections_max, permits, idle: Mutex::new(Vec::new()), tags: AtomicU64::new(1) }
    }

    /// How many may be open at once.
    pub(crate) fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// A tag no other snapshot has.
    pub(crate) fn new_tag(&self) -> Tag {
        Tag(self.tags.fetch_add(1, Ordering::Relaxed))
    }

    /// The right to one connection, waiting while all are in use, and an idle one of `tag` if there is one. Otherwise
    /// there is room to open one.
    pub(crate) async fn turn(&self, tag: Tag) -> Result<(OwnedSemaphorePermit, Option<L>)> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|error| Error::internal("pool", error))?;
        Ok((permit, self.take_idle(tag)))
    }

    /// Keeps a connection in good order for the next request of `tag`.
    pub(crate) fn park(&self, tag: Tag, link: L, permit: OwnedSemaphorePermit) {
        self.lock().push((tag, link));
        drop(permit);
    }

    /// Closes the idle connections of a snapshot that is over.
    pub(crate) fn forget(&self, tag: Tag) {
        self.lock().extract_if(.., |(other, _)| *other == tag).for_each(|(_, link)| link.close());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Tag, L)>> {
        self.idle.lock().expect("no holder of this lock can panic")
    }

    fn take_idle(&self, tag: Tag) -> Option<L> {
        let mut idle = self.lock();
        idle.retain(|(_, link)| !link.is_closed());
        if let Some(index) = idle.iter().rposition(|(other, _)| *other == tag) {
            return Some(idle.swap_remove(index).1);
        }
        let in_use = self.connections_max - self.permits.available_permits();
        while idle.len() + in_use > self.connections_max {
            idle.remove(0).1.close();
        }
        None
    }
}
