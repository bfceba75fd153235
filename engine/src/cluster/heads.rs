//! The way to the head that leads, among several.

use std::collections::HashMap;
use std::sync::Mutex;

use tonic::{Code, Status};

use super::address::{HEADS_MAX, HeadAddress, HeadAddresses};
use super::channel::{Credentials, HeadChannel, channel, is_lost, said};
use crate::failure::Result;

/// Metadata by which a head that does not lead names the one that does: its address, or nothing if it knows none.
pub const LEADER: &str = "sensei-leader";

/// How often one call goes where a head sends it: leaders change, but not that fast.
const FOLLOWED_MAX: usize = 3;

/// The heads of a cluster.
#[derive(Debug)]
pub struct Heads {
    addresses: HeadAddresses,
    credentials: Credentials,
    insecure: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The one that answered last.
    current: HeadAddress,
    channels: HashMap<HeadAddress, HeadChannel>,
}

/// Where to ask, after an answer.
enum Next {
    Stay,
    Another,
    To(HeadAddress),
}

impl Heads {
    /// Connects to nothing yet. `insecure` as in [`HeadAddress::parse`], for the addresses that heads name.
    ///
    /// # Errors
    /// `Usage` if an address is one by TLS and there is nothing to trust.
    pub fn new(addresses: HeadAddresses, credentials: Credentials, insecure: bool) -> Result<Heads> {
        let opened = addresses.iter().map(|address| Ok((address.clone(), channel(address, &credentials)?)));
        let channels = opened.collect::<Result<_>>()?;
        let state = Mutex::new(State { current: addresses.first().clone(), channels });
        Ok(Heads { addresses, credentials, insecure, state })
    }

    /// The head that answered last; at first the first.
    pub fn current(&self) -> HeadAddress {
        self.state().current.clone()
    }

    /// Asks the head that answered last, and others while the one asked cannot be reached or does not lead. A call whose
    /// connection was lost may have been carried out, and is made again: it must be one that may be.
    ///
    /// # Errors
    /// What the head that leads answered; `Unavailable` if none could be reached.
    pub async fn call<T, F>(&self, ask: impl Fn(HeadChannel) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut address = self.current();
        let (mut unreached, mut followed) = (Vec::new(), 0);
        loop {
            let answer = ask(self.channel(&address)?).await;
            let next = match answer.as_ref().err().map_or(Next::Stay, |status| self.next(&address, status)) {
                Next::Stay => {
                    self.state().current = address;
                    return answer;
                }
                Next::To(leader) if followed < FOLLOWED_MAX && !unreached.contains(&leader) => {
                    followed += 1;
                    Some(leader)
                }
                Next::To(_) | Next::Another => {
                    unreached.push(address.clone());
                    self.addresses.after(&address).find(|next| !unreached.contains(next)).cloned()
                }
            };
            let Some(next) = next else { return answer.map_err(in_words) };
            address = next;
        }
    }

    /// From TLS nobody is led to plain text, or the token would go there too.
    fn next(&self, asked: &HeadAddress, status: &Status) -> Next {
        let leader = status.metadata().get(LEADER).filter(|_| status.code() == Code::FailedPrecondition);
        if let Some(leader) = leader {
            let named = leader.to_str().ok().and_then(|text| HeadAddress::parse(text, self.insecure).ok());
            let safe = named.filter(|named| named.is_secure || !asked.is_secure);
            return safe.map_or(Next::Another, Next::To);
        }
        if status.code() == Code::Unavailable || is_lost(status) { Next::Another } else { Next::Stay }
    }

    fn channel(&self, address: &HeadAddress) -> Result<HeadChannel, Status> {
        let mut state = self.state();
        if let Some(known) = state.channels.get(address) {
            return Ok(known.clone());
        }
        let opened = channel(address, &self.credentials).map_err(|failure| Status::unavailable(failure.to_string()))?;
        if state.channels.len() >= 2 * HEADS_MAX {
            state.channels.clear();
        }
        state.channels.insert(address.clone(), opened.clone());
        Ok(opened)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("a panic elsewhere ends the process")
    }
}

/// Whatever became of the connection, the head was not reached.
fn in_words(status: Status) -> Status {
    if is_lost(&status) { Status::unavailable(said(&status)) } else { status }
}

#[cfg(test)]
#[path = "heads_tests.rs"]
mod tests;
