//! References checked by several processes together, each on a worker of its own: one dataflow over sockets between them, all of
//! which end with the first that is lost.
//!
//! In reading order: [`ask`] (the conductor has others meet, again when they are lost), then what a member does: [`hello`] (whom
//! it speaks to), [`form`] (sockets to all others), [`bridge`] (between those and the dataflow).
//!
//! **Invariant:** the conductor is no member: a dataflow that is torn ends the processes it runs in.
//! **Invariant:** a member that cannot say at the head that it is there, or is told that its mesh is over, ends.

mod ask;
mod bridge;
mod form;
mod hello;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sensei_operators::{Mesh, Seat};
use sensei_planner::PlanFile;
use tokio::net::TcpListener;

use super::leases::{RENEW_EVERY, keep_renewing};
use super::link::Link;
use crate::cluster::identity::Identity;
use crate::cluster::mutual::MutualTls;
use crate::context::Ends;
use crate::failure::{Doing, Failure, Result};
use crate::head::CONNECTIONS_PER_SLOT;
use crate::interrupt;
use crate::proto::MeshJoinReply;
use crate::references::{Found, Meeting, Place, References};

pub(super) use ask::ask;
use bridge::Bridges;
use form::Party;

/// How often a member asks whether all others have joined.
const GATHER_EVERY: Duration = Duration::from_millis(100);

/// What a member of a mesh is told when it is started.
#[derive(Clone, Debug)]
pub struct MeetOptions {
    /// Which mesh.
    pub generation: u64,
    /// Under which address others reach this process.
    pub host: IpAddr,
    /// Its certificate; without one only processes of this machine are spoken to.
    pub identity: Option<Identity>,
}

/// Whether a worker may listen at `host` for others that it meets.
///
/// # Errors
/// `Usage` for an address that others cannot connect to, or where anybody could who is on the network.
pub fn check_host(host: IpAddr, has_certificate: bool) -> Result<()> {
    if host.is_unspecified() || host.is_multicast() {
        let what = format!("no worker can be reached at {host}");
        return Err(Failure::usage(what, "Give --mesh-listen an address that this machine has."));
    }
    if has_certificate || host.to_canonical().is_loopback() {
        return Ok(());
    }
    Err(Failure::usage(
        format!("without a certificate, {host} would let anybody on the network read keys of rows"),
        "Issue the worker a certificate with `sensei certs issue`, or leave --mesh-listen out.",
    ))
}

/// Is a member from beginning to end.
///
/// # Errors
/// Whatever keeps it from its end; `Superseded` once the mesh is over.
pub(super) async fn meet(link: Link, file: PlanFile, options: MeetOptions) -> Result<()> {
    check_host(options.host, options.identity.is_some())?;
    let tls = options.identity.as_ref().map(MutualTls::of).transpose()?;
    let meeting = link.mesh_brief(options.generation).await?;
    let meeting: Meeting =
        serde_json::from_slice(&meeting).map_err(|error| Failure::internal("reading what to do", error))?;
    let listening = |error: std::io::Error| {
        let hint = "Give --mesh-listen an address that this machine has.";
        Failure::unreachable(format!("listening at {} for other workers: {error}", options.host), hint)
    };
    let listener = TcpListener::bind((options.host, 0)).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let member = Member { link, generation: options.generation, address };
    tokio::select! {
        done = member.take_part(file, meeting, listener, tls) => done,
        lost = member.hold() => lost,
        () = interrupt::requested() => Err(Failure::Interrupted),
    }
}

struct Member {
    link: Link,
    generation: u64,
    /// Where it listens.
    address: SocketAddr,
}

