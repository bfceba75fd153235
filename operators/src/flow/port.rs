//! Where asynchronous code and the graph meet. Inlets wake the operator that reads them; outlets never block it.

use std::sync::{Arc, OnceLock};

use timely::dataflow::Scope;
use timely::progress::Timestamp;
use timely::scheduling::SyncActivator;
use tokio::sync::mpsc;

/// Sending half of an inlet.
pub struct InletSender<D> {
    sender: mpsc::UnboundedSender<D>,
    wake: Arc<OnceLock<SyncActivator>>,
}

/// Receiving half, owned by one operator. Unbounded: what flows through carries permits, which bound it.
pub struct Inlet<D> {
    receiver: mpsc::UnboundedReceiver<D>,
    wake: Arc<OnceLock<SyncActivator>>,
}

/// An inlet and its sender.
pub fn inlet<D>() -> (InletSender<D>, Inlet<D>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let wake = Arc::new(OnceLock::new());
    (InletSender { sender, wake: wake.clone() }, Inlet { receiver, wake })
}

impl<D> Clone for InletSender<D> {
    fn clone(&self) -> Self {
        InletSender { sender: self.sender.clone(), wake: self.wake.clone() }
    }
}

impl<D> InletSender<D> {
    /// Sends into the graph and wakes its operator. A graph that is gone swallows it.
    pub fn send(&self, item: D) {
        if self.sender.send(item).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(activator) = self.wake.get() {
            // An error means the worker is gone.
            let _ = activator.activate();
        }
    }
}

/// The operator must run once more to see that nobody sends any longer.
impl<D> Drop for InletSender<D> {
    fn drop(&mut self) {
        let (closed, _) = mpsc::unbounded_channel();
        self.sender = closed;
        self.wake();
    }
}

/// What an inlet has for its operator.
pub(crate) enum Arrival<D> {
    Item(D),
    NothingYet,
    Closed,
}

impl<D> Inlet<D> {
    /// Makes senders wake the operator at `address`.
    pub(crate) fn register<T: Timestamp>(&self, scope: Scope<'_, T>, address: &[usize]) {
        let activator = scope.worker().sync_activator_for(address.to_vec());
        assert!(self.wake.set(activator).is_ok(), "an inlet belongs to one operator");
    }

    pub(crate) fn next(&mut self) -> Arrival<D> {
        match self.receiver.try_recv() {
            Ok(item) => Arrival::Item(item),
            Err(mpsc::error::TryRecvError::Empty) => Arrival::NothingYet,
            Err(mpsc::error::TryRecvError::Disconnected) => Arrival::Closed,
        }
    }
}

/// Where the graph puts its requests.
pub type Outlet<D> = mpsc::UnboundedSender<D>;
