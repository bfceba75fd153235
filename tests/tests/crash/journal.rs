//! Stops at every single write of the journal, in a bucket: the write is lost on its way, or only its answer; and the
//! run is killed then, or sees a broken connection.

use std::time::Duration;

use sensei_tests::s3::{self, Loss, Proxy, Then};
use sensei_tests::{Deadline, Sensei};

/// More writes than any of these runs makes.
const WRITES_MAX: usize = 60;

/// Writes a run makes at the least: plan, splits, generation, two audit entries, certificate, a few epochs.
const WRITES_MIN: usize = 9;

const STEP_TIME_MAX: Duration = Duration::from_secs(60);

const ROWS: &str = "SELECT 'p' AS kind, id, name FROM parents UNION ALL SELECT 'c', parent, name FROM children \
    ORDER BY kind, id, name";

fn folder(proxy: &Proxy, case: &str) -> Sensei {
    let sensei = Sensei::new();
    let config = sensei.path("config").display().to_string();
    let sensei = sensei.env("XDG_CONFIG_HOME", config).envs(s3::Server::variables_of(&proxy.endpoint()));
    sensei.sqlite(
        "source.db",
        "CREATE TABLE parents (id integer PRIMARY KEY, name text);
         CREATE TABLE children (parent integer REFERENCES parents, name text);
         INSERT INTO parents VALUES (1, 'one'), (2, NULL), (3, 'drei');
         INSERT INTO children VALUES (1, 'x'), (1, 'x'), (3, '');",
    );
    let plan = format!(
        "version: 1\nname: tiny\nsource: {{ url: \"sqlite:source.db\" }}\ntarget: {{ url: \"sqlite:target.db\" }}\n\
         state: \"s3://evidence/{case}\"\n"
    );
    sensei.write("plan.yaml", plan);
    sensei
}

fn check(sensei: &Sensei, outcome: sensei_tests::Outcome) {
    assert_eq!(outcome.expect(0).json()["verdict"], "equivalent");
    assert_eq!(sensei.sqlite_rows("target.db", ROWS), sensei.sqlite_rows("source.db", ROWS));
    let tables = sensei.sqlite_rows(
        "target.db",
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' \
        AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    assert_eq!(tables.concat(), ["2"], "no progress records are left");
}

/// Loses the `nth` write; false if the run was over before.
fn lose(proxy: &Proxy, nth: usize, loss: Loss, then: Then) -> bool {
    let case = format!("{loss:?}-{then:?}-{nth}");
    eprintln!("{case}");
    let sensei = folder(proxy, &case);
    let run = ["run", "plan.yaml", "--output", "json"];
    proxy.lose(nth, loss, then);
    let mut running = sensei.spawn(&run);
    if then == Then::Cut {
        // The run settles by itself what became of its write.
        check(&sensei, running.wait());
    } else {
        let stopped = Deadline::after(STEP_TIME_MAX).wait_for(|| match proxy.has_lost() {
            true => Some(true),
            false => (!running.is_running()).then_some(false),
        });
        match stopped.expect("the run neither ends nor writes") {
            true => drop(running.kill9()),
            false => check(&sensei, running.wait()),
        }
    }
    let lost = proxy.has_lost();
    proxy.pass();
    check(&sensei, sensei.run(&run));
    lost
}

fn lose_each(loss: Loss, then: Then) {
    let server = s3::Server::start();
    server.create_bucket("evidence");
    let proxy = Proxy::start(&server);
    let writes = (1..WRITES_MAX).take_while(|&nth| lose(&proxy, nth, loss, then)).count();
    assert!((WRITES_MIN..WRITES_MAX - 1).contains(&writes), "{writes} writes");
}

#[test]
fn killed_before_each_write() {
    lose_each(Loss::Request, Then::Hang);
}

#[test]
fn killed_after_each_write() {
    lose_each(Loss::Answer, Then::Hang);
}

#[test]
fn each_write_that_is_lost_is_made_again() {
    lose_each(Loss::Request, Then::Cut);
}

#[test]
fn each_write_whose_answer_is_lost_is_settled() {
    lose_each(Loss::Answer, Then::Cut);
}
