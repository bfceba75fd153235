//! Truth of the verdict: every corruption of the target is found and named, and equal data never raises an alarm.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod cells;
mod corruption;
mod counted;
mod parquet;
mod sqlite;
mod trigger;

use sensei_tests::postgres::Server;
use sensei_tests::{Finding, Outcome, Random, Sensei, read_report};
use serde_json::Value;

use corruption::{Corruption, Workshop};

/// How many corruptions are tried on PostgreSQL; each kind once, then some again elsewhere.
const CORRUPTIONS: usize = 220;

const SOURCE: &str = include_str!("source.sql");

/// Tables of the source.
const TABLES: [&str; 3] = ["every", "heap", "pair"];

/// A source in one database of a server and its copy in another, or in a file.
pub struct Pair {
    sensei: Sensei,
    server: &'static Server,
    source: String,
    target: String,
}

impl Pair {
    /// A filled source, and an empty target database beside it.
    pub fn new(name: &str) -> Pair {
        let server = Server::shared();
        let [source, target] = ["source", "target"].map(|side| format!("{name}_{side}"));
        server.create_database(&source);
        server.create_database(&target);
        server.load_text(&source, |input| input.write_all(SOURCE.as_bytes()));
        Pair { sensei: Sensei::new(), server, source, target }
    }

    /// Writes the plan: `to` is the target's YAML, `more` further lines.
    pub fn plan(&self, to: &str, more: &str) {
        let source = self.server.url(&self.source);
        let text = format!("version: 1\nname: truth\nsource: {{ url: \"{source}\" }}\ntarget: {to}\n{more}\n");
        self.sensei.write("plan.yaml", text);
    }

    /// The plan from database to database, with `more` lines.
    pub fn plan_postgres(&self, more: &str) {
        self.plan(&format!("{{ url: \"{}\" }}", self.server.url(&self.target)), more);
    }

    /// Copies, and insists on success.
    pub fn copy(&self) {
        let report = self.command("run").expect(0).json();
        assert_eq!(report["verdict"], "equivalent");
    }

    /// Runs a command on the plan.
    pub fn command(&self, command: &str) -> Outcome {
        self.sensei.run(&[command, "plan.yaml", "--output", "json"])
    }

    /// Compares; returns exit code and JSON object, and every row of the report.
    pub fn verify(&self) -> (Option<i32>, Value, Vec<(String, Finding)>) {
        let report = self.sensei.path("report.jsonl");
        if report.exists() {
            std::fs::remove_file(&report).unwrap();
        }
        let outcome = self.sensei.run(&["verify", "plan.yaml", "--report", "report.jsonl", "--output", "json"]);
        assert!(matches!(outcome.code, Some(0 | 3)), "{outcome:?}");
        (outcome.code, outcome.json(), read_report(&report))
    }

    /// Insists that nothing differs.
    pub fn expect_equivalent(&self, after: &str) {
        let (code, report, findings) = self.verify();
        assert_eq!((code, &report["verdict"]), (Some(0), &Value::from("equivalent")), "{after}: {findings:?}");
        assert!(findings.is_empty(), "{after}: {findings:?}");
    }

    /// Insists that exactly `findings` of `table` differ; returns why not.
    pub fn finds(&self, table: &str, findings: &[Finding]) -> Result<(), String> {
        let (code, report, found) = self.verify();
        let expected: Vec<(String, Finding)> = findings.iter().map(|row| (table.to_owned(), row.clone())).collect();
        if code != Some(3) || report["verdict"] != "different" || found != expected {
            return Err(format!("exit {code:?}, {}, found {found:?}, expected {expected:?}", report["verdict"]));
        }
        for about in report["tables"].as_array().unwrap() {
            let verdict = if about["target"] == table { "different" } else { "equivalent" };
            if about["verdict"] != verdict {
                return Err(format!("{about} should be {verdict}"));
            }
        }
        let counted = report["differences"][0]["counts"].as_object().unwrap().values().filter_map(Value::as_u64);
        match counted.sum::<u64>() == findings.len() as u64 {
            true => Ok(()),
            false => Err(format!("counts of {} in {}", findings.len(), report["differences"])),
        }
    }

    /// Keeps the target as it is in a schema that no plan looks at.
    fn keep(&self) {
        let keep = |table: &&str| format!("CREATE TABLE kept.{table} AS TABLE public.{table};");
        let tables: String = TABLES.iter().map(keep).collect();
        self.server.psql(&self.target, &format!("CREATE SCHEMA kept; {tables}"));
    }

    /// Puts a table back, then corrupts the next one in the same transaction.
    fn restore_and(&self, table: &str, undo: &str, then: &str) {
        let sql = format!("TRUNCATE {table}; INSERT INTO {table} TABLE kept.{table}; {undo}; {then}");
        self.server.psql(&self.target, &sql);
    }
}

