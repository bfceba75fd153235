//! Thousands of requests that are nearly right, from seeds, while a job runs.

use std::io::{Read, Write};
use std::net::Shutdown;

use bytes::Bytes;
use futures::future::join_all;
use sensei_tests::Random;
use sensei_tests::head::{Answer, Head};

use crate::ground::{ended, folder, submit, well};
use crate::grpc::{self, Called, Link, code, framed, number_field, text_field};

/// Requests by HTTP/1.1, calls by gRPC, and connections that break off within HTTP/2.
const REQUESTS: usize = 3_000;
const CALLS: usize = 3_200;
/// Calls under way together, whose changes the head stores together.
const CALLS_AT_ONCE: usize = 16;
const CONNECTIONS: usize = 400;

/// Memory of a head that was shouted at, in bytes; one that was not takes a fifth of it.
const MEMORY_BYTES_MAX: u64 = 256 << 20;

const METHODS: [&str; 22] = [
    "Jobs/Submit",
    "Jobs/List",
    "Jobs/Get",
    "Jobs/Pause",
    "Jobs/Resume",
    "Jobs/Stop",
    "Jobs/Retry",
    "Jobs/Logs",
    "Workers/Beat",
    "Tasks/Open",
    "Tasks/Offer",
    "Tasks/Outcomes",
    "Tasks/Settle",
    "Tasks/Close",
    "Tasks/Conclude",
    "Access/ListTokens",
    "Access/RevokeToken",
    "Access/Audit",
    "Tasks/Brief",
    "Tasks/Next",
    "Tasks/Renew",
    "Tasks/Report",
];

fn random_bytes(random: &mut Random, bytes_max: usize) -> Vec<u8> {
    (0..random.below(bytes_max)).map(|_| random.bits() as u8).collect()
}

/// Changes bytes in a few places: flips, cuts, repeats, inserts.
fn mangle(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.bits() as u8,
            1 => bytes.truncate(at),
            2 => bytes.insert(at, *random.pick(b"\r\n\0 :;%{}\"\xff")),
            3 => {
                let again: Vec<u8> = bytes[at..].iter().take(random.below(64)).copied().collect();
                bytes.splice(at..at, again);
            }
            4 => drop(bytes.drain(at..(at + random.below(16)).min(bytes.len()))),
            _ => {
                let noise = random_bytes(random, 32);
                bytes.splice(at..at, noise);
            }
        }
    }
}

/// A request that is right, or nearly.
fn request(random: &mut Random, tokens: &[String]) -> Vec<u8> {
    let method = random.pick(&["GET", "GET", "POST", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "get", "PRI"]);
    let path = random.pick(&[
        "/v1/jobs",
        "/v1/jobs/shop",
        "/v1/jobs/shop/events?after=0&limit=5",
        "/v1/jobs/none/pause",
        "/v1/jobs/%2e%2e/stop",
        "/v1/tokens",
        "/v1/tokens/x",
        "/v1/audit?after=18446744073709551615",
        "/v1/audit?limit=99999999999999999999",
        "/v1/pool",
        "/metrics",
        "/healthz",
        "/v1/openapi.json",
        "/sensei.v1.Jobs/List",
        "/",
        "*",
        "//",
        "/v1/jobs?id=%ff",
        "http://elsewhere/v1/jobs",
    ]);
    let bodies = [
        "",
        "{}",
        "[",
        "{\"plan\": 1}",
        "{\"plan\": \"version: 1\\nname: x\", \"id\": \"y\"}",
        "{\"name\": \"n\", \"role\": \"king\"}",
        "version: 1\nname: x\nsource: {}\n",
        "&a [*a, *a]",
        "? {\n",
        "\u{feff}",
        "{\"plan\":\"\\ud800\"}",
    ];
    let body = random.pick(&bodies);
    let media_type =
        random.pick(&["application/json", "application/yaml", "text/yaml; charset=x", "", "application/grpc"]);
    let length = match random.below(8) {
        0 => String::new(),
        1 => format!("Content-Length: {}\r\n", random.bits()),
        2 => "Transfer-Encoding: chunked\r\n".to_owned(),
        3 => format!("Content-Length: {0}\r\nContent-Length: {0}0\r\n", body.len()),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let extra = match random.below(6) {
        0 => format!("X-Long: {}\r\n", "y".repeat(random.below(60_000))),
        1 => "X: 1\r\n".repeat(random.below(300)),
        2 => "Upgrade: h2c\r\nConnection: upgrade\r\nHTTP2-Settings: AAMAAABk\r\n".to_owned(),
        3 => "Expect: 100-continue\r\n".to_owned(),
        _ => String::new(),
    };
    let token = random.pick(tokens);
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: {media_type}\r\n{length}{extra}"
    );
    let mut bytes = format!("{head}Connection: close\r\n\r\n{body}").into_bytes();
    mangle(random, &mut bytes);
    bytes
}

