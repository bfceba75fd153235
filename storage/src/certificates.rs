//! The authorities that vouch for servers: from a file, or as this machine trusts them. Speaks no TLS.

use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::error::{Error, Result};

/// The certificates in a PEM file, each fit to vouch for others.
///
/// # Errors
/// `Missing` or `Invalid`, naming the file.
pub(crate) fn trusted_in(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let what = || format!("file \"{}\"", path.display());
    let invalid = |why: String| Error::Invalid { what: what(), why };
    let text = std::fs::read(path).map_err(|error| Error::io(what(), error))?;
    let mut store = RootCertStore::empty();
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        store.add(certificate.clone()).map_err(|error| invalid(error.to_string()))?;
        certificates.push(certificate);
    }
    match certificates.is_empty() {
        true => Err(invalid("it holds no certificate".to_owned())),
        false => Ok(certificates),
    }
}

/// The certificates this machine trusts, without those that cannot be read.
pub(crate) fn trusted_here() -> Vec<CertificateDer<'static>> {
    let fits = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
    rustls_native_certs::load_native_certs().certs.into_iter().filter(fits).collect()
}
