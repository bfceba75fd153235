//! Where workers come from.

use async_trait::async_trait;
use thiserror::Error;

use super::super::record::Millis;

/// What a provider's calls return.
pub type Result<T> = std::result::Result<T, ProviderError>;

/// Starts and stops workers of one pool.
///
/// Each call ends within bounded time, and does not wait for a worker to arrive or to leave: the next
/// [`Provider::list`] tells. The pool is what `list` says, not what was asked for.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Workers that there are, those that start or stop included.
    ///
    /// # Errors
    /// If they cannot be known now.
    async fn list(&self) -> Result<Vec<Instance>>;

    /// Asks for `n` more, and names those whose names are known by now.
    ///
    /// # Errors
    /// If not all of them could be asked for; `list` tells which were.
    async fn launch(&self, n: u32) -> Result<Vec<String>>;

    /// Asks workers to leave. Those that have left already are passed over.
    ///
    /// # Errors
    /// If not all of them could be asked; to ask again does no harm.
    async fn retire(&self, ids: &[String]) -> Result<()>;
}

/// A worker as its provider knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What the worker calls itself, too.
    pub id: String,
    /// Where it stands.
    pub state: InstanceState,
    /// When it was created, if the provider keeps that.
    pub launched_at: Option<Millis>,
}

/// Where an instance stands. Whether it takes work, only its beats tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Asked for, and not running yet.
    Starting,
    /// Running.
    Running,
    /// Asked to leave.
    Stopping,
}

/// A provider could not do what was asked.
#[derive(Debug, Error)]
#[error("{doing}: {what}")]
pub struct ProviderError {
    /// What the caller may do next.
    pub kind: ProviderKind,
    /// What was being done.
    pub doing: String,
    /// What went wrong.
    pub what: String,
    /// What a person may do.
    pub hint: String,
}

/// What the caller may do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// Out of reach or overloaded: try again at the next decision.
    Unavailable,
    /// Somebody else changed the same thing: try again at the next decision.
    Conflict,
    /// Not allowed, not there, or asked wrongly: tell a person, then try again at leisure.
    Invalid,
}
