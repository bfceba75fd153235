//! Tests of the metrics.

use crate::head::http::testing::Server;

#[track_caller]
fn check(text: &str, line: &str) {
    assert!(text.lines().any(|it| it == line), "no line `{line}` in\n{text}");
}

#[tokio::test]
async fn shows_what_the_core_counts() {
    let server = Server::start().await;
    let answer = server.get("/metrics", "").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = &answer.body;
    check(text, &format!("sensei_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    for (name, value) in [("running", 2), ("queued", 0), ("failed", 0), ("pausing", 0)] {
        check(text, &format!("sensei_jobs{{state=\"{name}\"}} {value}"));
    }
    check(text, "sensei_workers{state=\"ready\"} 1");
    check(text, "sensei_workers{state=\"silent\"} 0");
    for line in ["sensei_leading 1", "sensei_slots 4", "sensei_slots_busy 3", "sensei_slots_wanted 2"] {
        check(text, line);
    }
    for line in ["sensei_grants_total 17", "sensei_leases_lost_total 0", "sensei_splits_done_total 0"] {
        check(text, line);
    }
    for line in ["sensei_rows_total 0", "sensei_bytes_total 0", "sensei_bytes_left 0", "sensei_store_commits_total 0"] {
        check(text, line);
    }
    check(text, "sensei_store_commit_seconds 0.25");
    check(text, "sensei_workers_wanted 5");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn counts_requests_by_template() {
    let server = Server::start().await;
    for path in ["/v1/jobs/a", "/v1/jobs/b", "/v1/jobs/c%20d", "/nowhere/1", "/nowhere/2"] {
        server.get(path, "view").await;
    }
    server.ask("BREW", "/v1/jobs", "view", None).await;
    let text = server.get("/metrics", "").await.body;
    check(&text, "sensei_http_requests_total{method=\"GET\",route=\"/v1/jobs/{id}\",status=\"404\"} 2");
    check(&text, "sensei_http_requests_total{method=\"GET\",route=\"/v1/jobs/{id}\",status=\"400\"} 1");
    check(&text, "sensei_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 2");
    check(&text, "sensei_http_requests_total{method=\"other\",route=\"/v1/jobs\",status=\"405\"} 1");
    check(&text, "sensei_http_request_seconds_count{route=\"/v1/jobs/{id}\"} 3");
    assert!(!text.contains("nowhere"), "{text}");
}

#[tokio::test]
async fn leaves_out_what_the_core_does_not_tell() {
    let server = Server::start().await;
    server.head.stand_by("");
    let text = server.get("/metrics", "").await.body;
    check(&text, "sensei_leading 0");
    assert!(!text.contains("sensei_jobs") && !text.contains("sensei_slots"), "{text}");
}
