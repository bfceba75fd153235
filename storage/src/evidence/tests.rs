//! Keys, envelopes, and a certificate changed in every way there is.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::statement::Statement;
use super::*;
use crate::catalog::System;
use crate::digest::Digest;
use crate::error::{Error, Kind};
use crate::verdict::{Verdict, VerifyMode};

/// The example key of RFC 8410, section 10.3.
const PRIVATE_PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

fn key() -> SigningKey {
    SigningKey::from_pem(PRIVATE_PEM, "test key").unwrap()
}

fn digest(rows: u8) -> Digest {
    let mut digest = Digest::ZERO;
    for row in 0..rows {
        digest += Digest::of_row([row + 1; 32]);
    }
    digest
}

fn table(name: &str, written: u8, rejected: u64) -> TableFacts {
    TableFacts {
        source: name.to_uppercase(),
        target: name.to_owned(),
        rows_filtered: 1,
        rows_read: u64::from(written) + rejected,
        rows_rejected: rejected,
        rows_written: u64::from(written),
        rows_verified: u64::from(written),
        expected: digest(written),
        actual: Some(digest(written)),
        verdict: Verdict::Equivalent,
        splits: 2,
    }
}

fn relation(orphans: u64) -> RelationFacts {
    let mut facts = RelationFacts {
        table: "orders".into(),
        columns: vec!["customer".into()],
        parent: "customers".into(),
        parent_columns: vec!["id".into()],
        declared: true,
        rows: 5,
        rows_unreferring: 1,
        parent_rows: 3,
        rows_unreadable: 0,
        orphans,
        accepted: false,
        verdict: Verdict::Equivalent,
    };
    facts.verdict = facts.concluded();
    facts
}

fn predicate(tables: Vec<TableFacts>) -> Predicate {
    let structural = Some(structure(&[]));
    let referential = vec![relation(0)];
    let perspectives = Perspectives::of(&tables, &referential, structural.as_ref());
    let verdict = perspectives.overall();
    let totals = Totals::of(&tables).unwrap();
    Predicate {
        job: "shop-1".into(),
        plan_name: "shop".into(),
        plan_sha256: "ab".repeat(32),
        engine_version: "0.1.0".into(),
        row_encoding: "row-v2".into(),
        digest_key: "cd".repeat(32),
        source: SourceFacts {
            system: System::Sqlite,
            description: "sqlite:shop.db".into(),
            snapshots: vec!["7".into()],
        },
        target: TargetFacts { system: System::Postgresql, description: "postgresql://localhost/shop".into() },
        started_at: "2025-01-01T00:00:00Z".into(),
        finished_at: "2025-01-01T00:01:00Z".into(),
        verdict,
        mode: VerifyMode::Full,
        totals,
        lossy_rules: vec![LossyRule { table: "A".into(), column: "c".into(), rule: "rounds".into(), rows_touched: 1 }],
        not_carried: vec!["view \"v\"".into()],
        rejects: Rejects { count: totals.rows_rejected, sha256: vec!["ef".repeat(32)] },
        resumes: 1,
        recopied_splits: 0,
        structural,
        limits: vec!["Only rows were compared.".into()],
        journal: JournalFacts { epochs: 3, head_sha256: "01".repeat(32) },
        perspectives,
        referential,
        tables,
        cuts: vec![],
    }
}

fn structure(missing: &[&str]) -> StructuralFacts {
    let difference =
        |object: &&str| StructuralDifference { object: (*object).to_owned(), what: "is missing".to_owned() };
    StructuralFacts {
        compared: StructuralCounts { tables: 3, columns: 7, primary_keys: 2, ..StructuralCounts::default() },
        differences: missing.iter().map(difference).collect(),
    }
}

fn shop() -> Predicate {
    predicate(vec![table("customers", 3, 1), table("orders", 5, 0), table("empty", 0, 0)])
}

