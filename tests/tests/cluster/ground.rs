//! A job from PostgreSQL to PostgreSQL, and its check by SQL on both servers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sensei_tests::Sensei;
use sensei_tests::cluster::{Cluster, Lan, Store};
use sensei_tests::postgres::{Options, Server};
use serde_json::Value;

/// No call of the command line takes longer, however little of the machine it gets.
const TIME_MAX: Duration = Duration::from_secs(900);

/// A key of one column, a key of two with a reference, and no key at all but equal rows. `ROWS` is how many.
const TABLES: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, note text, payload bytea);
    CREATE TABLE lines (order_id bigint NOT NULL REFERENCES orders, line bigint NOT NULL, what text,
        PRIMARY KEY (order_id, line));
    CREATE TABLE notes (a bigint, b text);
    INSERT INTO orders SELECT 2 * i, i % 700, CASE WHEN i % 7 > 0 THEN 'näte ' || i || ' of ' || i * 31 END,
        decode(md5(i::text), 'hex') FROM generate_series(1, ROWS / 2) AS i;
    INSERT INTO lines SELECT 2 * (i / 2 + 1), i % 2, 'what ' || i FROM generate_series(0, ROWS * 4 / 10 - 1) AS i;
    INSERT INTO notes SELECT i % 50, 'note ' || i % 10 FROM generate_series(1, ROWS / 10) AS i;
    ANALYZE";

/// The tables.
pub const NAMES: [&str; 3] = ["orders", "lines", "notes"];

/// The servers of a test: database `original` on the source, one per job on the target.
#[derive(Debug)]
pub struct Servers {
    pub source: Server,
    pub target: Server,
    rows: usize,
}

impl Servers {
    /// Starts both, with `rows` rows in the source.
    pub fn start(rows: usize) -> Servers {
        Servers::start_on(rows, None)
    }

    /// Starts both, reached on a network too.
    pub fn start_on(rows: usize, lan: Option<&Lan>) -> Servers {
        let address = lan.map(Lan::address);
        // What is committed must outlive the server here.
        let settings = [("synchronous_commit", "on"), ("max_connections", "200")];
        let settings = || settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let start = || Server::start_with(Options { tcp: true, settings: settings(), address, ..Options::default() });
        let servers = Servers { source: start(), target: start(), rows };
        servers.source.create_database("original");
        servers.source.psql("original", &TABLES.replace("ROWS", &rows.to_string()));
        servers
    }

    /// A folder with a plan that copies the source into the new database `name`, in about `splits` splits.
    pub fn plan(&self, name: &str, splits: usize, more: &str) -> Sensei {
        self.plan_for(name, splits, more, (self.source.url("original"), self.target.url(name)))
    }

    /// The same for workers that reach the servers by a network.
    pub fn plan_on_lan(&self, name: &str, splits: usize, more: &str) -> Sensei {
        self.plan_for(name, splits, more, (self.source.address_url("original"), self.target.address_url(name)))
    }

    fn plan_for(&self, name: &str, splits: usize, more: &str, (source, target): (String, String)) -> Sensei {
        self.target.create_database(name);
        let split_kib = (self.rows * 60 / splits / 1024).max(1);
        let sensei = Sensei::new().time_max(TIME_MAX);
        let plan = format!(
            "version: 1\nname: {name}\nsource: {{ url: \"{source}\", quiesced: true }}\ntarget: {{ url: \"{target}\" }}\n\
             limits: {{ source_connections: 40, target_connections: 40, split: {split_kib}KiB }}\n{more}"
        );
        sensei.write("plan.yaml", plan);
        sensei
    }

    /// A new account that may only read the target's database `name`; its URL.
    pub fn reader(&self, name: &str) -> String {
        let role = format!("{name}_reader");
        let grants = format!(
            "CREATE ROLE {role} LOGIN; GRANT pg_read_all_data TO {role};
             ALTER ROLE {role} SET default_transaction_read_only = on"
        );
        self.target.psql(name, &grants);
        self.target.tcp_url(&role, name)
    }

    /// Insists that both sides hold the same rows, each as often.
    #[track_caller]
    pub fn check_rows(&self, name: &str) {
        for table in NAMES {
            let sql = format!(
                "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 7)::numeric), 0) || ' ' ||
                 coalesce(sum(hashtextextended(t::text, 8)::numeric), 0) FROM {table} AS t"
            );
            let (expected, actual) = (self.source.psql("original", &sql), self.target.psql(name, &sql));
            assert_eq!(expected, actual, "{table} of {name}");
        }
        let left = "SELECT nspname FROM pg_namespace WHERE nspname = 'sensei'";
        assert_eq!(self.target.psql(name, left), "", "{name} keeps bookkeeping");
    }

    /// Insists that the job ended well: its word, its rows, its certificate and journal, its leases. Returns its report.
    #[track_caller]
    pub fn check(&self, cluster: &Cluster, name: &str, job: &Value) -> Value {
        assert_eq!((&job["state"], &job["exit_code"]), (&"done".into(), &0.into()), "{job:#}");
        let report = job["report"].clone();
        assert_eq!(report["verdict"], "equivalent", "{report:#}");
        self.check_rows(name);
        verify(&cluster.sensei, &report);
        cluster.sensei.run(&["status", "plan.yaml"]).expect(0);
        cluster.check_leases();
        report
    }
}

/// Checks a report's certificate offline.
#[track_caller]
pub fn verify(sensei: &Sensei, report: &Value) {
    let certificate = certificate(sensei, report).display().to_string();
    let key = ".config/sensei/signing-key.pub.pem";
    sensei.run(&["certificate", "verify", &certificate, "--public-key", key]).expect(0);
}

fn certificate(sensei: &Sensei, report: &Value) -> PathBuf {
    sensei.path(report["certificate"].as_str().expect("a job ends with a certificate"))
}

/// Workers of a cluster with a job under way, for tests that need no more.
pub fn cluster(sensei: Sensei, workers: usize) -> Cluster<'static> {
    cluster_on(sensei, workers, None)
}

/// The same on a network.
pub fn cluster_on(sensei: Sensei, workers: usize, lan: Option<Arc<Lan>>) -> Cluster<'static> {
    let mut cluster = Cluster::start_on(sensei, Store::Sqlite, 1, lan);
    for _ in 0..workers {
        cluster.add_worker(2);
    }
    cluster
}

/// Splits that are done.
pub fn done(job: &Value) -> u64 {
    job["progress"]["splits_done"].as_u64().unwrap_or_default()
}

/// Whether nothing happens any more.
pub fn has_ended(job: &Value) -> bool {
    matches!(job["state"].as_str(), Some("done" | "failed" | "stopped"))
}
