//! Corruptions of a copy of the source, each with what a comparison must say of it.

use std::collections::BTreeMap;

use sensei_tests::postgres::Server;
use sensei_tests::{Finding, Random};

use crate::cells::{CHANGES, NOTHINGS, SPECIALS};

/// Rows of `every` that hold ordinary values, from 1 on.
const ORDINARY_ROWS: usize = 400;

/// One thing that goes wrong in the target.
#[derive(Clone, Debug)]
pub struct Corruption {
    /// Does it.
    pub sql: String,
    /// The only table that it touches.
    pub table: &'static str,
    /// Sorted.
    pub findings: Vec<Finding>,
    /// Undoes what refilling the table does not.
    pub undo: &'static str,
}

/// What corruptions are made from: facts about the source.
pub struct Workshop {
    /// Keys of `pair`, as SQL would compare them and as a report names them.
    pairs: Vec<(String, String)>,
    floats: BTreeMap<usize, (f32, f64)>,
}

impl Workshop {
    pub fn new(server: &Server, source: &str) -> Workshop {
        let pairs = server.psql(source, "SELECT a, b, c FROM pair ORDER BY a, b, c");
        let floats =
            server.psql(source, &format!("SELECT id, c_real, c_double FROM every WHERE id <= {ORDINARY_ROWS}"));
        Workshop { pairs: pairs.lines().map(pair).collect(), floats: floats.lines().map(float).collect() }
    }

    /// Every kind of corruption once, each at a random place.
    pub fn all(&self, random: &mut Random) -> Vec<Corruption> {
        let mut all: Vec<Corruption> = CHANGES.iter().map(|change| self.change(*change, random)).collect();
        all.extend(NOTHINGS.iter().map(|(column, _)| self.change((column, "null"), random)));
        all.extend(NOTHINGS.iter().map(|(column, value)| cell(1001, column, value)));
        all.extend(SPECIALS.iter().map(|(row, column, value)| cell(*row as usize, column, value)));
        all.extend(self.of_rows(random));
        random.shuffle(&mut all);
        all
    }

    fn change(&self, (column, value): (&str, &str), random: &mut Random) -> Corruption {
        let row = 1 + random.below(ORDINARY_ROWS);
        let (real, double) = self.floats[&row];
        let ulp = match column {
            "c_real" => format!("'{:e}'", f32::from_bits(real.to_bits() ^ 1)),
            _ => format!("'{:e}'", f64::from_bits(double.to_bits() ^ 1)),
        };
        // Halves of doubles that are no floats: rounding such a one to real would change nothing.
        let row = if value == "c_double::real" { 3 } else { row };
        cell(row, column, &value.replace("{n}", &random.below(14).to_string()).replace("{ulp}", &ulp))
    }

