//! Why the head does not do what it was asked, the same over REST and gRPC.

use thiserror::Error;

/// A refusal, for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("there is no {what}")]
    NotFound {
        /// Such as `job "shop"`.
        what: String,
    },
    /// It contradicts what is there.
    #[error("{what}: {why}")]
    Conflict {
        /// Such as `job "shop"`.
        what: String,
        /// Such as `it was submitted with another plan`.
        why: String,
    },
    /// Nobody known asks.
    #[error("{why}")]
    Unauthenticated {
        /// Such as `the token is not known`.
        why: String,
    },
    /// The caller may not.
    #[error("{who} may not {what}: it takes the role {needed}")]
    Forbidden {
        /// The caller.
        who: String,
        /// What was asked.
        what: String,
        /// The role it takes.
        needed: String,
    },
    /// It makes no sense.
    #[error("{what}: {why}")]
    Invalid {
        /// Such as `the plan`.
        what: String,
        /// Why.
        why: String,
    },
    /// It is more than the head takes.
    #[error("{what} is larger than {max} {unit}")]
    TooLarge {
        /// Such as `the plan`.
        what: String,
        /// The bound.
        max: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// Another head leads.
    #[error("this head does not lead{}", if leader.is_empty() { String::new() } else { format!("; {leader} does") })]
    NotLeading {
        /// Address of the one that does; empty if nobody is known to.
        leader: String,
    },
    /// What is asked under was given to somebody else meanwhile.
    #[error("{what} is no longer yours")]
    Lost {
        /// Such as `lease 17`.
        what: String,
    },
    /// The head cannot just now.
    #[error("the head cannot answer now: {why}")]
    Unavailable {
        /// Why.
        why: String,
    },
}
