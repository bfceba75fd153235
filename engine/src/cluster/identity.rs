//! TLS of a process: whom it trusts, and what it shows of itself. TLS 1.3 alone, by ring; nobody is trusted whom the
//! cluster's own authority did not sign.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::pki::AUTHORITY;
use super::private::{read_private, read_public};
use super::reload::Reloading;
use crate::failure::{Failure, Result};

/// HTTP/2 by ALPN: what gRPC speaks.
pub(super) const HTTP2: &[u8] = b"h2";
/// HTTP/1.1 by ALPN: what scripts speak.
const HTTP1: &[u8] = b"http/1.1";

/// TLS of the head, following its files.
pub type ServerTls = Reloading<ServerConfig>;
/// TLS of who calls the head, following its files.
pub type ClientTls = Reloading<ClientConfig>;

/// Files that say who a process is and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The authority's certificate, PEM.
    pub ca: PathBuf,
    /// What the process shows; `None` for a client that has a token instead.
    pub own: Option<Own>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The certificate, PEM; with those between it and the authority behind it, if any.
    pub certificate: PathBuf,
    /// Its private key, PEM; only its owner may read it.
    pub key: PathBuf,
}

/// Whether those who connect must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// All must.
    Required,
    /// They may have a token instead. A wrong certificate is refused all the same.
    Optional,
}

impl Identity {
    /// Files as `sensei certs` names them: `stem` is such as `head-main`.
    pub fn in_folder(folder: &Path, stem: &str) -> Identity {
        let certificate = folder.join(format!("{stem}.pem"));
        let key = folder.join(format!("{stem}-key.pem"));
        Identity { ca: folder.join(AUTHORITY), own: Some(Own { certificate, key }) }
    }

    /// TLS for a port.
    ///
    /// # Errors
    /// `Usage`, naming the file, if one cannot be read or used, or others may read the key.
    pub fn server(self, clients: ClientCertificates) -> Result<ServerTls> {
        Reloading::new(self.files(), move || self.server_config(clients))
    }

    /// TLS for calling a head.
    ///
    /// # Errors
    /// As [`Identity::server`].
    pub fn client(self) -> Result<ClientTls> {
        Reloading::new(self.files(), move || self.client_config())
    }

    fn files(&self) -> Vec<PathBuf> {
        let own = self.own.iter().flat_map(|own| [own.certificate.clone(), own.key.clone()]);
        std::iter::once(self.ca.clone()).chain(own).collect()
    }

    fn server_config(&self, clients: ClientCertificates) -> Result<ServerConfig> {
        let own = self.own.as_ref().ok_or_else(|| {
            Failure::usage("a head needs a certificate", "Issue one with `sensei certs issue` and name its files.")
        })?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()?), provider());
        let verifier = match clients {
            ClientCertificates::Required => verifier,
            ClientCertificates::Optional => verifier.allow_unauthenticated(),
        };
        let verifier = verifier.build().map_err(|error| Failure::internal("setting TLS up", error))?;
        let (chain, key) = own.read()?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| Failure::internal("setting TLS up", error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| own.unusable(&error))?;
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        // A resumed session would let in whoever was let in before, whatever has changed since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn client_config(&self) -> Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| Failure::internal("setting TLS up", error))?
            .with_root_certificates(self.roots()?);
        let mut config = match &self.own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let (chain, key) = own.read()?;
                builder.with_client_auth_cert(chain, key).map_err(|error| own.unusable(&error))?
            }
        };
        config.alpn_protocols = vec![HTTP2.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    pub(super) fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            roots.add(certificate).map_err(|error| broken(&self.ca, error))?;
        }
        Ok(roots)
    }
}

impl Own {
    pub(super) fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let pem = read_private(&self.key, "private key")?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| broken(&self.key, error))?;
        Ok((certificates(&self.certificate)?, key))
    }

    pub(super) fn unusable(&self, error: &rustls::Error) -> Failure {
        Failure::usage(
            format!(
                "certificate \"{}\" and private key \"{}\" cannot be used together: {error}",
                self.certificate.display(),
                self.key.display()
            ),
            "Name the two files that `sensei certs issue` wrote together.",
        )
    }
}

/// At least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = read_public(path, "certificate")?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match read.map_err(|error| broken(path, error))? {
        none if none.is_empty() => Err(broken(path, "there is no certificate in it")),
        some => Ok(some),
    }
}

fn broken(path: &Path, why: impl ToString) -> Failure {
    Failure::usage(
        format!("\"{}\" cannot be used: {}", path.display(), why.to_string()),
        "Give PEM files as `sensei certs` writes them.",
    )
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
