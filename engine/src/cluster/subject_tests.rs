//! Tests of names, roles and classes in certificates.

use proptest::prelude::*;

use super::*;

fn subjects() -> impl Strategy<Value = Subject> {
    let name = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}";
    let some = proptest::sample::subsequence(vec![Class::Scout, Class::Mover, Class::Validator], 1..=3).prop_shuffle();
    let role = proptest::sample::select(vec![Role::Viewer, Role::Operator, Role::Admin]);
    (name, some, role, 0..3).prop_map(|(name, classes, role, kind)| match kind {
        0 => Subject::Head { name },
        1 => Subject::Worker { name, classes },
        _ => Subject::Client { name, role },
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(subject in subjects()) {
        prop_assert_eq!(subject.check(), Ok(()));
        prop_assert_eq!(Subject::parse(&subject.to_string()), Ok(subject));
    }

    #[test]
    fn what_is_read_is_written_alike(uri in "sensei:(head|worker|client)/[a-z,?=&%/ ]{0,30}") {
        if let Ok(subject) = Subject::parse(&uri) {
            prop_assert_eq!(subject.to_string(), uri);
        }
    }

    #[test]
    fn anything_is_read_without_panic(uri in ".{0,60}") {
        let _ = Subject::parse(&uri);
    }
}

#[test]
fn what_is_not_exactly_a_subject_is_refused() {
    for uri in [
        "",
        "sensei:",
        "sensei:head",
        "sensei:head/",
        "sensei:head/a?",
        "sensei:head/a?role=admin",
        "sensei:head/a/b",
        "sensei:head/..",
        "sensei:root/a",
        "sensei:worker/a",
        "sensei:worker/a?classes=",
        "sensei:worker/a?classes=mover,",
        "sensei:worker/a?classes=mover,mover",
        "sensei:worker/a?classes=mover&classes=scout",
        "sensei:worker/a?classes=Mover",
        "sensei:worker/a?role=admin",
        "sensei:client/a?role=root",
        "sensei:client/a?role=admin#x",
        "sensei:client/a b?role=admin",
        "sensei:client/%61?role=admin",
        "SENSEI:head/a",
        "http:head/a",
    ] {
        assert!(Subject::parse(uri).is_err(), "{uri}");
    }
    assert!(check_name(&"a".repeat(64)).is_err());
}
