//! TLS to a server. Knows certificates, not SQL.

use mysql_async::{Error as ClientError, SslOpts};

use super::address::{Address, Security};
use crate::certificates::{trusted_here, trusted_in};
use crate::error::{Error, Result};

/// What TLS is to be like for `address`; `None` where none is spoken.
///
/// # Errors
/// `Missing` or `Invalid` if the trusted roots cannot be read.
pub(super) fn options(address: &Address) -> Result<Option<SslOpts>> {
    match address.security {
        Security::Disabled => Ok(None),
        // Whoever answers is accepted. The client wants some roots all the same, so it keeps those it brings.
        Security::Preferred | Security::Required => Ok(Some(SslOpts::default().with_danger_accept_invalid_certs(true))),
        Security::VerifyCa | Security::VerifyIdentity => {
            let (trusted, from) = match &address.root_certificates {
                Some(path) => (trusted_in(path)?, format!("file \"{}\"", path.display())),
                None => (trusted_here(), "the system's trusted certificates".to_owned()),
            };
            if trusted.is_empty() {
                return Err(Error::Invalid { what: from, why: "there is none".to_owned() });
            }
            let trusted = trusted.iter().map(|certificate| certificate.as_ref().to_vec().into()).collect();
            Ok(Some(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(trusted)))
        }
    }
}

/// What to try next for `VERIFY_CA` after `error`: the same checks with a name that the certificate does hold.
///
/// The client checks the name whenever it checks the chain, and checks the chain first: an error about the name says that
/// the chain is good, and lists the certificate's names. `None` for any other error, and for a certificate without names.
pub(super) fn under_its_own_name(ssl: &SslOpts, error: &ClientError) -> Option<SslOpts> {
    let name = presented(rejected(error)?)?;
    Some(ssl.clone().with_danger_tls_hostname_override(Some(name)))
}

/// Whether the server has no TLS to offer.
pub(super) fn is_not_offered(error: &ClientError) -> bool {
    matches!(error, ClientError::Driver(mysql_async::DriverError::NoClientSslFlagFromServer))
}

/// What rustls held against the server, if that is what `error` is about.
pub(super) fn rejected(error: &ClientError) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(found) = this.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error shows the source of what it wraps as its own, and so skips what it wraps.
        let inner = this.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = inner.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| this.source());
    }
    None
}

/// A name for which the certificate is good, out of a complaint that it is not good for another.
fn presented(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForNameContext { presented, .. }) = error
    else {
        return None;
    };
    let quoted = |name: &String| Some(name.split_once('"')?.1.rsplit_once('"')?.0.replace('*', "any"));
    presented.iter().find_map(quoted)
}
