//! What people do with jobs and workers, and what they are told.

use std::time::Duration;

use sensei_tests::cluster::{Cluster, Store};
use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Sensei};

use crate::ground::{Servers, cluster, done, has_ended, verify};

/// Long enough for any job here, and short beside a hang.
const JOB_MAX: Duration = Duration::from_secs(120);

/// A shop of one table from SQLite to SQLite.
fn shop() -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite(
        "shop.db",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT);
         INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
            SELECT i, 'note ' || i FROM n;",
    );
    let ends = "source: { url: \"sqlite:shop.db\" }\ntarget: { url: \"sqlite:copy.db\" }\n";
    sensei.write("plan.yaml", format!("version: 1\nname: shop\n{ends}"));
    sensei
}

#[test]
fn one_command_and_one_more_copy_a_file() {
    let sensei = shop();
    let up = sensei.spawn(&["up", "--port", "0"]);
    let is_up = Deadline::after(JOB_MAX).wait_for(|| up.stderr().contains("the cluster is up").then_some(()));
    assert!(is_up.is_some(), "{}", up.stderr());
    let report = sensei.run(&["job", "submit", "plan.yaml", "--wait", "--output", "json"]).expect(0).json();
    assert_eq!(report["verdict"], "equivalent", "{report:#}");
    verify(&sensei, &report);
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT count(*) FROM orders"), [["5000"]]);
    up.interrupt();
    up.wait().expect(0);
}

#[test]
fn workers_share_a_job_and_it_ends_with_the_proof_of_a_single_run() {
    let servers = Servers::start(40_000);
    let cluster = cluster(servers.plan("shared", 40, ""), 3);
    cluster.submit("shared");
    let job = cluster.await_job("shared", JOB_MAX, has_ended);
    let report = servers.check(&cluster, "shared", &job);
    assert!(cluster.logs("shared").contains("helps with"), "{}", cluster.logs("shared"));
    let alone = servers.plan("alone", 40, "");
    let single = alone.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    servers.check_rows("alone");
    // Digests are keyed anew for every job: what can be compared is what they attest.
    for what in ["verdict", "tables", "relations", "structural", "differences", "rejects"] {
        assert_eq!(single[what], report[what], "{what}");
    }
}

#[test]
fn a_worker_that_comes_late_gets_splits_at_once_and_one_that_leaves_hands_them_back() {
    let servers = Servers::start(150_000);
    let mut cluster = cluster(servers.plan("late", 150, ""), 1);
    cluster.submit("late");
    cluster.await_job("late", JOB_MAX, |job| done(job) > 0);
    cluster.add_worker(2);
    let name = cluster.workers()[1].name.clone();
    // From its registration on.
    let registered = Deadline::after(JOB_MAX).wait_for(|| cluster.knows(&name).then_some(()));
    assert!(registered.is_some(), "{name} does not register");
    let granted = Deadline::after(Duration::from_secs(2)).wait_for(|| cluster.has_given(&name).then_some(()));
    assert!(granted.is_some(), "{name} got no split within 2 s:\n{}", cluster.logs("late"));
    let conductor = cluster.job("late")["worker"].as_str().unwrap().to_owned();
    let first = cluster.workers().iter().position(|worker| worker.name != conductor).unwrap();
    let worker = cluster.take_worker(first);
    worker.running.terminate();
    worker.running.wait().expect(0);
    let job = cluster.await_job("late", JOB_MAX, has_ended);
    assert_eq!(job["attempt"], 1, "{job:#}");
    servers.check(&cluster, "late", &job);
}

#[test]
fn a_job_is_paused_resumed_stopped_and_retried() {
    let servers = Servers::start(100_000);
    let cluster = cluster(servers.plan("held", 120, ""), 2);
    cluster.submit("held");
    cluster.await_job("held", JOB_MAX, |job| done(job) > 0);
    cluster.ask(&["job", "pause", "held"]);
    let paused = cluster.await_job("held", JOB_MAX, |job| job["state"] == "paused");
    assert_eq!(paused["why"], "a person asked for it");
    cluster.ask(&["job", "resume", "held"]);
    cluster.await_job("held", JOB_MAX, |job| job["state"] == "running");
    cluster.ask(&["job", "stop", "held"]);
    cluster.await_job("held", JOB_MAX, |job| job["state"] == "stopped");
    cluster.refuses(&["job", "resume", "held"], "has ended");
    cluster.ask(&["job", "retry", "held"]);
    let job = cluster.await_job("held", JOB_MAX, has_ended);
    servers.check(&cluster, "held", &job);
    cluster.refuses(&["job", "retry", "held"], "it ended equivalent");
}

#[test]
fn who_waits_is_told_why_the_job_waits_and_how_to_go_on_without() {
    let cluster = cluster(shop(), 0);
    let url = cluster.url();
    let waiting = cluster.sensei.spawn(&["job", "submit", "plan.yaml", "--id", "slow", "--wait", "--head", &url]);
    let told =
        Deadline::after(JOB_MAX).wait_for(|| waiting.stderr().contains("waits for a worker: none").then_some(()));
    assert!(told.is_some(), "{}", waiting.stderr());
    waiting.interrupt();
    let ended = waiting.wait().expect(6).hides("checkpoint");
    assert!(
        ended.stderr.contains("job slow goes on") && ended.stderr.contains("sensei job stop slow"),
        "{}",
        ended.stderr
    );
    assert_eq!(cluster.job("slow")["state"], "queued");
}

#[test]
fn the_same_id_is_the_same_job_and_another_plan_is_refused() {
    let cluster = cluster(shop(), 1);
    let first = cluster.submit("twice");
    assert_eq!(cluster.submit("twice")["submitted_at_ms"], first["submitted_at_ms"]);
    let job = cluster.await_job("twice", JOB_MAX, has_ended);
    assert_eq!(job["state"], "done", "{job:#}");
    let again = cluster.command(&["job", "submit", "plan.yaml", "--id", "twice", "--wait"]).expect(0);
    assert!(
        again.stderr.contains("nothing new was done: job twice of this plan has been done since"),
        "{}",
        again.stderr
    );
    let other = "version: 1\nname: other\nsource: { url: \"sqlite:shop.db\" }\ntarget: { url: \"sqlite:other.db\" }\n";
    cluster.sensei.write("plan.yaml", other);
    cluster.refuses(&["job", "submit", "plan.yaml", "--id", "twice"], "another plan");
    let refused = cluster.command(&["job", "submit", "plan.yaml", "--id", "twice"]).expect(2).json();
    assert!(refused["error"]["hint"].as_str().is_some_and(|hint| hint.contains("an --id of its own")), "{refused:#}");
    cluster.refuses(&["job", "status", "nobody"], "nobody");
}

#[test]
fn the_heads_store_may_be_a_database() {
    let server = Server::shared();
    let mut cluster = Cluster::start(shop(), Store::Postgres(server, "store_basics".to_owned()), 1);
    cluster.add_worker(1);
    cluster.submit("kept");
    let job = cluster.await_job("kept", JOB_MAX, has_ended);
    assert_eq!(job["state"], "done", "{job:#}");
    cluster.check_leases();
}
