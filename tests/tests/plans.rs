//! What a plan can ask for, end to end: selection, names, expressions, masks, types, formats, chains of systems.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use sensei_tests::postgres::{Options, Server};
use sensei_tests::{Sensei, s3};
use serde_json::Value;

const KEY: &str = "hush-this-is-the-mask-key";

/// Three customers, four orders, and a table that nobody wants.
const SHOP: &str = "
    CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, country TEXT, score INTEGER);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, total DECIMAL(10,2), placed DATETIME);
    CREATE TABLE tmp_cart(id INTEGER PRIMARY KEY);
    INSERT INTO customer VALUES (1, ' Ada ', 'ada@x.org', 'UK', 10), (2, 'Bo', NULL, 'XX', NULL), (3, 'Zoë', 'ada@x.org', 'DE', 30);
    INSERT INTO orders VALUES (1, 1, 10.5, '2024-02-29 12:00:00'), (2, 1, 0, NULL), (3, 3, 99.99, '1999-12-31 23:59:59.999999'), (4, 3, -1, NULL);
    INSERT INTO tmp_cart VALUES (1);";

fn plan(source: &str, target: &str, more: &str) -> String {
    format!("version: 1\nname: job\nsource: {source}\ntarget: {target}\n{more}\n")
}

fn url(text: &str) -> String {
    format!("{{ url: \"{text}\" }}")
}

/// The shop with a plan into `copy.db`.
fn shop(more: &str) -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite("shop.db", SHOP);
    sensei.write("plan.yaml", plan(&url("sqlite:shop.db"), &url("sqlite:copy.db"), more));
    sensei
}

/// Runs and verifies the plan: both `equivalent`. Returns the run's report.
#[track_caller]
fn equivalent(sensei: &Sensei) -> Value {
    let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(report["verdict"], "equivalent");
    let verified = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(verified["verdict"], "equivalent");
    for table in report["tables"].as_array().unwrap() {
        assert_eq!(table["rows_written"], table["rows_verified"], "{table}");
    }
    report
}

fn tables(report: &Value) -> Vec<&str> {
    report["tables"].as_array().unwrap().iter().map(|table| table["target"].as_str().unwrap()).collect()
}

/// Every file in a folder and those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn tables_are_included_and_excluded_by_pattern() {
    for (tables_wanted, found) in [
        ("{ exclude: [\"tmp_*\"] }", &["customer", "orders"][..]),
        ("{ include: [\"*r*\"], exclude: [customer] }", &["orders", "tmp_cart"]),
        ("{ include: [order?] }", &["orders"]),
    ] {
        let sensei = shop(&format!("tables: {tables_wanted}"));
        assert_eq!(tables(&equivalent(&sensei)), found);
        let made = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let made = sensei.sqlite_rows("copy.db", made).concat();
        assert_eq!(made, found.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>());
    }
}

