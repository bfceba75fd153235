//! Certificates of our own: one authority per cluster, in a folder, and what it issues. Who a certificate is for is in
//! it ([`Subject`]), so that nothing else must be configured.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use rustls_pki_types::DnsName;
use x509_cert::Certificate;
use x509_cert::der::asn1::Utf8StringRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{DecodePem, Encode};

use super::private::{create, read_private, read_public, replace, unwritable};
use super::subject::{Subject, check_name};
use crate::failure::{Failure, Result};

/// File of the authority's certificate; every process of the cluster needs a copy.
pub const AUTHORITY: &str = "ca.pem";
/// File of the authority's key; whoever has it can let in anybody.
pub const AUTHORITY_KEY: &str = "ca-key.pem";
/// Days that a certificate is good for at most: about twenty years.
pub const DAYS_MAX: u32 = 7300;
/// Names and addresses of one head at most.
pub const HOSTS_MAX: usize = 64;

/// Certificates are good from a little before now, since other machines' clocks may be behind.
const CLOCK_SKEW: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const FOLDER_MODE: u32 = 0o700;
const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const NAME_HINT: &str = "Take letters, digits, '-', '_' and '.', beginning with a letter or digit, 63 at most.";

/// A certificate and its key, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM; only the owner may read it.
    pub key: PathBuf,
}

/// What to issue.
#[derive(Clone, Debug)]
pub struct Request {
    /// For whom.
    pub subject: Subject,
    /// DNS names and IP addresses under which a head is reached; only heads have any.
    pub hosts: Vec<String>,
    /// How long it is good for, from now.
    pub days: u32,
    /// Whether to replace the one that is there.
    pub renew: bool,
}

/// Makes an authority in `folder`, which is created if need be, good for `days` from `now`.
///
/// # Errors
/// `Usage` if the folder has one already, the name or the days are not allowed, or nothing can be written.
pub fn init(folder: &Path, name: &str, days: u32, now: SystemTime) -> Result<Issued> {
    check_name(name).map_err(|why| Failure::usage(why, NAME_HINT))?;
    let mut params = params(name, now, check_days(days)?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = new_key()?;
    let certificate = params.self_signed(&key).map_err(unsigned)?;
    create_folder(folder)?;
    let issued = Issued { certificate: folder.join(AUTHORITY), key: folder.join(AUTHORITY_KEY) };
    write_new(&issued, &certificate.pem(), &key)?;
    Ok(issued)
}

/// Issues a certificate from the authority in `folder`, good from `now`, into `{kind}-{name}.pem` and
/// `{kind}-{name}-key.pem` beside it.
///
/// # Errors
/// `Usage` if there is no authority, the request is not allowed, it would outlive the authority, or the files exist and
/// `renew` is not set.
pub fn issue(folder: &Path, request: &Request, now: SystemTime) -> Result<Issued> {
    let subject = &request.subject;
    subject.check().map_err(|why| Failure::usage(why, NAME_HINT))?;
    let lifetime = check_days(request.days)?;
    let authority = Authority::read(folder)?;
    authority.check_outlives(now + lifetime)?;
    let mut params = params(subject.name(), now, lifetime);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = usages(subject);
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = alternative_names(request)?;
    let key = new_key()?;
    let certificate = params.signed_by(&key, &authority.issuer).map_err(unsigned)?;
    let stem = format!("{}-{}", subject.kind(), subject.name());
    let issued =
        Issued { certificate: folder.join(format!("{stem}.pem")), key: folder.join(format!("{stem}-key.pem")) };
    if request.renew {
        replace(&issued.key, KEY_MODE, key.serialize_pem().as_bytes())?;
        replace(&issued.certificate, CERTIFICATE_MODE, certificate.pem().as_bytes())?;
    } else {
        write_new(&issued, &certificate.pem(), &key)?;
    }
    Ok(issued)
}

/// Who signs, and until when.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    fn read(folder: &Path) -> Result<Authority> {
        let path = folder.join(AUTHORITY);
        if !path.exists() {
            return Err(Failure::usage(
                format!("there is no certificate authority in \"{}\"", folder.display()),
                "Make one with `sensei certs init FOLDER`, or name the folder that has it.",
            ));
        }
        let pem = read_public(&path, "certificate")?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| unusable(&path, error))?;
        let key_path = folder.join(AUTHORITY_KEY);
        let key_pem = read_private(&key_path, "private key")?;
        let key_pem = String::from_utf8(key_pem).map_err(|_| unusable(&key_path, "it is not text"))?;
        let key = KeyPair::from_pem(&key_pem).map_err(|error| unusable(&key_path, error))?;
        let public = certificate.tbs_certificate.subject_public_key_info.to_der();
        if public.ok() != Some(key.subject_public_key_info()) {
            return Err(unusable(&key_path, format!("it is not the key of \"{AUTHORITY}\" beside it")));
        }
        let name =
            common_name(&certificate).ok_or_else(|| unusable(&path, "it was not made by `sensei certs init`"))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished(&name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Authority { issuer: Issuer::new(params, key), certificate })
    }

    /// TLS does not look at how long a trusted authority is good for, so what it issues must not outlive it.
    fn check_outlives(&self, until: SystemTime) -> Result<()> {
        let end = self.certificate.tbs_certificate.validity.not_after;
        if UNIX_EPOCH + end.to_unix_duration() >= until {
            return Ok(());
        }
        Err(Failure::usage(
            format!("the certificate authority ends on {end}, before what it should issue"),
            "Ask for fewer days, or make a new authority in another folder.",
        ))
    }
}

