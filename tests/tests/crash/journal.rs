//! Stops at every single write of the journal, in a bucket, and of a Parquet target beside it: the write is lost on its way, or only its answer; and the
//! run is killed then, or sees a broken connection.

use std::time::Duration;

use sensei_tests::s3::{self, Loss, Proxy, Then};
use sensei_tests::{Deadline, Outcome, Running, Sensei};

/// More writes than any of these runs makes.
const WRITES_MAX: usize = 60;

/// Writes a run makes at the least: plan, splits, generation, two audit entries, certificate, a few epochs.
const WRITES_MIN: usize = 9;

const STEP_TIME_MAX: Duration = Duration::from_secs(60);

const ROWS: &str = "SELECT 'p' AS kind, id, name FROM parents UNION ALL SELECT 'c', parent, name FROM children \
    ORDER BY kind, id, name";

const TABLES: &str =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// Where the rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Sqlite,
    ParquetInBucket,
}

/// One run to be stopped.
struct Case {
    sensei: Sensei,
    to: To,
}

impl Case {
    fn new(proxy: &Proxy, to: To, name: &str) -> Case {
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
        let bucket = format!("parquet:s3://evidence/{name}/rows");
        let state = format!("s3://evidence/{name}/state");
        match to {
            To::Sqlite => write_plan(&sensei, "plan.yaml", "sqlite:source.db", "sqlite:target.db", &state),
            To::ParquetInBucket => {
                write_plan(&sensei, "plan.yaml", "sqlite:source.db", &bucket, &state);
                write_plan(&sensei, "reread.yaml", &bucket, "sqlite:target.db", "./reread");
            }
        }
        Case { sensei, to }
    }

    fn spawn(&self) -> Running {
        self.sensei.spawn(&["run", "plan.yaml", "--output", "json"])
    }

    /// Insists on a good end, the source's rows and nothing beside them.
    fn check(&self, outcome: Outcome) {
        assert_eq!(outcome.expect(0).json()["verdict"], "equivalent");
        if self.to == To::ParquetInBucket {
            self.sensei.run(&["run", "reread.yaml", "--fresh"]).expect(0);
        }
        assert_eq!(self.sensei.sqlite_rows("target.db", ROWS), self.sensei.sqlite_rows("source.db", ROWS));
        assert_eq!(self.sensei.sqlite_rows("target.db", TABLES).concat(), ["2"], "no progress records are left");
    }
}

fn write_plan(sensei: &Sensei, file: &str, source: &str, target: &str, state: &str) {
    let plan = format!(
        "version: 1\nname: tiny\nsource: {{ url: \"{source}\" }}\n\
         target: {{ url: \"{target}\", on_existing: truncate }}\nstate: \"{state}\"\n"
    );
    sensei.write(file, plan);
}

/// Loses the `nth` write; false if the run was over before.
fn lose(proxy: &Proxy, to: To, nth: usize, loss: Loss, then: Then) -> bool {
    let name = format!("{loss:?}-{then:?}-{nth}");
    eprintln!("{to:?} {name}");
    let case = Case::new(proxy, to, &name);
    proxy.lose(nth, loss, then);
    let mut running = case.spawn();
    if then == Then::Hang {
        let stopped = Deadline::after(STEP_TIME_MAX).wait_for(|| match proxy.has_lost() {
            true => Some(true),
            false => (!running.is_running()).then_some(false),
        });
        match stopped.expect("the run neither ends nor writes") {
            true => drop(running.kill9()),
            false => case.check(running.wait()),
        }
    } else {
        // The run settles by itself what became of its write.
        case.check(running.wait());
    }
    let lost = proxy.has_lost();
    proxy.pass();
    case.check(case.spawn().wait());
    lost
}

fn lose_each(to: To, loss: Loss, then: Then) {
    let server = s3::Server::start();
    server.create_bucket("evidence");
    let proxy = Proxy::start(&server);
    let writes = (1..WRITES_MAX).take_while(|&nth| lose(&proxy, to, nth, loss, then)).count();
    assert!((WRITES_MIN..WRITES_MAX - 1).contains(&writes), "{writes} writes");
}

#[test]
fn killed_before_each_write() {
    lose_each(To::Sqlite, Loss::Request, Then::Hang);
}

#[test]
fn killed_after_each_write() {
    lose_each(To::Sqlite, Loss::Answer, Then::Hang);
}

#[test]
fn each_write_that_is_lost_is_made_again() {
    lose_each(To::Sqlite, Loss::Request, Then::Cut);
}

#[test]
fn each_write_whose_answer_is_lost_is_settled() {
    lose_each(To::Sqlite, Loss::Answer, Then::Cut);
}

#[test]
fn killed_before_each_write_beside_parquet() {
    lose_each(To::ParquetInBucket, Loss::Request, Then::Hang);
}

#[test]
fn killed_after_each_write_beside_parquet() {
    lose_each(To::ParquetInBucket, Loss::Answer, Then::Hang);
}

#[test]
fn each_write_whose_answer_is_lost_is_settled_beside_parquet() {
    lose_each(To::ParquetInBucket, Loss::Answer, Then::Cut);
}
