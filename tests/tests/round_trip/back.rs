//! Takes what arrived in another system back by SQL, into tables as they were made: the servers read each other's texts,
//! and nothing of Sensei is between them.

use crate::own::Own;
use crate::place::Place;
use crate::shape::{Kind, Shape, rows};
use crate::value::Postgres;

/// A type whose values can be taken back from another system.
pub trait Returns: Kind {
    /// There: an SQL expression for the text of what arrived in `column`.
    fn text_there(&self, column: &str) -> String;

    /// Here: an SQL expression for the value that has this text there.
    fn read_here(&self, text: &str) -> String;
}

/// The rows of every table, as the source's system tells them once it has taken them back from `there`.
pub fn taken_back<K: Returns>(shapes: &[Shape<K>], home: &Place<'_>, there: &Place<'_>) -> String {
    let back = home.beside();
    let mut script = K::PREAMBLE.to_owned();
    for shape in shapes {
        script.push_str(&shape.create());
        let cell = |(index, kind): (usize, &K)| {
            let column = there.quoted(&Shape::<K>::column(index));
            there.bytes_of(&kind.text_there(&column))
        };
        let cells: Vec<String> = shape.columns.iter().enumerate().map(cell).collect();
        let session = match there {
            Place::Postgres(..) => "SET timezone = 'UTC'; ",
            Place::Mysql(..) => "SET time_zone = '+00:00'; ",
            Place::Sqlite(_) => "",
        };
        let from = there.quoted(&shape.name);
        let told = there.tell(&format!("{session}SELECT concat_ws('|', {}) FROM {from}", cells.join(", ")));
        for line in told.lines().filter(|line| line.starts_with(['x', '-'])) {
            let cells: Vec<String> = line.split('|').zip(&shape.columns).map(|(cell, kind)| read(kind, cell)).collect();
            script.push_str(&shape.insert_cells(&cells));
        }
    }
    back.load(&script);
    rows(shapes, &back)
}

fn read<K: Returns>(kind: &K, cell: &str) -> String {
    let Some(digits) = cell.strip_prefix('x') else { return "NULL".to_owned() };
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = digits.as_bytes().chunks(2).map(byte).collect();
    kind.read_here(&String::from_utf8(bytes).unwrap())
}

/// What comes back from MariaDB.
impl Returns for Postgres {
    fn text_there(&self, column: &str) -> String {
        match self {
            Postgres::Real => format!("CAST({column} AS double)"),
            Postgres::Bytes => format!("HEX({column})"),
            Postgres::Own(Own::Bit(bits)) if *bits <= 64 => format!("LPAD(BIN({column}), {bits}, '0')"),
            _ => column.to_owned(),
        }
    }

    fn read_here(&self, text: &str) -> String {
        let quoted = format!("'{}'", text.replace('\'', "''"));
        let sql = self.sql();
        match self {
            Postgres::Bytes => format!("'\\x{text}'"),
            Postgres::TimestampTz => format!("'{text}+00'::timestamptz"),
            Postgres::Own(Own::Money) => format!("{quoted}::numeric::money"),
            Postgres::Array(element) if text.starts_with('[') => format!(
                "(SELECT coalesce(array_agg({} ORDER BY place), '{{}}') \
                 FROM json_array_elements_text({quoted}) WITH ORDINALITY AS items (item, place))::{sql}",
                match **element {
                    Postgres::Own(Own::Money) => "item::numeric::money".to_owned(),
                    _ => format!("item::{}", element.sql()),
                }
            ),
            _ => format!("{quoted}::{sql}"),
        }
    }
}
