//! Random tables of random rows of every supported type go from one PostgreSQL server to another; what the servers say
//! of the rows is the oracle, not what Sensei says.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod value;

use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Random, Sensei};

use value::Kind;

/// New rounds begin until this time is over.
const TIME: Duration = Duration::from_secs(12);

/// Tables of a round: a job with several costs hardly more than with one.
const TABLES: usize = 6;

/// Rows of a table at most.
const ROWS_MAX: usize = 200;

/// A random table: its columns, the first of which make up the key.
struct Shape {
    name: String,
    columns: Vec<Kind>,
    key: usize,
}

impl Shape {
    fn random(index: usize, random: &mut Random) -> Shape {
        let columns: Vec<Kind> = (0..1 + random.below(9)).map(|_| Kind::random(random)).collect();
        let able = columns.iter().take_while(|kind| kind.orders()).count();
        let key = random.below(able.min(3) + 1);
        Shape { name: format!("table {index}"), columns, key }
    }

    fn column(index: usize) -> String {
        format!("\"Column {index}\"")
    }

    fn create(&self) -> String {
        let column = |(index, kind): (usize, &Kind)| format!("{} {}", Shape::column(index), kind.sql());
        let mut parts: Vec<String> = self.columns.iter().enumerate().map(column).collect();
        if self.key > 0 {
            let key: Vec<String> = (0..self.key).map(Shape::column).collect();
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        format!("CREATE TABLE \"{}\" ({});\n", self.name, parts.join(", "))
    }

    fn insert(&self, random: &mut Random) -> String {
        let mut cell = |(index, kind): (usize, &Kind)| match index >= self.key && random.once_in(6) {
            true => "NULL".to_owned(),
            false => kind.value(random),
        };
        let cells: Vec<String> = self.columns.iter().enumerate().map(&mut cell).collect();
        // Two random keys may be equal: the second row is then left out.
        format!("INSERT INTO \"{}\" VALUES ({}) ON CONFLICT DO NOTHING;\n", self.name, cells.join(", "))
    }

    fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    /// Its name and each row as PostgreSQL writes it.
    fn select(&self) -> String {
        let columns: Vec<String> = (0..self.columns.len()).map(Shape::column).collect();
        format!("SELECT '{}', row({})::text FROM {}", self.name, columns.join(", "), self.quoted())
    }
}

/// Every row of every table, in an order of its own.
fn rows(shapes: &[Shape], server: &Server, database: &str) -> String {
    let selects: Vec<String> = shapes.iter().map(Shape::select).collect();
    let all = selects.join(" UNION ALL ");
    server.psql(database, &format!("SELECT * FROM ({all}) AS rows (name, row) ORDER BY name, row COLLATE \"C\""))
}

/// The types of all columns; an enum is carried as text.
fn types(server: &Server, database: &str) -> String {
    server.psql(
        database,
        "SELECT relname, attname, replace(format_type(atttypid, atttypmod), 'mood', 'text'), attnotnull \
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY relname, attnum",
    )
}

#[test]
fn what_one_server_says_another_says_after_the_move() {
    let mut random = Random::announced("what_one_server_says_another_says_after_the_move");
    let [source, target] = [Server::shared(), &Server::start()];
    let clock = Deadline::after(TIME);
    let mut round = 0;
    while round == 0 || clock.elapsed() < TIME {
        move_and_compare(source, target, &format!("round_{round}"), &mut random);
        round += 1;
    }
    println!("{round} rounds of {TABLES} tables");
}

fn move_and_compare(source: &Server, target: &Server, database: &str, random: &mut Random) {
    let shapes: Vec<Shape> = (0..TABLES).map(|index| Shape::random(index, random)).collect();
    let create: String = shapes.iter().map(Shape::create).collect();
    source.create_database(database);
    target.create_database(database);
    source.load_text(database, |input| {
        writeln!(input, "{} BEGIN; {create}", value::ENUM)?;
        for shape in &shapes {
            for _ in 0..random.below(ROWS_MAX) {
                input.write_all(shape.insert(random).as_bytes())?;
            }
        }
        writeln!(input, "COMMIT;")
    });
    let sensei = Sensei::new();
    let [from, to] = [source, target].map(|server| server.url(database));
    let (split, workers) = (random.pick(&["8KiB", "40KiB", "64MiB"]), 1 + random.below(3));
    sensei.write(
        "plan.yaml",
        format!(
            "version: 1\nname: move\nsource: {{ url: \"{from}\" }}\ntarget: {{ url: \"{to}\" }}\n\
             limits: {{ split: {split}, workers: {workers} }}\n"
        ),
    );
    let outcome = sensei.run(&["run", "plan.yaml", "--output", "json"]);
    assert_eq!(outcome.code, Some(0), "{create}{}\n{outcome:?}", rejects(&sensei));
    assert_eq!(outcome.json()["verdict"], "equivalent", "{create}");
    let verify = || sensei.run(&["verify", "plan.yaml", "--output", "json"]);
    assert_eq!(verify().expect(0).json()["verdict"], "equivalent", "{create}");
    let [sent, arrived] = [source, target].map(|server| rows(&shapes, server, database));
    let difference = sent.lines().zip(arrived.lines()).find(|(sent, arrived)| sent != arrived);
    assert!(sent == arrived, "{create}\n{difference:?}");
    assert_eq!(types(source, database), types(target, database), "{create}");
    let filled = |shape: &&Shape| sent.contains(&shape.name);
    let Some(shape) = shapes.iter().find(filled) else { return };
    target.psql(database, &format!("DELETE FROM {0} WHERE ctid = (SELECT max(ctid) FROM {0})", shape.quoted()));
    let report = verify().expect(3).json();
    assert_eq!(report["differences"][0]["target"], shape.name, "{create}");
    assert_eq!(report["differences"][0]["counts"], serde_json::json!({"missing": 1}), "{create}");
}

/// Why rows were rejected, if any were.
fn rejects(sensei: &Sensei) -> String {
    let Ok(files) = std::fs::read_dir(sensei.path("rejects/move-1")) else { return String::new() };
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}
