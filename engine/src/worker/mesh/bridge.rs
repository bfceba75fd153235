//! Between the dataflow, which wants blocking sockets that two threads use at once, and connections by TLS, which are none: each
//! connection is pumped into one end of a socket pair, the other end of which is the dataflow's.

use std::os::unix::net::UnixStream as Socket;
use std::time::Duration;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::form::Wire;
use crate::failure::{Failure, Result};

/// Bytes on their way in each direction of one connection.
const BUFFER_BYTES: usize = 256 << 10;
/// How long the last bytes may take to their receivers.
const END_MAX: Duration = Duration::from_secs(10);

/// The connections of a member, being pumped. One that breaks closes its socket, by which the dataflow's threads panic.
pub(super) struct Bridges(JoinSet<()>);

impl Bridges {
    /// Pumps `wires`; gives the dataflow's ends, by number.
    ///
    /// # Errors
    /// If there are no more sockets.
    pub fn over(wires: Vec<Option<Wire>>) -> Result<(Vec<Option<Socket>>, Bridges)> {
        let mut pumps = JoinSet::new();
        let mut bridge = |mut wire: Wire| {
            let (mut ours, theirs) = pair()?;
            pumps.spawn(async move {
                // That it broke is said by the thread that reads or writes the other end.
                let _ = copy_bidirectional_with_sizes(&mut wire, &mut ours, BUFFER_BYTES, BUFFER_BYTES).await;
            });
            Ok(theirs)
        };
        let bridged = wires.into_iter().map(|wire| wire.map(&mut bridge).transpose());
        let sockets = bridged.collect::<std::io::Result<Vec<_>>>();
        let sockets = sockets.map_err(|error| Failure::internal("opening sockets", error))?;
        Ok((sockets, Bridges(pumps)))
    }

    /// Waits until the last bytes are on their way: the others must not lose them with this process.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn ended(mut self) -> Result<()> {
        let ended = timeout(END_MAX, async { while self.0.join_next().await.is_some() {} }).await;
        ended.map_err(|_| Failure::internal("parting from other workers", "a connection does not end"))
    }
}

fn pair() -> std::io::Result<(UnixStream, Socket)> {
    let (ours, theirs) = Socket::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs))
}