    /// Whole rows that are lost, doubled, exchanged or invented.
    fn of_rows(&self, random: &mut Random) -> Vec<Corruption> {
        let one = 1 + random.below(ORDINARY_ROWS);
        let other = 1 + (one + random.below(ORDINARY_ROWS - 1)) % ORDINARY_ROWS;
        let id = |id: usize| format!("id={id}");
        let (pair, pair_key) = random.pick(&self.pairs).clone();
        let (twin, twin_key) = self.pairs.iter().find(|(_, key)| *key != pair_key).expect("there are many").clone();
        let n = random.below(50);
        let drop = "ALTER TABLE every DROP CONSTRAINT every_pkey";
        vec![
            every(format!("DELETE FROM every WHERE id = {one}"), vec![Finding::missing(&id(one))], ""),
            every(
                format!("DELETE FROM every WHERE id IN ({one}, {other})"),
                vec![Finding::missing(&id(one)), Finding::missing(&id(other))],
                "",
            ),
            every("INSERT INTO every (id) VALUES (-7)".to_owned(), vec![Finding::extra("id=-7")], ""),
            every(
                format!("UPDATE every SET id = 5000 WHERE id = {one}"),
                vec![Finding::missing(&id(one)), Finding::extra("id=5000")],
                "",
            ),
            every(
                format!("UPDATE every SET c_text = c_varchar, c_varchar = c_text WHERE id = {one}"),
                vec![Finding::changed(&id(one), &["c_text", "c_varchar"])],
                "",
            ),
            every(
                format!("UPDATE every SET c_int4 = c_int2, c_int2 = 0 WHERE id = {one}"),
                vec![Finding::changed(&id(one), &["c_int2", "c_int4"])],
                "",
            ),
            every(
                swap("every", "c_uuid", &format!("id = {one}"), &format!("id = {other}")),
                vec![Finding::changed(&id(one), &["c_uuid"]), Finding::changed(&id(other), &["c_uuid"])],
                "",
            ),
            every(
                format!("{drop}; INSERT INTO every SELECT * FROM every WHERE id = {one}"),
                vec![Finding::extra(&id(one))],
                "ALTER TABLE every ADD PRIMARY KEY (id)",
            ),
            every(
                format!("{drop}; UPDATE every SET c_text = 'x' WHERE id = {one}"),
                vec![Finding::changed(&id(one), &["c_text"])],
                "ALTER TABLE every ADD PRIMARY KEY (id)",
            ),
            on("pair", format!("DELETE FROM pair WHERE {pair}"), vec![Finding::missing(&pair_key)], ""),
            on(
                "pair",
                format!("UPDATE pair SET v = w, w = v WHERE {pair}"),
                vec![Finding::changed(&pair_key, &["v", "w"])],
                "",
            ),
            on(
                "pair",
                format!("UPDATE pair SET v = v || left(w, 1), w = substr(w, 2) WHERE {pair}"),
                vec![Finding::changed(&pair_key, &["v", "w"])],
                "",
            ),
            on(
                "pair",
                format!("UPDATE pair SET b = upper(b) WHERE {pair}"),
                vec![Finding::missing(&pair_key), Finding::extra(&pair_key.replace("b=k", "b=K"))],
                "",
            ),
            on(
                "pair",
                swap("pair", "v", &pair, &twin),
                vec![Finding::changed(&pair_key, &["v"]), Finding::changed(&twin_key, &["v"])],
                "",
            ),
            on(
                "pair",
                format!("ALTER TABLE pair DROP CONSTRAINT pair_pkey; INSERT INTO pair SELECT * FROM pair WHERE {pair}"),
                vec![Finding::extra(&pair_key)],
                "ALTER TABLE pair ADD PRIMARY KEY (a, b, c)",
            ),
            heap(
                format!(
                    "DELETE FROM heap WHERE ctid IN (SELECT ctid FROM heap WHERE n = {n} AND d IS NOT NULL LIMIT 1)"
                ),
                &["missing"],
            ),
            heap(format!("DELETE FROM heap WHERE n = {n} AND d IS NOT NULL"), &["missing", "missing", "missing"]),
            heap(
                "DELETE FROM heap WHERE ctid IN (SELECT ctid FROM heap WHERE n IS NULL LIMIT 1)".to_owned(),
                &["missing"],
            ),
            heap(format!("INSERT INTO heap SELECT * FROM heap WHERE n = {n} AND d IS NOT NULL LIMIT 1"), &["extra"]),
            heap(
                format!("UPDATE heap SET v = v || ' ' WHERE ctid IN (SELECT ctid FROM heap WHERE n = {n} LIMIT 1)"),
                &["extra", "missing"],
            ),
            heap(
                "UPDATE heap SET v = '' WHERE ctid IN (SELECT ctid FROM heap WHERE v IS NULL LIMIT 1)".to_owned(),
                &["extra", "missing"],
            ),
            heap(
                format!("UPDATE heap SET n = -1 WHERE n = {n} AND d IS NOT NULL"),
                &["extra", "extra", "extra", "missing", "missing", "missing"],
            ),
        ]
    }
}

fn cell(row: usize, column: &str, value: &str) -> Corruption {
    let finding = Finding::changed(&format!("id={row}"), &[column]);
    every(format!("UPDATE every SET {column} = {value} WHERE id = {row}"), vec![finding], "")
}

fn every(sql: String, findings: Vec<Finding>, undo: &'static str) -> Corruption {
    on("every", sql, findings, undo)
}

/// Rows without a key are on one side or the other; nothing tells which became which.
fn heap(sql: String, kinds: &[&str]) -> Corruption {
    on("heap", sql, kinds.iter().map(|kind| Finding::keyless(kind)).collect(), "")
}

fn on(table: &'static str, sql: String, mut findings: Vec<Finding>, undo: &'static str) -> Corruption {
    findings.sort();
    Corruption { sql, table, findings, undo }
}

/// Exchanges the values of `column` between two rows.
fn swap(table: &str, column: &str, one: &str, other: &str) -> String {
    format!(
        "UPDATE {table} SET {column} = CASE WHEN {one} THEN (SELECT {column} FROM {table} WHERE {other}) \
         ELSE (SELECT {column} FROM {table} WHERE {one}) END WHERE ({one}) OR ({other})"
    )
}

fn pair(line: &str) -> (String, String) {
    let fields: Vec<&str> = line.split('|').collect();
    let [a, b, c] = fields[..] else { panic!("three fields in {line:?}") };
    (format!("a = {a} AND b = '{b}' AND c = '{c}'"), format!("a={a}, b={b}, c={c}"))
}

fn float(line: &str) -> (usize, (f32, f64)) {
    let fields: Vec<&str> = line.split('|').collect();
    let [id, real, double] = fields[..] else { panic!("three fields in {line:?}") };
    (id.parse().unwrap(), (real.parse().unwrap(), double.parse().unwrap()))
}
