//! A random table: its columns, its key, its rows, and the query that tells what is in it.

use sensei_tests::Random;

use crate::place::Place;

/// Where a table goes, as far as it matters for what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To another database of its own system: everything.
    Direct,
    /// Through SQLite, which has no NaN; arrays have one dimension there, and bounds from 1.
    ThroughSqlite,
    /// Through Parquet files, whose decimals are no NaN; arrays as in SQLite.
    ThroughParquet,
    /// To MariaDB, which has no NaN, no infinities, and years from 1 to 9999.
    ToMysql,
    /// From MariaDB or SQLite to PostgreSQL, which has no dates that are none, and no U+0000.
    ToPostgres,
}

/// A column's type in one system, and random values of it in that system's SQL.
pub trait Kind: Sized {
    /// What quotes names.
    const QUOTE: char;
    /// What comes first in every script.
    const PREAMBLE: &'static str;
    /// What ends an INSERT, so that a row whose key is taken already is left out.
    const OR_LEAVE: &'static str;
    /// What makes texts be sorted by their bytes.
    const BYTEWISE: &'static str;

    fn random(way: Way, random: &mut Random) -> Self;

    /// Columns of one table.
    fn columns(way: Way, random: &mut Random) -> Vec<Self> {
        (0..1 + random.below(9)).map(|_| Self::random(way, random)).collect()
    }

    /// What follows a table's columns.
    fn options(_columns: &[Self], _has_key: bool, _random: &mut Random) -> &'static str {
        ""
    }

    /// Whether it can be part of a key, whose values an index must hold.
    fn orders(&self) -> bool;

    /// Whether NULL is no value of it.
    fn is_filled(&self) -> bool {
        false
    }

    fn sql(&self) -> String;

    /// An SQL expression of this type that a table on its way may hold.
    fn value_for(&self, way: Way, random: &mut Random) -> String;

    /// An SQL expression that tells everything of a value of `column`, whatever type it has there now.
    fn told(&self, way: Way, column: &str) -> String;

    /// An SQL expression for a whole row as one text.
    fn row(cells: &[String]) -> String;
}

/// A random table: its columns, the first of which make up the key.
#[derive(Debug)]
pub struct Shape<K> {
    pub name: String,
    pub columns: Vec<K>,
    pub options: &'static str,
    pub key: usize,
    way: Way,
}

impl<K: Kind> Shape<K> {
    pub fn random(index: usize, way: Way, random: &mut Random) -> Shape<K> {
        let columns = K::columns(way, random);
        let able = columns.iter().take_while(|kind| kind.orders()).count();
        let key = random.below(able.min(3) + 1);
        let options = K::options(&columns, key > 0, random);
        Shape { name: format!("table {index}"), columns, options, key, way }
    }

    /// A column's name.
    pub fn column(index: usize) -> String {
        format!("Column {index}")
    }

    fn quoted(name: &str) -> String {
        format!("{0}{name}{0}", K::QUOTE)
    }

    pub fn create(&self) -> String {
        let name = |index| Shape::<K>::quoted(&Shape::<K>::column(index));
        let column = |(index, kind): (usize, &K)| format!("{} {}", name(index), kind.sql());
        let mut parts: Vec<String> = self.columns.iter().enumerate().map(column).collect();
        if self.key > 0 {
            let key: Vec<String> = (0..self.key).map(name).collect();
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        format!("CREATE TABLE {} ({}){};\n", Shape::<K>::quoted(&self.name), parts.join(", "), self.options)
    }

    pub fn insert(&self, random: &mut Random) -> String {
        let mut cell = |(index, kind): (usize, &K)| match index >= self.key && !kind.is_filled() && random.once_in(6) {
            true => "NULL".to_owned(),
            false => kind.value_for(self.way, random),
        };
        let cells: Vec<String> = self.columns.iter().enumerate().map(&mut cell).collect();
        self.insert_cells(&cells)
    }

    /// Two random keys may be equal: the second row is then left out.
    pub fn insert_cells(&self, cells: &[String]) -> String {
        format!("INSERT INTO {} VALUES ({}){};\n", Shape::<K>::quoted(&self.name), cells.join(", "), K::OR_LEAVE)
    }

    /// Its name and each row as its own system writes it.
    fn select(&self) -> String {
        let cell = |(index, kind): (usize, &K)| kind.told(self.way, &Shape::<K>::quoted(&Shape::<K>::column(index)));
        let cells: Vec<String> = self.columns.iter().enumerate().map(cell).collect();
        let row = K::row(&cells);
        let (name, bytewise) = (&self.name, K::BYTEWISE);
        let rows = format!("SELECT {row} AS told FROM {}", Shape::<K>::quoted(name));
        format!("SELECT '{name}' AS name, told FROM ({rows}) AS every ORDER BY told {bytewise}")
    }
}

/// Every row of every table, in an order of its own.
pub fn rows<K: Kind>(shapes: &[Shape<K>], place: &Place<'_>) -> String {
    shapes
        .iter()
        .map(|shape| place.tell(&shape.select()))
        .filter(|rows| !rows.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}