fn statement_of(file: &[u8]) -> Value {
    let envelope: Value = serde_json::from_slice(file).unwrap();
    serde_json::from_slice(&BASE64.decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

fn with_payload(file: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut envelope: Value = serde_json::from_slice(file).unwrap();
    envelope["payload"] = json!(BASE64.encode(payload));
    serde_json::to_vec(&envelope).unwrap()
}

fn edited(edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let file = issue(shop(), &key()).unwrap();
    let mut statement = statement_of(&file);
    edit(&mut statement);
    with_payload(&file, &serde_json::to_vec(&statement).unwrap())
}

fn names(report: &Report) -> Vec<String> {
    report.altered.iter().map(|altered| altered.section.clone()).collect()
}

#[test]
fn a_whole_certificate_is_valid_and_trusted_only_by_key() {
    let file = issue(shop(), &key()).unwrap();
    let alone = verify(&file, None);
    assert!(alone.valid && !alone.trusted, "{alone:?}");
    assert_eq!(alone.signer, Some(key().public().id()));
    assert_eq!(alone.statement.unwrap().predicate, shop());
    let known = verify(&file, Some(&key().public()));
    assert!(known.valid && known.trusted, "{known:?}");
    assert_eq!(issue(shop(), &key()).unwrap(), file);
}

#[test]
fn another_key_is_named_and_not_trusted() {
    let file = issue(shop(), &key()).unwrap();
    let other = SigningKey::generate().unwrap();
    let report = verify(&file, Some(&other.public()));
    assert!(!report.valid && !report.trusted);
    assert_eq!(names(&report), ["publicKey"]);
    assert!(report.altered[0].to_string().contains(&key().public().id()));
}

/// Changes every leaf of the payload, one at a time, and expects its section and no other to be named.
#[test]
fn every_changed_leaf_names_its_section() {
    let file = issue(shop(), &key()).unwrap();
    let original = statement_of(&file);
    let pointers = leaves(&original, String::new());
    assert!(pointers.len() > 80, "{}", pointers.len());
    for pointer in pointers {
        let mut statement = original.clone();
        change(statement.pointer_mut(&pointer).unwrap());
        let section = section_of(&original, &pointer);
        for public_key in [None, Some(key().public())] {
            let report = verify(&with_payload(&file, &canonical(&statement)), public_key.as_ref());
            assert!(!report.valid && !report.trusted, "{pointer}");
            let named = names(&report);
            assert!(named.contains(&section), "{pointer}: {named:?}");
            let renamed = pointer.ends_with("/name") || pointer.ends_with("/target");
            assert_eq!(named.len(), if renamed { 2 } else { 1 }, "{pointer}: {named:?}");
        }
    }
}

fn leaves(value: &Value, at: String) -> Vec<String> {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().flat_map(|(key, member)| leaves(member, format!("{at}/{key}"))).collect()
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().flat_map(|(index, item)| leaves(item, format!("{at}/{index}"))).collect()
        }
        _ => vec![at],
    }
}

fn change(leaf: &mut Value) {
    *leaf = match &*leaf {
        Value::String(text) => json!(format!("{text}0")),
        Value::Number(number) => json!(number.as_u64().unwrap() + 1),
        Value::Bool(truth) => json!(!truth),
        _ => json!("something"),
    };
}

fn section_of(statement: &Value, pointer: &str) -> String {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts[..] {
        ["subject", index, ..] => {
            format!("subject/{}", statement["subject"][index.parse::<usize>().unwrap()]["name"].as_str().unwrap())
        }
        ["predicate", "tables", index, ..] => {
            let table = &statement["predicate"]["tables"][index.parse::<usize>().unwrap()];
            format!("tables/{}", table["target"].as_str().unwrap())
        }
        ["predicate", field, ..] => field.to_owned(),
        _ => parts[0].to_owned(),
    }
}

fn canonical(statement: &Value) -> Vec<u8> {
    crate::canonical_json(statement)
}

