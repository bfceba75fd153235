//! The head's port: HTTP/1.1 and HTTP/2 on one, by TLS or in plain text. Knows who connects, not what is asked.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::caller::Caller;
use super::greeting::Greeting;
use super::identity::{HTTP2, ServerTls};
use super::peer;
use crate::failure::{Failure, Result};

/// Connections at once; more wait to be accepted. Room for 128 workers with 8 processes each, and four times that.
pub const CONNECTIONS_MAX: usize = 4096;
/// A TLS handshake takes at most this long.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// A request's header arrives within this, counted from the connection or the request before: idle HTTP/1 connections
/// end so too.
pub const HEADER_READ_MAX: Duration = Duration::from_secs(10);
/// A request's header has at most this many bytes.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// Requests at once on one HTTP/2 connection.
pub const STREAMS_MAX: u32 = 256;
/// How often a silent HTTP/2 peer is asked whether it is there.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// How long it has to answer.
pub const PING_ANSWER_MAX: Duration = Duration::from_secs(5);
/// Requests under way have this long to finish once the port closes.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Before the next try when no connection can be accepted, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// For a peer whose handshake failed to read why.
const PARTING_MAX: Duration = Duration::from_secs(1);

/// Who is at the other end; an extension of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// From where.
    pub address: SocketAddr,
    /// What its certificate says; `None` if it showed none, or that of a head.
    pub caller: Option<Caller>,
}

/// Whether plain text may be spoken on `address`; `insecure` if that was asked for by name.
///
/// # Errors
/// `Usage` off loopback, unless `insecure`.
pub fn check_plaintext(address: SocketAddr, insecure: bool) -> Result<()> {
    if insecure || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(Failure::usage(
        format!("without TLS, {address} would let anybody on the network read and give orders"),
        "Make certificates with `sensei certs init` and `sensei certs issue` and name them, listen on 127.0.0.1, or pass \
         --insecure if the network is trusted.",
    ))
}

/// Serves `app` on `listener` until `stop`, then lets requests under way finish, for [`DRAIN_MAX`] at most. Without
/// `tls` in plain text: see [`check_plaintext`].
///
/// # Errors
/// `Internal` if the listener has no address. What goes wrong with one connection ends that one alone.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    app: Router,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let address = listener.local_addr().map_err(|error| Failure::internal("opening the port", error))?;
    tracing::info!(%address, tls = tls.is_some(), "listening");
    let (stopping, stopped) = watch::channel(false);
    let port = Port { tls, app, http: http(), stopped };
    let mut connections = JoinSet::new();
    tokio::select! {
        () = port.accept(&listener, &mut connections) => {}
        () = stop => {}
    }
    drop(listener);
    let _ = stopping.send(true);
    let drained = timeout(DRAIN_MAX, async { while connections.join_next().await.map(log_panic).is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("{} connections were cut after {} s", connections.len(), DRAIN_MAX.as_secs());
        connections.shutdown().await;
    }
    Ok(())
}

/// What every connection needs.
#[derive(Clone)]
struct Port {
    tls: Option<Arc<ServerTls>>,
    app: Router,
    http: Builder<TokioExecutor>,
    stopped: watch::Receiver<bool>,
}

type AnyError = Box<dyn Error + Send + Sync>;

impl Port {
    /// Accepts until dropped.
    async fn accept(&self, listener: &TcpListener, connections: &mut JoinSet<()>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut is_failing = false;
        loop {
            let permit = room.clone().acquire_owned().await.expect("the semaphore is never closed");
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(ended) = connections.join_next() => { log_panic(ended); continue }
            };
            match accepted {
                Ok((stream, address)) => {
                    is_failing = false;
                    connections.spawn(self.clone().connection(stream, address, permit));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !is_failing {
                        tracing::warn!("no connection can be accepted: {error}");
                    }
                    is_failing = true;
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, address: SocketAddr, _permit: OwnedSemaphorePermit) {
        if let Err(error) = self.converse(stream, address).await {
            tracing::debug!(%address, "a connection ended: {error}");
        }
    }

    async fn converse(self, stream: TcpStream, address: SocketAddr) -> Result<(), AnyError> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return self.http(stream, PeerInfo { address, caller: None }).await;
        };
        let stream = timeout(HANDSHAKE_MAX, shake_hands(tls, stream)).await??;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let caller = shown.map(|leaf| peer::subject(leaf)).transpose()?.and_then(|subject| subject.caller());
        let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        // So that the first word is the head's, which callers wait for.
        let http = if speaks_http2 { self.http.clone().http2_only() } else { self.http.clone() };
        Port { http, ..self }.http(stream, PeerInfo { address, caller }).await
    }

    async fn http<S>(self, stream: S, peer: PeerInfo) -> Result<(), AnyError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Port { app, http, mut stopped, .. } = self;
        let service = tower::service_fn(move |request| answer(app.clone(), peer.clone(), request));
        let io = TokioIo::new(Greeting::new(stream, HEADER_READ_MAX));
        let mut connection = std::pin::pin!(http.serve_connection(io, TowerToHyperService::new(service)));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

async fn shake_hands(tls: &ServerTls, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    match TlsAcceptor::from(tls.get()).accept(stream).into_fallible().await {
        Ok(stream) => Ok(stream),
        Err((error, stream)) => {
            let _ = timeout(PARTING_MAX, part(stream)).await;
            Err(error)
        }
    }
}

/// Closing while there is something left to read would take back the alert that says why.
async fn part(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(HEADER_BYTES_MAX as u64), &mut tokio::io::sink()).await?;
    Ok(())
}

async fn answer<B>(app: Router, peer: PeerInfo, mut request: Request<B>) -> Result<Response, Infallible>
where
    B: HttpBody<Data = axum::body::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    request.extensions_mut().insert(peer);
    app.oneshot(request.map(Body::new)).await
}

fn http() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ_MAX).max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX as u32);
    builder
}

/// Whether the peer left before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A panic while answering is our bug, and ends one connection.
fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("answering a request broke: {error}");
    }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
