//! Thousands of requests that make no sense, over real sockets: each is answered, none with a fault of ours.

use std::sync::Arc;

use super::testing::{Server, token};

const REQUESTS: u64 = 4000;
const CLIENTS: u64 = 8;
const SEED: u64 = 0x5eed_2026_1121;

/// SplitMix64: all this test needs of chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn bytes(&mut self, count_max: usize) -> Vec<u8> {
        (0..self.below(count_max + 1)).map(|_| self.next() as u8).collect()
    }
}

/// A request, and whether it is whole: the head may leave one that is not without an answer.
struct Malformed {
    bytes: Vec<u8>,
    whole: bool,
}

const METHODS: [&str; 11] =
    ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "get", "PROPFIND"];
const ROOTS: [&str; 12] = [
    "/v1/jobs",
    "/v1/jobs/",
    "/v1/jobs/shop",
    "/v1/jobs/shop/events",
    "/v1/jobs/shop/pause",
    "/v1/jobs/shop/report",
    "/v1/pool",
    "/v1/tokens",
    "/v1/tokens/",
    "/v1/audit",
    "/metrics",
    "/health",
];
const SEGMENTS: [&str; 14] =
    ["", "/", "//", "/..", "/%2e%2e", "/%00", "/%ff%fe", "/%", "/%zz", "/a%2Fb", "/{id}", "/ü", "/x;y=z", "/events"];
const QUERIES: [&str; 14] = [
    "",
    "?",
    "?id=",
    "?id=%00",
    "?id=%ff",
    "?id=x&id=y",
    "?after=-1",
    "?after=99999999999999999999",
    "?limit=0",
    "?limit=1e9",
    "?limit=18446744073709551615",
    "?follow=maybe",
    "?a[]=1",
    "?%",
];
const KINDS: [&str; 9] = [
    "application/json",
    "application/yaml",
    "text/yaml",
    "APPLICATION/JSON;charset=latin1",
    "text/html",
    ";",
    "/",
    "multipart/form-data; boundary=x",
    "application/grpc",
];
const TOKENS: [&str; 8] =
    ["Bearer VIEW", "Bearer OPERATE", "Bearer ADMIN", "Bearer", "Bearer  ", "Basic eA==", "Negotiate", "\u{fc}"];
const BODIES: [&str; 14] = [
    "",
    "{",
    "{}",
    "[]",
    "null",
    "\"",
    "{\"plan\":",
    "{\"plan\":1}",
    "{\"plan\":null}",
    "{\"plan\":\"p\",\"id\":[]}",
    "{\"plan\":\"p\",\"id\":\"\\u0000\"}",
    "{\"plan\":\"\\ud800\"}",
    "{\"name\":{},\"role\":\"admin\"}",
    "{\"plan\":\"p\",\"plan\":\"q\"}",
];

fn target(chance: &mut Chance) -> String {
    let mut target = chance.one(&ROOTS).to_owned();
    for _ in 0..chance.below(3) {
        target += chance.one(&SEGMENTS);
    }
    if chance.below(20) == 0 {
        target += &"x".repeat(1 << chance.below(17));
    }
    target + chance.one(&QUERIES)
}

fn body(chance: &mut Chance) -> Vec<u8> {
    match chance.below(10) {
        0 => chance.bytes(2000),
        1 => "[".repeat(chance.below(100_000)).into_bytes(),
        2 => format!("{{\"plan\":\"p\",\"id\":\"{}\"}}", "i".repeat(chance.below(100_000))).into_bytes(),
        3 => {
            let mut whole = br#"{"plan":"source: x","id":"shop-1"}"#.to_vec();
            whole.truncate(chance.below(whole.len()));
            whole
        }
        _ => chance.one(&BODIES).as_bytes().to_vec(),
    }
}

fn malformed(chance: &mut Chance) -> Malformed {
    if chance.below(25) == 0 {
        return Malformed { bytes: chance.bytes(500), whole: false };
    }
    let (method, target, body) = (chance.one(&METHODS), target(chance), body(chance));
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: head\r\nconnection: close\r\n").into_bytes();
    for (name, values) in [("content-type", &KINDS[..]), ("authorization", &TOKENS[..])] {
        if chance.below(8) != 0 {
            let value = chance.one(values).replace("VIEW", &token("view")).replace("OPERATE", &token("operate"));
            head.extend(format!("{name}: {}\r\n", value.replace("ADMIN", &token("admin"))).as_bytes());
        }
    }
    if chance.below(10) == 0 {
        head.extend(b"x-odd: ");
        head.extend(chance.bytes(300).into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
        head.extend(b"\r\n");
    }
    let (length, whole) = match chance.below(12) {
        0 => (format!("{}", body.len() + 1 + chance.below(1000)), false),
        1 => (chance.one(&["-1", "1e3", "99999999999999999999", "x", ""]).to_owned(), false),
        _ => (body.len().to_string(), true),
    };
    head.extend(format!("content-length: {length}\r\n\r\n").as_bytes());
    head.extend(body);
    Malformed { bytes: head, whole }
}

async fn bombard(server: Arc<Server>, mut chance: Chance) -> u64 {
    let mut refused = 0;
    for _ in 0..REQUESTS / CLIENTS {
        let request = malformed(&mut chance);
        let shown = String::from_utf8_lossy(&request.bytes[..request.bytes.len().min(300)]).into_owned();
        let answer =
            if request.whole { server.raw(&request.bytes).await } else { server.cut_off(&request.bytes).await };
        let Some(answer) = answer else {
            assert!(!request.whole, "seed {SEED:#x}: no answer to {shown:?}");
            continue;
        };
        assert!(answer.status < 500, "seed {SEED:#x}: {answer:?} to {shown:?}");
        if answer.status >= 400 && !answer.body.is_empty() {
            refused += 1;
            assert!(!answer.code().is_empty());
        }
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_what_makes_no_sense() {
    let server = Arc::new(Server::start().await);
    server.submit("shop", "plan").await;
    let clients = (0..CLIENTS).map(|client| tokio::spawn(bombard(server.clone(), Chance(SEED + client))));
    let mut refused = 0;
    for client in clients.collect::<Vec<_>>() {
        refused += client.await.unwrap();
    }
    assert!(refused > REQUESTS / 2, "only {refused} were refused with words");
    assert_eq!(server.get("/healthz", "").await.status, 200);
    assert_eq!(server.get("/v1/jobs/shop", "view").await.json()["id"], "shop");
}