impl Member {
    async fn take_part(
        &self,
        file: PlanFile,
        meeting: Meeting,
        listener: TcpListener,
        tls: Option<MutualTls>,
    ) -> Result<()> {
        let gathered = self.gather().await?;
        let (index, threads) = (gathered.index as usize, gathered.threads as usize);
        let members = gathered.members.len();
        tracing::info!(index, members, threads, tls = tls.is_some(), "meeting other workers");
        let party = Party::new(self.link.speaker(), self.generation, &meeting.secret, gathered, tls)?;
        let wires = Arc::new(party).form(listener).await?;
        let (sockets, bridges) = Bridges::over(wires)?;
        let (mesh, rounds) = Mesh::new(threads);
        let seat = Seat { index, sockets };
        let running = tokio::task::spawn_blocking(move || mesh.run(seat));
        let place = Place::Member { rounds, index, members };
        let found = Reading { file, meeting: &meeting, threads, place }.find().await?;
        let doing = "checking references";
        let ended = running.await.map_err(|error| Failure::internal(doing, error))?;
        ended.map_err(|error| Failure::internal(doing, error))?;
        bridges.ended().await?;
        let outcome = serde_json::to_vec(&found).map_err(|error| Failure::internal("reporting", error))?;
        self.link.mesh_report(self.generation, outcome).await
    }

    /// Waits until all have joined.
    async fn gather(&self) -> Result<MeshJoinReply> {
        loop {
            let reply = self.join().await?;
            if !reply.members.is_empty() {
                return Ok(reply);
            }
            tokio::time::sleep(GATHER_EVERY).await;
        }
    }

    async fn join(&self) -> Result<MeshJoinReply> {
        self.link.mesh_join(self.generation, self.address.to_string()).await
    }

    /// Says that it is there, for ever.
    ///
    /// # Errors
    /// `Superseded` if the mesh is over, or it could not be said in time: the head has given it up, or will.
    async fn hold(&self) -> Result<()> {
        let late = "this process could not say in time that it is there";
        keep_renewing(late, || RENEW_EVERY, || self.join()).await
    }
}

/// A member's own part of the tables.
struct Reading<'m> {
    file: PlanFile,
    meeting: &'m Meeting,
    threads: usize,
    place: Place,
}

impl Reading<'_> {
    /// What it finds of each relation, in their order.
    async fn find(mut self) -> Result<Vec<Found>> {
        let connections = self.threads as u32 * CONNECTIONS_PER_SLOT;
        self.file.limits.target_connections = Some(connections);
        let target = Ends::look_at_target(&self.file)?;
        let readers = connections as usize;
        let snapshot = match &self.meeting.snapshot {
            Some(id) => target.join(id, readers).await.doing("joining the snapshot of the target")?,
            None => target.snapshot(readers).await.doing("opening a snapshot of the target")?,
        };
        let mut plan = self.meeting.plan.clone();
        plan.limits.target_connections = connections;
        let mut hash_key = [0; 32];
        hex::decode_to_slice(&self.meeting.hash_key, &mut hash_key)
            .map_err(|error| Failure::internal("reading the key of hashes", error))?;
        let (reads, rows) = (self.meeting.all_reads(), self.meeting.rows.clone());
        let (commits, place) = (target, self.place);
        let references =
            References { plan: &plan, target: snapshot, commits, reads, rows, hash_key, place, quiet: true };
        let mut found = Vec::new();
        for &relation in &self.meeting.relations {
            let relation = plan.relations.get(relation);
            let relation =
                relation.ok_or_else(|| Failure::internal("reading what to do", "there is no such relation"))?;
            found.push(references.find(relation, &mut |_| {}).await?);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, has_certificate: bool, is_allowed: bool) {
        assert_eq!(check_host(host.parse().unwrap(), has_certificate).is_ok(), is_allowed, "{host} {has_certificate}");
    }

    #[test]
    fn without_a_certificate_only_this_machine_is_spoken_to() {
        check("127.0.0.1", false, true);
        check("::1", false, true);
        check("::ffff:127.0.0.1", false, true);
        check("10.0.0.7", false, false);
        check("10.0.0.7", true, true);
        check("0.0.0.0", true, false);
        check("::", true, false);
    }
}