/// The one common name, if that is all the subject is.
fn common_name(certificate: &Certificate) -> Option<String> {
    let [names] = certificate.tbs_certificate.subject.0.as_slice() else { return None };
    let [name] = names.0.as_slice() else { return None };
    let text = name.value.decode_as::<Utf8StringRef<'_>>().ok()?;
    (name.oid == COMMON_NAME).then(|| text.as_str().to_owned())
}

fn params(name: &str, now: SystemTime, lifetime: Duration) -> CertificateParams {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(name);
    params.not_before = epoch + since_epoch.saturating_sub(CLOCK_SKEW);
    params.not_after = epoch + since_epoch + lifetime;
    params
}

fn distinguished(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Only heads serve, so that no worker can pass for one.
fn usages(subject: &Subject) -> Vec<ExtendedKeyUsagePurpose> {
    match subject {
        Subject::Head { .. } => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        Subject::Worker { .. } | Subject::Client { .. } => vec![ExtendedKeyUsagePurpose::ClientAuth],
    }
}

fn alternative_names(request: &Request) -> Result<Vec<SanType>> {
    let is_head = matches!(request.subject, Subject::Head { .. });
    if is_head == request.hosts.is_empty() || request.hosts.len() > HOSTS_MAX {
        return Err(Failure::usage(
            format!("{} hosts were given for a {}", request.hosts.len(), request.subject.kind()),
            format!("Give a head every DNS name and IP address it is reached by, 1 to {HOSTS_MAX}; others none."),
        ));
    }
    let uri = Ia5String::try_from(request.subject.to_string()).map_err(unsigned)?;
    let hosts = request.hosts.iter().map(|host| host_name(host));
    std::iter::once(Ok(SanType::URI(uri))).chain(hosts).collect()
}

fn host_name(host: &str) -> Result<SanType> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let name = DnsName::try_from(host).ok().and_then(|_| Ia5String::try_from(host).ok());
    name.map(SanType::DnsName).ok_or_else(|| {
        Failure::usage(
            format!("\"{}\" is neither a DNS name nor an IP address", host.escape_default()),
            "Give the host alone, such as head.example.org or 10.0.0.7, without scheme or port.",
        )
    })
}

fn check_days(days: u32) -> Result<Duration> {
    if (1..=DAYS_MAX).contains(&days) {
        return Ok(DAY * days);
    }
    Err(Failure::usage(format!("a certificate cannot be good for {days} days"), format!("Give 1 to {DAYS_MAX} days.")))
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| Failure::internal("making a key", error))
}

fn create_folder(folder: &Path) -> Result<()> {
    match DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(unwritable(folder, &error)),
    }
}

/// Writes both files, or neither.
fn write_new(issued: &Issued, certificate: &str, key: &KeyPair) -> Result<()> {
    create(&issued.key, KEY_MODE, key.serialize_pem().as_bytes())?;
    create(&issued.certificate, CERTIFICATE_MODE, certificate.as_bytes()).inspect_err(|_| {
        let _ = fs::remove_file(&issued.key);
    })
}

fn unsigned(error: rcgen::Error) -> Failure {
    Failure::internal("signing a certificate", error)
}

fn unusable(path: &Path, why: impl ToString) -> Failure {
    Failure::usage(
        format!("\"{}\" cannot be used: {}", path.display(), why.to_string()),
        "Restore the file as `sensei certs init` wrote it, or make a new authority in another folder.",
    )
}

#[cfg(test)]
#[path = "pki_tests.rs"]
mod tests;
