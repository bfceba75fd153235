//! The conductor's part: it has workers meet, waits for what they find, and asks again if they are lost. It never waits for ever:
//! after a few generations, or where too few workers are there, it goes on alone.

use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::head::MESH_BRIEF_BYTES_MAX;
use crate::interrupt::unless_interrupted;
use crate::references::{Found, Meeting};
use crate::worker::link::Link;

/// Meshes that are tried for one check; each can be lost with any of its members.
const GENERATIONS_MAX: usize = 4;
/// The pause before the next one: a worker that died with its process is not heard of any more by then.
const PAUSE: Duration = Duration::from_secs(2);

/// What each member found, each relation in its turn; `None` if nobody met.
///
/// # Errors
/// `Interrupted` if a person asked to stop; if the head cannot be asked.
pub(in crate::worker) async fn ask(link: &Link, meeting: Meeting) -> Result<Option<Vec<Vec<Found>>>> {
    let brief = serde_json::to_vec(&meeting).map_err(|error| Failure::internal("saying what to do", error))?;
    if brief.len() > MESH_BRIEF_BYTES_MAX {
        tracing::warn!("references are checked by one process: there is too much to say for several");
        return Ok(None);
    }
    let mut after = 0;
    for _ in 0..GENERATIONS_MAX {
        let reply = link.meet(after, brief.clone()).await?;
        if reply.members == 0 {
            return Ok(None);
        }
        after = reply.generation;
        match outcome(link, after).await? {
            Ok(outcomes) => return found(&meeting, &outcomes).map(Some),
            Err(why) => tracing::warn!("the check by {} workers together broke off: {why}", reply.members),
        }
        unless_interrupted(async {
            tokio::time::sleep(PAUSE).await;
            Ok(())
        })
        .await?;
    }
    tracing::warn!("references are checked by one process, after {GENERATIONS_MAX} tries of several");
    Ok(None)
}

/// What became of a mesh: what its members found, or why it was lost.
async fn outcome(link: &Link, generation: u64) -> Result<Result<Vec<Vec<u8>>, String>> {
    loop {
        let reply = unless_interrupted(link.met(generation)).await?;
        match reply.state.as_str() {
            "done" => return Ok(Ok(reply.outcomes_json)),
            "lost" => return Ok(Err(reply.why)),
            _ => {}
        }
    }
}

fn found(meeting: &Meeting, outcomes: &[Vec<u8>]) -> Result<Vec<Vec<Found>>> {
    let doing = "reading what was found";
    let read = |outcome: &Vec<u8>| {
        let found: Vec<Found> = serde_json::from_slice(outcome).map_err(|error| Failure::internal(doing, error))?;
        let is_whole = found.len() == meeting.relations.len();
        is_whole.then_some(found).ok_or_else(|| Failure::internal(doing, "it is about other relations"))
    };
    outcomes.iter().map(read).collect()
}
