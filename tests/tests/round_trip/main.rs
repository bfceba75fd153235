//! Random tables of random rows of every supported type go from one PostgreSQL server to another; what the servers say
//! of the rows is the oracle, not what Sensei says.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod value;

use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Random, Sensei};

use value::Kind;

/// New rounds begin until this time is over.
const TIME: Duration = Duration::from_secs(15);

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

    /// Every row as PostgreSQL writes it, in an order of its own.
    fn rows(&self, server: &Server, database: &str) -> String {
        let columns: Vec<String> = (0..self.columns.len()).map(Shape::column).collect();
        let row = format!("row({})::text", columns.join(", "));
        server.psql(database, &format!("SELECT {row} FROM \"{}\" ORDER BY {row} COLLATE \"C\"", self.name))
    }
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
    let plan = format!("version: 1\nname: move\nsource: {{ url: \"{from}\" }}\ntarget: {{ url: \"{to}\" }}\n");
    sensei.write("plan.yaml", plan);
    let outcome = sensei.run(&["run", "plan.yaml", "--output", "json"]);
    let rejects = std::fs::read_to_string(sensei.path("rejects/move-1/split-000000.jsonl")).unwrap_or_default();
    assert_eq!(outcome.code, Some(0), "{create}{rejects}\n{outcome:?}");
    assert_eq!(outcome.json()["verdict"], "equivalent", "{create}");
    for shape in &shapes {
        let [sent, arrived] = [source, target].map(|server| shape.rows(server, database));
        let difference = sent.lines().zip(arrived.lines()).find(|(sent, arrived)| sent != arrived);
        assert!(sent == arrived, "{}\n{difference:?}", shape.create());
    }
}
