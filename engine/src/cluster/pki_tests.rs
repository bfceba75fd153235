//! Tests of making certificates.

use std::os::unix::fs::PermissionsExt;

use super::super::caller::{Class, Role};
use super::super::peer;
use super::super::testing::{DAY, Pki, head, now, operator, worker};
use super::*;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn request(subject: Subject, hosts: &[&str]) -> Request {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    Request { subject, hosts, days: 30, renew: false }
}

#[test]
fn files_are_as_private_as_they_must_be() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("certs");
    let authority = init(&folder, "prod", 365, now()).unwrap();
    assert_eq!((mode(&folder), mode(&authority.certificate), mode(&authority.key)), (0o700, 0o644, 0o600));
    let issued = issue(&folder, &request(head(), &["head.example", "::1"]), now()).unwrap();
    assert_eq!(issued.certificate, folder.join("head-main.pem"));
    assert_eq!((mode(&issued.certificate), mode(&issued.key)), (0o644, 0o600));
}

#[test]
fn subjects_are_in_what_is_issued() {
    let pki = Pki::new();
    for (subject, hosts) in [(head(), &["a"][..]), (worker(), &[]), (operator(), &[])] {
        let issued = issue(pki.folder(), &request(subject.clone(), hosts), now()).unwrap();
        let der = CertificateDer::from_pem_slice(&fs::read(issued.certificate).unwrap()).unwrap();
        assert_eq!(peer::subject(&der), Ok(subject));
    }
}

#[test]
fn nothing_is_overwritten_unless_asked() {
    let pki = Pki::new();
    let before = fs::read(pki.folder().join(AUTHORITY)).unwrap();
    let failure = init(pki.folder(), "again", 10, now()).unwrap_err();
    assert!(failure.to_string().contains("exists already"), "{failure}");
    assert_eq!(fs::read(pki.folder().join(AUTHORITY)).unwrap(), before);

    let mut asked = request(worker(), &[]);
    let first = fs::read(issue(pki.folder(), &asked, now()).unwrap().certificate).unwrap();
    assert!(issue(pki.folder(), &asked, now()).unwrap_err().to_string().contains("exists already"));
    asked.renew = true;
    let issued = issue(pki.folder(), &asked, now()).unwrap();
    assert_ne!(fs::read(&issued.certificate).unwrap(), first);
    assert_eq!(mode(&issued.key), 0o600);
    let hidden = fs::read_dir(pki.folder())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0);
}

#[test]
fn half_an_authority_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(AUTHORITY), "something").unwrap();
    assert!(init(folder.path(), "x", 10, now()).is_err());
    assert!(!folder.path().join(AUTHORITY_KEY).exists());
}

#[test]
fn what_cannot_be_issued_is_said_in_words() {
    let pki = Pki::new();
    let name = |name: &str| Subject::Client { name: name.to_owned(), role: Role::Viewer };
    let classes = |classes: &[Class]| Subject::Worker { name: "w".to_owned(), classes: classes.to_vec() };
    let cases = [
        (request(name("../up"), &[]), "\"../up\" cannot be a name"),
        (request(name(""), &[]), "\"\" cannot be a name"),
        (request(classes(&[]), &[]), "a worker needs at least one class"),
        (request(classes(&[Class::Mover, Class::Mover]), &[]), "class mover is there twice"),
        (request(head(), &[]), "0 hosts were given for a head"),
        (request(worker(), &["a"]), "1 hosts were given for a worker"),
        (request(head(), &["https://a:1"]), "\"https://a:1\" is neither a DNS name nor an IP address"),
        (request(head(), &["*.example"]), "\"*.example\" is neither a DNS name nor an IP address"),
        (Request { days: 0, ..request(worker(), &[]) }, "a certificate cannot be good for 0 days"),
        (Request { days: 7301, ..request(worker(), &[]) }, "a certificate cannot be good for 7301 days"),
        (Request { days: 301, ..request(worker(), &[]) }, "the certificate authority ends on "),
    ];
    for (request, expected) in cases {
        let failure = issue(pki.folder(), &request, now()).unwrap_err();
        assert!(failure.to_string().starts_with(expected), "{failure}");
        assert!(!failure.hint().is_empty());
    }
}

#[test]
fn an_authority_that_is_not_ours_is_refused() {
    let (one, other) = (Pki::new(), Pki::new());
    let nothing = tempfile::tempdir().unwrap();
    let failure = issue(nothing.path(), &request(worker(), &[]), now()).unwrap_err();
    assert!(failure.to_string().starts_with("there is no certificate authority in"), "{failure}");

    fs::copy(other.folder().join(AUTHORITY_KEY), one.folder().join(AUTHORITY_KEY)).unwrap();
    let failure = issue(one.folder(), &request(worker(), &[]), now()).unwrap_err();
    assert!(failure.to_string().contains("it is not the key of"), "{failure}");

    fs::set_permissions(one.folder().join(AUTHORITY_KEY), fs::Permissions::from_mode(0o644)).unwrap();
    let failure = issue(one.folder(), &request(worker(), &[]), now()).unwrap_err();
    assert!(failure.to_string().contains("can be read or changed by others (mode 0644)"), "{failure}");

    fs::write(other.folder().join(AUTHORITY), "junk").unwrap();
    assert!(issue(other.folder(), &request(worker(), &[]), now()).is_err());
}

#[test]
fn the_first_moment_lies_a_little_back() {
    let pki = Pki::new();
    let at = now() + 3 * DAY;
    let issued = issue(pki.folder(), &request(worker(), &[]), at).unwrap();
    let certificate = Certificate::from_pem(fs::read(issued.certificate).unwrap()).unwrap();
    let validity = certificate.tbs_certificate.validity;
    let length = validity.not_after.to_unix_duration() - validity.not_before.to_unix_duration();
    assert_eq!(length, 30 * DAY + CLOCK_SKEW);
}