#[test]
fn removed_and_added_sections_are_named() {
    let report = verify(
        &edited(|statement| {
            statement["predicate"]["tables"].as_array_mut().unwrap().remove(0);
            statement["predicate"].as_object_mut().unwrap().remove("limits");
            statement["predicate"]["note"] = json!("all is well");
        }),
        None,
    );
    let said: Vec<String> = report.altered.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["note was added", "limits was removed", "tables/customers was removed"]);
    let doubled = edited(|statement| {
        let first = statement["predicate"]["tables"][0].clone();
        statement["predicate"]["tables"].as_array_mut().unwrap().push(first);
    });
    assert_eq!(verify(&doubled, None).altered, [Alteration { section: "tables/customers".into(), how: How::Added }]);
    let swapped = edited(|statement| statement["predicate"]["tables"].as_array_mut().unwrap().swap(0, 1));
    assert!(!verify(&swapped, None).valid);
    let fraction = edited(|statement| statement["predicate"]["resumes"] = json!(1.0));
    assert_eq!(names(&verify(&fraction, None)), ["resumes"]);
}

#[test]
fn damage_to_the_envelope_is_named() {
    let file = issue(shop(), &key()).unwrap();
    let check = |edit: &dyn Fn(&mut Value), section: &str| {
        let mut envelope: Value = serde_json::from_slice(&file).unwrap();
        edit(&mut envelope);
        for public_key in [None, Some(key().public())] {
            let report = verify(&serde_json::to_vec(&envelope).unwrap(), public_key.as_ref());
            assert!(!report.valid);
            assert!(names(&report).iter().any(|name| name.starts_with(section)), "{section}: {report:?}");
        }
    };
    check(&|envelope| envelope["payload"] = json!("not base64!"), "payload");
    check(&|envelope| envelope["payload"] = json!(BASE64.encode("{")), "payload");
    check(&|envelope| envelope["payloadType"] = json!("text/plain"), "payloadType");
    check(&|envelope| envelope["signatures"] = json!([]), "signatures");
    check(&|envelope| envelope["signatures"][0]["keyid"] = json!("00"), "signatures");
    check(&|envelope| envelope["signatures"][0]["sig"] = json!(BASE64.encode([0; 64])), "signatures");
    check(&|envelope| envelope["publicKey"] = json!(SigningKey::generate().unwrap().public().to_base64()), "publicKey");
    check(&|envelope| envelope["seals"] = Value::Null, "seals");
    check(&|envelope| envelope["seals"]["job"] = json!("shop-2"), "seals");
    check(&|envelope| envelope["seals"]["sections"]["verdict"] = json!(BASE64.encode([0; 64])), "seals/verdict");
    check(&|envelope| envelope["extra"] = json!(1), "envelope");
    for length in [0, 1, file.len() / 2, file.len() - 3] {
        assert_eq!(names(&verify(&file[..length], None)), ["envelope"]);
    }
}

#[test]
fn a_damaged_character_in_the_payload_names_its_section() {
    let file = issue(shop(), &key()).unwrap();
    let mut payload = canonical(&statement_of(&file));
    let at = String::from_utf8(payload.clone()).unwrap().find("sqlite:shop.db").unwrap();
    payload[at] = 0xff;
    assert_eq!(names(&verify(&with_payload(&file, &payload), None)), ["source"]);
}

#[test]
fn reformatted_payload_is_not_the_signed_one() {
    let file = issue(shop(), &key()).unwrap();
    let payload = serde_json::to_vec_pretty(&statement_of(&file)).unwrap();
    assert_eq!(names(&verify(&with_payload(&file, &payload), None)), ["payload"]);
}

/// The envelope may be laid out anew: what is signed is inside.
#[test]
fn reformatted_envelope_is_still_valid() {
    let envelope: Value = serde_json::from_slice(&issue(shop(), &key()).unwrap()).unwrap();
    assert!(verify(&serde_json::to_vec(&envelope).unwrap(), None).valid);
}

#[test]
fn a_forged_whole_is_whole_but_not_trusted() {
    let mut claims = shop();
    claims.job = "shop-2".into();
    let forged = issue(claims, &SigningKey::generate().unwrap()).unwrap();
    assert!(verify(&forged, None).valid);
    let report = verify(&forged, Some(&key().public()));
    assert!(!report.valid && !report.trusted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_flipped_bit_goes_unseen(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut file = issue(shop(), &key()).unwrap();
        let at = at.index(file.len());
        file[at] ^= 1_u8 << bit;
        let report = verify(&file, Some(&key().public()));
        prop_assert!(!report.valid && !report.trusted);
        prop_assert!(!report.altered.is_empty());
        prop_assert!(!verify(&file, None).valid);
    }

    #[test]
    fn nothing_at_all_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        prop_assert!(!verify(&bytes, None).valid);
        let file = issue(shop(), &key()).unwrap();
        prop_assert!(!verify(&with_payload(&file, text.as_bytes()), None).valid);
    }
}

