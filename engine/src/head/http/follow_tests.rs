//! Tests of streams of events.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::head::http::testing::{Server, token};

#[tokio::test]
async fn lists_events_of_one_job() {
    let server = Server::start().await;
    server.submit("shop", "plan").await;
    for (job, text) in [("shop", "first"), ("other", "hidden"), ("shop", "second"), ("shop", "third")] {
        server.head.happen(job, text);
    }
    let page = server.get("/v1/jobs/shop/events?after=1&limit=1", "view").await.json();
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    assert_eq!((&page["events"][0]["number"], &page["events"][0]["text"]), (&3.into(), &"second".into()));
    assert_eq!(server.get("/v1/jobs/none/events", "view").await.status, 404);
    assert_eq!(server.get("/v1/jobs/none/events?follow=true", "view").await.status, 404);
    assert_eq!(server.get("/v1/jobs/shop/events?follow=perhaps", "view").await.code(), "invalid");
}

async fn open(server: &Server, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "GET /v1/jobs/shop/events?follow=true HTTP/1.1\r\nhost: head";
    let token = token("view");
    let head = format!("{head}\r\nauthorization: Bearer {token}\r\n");
    stream.write_all(format!("{head}connection: close\r\n{headers}\r\n").as_bytes()).await.unwrap();
    stream
}

async fn read_until(stream: &mut TcpStream, text: &mut String, wanted: &str) {
    let read = async {
        let mut bytes = [0; 4096];
        while !text.contains(wanted) {
            let count = stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "closed after {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
}

#[tokio::test]
async fn follows_a_job_to_its_end() {
    let server = Server::start().await;
    server.submit("shop", "plan").await;
    server.head.happen("shop", "first\nof two lines");
    let (mut stream, mut text) = (open(&server, "").await, String::new());
    read_until(&mut stream, &mut text, "id: 1").await;
    assert!(text.contains("text/event-stream"), "{text}");
    server.head.happen("shop", "second");
    read_until(&mut stream, &mut text, "id: 2").await;
    server.head.happen("shop", "last");
    server.head.end("shop");
    stream.read_to_string(&mut text).await.unwrap();
    let (last, end) = (text.find("id: 3").unwrap(), text.find("event: end").unwrap());
    assert!(last < end && text.contains(r#"data: {"state":"done"}"#), "{text}");
}

#[tokio::test]
async fn goes_on_where_a_client_left() {
    let server = Server::start().await;
    server.submit("shop", "plan").await;
    (0..2500).for_each(|number| server.head.happen("shop", &number.to_string()));
    server.head.end("shop");
    let mut text = String::new();
    open(&server, "last-event-id: 7\r\n").await.read_to_string(&mut text).await.unwrap();
    let ids: Vec<u64> = text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert_eq!(ids, (8..=2500).collect::<Vec<u64>>());
    let mut refused = String::new();
    open(&server, "last-event-id: seven\r\n").await.read_to_string(&mut refused).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
}

#[tokio::test]
async fn says_that_it_cannot_go_on() {
    let server = Server::start().await;
    server.submit("shop", "plan").await;
    server.head.happen("shop", "first");
    let (mut stream, mut text) = (open(&server, "").await, String::new());
    read_until(&mut stream, &mut text, "id: 1").await;
    server.head.stand_by("https://head-2:7700");
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("event: fault") && text.contains(r#""code":"not_leading""#), "{text}");
}