/// What the head answers when nothing more comes; nothing at all is an answer, too.
fn shout(head: &Head, bytes: &[u8]) -> Vec<u8> {
    let mut stream = head.connect().unwrap();
    let mut answer = Vec::new();
    // It may hang up at any time.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn rest_bears_what_is_nearly_right() {
    let mut random = Random::announced("rest_bears_what_is_nearly_right");
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    let tokens = [head.token(), head.add_token("viewer", "viewer"), String::new(), "x".repeat(43)];
    submit(&head, "shop");
    let mut answered = 0;
    for number in 0..REQUESTS {
        let bytes = request(&mut random, &tokens);
        let answer = shout(&head, &bytes);
        if let Some(answer) = Answer::read(&answer) {
            answered += 1;
            let is_fine = answer.status < 500 || answer.status == 503;
            assert!(is_fine, "request {number}: {answer:?} to {:?}", String::from_utf8_lossy(&bytes));
        }
    }
    assert!(answered > REQUESTS / 3, "only {answered} were answered");
    assert_eq!(ended(&head, "shop")["report"]["verdict"], "equivalent");
    assert_unharmed(&mut head);
}

/// Random bytes, or fields of the kinds the messages have with random contents.
fn message(random: &mut Random) -> Vec<u8> {
    if random.once_in(3) {
        return random_bytes(random, 200);
    }
    let mut message = Vec::new();
    for _ in 0..random.below(6) {
        let field = 1 + random.below(9) as u8;
        let task = [text_field(1, "w9"), text_field(2, "shop"), number_field(3, random.bits() % 4)].concat();
        let half = random.bits();
        message.extend(match random.below(5) {
            0 => text_field(field, task),
            1 => number_field(field, half >> random.below(64)),
            2 => text_field(field, random.pick(&["shop", "none", "", "\u{0}", "../x", "mover", "conduct"])),
            3 => text_field(field, random_bytes(random, 60)),
            _ => text_field(field, "y".repeat(random.below(5_000))),
        });
    }
    mangle(random, &mut message);
    message
}

/// Whether a call was answered on purpose. What cannot be decoded is an internal error in tonic's words.
fn is_fine(called: &Called) -> bool {
    let undecoded = ["decod", "protocol%20error", "ompress", "Missing%20request%20message"]
        .iter()
        .any(|word| called.message.contains(word));
    match called.code {
        None => (400..500).contains(&called.status),
        Some(code::UNKNOWN) => false,
        Some(code::INTERNAL) => undecoded,
        Some(_) => true,
    }
}

/// A method, and a body that is right, or nearly.
fn nearly_a_call(random: &mut Random) -> (&'static str, Bytes) {
    let mut body = framed(&message(random)).to_vec();
    if random.once_in(5) {
        mangle(random, &mut body);
    }
    let method: &'static str = random.pick::<&str>(&METHODS);
    (method, body.into())
}

#[test]
fn grpc_bears_what_is_nearly_right() {
    let mut random = Random::announced("grpc_bears_what_is_nearly_right");
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    let tokens = [head.token(), head.add_token("viewer", "viewer")];
    submit(&head, "shop");
    grpc::run(async {
        let mut link = Link::open(head.port()).await;
        for _ in 0..CALLS / CALLS_AT_ONCE {
            let some: Vec<_> = (0..CALLS_AT_ONCE).map(|_| nearly_a_call(&mut random)).collect();
            let calls = some.iter().map(|(method, body)| {
                let token = random.pick(&tokens).as_str();
                link.call(Some(token), method, body.clone())
            });
            let answers = join_all(calls).await;
            for (called, asked) in
                answers.iter().zip(&some).filter_map(|(called, asked)| Some((called.as_ref().ok()?, asked)))
            {
                assert!(is_fine(called), "{called:?} to {asked:?}");
            }
            if answers.iter().any(Result::is_err) {
                link = Link::open(head.port()).await;
            }
        }
    });
    assert_eq!(ended(&head, "shop")["report"]["verdict"], "equivalent");
    assert_unharmed(&mut head);
}

#[test]
fn broken_frames_end_their_own_connection() {
    let mut random = Random::announced("broken_frames_end_their_own_connection");
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    submit(&head, "shop");
    for _ in 0..CONNECTIONS {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        for _ in 0..random.below(20) {
            bytes.extend(frame(&mut random));
        }
        if random.once_in(10) {
            mangle(&mut random, &mut bytes);
        }
        shout(&head, &bytes);
    }
    for noise in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"SSH-2.0-x\r\n", b"\0\0\0\0", b"\r\n\r\n"] {
        shout(&head, noise);
    }
    shout(&head, &random_bytes(&mut random, 100_000));
    assert_eq!(ended(&head, "shop")["report"]["verdict"], "equivalent");
    assert_unharmed(&mut head);
}

/// A frame of HTTP/2: any type, any flags, a low stream, and mostly the length it says.
fn frame(random: &mut Random) -> Vec<u8> {
    let payload = random_bytes(random, 300);
    let length = if random.once_in(8) { random.below(1 << 24) } else { payload.len() };
    let mut frame = (length as u32).to_be_bytes()[1..].to_vec();
    frame.extend([random.below(12) as u8, random.bits() as u8]);
    frame.extend((random.below(9) as u32).to_be_bytes());
    frame.extend(payload);
    frame
}

#[track_caller]
fn assert_unharmed(head: &mut Head) {
    let memory = head.memory_bytes_max();
    assert!(memory < MEMORY_BYTES_MAX, "the head took {memory} bytes");
    let said = head.process().stderr();
    assert!(!said.contains("panic") && !said.contains("broke"), "{said}");
    well(head, "after");
}