/// Signs `edit`ed claims although they contradict themselves, and expects them to be seen through.
fn contradicts(edit: impl FnOnce(&mut Predicate), expected: &str) {
    let mut claims = shop();
    edit(&mut claims);
    assert!(matches!(issue(claims.clone(), &key()), Err(Error::Internal { .. })), "{expected}");
    let file = super::certificate::sign(&Statement::new(claims), &key()).unwrap();
    let report = verify(&file, Some(&key().public()));
    assert!(report.altered.is_empty(), "{report:?}");
    assert!(!report.valid && !report.trusted);
    assert!(report.inconsistent.iter().any(|found| found.contains(expected)), "{expected}: {:?}", report.inconsistent);
}

#[test]
fn a_signed_contradiction_is_not_valid() {
    contradicts(|p| p.tables[0].rows_read += 1, "tables/customers: equivalent, though rows read");
    contradicts(|p| p.tables[0].rows_rejected += 1, "tables/customers: equivalent, though rows read");
    contradicts(|p| p.tables[0].rows_verified -= 1, "tables/customers: equivalent, though rows verified");
    contradicts(|p| p.tables[1].actual = Some(digest(4)), "tables/orders: equivalent, though the digests differ");
    contradicts(|p| p.tables[1].actual = None, "tables/orders: equivalent, though nothing was read back");
    contradicts(|p| p.tables[1].verdict = Verdict::Different, "tables/orders: not equivalent, though every check");
    contradicts(|p| p.totals.rows_read += 1, "totals: ");
    contradicts(|p| p.totals.splits += 1, "totals: ");
    contradicts(|p| p.verdict = Verdict::Different, "verdict: ");
    contradicts(|p| p.tables.clear(), "perspectives: the row perspective");
    contradicts(|p| p.perspectives.row = Verdict::Inconclusive, "perspectives: ");
    contradicts(|p| p.structural = Some(structure(&["table \"t\""])), "perspectives: the structural perspective");
    contradicts(|p| p.structural = None, "perspectives: the structural perspective");
    contradicts(|p| p.perspectives.structural = Outcome::NotPerformed, "perspectives: the structural perspective");
    contradicts(
        |p| {
            p.structural = Some(structure(&["table \"t\""]));
            p.perspectives.structural = Outcome::Performed(Verdict::Different);
        },
        "verdict: does not follow from the perspectives",
    );
    contradicts(|p| p.rejects.count = 0, "rejects: ");
    contradicts(|p| p.mode = VerifyMode::Counts, "though the mode is not full");
    contradicts(|p| p.tables[0].rows_written = u64::MAX, "totals: ");
    contradicts(
        |p| {
            p.mode = VerifyMode::Off;
            p.tables.iter_mut().for_each(|table| table.actual = None);
        },
        "though nobody looked",
    );
    contradicts(
        |p| {
            p.mode = VerifyMode::Counts;
            p.tables.iter_mut().for_each(|table| table.actual = None);
            p.tables[0].rows_verified = 0;
            p.tables[0].verdict = Verdict::Inconclusive;
        },
        "tables/customers: not different, though the counts differ",
    );
}

/// A shop whose table of orders, of five splits, was cut.
fn cut_shop(cuts: &[(u32, i64, u32)]) -> Predicate {
    let cut =
        |(split, at, rest): &(u32, i64, u32)| CutFacts { table: "orders".into(), split: *split, at: *at, rest: *rest };
    let mut tables = shop().tables;
    tables[1].splits = 5;
    Predicate { cuts: cuts.iter().map(cut).collect(), ..predicate(tables) }
}

