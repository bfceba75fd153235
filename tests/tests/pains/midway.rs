//! What happens while a job runs, or between two runs of it: pains 2, 3 and 12.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sensei_tests::postgres::Server;
use serde_json::Value;

use crate::ground::{Postgres, ends, killed_midway, run, sensei, under_way};

/// Small splits and one worker, so that a job has many and takes a moment.
const SLOWLY: &str = "limits: { split: 64KiB, workers: 1 }";

/// Rows of the table that jobs are killed over.
const ROWS: u32 = 100_000;

fn numbered(rows: u32) -> String {
    format!(
        "CREATE TABLE t (id int PRIMARY KEY, v text);
         INSERT INTO t SELECT i, lpad(i::text, 60, '0') FROM generate_series(1, {rows}) i; ANALYZE t; CHECKPOINT"
    )
}

/// Elsewhere a job that goes on empties tables that were finished, skips what it had half done, or mixes rows of two
/// moments. Here it keeps what is right, copies again what changed, and ends with what the source holds.
#[test]
fn pain_02_a_resumed_job_is_consistent() {
    let job = Postgres::new(&numbered(ROWS), SLOWLY);
    killed_midway(&job.sensei);
    job.target("CREATE SCHEMA watch; CREATE TABLE watch.kept AS SELECT id, xmin::text AS written_by FROM t");
    job.server.psql(
        "source",
        &format!(
            "UPDATE t SET v = 'changed' WHERE id = 5; DELETE FROM t WHERE id = 6; INSERT INTO t VALUES (0, 'new'), (-1, 'new');
             UPDATE t SET id = {ROWS} + id WHERE id BETWEEN 10 AND 12; DELETE FROM t WHERE id = {ROWS}"
        ),
    );
    let report = run(&job.sensei);
    assert_eq!(report["resumes"], 1, "{report}");
    assert!(report["recopied_splits"].as_u64() > Some(0), "{report}");
    job.same("SELECT count(*), count(DISTINCT id), md5(string_agg(id || v, ',' ORDER BY id)) FROM t");
    let kept = "SELECT count(*) > 10, count(*) FILTER (WHERE written_by = t.xmin::text) > 10 FROM watch.kept JOIN t USING (id)";
    assert_eq!(job.target(kept), "t|t", "what was finished and is unchanged was not written again");
}

/// Accounts whose balance is what their transfers say: true in every state of the source, and in no mixture of two.
const BANK: &str = "
    CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, note text);
    CREATE TABLE transfer (id bigserial PRIMARY KEY, payer int NOT NULL, payee int NOT NULL, amount bigint NOT NULL);
    INSERT INTO account SELECT i, 0, repeat('x', 100) FROM generate_series(1, 60000) i;
    ANALYZE;";

/// One transaction: money moves, and is written down; every second time an account is closed and another opened.
const PAY: &str = "
    WITH pair AS (SELECT (1 + random() * 59999)::int AS payer, (1 + random() * 59999)::int AS payee),
        paid AS (INSERT INTO transfer (payer, payee, amount) SELECT payer, payee, 10 FROM pair WHERE payer <> payee RETURNING *)
    UPDATE account SET balance = balance + CASE WHEN account.id = payee THEN amount ELSE -amount END
    FROM paid WHERE account.id IN (payer, payee)";

/// Accounts whose balance is not what their transfers say.
const UNBALANCED: &str = "
    SELECT count(*) FROM account WHERE balance <>
        coalesce((SELECT sum(amount) FROM transfer WHERE payee = account.id), 0)
        - coalesce((SELECT sum(amount) FROM transfer WHERE payer = account.id), 0)";

/// Pays until told to stop.
fn pay(server: &Server, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        server.psql("source", &[PAY; 20].join(";"));
    }
}

/// Elsewhere rows written between the snapshot and what follows are lost or arrive twice. There is no change stream
/// here yet; what a snapshot can show is shown: under a source that never rests the target is one state of it, also
/// when the job was killed and went on.
#[test]
fn pain_03_no_gap_and_no_overlap_under_a_changing_source() {
    let job =
        Postgres::new(&format!("{BANK} CREATE INDEX ON transfer (payer); CREATE INDEX ON transfer (payee)"), SLOWLY);
    let stop = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        scope.spawn(|| pay(&job.server, &stop));
        killed_midway(&job.sensei);
        let ended = job.sensei.run(&["run", "plan.yaml", "--output", "json"]);
        stop.store(true, Ordering::Relaxed);
        ended
    });
    let report: Value = report.expect(0).json();
    assert_eq!((&report["verdict"], &report["resumes"]), (&"equivalent".into(), &1.into()), "{report}");
    assert!(report["recopied_splits"].as_u64() > Some(0), "{report}");
    assert_eq!(job.target("SELECT count(*), sum(balance) FROM account"), "60000|0");
    job.target("CREATE INDEX ON transfer (payer); CREATE INDEX ON transfer (payee)");
    assert_eq!(job.target(UNBALANCED), "0", "the target is no state of the source");
    let [sent, arrived] = ["source", "target"]
        .map(|database| job.server.psql(database, "SELECT count(*) FROM transfer").parse::<u64>().unwrap());
    assert!(0 < arrived && arrived < sent, "{arrived} of {sent} transfers: the source did change meanwhile");
}

/// Sessions, slots and prepared transactions that hold back the source's log or clean-up.
const HELD: &str = "
    SELECT (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_prepared_xacts),
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())";

/// Elsewhere a slot is left on the source until its disk is full, and a position that is gone, or another server under
/// the old name, is passed over in silence. There is no change stream here yet; a snapshot job leaves nothing behind,
/// takes a new snapshot where the old one is gone, and copies again what the target has lost.
#[test]
fn pain_12_nothing_is_held_and_nothing_is_guessed() {
    let mut job = Postgres::new(&numbered(ROWS), SLOWLY);
    let mut running = job.sensei.spawn(&["run", "plan.yaml"]);
    under_way(&job.sensei, &mut running);
    assert!(job.server.psql("source", HELD).starts_with("0|0|"), "no slot while it runs");
    job.server.kill9();
    running.wait().expect(5).says("run the same command again");
    job.server.restart();
    // The target is another server that was restored from before the job: what the journal says is there is not.
    job.target("DROP SCHEMA sensei CASCADE; TRUNCATE t");
    let report = run(&job.sensei);
    assert_eq!(report["resumes"], 1, "{report}");
    job.same("SELECT count(*), md5(string_agg(id || v, ',' ORDER BY id)) FROM t");
    let shown = job.sensei.run(&["certificate", "show", report["certificate"].as_str().unwrap(), "--output", "json"]);
    let shown = shown.expect(0).json();
    let snapshots = shown["predicate"]["source"]["snapshots"].as_array().map(Vec::len);
    assert_eq!(snapshots, Some(2), "the certificate names both snapshots: {shown}");
    for database in ["source", "target"] {
        assert_eq!(job.server.psql(database, HELD), "0|0|0", "{database}");
        assert_eq!(job.server.psql(database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'sensei'"), "0");
    }
    // Another database under the old name, with other columns, is not taken for the first.
    let stray = sensei(&job.server.url("source"), "sqlite:copy.db", SLOWLY);
    killed_midway(&stray);
    job.server.psql("source", "ALTER TABLE t RENAME TO old; CREATE TABLE t (id int PRIMARY KEY, other text)");
    ends(&stray, 2).says("--fresh");
}
