//! Tests of the bounds on requests.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Json, Router};
use tower::ServiceExt;

use super::{limit_time, location};
use crate::head::http::limits::REQUESTS_MAX;
use crate::head::http::memory::Memory;
use crate::head::http::testing::{Server, seen_from, token};

#[track_caller]
fn check(leader: &str, expected: &str) {
    assert_eq!(location(leader, &"/v1/jobs?id=a%20b".parse().unwrap()), expected);
}

#[test]
fn finds_the_leader() {
    check("https://head-2:7700", "https://head-2:7700/v1/jobs?id=a%20b");
    check("https://head-2:7700/", "https://head-2:7700/v1/jobs?id=a%20b");
    check("10.0.0.2:7700", "//10.0.0.2:7700/v1/jobs?id=a%20b");
}

#[tokio::test]
async fn a_standby_sends_clients_to_the_leader() {
    let server = Server::start().await;
    server.head.stand_by("https://head-2:7700");
    let paths = [("POST", "/v1/jobs?id=x"), ("GET", "/v1/jobs"), ("DELETE", "/v1/tokens/x"), ("GET", "/v1/pool")];
    for (method, path) in paths {
        let answer = server.ask(method, path, "admin", Some(("application/yaml", "plan"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (307, "not_leading"), "{method} {path}");
        assert_eq!(answer.header("location"), Some(format!("https://head-2:7700{path}").as_str()));
    }
    for path in ["/healthz", "/readyz", "/health/detailed", "/metrics", "/v1/openapi.json"] {
        assert_eq!(server.get(path, "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_standby_that_knows_no_leader_says_when_to_come_again() {
    let server = Server::start().await;
    server.head.stand_by("");
    let answer = server.get("/v1/jobs", "view").await;
    assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (503, "not_leading", Some("1")));
    server.head.stand_by("no\nheader");
    assert_eq!(server.get("/v1/jobs", "view").await.status, 503);
}

#[tokio::test]
async fn answers_in_json_where_nothing_is() {
    let server = Server::start().await;
    for path in
        ["/", "/v1", "/v1/jobs/", "/v1/jobs/a/b", "/v1/jobs/a/pause/x", "/v2/jobs", "/%2e%2e/etc/passwd", "/%ff"]
    {
        let answer = server.get(path, "view").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    let answer = server.ask("PATCH", "/v1/jobs", "view", None).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
    let allow = answer.header("allow").unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    for path in ["/v1/jobs/%ff", "/v1/jobs/%00", "/v1/jobs/a%2fb", "/v1/jobs/..%2e"] {
        let answer = server.get(path, "view").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{path}");
    }
}

#[tokio::test]
async fn turns_away_what_is_too_much_and_stays_well() {
    let head = Memory::new();
    head.stick();
    let router = seen_from(head, Ipv4Addr::LOCALHOST.into(), None);
    let ask = |path: &str| {
        let request = Request::get(path)
            .header("authorization", format!("Bearer {}", token("view")))
            .body(Body::empty())
            .unwrap();
        router.clone().oneshot(request)
    };
    let waiting: Vec<_> = (0..REQUESTS_MAX).map(|_| tokio::spawn(ask("/v1/jobs"))).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(ask("/v1/jobs").await.unwrap().status(), 503);
    assert_eq!(ask("/healthz").await.unwrap().status(), 200);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    for task in waiting {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    let again = tokio::time::timeout(Duration::from_millis(200), ask("/v1/jobs")).await;
    assert!(again.is_err(), "a turn was not given back");
}

#[tokio::test]
async fn gives_up_on_what_takes_too_long() {
    let slow = get(std::future::pending::<Json<()>>);
    let router = Router::new().route("/", slow);
    let router = router.layer(from_fn_with_state(Duration::from_millis(20), limit_time));
    let answer = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "1"));
}
