//! Tests of who may do what over REST.

use std::net::{IpAddr, Ipv4Addr};

use super::{Access, Caller, Role, permit};
use crate::cluster::caller::Class;
use crate::head::http::testing::{Server, token};

const AFAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

#[tokio::test]
async fn asks_who_calls() {
    let server = Server::start().await;
    for path in ["/v1/jobs", "/v1/pool", "/v1/jobs/x/events", "/v1/tokens", "/v1/audit"] {
        for token in ["", "nobody", "/guess", "/sensei_"] {
            let answer = server.get(path, token).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{path} {token}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"sensei\""));
        }
    }
}

#[tokio::test]
async fn reads_one_bearer_token_and_nothing_else() {
    let server = Server::start().await;
    let cases = [
        ("authorization: bearer VIEW\r\n", 200),
        ("authorization: Bearer  VIEW \r\n", 200),
        ("authorization: Basic dmlldw==\r\n", 401),
        ("authorization: Bearer\r\n", 401),
        ("authorization: Bearer \r\n", 401),
        ("authorization: Bearer VIEW\r\nauthorization: Bearer VIEW\r\n", 401),
    ];
    for (line, status) in cases {
        let line = line.replace("VIEW", &token("view"));
        let request = format!("GET /v1/jobs HTTP/1.1\r\nhost: head\r\nconnection: close\r\n{line}\r\n");
        assert_eq!(server.raw(request.as_bytes()).await.unwrap().status, status, "{line}");
    }
}

#[tokio::test]
async fn each_role_may_what_it_may() {
    let server = Server::start().await;
    server.submit("shop", "plan").await;
    let cases = [
        ("GET", "/v1/jobs", [200, 200, 200]),
        ("GET", "/v1/jobs/shop", [200, 200, 200]),
        ("GET", "/v1/jobs/shop/events", [200, 200, 200]),
        ("GET", "/v1/pool", [200, 200, 200]),
        ("POST", "/v1/jobs/shop/pause", [403, 200, 409]),
        ("POST", "/v1/jobs/shop/resume", [403, 200, 409]),
        ("POST", "/v1/jobs/shop/stop", [403, 200, 409]),
        ("POST", "/v1/jobs/shop/retry", [403, 200, 409]),
        ("POST", "/v1/jobs", [403, 415, 415]),
        ("GET", "/v1/tokens", [403, 403, 200]),
        ("POST", "/v1/tokens", [403, 403, 415]),
        ("DELETE", "/v1/tokens/nobody", [403, 403, 404]),
        ("GET", "/v1/audit", [403, 403, 200]),
    ];
    for (method, path, expected) in cases {
        for (token, status) in ["view", "operate", "admin"].into_iter().zip(expected) {
            let answer = server.ask(method, path, token, None).await;
            assert_eq!(answer.status, status, "{method} {path} {token}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_certificate_says_who_calls() {
    let caller = Caller { name: "ci".into(), access: Access::Client(Role::Operator) };
    let server = Server::seen_from(AFAR, Some(caller)).await;
    let answer = server.ask("POST", "/v1/jobs", "", Some(("application/yaml", "plan"))).await;
    assert_eq!((answer.status, answer.json()["submitted_by"].as_str()), (201, Some("ci")));
    assert_eq!(server.get("/v1/audit", "").await.status, 403);
    assert_eq!(server.get("/metrics", "").await.status, 200);
}

#[test]
fn a_workers_certificate_opens_nothing() {
    let worker = Caller { name: "w-1".into(), access: Access::Worker(vec![Class::Mover]) };
    let refusal = permit(&worker, Role::Viewer, "GET /v1/jobs").unwrap_err();
    assert_eq!(refusal.to_string(), "w-1 may not GET /v1/jobs: it takes the role viewer");
}

#[tokio::test]
async fn strangers_see_details_only_from_this_machine() {
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped().into();
    for (address, status) in [(IpAddr::V4(Ipv4Addr::LOCALHOST), 200), (mapped, 200), (AFAR, 401)] {
        let server = Server::seen_from(address, None).await;
        for path in ["/metrics", "/health/detailed"] {
            assert_eq!(server.get(path, "").await.status, status, "{path} from {address}");
            assert_eq!(server.get(path, "view").await.status, 200);
        }
        for path in ["/healthz", "/readyz", "/v1/openapi.json"] {
            assert_eq!(server.get(path, "").await.status, 200, "{path} from {address}");
        }
    }
}
