//! Random tables of random rows of every supported type go from one system to another and, between equal ones, on the
//! straight way, through SQLite and through Parquet; what the servers say of the rows is the oracle, not what Sensei says.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod back;
mod mariadb;
mod own;
mod packed;
mod place;
mod shape;
mod sqlite;
mod value;

use std::collections::BTreeSet;
use std::time::Duration;

use sensei_tests::{Deadline, Random, Sensei, mysql, postgres};

use back::{Returns, taken_back};
use mariadb::Mariadb;
use place::Place;
use shape::{Kind, Shape, Way, rows};
use sqlite::{Sqlite, arrived_as_written, misfits};
use value::Postgres;

/// New rounds begin until this time is over.
const TIME: Duration = Duration::from_secs(12);

/// Tables of a round: a job with several costs hardly more than with one.
const TABLES: usize = 6;

/// Rows of a table at most.
const ROWS_MAX: usize = 200;

/// Times beyond a day are no times of day elsewhere.
const ELSEWHERE: &str = "types: [{ from: \"mysql:time\", to: interval }]\n";

/// A round's two places, its tables, and the statements that made them.
struct Round<'s, K> {
    source: Place<'s>,
    target: Place<'s>,
    shapes: Vec<Shape<K>>,
    create: String,
}

impl<'s, K: Kind> Round<'s, K> {
    /// Fills the source.
    fn new([source, target]: [Place<'s>; 2], way: Way, random: &mut Random) -> Round<'s, K> {
        let shapes: Vec<Shape<K>> = (0..TABLES).map(|index| Shape::random(index, way, random)).collect();
        let create: String = shapes.iter().map(Shape::create).collect();
        let mut script = format!("{}{create}BEGIN;\n", K::PREAMBLE);
        for shape in &shapes {
            for _ in 0..random.below(ROWS_MAX) {
                script.push_str(&shape.insert(random));
            }
        }
        script.push_str("COMMIT;\n");
        source.load(&script);
        Round { source, target, shapes, create }
    }

    /// Moves everything from one URL to another and verifies it.
    fn moves(&self, from: &str, to: &str, random: &mut Random) -> Sensei {
        self.moves_but(0, from, to, random)
    }

    /// As [`Round::moves`], where so many rows are to be rejected.
    fn moves_but(&self, rejected: u64, from: &str, to: &str, random: &mut Random) -> Sensei {
        let sensei = Sensei::new();
        let (split, workers) = (random.pick(&["8KiB", "40KiB", "64MiB"]), 1 + random.below(3));
        let elsewhere = if from.starts_with("mysql:") && !to.starts_with("mysql:") { ELSEWHERE } else { "" };
        sensei.write(
            "plan.yaml",
            format!(
                "version: 1\nname: move\nsource: {{ url: \"{from}\" }}\ntarget: {{ url: \"{to}\" }}\n{elsewhere}\
                 rejects: {{ max: {rejected} }}\nlimits: {{ split: {split}, workers: {workers} }}\n"
            ),
        );
        let create = &self.create;
        let outcome = sensei.run(&["run", "plan.yaml", "--output", "json"]);
        assert_eq!(outcome.code, Some(0), "{create}{}\n{outcome:?}", rejects(&sensei));
        let report = outcome.json();
        let left: u64 =
            report["tables"].as_array().unwrap().iter().filter_map(|table| table["rows_rejected"].as_u64()).sum();
        assert_eq!((&report["verdict"], left), (&"equivalent".into(), rejected), "{create}{}", rejects(&sensei));
        let verified = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(0);
        assert_eq!(verified.json()["verdict"], "equivalent", "{create}");
        sensei
    }

    /// Insists that both servers tell the same rows; returns them.
    fn compare(&self) -> String {
        self.told_alike(rows(&self.shapes, &self.target))
    }

    /// Insists that the rows are the source's; returns them.
    fn told_alike(&self, arrived: String) -> String {
        let sent = rows(&self.shapes, &self.source);
        let difference = sent.lines().zip(arrived.lines()).find(|(sent, arrived)| sent != arrived);
        assert!(sent == arrived, "{}\n{difference:?}", self.create);
        sent
    }

    /// Takes one row out of the target, which `verify` must find.
    fn lose_one(&self, sent: &str, sensei: &Sensei) {
        let filled = |shape: &&Shape<K>| sent.contains(&shape.name);
        let Some(shape) = self.shapes.iter().find(filled) else { return };
        self.target.lose_one(&shape.name);
        let report = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(3).json();
        assert_eq!(report["differences"][0]["target"], shape.name, "{}", self.create);
        assert_eq!(report["differences"][0]["counts"], serde_json::json!({"missing": 1}), "{}", self.create);
    }
}

impl<K: Returns> Round<'_, K> {
    /// Insists that the source's server finds its own rows in what the other one says it holds; returns them.
    fn compare_elsewhere(&self) -> String {
        self.told_alike(taken_back(&self.shapes, &self.source, &self.target))
    }
}

/// Rounds between new databases, which `places` makes of their name, until the time is over.
#[expect(clippy::print_stdout, reason = "it tells how much was tried")]
fn rounds<'s, K: Kind>(
    test: &str,
    way: Way,
    places: impl Fn(&str) -> [Place<'s>; 2],
    go: impl Fn(&Round<'s, K>, &mut Random),
) {
    let mut random = Random::announced(test);
    let clock = Deadline::after(TIME);
    let mut count = 0;
    while count == 0 || clock.elapsed() < TIME {
        let round = Round::new(places(&format!("round_{count}")), way, &mut random);
        go(&round, &mut random);
        count += 1;
    }
    println!("{count} rounds of {TABLES} tables");
}

/// Databases of one name in two servers.
fn between<'s>(one: &'s postgres::Server, other: &'s postgres::Server) -> impl Fn(&str) -> [Place<'s>; 2] {
    move |name| [Place::postgres(one, name), Place::postgres(other, name)]
}

#[test]
fn what_one_server_says_another_says_after_the_move() {
    let other = postgres::Server::start();
    let places = between(postgres::Server::shared(), &other);
    rounds::<Postgres>("what_one_server_says_another_says_after_the_move", Way::Direct, places, |round, random| {
        let sensei = round.moves(&round.source.url(), &round.target.url(), random);
        let sent = round.compare();
        assert_eq!(round.source.types(), round.target.types(), "{}", round.create);
        round.lose_one(&sent, &sensei);
    });
}

/// Types whose values are hashed without being taken apart.
const PACKED: [&str; 18] = [
    "boolean",
    "bytes",
    "date",
    "decimal",
    "float32",
    "float64",
    "int16",
    "int32",
    "int64",
    "interval",
    "json",
    "jsonb",
    "numeric",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
];

#[test]
fn what_is_hashed_as_it_came_has_the_hash_of_its_columns() {
    let server = postgres::Server::shared();
    let places = |name: &str| {
        [Place::postgres(server, &format!("{name}_packed")), Place::postgres(server, &format!("{name}_unused"))]
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let types = std::cell::RefCell::new(BTreeSet::new());
    rounds::<Postgres>("what_is_hashed_as_it_came", Way::Direct, places, |round, _| {
        types.borrow_mut().append(&mut runtime.block_on(packed::hashes_alike(&round.source.url())));
    });
    let types = types.into_inner();
    let types: BTreeSet<&str> = types.iter().filter_map(|name| name.split('(').next()).collect();
    let missed: Vec<_> = PACKED.iter().filter(|name| !types.contains(**name)).collect();
    assert_eq!(missed, Vec::<&&str>::new(), "{types:?}");
}

/// Moves a round's tables to a file or folder of `system`, and from there to the target. Returns the folder of the way
/// there, which the second one's source is in, and of the second.
fn through<K: Kind>(round: &Round<'_, K>, system: &str, random: &mut Random) -> [Sensei; 2] {
    let there = round.moves(&round.source.url(), &format!("{system}:stay"), random);
    let back = round.moves(&format!("{system}:{}", there.path("stay").display()), &round.target.url(), random);
    [there, back]
}

#[test]
fn what_one_server_says_another_says_after_a_stay_in_sqlite() {
    let other = postgres::Server::start();
    let (test, places) = ("after_a_stay_in_sqlite", between(postgres::Server::shared(), &other));
    rounds::<Postgres>(test, Way::ThroughSqlite, places, |round, random| {
        let [_there, back] = through(round, "sqlite", random);
        round.lose_one(&round.compare(), &back);
    });
}

#[test]
fn what_one_server_says_another_says_after_a_stay_in_parquet() {
    let other = postgres::Server::start();
    let (test, places) = ("after_a_stay_in_parquet", between(postgres::Server::shared(), &other));
    rounds::<Postgres>(test, Way::ThroughParquet, places, |round, random| {
        let [_there, back] = through(round, "parquet", random);
        round.lose_one(&round.compare(), &back);
    });
}

#[test]
fn what_one_mariadb_says_another_says_after_the_move() {
    let server = mysql::Server::shared();
    let places = |name: &str| [Place::mysql(server, name), Place::mysql(server, &format!("{name}_copy"))];
    rounds::<Mariadb>("one_mariadb_to_another", Way::Direct, places, |round, random| {
        let sensei = round.moves(&round.source.url(), &round.target.url(), random);
        let sent = round.compare();
        assert_eq!(round.source.types(), round.target.types(), "{}", round.create);
        round.lose_one(&sent, &sensei);
    });
}

#[test]
fn what_mariadb_says_it_finds_in_postgresql() {
    let (from, to) = (mysql::Server::shared(), postgres::Server::shared());
    let places = |name: &str| [Place::mysql(from, name), Place::postgres(to, name)];
    rounds::<Mariadb>("mariadb_to_postgresql", Way::ToPostgres, places, |round, random| {
        if random.once_in(2) {
            let sensei = round.moves(&round.source.url(), &round.target.url(), random);
            round.lose_one(&round.compare_elsewhere(), &sensei);
        } else {
            let [_there, back] = through(round, "sqlite", random);
            round.lose_one(&round.compare_elsewhere(), &back);
        }
    });
}

#[test]
fn what_postgresql_says_it_finds_in_mariadb() {
    let (from, to) = (postgres::Server::shared(), mysql::Server::shared());
    let places = |name: &str| [Place::postgres(from, name), Place::mysql(to, name)];
    rounds::<Postgres>("postgresql_to_mariadb", Way::ToMysql, places, |round, random| {
        let sensei = round.moves(&round.source.url(), &round.target.url(), random);
        round.lose_one(&round.compare_elsewhere(), &sensei);
    });
}

/// Moves a file's tables, among their rows some that are none of the declared types, which must be the only ones that stay
/// behind.
fn from_sqlite(round: &Round<'_, Sqlite>, random: &mut Random) {
    let fitting = Place::copy_of(&round.source);
    let misfits = misfits(&round.shapes, random);
    round.source.load(&misfits.concat());
    let (from, to) = (round.source.url(), round.target.url());
    let sensei = round.moves_but(misfits.len() as u64, &from, &to, random);
    arrived_as_written(&round.shapes, &fitting, &round.target);
    round.lose_one(&rows(&round.shapes, &fitting), &sensei);
}

#[test]
fn what_sqlite_holds_postgresql_would_have_made_of_it() {
    let to = postgres::Server::shared();
    let places = |name: &str| [Place::Sqlite(Sensei::new()), Place::postgres(to, name)];
    rounds::<Sqlite>("sqlite_to_postgresql", Way::ToPostgres, places, from_sqlite);
}

#[test]
fn what_sqlite_holds_mariadb_would_have_made_of_it() {
    let to = mysql::Server::shared();
    let places = |name: &str| [Place::Sqlite(Sensei::new()), Place::mysql(to, name)];
    rounds::<Sqlite>("sqlite_to_mariadb", Way::ToMysql, places, from_sqlite);
}

/// Why rows were rejected, if any were.
fn rejects(sensei: &Sensei) -> String {
    let Ok(files) = std::fs::read_dir(sensei.path("rejects/move-1")) else { return String::new() };
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}
