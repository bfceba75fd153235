//! A split that keeps one worker busy while another has nothing to do is halved, and whoever dies then, every row arrives once.
//!
//! The source is behind a network that gives each connection little, so that two read twice as fast as one.

use std::time::Duration;

use sensei_tests::cluster::{Cluster, Network, Proxy, Store};
use sensei_tests::postgres::{Options, Server};
use sensei_tests::{Deadline, Sensei};
use serde_json::Value;

use crate::ground::{has_ended, verify};

const JOB_MAX: Duration = Duration::from_secs(240);
/// How long a split may wait to be halved: it is held for three seconds, asked for with a renewal, and made.
const HALVED_MAX: Duration = Duration::from_secs(30);
/// Bytes a second of one connection to the source.
const RATE: u32 = 3 << 20;

/// Two servers, the source behind a slow network, with tables of rows of about a kilobyte, one split each.
struct Slow {
    source: Server,
    target: Server,
    proxy: Proxy,
    tables: Vec<String>,
}

impl Slow {
    /// With tables of so many thousand rows.
    fn start(tables: &[(&str, u32)]) -> Slow {
        let start = || {
            let settings = vec![("max_connections".to_owned(), "200".to_owned())];
            Server::start_with(Options { tcp: true, settings, ..Options::default() })
        };
        let (source, target) = (start(), start());
        source.create_database("original");
        for (table, thousands) in tables {
            source.psql(
                "original",
                &format!(
                    "CREATE TABLE {table} (id bigint PRIMARY KEY, payload text NOT NULL);
                     INSERT INTO {table} SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, {thousands}000) AS i;
                     ANALYZE {table}"
                ),
            );
        }
        let port = source.tcp_url("postgres", "original");
        let port = port.rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        let proxy = Proxy::start(port);
        proxy.set(Network::Slow(RATE));
        Slow { source, target, proxy, tables: tables.iter().map(|(table, _)| (*table).to_owned()).collect() }
    }

    /// A cluster of a head and one worker of one slot, which has begun the job.
    fn cluster(&self, name: &str) -> Cluster<'static> {
        self.target.create_database(name);
        let (source, target) = (format!("127.0.0.1:{}", self.proxy.port()), self.target.url(name));
        let sensei = Sensei::new().time_max(JOB_MAX);
        sensei.write(
            "plan.yaml",
            format!(
                "version: 1\nname: {name}\nsource: {{ url: \"postgresql://postgres@{source}/original?sslmode=disable\" }}\n\
                 target: {{ url: \"{target}\" }}\nlimits: {{ source_connections: 40, target_connections: 40, split: 1GiB }}\n"
            ),
        );
        let mut cluster = Cluster::start(sensei, Store::Sqlite, 1);
        cluster.add_worker(1);
        cluster.submit(name);
        self.await_given(&cluster, 0);
        cluster
    }

    fn await_given(&self, cluster: &Cluster, worker: usize) {
        let name = &cluster.workers()[worker].name;
        let given = Deadline::after(HALVED_MAX).wait_for(|| cluster.has_given(name).then_some(()));
        assert!(given.is_some(), "{name} is given no split");
    }

    /// Insists that the job ended well and both sides hold the same rows; its report.
    #[track_caller]
    fn check(&self, cluster: &Cluster, name: &str, job: &Value) -> Value {
        assert_eq!((&job["state"], &job["exit_code"]), (&"done".into(), &0.into()), "{job:#}\n{}", cluster.logs(name));
        assert_eq!(job["report"]["verdict"], "equivalent", "{job:#}");
        for table in &self.tables {
            let sql =
                format!("SELECT count(*), count(DISTINCT id), sum(hashtextextended(t::text, 7)) FROM {table} AS t");
            assert_eq!(self.source.psql("original", &sql), self.target.psql(name, &sql), "{table}");
        }
        verify(&cluster.sensei, &job["report"]);
        cluster.sensei.run(&["status", "plan.yaml"]).expect(0);
        cluster.check_leases();
        job["report"].clone()
    }
}

/// Who had the split that was halved first, apart from a worker; waits for that.
fn halved(cluster: &Cluster, name: &str, apart_from: &str) -> String {
    let holder = || {
        let logs = cluster.logs(name);
        let mut holders = logs.lines().filter_map(|line| {
            let (_, after) = line.split_once("is halved: worker ")?;
            after.split(' ').next().map(str::to_owned)
        });
        holders.find(|holder| holder != apart_from)
    };
    let found = Deadline::after(HALVED_MAX).wait_for(holder);
    found.unwrap_or_else(|| panic!("no split is halved:\n{}", cluster.logs(name)))
}

/// The cuts that a certificate names.
fn cuts(cluster: &Cluster, report: &Value) -> usize {
    let certificate = report["certificate"].as_str().unwrap();
    let shown = cluster.sensei.run(&["certificate", "show", certificate, "--output", "json"]).expect(0).json();
    shown["predicate"]["cuts"].as_array().unwrap_or_else(|| panic!("{shown:#}")).len()
}

#[test]
fn a_split_is_halved_for_a_worker_that_comes_late() {
    let slow = Slow::start(&[("big", 56)]);
    let mut cluster = slow.cluster("halved");
    let late = cluster.add_worker(1);
    let holder = cluster.workers()[0].name.clone();
    assert_eq!(halved(&cluster, "halved", ""), holder);
    slow.await_given(&cluster, late);
    let job = cluster.await_job("halved", JOB_MAX, has_ended);
    let report = slow.check(&cluster, "halved", &job);
    assert_eq!(job["attempt"], 1, "{job:#}");
    assert!(cuts(&cluster, &report) > 0);
    let progress = &job["progress"];
    assert_eq!(progress["splits"], progress["splits_done"], "{job:#}");
    assert!(progress["splits"].as_u64() > Some(1), "{job:#}");
}

#[test]
fn a_conductor_that_is_killed_after_its_split_was_halved_leaves_what_the_journal_has() {
    let slow = Slow::start(&[("big", 56)]);
    let mut cluster = slow.cluster("beheaded_half");
    cluster.add_worker(1);
    let holder = halved(&cluster, "beheaded_half", "");
    assert_eq!(holder, cluster.workers()[0].name);
    assert!(cluster.workers()[0].kill_child());
    let job = cluster.await_job("beheaded_half", JOB_MAX, has_ended);
    assert_eq!(job["attempt"], 2, "{job:#}");
    let report = slow.check(&cluster, "beheaded_half", &job);
    assert!(cuts(&cluster, &report) > 0);
}

#[test]
fn a_copier_that_is_killed_after_its_split_was_halved_leaves_the_smaller_half() {
    let slow = Slow::start(&[("big", 170)]);
    let mut cluster = slow.cluster("orphaned_half");
    let conductor = cluster.workers()[0].name.clone();
    // The second worker gets half of what the first one has. Of these two one is halved for the third, the other for the
    // fourth.
    for worker in 1..4 {
        cluster.add_worker(1);
        slow.await_given(&cluster, worker);
    }
    let holder = halved(&cluster, "orphaned_half", &conductor);
    let index = cluster.workers().iter().position(|worker| worker.name == holder).unwrap();
    cluster.take_worker(index).running.kill9();
    let job = cluster.await_job("orphaned_half", JOB_MAX, has_ended);
    assert_eq!(job["attempt"], 1, "{job:#}\n{}", cluster.logs("orphaned_half"));
    let report = slow.check(&cluster, "orphaned_half", &job);
    assert!(cuts(&cluster, &report) > 1);
    assert!(cluster.check_leases().lost > 0, "it held nothing when it was killed");
}
