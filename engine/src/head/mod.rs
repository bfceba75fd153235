//! The head of a cluster: it takes jobs, gives them and their splits to workers, and remembers all of it. It reaches no
//! database but its own store, and no message to it holds a row.
//!
//! In reading order: [`record`] (what is remembered), [`splits`] and [`core`] (what is decided), [`store`] and [`keeper`]
//! (how it outlives crashes), [`api`], [`grpc`] and [`http`] (who may ask what), [`scale`] (how many workers), [`serve`].
//!
//! **Invariant:** nothing is answered before it is stored, and only the head that leads stores anything.

pub mod api;
pub(crate) mod classes;
pub mod core;
mod dense;
mod grpc;
mod http;
mod keeper;
mod lead;
pub mod record;
pub mod refusal;
pub mod scale;
mod scaler;
mod serve;
pub mod splits;
pub mod store;
mod tokens;
pub mod view;

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;

use self::api::Api;
use self::core::{Core, Submission};
use self::keeper::Calls;
use self::refusal::Refusal;
use self::store::Store;
use self::tokens::Tokens;
use self::view::{AuditView, Counters, EventView, JobView, PoolView, Standing, TokenView, Verb};
use crate::cluster::caller::{Caller, Role};
use crate::cluster::token::{Token, TokenHash};
use crate::random;

pub use self::core::{CONNECTIONS_PER_SLOT, LEASE_MS, MESH_BRIEF_BYTES_MAX, PLAN_BYTES_MAX, Role as TaskRole};
pub(crate) use grpc::MESSAGE_BYTES_MAX;
pub use grpc::PROTOCOL;
pub(crate) use http::document as openapi;
pub use scaler::{ScaledPool, autoscale};
pub use serve::{HeadOptions, serve};

/// The head, for whoever serves its clients and workers.
#[derive(Clone)]
pub struct Head(Arc<Inner>);

struct Inner {
    store: Arc<Store>,
    standing: watch::Sender<Standing>,
    calls: Mutex<Option<Calls>>,
    tokens: Tokens,
}

impl Head {
    /// A head on `store` that does not lead yet. `admin` is a token that always holds, so that the first of the others can
    /// be given out.
    pub fn new(store: Arc<Store>, admin: Option<TokenHash>) -> Head {
        let (standing, _) = watch::channel(Standing::Standby { leader: String::new() });
        let tokens = Tokens::new(store.clone(), admin);
        Head(Arc::new(Inner { store, standing, calls: Mutex::new(None), tokens }))
    }

    /// Calls `f` on the core, and returns once what it changed is stored.
    ///
    /// # Errors
    /// Those of `f`; `NotLeading` if another head leads; `Unavailable` if this one cannot just now.
    pub async fn call<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Core) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let calls = self.calls().clone();
        match calls {
            Some(calls) => calls.call(f).await,
            None => Err(self.not_leading()),
        }
    }

    /// Moves on whenever something was stored.
    pub(crate) fn stored(&self) -> Result<watch::Receiver<u64>, Refusal> {
        self.calls().as_ref().map(|calls| calls.stored.clone()).ok_or_else(|| self.not_leading())
    }

    fn not_leading(&self) -> Refusal {
        match &*self.0.standing.borrow() {
            Standing::Standby { leader } => Refusal::NotLeading { leader: leader.clone() },
            Standing::Leading { .. } => Refusal::Unavailable { why: "it just began to lead".to_owned() },
        }
    }

    fn calls(&self) -> MutexGuard<'_, Option<Calls>> {
        self.0.calls.lock().expect("a panic elsewhere ends the process")
    }

    fn term(&self) -> Result<u64, Refusal> {
        match &*self.0.standing.borrow() {
            Standing::Leading { term } => Ok(*term),
            Standing::Standby { leader } => Err(Refusal::NotLeading { leader: leader.clone() }),
        }
    }

    /// Calls `f`, which changes something, and writes into the audit log who did so, or why it was refused.
    async fn change<T: Send + 'static>(
        &self,
        caller: &Caller,
        (operation, object): (&'static str, String),
        f: impl FnOnce(&mut Core) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let caller = caller.clone();
        let audited = move |core: &mut Core| {
            let outcome = f(core);
            core.audit(&caller, operation, &object, outcome.as_ref().err());
            outcome
        };
        self.call(audited).await
    }
}

