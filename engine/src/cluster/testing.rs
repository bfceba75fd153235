//! A cluster's certificates and a port with a REST route and a gRPC service, for tests.
#![allow(missing_docs, reason = "for tests")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::routing::get;
use axum::{Extension, Router};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tonic::{Request, Response, Status};

use super::address::HeadAddress;
use super::caller::{Class, Role};
use super::identity::{ClientCertificates, ClientTls, Identity, ServerTls};
use super::listen::{PeerInfo, serve};
use super::pki::{self, Issued};
use super::subject::Subject;
use crate::failure::Result;

pub(super) use crate::proto as wire;

use wire::workers_client::WorkersClient;
use wire::workers_server::{Workers, WorkersServer};
use wire::{BeatReply, BeatRequest, Order};

pub const DAY: Duration = Duration::from_secs(86_400);

#[allow(clippy::disallowed_methods, reason = "TLS compares certificates with the real time")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

pub fn head() -> Subject {
    Subject::Head { name: "main".to_owned() }
}

pub fn worker() -> Subject {
    Subject::Worker { name: "w1".to_owned(), classes: vec![Class::Mover, Class::Validator] }
}

pub fn operator() -> Subject {
    Subject::Client { name: "ann".to_owned(), role: Role::Operator }
}

/// An authority in a folder of its own.
pub struct Pki(TempDir);

impl Pki {
    pub fn new() -> Pki {
        let folder = tempfile::tempdir().unwrap();
        pki::init(folder.path(), "test", 400, now() - 100 * DAY).unwrap();
        Pki(folder)
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Issued for 30 days from `at`.
    pub fn write(&self, subject: &Subject, hosts: &[&str], at: SystemTime) -> Result<Issued> {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let request = pki::Request { subject: subject.clone(), hosts, days: 30, renew: true };
        pki::issue(self.folder(), &request, at)
    }

    pub fn identity(&self, subject: &Subject) -> Identity {
        let hosts: &[&str] = if subject.kind() == "head" { &["localhost", "127.0.0.1"] } else { &[] };
        self.write(subject, hosts, now()).unwrap();
        Identity::in_folder(self.folder(), &format!("{}-{}", subject.kind(), subject.name()))
    }

    /// An identity signed by the authority for what `params` say, whatever that is.
    pub fn by_hand(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Identity {
        let key = KeyPair::from_pem(&fs::read_to_string(self.folder().join(pki::AUTHORITY_KEY)).unwrap()).unwrap();
        let mut authority = CertificateParams::default();
        authority.distinguished_name = DistinguishedName::new();
        authority.distinguished_name.push(DnType::CommonName, "test");
        let leaf = KeyPair::generate().unwrap();
        params.extended_key_usages = vec![usage];
        let pem = params.signed_by(&leaf, &Issuer::new(authority, key)).unwrap().pem();
        let identity = self.identity(&worker());
        let own = identity.own.clone().unwrap();
        fs::write(own.certificate, pem).unwrap();
        fs::write(own.key, leaf.serialize_pem()).unwrap();
        identity
    }

    pub fn server(&self, clients: ClientCertificates) -> ServerTls {
        self.identity(&head()).server(clients).unwrap()
    }

    pub fn client(&self, subject: &Subject) -> ClientTls {
        self.identity(subject).client().unwrap()
    }

    /// TLS of a client without a certificate.
    pub fn nobody(&self) -> ClientTls {
        Identity { ca: self.folder().join(pki::AUTHORITY), own: None }.client().unwrap()
    }
}

/// A port that is served.
pub struct Running {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

pub async fn start(tls: Option<ServerTls>, app: Router) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let until = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve(listener, tls.map(Arc::new), app, until));
    Running { address, stop, task }
}

impl Running {
    /// Returns once everything is drained.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub fn head(&self, scheme: &str) -> HeadAddress {
        HeadAddress::parse(&format!("{scheme}://127.0.0.1:{}", self.address.port()), false).unwrap()
    }

    /// What `GET /who` over HTTP/1.1 with TLS answers.
    pub async fn who(&self, tls: &ClientTls) -> std::io::Result<String> {
        let mut stream = self.tls(tls, "localhost").await?;
        get_text(&mut stream, "/who").await
    }

    pub async fn tls(
        &self,
        tls: &ClientTls,
        host: &str,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut config = (*tls.get()).clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = rustls_pki_types::ServerName::try_from(host.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.tcp().await).await
    }
}

/// The whole answer to one request, after which the connection ends.
pub async fn get_text(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> std::io::Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// `/who` and `Workers.Beat` say who calls; `/slow` takes a moment, `/stuck` has no end.
pub fn app() -> Router {
    let rest = Router::new()
        .route("/who", get(|Extension(peer): Extension<PeerInfo>| async move { who(&peer) }))
        .route("/stuck", get(std::future::pending::<String>))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "done"
            }),
        );
    with_beat(rest, |peer| Ok(who(&peer)))
}

/// `rest`, and a `Workers.Beat` that answers with one order, whose plan is the text.
pub fn with_beat(rest: Router, answer: fn(PeerInfo) -> Result<String, Status>) -> Router {
    rest.merge(tonic::service::Routes::new(WorkersServer::new(Beats(answer))).into_axum_router())
}

fn who(peer: &PeerInfo) -> String {
    peer.caller.as_ref().map_or_else(|| "nobody".to_owned(), |caller| format!("{} {:?}", caller.name, caller.access))
}

struct Beats(fn(PeerInfo) -> Result<String, Status>);

#[tonic::async_trait]
impl Workers for Beats {
    async fn beat(&self, request: Request<BeatRequest>) -> Result<Response<BeatReply>, Status> {
        let peer = request.extensions().get::<PeerInfo>().unwrap().clone();
        let token = request.metadata().get("authorization").map_or("", |value| value.to_str().unwrap());
        let plan = format!("{}{token}", (self.0)(peer)?);
        let orders = vec![Order { plan, ..Order::default() }];
        Ok(Response::new(BeatReply { orders, ..BeatReply::default() }))
    }
}

/// What `Workers.Beat` answers.
pub async fn beat(channel: super::channel::HeadChannel) -> Result<String, Status> {
    let reply = WorkersClient::new(channel).beat(BeatRequest::default()).await?;
    Ok(reply.into_inner().orders[0].plan.clone())
}
