//! A client that sends whatever it is told to, over real sockets, and the server it sends it to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::{Extension, Router};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::memory::Memory;
use super::router;
use crate::cluster::caller::Caller;
use crate::cluster::listen::PeerInfo;
use crate::cluster::token::Token;

/// The token of that name, whether it holds or not.
pub(super) fn token(name: &str) -> String {
    Token::new(Sha256::digest(name).into()).expose().to_owned()
}

/// The router, as it looks to a peer at `address` whose certificate is `caller`'s.
pub(super) fn seen_from(api: Arc<Memory>, address: IpAddr, caller: Option<Caller>) -> Router {
    let address = SocketAddr::new(address, 40_000);
    router(api).layer(Extension(PeerInfo { address, caller }))
}

/// A head in memory behind a real socket.
pub(super) struct Server {
    pub(super) head: Arc<Memory>,
    pub(super) address: SocketAddr,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Server {
    /// One whose clients come from this machine, without certificates.
    pub(super) async fn start() -> Server {
        Server::seen_from(Ipv4Addr::LOCALHOST.into(), None).await
    }

    /// One whose clients come from `address`, as `caller`.
    pub(super) async fn seen_from(peer: IpAddr, caller: Option<Caller>) -> Server {
        let head = Memory::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = seen_from(head.clone(), peer, caller);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { head, address }
    }

    /// Sends `request` as it is and reads until the other side closes; `None` if it closes without a word.
    pub(super) async fn raw(&self, request: &[u8]) -> Option<Answer> {
        read(self.write(request).await).await
    }

    /// The same, and says after `request` that nothing more comes.
    pub(super) async fn cut_off(&self, request: &[u8]) -> Option<Answer> {
        let mut stream = self.write(request).await;
        let _ = stream.shutdown().await;
        read(stream).await
    }

    async fn write(&self, request: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The head may answer and close before it has read everything; its answer counts, not the failed write.
        let _ = stream.write_all(request).await;
        stream
    }

    /// Asks with the token called `name`, or what stands after its slash, and a body of a media type where there is one.
    pub(super) async fn ask(&self, method: &str, path: &str, name: &str, body: Option<(&str, &str)>) -> Answer {
        let (kind, body) = body.unwrap_or(("", ""));
        let kind = if kind.is_empty() { String::new() } else { format!("content-type: {kind}\r\n") };
        let token = name.strip_prefix('/').map_or_else(|| token(name), str::to_owned);
        let token = if name.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: head\r\nconnection: close\r\ncontent-length: {length}\r\n");
        self.raw(format!("{head}{kind}{token}\r\n{body}").as_bytes()).await.expect("an answer")
    }

    /// Asks without a body.
    pub(super) async fn get(&self, path: &str, name: &str) -> Answer {
        self.ask("GET", path, name, None).await
    }

    /// Submits a plan as it is.
    pub(super) async fn submit(&self, id: &str, plan: &str) -> Answer {
        let path = format!("/v1/jobs?id={id}");
        self.ask("POST", &path, "operate", Some(("application/yaml", plan))).await
    }
}

impl Answer {
    /// The body, which is JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the error that the body is.
    pub(super) fn code(&self) -> String {
        let error = &self.json()["error"];
        assert!(!error["message"].as_str().unwrap().is_empty() && !error["hint"].as_str().unwrap().is_empty());
        error["code"].as_str().unwrap().to_owned()
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

async fn read(mut stream: TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
