//! A random table: its columns, its key, its rows, and the query that tells what is in it.

use sensei_tests::Random;
use sensei_tests::postgres::Server;

use crate::value::Kind;

/// Where a table goes, as far as it matters for what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From one PostgreSQL to another: everything.
    Direct,
    /// Through SQLite, which has no NaN; arrays have one dimension there, and bounds from 1.
    ThroughSqlite,
    /// Through Parquet files, whose decimals are no NaN; arrays as in SQLite.
    ThroughParquet,
}

/// A random table: its columns, the first of which make up the key.
#[derive(Debug)]
pub struct Shape {
    pub name: String,
    way: Way,
    columns: Vec<Kind>,
    key: usize,
}

impl Shape {
    pub fn random(index: usize, way: Way, random: &mut Random) -> Shape {
        let columns: Vec<Kind> = (0..1 + random.below(9)).map(|_| Kind::random(way, random)).collect();
        let able = columns.iter().take_while(|kind| kind.orders()).count();
        let key = random.below(able.min(3) + 1);
        Shape { name: format!("table {index}"), way, columns, key }
    }

    fn column(index: usize) -> String {
        format!("\"Column {index}\"")
    }

    pub fn create(&self) -> String {
        let column = |(index, kind): (usize, &Kind)| format!("{} {}", Shape::column(index), kind.sql());
        let mut parts: Vec<String> = self.columns.iter().enumerate().map(column).collect();
        if self.key > 0 {
            let key: Vec<String> = (0..self.key).map(Shape::column).collect();
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        format!("CREATE TABLE \"{}\" ({});\n", self.name, parts.join(", "))
    }

    pub fn insert(&self, random: &mut Random) -> String {
        let mut cell = |(index, kind): (usize, &Kind)| match index >= self.key && !kind.is_filled() && random.once_in(6)
        {
            true => "NULL".to_owned(),
            false => kind.value_for(self.way, random),
        };
        let cells: Vec<String> = self.columns.iter().enumerate().map(&mut cell).collect();
        // Two random keys may be equal: the second row is then left out.
        format!("INSERT INTO \"{}\" VALUES ({}) ON CONFLICT DO NOTHING;\n", self.name, cells.join(", "))
    }

    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    /// Its name and each row as PostgreSQL writes it.
    fn select(&self) -> String {
        let cell = |(index, kind): (usize, &Kind)| kind.told(self.way, &Shape::column(index));
        let cells: Vec<String> = self.columns.iter().enumerate().map(cell).collect();
        format!("SELECT '{}', row({})::text FROM {}", self.name, cells.join(", "), self.quoted())
    }
}

/// Every row of every table, in an order of its own.
pub fn rows(shapes: &[Shape], server: &Server, database: &str) -> String {
    let selects: Vec<String> = shapes.iter().map(Shape::select).collect();
    let all = selects.join(" UNION ALL ");
    server.psql(database, &format!("SELECT * FROM ({all}) AS rows (name, row) ORDER BY name, row COLLATE \"C\""))
}
