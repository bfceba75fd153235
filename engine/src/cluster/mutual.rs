//! TLS between workers, who are equals: each shows a worker's certificate, and wants to see one. Such certificates name no
//! hosts and are made for callers; whoever accepts is looked at as a caller is: signed by the cluster's authority, for a worker.

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::identity::{Identity, provider};
use super::peer;
use super::subject::Subject;
use crate::failure::{Failure, Result};

/// What is spoken between workers, by ALPN: neither end takes the other for a head.
const MESH: &[u8] = b"sensei-mesh";
/// The name that is asked for; certificates of workers have none, and nobody looks at it.
const NAME: &str = "worker.invalid";

/// TLS of a worker, for both directions. Read once: it is used within moments.
#[derive(Clone)]
pub struct MutualTls {
    accepting: Arc<ServerConfig>,
    connecting: Arc<ClientConfig>,
}

impl MutualTls {
    /// Reads the files of `identity`, which must have a worker's certificate.
    ///
    /// # Errors
    /// `Usage`, naming the file, if one cannot be read or used.
    pub fn of(identity: &Identity) -> Result<MutualTls> {
        let own = identity.own.as_ref().ok_or_else(|| {
            let what = "workers that meet show each other certificates, and this one has none";
            Failure::usage(what, "Issue one with `sensei certs issue` and name its files.")
        })?;
        let setup = |error: String| Failure::internal("setting TLS up", error);
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(identity.roots()?), provider());
        let verifier = verifier.build().map_err(|error| setup(error.to_string()))?;
        let (chain, key) = own.read()?;
        let mut accepting = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| setup(error.to_string()))?
            .with_client_cert_verifier(verifier.clone())
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|error| own.unusable(&error))?;
        accepting.alpn_protocols = vec![MESH.to_vec()];
        accepting.session_storage = Arc::new(NoServerSessionStorage {});
        accepting.send_tls13_tickets = 0;
        let mut connecting = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| setup(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AsCaller(verifier)))
            .with_client_auth_cert(chain, key)
            .map_err(|error| own.unusable(&error))?;
        connecting.alpn_protocols = vec![MESH.to_vec()];
        connecting.resumption = Resumption::disabled();
        Ok(MutualTls { accepting: Arc::new(accepting), connecting: Arc::new(connecting) })
    }

    /// Shakes hands with whoever connected; gives the name in its certificate too.
    ///
    /// # Errors
    /// If it is no worker of the cluster.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, String)> {
        let stream = TlsAcceptor::from(self.accepting.clone()).accept(stream).await?;
        let name = worker_of(stream.get_ref().1.peer_certificates())?;
        Ok((stream.into(), name))
    }

    /// Shakes hands with whom was connected to; gives the name in its certificate too.
    ///
    /// # Errors
    /// If it is no worker of the cluster.
    pub async fn connect(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, String)> {
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.connecting.clone()).connect(name, stream).await?;
        let name = worker_of(stream.get_ref().1.peer_certificates())?;
        Ok((stream.into(), name))
    }
}

fn worker_of(shown: Option<&[CertificateDer<'_>]>) -> io::Result<String> {
    let refused = |why: String| io::Error::new(io::ErrorKind::PermissionDenied, why);
    let leaf = shown.and_then(|chain| chain.first()).ok_or_else(|| refused("it shows no certificate".to_owned()))?;
    match peer::subject(leaf).map_err(|stranger| refused(stranger.to_string()))? {
        Subject::Worker { name, .. } => Ok(name),
        other => {
            Err(refused(format!("its certificate is for {} \"{}\", not for a worker", other.kind(), other.name())))
        }
    }
}

/// Verifies whoever accepts as a head verifies its callers.
#[derive(Debug)]
struct AsCaller(Arc<dyn ClientCertVerifier>);

impl ServerCertVerifier for AsCaller {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.verify_client_cert(leaf, chain, now).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