#[async_trait]
impl Api for Head {
    fn standing(&self) -> Standing {
        self.0.standing.borrow().clone()
    }

    async fn submit(&self, caller: &Caller, plan: String, id: Option<String>) -> Result<(JobView, bool), Refusal> {
        let (asked, caller) = (id.clone().unwrap_or_default(), caller.clone());
        let submission = Submission { plan, id, by: caller.name.clone() };
        self.call(move |core| {
            let outcome = core.submit(submission);
            let object = outcome.as_ref().map_or(asked, |(job, _)| job.id.clone());
            core.audit(&caller, "submit", &object, outcome.as_ref().err());
            outcome
        })
        .await
    }

    async fn jobs(&self) -> Result<Vec<JobView>, Refusal> {
        self.call(|core| Ok(core.list())).await
    }

    async fn job(&self, id: &str) -> Result<JobView, Refusal> {
        let id = id.to_owned();
        self.call(move |core| core.get(&id)).await
    }

    async fn order(&self, caller: &Caller, id: &str, verb: Verb) -> Result<JobView, Refusal> {
        let id = id.to_owned();
        self.change(caller, (verb.word(), id.clone()), move |core| core.order(&id, verb)).await
    }

    async fn events(&self, job: Option<&str>, after: u64, limit: usize) -> Result<Vec<EventView>, Refusal> {
        self.term()?;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let events = self.0.store.events(job, after, limit).await.map_err(unavailable)?;
        Ok(events.into_iter().map(EventView::from).collect())
    }

    fn stored(&self) -> Result<watch::Receiver<u64>, Refusal> {
        Head::stored(self)
    }

    async fn pool(&self) -> Result<PoolView, Refusal> {
        self.call(|core| Ok(core.pool())).await
    }

    async fn counters(&self) -> Result<Counters, Refusal> {
        self.call(|core| Ok(core.counters())).await
    }

    async fn caller_of(&self, token: &str) -> Result<Caller, Refusal> {
        self.0.tokens.caller(token).await
    }

    async fn add_token(&self, caller: &Caller, name: &str, role: Role) -> Result<String, Refusal> {
        let random = random::key().map_err(|failure| Refusal::Unavailable { why: failure.to_string() })?;
        let token = Token::new(random);
        let added = self.0.tokens.add(self.term()?, name, role, &token).await;
        self.note(caller, "add_token", name, &added).await?;
        added.map(|()| token.expose().to_owned())
    }

    async fn tokens(&self, _caller: &Caller) -> Result<Vec<TokenView>, Refusal> {
        self.0.tokens.list().await
    }

    async fn revoke_token(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        let revoked = self.0.tokens.revoke(self.term()?, name).await;
        self.note(caller, "revoke_token", name, &revoked).await?;
        revoked
    }

    async fn note_refused(&self, caller: &Caller, operation: &'static str, object: &str, refusal: &Refusal) {
        let refused: Result<(), Refusal> = Err(refusal.clone());
        let _ = self.note(caller, operation, object, &refused).await;
    }

    async fn audit(&self, _caller: &Caller, after: u64, limit: usize) -> Result<Vec<AuditView>, Refusal> {
        let entries = self.0.store.audit(after, u32::try_from(limit).unwrap_or(u32::MAX)).await.map_err(unavailable)?;
        Ok(entries.into_iter().map(AuditView::from).collect())
    }
}

impl Head {
    async fn note<T>(
        &self,
        caller: &Caller,
        operation: &'static str,
        object: &str,
        outcome: &Result<T, Refusal>,
    ) -> Result<(), Refusal> {
        let (caller, object, refusal) = (caller.clone(), object.to_owned(), outcome.as_ref().err().cloned());
        self.call(move |core| {
            core.audit(&caller, operation, &object, refusal.as_ref());
            Ok(())
        })
        .await
    }
}

fn unavailable(error: sensei_storage::Error) -> Refusal {
    Refusal::Unavailable { why: error.to_string() }
}
