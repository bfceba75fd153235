//! Workers that only read: what others wrote is read back by them, with credentials that could not have written it.

use std::time::Duration;

use sensei_tests::Sensei;
use sensei_tests::cluster::{Cluster, Store};

use crate::ground::{Servers, done, has_ended};

/// Long enough for any job here, and short beside a hang.
const JOB_MAX: Duration = Duration::from_secs(120);

/// The variable that leads to the target, to each worker with its own credentials.
const TARGET: &str = "SHOP_TARGET";

/// Connections as they are where a plan says nothing.
const DEFAULT_LIMITS: &str = "source_connections: 4, target_connections: 4";

/// A plan whose target each worker reaches as it may, and a URL for those who may only read.
fn plan(servers: &Servers, name: &str, splits: usize, more: &str) -> (Sensei, String) {
    let sensei = servers.plan(name, splits, more);
    let text = std::fs::read_to_string(sensei.path("plan.yaml")).expect("it was just written");
    let writing = servers.target.url(name);
    sensei.write("plan.yaml", text.replace(&writing, &format!("${{env:{TARGET}}}")));
    let reading = servers.reader(name);
    (sensei.env(TARGET, writing), reading)
}

#[test]
fn what_movers_write_is_read_back_by_validators_that_could_not_have_written_it() {
    let servers = Servers::start(40_000);
    let (sensei, reading) = plan(&servers, "apart", 40, "");
    let mut cluster = Cluster::start(sensei, Store::Sqlite, 1);
    let writing = servers.target.url("apart");
    cluster.add_worker_of("scout,mover", 2, &[(TARGET, &writing)]);
    cluster.submit("apart");
    let waits =
        |job: &serde_json::Value| job["why"].as_str().is_some_and(|why| why.contains("no worker is a validator"));
    let job = cluster.await_job("apart", JOB_MAX, waits);
    assert_eq!(done(&job), 0, "nothing is done before it is read back: {job:#}");
    cluster.add_worker_of("mover", 2, &[(TARGET, &writing)]);
    cluster.add_worker_of("validator", 2, &[(TARGET, &reading)]);
    let job = cluster.await_job("apart", JOB_MAX, has_ended);
    let report = servers.check(&cluster, "apart", &job);
    assert_eq!(job["why"], "", "{job:#}");
    assert!(cluster.logs("apart").contains("worker w3 reads back"), "{}", cluster.logs("apart"));
    assert!(!cluster.logs("apart").contains("w3 helps"), "{}", cluster.logs("apart"));
    let alone = servers.plan("alone", 40, "");
    let single = alone.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    for what in ["verdict", "tables", "relations", "structural", "differences", "rejects"] {
        assert_eq!(single[what], report[what], "{what}");
    }
}

#[test]
fn a_validator_finds_what_a_trigger_did_to_the_rows() {
    let servers = Servers::start(20_000);
    let (sensei, reading) = plan(&servers, "bent", 10, "");
    let tables = "CREATE TABLE notes (a bigint, b text);
        CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF NEW.a = 7 THEN NEW.b := NEW.b || ''!''; END IF; RETURN NEW; END';
        CREATE TRIGGER bend BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION bend()";
    servers.target.psql("bent", tables);
    let mut cluster = Cluster::start(sensei, Store::Sqlite, 1);
    cluster.add_worker_of("scout,mover", 2, &[(TARGET, &servers.target.url("bent"))]);
    cluster.add_worker_of("validator", 2, &[(TARGET, &reading)]);
    cluster.submit("bent");
    let job = cluster.await_job("bent", JOB_MAX, has_ended);
    assert_eq!((&job["state"], &job["exit_code"]), (&"failed".into(), &3.into()), "{job:#}");
    assert_eq!(job["report"]["verdict"], "different", "{job:#}");
}

#[test]
fn what_movers_reject_stays_on_disk_when_the_rest_is_read_back() {
    let servers = Servers::start(20_000);
    let (sensei, reading) = plan(&servers, "refused", 10, "rejects: { max: 1000 }\n");
    let text = std::fs::read_to_string(sensei.path("plan.yaml")).expect("it was just written");
    sensei.write("plan.yaml", text.replace("source_connections: 40, target_connections: 40", DEFAULT_LIMITS));
    servers.target.psql("refused", "CREATE TABLE notes (a bigint CHECK (a <> 7), b text)");
    let mut cluster = Cluster::start(sensei, Store::Sqlite, 1);
    // With as many slots as all of the connections would be for.
    cluster.add_worker_of("scout,mover", 2, &[(TARGET, &servers.target.url("refused"))]);
    cluster.add_worker_of("validator", 2, &[(TARGET, &reading)]);
    cluster.submit("refused");
    let job = cluster.await_job("refused", JOB_MAX, has_ended);
    assert_eq!((&job["state"], &job["exit_code"]), (&"done".into(), &0.into()), "{job:#}");
    assert_eq!(servers.target.psql("refused", "SELECT count(*) FROM notes"), "1960", "{job:#}");
    let listed = cluster.sensei.run(&["rejects", "list", "plan.yaml", "--output", "json"]).expect(0);
    assert!(listed.stdout.contains("40"), "{}", listed.stdout);
}

#[test]
fn a_validator_that_is_killed_loses_only_what_it_had() {
    let servers = Servers::start(150_000);
    let (sensei, reading) = plan(&servers, "lost", 150, "");
    let mut cluster = Cluster::start(sensei, Store::Sqlite, 1);
    cluster.add_worker_of("scout,mover", 2, &[(TARGET, &servers.target.url("lost"))]);
    let first = cluster.add_worker_of("validator", 1, &[(TARGET, &reading)]);
    cluster.submit("lost");
    cluster.await_job("lost", JOB_MAX, |job| done(job) > 3);
    cluster.take_worker(first).running.kill9();
    cluster.add_worker_of("validator", 2, &[(TARGET, &reading)]);
    let job = cluster.await_job("lost", JOB_MAX, has_ended);
    servers.check(&cluster, "lost", &job);
    assert_eq!(job["attempt"], 1, "{job:#}");
}

#[test]
fn a_plan_that_one_process_must_carry_out_is_refused_by_a_mover_that_may_not_read_back() {
    let sensei = Sensei::new();
    sensei.sqlite("shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    let ends = "source: { url: \"sqlite:shop.db\" }\ntarget: { url: \"sqlite:copy.db\" }\n";
    sensei.write("plan.yaml", format!("version: 1\nname: shop\n{ends}"));
    let mut cluster = Cluster::start(sensei, Store::Sqlite, 1);
    cluster.add_worker_of("scout,mover", 2, &[]);
    cluster.submit("shop");
    let job = cluster.await_job("shop", JOB_MAX, has_ended);
    assert_eq!((&job["state"], &job["exit_code"]), (&"failed".into(), &2.into()), "{job:#}");
    assert!(job["why"].as_str().is_some_and(|why| why.contains("scout, mover and validator")), "{job:#}");
}
