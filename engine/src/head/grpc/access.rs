//! What administrators ask.

use tonic::{Request, Response, Status};

use super::{Change, changer, client, invalid, status};
use crate::cluster::caller::Role;
use crate::cluster::subject;
use crate::head::Head;
use crate::head::api::Api;
use crate::head::view::{AuditView, TokenView};
use crate::proto;

/// Entries of the audit log sent at once at the most.
const ENTRIES_MAX: u32 = 1_000;

pub(super) struct Service(pub Head);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl proto::access_server::Access for Service {
    async fn add_token(&self, request: Request<proto::AddTokenRequest>) -> Answer<proto::AddTokenReply> {
        let change = Change { operation: "add_token", object: &request.get_ref().name, needed: Role::Admin };
        let caller = changer(&self.0, &request, change).await?;
        let proto::AddTokenRequest { name, role } = request.into_inner();
        let role = subject::role(&role).map_err(|why| invalid("the token", why))?;
        let token = self.0.add_token(&caller, &name, role).await.map_err(status)?;
        Ok(Response::new(proto::AddTokenReply { token }))
    }

    async fn list_tokens(&self, request: Request<proto::Empty>) -> Answer<proto::TokenList> {
        let caller = client(&request, Role::Admin, "list tokens")?;
        let tokens = self.0.tokens(&caller).await.map_err(status)?;
        Ok(Response::new(proto::TokenList { tokens: tokens.into_iter().map(Into::into).collect() }))
    }

    async fn revoke_token(&self, request: Request<proto::TokenName>) -> Answer<proto::Empty> {
        let change = Change { operation: "revoke_token", object: &request.get_ref().name, needed: Role::Admin };
        let caller = changer(&self.0, &request, change).await?;
        self.0.revoke_token(&caller, &request.into_inner().name).await.map_err(status)?;
        Ok(Response::new(proto::Empty {}))
    }

    async fn audit(&self, request: Request<proto::AuditRequest>) -> Answer<proto::AuditList> {
        let caller = client(&request, Role::Admin, "read the audit log")?;
        let proto::AuditRequest { after, limit } = request.into_inner();
        let limit = limit.clamp(1, ENTRIES_MAX) as usize;
        let entries = self.0.audit(&caller, after, limit).await.map_err(status)?;
        Ok(Response::new(proto::AuditList { entries: entries.into_iter().map(Into::into).collect() }))
    }
}

impl From<TokenView> for proto::Token {
    fn from(token: TokenView) -> proto::Token {
        proto::Token { name: token.name, role: token.role.word().to_owned(), created_at_ms: token.created_at_ms }
    }
}

impl From<AuditView> for proto::AuditEntry {
    fn from(entry: AuditView) -> proto::AuditEntry {
        proto::AuditEntry {
            number: entry.number,
            at_ms: entry.at_ms,
            who: entry.who,
            role: entry.role,
            operation: entry.operation,
            object: entry.object,
            outcome: entry.outcome,
            sha256: entry.sha256,
        }
    }
}
