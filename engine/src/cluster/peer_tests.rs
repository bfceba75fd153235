//! Tests of reading whom a certificate is for.

use rcgen::string::Ia5String;
use rcgen::{CertificateParams, KeyPair, SanType};

use super::*;

fn certificate(uris: &[&str]) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["host.example".to_owned()]).unwrap();
    let uris = uris.iter().map(|uri| SanType::URI(Ia5String::try_from(*uri).unwrap()));
    params.subject_alt_names.extend(uris);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn the_one_subject_is_found_among_other_names() {
    let found = subject(&certificate(&["spiffe://x/y", "sensei:head/main"])).unwrap();
    assert_eq!(found, Subject::Head { name: "main".to_owned() });
    assert_eq!(found.caller(), None);
}

#[test]
fn none_two_and_unknown_subjects_are_refused() {
    assert_eq!(subject(&certificate(&[])), Err(Stranger::Count(0)));
    assert_eq!(subject(&certificate(&["sensei:head/a", "sensei:head/a"])), Err(Stranger::Count(2)));
    assert_eq!(subject(&certificate(&["sensei:head/a", "SENSEI:client/b?role=admin"])), Err(Stranger::Count(2)));
    for uri in ["sensei:boss/a", "sensei:worker/a?classes=boss", "sensei:client/a?role=boss", "Sensei:head/a"] {
        assert!(matches!(subject(&certificate(&[uri])), Err(Stranger::Unknown { .. })), "{uri}");
    }
}

#[test]
fn broken_certificates_are_refused() {
    let whole = certificate(&["sensei:head/a"]);
    for length in 0..whole.len() {
        assert!(matches!(subject(&whole[..length]), Err(Stranger::Unreadable(_))), "{length}");
    }
    for index in 0..whole.len() {
        let mut changed = whole.clone();
        changed[index] ^= 0x55;
        let _ = subject(&changed);
    }
}
