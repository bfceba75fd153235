//! Calls that make no sense or may not be made: by the command line, REST and gRPC, each in words, and none does harm.

use sensei_tests::head::{Answer, Ask, Head};

use crate::ground::{JSON, YAML, ended, folder, plan, submit, well};
use crate::grpc::{Called, call, code, number_field, text_field};

/// Bytes of a plan at the most, as the OpenAPI document says.
const PLAN_BYTES_MAX: usize = 4 << 20;

/// A token of the right form that nobody was given.
fn unknown_token(head: &Head) -> String {
    let token = head.token();
    let (kind, secret) = token.split_once('_').unwrap();
    let other = if secret.starts_with('A') { 'B' } else { 'A' };
    format!("{kind}_{other}{}", &secret[1..])
}

fn too_large() -> String {
    format!("{}# {}\n", plan("large"), "x".repeat(PLAN_BYTES_MAX))
}

/// An answer in the one form of all refusals: a stable word, what and why, and what to do.
#[track_caller]
fn refusal(answer: Answer, status: u16, word: &str, words: &str) {
    let error = answer.clone().expect(status).json()["error"].clone();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("code"), word, "{answer:?}");
    assert!(text("message").contains(words), "no {words:?} in {answer:?}");
    assert!(text("hint").ends_with('.'), "nothing says what to do: {answer:?}");
}

#[test]
fn rest_refuses_in_words() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    let admin = head.token();
    let post = |path: &str, body: &str| head.ask(&Ask::new("POST", path).token(&admin).body(YAML, body));
    submit(&head, "shop");

    refusal(
        post("/v1/jobs?id=shop", &plan("other")),
        409,
        "conflict",
        "job \"shop\": it was submitted with another plan",
    );
    assert_eq!(post("/v1/jobs?id=shop", &plan("shop")).expect(200).json()["id"], "shop", "the same is the same");
    refusal(post("/v1/jobs", &too_large()), 413, "too_large", "larger than 4194304 bytes");
    for (body, words) in
        [("", "plan file is empty"), ("{", "the plan"), ("- a\n", "not a map"), ("a: b\n", "no key \"version\"")]
    {
        refusal(post("/v1/jobs", body), 400, "invalid", words);
    }
    refusal(post("/v1/jobs", &plan("shop").replace("name: shop", "nome: shop")), 400, "invalid", "no key \"name\"");
    refusal(post("/v1/jobs", &plan("Shop")), 400, "invalid", "its name");
    for id in ["..", ".x", "a%2Fb", "a%20b", "%00", &"x".repeat(200), "-x"] {
        refusal(post(&format!("/v1/jobs?id={id}"), &plan("ids")), 400, "invalid", "the job's id");
    }
    refusal(post("/v1/jobs?ID=a", &plan("ids")), 400, "invalid", "the query");
    refusal(post("/v1/jobs/none/pause", ""), 404, "not_found", "there is no job \"none\"");
    refusal(post("/v1/jobs/shop/explode", ""), 404, "not_found", "nothing under this path");
    let get = |path: &str| head.ask(&Ask::new("GET", path).token(&admin));
    for path in ["/v1/jobs/none", "/v1/jobs/none/events", "/v1/jobs/none/report", "/v1/jobs/none/events?follow=true"] {
        refusal(get(path), 404, "not_found", "job \"none\"");
    }
    for path in ["/v1/audit?limit=0", "/v1/audit?after=-1", "/v1/jobs/shop/events?limit=1001", "/v1/audit?x=1"] {
        refusal(get(path), 400, "invalid", "");
    }
    refusal(head.ask(&Ask::new("PUT", "/v1/jobs").token(&admin)), 405, "method_not_allowed", "does not take");
    let untyped = Ask::new("POST", "/v1/jobs").token(&admin).body("text/plain", "");
    refusal(head.ask(&untyped), 415, "unsupported_media_type", "Content-Type");

    assert_eq!(ended(&head, "shop")["state"], "done");
    for (verb, words) in [("pause", "has ended"), ("resume", "retry"), ("stop", "has ended"), ("retry", "equivalent")] {
        refusal(post(&format!("/v1/jobs/shop/{verb}"), ""), 409, "conflict", words);
    }
    well(&head, "after");
}