#[test]
fn cuts_that_tile_are_certified_and_cannot_be_taken_out() {
    let cuts = [(0, 50, 5), (0, 20, 6), (5, 80, 7), (5, 70, 8)];
    let file = issue(cut_shop(&cuts), &key()).unwrap();
    let report = verify(&file, Some(&key().public()));
    assert!(report.trusted, "{report:?}");
    assert_eq!(report.statement.unwrap().predicate.cuts.len(), 4);
    let mut statement = statement_of(&file);
    statement["predicate"].as_object_mut().unwrap().remove("cuts");
    let report = verify(&with_payload(&file, &serde_json::to_vec(&statement).unwrap()), Some(&key().public()));
    assert!(report.altered.iter().any(|part| part.section == "cuts" && part.how == How::Removed), "{report:?}");
    // Certificates from before there were cuts have no such section.
    assert!(statement_of(&issue(shop(), &key()).unwrap())["predicate"].get("cuts").is_none());
}

#[test]
fn cuts_that_do_not_tile_are_a_contradiction() {
    let wrong = [
        ("into itself", &[(0, 50, 0)][..]),
        ("cannot have been cut at 50", &[(0, 50, 5), (0, 50, 6)]),
        ("cannot have been cut at 60", &[(0, 50, 5), (0, 60, 6)]),
        ("cannot have been cut at 40", &[(0, 50, 5), (5, 40, 6)]),
        ("cannot have been cut at 90", &[(0, 50, 5), (5, 80, 6), (5, 90, 7)]),
        ("itself and split 5", &[(0, 50, 5), (0, 20, 5)]),
        ("fewer splits than the 7 cuts left", &[(0, 50, 5), (0, 20, 6), (1, 50, 7), (2, 50, 8)]),
    ];
    for (expected, cuts) in wrong {
        let claims = cut_shop(cuts);
        contradicts(|p| *p = claims, expected);
    }
}

#[test]
fn a_signed_contradiction_about_orphans_is_not_valid() {
    // Equivalent although rows refer to nothing, in one place or in all of them.
    contradicts(|p| p.referential[0].orphans = 2, "referential: orders to customers: a verdict that does not follow");
    contradicts(|p| p.referential[0] = relation(2), "perspectives: the referential perspective");
    contradicts(
        |p| {
            p.referential[0] = relation(2);
            p.perspectives.referential = Outcome::Performed(Verdict::Different);
        },
        "verdict: does not follow",
    );
    contradicts(|p| p.referential[0].orphans = 5, "more orphans than rows that refer");
    contradicts(|p| p.referential[0].rows_unreferring = 6, "more orphans than rows that refer");
    contradicts(|p| p.referential[0].parent_rows = 0, "rows that refer to an empty table");
    contradicts(|p| p.referential[0].rows_unreadable = 1, "a verdict that does not follow");
    contradicts(|p| p.referential[0].columns.clear(), "columns that do not pair up");
    contradicts(|p| p.referential.clear(), "perspectives: the referential perspective");
    contradicts(|p| p.mode = VerifyMode::Off, "checked, though nobody looked");
}

#[test]
fn orphans_make_a_certificate_different_unless_they_are_accepted() {
    let verdict = |relation: RelationFacts| {
        let mut claims = shop();
        claims.referential.push(RelationFacts { verdict: relation.concluded(), ..relation });
        claims.perspectives = Perspectives::of(&claims.tables, &claims.referential, claims.structural.as_ref());
        claims.verdict = claims.perspectives.overall();
        let report = verify(&issue(claims, &key()).unwrap(), None);
        assert!(report.valid, "{report:?}");
        report.statement.unwrap().predicate.verdict
    };
    assert_eq!(verdict(relation(1)), Verdict::Different);
    assert_eq!(verdict(RelationFacts { accepted: true, ..relation(1) }), Verdict::Equivalent);
    assert_eq!(verdict(RelationFacts { rows_unreadable: 1, ..relation(0) }), Verdict::Inconclusive);
}

