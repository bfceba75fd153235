//! Sequences: what they count, for whom, and what they give next. Never draws from one.

use tokio_postgres::{Client, Row};

use super::super::sql::{literal, qualified};
use super::{Oid, Result};

/// Sequences whose state is asked for in one query.
const STATES_MAX: usize = 200;

/// The sequences of schema `$1` with the columns they belong to. Those of an extension are its own.
const SEQUENCES: &str = "\
    SELECT c.oid, c.relname::text, c.oid::pg_catalog.regclass::text, pg_catalog.format_type(s.seqtypid, NULL), \
        s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, o.refobjid, a.attname::text, \
        pg_catalog.has_sequence_privilege(c.oid, 'SELECT'), \
        pg_catalog.obj_description(c.oid, 'pg_class') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid \
    LEFT JOIN pg_catalog.pg_depend o ON o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid \
        AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i') \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid \
    WHERE n.nspname = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
    ORDER BY c.relname COLLATE \"C\"";

/// A sequence.
#[derive(Debug)]
pub(super) struct Sequence {
    pub oid: Oid,
    pub name: String,
    /// As the server writes it inside `nextval('…'::regclass)`.
    regclass: String,
    pub data_type: String,
    pub start: i64,
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    pub cache: i64,
    pub cycles: bool,
    /// Table and name of the column it belongs to.
    pub owner: Option<(Oid, String)>,
    pub comment: Option<String>,
    /// What the next draw gives; one beyond the last number if there is none left, `None` if we may not know.
    pub next: Option<i128>,
}

impl Sequence {
    /// Whether the default expression is the one `serial` makes.
    pub(super) fn is_drawn_by(&self, default: &str) -> bool {
        default == format!("nextval({}::regclass)", literal(&self.regclass))
    }

    /// Whether it is declared as a plain identity or serial column would.
    pub(super) fn is_ordinary(&self) -> bool {
        let (least, most) = match self.data_type.as_str() {
            "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
            "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        let bounds = if self.increment > 0 { (1, most) } else { (least, -1) };
        (self.min, self.max) == bounds && self.cache == 1 && !self.cycles
    }

    fn after(&self, last: i64) -> i128 {
        let next = i128::from(last) + i128::from(self.increment);
        match self.cycles {
            true if next > self.max.into() => self.min.into(),
            true if next < self.min.into() => self.max.into(),
            _ => next,
        }
    }
}

/// Reads every sequence of `schema`.
pub(super) async fn read(client: &Client, schema: &str) -> Result<Vec<Sequence>> {
    let rows = client.query(SEQUENCES, &[&schema]).await?;
    let mut sequences: Vec<Sequence> = rows.iter().map(sequence).collect();
    let readable: Vec<usize> = (0..rows.len()).filter(|index| rows[*index].get(12)).collect();
    for some in readable.chunks(STATES_MAX) {
        let state = |index: &usize| {
            let name = qualified(schema, &sequences[*index].name);
            format!("SELECT {index}::int8, last_value, is_called FROM {name}")
        };
        let sql = some.iter().map(state).collect::<Vec<_>>().join(" UNION ALL ");
        for row in client.query(&sql, &[]).await? {
            let sequence = &mut sequences[row.get::<_, i64>(0) as usize];
            let last: i64 = row.get(1);
            sequence.next = Some(if row.get(2) { sequence.after(last) } else { last.into() });
        }
    }
    Ok(sequences)
}

fn sequence(row: &Row) -> Sequence {
    let owner: Option<Oid> = row.get(10);
    Sequence {
        oid: row.get(0),
        name: row.get(1),
        regclass: row.get(2),
        data_type: row.get(3),
        start: row.get(4),
        increment: row.get(5),
        min: row.get(6),
        max: row.get(7),
        cache: row.get(8),
        cycles: row.get(9),
        owner: owner.map(|table| (table, row.get(11))),
        comment: row.get(13),
        next: None,
    }
}
