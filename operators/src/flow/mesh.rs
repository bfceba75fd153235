//! Several processes as one dataflow: they search for orphans together, round after round, each feeding its own part of
//! both tables. Knows nothing of addresses, certificates or who the others are: it gets sockets that are connected.
//!
//! The rounds of all members are the same ones in the same order, since channels are told apart by the order in which they
//! are made. Times of two members may coincide: a batch stays in the process it was fed to, and is known there by its worker
//! and its time. A member that is ahead waits for the others by its budget, since no batch is let go before all of them have
//! passed its time.
//!
//! **Invariant:** a member never goes on without another. One that is lost makes the threads of all others panic, which must
//! end their processes: see the engine's panic hook.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use timely::WorkerConfig;
use timely::communication::Hooks;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::execute::execute_from;

use super::port::Outlet;
use super::references::{KeyDealer, OrphanFinding, OrphanSearch, Reference, Round, SearchShare};

/// A member's place among the others.
#[derive(Debug)]
pub struct Seat {
    /// Its number, from 0.
    pub index: usize,
    /// Sockets to all members by number, `None` at its own.
    pub sockets: Vec<Option<UnixStream>>,
}

/// One process's part in a mesh. All members have as many threads.
pub struct Mesh {
    queues: Vec<Receiver<SearchShare>>,
}

/// The way into a mesh: one round after the other. Dropped when there are no more.
pub struct Rounds {
    queues: Vec<Sender<SearchShare>>,
}

impl Mesh {
    /// A member with `threads` worker threads, and the way in.
    pub fn new(threads: usize) -> (Mesh, Rounds) {
        let (senders, receivers) = (0..threads.max(1)).map(|_| channel()).unzip();
        (Mesh { queues: receivers }, Rounds { queues: senders })
    }

    /// Runs on threads of its own, and returns when [`Rounds`] is dropped and all members have come to their end.
    ///
    /// # Errors
    /// If the threads cannot be started. A member that is lost is no error but a panic, of several threads.
    pub fn run(self, seat: Seat) -> Result<(), String> {
        let threads = self.queues.len();
        let (builders, guard) = connect(seat, threads).map_err(|error| error.to_string())?;
        let queues = Mutex::new(self.queues.into_iter().map(Some).collect::<Vec<_>>());
        let guards = execute_from(builders, guard, WorkerConfig::default(), move |worker| {
            let taken = queues.lock().map(|mut queues| queues[worker.index() % threads].take());
            let queue = taken.ok().flatten().expect("each worker takes its own queue once");
            while let Ok(share) = queue.recv() {
                share.build(worker);
                while worker.has_dataflows() {
                    worker.step_or_park(None);
                }
            }
        })?;
        guards.join().into_iter().collect::<Result<(), String>>()
    }
}

impl Rounds {
    /// Begins a round on all threads of this process, after the rounds before it; every member begins the same. The round is
    /// over, and `findings` closed, when all members have dropped their dealers and all is found.
    pub fn begin(
        &self,
        reference: Reference,
        hash_key: [u8; 32],
        round: Round,
        findings: Outlet<OrphanFinding>,
    ) -> KeyDealer {
        let (search, dealer) = OrphanSearch::new(reference, hash_key, round, self.queues.len(), findings);
        for (queue, share) in self.queues.iter().zip(search.shares()) {
            // Nobody takes it only when a thread has ended, of which its process dies.
            let _ = queue.send(share);
        }
        dealer
    }
}

/// Threads that send and receive, and what workers are made of.
type Connected = (Vec<AllocatorBuilder>, Box<dyn std::any::Any + Send>);

fn connect(seat: Seat, threads: usize) -> io::Result<Connected> {
    let hooks = Hooks::default();
    let inner = ProcessBuilder::new_typed_vector(threads, hooks.refill.clone(), hooks.spill.clone());
    let Seat { index, sockets } = seat;
    let (builders, guard) = initialize_networking_from_sockets(inner, sockets, index, threads, hooks)?;
    Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
}

#[cfg(test)]
#[path = "mesh_tests.rs"]
mod tests;
