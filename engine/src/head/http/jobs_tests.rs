//! Tests of jobs over REST.

use serde_json::json;

use crate::head::core::PLAN_BYTES_MAX;
use crate::head::http::limits::NAME_BYTES_MAX;
use crate::head::http::testing::{Answer, Server, token};

async fn post_json(server: &Server, body: &str) -> Answer {
    server.ask("POST", "/v1/jobs", "operate", Some(("application/json; charset=utf-8", body))).await
}

#[tokio::test]
async fn submits_once() {
    let server = Server::start().await;
    let answer = server.submit("shop", "plan").await;
    assert_eq!((answer.status, answer.header("location")), (201, Some("/v1/jobs/shop")));
    assert_eq!(answer.json()["submitted_by"], "operate");
    let again = post_json(&server, &json!({ "plan": "plan", "id": "shop" }).to_string()).await;
    assert_eq!((again.status, again.header("location")), (200, None));
    let other = server.submit("shop", "another plan").await;
    assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
    assert_eq!(server.get("/v1/jobs", "view").await.json()["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn chooses_an_id() {
    let server = Server::start().await;
    let answer = post_json(&server, r#"{"plan":"plan"}"#).await;
    let location = answer.header("location").unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(server.get(location, "view").await.json()["id"], answer.json()["id"]);
}

#[tokio::test]
async fn refuses_what_makes_no_sense() {
    let server = Server::start().await;
    let long = format!(r#"{{"plan":"p","id":"{}"}}"#, "x".repeat(NAME_BYTES_MAX + 1));
    let deep = "[".repeat(10_000);
    let bodies = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"plan":5}"#,
        r#"{"plan":"p","id":7}"#,
        r#"{"plan":"p","name":"x"}"#,
        r#"{"plan":"p","id":""}"#,
        r#"{"plan":"p","id":"a/b"}"#,
        r#"{"plan":"p","id":"a\u0000b"}"#,
        r#"{"plan":"p","id":".."}"#,
        &long,
        &deep,
    ];
    for body in bodies {
        let answer = post_json(&server, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{body}");
    }
    for query in ["?id=", "?id=%00", "?id=%ff", "?id=a%2Fb", "?ID=x", "?id=a&id=b"] {
        let path = format!("/v1/jobs{query}");
        let answer = server.ask("POST", &path, "operate", Some(("application/yaml", "plan"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{query}");
    }
    let twice = Some(("application/json", r#"{"plan":"p","id":"a"}"#));
    assert_eq!(server.ask("POST", "/v1/jobs?id=b", "operate", twice).await.status, 400);
    let form = server.ask("POST", "/v1/jobs", "operate", Some(("application/x-www-form-urlencoded", "plan"))).await;
    assert_eq!((form.status, form.code().as_str()), (415, "unsupported_media_type"));
    assert_eq!(server.get("/v1/jobs", "view").await.json(), json!({ "jobs": [] }));
}

#[tokio::test]
async fn takes_a_plan_of_four_mebibytes_and_no_more() {
    let server = Server::start().await;
    let largest = "\n".repeat(PLAN_BYTES_MAX);
    assert_eq!(server.submit("yaml", &largest).await.status, 201);
    assert_eq!(post_json(&server, &json!({ "plan": largest, "id": "json" }).to_string()).await.status, 201);
    let larger = "x".repeat(PLAN_BYTES_MAX + 1);
    let answer = post_json(&server, &json!({ "plan": larger }).to_string()).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn refuses_a_larger_body_before_it_is_sent() {
    let server = Server::start().await;
    for (kind, length) in [("application/yaml", PLAN_BYTES_MAX + 1), ("application/json", 1 << 40)] {
        let token = token("operate");
        let request = format!(
            "POST /v1/jobs HTTP/1.1\r\nhost: head\r\nauthorization: Bearer {token}\r\nexpect: 100-continue\r\n\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        let answer = server.raw(request.as_bytes()).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    }
}

#[tokio::test]
async fn gives_orders() {
    let server = Server::start().await;
    server.submit("shop", "plan").await;
    let orders = [("pause", "paused"), ("resume", "queued"), ("stop", "stopped"), ("retry", "queued")];
    for (verb, state) in orders {
        let answer = server.ask("POST", &format!("/v1/jobs/shop/{verb}"), "operate", None).await;
        assert_eq!((answer.status, answer.json()["state"].as_str()), (200, Some(state)));
    }
    assert_eq!(server.ask("POST", "/v1/jobs/shop/resume", "operate", None).await.code(), "conflict");
    assert_eq!(server.ask("POST", "/v1/jobs/none/pause", "operate", None).await.status, 404);
}

#[tokio::test]
async fn shows_a_report_once_there_is_one() {
    let server = Server::start().await;
    server.submit("shop", "plan").await;
    let early = server.get("/v1/jobs/shop/report", "view").await;
    assert_eq!((early.status, early.code().as_str()), (404, "not_found"));
    server.head.end("shop");
    assert_eq!(server.get("/v1/jobs/shop/report", "view").await.json(), json!({ "verdict": "equivalent" }));
    assert!(server.get("/v1/jobs", "view").await.json()["jobs"][0]["report"].is_null());
}
