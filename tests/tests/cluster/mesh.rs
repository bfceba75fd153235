//! References that several workers check together: with what proof, by what right, and what a lost member costs.

use std::time::Duration;

use sensei_tests::cluster::Cluster;
use sensei_tests::head::Head;
use sensei_tests::{Deadline, Sensei};
use serde_json::Value;

use crate::ground::{Servers, cluster, has_ended};

const JOB_MAX: Duration = Duration::from_secs(180);
/// Rows that make a check long enough for something to happen meanwhile.
const MANY: usize = 600_000;

/// `ROWS` customers and as many visits, each a hundredth of which refers to nobody. Nothing in the source says that they refer.
const SHOP: &str = "
    CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
    CREATE TABLE visits (id bigint PRIMARY KEY, customer bigint, page text);
    INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, ROWS) AS i;
    INSERT INTO visits SELECT i, CASE WHEN i % 100 = 7 THEN -i WHEN i % 11 > 0 THEN ROWS + 1 - i END, 'page ' || i % 50
        FROM generate_series(1, ROWS) AS i;
    ANALYZE";

/// Servers with a shop, and a folder with a plan that copies it into the database `name`.
struct Shop {
    servers: Servers,
    rows: usize,
}

impl Shop {
    fn start(rows: usize) -> Shop {
        let servers = Servers::start(1);
        servers.source.create_database("shop");
        servers.source.psql("shop", &SHOP.replace("ROWS", &rows.to_string()));
        Shop { servers, rows }
    }

    fn plan(&self, name: &str, memory: &str) -> Sensei {
        self.servers.target.create_database(name);
        let (source, target) = (self.servers.source.url("shop"), self.servers.target.url(name));
        let sensei = Sensei::new().time_max(JOB_MAX * 2);
        let plan = format!(
            "version: 1\nname: {name}\nsource: {{ url: \"{source}\", quiesced: true }}\ntarget: {{ url: \"{target}\" }}\n\
             limits: {{ source_connections: 40, target_connections: 40, split: 512KiB, memory: {memory} }}\n\
             relations: [{{ table: visits, columns: [customer], references: customers }}]\n"
        );
        sensei.write("plan.yaml", plan);
        sensei
    }