#[test]
fn tokens_open_what_their_role_opens_until_they_are_revoked() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    let [viewer, operator] = ["viewer", "operator"].map(|role| head.add_token(&format!("a-{role}"), role));
    let (plan, unknown) = (plan("shop"), unknown_token(&head));
    let submit = |token: &str| head.ask(&Ask::new("POST", "/v1/jobs?id=shop").token(token).body(YAML, &plan));
    let get = |token: &str, path: &str| head.ask(&Ask::new("GET", path).token(token));

    refusal(head.ask(&Ask::new("GET", "/v1/jobs")), 401, "unauthenticated", "neither a certificate nor a token");
    refusal(get(&unknown, "/v1/jobs"), 401, "unauthenticated", "the token is not known");
    refusal(get("short", "/v1/jobs"), 401, "unauthenticated", "");
    let challenge = head.ask(&Ask::new("GET", "/v1/jobs"));
    assert_eq!(challenge.header("www-authenticate"), Some("Bearer realm=\"sensei\""));

    get(&viewer, "/v1/jobs").expect(200);
    refusal(submit(&viewer), 403, "forbidden", "a-viewer may not");
    submit(&operator).expect(201);
    refusal(get(&operator, "/v1/tokens"), 403, "forbidden", "it takes the role admin");
    refusal(get(&operator, "/v1/audit"), 403, "forbidden", "it takes the role admin");
    let body = "{\"name\": \"more\", \"role\": \"admin\"}";
    let more = head.ask(&Ask::new("POST", "/v1/tokens").token(&operator).body(JSON, body));
    refusal(more, 403, "forbidden", "it takes the role admin");

    let admin = head.token();
    let again = head
        .ask(&Ask::new("POST", "/v1/tokens").token(&admin).body(JSON, "{\"name\":\"a-viewer\",\"role\":\"viewer\"}"));
    refusal(again, 409, "conflict", "a-viewer");
    head.ask(&Ask::new("DELETE", "/v1/tokens/a-operator").token(&admin)).expect(204);
    refusal(submit(&operator), 401, "unauthenticated", "was revoked");
    call(&head, Some(&operator), "Jobs/List", &[]).expect(code::UNAUTHENTICATED, "was revoked");
    refusal(head.ask(&Ask::new("DELETE", "/v1/tokens/a-operator").token(&admin)), 404, "not_found", "a-operator");
    well(&head, "after");
}

#[test]
fn grpc_refuses_in_words() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    let admin = head.token();
    let [viewer, operator] = ["viewer", "operator"].map(|role| head.add_token(role, role));
    let admins = |method: &str, message: &[u8]| call(&head, Some(&admin), method, message);
    let submission = |plan: &str, id: &str| [text_field(1, plan), text_field(2, id)].concat();
    let submits = |plan: &str, id: &str| -> Called { admins("Jobs/Submit", &submission(plan, id)) };

    submits(&plan("shop"), "shop").expect(code::OK, "");
    submits(&plan("shop"), "shop").expect(code::OK, "");
    submits(&plan("other"), "shop").expect(code::ALREADY_EXISTS, "it was submitted with another plan");
    submits(&too_large(), "").expect(code::RESOURCE_EXHAUSTED, "larger than 4194304 bytes");
    submits(&"x".repeat(40 << 20), "").expect(code::OUT_OF_RANGE, "too large");
    submits("{", "").expect(code::INVALID_ARGUMENT, "the plan");
    submits("a: b", "").expect(code::INVALID_ARGUMENT, "no key");
    submits(&plan("ids"), "../x").expect(code::INVALID_ARGUMENT, "the job's id");
    admins("Jobs/Get", &text_field(1, "none")).expect(code::NOT_FOUND, "there is no job \"none\"");
    admins("Jobs/Logs", &text_field(1, "none")).expect(code::NOT_FOUND, "there is no job \"none\"");

    let asked = submission(&plan("shop"), "shop");
    call(&head, None, "Jobs/Submit", &asked).expect(code::UNAUTHENTICATED, "neither a certificate nor a token");
    call(&head, Some(&unknown_token(&head)), "Jobs/List", &[]).expect(code::UNAUTHENTICATED, "not known");
    call(&head, Some(&viewer), "Jobs/Submit", &asked).expect(code::PERMISSION_DENIED, "takes the role operator");
    call(&head, Some(&viewer), "Jobs/List", &[]).expect(code::OK, "");
    for method in ["Workers/Beat", "Tasks/Next", "Tasks/Open", "Tasks/Conclude", "Tasks/Outcomes"] {
        call(&head, Some(&operator), method, &[]).expect(code::PERMISSION_DENIED, "takes the role worker");
        call(&head, None, method, &[]).expect(code::UNAUTHENTICATED, "");
    }
    let task = [text_field(1, "w9"), text_field(2, "shop"), number_field(3, 9)].concat();
    admins("Tasks/Next", &text_field(1, &task)).expect(code::ABORTED, "no longer yours");

    assert_eq!(ended(&head, "shop")["state"], "done");
    admins("Jobs/Resume", &text_field(1, "shop")).expect(code::ALREADY_EXISTS, "retry");
    well(&head, "after");
}