#[test]
fn names_rows_and_columns_change_as_the_plan_says() {
    let sensei = shop(
        "tables:
           include: [customer]
           rules:
             - table: customer
               into: Clients
               where: \"country <> 'XX'\"
               columns:
                 name: { into: full_name, expr: \"upper(trim(name))\" }
                 country: { drop: true }
                 score: { into: points }
                 twice: { expr: \"score * 2\", type: int64 }
                 label: { expr: \"concat(country, '-', id)\" }",
    );
    let report = equivalent(&sensei);
    assert_eq!(tables(&report), ["Clients"]);
    assert_eq!((&report["tables"][0]["rows_read"], &report["tables"][0]["rows_filtered"]), (&2.into(), &1.into()));
    let names = sensei.sqlite_rows("copy.db", "SELECT name FROM pragma_table_info('Clients')").concat();
    let mut names: Vec<&str> = names.iter().map(|name| name.trim_matches('\'')).collect();
    names.sort_unstable();
    assert_eq!(names, ["email", "full_name", "id", "label", "points", "twice"]);
    let rows =
        sensei.sqlite_rows("copy.db", "SELECT id, full_name, email, points, twice, label FROM Clients ORDER BY id");
    assert_eq!(rows[0], ["1", "'ADA'", "'ada@x.org'", "10", "20", "'UK-1'"]);
    assert_eq!(rows[1], ["3", "'ZOË'", "'ada@x.org'", "30", "60", "'DE-3'"]);
    // The rules hold for the comparison too.
    sensei.sqlite("copy.db", "UPDATE Clients SET twice = 21 WHERE id = 1");
    let changed = sensei.run(&["verify", "plan.yaml"]).expect(3).stdout;
    assert!(changed.contains("id=1 in twice"), "{changed}");
}

#[test]
fn names_that_would_meet_are_refused() {
    let rule = |rule: &str| format!("tables: {{ rules: [{{ table: customer, {rule} }}] }}");
    for more in [rule("into: orders"), rule("columns: { name: { into: email } }")] {
        shop(&more).run(&["run", "plan.yaml"]).expect(2).says("P207").says("customer");
    }
}

#[test]
fn masks_are_stable_and_their_key_is_nowhere() {
    let mask = "tables: { include: [customer], rules: [{ table: customer, columns: { email: { mask: { keyed_hash: { key: \"${MASK_KEY}\" } } } } }] }";
    let masked = |key: &str| {
        let sensei = shop(mask).env("MASK_KEY", key);
        let outcome = sensei.run(&["run", "plan.yaml", "--log-level", "trace"]).expect(0);
        outcome.hides(key).hides("ada@x.org");
        sensei.run(&["verify", "plan.yaml", "--log-level", "trace"]).expect(0).hides(key);
        sensei.run(&["explain", "plan.yaml", "--format", "json"]).expect(0).hides(key);
        for file in files(sensei.folder()) {
            let bytes = fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let shown = sensei.run(&["certificate", "show", file.to_str().unwrap(), "--output", "json"]).stdout;
            assert!(!text.contains(key) && !shown.contains(key), "the key is in {}", file.display());
            let source = file.ends_with("shop.db");
            assert!(source || !text.contains("ada@x.org"), "the value is in {}", file.display());
        }
        let rows = sensei.sqlite_rows("copy.db", "SELECT email FROM customer ORDER BY id").concat();
        assert_eq!((rows[0].len(), rows[1].as_str()), (66, "NULL"));
        assert_eq!(rows[0], rows[2], "equal values stay equal");
        rows
    };
    assert_eq!(masked(KEY), masked(KEY), "the same in every run");
    assert_ne!(masked(KEY), masked("hush-another-mask-key-12345"));
    shop(mask).run(&["run", "plan.yaml"]).expect(2).says("P104").says("MASK_KEY");
}

#[test]
fn a_verify_with_another_mask_key_finds_a_difference() {
    let mask = "tables: { include: [customer], rules: [{ table: customer, columns: { email: { mask: { keyed_hash: { key: \"${MASK_KEY}\" } } } } }] }";
    let sensei = shop(&mask.replace("${MASK_KEY}", KEY));
    equivalent(&sensei);
    sensei.write(
        "plan.yaml",
        plan(&url("sqlite:shop.db"), &url("sqlite:copy.db"), &mask.replace("${MASK_KEY}", "other-key-0123456789")),
    );
    let changed = sensei.run(&["verify", "plan.yaml"]).expect(3).hides("other-key").stdout;
    assert!(changed.contains("id=1 in email") && changed.contains("id=3 in email"), "{changed}");
}

#[test]
fn types_become_what_the_plan_says() {
    let (sensei, server) = (shop(""), Server::shared());
    server.create_database("types");
    let more = "tables: { include: [customer, orders], rules: [{ table: customer, columns: { score: { type: int16 } } }] }\n\
                types: [{ from: \"sqlite:datetime\", to: timestamptz }]";
    sensei.write("plan.yaml", plan(&url("sqlite:shop.db"), &url(&server.url("types")), more));
    equivalent(&sensei);
    let types = "SELECT column_name, data_type FROM information_schema.columns WHERE column_name IN ('score', 'placed', 'total') ORDER BY 1";
    assert_eq!(server.psql("types", types), "placed|timestamp with time zone\nscore|smallint\ntotal|numeric");
    let placed = "SELECT id, total, placed AT TIME ZONE 'UTC' FROM orders ORDER BY id";
    assert_eq!(
        server.psql("types", placed),
        "1|10.50|2024-02-29 12:00:00\n2|0.00|∅\n3|99.99|1999-12-31 23:59:59.999999\n4|-1.00|∅"
    );
    sensei.write(
        "plan.yaml",
        plan(&url("sqlite:shop.db"), &url(&server.url("types")), "types: [{ from: \"sqlite:text\", to: strng }]"),
    );
    let checked = sensei.run(&["check", "plan.yaml"]).expect(2).stdout;
    assert!(checked.contains("strng"), "{checked}");
}

#[test]
fn tables_that_exist_are_emptied_or_added_to() {
    let server = Server::shared();
    server.create_database("existing");
    let places = [("sqlite:copy.db".to_owned(), false), (server.url("existing"), true)];
    for (target, postgresql) in places {
        for (mode, rows) in [("append", "4"), ("truncate", "3")] {
            let sensei = shop("");
            let create = "CREATE TABLE customer(id bigint PRIMARY KEY, name TEXT NOT NULL, email TEXT, country TEXT, score bigint); \
                          INSERT INTO customer VALUES (77, 'old', NULL, NULL, 1)";
            match postgresql {
                true => drop(server.psql("existing", &format!("DROP TABLE IF EXISTS customer; {create}"))),
                false => drop(sensei.sqlite("copy.db", create)),
            }
            let target = format!("{{ url: \"{target}\", on_existing: {mode} }}");
            sensei.write("plan.yaml", plan(&url("sqlite:shop.db"), &target, "tables: { include: [customer] }"));
            let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
            assert_eq!((&report["verdict"], &report["tables"][0]["rows_verified"]), (&"equivalent".into(), &3.into()));
            let count = "SELECT count(*) FROM customer";
            let found = match postgresql {
                true => server.psql("existing", count),
                false => sensei.sqlite_rows("copy.db", count).concat().concat(),
            };
            assert_eq!(found, rows, "{mode}");
            let verified = sensei.run(&["verify", "plan.yaml"]);
            match mode {
                "append" => assert!(verified.expect(3).stdout.contains("extra      id=77")),
                _ => drop(verified.expect(0)),
            }
        }
    }
}

#[test]
fn less_than_full_verification_is_inconclusive() {
    for (mode, verified, words) in [("counts", 3, "counted, not compared"), ("off", 0, "Nothing was read back")] {
        let sensei = shop(&format!("tables: {{ include: [customer] }}\nverify: {mode}"));
        let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(7).json();
        assert_eq!(
            (&report["verdict"], &report["tables"][0]["rows_verified"]),
            (&"inconclusive".into(), &verified.into())
        );
        assert!(report["notes"].to_string().contains(words), "{report}");
        assert_eq!(sensei.sqlite_rows("copy.db", "SELECT count(*) FROM customer"), [["3"]]);
        let certificate = report["certificate"].as_str().unwrap();
        let claims = sensei.run(&["certificate", "show", certificate, "--output", "json"]).expect(0).json();
        assert_eq!(
            (&claims["predicate"]["verdict"], &claims["predicate"]["mode"]),
            (&"inconclusive".into(), &mode.into())
        );
    }
}

#[test]
fn limits_do_not_change_the_result() {
    let sensei = shop(
        "tables: { exclude: [tmp_cart] }\nlimits: { workers: 3, source_connections: 1, target_connections: 1, memory: 32MiB, split: 16KiB }",
    );
    sensei.sqlite(
        "shop.db",
        "WITH RECURSIVE i(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM i WHERE i < 5000)
         INSERT INTO orders SELECT i, i % 3, i / 8.0, NULL FROM i WHERE i * 100 % 8 = 0;",
    );
    let report = equivalent(&sensei);
    let orders = report["tables"].as_array().unwrap().iter().find(|table| table["source"] == "orders").unwrap();
    let count = sensei.sqlite_rows("shop.db", "SELECT count(*) FROM orders").concat();
    assert_eq!(orders["rows_verified"].to_string(), count[0]);
    let sum = "SELECT sum(id), sum(total) FROM orders";
    assert_eq!(sensei.sqlite_rows("shop.db", sum), sensei.sqlite_rows("copy.db", sum));
}

#[test]
fn csv_is_read_as_the_plan_says() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("csv");
    // Windows-1252: é is E9, the euro sign 80.
    let text = b"id;amount;day;ok;note\n1;1.50;2024-02-29;true;'a;b ''q'''\n2;NULL;NULL;false;'NULL'\n3;-3;1999-12-31;NULL;caf\xe9 \x80\n4;0;2000-01-01;true;\n";
    sensei.write("in/things.csv", text);
    let source = "{ url: \"csv:in\", csv: { delimiter: \";\", quote: \"'\", header: true, null: NULL, encoding: windows-1252 } }";
    let rules = "tables: { rules: [{ table: things, columns: { id: { type: int64 }, amount: { type: \"decimal(10,2)\" }, day: { type: date }, ok: { type: boolean } } }] }";
    sensei.write("plan.yaml", plan(source, &url(&server.url("csv")), rules));
    equivalent(&sensei);
    let rows = "SELECT id, amount, day, ok, note FROM things ORDER BY id";
    let expected = "1|1.50|2024-02-29|t|a;b 'q'\n2|∅|∅|f|NULL\n3|-3.00|1999-12-31|∅|café €\n4|0.00|2000-01-01|t|";
    assert_eq!(server.psql("csv", rows), expected);
    let types = "SELECT string_agg(data_type, ',' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'things'";
    assert_eq!(server.psql("csv", types), "bigint,numeric,date,boolean,text");

    sensei.write("bare.csv", "1,x\n2,y\n");
    sensei.write(
        "plan.yaml",
        plan("{ url: \"csv:bare.csv\", csv: { header: false } }", &url("sqlite:out.db"), "")
            .replace("name: job", "name: bare"),
    );
    equivalent(&sensei);
    assert_eq!(sensei.sqlite_rows("out.db", "SELECT count(*) FROM bare"), [["2"]]);
    sensei
        .write("plan.yaml", plan("{ url: \"csv:bare.csv\", csv: { delimiter: \"ab\" } }", &url("sqlite:out2.db"), ""));
    sensei.run(&["check", "plan.yaml"]).expect(2).says("delimiter");
}

/// One table of most types, one with a composite key, one without a key.
const TYPES: &str = "
    CREATE TABLE item(id uuid PRIMARY KEY, name text NOT NULL, price numeric(20,4), active boolean, tags text[], doc jsonb,
      born date, at time, seen timestamptz, made timestamp, raw bytea, small smallint, mid int, big bigint, f4 real, f8 double precision);
    INSERT INTO item VALUES
      ('00000000-0000-0000-0000-000000000001', 'Zoë', 1234567890123456.7891, true, '{a,NULL,\"b c\"}', '{\"b\": [1, null], \"a\": \"x\"}',
       '2024-02-29', '23:59:59.999999', '2024-02-29 12:00:00.123456+02', '1999-12-31 23:59:59.999999', '\\x00ff10', -32768, 2147483647,
       -9223372036854775808, 1.1, 0.1),
      ('ffffffff-ffff-ffff-ffff-ffffffffffff', '', NULL, false, '{}', 'null', '0001-01-01', '00:00', NULL, NULL, '', 0, 0, 0, '-0', 5e-324),
      ('00000000-0000-0000-0000-00000000000a', ' x ', 0.0001, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    CREATE TABLE pair(a int, b text, v int, PRIMARY KEY (a, b));
    INSERT INTO pair SELECT i % 10, 'k' || i, CASE WHEN i % 7 = 0 THEN NULL ELSE i END FROM generate_series(1, 500) i;
    CREATE TABLE loose(v text);
    INSERT INTO loose VALUES ('same'), ('same'), (NULL), ('');";

/// What both ends of a chain must agree on, in words that do not depend on column types. Adding 0 folds -0, as row-v2
/// does: SQLite has none.
const CONTENT: [&str; 3] = [
    "SELECT id::uuid, name, price::numeric(20,4), active::boolean, tags, doc::jsonb, born::date, at::time, seen::timestamptz,
       made::timestamp, encode(raw, 'hex'), small, mid, big, f4::real + 0, f8 FROM item ORDER BY id",
    "SELECT a, b, v FROM pair ORDER BY a, b",
    "SELECT v FROM loose ORDER BY v",
];

#[test]
fn a_chain_through_every_system_ends_where_it_began() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("first");
    server.create_database("last");
    server.psql("first", TYPES);
    let (first, last) = (server.url("first"), server.url("last"));
    let chain = [
        (first.as_str(), "parquet:one"),
        ("parquet:one", "sqlite:two.db"),
        ("sqlite:two.db", "parquet:three"),
        ("parquet:three", last.as_str()),
    ];
    for (number, (source, target)) in chain.into_iter().enumerate() {
        sensei.write(
            "plan.yaml",
            plan(&url(source), &url(target), "").replace("name: job", &format!("name: step{number}")),
        );
        assert_eq!(tables(&equivalent(&sensei)), ["item", "loose", "pair"], "{source} to {target}");
    }
    let session = "SET timezone = 'UTC'; ";
    for query in CONTENT {
        let of = |database: &str| server.psql(database, &format!("{session}{query}"));
        assert_eq!(of("first"), of("last"));
    }
}

#[test]
fn a_sqlite_file_comes_back_from_postgresql_and_parquet() {
    let (sensei, server) = (shop(""), Server::shared());
    server.create_database("between");
    let between = server.url("between");
    let chain = [("sqlite:shop.db", between.as_str()), (&between, "parquet:pq"), ("parquet:pq", "sqlite:back.db")];
    for (number, (source, target)) in chain.into_iter().enumerate() {
        sensei.write(
            "plan.yaml",
            plan(&url(source), &url(target), "").replace("name: job", &format!("name: step{number}")),
        );
        assert_eq!(tables(&equivalent(&sensei)), ["customer", "orders", "tmp_cart"], "{source} to {target}");
    }
    for query in [
        "SELECT * FROM customer ORDER BY id",
        "SELECT id, customer_id, printf('%.2f', total), replace(placed, 'T', ' ') FROM orders ORDER BY id",
        "SELECT * FROM tmp_cart",
    ] {
        assert_eq!(sensei.sqlite_rows("back.db", query), sensei.sqlite_rows("shop.db", query));
    }
}

#[test]
fn postgresql_over_tls_is_verified_in_full() {
    let server = Server::start_with(Options { password: Some("hush".into()), tls: true, ..Options::default() });
    let sensei = shop("").env("SECRET", "hush");
    let place = server.tcp_url("postgres", "postgres").replace("postgres@", "postgres:${SECRET}@");
    let with = |place: &str, options: &str| plan(&url("sqlite:shop.db"), &url(&format!("{place}?{options}")), "");
    let full = format!("sslmode=verify-full&sslrootcert={}", server.ca_file().display());
    sensei.write("plan.yaml", with(&place, &full));
    equivalent(&sensei);
    assert_eq!(server.psql("postgres", "SELECT count(*) FROM orders"), "4");
    // The certificate is for localhost, and its authority is not one of the system's.
    let elsewhere = place.replace("localhost", "127.0.0.1");
    for (place, options) in [(&elsewhere, full.as_str()), (&place, "sslmode=verify-full")] {
        sensei.write("plan.yaml", with(place, options));
        sensei.run(&["check", "plan.yaml"]).expect(2).says("certificate").hides("hush");
    }
    sensei.write("plan.yaml", with(&elsewhere, &full.replace("verify-full", "verify-ca")));
    sensei.run(&["check", "plan.yaml"]);
    let plain = Server::start_with(Options { tcp: true, ..Options::default() });
    sensei.write("plan.yaml", with(&plain.tcp_url("postgres", "postgres"), "sslmode=require"));
    sensei.run(&["check", "plan.yaml"]).expect(2).says("TLS");
}

#[test]
fn state_and_parquet_live_in_a_bucket() {
    let server = s3::Server::start();
    server.create_bucket("evidence");
    server.create_bucket("lake");
    let sensei = shop("").envs(server.variables());
    let state = "state: s3://evidence/sensei";
    sensei.write("plan.yaml", plan(&url("sqlite:shop.db"), &url("parquet:s3://lake/shop"), state));
    let report = equivalent(&sensei);
    assert_eq!(report["certificate"], "s3://evidence/sensei/jobs/job-1/certificate.json");
    assert!(!sensei.path("sensei-state").exists());
    let again = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(again["certified_earlier"], true);
    let status = sensei.run(&["status", "plan.yaml"]).expect(0).stdout;
    assert!(status.contains("job-1: equivalent"), "{status}");

    let back = plan(&url("parquet:s3://lake/shop"), &url("sqlite:back.db"), state).replace("name: job", "name: back");
    sensei.write("plan.yaml", back);
    equivalent(&sensei);
    let query = "SELECT * FROM customer ORDER BY id";
    assert_eq!(sensei.sqlite_rows("back.db", query), sensei.sqlite_rows("shop.db", query));

    sensei.write("plan.yaml", plan(&url("sqlite:shop.db"), &url("sqlite:copy.db"), "state: s3://absent-bucket/x"));
    let outcome = sensei.run(&["run", "plan.yaml"]).says("absent-bucket");
    assert!(matches!(outcome.code, Some(2 | 5)), "{outcome:?}");
}
