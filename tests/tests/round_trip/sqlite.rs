//! Random columns of SQLite, of tables that are STRICT and of others, and values as people store them there: numbers as
//! text, whole numbers in columns of fractions. A target is asked what it makes of the same texts.

use sensei_tests::Random;

use crate::mariadb::literal;
use crate::place::Place;
use crate::shape::{Kind, Shape, Way};
use crate::value::{digits, integer, text, uuid};

/// Names of types for whole numbers, and for texts.
const INTEGERS: &[&str] = &["INTEGER", "INT", "BIGINT", "MEDIUMINT"];
const TEXTS: &[&str] = &["TEXT", "VARCHAR(20)", "NCHAR(55)"];

/// A declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sqlite {
    Integer(&'static str),
    Real,
    /// Of at most 15 digits: SQLite makes doubles of longer numbers.
    Decimal {
        precision: usize,
        scale: usize,
    },
    Numeric,
    Text(&'static str),
    Blob,
    Boolean,
    Date,
    Time,
    DateTime,
    Uuid,
    Json,
}

impl Sqlite {
    /// A value that SQLite takes and that is none of the declared type.
    fn misfit(&self) -> &'static str {
        match self {
            Sqlite::Integer(_) => "1.5",
            Sqlite::Real | Sqlite::Numeric => "'much'",
            Sqlite::Decimal { .. } => "x'00'",
            Sqlite::Text(_) => "x'6162ff'",
            Sqlite::Blob => "'text'",
            Sqlite::Boolean => "2",
            Sqlite::Date => "'2024-02-30'",
            Sqlite::Time => "'25:00:00'",
            Sqlite::DateTime => "7",
            Sqlite::Uuid => "'no'",
            Sqlite::Json => "'{'",
        }
    }

    fn is_strict(&self) -> bool {
        matches!(self, Sqlite::Integer("INTEGER" | "INT") | Sqlite::Real | Sqlite::Text("TEXT") | Sqlite::Blob)
    }
}

impl Kind for Sqlite {
    const QUOTE: char = '"';
    const PREAMBLE: &'static str = "";
    const OR_LEAVE: &'static str = " ON CONFLICT DO NOTHING";
    const BYTEWISE: &'static str = "COLLATE BINARY";

    fn random(_: Way, random: &mut Random) -> Sqlite {
        let precision = 1 + random.below(15);
        let kinds = [
            Sqlite::Integer(INTEGERS[random.below(INTEGERS.len())]),
            Sqlite::Real,
            Sqlite::Decimal { precision, scale: random.below(precision + 1) },
            Sqlite::Numeric,
            Sqlite::Text(TEXTS[random.below(TEXTS.len())]),
            Sqlite::Blob,
            Sqlite::Boolean,
            Sqlite::Date,
            Sqlite::Time,
            Sqlite::DateTime,
            Sqlite::Uuid,
            Sqlite::Json,
        ];
        random.pick(&kinds).clone()
    }

    fn columns(way: Way, random: &mut Random) -> Vec<Sqlite> {
        let strict = random.once_in(3);
        let mut columns: Vec<Sqlite> = (0..1 + random.below(9)).map(|_| Sqlite::random(way, random)).collect();
        columns.retain(|kind| !strict || kind.is_strict());
        if columns.is_empty() {
            columns.push(Sqlite::Text("TEXT"));
        }
        columns
    }

    fn options(columns: &[Sqlite], has_key: bool, random: &mut Random) -> &'static str {
        let strict = columns.iter().all(Sqlite::is_strict) && random.once_in(2);
        match (strict, has_key && random.once_in(2)) {
            (true, true) => " STRICT, WITHOUT ROWID",
            (true, false) => " STRICT",
            (false, true) => " WITHOUT ROWID",
            (false, false) => "",
        }
    }

    /// Texts of any length are no keys in MariaDB.
    fn orders(&self) -> bool {
        matches!(self, Sqlite::Integer(_) | Sqlite::Date | Sqlite::Time | Sqlite::DateTime | Sqlite::Uuid)
    }

    fn sql(&self) -> String {
        match self {
            Sqlite::Integer(name) | Sqlite::Text(name) => (*name).to_owned(),
            Sqlite::Real => "REAL".to_owned(),
            Sqlite::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
            Sqlite::Numeric => "NUMERIC".to_owned(),
            Sqlite::Blob => "BLOB".to_owned(),
            Sqlite::Boolean => "BOOLEAN".to_owned(),
            Sqlite::Date => "DATE".to_owned(),
            Sqlite::Time => "TIME".to_owned(),
            Sqlite::DateTime => "DATETIME".to_owned(),
            Sqlite::Uuid => "UUID".to_owned(),
            Sqlite::Json => "JSON".to_owned(),
        }
    }

    fn value_for(&self, _: Way, random: &mut Random) -> String {
        let day = format!("{:04}-{:02}-{:02}", 1 + random.below(9999), 1 + random.below(12), 1 + random.below(28));
        let (hour, minute, fraction) = (random.below(24), random.below(60), random.below(7));
        let second = match digits(random, fraction) {
            none if none.is_empty() => "07".to_owned(),
            some => format!("59.{some}"),
        };
        let clock = format!("{hour:02}:{minute:02}:{second}");
        match self {
            Sqlite::Integer(_) => match random.below(4) {
                0 => format!("'{}'", random.below(1000)),
                1 => format!("{}.0", random.below(1000)),
                // One number is left to columns that number themselves.
                _ => integer(random, 64).replace("9223372036854775807", "9223372036854775806"),
            },
            Sqlite::Real => match f64::from_bits(random.bits()) {
                _ if random.once_in(4) => random.pick(&["7", "'0.1'", "5e-324", "1.7976931348623157e308"]).to_string(),
                number if number.is_finite() => format!("{number:e}"),
                _ => "0.1".to_owned(),
            },
            Sqlite::Decimal { precision, scale } => {
                let (whole, quote) = (random.below(precision - scale + 1), *random.pick(&["", "'"]));
                let fraction = random.below(scale + 1);
                format!("{quote}-0{}.{}{quote}", digits(random, whole), digits(random, fraction))
            }
            Sqlite::Numeric => format!("{}.{}", random.below(1 << 30), random.below(100_000)),
            Sqlite::Text(_) if random.once_in(5) => random.below(1000).to_string(),
            Sqlite::Text(_) => format!("'{}'", text(random, 20).replace('\'', "''")),
            Sqlite::Blob => format!("x'{}'", digits(random, 2 * fraction)),
            Sqlite::Boolean => random.below(2).to_string(),
            Sqlite::Date => format!("'{day}'"),
            Sqlite::Time => format!("'{clock}'"),
            Sqlite::DateTime => format!("'{day}{}{clock}'", random.pick(&[" ", "T"])),
            Sqlite::Uuid => format!("'{}'", uuid(random)),
            Sqlite::Json => random.pick(&["'{\"b\" : 1, \"a\":[1.50,null]}'", "'[]'", "' \"é\" '", "'7'"]).to_string(),
        }
    }

    fn told(&self, _: Way, column: &str) -> String {
        format!("quote({column})")
    }

    fn row(cells: &[String]) -> String {
        cells.join(" || '|' || ")
    }
}