#[test]
fn a_worker_of_another_version_is_refused_in_words() {
    let protocol = u64::from(sensei_engine::head::PROTOCOL);
    let sensei = folder();
    let head = Head::start(&sensei);
    let beat = |version: &str, protocol: u64, name: &str| {
        let fields = [
            text_field(1, name),
            number_field(2, protocol),
            text_field(3, version),
            text_field(4, "mover"),
            number_field(6, 2),
        ];
        call(&head, Some(&head.token()), "Workers/Beat", &fields.concat())
    };
    let version = env!("CARGO_PKG_VERSION");
    beat("0.0.1", 1, "old").expect(code::INVALID_ARGUMENT, "worker \"old\" is of version 0.0.1 and speaks protocol 1");
    beat(version, 99, "new").expect(code::INVALID_ARGUMENT, "install the same version on both");
    beat(version, 1, "before").expect(code::INVALID_ARGUMENT, "speaks protocol 1");
    beat(version, protocol, "a b").expect(code::INVALID_ARGUMENT, "cannot be a name");
    beat(version, protocol, "w1").expect(code::OK, "");
}

#[test]
fn the_command_line_says_what_the_head_says() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    sensei.write("shop.yaml", plan("shop"));
    sensei.write("other.yaml", plan("other"));
    sensei.write("large.yaml", too_large());
    sensei.write("broken.yaml", "{");
    sensei.write("nameless.yaml", plan("shop").replace("name: shop", ""));
    let says = |arguments: &[&str], words: &str| head.cli(&sensei, arguments).expect(2).says(words);
    head.cli(&sensei, &["job", "submit", "shop.yaml", "--id", "shop", "--wait"]).expect(0);
    head.cli(&sensei, &["job", "submit", "shop.yaml", "--id", "shop"]).expect(0);
    says(&["job", "submit", "other.yaml", "--id", "shop"], "it was submitted with another plan")
        .says("sensei job status");
    says(&["job", "submit", "large.yaml"], "larger than 4194304 bytes");
    says(&["job", "submit", "broken.yaml"], "the plan");
    says(&["job", "submit", "nameless.yaml"], "no key \"name\"");
    says(&["job", "submit", "missing.yaml"], "missing.yaml");
    says(&["job", "submit", "shop.yaml", "--id", "a b"], "the job's id");
    says(&["job", "explode", "shop"], "explode");
    says(&["job", "resume", "shop"], "`retry` begins it again").says("job status");
    for verb in ["status", "logs", "pause", "resume", "stop", "retry"] {
        says(&["job", verb, "none"], "there is no job \"none\"").says("sensei job list");
    }

    let write = |name: &str, token: &str| {
        let path = sensei.write(name, token);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write("viewer", &head.add_token("viewer", "viewer"));
    write("operator", &head.add_token("operator", "operator"));
    write("unknown", &unknown_token(&head));
    let with = |token: &str, arguments: &[&str]| head.cli(&sensei, &[arguments, &["--token-file", token]].concat());
    with("viewer", &["job", "list"]).expect(0);
    with("viewer", &["job", "submit", "shop.yaml"])
        .expect(2)
        .says("takes the role operator")
        .says("Ask an administrator");
    with("unknown", &["job", "list"]).expect(2).says("the token is not known").says("--token-file");
    with("operator", &["worker", "--name", "w2"]).expect(2).says("takes the role worker");
    head.cli_as(&sensei, &["job", "list"]).expect(2).says("neither a certificate nor a token");
    let gone = ["job", "list", "--head", "http://127.0.0.1:1"];
    head.cli(&sensei, &gone).expect(5).says("127.0.0.1:1").says("sensei up");
    well(&head, "after");
}
