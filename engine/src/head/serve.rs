//! The head as a process: its store, its port, its workers, until it is asked to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{self, Next};
use tokio::net::TcpListener;

use super::store::Store;
use super::{Head, grpc, http};
use crate::cluster::identity::ServerTls;
use crate::cluster::listen::{self, check_plaintext};
use crate::cluster::token::TokenHash;
use crate::failure::{Doing, Failure, Result};

/// Requests at once, of all kinds, at the most; more wait.
const REQUESTS_MAX: usize = 8_192;
/// How long the end of a head may take beyond its connections.
const RESIGN_MAX: Duration = Duration::from_secs(2);

/// What a head is.
pub struct HeadOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where clients and workers reach it, as a URL.
    pub address: String,
    /// Its store: `sqlite:PATH`, a path, or `postgresql://…`.
    pub store: String,
    /// TLS; `None` for plain text, on loopback or where `insecure`.
    pub tls: Option<Arc<ServerTls>>,
    /// Whether plain text off loopback was asked for by name.
    pub insecure: bool,
    /// A token that always holds.
    pub admin: Option<TokenHash>,
    /// Names this process among heads.
    pub holder: String,
}

/// Serves until `stop`. `started` is called with the port, once it is open.
///
/// # Errors
/// If the store or the port cannot be opened.
pub async fn serve(
    options: HeadOptions,
    stop: impl Future<Output = ()>,
    started: impl FnOnce(Head, SocketAddr),
) -> Result<()> {
    if options.tls.is_none() {
        check_plaintext(options.listen, options.insecure)?;
    }
    let store = Store::open(&options.store).await.doing("opening the head's store")?;
    let head = Head::new(Arc::new(store), options.admin);
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        Failure::usage(
            format!("the head cannot listen on {}: {error}", options.listen),
            "Take another port, or end what listens there.",
        )
    })?;
    let port = listener.local_addr().map_err(|error| Failure::internal("opening the port", error))?;
    let address = options.address.replace(":0", &format!(":{}", port.port()));
    let serving = listen::serve(listener, options.tls, routes(&head), stop);
    started(head.clone(), port);
    tokio::select! {
        served = serving => served?,
        () = head.lead_or_wait(&options.holder, &address) => {}
    }
    // One that cannot say so will be missed.
    let _ = tokio::time::timeout(RESIGN_MAX, head.resign()).await;
    Ok(())
}

fn routes(head: &Head) -> Router {
    let turns = Arc::new(tokio::sync::Semaphore::new(REQUESTS_MAX));
    let in_turn = move |request, next: Next| {
        let turns = turns.clone();
        async move {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            next.run(request).await
        }
    };
    http::router(Arc::new(head.clone())).merge(grpc::routes(head)).layer(middleware::from_fn(in_turn))
}
