//! Random tables of random rows of every supported type go from one PostgreSQL server to another, on the straight way,
//! through SQLite and through Parquet; what the servers say of the rows is the oracle, not what Sensei says.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod own;
mod shape;
mod value;

use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Random, Sensei};

use shape::{Shape, Way, rows};

/// New rounds begin until this time is over.
const TIME: Duration = Duration::from_secs(12);

/// Tables of a round: a job with several costs hardly more than with one.
const TABLES: usize = 6;

/// Rows of a table at most.
const ROWS_MAX: usize = 200;

/// The types of all columns.
fn types(server: &Server, database: &str) -> String {
    server.psql(
        database,
        "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull \
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY relname, attnum",
    )
}

/// A round's two servers, its database in both, its tables, and the statements that made them.
struct Round<'s> {
    source: &'s Server,
    target: &'s Server,
    database: String,
    shapes: Vec<Shape>,
    create: String,
}

impl<'s> Round<'s> {
    /// Fills the source's database.
    fn new(servers: [&'s Server; 2], way: Way, database: String, random: &mut Random) -> Round<'s> {
        let [source, target] = servers;
        let shapes: Vec<Shape> = (0..TABLES).map(|index| Shape::random(index, way, random)).collect();
        let create: String = shapes.iter().map(Shape::create).collect();
        source.create_database(&database);
        target.create_database(&database);
        source.load_text(&database, |input| {
            writeln!(input, "{} BEGIN; {create}", own::TYPES)?;
            for shape in &shapes {
                for _ in 0..random.below(ROWS_MAX) {
                    input.write_all(shape.insert(random).as_bytes())?;
                }
            }
            writeln!(input, "COMMIT;")
        });
        Round { source, target, database, shapes, create }
    }

    /// Moves everything from one URL to another and verifies it.
    fn moves(&self, from: &str, to: &str, random: &mut Random) -> Sensei {
        let sensei = Sensei::new();
        let (split, workers) = (random.pick(&["8KiB", "40KiB", "64MiB"]), 1 + random.below(3));
        sensei.write(
            "plan.yaml",
            format!(
                "version: 1\nname: move\nsource: {{ url: \"{from}\" }}\ntarget: {{ url: \"{to}\" }}\n\
                 limits: {{ split: {split}, workers: {workers} }}\n"
            ),
        );
        let create = &self.create;
        let outcome = sensei.run(&["run", "plan.yaml", "--output", "json"]);
        assert_eq!(outcome.code, Some(0), "{create}{}\n{outcome:?}", rejects(&sensei));
        assert_eq!(outcome.json()["verdict"], "equivalent", "{create}");
        let verified = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(0);
        assert_eq!(verified.json()["verdict"], "equivalent", "{create}");
        sensei
    }

    /// Insists that both servers tell the same rows; returns them.
    fn compare(&self) -> String {
        let [sent, arrived] = [self.source, self.target].map(|server| rows(&self.shapes, server, &self.database));
        let difference = sent.lines().zip(arrived.lines()).find(|(sent, arrived)| sent != arrived);
        assert!(sent == arrived, "{}\n{difference:?}", self.create);
        sent
    }

    /// Takes one row out of the target, which `verify` must find.
    fn lose_one(&self, sent: &str, sensei: &Sensei) {
        let filled = |shape: &&Shape| sent.contains(&shape.name);
        let Some(shape) = self.shapes.iter().find(filled) else { return };
        let lose = format!("DELETE FROM {0} WHERE ctid = (SELECT max(ctid) FROM {0})", shape.quoted());
        self.target.psql(&self.database, &lose);
        let report = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(3).json();
        assert_eq!(report["differences"][0]["target"], shape.name, "{}", self.create);
        assert_eq!(report["differences"][0]["counts"], serde_json::json!({"missing": 1}), "{}", self.create);
    }
}

/// Rounds until the time is over.
#[expect(clippy::print_stdout, reason = "it tells how much was tried")]
fn rounds(test: &str, way: Way, go: impl Fn(&Round<'_>, &mut Random)) {
    let mut random = Random::announced(test);
    let servers = [Server::shared(), &Server::start()];
    let clock = Deadline::after(TIME);
    let mut count = 0;
    while count == 0 || clock.elapsed() < TIME {
        let round = Round::new(servers, way, format!("round_{count}"), &mut random);
        go(&round, &mut random);
        count += 1;
    }
    println!("{count} rounds of {TABLES} tables");
}

#[test]
fn what_one_server_says_another_says_after_the_move() {
    rounds("what_one_server_says_another_says_after_the_move", Way::Direct, |round, random| {
        let [from, to] = [round.source, round.target].map(|server| server.url(&round.database));
        let sensei = round.moves(&from, &to, random);
        let sent = round.compare();
        assert_eq!(types(round.source, &round.database), types(round.target, &round.database), "{}", round.create);
        round.lose_one(&sent, &sensei);
    });
}

/// Moves a round's tables to a file or folder of `system`, and from there to the target.
fn there_and_back(round: &Round<'_>, system: &str, random: &mut Random) {
    let [from, to] = [round.source, round.target].map(|server| server.url(&round.database));
    let there = round.moves(&from, &format!("{system}:stay"), random);
    let back = round.moves(&format!("{system}:{}", there.path("stay").display()), &to, random);
    let sent = round.compare();
    round.lose_one(&sent, &back);
}

#[test]
fn what_one_server_says_another_says_after_a_stay_in_sqlite() {
    rounds("what_one_server_says_another_says_after_a_stay_in_sqlite", Way::ThroughSqlite, |round, random| {
        there_and_back(round, "sqlite", random);
    });
}

#[test]
fn what_one_server_says_another_says_after_a_stay_in_parquet() {
    rounds("what_one_server_says_another_says_after_a_stay_in_parquet", Way::ThroughParquet, |round, random| {
        there_and_back(round, "parquet", random);
    });
}

/// Why rows were rejected, if any were.
fn rejects(sensei: &Sensei) -> String {
    let Ok(files) = std::fs::read_dir(sensei.path("rejects/move-1")) else { return String::new() };
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}
