//! Who a token belongs to. Kept in memory for a moment, so that a call does not cost a query.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sensei_storage::Error;
use tokio::sync::Mutex;

use super::refusal::Refusal;
use super::store::{Store, TokenRecord};
use super::unavailable;
use super::view::TokenView;
use crate::clock::Stopwatch;
use crate::cluster::caller::{Access, Caller, Role};
use crate::cluster::subject;
use crate::cluster::token::{Token, TokenHash};

/// How long what was read holds. Tokens are given out and revoked by the head that leads, which reads them anew then; others
/// notice within this.
const FRESH: Duration = Duration::from_secs(2);

/// What the token is called that the head was started with.
const ADMIN: &str = "admin-token";

/// The tokens that hold.
pub(super) struct Tokens {
    store: Arc<Store>,
    admin: Option<TokenHash>,
    known: Mutex<Option<(Stopwatch, HashMap<String, Caller>)>>,
}

impl Tokens {
    pub(super) fn new(store: Arc<Store>, admin: Option<TokenHash>) -> Tokens {
        Tokens { store, admin, known: Mutex::new(None) }
    }

    /// Who a token belongs to.
    ///
    /// # Errors
    /// `Unauthenticated` if it is nobody's.
    pub(super) async fn caller(&self, text: &str) -> Result<Caller, Refusal> {
        let unknown = || Refusal::Unauthenticated { why: "the token is not known, or was revoked".to_owned() };
        let hash = Token::parse(text).ok_or_else(unknown)?.hash();
        if self.admin.as_ref() == Some(&hash) {
            return Ok(Caller { name: ADMIN.to_owned(), access: Access::Client(Role::Admin) });
        }
        let mut known = self.known.lock().await;
        if known.as_ref().is_none_or(|(read, _)| read.elapsed() >= FRESH) {
            *known = Some((Stopwatch::start(), self.read().await?));
        }
        let (_, callers) = known.as_ref().ok_or_else(unknown)?;
        callers.get(&hash.to_hex()).cloned().ok_or_else(unknown)
    }

    async fn read(&self) -> Result<HashMap<String, Caller>, Refusal> {
        let records = self.store.tokens().await.map_err(unavailable)?;
        let caller = |record: TokenRecord| {
            let role = subject::role(&record.role).ok()?;
            Some((record.sha256, Caller { name: record.name, access: Access::Client(role) }))
        };
        Ok(records.into_iter().filter(|record| record.revoked_at.is_none()).filter_map(caller).collect())
    }

    pub(super) async fn add(&self, term: u64, name: &str, role: Role, token: &Token) -> Result<(), Refusal> {
        subject::check_name(name).map_err(|why| Refusal::Invalid { what: "the token's name".to_owned(), why })?;
        let taken = || Refusal::Conflict { what: format!("token \"{name}\""), why: "it is there already".to_owned() };
        if name == ADMIN {
            return Err(taken());
        }
        let added = self.store.add_token(term, name, role.word(), &token.hash().to_hex()).await;
        *self.known.lock().await = None;
        added.map_err(|error| match error {
            Error::Exists { .. } => taken(),
            other => unavailable(other),
        })
    }

    pub(super) async fn revoke(&self, term: u64, name: &str) -> Result<(), Refusal> {
        let revoked = self.store.revoke_token(term, name).await;
        *self.known.lock().await = None;
        revoked.map_err(|error| match error {
            Error::Missing { .. } => Refusal::NotFound { what: format!("token \"{name}\"") },
            other => unavailable(other),
        })
    }

    pub(super) async fn list(&self) -> Result<Vec<TokenView>, Refusal> {
        let records = self.store.tokens().await.map_err(unavailable)?;
        let view = |record: TokenRecord| {
            let role = subject::role(&record.role).ok()?;
            Some(TokenView { name: record.name, role, created_at_ms: record.created_at })
        };
        Ok(records.into_iter().filter(|record| record.revoked_at.is_none()).filter_map(view).collect())
    }
}
