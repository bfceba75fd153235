//! Those who only want to be in the way: slow ones, silent ones, ones that send without end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use sensei_tests::Deadline;
use sensei_tests::head::{Answer, Ask, Head};

use crate::ground::{folder, well};
use crate::grpc::{self, Link, code};

/// What the head may take beyond what it took before, for callers it does not know.
const STRANGERS_BYTES_MAX: u64 = 96 << 20;

#[test]
fn strangers_cannot_fill_the_memory() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    well(&head, "before");
    let before = head.memory_bytes_max();
    let large = grpc::framed(&vec![b'x'; 24 << 20]);
    let port = head.port();
    let codes = grpc::run(async {
        let links = [Link::open(port).await, Link::open(port).await];
        let calls = (0..24).map(|number| links[number % 2].call(None, "Tasks/Report", large.clone()));
        join_all(calls).await.into_iter().map(|called| called.ok().and_then(|called| called.code)).collect::<Vec<_>>()
    });
    assert!(codes.iter().flatten().all(|code| *code == code::UNAUTHENTICATED), "{codes:?}");
    let taken = head.memory_bytes_max() - before;
    assert!(taken < STRANGERS_BYTES_MAX, "{taken} bytes were taken for nothing");
    well(&head, "after");
}

#[test]
fn strangers_cannot_take_every_turn() {
    const LINKS: usize = 40;
    const CALLS: usize = 240;
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    grpc::run(async {
        let mut held = Vec::new();
        for _ in 0..LINKS {
            let link = Link::open(head.port()).await;
            for _ in 0..CALLS {
                held.push(link.hang(None, "Jobs/Submit").await.unwrap());
                if held.len() % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        // Asked from a thread, since this one must go on speaking for those that hang.
        let health = tokio::task::spawn_blocking({
            let port = head.port();
            move || {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).map(|_| Answer::read(&answer).unwrap().status)
            }
        });
        assert_eq!(health.await.unwrap().unwrap(), 200);
    });
    well(&head, "after");
}

#[test]
fn the_slow_are_sent_away_and_hold_up_nobody() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    let body = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/yaml\r\nContent-Length: 900\r\n\r\nver",
        head.token()
    );
    let begun: [&[u8]; 5] =
        [b"", b"GET /v1/jobs HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"PRI * HTTP/2.0\r\n", b"\x16\x03\x01", body.as_bytes()];
    let slow: Vec<TcpStream> = (0..100)
        .map(|number| {
            let mut stream = head.connect().unwrap();
            stream.write_all(begun[number % begun.len()]).unwrap();
            stream
        })
        .collect();
    well(&head, "meanwhile");
    let deadline = Deadline::after(Duration::from_secs(1));
    head.ask(&Ask::new("GET", "/healthz")).expect(200);
    assert!(deadline.elapsed() < Duration::from_secs(1), "{:?}", deadline.elapsed());
    // Each is closed by the head, which only those notice that read.
    let waiting: Vec<_> =
        slow.into_iter().map(|stream| thread::Builder::new().spawn(move || ends(stream)).unwrap()).collect();
    for (number, waiting) in waiting.into_iter().enumerate() {
        assert!(waiting.join().unwrap(), "{:?} is waited for without end", begun[number % begun.len()]);
    }
}

/// Whether the head closes the connection before reads give up.
fn ends(mut stream: TcpStream) -> bool {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn what_was_sent_in_part_is_told() {
    let sensei = folder();
    let head = Head::start(&sensei);
    let called = grpc::run(async {
        let link = Link::open(head.port()).await;
        // Says five bytes, sends three.
        link.call(Some(&head.token()), "Jobs/Get", Bytes::from_static(&[0, 0, 0, 0, 5, 1, 2, 3])).await.unwrap()
    });
    assert!(called.code.is_some_and(|code| code != code::OK), "{called:?}");
}
