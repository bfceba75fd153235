//! Sockets to all other members: each connects to those before it and is connected to by those after it. Whoever connects and is
//! none of them is dropped, and nobody else waits for it.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hello::{self, Pass};
use crate::cluster::mutual::MutualTls;
use crate::cluster::subject::goes_by;
use crate::failure::{Failure, Result};
use crate::proto::{MeshJoinReply, TaskId};

/// How long two members take at the most to connect and recognise each other.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// How long all of them take.
const FORM_MAX: Duration = Duration::from_secs(10);
/// Handshakes under way at once; more wait to be accepted.
const HANDSHAKES_MAX: usize = 64;
/// How long a connection is silent before it is asked whether it is there, how often then, and how many times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;

/// What is spoken over between two members.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to another member.
pub(super) type Wire = Box<dyn Stream>;

/// A member that knows of all others.
pub(super) struct Party {
    pass: Pass,
    index: usize,
    /// Worker and address of all, by number.
    members: Vec<(String, SocketAddr)>,
    /// `None` between processes of one machine that have no certificates.
    tls: Option<MutualTls>,
}

impl Party {
    /// A member, as it was told by the head.
    ///
    /// # Errors
    /// If that makes no sense, or a member is on another machine and there is no certificate.
    pub fn new(
        speaker: &TaskId,
        generation: u64,
        secret: &str,
        gathered: MeshJoinReply,
        tls: Option<MutualTls>,
    ) -> Result<Party> {
        let TaskId { job, attempt, .. } = speaker.clone();
        let pass = Pass { job, attempt, generation, secret: secret.to_owned() };
        let address = |text: &str| text.parse().map_err(|error| Failure::internal("reading an address", error));
        let members: Vec<(String, SocketAddr)> = gathered
            .members
            .into_iter()
            .map(|member| Ok((member.worker, address(&member.address)?)))
            .collect::<Result<_>>()?;
        for (worker, address) in &members {
            if tls.is_none() && !address.ip().to_canonical().is_loopback() {
                let what = format!("worker {worker} is on another machine, and there is no certificate to show to it");
                return Err(Failure::usage(what, "Issue every worker a certificate with `sensei certs issue`."));
            }
        }
        Ok(Party { pass, index: gathered.index as usize, members, tls })
    }

    /// Connections to all others by number, `None` at its own.
    ///
    /// # Errors
    /// If one cannot be reached, or does not come in time.
    pub async fn form(self: Arc<Self>, listener: TcpListener) -> Result<Vec<Option<Wire>>> {
        let connecting = self.clone().connect_all();
        let formed = timeout(FORM_MAX, async { tokio::try_join!(connecting, self.clone().accept_all(listener)) }).await;
        let late = || io::Error::new(io::ErrorKind::TimedOut, "not all came in time");
        let (before, after) = formed.unwrap_or_else(|_| Err(late())).map_err(|error| {
            let hint = "Workers on several machines need --mesh-listen with an address that the others reach.";
            Failure::unreachable(format!("meeting other workers: {error}"), hint)
        })?;
        let mut wires: Vec<Option<Wire>> = self.members.iter().map(|_| None).collect();
        for (index, wire) in before.into_iter().chain(after) {
            wires[index] = Some(wire);
        }
        Ok(wires)
    }

    async fn connect_all(self: Arc<Self>) -> io::Result<Vec<(usize, Wire)>> {
        let one = |index: usize| {
            let party = self.clone();
            async move {
                let wire = timeout(HELLO_MAX, party.connect(index)).await.unwrap_or_else(|_| Err(no_answer()));
                let (worker, address) = &party.members[index];
                let wire =
                    wire.map_err(|error| io::Error::new(error.kind(), format!("{worker} at {address}: {error}")))?;
                Ok((index, wire))
            }
        };
        futures::future::try_join_all((0..self.index).map(one)).await
    }

    async fn connect(&self, index: usize) -> io::Result<Wire> {
        let (worker, address) = &self.members[index];
        let stream = TcpStream::connect(address).await?;
        keep_alive(&stream)?;
        let (mut wire, name) = match &self.tls {
            None => (Box::new(stream) as Wire, None),
            Some(tls) => {
                let (stream, name) = tls.connect(stream).await?;
                (Box::new(stream) as Wire, Some(name))
            }
        };
        must_go_by(name.as_deref(), worker)?;
        hello::write(&mut wire, &self.pass.hello(self.index, index)).await?;
        self.pass.expect(&mut wire, index..index + 1, self.index).await?;
        Ok(wire)
    }

    async fn accept_all(self: Arc<Self>, listener: TcpListener) -> io::Result<Vec<(usize, Wire)>> {
        let mut missing: BTreeSet<usize> = (self.index + 1..self.members.len()).collect();
        let mut wires = Vec::new();
        let mut handshakes = JoinSet::new();
        while !missing.is_empty() {
            tokio::select! {
                accepted = listener.accept(), if handshakes.len() < HANDSHAKES_MAX => {
                    // What cannot be accepted is gone; those who are missing come again, or time passes.
                    let Ok((stream, address)) = accepted else { continue };
                    let party = self.clone();
                    handshakes.spawn(async move {
                        let met = timeout(HELLO_MAX, party.accept(stream)).await.unwrap_or_else(|_| Err(no_answer()));
                        met.inspect_err(|error| tracing::warn!("{address} is not let in: {error}"))
                    });
                }
                Some(met) = handshakes.join_next() => {
                    if let Ok(Ok((index, wire))) = met && missing.remove(&index) {
                        wires.push((index, wire));
                    }
                }
            }
        }
        Ok(wires)
    }

    async fn accept(&self, stream: TcpStream) -> io::Result<(usize, Wire)> {
        keep_alive(&stream)?;
        let (mut wire, name) = match &self.tls {
            None => (Box::new(stream) as Wire, None),
            Some(tls) => {
                let (stream, name) = tls.accept(stream).await?;
                (Box::new(stream) as Wire, Some(name))
            }
        };
        let from = self.pass.expect(&mut wire, self.index + 1..self.members.len(), self.index).await?;
        must_go_by(name.as_deref(), &self.members[from].0)?;
        hello::write(&mut wire, &self.pass.hello(self.index, from)).await?;
        Ok((from, wire))
    }
}

fn no_answer() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

/// By TLS, a member is who it says: its certificate is for the worker that the head named.
fn must_go_by(name: Option<&str>, worker: &str) -> io::Result<()> {
    match name {
        Some(name) if !goes_by(name, worker) => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("its certificate is for \"{name}\"")))
        }
        _ => Ok(()),
    }
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(stream).set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_RETRIES))
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
