//! Tests of the probes.

use serde_json::json;

use crate::head::http::testing::Server;

#[tokio::test]
async fn a_leader_is_ready() {
    let server = Server::start().await;
    assert_eq!(server.get("/healthz", "").await.json(), json!({ "status": "ok" }));
    assert_eq!(server.get("/readyz", "").await.json(), json!({ "role": "leader" }));
    let detailed = server.get("/health/detailed", "").await.json();
    assert_eq!(
        (&detailed["term"], &detailed["role"], &detailed["leader"]),
        (&json!(3), &json!("leader"), &json!(null))
    );
    assert_eq!(detailed["workers"], json!({ "ready": 1, "draining": 0, "silent": 0 }));
    assert_eq!((&detailed["oldest_beat_at_ms"], &detailed["store_commit_seconds"]), (&json!(42), &json!(0.25)));
    assert_eq!(detailed["core_answers"], true);
}

#[tokio::test]
async fn a_standby_is_ready() {
    let server = Server::start().await;
    server.head.stand_by("https://head-2:7700");
    assert_eq!(server.get("/readyz", "").await.json(), json!({ "role": "standby" }));
    let detailed = server.get("/health/detailed", "").await.json();
    assert_eq!((&detailed["role"], &detailed["leader"]), (&json!("standby"), &json!("https://head-2:7700")));
    assert_eq!((&detailed["term"], &detailed["core_answers"]), (&json!(null), &json!(true)));
}

#[tokio::test]
async fn a_head_whose_core_hangs_is_not_ready() {
    let server = Server::start().await;
    server.head.stick();
    let (ready, detailed) = tokio::join!(server.get("/readyz", ""), server.get("/health/detailed", ""));
    assert_eq!((ready.status, ready.code().as_str(), ready.header("retry-after")), (503, "unavailable", Some("1")));
    assert_eq!((detailed.status, &detailed.json()["core_answers"]), (200, &json!(false)));
    assert_eq!(server.get("/healthz", "").await.status, 200);
}