    /// Insists that the job found the orphans that there are, and only those.
    #[track_caller]
    fn check(&self, job: &Value) {
        let relation = &job["report"]["relations"][0];
        let said = ["rows", "parent_rows", "orphans", "verdict"].map(|what| relation[what].to_string());
        let (rows, orphans) = (self.rows.to_string(), (self.rows / 100).to_string());
        assert_eq!(said, [rows.clone(), rows, orphans, "\"different\"".to_owned()], "{job:#}");
        let examples: Vec<&str> = relation["examples"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(examples[..3], ["id=7", "id=107", "id=207"], "{examples:?}");
        assert_eq!((&job["state"], &job["exit_code"]), (&"failed".into(), &3.into()), "{job:#}");
    }
}

/// Waits until all workers have a process that meets the others', and a moment more.
#[track_caller]
fn await_members(cluster: &Cluster, name: &str) {
    let meet = || cluster.workers().iter().all(|worker| !worker.members().is_empty()).then_some(());
    let met = Deadline::after(JOB_MAX).wait_for(meet);
    assert!(met.is_some(), "nobody meets:\n{}", cluster.logs(name));
    std::thread::sleep(Duration::from_millis(500));
}

#[test]
fn workers_check_references_together_and_the_job_ends_with_the_proof_of_a_single_run() {
    let servers = Servers::start(40_000);
    let cluster = cluster(servers.plan("met", 40, ""), 3);
    cluster.submit("met");
    let job = cluster.await_job("met", JOB_MAX, has_ended);
    let report = servers.check(&cluster, "met", &job);
    let logs = cluster.logs("met");
    assert!(logs.contains("3 workers meet with 2 threads each: w1, w2, w3"), "{logs}");
    assert!(logs.contains("references were checked by 3 workers together"), "{logs}");
    assert!(!logs.contains("part"), "{logs}");
    let alone = servers.plan("unmet", 40, "");
    let single = alone.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(single["relations"], report["relations"]);
    assert_eq!(report["relations"][0]["verdict"], "equivalent");
}

#[test]
fn orphans_are_counted_and_named_as_by_a_single_run() {
    let shop = Shop::start(30_000);
    let cluster = cluster(shop.plan("orphaned", "256MiB"), 2);
    cluster.submit("orphaned");
    let job = cluster.await_job("orphaned", JOB_MAX, has_ended);
    shop.check(&job);
    let logs = cluster.logs("orphaned");
    assert!(logs.contains("references were checked by 2 workers together"), "{logs}");
    let alone = shop.plan("alone", "256MiB");
    let single = alone.run(&["run", "plan.yaml", "--output", "json"]).expect(3).json();
    assert_eq!(single["relations"], job["report"]["relations"]);
}

#[test]
fn a_single_worker_checks_alone() {
    let shop = Shop::start(3_000);
    let cluster = cluster(shop.plan("lonely", "256MiB"), 1);
    cluster.submit("lonely");
    shop.check(&cluster.await_job("lonely", JOB_MAX, has_ended));
    assert!(!cluster.logs("lonely").contains("meet"));
}

#[test]
fn a_member_that_is_killed_costs_a_generation_and_nothing_else() {
    let shop = Shop::start(MANY);
    let cluster = cluster(shop.plan("killed_member", "64MiB"), 2);
    cluster.submit("killed_member");
    await_members(&cluster, "killed_member");
    assert!(cluster.workers()[1].kill_member(), "{}", cluster.logs("killed_member"));
    let job = cluster.await_job("killed_member", JOB_MAX, has_ended);
    shop.check(&job);
    let logs = cluster.logs("killed_member");
    assert!(logs.contains("the check by 2 workers together broke off: the process on worker"), "{logs}");
    assert!(logs.contains("references were checked by 2 workers together"), "{logs}");
    assert_eq!(job["attempt"], 1, "the conductor never noticed more than that: {logs}");
}

#[test]
fn a_worker_that_is_killed_is_not_asked_again() {
    let shop = Shop::start(MANY);
    let mut cluster = cluster(shop.plan("killed_worker", "64MiB"), 3);
    cluster.submit("killed_worker");
    await_members(&cluster, "killed_worker");
    let conductor = cluster.job("killed_worker")["worker"].as_str().unwrap().to_owned();
    let other = cluster.workers().iter().position(|worker| worker.name != conductor).unwrap();
    let killed = cluster.take_worker(other);
    killed.running.kill9();
    let job = cluster.await_job("killed_worker", JOB_MAX, has_ended);
    shop.check(&job);
    let logs = cluster.logs("killed_worker");
    assert!(logs.contains("the check by 3 workers together broke off"), "{logs}");
    assert!(logs.contains("references were checked by 2 workers together"), "{logs}");
    assert_eq!(job["attempt"], 1, "{logs}");
}

#[test]
fn a_member_that_hangs_holds_nobody_up_for_long() {
    let shop = Shop::start(MANY);
    let cluster = cluster(shop.plan("hung_member", "64MiB"), 3);
    cluster.submit("hung_member");
    await_members(&cluster, "hung_member");
    assert!(cluster.workers()[2].suspend_member(), "{}", cluster.logs("hung_member"));
    let job = cluster.await_job("hung_member", JOB_MAX, has_ended);
    shop.check(&job);
    let logs = cluster.logs("hung_member");
    assert!(
        logs.contains("the check by 3 workers together broke off: the process on worker w3 was not heard of"),
        "{logs}"
    );
    assert!(logs.contains("references were checked by 2 workers together"), "{logs}");
    // The worker ends what hangs: it is no member any more.
    assert!(cluster.workers().iter().all(|worker| worker.members().is_empty()), "{logs}");
}

#[test]
fn workers_with_certificates_meet_by_tls() {
    let shop = Shop::start(20_000);
    let sensei = shop.plan("certified", "256MiB").env("SENSEI_LOG", "info");
    let certify = |arguments: &[&str]| drop(sensei.run(&[&["certs"], arguments].concat()).expect(0));
    certify(&["init", "certs"]);
    certify(&["issue", "certs", "head", "--name", "main", "--host", "127.0.0.1"]);
    let mut head = Head::start_tls(&sensei, "head-main");
    for name in ["w1", "w2"] {
        certify(&["issue", "certs", "worker", "--name", name, "--classes", "scout,mover,validator"]);
        let own = [format!("certs/worker-{name}.pem"), format!("certs/worker-{name}-key.pem")];
        let way = ["--name", name, "--certificate", &own[0], "--certificate-key", &own[1]];
        head.add_worker(&sensei, &way);
    }
    head.cli(&sensei, &["job", "submit", "plan.yaml", "--id", "certified", "--wait"]).expect(3);
    let logs = head.cli(&sensei, &["job", "logs", "certified"]).expect(0).stdout;
    assert!(logs.contains("references were checked by 2 workers together"), "{logs}");
    let job = head.cli(&sensei, &["job", "status", "certified", "--output", "json"]).expect(0).json();
    shop.check(&job);
    for worker in head.workers() {
        let is_said = |line: &str| line.contains("meeting other workers") && line.contains("tls=true");
        let said = Deadline::after(JOB_MAX).wait_for(|| worker.stderr().lines().any(is_said).then_some(()));
        assert!(said.is_some(), "{}", worker.stderr());
    }
    // Off this machine nobody listens without a certificate.
    let refused = head.cli(&sensei, &["worker", "--name", "w3", "--mesh-listen", "192.0.2.7"]);
    refused.expect(2).says("without a certificate, 192.0.2.7 would let anybody on the network read keys of rows");
}
