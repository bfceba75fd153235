//! Who changed what, or tried to, and that nobody can change what was written.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use sensei_tests::head::{Ask, Head};

use crate::ground::{JSON, YAML, folder, plan};
use crate::grpc::{call, code, text_field};

/// The words of an entry that a test can foresee.
fn words(entry: &Value) -> [&str; 4] {
    ["who", "role", "operation", "object"].map(|name| entry[name].as_str().unwrap())
}

#[test]
fn every_change_and_every_refused_one_is_on_record() {
    let sensei = folder();
    let head = Head::start(&sensei);
    let (admin, id) = (head.token(), text_field(1, "shop"));
    let [viewer, operator] = ["viewer", "operator"].map(|role| head.add_token(role, role));
    let (plan, other) = (plan("shop"), plan("other"));
    let post = |token: &str, path: &str, body: &str| head.ask(&Ask::new("POST", path).token(token).body(YAML, body));
    post(&operator, "/v1/jobs?id=shop", &plan).expect(201);
    post(&operator, "/v1/jobs?id=shop", &other).expect(409);
    post(&viewer, "/v1/jobs?id=shop", &plan).expect(403);
    post(&operator, "/v1/jobs/shop/pause", "").expect(200);
    post(&viewer, "/v1/jobs/shop/resume", "").expect(403);
    call(&head, Some(&operator), "Jobs/Resume", &id).expect(code::OK, "");
    call(&head, Some(&viewer), "Jobs/Stop", &id).expect(code::PERMISSION_DENIED, "");
    call(&head, Some(&operator), "Jobs/Stop", &id).expect(code::OK, "");
    call(&head, Some(&operator), "Jobs/Retry", &text_field(1, "none")).expect(code::NOT_FOUND, "");
    let token = "{\"name\": \"mine\", \"role\": \"admin\"}";
    head.ask(&Ask::new("POST", "/v1/tokens").token(&operator).body(JSON, token)).expect(403);
    head.ask(&Ask::new("DELETE", "/v1/tokens/viewer").token(&operator)).expect(403);
    head.ask(&Ask::new("DELETE", "/v1/tokens/viewer").token(&admin)).expect(204);
    // To look is no change.
    head.ask(&Ask::new("GET", "/v1/jobs").token(&operator)).expect(200);
    head.ask(&Ask::new("GET", "/v1/tokens").token(&operator)).expect(403);

    let list = head.ask(&Ask::new("GET", "/v1/audit?limit=1000").token(&admin)).expect(200).json();
    let entries = list["entries"].as_array().unwrap();
    let expected = [
        (["admin-token", "admin", "add_token", "viewer"], "done"),
        (["admin-token", "admin", "add_token", "operator"], "done"),
        (["operator", "operator", "submit", "shop"], "done"),
        (["operator", "operator", "submit", "shop"], "another plan"),
        (["viewer", "viewer", "submit", ""], "may not"),
        (["operator", "operator", "pause", "shop"], "done"),
        (["viewer", "viewer", "resume", "shop"], "may not"),
        (["operator", "operator", "resume", "shop"], "done"),
        (["viewer", "viewer", "stop", "shop"], "may not"),
        (["operator", "operator", "stop", "shop"], "done"),
        (["operator", "operator", "retry", "none"], "there is no job"),
        (["operator", "operator", "add_token", ""], "may not"),
        (["operator", "operator", "revoke_token", "viewer"], "may not"),
        (["admin-token", "admin", "revoke_token", "viewer"], "done"),
    ];
    let found: Vec<[&str; 4]> = entries.iter().map(words).collect();
    assert_eq!(found, expected.map(|(words, _)| words), "{entries:#?}");
    for (entry, (_, outcome)) in entries.iter().zip(expected) {
        assert!(entry["outcome"].as_str().unwrap().contains(outcome), "no {outcome:?} in {entry}");
    }
    assert_chained(entries);

    let page = head.ask(&Ask::new("GET", "/v1/audit?after=3&limit=2").token(&admin)).expect(200).json();
    let numbers: Vec<&Value> = page["entries"].as_array().unwrap().iter().map(|entry| &entry["number"]).collect();
    assert_eq!(numbers, [&json!(4), &json!(5)]);
}

/// Each hash is that of the one before and the entry's canonical JSON.
fn assert_chained(entries: &[Value]) {
    let mut previous = String::new();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry["number"], index + 1);
        let of = |name: &str| entry[name].clone();
        // Keys in order, as they are hashed.
        let record = json!({
            "at": of("at_ms"), "object": of("object"), "operation": of("operation"), "outcome": of("outcome"),
            "role": of("role"), "who": of("who"),
        });
        let hash = hex::encode(Sha256::new().chain_update(&previous).chain_update(record.to_string()).finalize());
        assert_eq!(entry["sha256"], hash.as_str(), "entry {} does not follow", index + 1);
        previous = hash;
    }
}