#[test]
fn other_verdicts_and_modes_can_be_certified() {
    let mut lost = table("orders", 5, 0);
    lost.actual = Some(digest(4));
    lost.rows_verified = 4;
    lost.verdict = Verdict::Different;
    let file = issue(predicate(vec![table("customers", 3, 0), lost]), &key()).unwrap();
    let report = verify(&file, None);
    assert!(report.valid, "{report:?}");
    assert_eq!(report.statement.unwrap().predicate.verdict, Verdict::Different);

    let mut misshapen = shop();
    misshapen.structural = Some(structure(&["index \"i\" of table \"orders\""]));
    misshapen.perspectives.structural = Outcome::Performed(Verdict::Different);
    misshapen.verdict = Verdict::Different;
    assert!(verify(&issue(misshapen, &key()).unwrap(), None).valid);

    let mut unseen = table("orders", 5, 0);
    unseen.actual = None;
    unseen.rows_verified = 0;
    unseen.verdict = Verdict::Inconclusive;
    let mut claims = predicate(vec![unseen]);
    claims.mode = VerifyMode::Off;
    claims.structural = None;
    claims.referential.clear();
    claims.perspectives = Perspectives::of(&claims.tables, &[], None);
    assert!(verify(&issue(claims, &key()).unwrap(), None).valid);
}

#[test]
fn subjects_carry_what_was_read_back() {
    let statement = statement_of(&issue(shop(), &key()).unwrap());
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["subject"][0]["name"], "postgresql://localhost/shop#customers");
    assert_eq!(statement["subject"][0]["digest"]["senseiRowV2"], json!(digest(3).sum_hex()));
    assert_eq!(statement["predicate"]["perspectives"]["structural"], "equivalent");
    assert_eq!(statement["predicate"]["perspectives"]["semantic"], "not performed");
    assert_eq!(statement["predicate"]["perspectives"]["row"], "equivalent");
}

/// The vector of the DSSE protocol page.
#[test]
fn pre_authentication_encoding_is_that_of_dsse() {
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
}

#[test]
fn keys_are_those_of_rfc_8410() {
    assert_eq!(key().public().to_pem(), PUBLIC_PEM);
    assert_eq!(PublicKey::from_pem(PUBLIC_PEM, "test").unwrap(), key().public());
    assert_eq!(key().public().id().len(), 64);
    assert!(!format!("{:?}", key()).contains("1OLl"));
    for wrong in ["", "x", PUBLIC_PEM] {
        assert_eq!(SigningKey::from_pem(wrong, "test").unwrap_err().kind(), Kind::Invalid);
    }
    assert_eq!(PublicKey::from_pem(PRIVATE_PEM, "test").unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn a_key_is_created_once_private_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let default = folder.path().join("keys/signing.pem");
    let (created, origin) = SigningKey::load_or_create(None, None, &default).unwrap();
    let public = folder.path().join("keys/signing.pub.pem");
    assert_eq!(origin, KeyOrigin::Created { private: default.clone(), public: public.clone() });
    assert_eq!(std::fs::metadata(&default).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(PublicKey::from_file(&public).unwrap(), created.public());
    let before = std::fs::read(&default).unwrap();
    std::fs::remove_file(&public).unwrap();
    let (found, origin) = SigningKey::load_or_create(None, None, &default).unwrap();
    assert_eq!((found.public(), origin), (created.public(), KeyOrigin::File(default.clone())));
    assert_eq!(std::fs::read(&default).unwrap(), before);
    assert_eq!(PublicKey::from_file(&public).unwrap(), created.public());

    std::fs::write(&public, PUBLIC_PEM).unwrap();
    let error = SigningKey::load_or_create(None, None, &default).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let (given, _) = SigningKey::load_or_create(Some(PRIVATE_PEM), None, &default).unwrap();
    assert_eq!(given.public(), key().public());
}

#[test]
fn processes_that_start_at_once_share_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let default = folder.path().join("keys/signing.pem");
    let load = || SigningKey::load_or_create(None, None, &default).map(|(key, _)| key.public());
    let keys: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(load)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let files = std::fs::read_dir(folder.path().join("keys")).unwrap().count();
    assert_eq!(files, 2, "nothing but the two halves is left");
}

#[test]
fn a_key_file_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, PRIVATE_PEM).unwrap();
    for (mode, accepted) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let loaded = SigningKey::from_file(&path);
        assert_eq!(loaded.is_ok(), accepted, "{mode:o}: {loaded:?}");
    }
    let missing = folder.path().join("none.pem");
    let error = SigningKey::load_or_create(None, Some(&missing), &path).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert!(!missing.exists());
}