/// Rows of which one value is none of its column's type, for tables that let anyone write such and have no key in the way.
pub fn misfits(shapes: &[Shape<Sqlite>], random: &mut Random) -> Vec<String> {
    let open = shapes.iter().filter(|shape| shape.key == 0 && !shape.options.contains("STRICT"));
    let rows = open.flat_map(|shape| std::iter::repeat_n(shape, random.below(4)).collect::<Vec<_>>());
    let rows: Vec<&Shape<Sqlite>> = rows.collect();
    let mut row = |shape: &Shape<Sqlite>| {
        let wrong = random.below(shape.columns.len());
        let cell = |(index, kind): (usize, &Sqlite)| if index == wrong { kind.misfit() } else { "NULL" };
        let cells: Vec<String> = shape.columns.iter().enumerate().map(cell).map(str::to_owned).collect();
        shape.insert_cells(&cells)
    };
    rows.into_iter().map(&mut row).collect()
}

/// Insists that the target holds what it would hold if the file's values had been given to it as texts.
pub fn arrived_as_written(shapes: &[Shape<Sqlite>], file: &Place<'_>, target: &Place<'_>) {
    let Place::Sqlite(folder) = file else { panic!("the source is a file") };
    for shape in shapes {
        let (there, like) = (target.quoted(&shape.name), target.quoted("given"));
        let opening = match target {
            Place::Mysql(..) => {
                format!("SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'; CREATE TABLE {like} LIKE {there};")
            }
            _ => format!("CREATE TABLE {like} (LIKE {there});"),
        };
        let rows = folder.sqlite_rows("source.db", &format!("SELECT * FROM \"{}\"", shape.name));
        let insert = |row: &Vec<String>| {
            let cells: Vec<String> = row.iter().map(|cell| given(cell, target)).collect();
            format!("INSERT INTO {like} VALUES ({});\n", cells.join(", "))
        };
        target.load(&format!("{opening}\n{}", rows.iter().map(insert).collect::<String>()));
        let differing = match target {
            Place::Mysql(..) => {
                let told = target.tell(&format!("CHECKSUM TABLE {there}, {like}"));
                let sums: Vec<&str> = told.lines().filter_map(|line| line.split('\t').nth(1)).collect();
                let rows = format!(
                    "(TABLE {there} EXCEPT ALL TABLE {like}) UNION ALL (TABLE {like} EXCEPT ALL TABLE {there})"
                );
                let rows = rows.replace("TABLE", "SELECT * FROM");
                if sums.len() == 2 && sums[0] == sums[1] {
                    String::new()
                } else {
                    format!("{told}\n{}", target.tell(&rows))
                }
            }
            _ => target.tell(&format!(
                "(SELECT x::text FROM {there} x EXCEPT ALL SELECT x::text FROM {like} x) UNION ALL \
                 (SELECT x::text FROM {like} x EXCEPT ALL SELECT x::text FROM {there} x)"
            )),
        };
        assert_eq!(differing, "", "{}", shape.create());
        target.load(&format!("DROP TABLE {like}"));
    }
}

/// A stored value as a text for the target; bytes are bytes.
fn given(cell: &str, target: &Place<'_>) -> String {
    match (cell.strip_prefix("X'"), target) {
        (Some(digits), Place::Postgres(..)) => format!("'\\x{digits}"),
        (Some(_), _) => cell.to_owned(),
        (None, Place::Mysql(..)) if cell.starts_with('\'') => literal(&cell[1..cell.len() - 1].replace("''", "'")),
        _ if cell == "NULL" || cell.starts_with('\'') => cell.to_owned(),
        _ => format!("'{cell}'"),
    }
}