#[test]
fn every_corruption_is_found_and_named() {
    let mut random = Random::announced("every_corruption_is_found_and_named");
    let pair = Pair::new("truth");
    pair.plan_postgres("");
    pair.copy();
    pair.expect_equivalent("right after the copy");
    pair.keep();
    let workshop = Workshop::new(pair.server, &pair.source);
    let mut corruptions = workshop.all(&mut random);
    while corruptions.len() < CORRUPTIONS {
        corruptions.extend(workshop.all(&mut random));
    }
    corruptions.truncate(CORRUPTIONS.max(workshop.all(&mut random).len()));
    let missed = try_each(&pair, &corruptions);
    assert!(missed.is_empty(), "{} of {} corruptions:\n{}", missed.len(), corruptions.len(), missed.join("\n"));
    pair.expect_equivalent("after the last corruption was undone");
}

/// What was not found as it should be.
fn try_each(pair: &Pair, corruptions: &[Corruption]) -> Vec<String> {
    let mut missed = Vec::new();
    let (mut table, mut undo) = (TABLES[0], "");
    for corruption in corruptions {
        pair.restore_and(table, undo, &corruption.sql);
        if let Err(why) = pair.finds(corruption.table, &corruption.findings) {
            missed.push(format!("{}: {why}", corruption.sql));
        }
        (table, undo) = (corruption.table, corruption.undo);
    }
    pair.restore_and(table, undo, "");
    missed
}

#[test]
fn what_means_the_same_raises_no_alarm() {
    let pair = Pair::new("harmless");
    pair.plan_postgres("");
    pair.copy();
    for change in cells::HARMLESS {
        pair.server.psql(&pair.target, change);
        pair.expect_equivalent(change);
    }
    // How a session writes values is no part of them.
    for (database, settings) in [
        (&pair.target, [("timezone", "Asia/Kathmandu"), ("datestyle", "German"), ("intervalstyle", "iso_8601")]),
        (&pair.source, [("extra_float_digits", "0"), ("bytea_output", "escape"), ("timezone", "America/St_Johns")]),
    ] {
        for (name, value) in settings {
            pair.server.psql("postgres", &format!("ALTER DATABASE \"{database}\" SET {name} = '{value}'"));
        }
    }
    pair.expect_equivalent("under other settings");
}

#[test]
fn repair_puts_everything_right() {
    let pair = Pair::new("repair");
    // Many splits, so that rows move from one to another.
    pair.plan_postgres("limits: { split: 8KiB }");
    pair.copy();
    pair.server.psql(&pair.target, include_str!("mixed.sql"));
    let (code, _, findings) = pair.verify();
    assert_eq!(code, Some(3));
    assert!(findings.len() >= 20, "{findings:?}");
    let report = pair.command("repair").expect(0).json();
    assert_eq!(report["verdict"], "equivalent");
    pair.expect_equivalent("after the repair");
    for table in TABLES {
        let rows = format!("SELECT r::text FROM {table} r ORDER BY r::text COLLATE \"C\"");
        assert_eq!(pair.server.psql(&pair.source, &rows), pair.server.psql(&pair.target, &rows), "{table}");
    }
}

#[test]
fn renamed_computed_and_masked_columns_are_named_as_the_target_names_them() {
    let mut pair = Pair::new("renamed");
    pair.sensei = Sensei::new().env("MASK_KEY", "a long secret");
    pair.plan_postgres(
        "tables: { include: [pair], rules: [ { table: pair, into: couples, where: \"a <> 2\", columns: { \
         v: { into: value, expr: \"upper(v)\" }, c: { into: id }, n: { drop: true }, \
         w: { mask: { keyed_hash: { key: \"${MASK_KEY}\" } } } } } ] }",
    );
    pair.copy();
    pair.server.psql(
        &pair.target,
        "UPDATE couples SET value = lower(value) WHERE a = 1 AND b = 'k1' AND id::text LIKE 'c4ca%';
         UPDATE couples SET w = 'w3' WHERE a = 3 AND b = 'k3' AND id::text LIKE 'eccb%';
         INSERT INTO couples VALUES (2, 'k2', '00000000-0000-0000-0000-000000000000', 'left out', NULL)",
    );
    let report = pair.sensei.path("report.jsonl");
    pair.sensei.run(&["verify", "plan.yaml", "--report", "report.jsonl"]).expect(3).hides("a long secret");
    let mut found: Vec<Finding> = std::fs::read_to_string(report)
        .unwrap()
        .lines()
        .flat_map(|line| Finding::of(&serde_json::from_str(line).unwrap()))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            Finding::changed("a=1, b=k1, id=c4ca4238-a0b9-2382-0dcc-509a6f75849b", &["value"]),
            Finding::changed("a=3, b=k3, id=eccbc87e-4b5c-e2fe-2830-8fd9f2a7baf3", &["w"]),
            Finding::extra("a=2, b=k2, id=00000000-0000-0000-0000-000000000000"),
        ]
    );
}
