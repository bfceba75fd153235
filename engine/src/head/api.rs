//! What the head does for clients: one trait under REST and gRPC, so that both say the same.

use async_trait::async_trait;
use tokio::sync::watch;

use super::refusal::Refusal;
use super::view::{AuditView, Counters, EventView, JobView, PoolView, Standing, TokenView, Verb};
use crate::cluster::caller::{Caller, Role};

/// The head, as its clients' services see it. Whether a caller's role suffices is asked by the services before they
/// call; `caller` is there for the audit log.
///
/// # Errors
/// Of every method: `Unavailable` if the head cannot answer just now, `NotLeading` if another one does.
#[async_trait]
pub trait Api: Send + Sync + 'static {
    /// Whether this head answers for the cluster.
    fn standing(&self) -> Standing;

    /// Moves on whenever something was stored, so that whoever waits for news looks again.
    fn stored(&self) -> Result<watch::Receiver<u64>, Refusal>;

    /// Takes a job on, and says whether it is new: the same plan under the same id again is the same job.
    ///
    /// # Errors
    /// `Conflict` if the id stands for another plan; `Invalid` if the plan or the id makes no sense.
    async fn submit(&self, caller: &Caller, plan: String, id: Option<String>) -> Result<(JobView, bool), Refusal>;

    /// Every job.
    async fn jobs(&self) -> Result<Vec<JobView>, Refusal>;

    /// One job.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    async fn job(&self, id: &str) -> Result<JobView, Refusal>;

    /// Tells a job what is wanted of it.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if it makes no sense where the job stands.
    async fn order(&self, caller: &Caller, id: &str, verb: Verb) -> Result<JobView, Refusal>;

    /// At most `limit` events after number `after`, ascending: of one job, or of all and the pool.
    async fn events(&self, job: Option<&str>, after: u64, limit: usize) -> Result<Vec<EventView>, Refusal>;

    /// The workers and what waits for them.
    async fn pool(&self) -> Result<PoolView, Refusal>;

    /// What `/metrics` shows beside the pool.
    async fn counters(&self) -> Result<Counters, Refusal>;

    /// Who a bearer token belongs to.
    ///
    /// # Errors
    /// `Unauthenticated` if it is not known.
    async fn caller_of(&self, token: &str) -> Result<Caller, Refusal>;

    /// Gives out a token; it is told here and never again.
    ///
    /// # Errors
    /// `Conflict` if there is one of that name.
    async fn add_token(&self, caller: &Caller, name: &str, role: Role) -> Result<String, Refusal>;

    /// Every token that holds.
    async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenView>, Refusal>;

    /// Takes a token back.
    ///
    /// # Errors
    /// `NotFound` if there is none of that name.
    async fn revoke_token(&self, caller: &Caller, name: &str) -> Result<(), Refusal>;

    /// Writes into the audit log that `caller` may not do what it asked. That it cannot be written changes nothing for who asked.
    async fn note_refused(&self, caller: &Caller, operation: &'static str, object: &str, refusal: &Refusal);

    /// At most `limit` entries of the audit log after number `after`, ascending.
    async fn audit(&self, caller: &Caller, after: u64, limit: usize) -> Result<Vec<AuditView>, Refusal>;
}
