//! From a certificate that was verified to whom it is for. Trusts what the certificate says, since only our own authority
//! signs such certificates.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::private::read_public;
use super::subject::{SCHEME, Subject};
use crate::failure::{Failure, Result};

/// Why a certificate does not say whom it is for.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Stranger {
    /// Not a certificate, or one that cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// Issued for something else.
    #[error("the certificate names {0} Sensei subjects, and must name one")]
    Count(usize),
    /// Issued by another version, or by hand.
    #[error("the certificate is for \"{uri}\", which is nobody: {why}")]
    Unknown {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Whom the certificate, in DER, is for.
///
/// # Errors
/// Why it is for nobody: exactly one URI must name a subject, in the one way it is written.
pub fn subject(certificate: &[u8]) -> std::result::Result<Subject, Stranger> {
    let certificate = Certificate::from_der(certificate).map_err(unreadable)?;
    let found = certificate.tbs_certificate.get::<SubjectAltName>().map_err(unreadable)?;
    let names = found.map_or_else(Vec::new, |(_, names)| names.0);
    let uris: Vec<&str> = names.iter().filter_map(ours).collect();
    match uris.as_slice() {
        [uri] => Subject::parse(uri).map_err(|why| Stranger::Unknown { uri: uri.escape_default().to_string(), why }),
        other => Err(Stranger::Count(other.len())),
    }
}

/// The name of whom the certificate in a PEM file is for.
///
/// # Errors
/// `Usage` if the file cannot be read or is for nobody.
pub fn name_in(path: &Path) -> Result<String> {
    Ok(subject_in(path)?.name().to_owned())
}

/// Makes sure that the certificate in a PEM file is for a head: nobody would connect to another.
///
/// # Errors
/// `Usage` if it is not.
pub fn must_be_heads(path: &Path) -> Result<()> {
    match subject_in(path)? {
        Subject::Head { .. } => Ok(()),
        other => Err(unusable(path, &format!("it is for {} \"{}\", not for a head", other.kind(), other.name()))),
    }
}

fn subject_in(path: &Path) -> Result<Subject> {
    let pem = read_public(path, "certificate")?;
    let der = CertificateDer::from_pem_slice(&pem).map_err(|error| unusable(path, &error.to_string()))?;
    subject(&der).map_err(|stranger| unusable(path, &stranger.to_string()))
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::usage(
        format!("certificate file \"{}\" cannot be used: {why}", path.display()),
        "Name one that `sensei certs issue` wrote for this purpose.",
    )
}

/// A scheme is the same in any case, so that no second subject hides in capitals.
fn ours(name: &GeneralName) -> Option<&str> {
    let GeneralName::UniformResourceIdentifier(uri) = name else { return None };
    let uri = uri.as_str();
    uri.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME)).map(|_| uri)
}

fn unreadable(error: x509_cert::der::Error) -> Stranger {
    Stranger::Unreadable(error.to_string())
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
