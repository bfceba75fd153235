//! Tests of TLS from files, with real certificates on real sockets.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::testing::{Pki, head, worker};
use super::*;

fn refused(identity: Identity, expected: &str) {
    let failure = identity.server(ClientCertificates::Required).unwrap_err();
    assert!(failure.to_string().contains(expected), "{failure}");
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let pki = Pki::new();
    let identity = pki.identity(&head());
    let key = identity.own.clone().unwrap().key;
    for mode in [0o644, 0o604, 0o660, 0o620, 0o602] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        refused(identity.clone(), &format!("can be read or changed by others (mode {mode:04o})"));
        assert!(identity.clone().client().is_err());
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    identity.server(ClientCertificates::Required).unwrap();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let pki = Pki::new();
    let (mut identity, other) = (pki.identity(&head()), pki.identity(&worker()));
    let mut mixed = identity.clone();
    mixed.own.as_mut().unwrap().key = other.own.unwrap().key;
    refused(mixed, "cannot be used together");

    let mut absent = identity.clone();
    absent.own.as_mut().unwrap().key = pki.folder().join("nothing.pem");
    refused(absent, "nothing.pem\" cannot be read");

    let empty = pki.folder().join("empty.pem");
    fs::write(&empty, "no certificate").unwrap();
    identity.ca = empty.clone();
    refused(identity.clone(), "there is no certificate in it");

    fs::write(&empty, vec![b'x'; 300 << 10]).unwrap();
    refused(identity.clone(), "has more than 262144 bytes");

    identity.own = None;
    refused(Identity { ca: pki.folder().join(AUTHORITY), ..identity }, "a head needs a certificate");
}
