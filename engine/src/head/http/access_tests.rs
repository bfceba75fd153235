//! Tests of giving and taking access over REST.

use crate::head::http::testing::Server;

const NEW: &str = r#"{"name":"ci","role":"operator"}"#;

#[tokio::test]
async fn gives_and_takes_access() {
    let server = Server::start().await;
    let issued = server.ask("POST", "/v1/tokens", "admin", Some(("application/json", NEW))).await;
    assert_eq!((issued.status, issued.header("cache-control")), (201, Some("no-store")));
    let token = issued.json()["token"].as_str().unwrap().to_owned();
    let listed = server.get("/v1/tokens", "admin").await;
    assert!(listed.body.contains("\"ci\"") && !listed.body.contains(&token));
    let token = format!("/{token}");
    assert_eq!(server.get("/v1/jobs", &token).await.status, 200);
    assert_eq!(server.ask("POST", "/v1/tokens", "admin", Some(("application/json", NEW))).await.code(), "conflict");
    assert_eq!(server.ask("DELETE", "/v1/tokens/ci", "admin", None).await.status, 204);
    assert_eq!(server.get("/v1/jobs", &token).await.status, 401);
    assert_eq!(server.ask("DELETE", "/v1/tokens/ci", "admin", None).await.code(), "not_found");
}

#[tokio::test]
async fn refuses_tokens_that_make_no_sense() {
    let server = Server::start().await;
    for body in ["{}", r#"{"name":"a b","role":"viewer"}"#, r#"{"name":"x","role":"root"}"#, r#"{"name":1,"role":2}"#] {
        let answer = server.ask("POST", "/v1/tokens", "admin", Some(("application/json", body))).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{body}");
    }
    let yaml = server.ask("POST", "/v1/tokens", "admin", Some(("application/yaml", NEW))).await;
    assert_eq!(yaml.status, 415);
}

#[tokio::test]
async fn shows_what_was_changed() {
    let server = Server::start().await;
    server.submit("one", "plan").await;
    server.submit("two", "plan").await;
    let page = server.get("/v1/audit?after=1&limit=1", "admin").await.json();
    assert_eq!(page["entries"][0]["object"], "two");
    assert_eq!(page["entries"].as_array().unwrap().len(), 1);
    for query in ["limit=0", "limit=1001", "limit=-1", "after=x", "after=18446744073709551616", "offset=1"] {
        let answer = server.get(&format!("/v1/audit?{query}"), "admin").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{query}");
    }
}
