//! The way to one head: TCP, TLS from files that may change, HTTP/2, and the token on every call.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::address::HeadAddress;
use super::identity::ClientTls;
use super::token::Token;
use crate::failure::{Failure, Result};

/// A head is reached within this, TLS included.
pub const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How often a silent head is asked whether it is there.
pub const PING_EVERY: Duration = Duration::from_secs(3);
/// How long it has to answer.
pub const PING_ANSWER_MAX: Duration = Duration::from_secs(3);

/// What generated clients take.
pub type HeadChannel = InterceptedService<Channel, Bearer>;

/// What every connection to a head of the cluster needs.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// TLS; `None` if no head is reached by it.
    pub tls: Option<Arc<ClientTls>>,
    /// Shown on every call.
    pub token: Option<Token>,
}

/// Puts the token on every call.
#[derive(Clone, Debug)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl Bearer {
    fn new(token: Option<&Token>) -> Bearer {
        Bearer(token.map(|token| {
            let text = format!("Bearer {}", token.expose());
            let mut value = MetadataValue::try_from(text).expect("a token is letters, digits, '-' and '_'");
            value.set_sensitive(true);
            value
        }))
    }
}

/// The way to the head at `address`. Connects at the first call, and again at the first call after it was lost.
///
/// # Errors
/// `Usage` if the address is one by TLS and there is nothing to trust.
pub fn channel(address: &HeadAddress, credentials: &Credentials) -> Result<HeadChannel> {
    let tls = match (&credentials.tls, address.is_secure) {
        (Some(tls), true) => Some(tls.clone()),
        (_, false) => None,
        (None, true) => {
            return Err(Failure::usage(
                format!("{address} is reached by TLS, and no certificate authority to trust is given"),
                "Name the cluster's ca.pem, as `sensei certs init` wrote it.",
            ));
        }
    };
    let endpoint = Endpoint::from_shared(address.to_string())
        .map_err(|error| Failure::internal("reading an address", error))?
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER_MAX)
        .keep_alive_while_idle(true);
    let address = address.clone();
    let connector = tower::service_fn(move |_: Uri| connect(address.clone(), tls.clone()));
    Ok(InterceptedService::new(
        endpoint.connect_with_connector_lazy(connector),
        Bearer::new(credentials.token.as_ref()),
    ))
}

/// What HTTP is spoken over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A head that no connection could be made to.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {address}: {why}")]
struct Unreached {
    address: HeadAddress,
    why: String,
}

async fn connect(address: HeadAddress, tls: Option<Arc<ClientTls>>) -> Result<TokioIo<Box<dyn Stream>>, Unreached> {
    let why = match timeout(CONNECT_MAX, open(&address, tls)).await {
        Ok(Ok(stream)) => return Ok(TokioIo::new(stream)),
        Ok(Err(error)) => explain(&error),
        Err(_) => format!("no answer within {} s", CONNECT_MAX.as_secs()),
    };
    Err(Unreached { address, why })
}

async fn open(address: &HeadAddress, tls: Option<Arc<ClientTls>>) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
    let mut stream = BufReader::new(TlsConnector::from(tls.get()).connect(name, stream).await?);
    // A head speaks first. In TLS 1.3 it refuses a certificate only after the handshake, which shows here; a request that is
    // under way by then would only learn that the connection is gone.
    stream.fill_buf().await?;
    Ok(Box::new(stream))
}

/// The commonest ways for TLS to fail, in words.
fn explain(error: &io::Error) -> String {
    use rustls::{CertificateError as Bad, Error as Tls};
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    match tls {
        Some(Tls::InvalidCertificate(bad)) => match bad {
            Bad::UnknownIssuer | Bad::BadSignature => {
                "its certificate is not from the authority that is trusted here (ca.pem)".to_owned()
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet; compare the clocks".to_owned()
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "its certificate is for other hosts; issue one that names this host".to_owned()
            }
            Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => {
                "its certificate is not that of a head".to_owned()
            }
            other => format!("its certificate is refused: {other}"),
        },
        Some(Tls::AlertReceived(alert)) => refusal(&format!("{alert:?}")),
        Some(Tls::InvalidMessage(_)) => {
            "it does not speak TLS; try http:// if it is meant to be in plain text".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Whether it is the connection that failed, so that the head may or may not have done what was asked. What a head answers
/// has no source; what becomes of a connection has.
pub fn is_lost(status: &Status) -> bool {
    status.source().is_some()
}

/// What went wrong with a call, in words for a person: what the head said, or what became of the connection.
pub fn said(status: &Status) -> String {
    let causes = || std::iter::successors(status.source(), |error: &&(dyn Error + 'static)| (**error).source());
    if let Some(unreached) = causes().find_map(|error| error.downcast_ref::<Unreached>()) {
        return unreached.to_string();
    }
    causes().last().map_or_else(|| status.message().to_owned(), |error| refusal(&error.to_string()))
}

/// In TLS 1.3 the head refuses a certificate after the connection stands, by an alert.
fn refusal(text: &str) -> String {
    let known = [
        ("CertificateRequired", "the head wants a certificate, and none was shown"),
        ("UnknownCA", "the head does not trust the authority of the certificate that was shown"),
        ("DecryptError", "the head does not trust the authority of the certificate that was shown"),
        (
            "frame with invalid size",
            "it does not speak HTTP/2 in plain text; try https:// if it is meant to be reached by TLS",
        ),
        ("CertificateExpired", "the certificate that was shown has expired"),
    ];
    let found = known.iter().find(|(alert, _)| text.contains(alert));
    found.map_or_else(|| format!("the connection to the head was lost: {text}"), |(_, words)| (*words).to_owned())
}
