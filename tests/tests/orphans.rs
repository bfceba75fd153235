//! Rows that refer to nothing, end to end: found wherever a reference is declared or named, whatever the systems.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Outcome, Running, Sensei};
use serde_json::{Value, json};

/// Two customers, orders with a declared reference that two of five break, visits whose reference nobody declares.
const SHOP: &str = "
    CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), secret TEXT);
    CREATE TABLE visits(customer INTEGER, page TEXT);
    INSERT INTO customers VALUES (1, 'ada'), (2, 'bo');
    INSERT INTO orders VALUES (10, 1, 'x'), (11, 9, 'hush'), (12, NULL, 'x'), (13, 2, 'x'), (14, 7, 'hush');
    INSERT INTO visits VALUES (1, 'home'), (5, 'home'), (NULL, 'home'), (5, 'cart');";

const NAMED: &str = "relations: [{ table: visits, columns: [customer], references: customers }]\n";
const ACCEPTED: &str =
    "relations: [{ table: orders, columns: [customer_id], references: customers, orphans: report }]\n";

fn shop(sql: &str, target: &str, more: &str) -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite("shop.db", &format!("PRAGMA foreign_keys = OFF; {sql}"));
    plan(&sensei, "sqlite:shop.db", target, more);
    sensei
}

fn plan(sensei: &Sensei, source: &str, target: &str, more: &str) {
    let text =
        format!("version: 1\nname: job\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{more}");
    sensei.write("plan.yaml", text);
}

#[track_caller]
fn run(sensei: &Sensei, code: i32) -> Value {
    sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(code).json()
}

/// Each relation as `child -> parent: orphans of rows, verdict, examples`.
fn relations(report: &Value) -> Vec<String> {
    let one = |relation: &Value| {
        let examples: Vec<&str> =
            relation["examples"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
        let text = |key: &str| relation[key].as_str().unwrap().to_owned();
        let (orphans, rows) = (&relation["orphans"], &relation["rows"]);
        format!("{} -> {}: {orphans} of {rows}, {}, {examples:?}", text("table"), text("parent"), text("verdict"))
    };
    report["relations"].as_array().unwrap().iter().map(one).collect()
}

fn certificate(sensei: &Sensei) -> String {
    sensei.path("sensei-state/jobs/job-1/certificate.json").display().to_string()
}

/// What the certificate claims, if it is whole.
fn claims(sensei: &Sensei) -> Value {
    let shown = sensei.run(&["certificate", "show", &certificate(sensei), "--output", "json"]);
    shown.expect(0).json()["predicate"].take()
}

#[test]
fn orphans_of_a_declared_key_end_the_job_different_and_are_named() {
    let sensei = shop(SHOP, "sqlite:copy.db", "");
    let report = run(&sensei, 3);
    assert_eq!(report["verdict"], "different");
    assert_eq!(relations(&report), [r#"orders -> customers: 2 of 5, different, ["id=11", "id=14"]"#]);
    assert!(report["tables"].as_array().unwrap().iter().all(|table| table["verdict"] == "equivalent"));
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT count(*) FROM orders"), [["5"]], "nothing is dropped");

    let text = sensei.run(&["verify", "plan.yaml", "--report", "found.jsonl"]).expect(3).hides("hush").stdout;
    assert!(text.contains("orders (customer_id) → customers (id): 2 orphans in 5 rows  DIFFERENT"), "{text}");
    assert!(text.contains("orphans: report"), "{text}");
    let lines = fs::read_to_string(sensei.path("found.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: Vec<&Value> = lines.iter().map(|line| &line["key"]).collect();
    assert_eq!(keys, ["id=11", "id=14"]);
    assert_eq!((&lines[0]["kind"], &lines[0]["references"]), (&json!("orphan"), &json!("customers")));

    let claims = claims(&sensei);
    let stated = &claims["referential"][0];
    assert_eq!(
        (&stated["orphans"], &stated["rows_unreferring"], &stated["parent_rows"]),
        (&2.into(), &1.into(), &2.into())
    );
    assert_eq!((&stated["declared"], &stated["accepted"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&claims["perspectives"]["row"], &claims["perspectives"]["referential"]),
        (&json!("equivalent"), &json!("different"))
    );
}

#[test]
fn sound_references_are_certified_and_the_key_is_there() {
    let sound = SHOP.replace("(11, 9,", "(11, 1,").replace("(14, 7,", "(14, 1,");
    let sensei = shop(&sound, "sqlite:copy.db", "");
    assert_eq!(relations(&run(&sensei, 0)), ["orders -> customers: 0 of 5, equivalent, []"]);
    assert_eq!(claims(&sensei)["perspectives"]["referential"], "equivalent");
    // Later, somebody deletes a parent.
    sensei.sqlite("copy.db", "PRAGMA foreign_keys = OFF; DELETE FROM customers WHERE id = 2");
    let report = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(3).json();
    assert_eq!(relations(&report), [r#"orders -> customers: 1 of 5, different, ["id=13"]"#]);
}

#[test]
fn a_relation_that_only_the_plan_names_is_checked_and_rows_without_a_key_are_found_by_address() {
    let sound = SHOP.replace(" REFERENCES customers(id)", "");
    let sensei = shop(&sound, "sqlite:copy.db", "");
    assert_eq!(relations(&run(&sensei, 0)), Vec::<String>::new());
    assert_eq!(claims(&sensei)["perspectives"]["referential"], "not performed");
    let sensei = shop(&sound, "sqlite:copy.db", NAMED);
    let found = relations(&run(&sensei, 3));
    assert_eq!(found, [r#"visits -> customers: 2 of 4, different, ["2", "4"]"#]);
    let verified = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(3).json();
    assert_eq!(relations(&verified), found);
}

/// Parquet tables are not to be seen before they are finished, so a run reads what it committed.
#[test]
fn orphans_are_found_in_parquet_files_too() {
    let accepted = NAMED.replace(" }]", ", orphans: report }]");
    let sensei = shop(&SHOP.replace(" REFERENCES customers(id)", ""), "parquet:copy", &accepted);
    let found = relations(&run(&sensei, 0));
    assert!(found[0].starts_with("visits -> customers: 2 of 4, equivalent, [\"row 2 of visits/"), "{found:?}");
    let verified = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(relations(&verified), found);
    let sensei = shop(SHOP, "parquet:copy", NAMED);
    assert!(relations(&run(&sensei, 3)).concat().contains("visits -> customers: 2 of 4, different"));
}

#[test]
fn accepted_orphans_are_counted_and_their_key_is_left_out() {
    let sensei = shop(SHOP, "sqlite:copy.db", ACCEPTED);
    let report = run(&sensei, 0);
    assert_eq!(report["verdict"], "equivalent");
    assert_eq!(relations(&report), [r#"orders -> customers: 2 of 5, equivalent, ["id=11", "id=14"]"#]);
    let left_out = "foreign key of \"orders\" (customer_id) to \"customers\": the plan accepts orphans (2 orphans)";
    assert!(report["not_carried"].as_array().unwrap().contains(&json!(left_out)), "{report}");
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT count(*) FROM pragma_foreign_key_list('orders')"), [["0"]]);
    sensei.run(&["verify", "plan.yaml"]).expect(0);
    let explained = sensei.run(&["explain", "plan.yaml"]).expect(0).stdout;
    assert!(explained.contains("references \"orders\" -> \"customers\""), "{explained}");
    assert!(explained.contains("(foreign key; orphans are reported)"), "{explained}");
}

/// The classic: a `where` takes only some parents, and the children of the others are left behind.
#[test]
fn a_where_that_drops_parents_leaves_orphans_which_a_named_relation_shows() {
    let sound = SHOP.replace("(11, 9,", "(11, 1,").replace("(14, 7,", "(14, 1,");
    let rules = "tables: { rules: [{ table: customers, where: \"name <> 'bo'\" }] }\n";
    let report = run(&shop(&sound, "sqlite:copy.db", rules), 0);
    assert!(report["not_carried"].to_string().contains("only some rows of \\\"customers\\\" are taken"), "{report}");
    let named = format!("{rules}{}", ACCEPTED.replace("report", "fail"));
    let report = run(&shop(&sound, "sqlite:copy.db", &named), 3);
    assert_eq!(relations(&report), [r#"orders -> customers: 1 of 5, different, ["id=13"]"#]);
    let both = named.replace("}] }\n", "}, { table: orders, where: \"customer_id <> 2\" }] }\n");
    let sensei = shop(&sound, "sqlite:copy.db", &both);
    assert_eq!(relations(&run(&sensei, 0)), ["orders -> customers: 0 of 3, equivalent, []"]);
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT count(*) FROM pragma_foreign_key_list('orders')"), [["1"]]);
}

/// Composite keys of several types, a table that refers to itself, two that refer to each other, other names.
#[test]
fn postgresql_finds_orphans_of_every_shape_and_adds_no_key() {
    let server = Server::start();
    server.create_database("source");
    server.create_database("target");
    server.psql(
        "source",
        "CREATE TABLE depot (region text, number numeric, PRIMARY KEY (region, number));
         CREATE TABLE item (id bigint PRIMARY KEY, part_of bigint REFERENCES item, region text, depot numeric(9,2),
             FOREIGN KEY (region, depot) REFERENCES depot (region, number));
         CREATE TABLE a (id int PRIMARY KEY, b smallint);
         CREATE TABLE b (id smallint PRIMARY KEY, a int REFERENCES a);
         ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
         CREATE TABLE tag (item_id int, name text);
         SET session_replication_role = replica;
         INSERT INTO depot VALUES ('n', 1), ('n', 2.50), ('s', 1);
         INSERT INTO item VALUES (1, NULL, 'n', 1.00), (2, 1, 'n', 2.5), (3, 2, 's', NULL), (4, 8, 's', 2.5), (5, 1, 'x', 1);
         INSERT INTO a VALUES (1, 1), (2, 7);
         INSERT INTO b VALUES (1, 1), (2, 2), (3, NULL);
         INSERT INTO tag VALUES (1, 'new'), (6, 'old');",
    );
    let sensei = Sensei::new();
    let more = "tables:
  rules:
    - { table: item, into: Items, columns: { id: { into: Number }, region: { into: area } } }
    - { table: depot, into: depots }
relations: [{ table: tag, columns: [item_id], references: item }]
limits: { workers: 3 }
";
    plan(&sensei, &server.url("source"), &server.url("target"), more);
    let found = relations(&run(&sensei, 3));
    assert_eq!(
        found,
        [
            r#"a -> b: 1 of 2, different, ["id=2"]"#,
            r#"b -> a: 0 of 3, equivalent, []"#,
            r#"Items -> Items: 1 of 5, different, ["Number=4"]"#,
            r#"Items -> depots: 2 of 5, different, ["Number=4", "Number=5"]"#,
            r#"tag -> Items: 1 of 2, different, ["(0,2)"]"#,
        ]
    );
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(server.psql("target", keys).trim(), "0");
    assert_eq!(server.psql("target", "SELECT count(*) FROM \"Items\"").trim(), "5");

    // Put right at the source, the same plan ends equivalent and every key is there.
    server.psql(
        "source",
        "UPDATE a SET b = 3 WHERE id = 2; UPDATE item SET part_of = 5, region = 'n' WHERE id IN (4, 5);
         DELETE FROM tag WHERE item_id = 6",
    );
    server.psql("target", "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    sensei.run(&["run", "plan.yaml", "--fresh"]).expect(0);
    assert_eq!(server.psql("target", keys).trim(), "4");
}

#[test]
fn a_target_that_refuses_a_sound_key_is_named_for_it() {
    let server = Server::start();
    server.create_database("target");
    server.psql(
        "target",
        "CREATE FUNCTION no_keys() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN IF current_query() LIKE '%FOREIGN KEY%' THEN RAISE 'hush'; END IF; END $$;
         CREATE EVENT TRIGGER no_keys ON ddl_command_start EXECUTE FUNCTION no_keys()",
    );
    let sound = SHOP.replace("(11, 9,", "(11, 1,").replace("(14, 7,", "(14, 1,");
    let sensei = shop(&sound, &server.url("target"), "");
    let refused = sensei.run(&["run", "plan.yaml"]).expect(2).hides("hush");
    refused.says("S306").says("table \"orders\"").says("orphans: report");
    server.psql("target", "DROP EVENT TRIGGER no_keys");
    assert_eq!(relations(&run(&sensei, 0)), ["orders -> customers: 0 of 5, equivalent, []"]);
}

#[test]
fn a_certificate_that_hides_orphans_is_not_valid() {
    let sensei = shop(SHOP, "sqlite:copy.db", "");
    run(&sensei, 3);
    let file = certificate(&sensei);
    let mut envelope: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let payload = BASE64.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    statement["predicate"]["referential"][0]["orphans"] = json!(0);
    statement["predicate"]["verdict"] = json!("equivalent");
    envelope["payload"] = json!(BASE64.encode(serde_json::to_vec(&statement).unwrap()));
    sensei.write("forged.json", serde_json::to_vec(&envelope).unwrap());
    let text = sensei.run(&["certificate", "verify", "forged.json"]).expect(7).stdout;
    for finding in [
        "ALTERED: referential was changed",
        "ALTERED: verdict was changed",
        "CONTRADICTION: referential: orders to customers: a verdict that does not follow from the orphans",
        "CONTRADICTION: verdict: does not follow from the perspectives",
    ] {
        assert!(text.contains(finding), "{finding} is not in\n{text}");
    }
}

/// A table large enough that its check takes a whole round under the least memory there is.
const LARGE: &str = "
    CREATE TABLE parents(id INTEGER PRIMARY KEY, code TEXT);
    CREATE TABLE children(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents(id));
    BEGIN;
    INSERT INTO parents WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < PARENTS) SELECT i, 'c' || i FROM n;
    INSERT INTO children WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < CHILDREN)
        SELECT i, CASE WHEN i % 1000 = 0 THEN -i ELSE 1 + i % PARENTS END FROM n;
    COMMIT;";

fn large(parents: u64, children: u64) -> Sensei {
    let sql = LARGE.replace("PARENTS", &parents.to_string()).replace("CHILDREN", &children.to_string());
    shop(&sql, "sqlite:copy.db", "limits: { workers: 2, memory: 32MiB, split: 1MiB }\n")
}

/// Peak resident memory of a process so far, in MiB; 0 when it is gone.
fn peak_mib(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn watched(mut running: Running) -> (Outcome, u64) {
    let mut peak = 0;
    let ended = Deadline::after(Duration::from_secs(100)).wait_for(|| {
        peak = peak.max(peak_mib(&running));
        (!running.is_running()).then_some(())
    });
    assert!(ended.is_some(), "it still runs");
    (running.wait(), peak)
}

#[test]
fn many_children_take_no_more_memory_than_few() {
    let check = |children: u64| {
        let sensei = large(200_000, children);
        run(&sensei, 3);
        let (outcome, peak) = watched(sensei.spawn(&["verify", "plan.yaml", "--output", "json"]));
        let report = outcome.expect(3).json();
        assert_eq!(report["relations"][0]["orphans"], children / 1000);
        assert_eq!(report["relations"][0]["examples"].as_array().unwrap().len(), 10);
        peak
    };
    // Were they kept, a million children would take more than 100 MiB; two runs of one kind differ by up to 60.
    let (few, many) = (check(20_000), check(1_000_000));
    assert!(many < few + 96, "{many} MiB for many children, {few} MiB for few");
}

#[test]
fn a_run_killed_while_it_checks_references_goes_on_and_finds_the_same() {
    let sensei = large(150_000, 150_000);
    let undisturbed = large(150_000, 150_000);
    let expected = run(&undisturbed, 3);
    let running = sensei.spawn(&["run", "plan.yaml", "--output", "json", "--log-level", "debug"]);
    let checking = Deadline::after(Duration::from_secs(60))
        .wait_for(|| running.stderr().contains("checking references children → parents").then_some(()));
    assert!(checking.is_some(), "no check began: {}", running.stderr());
    let killed = running.kill9();
    assert_eq!(killed.code, None, "it ended before it was killed: {killed:?}");
    let report = run(&sensei, 3);
    assert_eq!(report["resumes"], 1);
    assert_eq!(relations(&report), relations(&expected));
    assert_eq!(report["relations"][0]["orphans"], 150);
}

#[test]
fn a_foreign_key_that_a_found_table_lacks_is_checked_all_the_same() {
    let found = |shop_sql: &str| {
        let sensei = shop(shop_sql, "sqlite:copy.db", "");
        sensei.sqlite(
            "copy.db",
            "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER, secret TEXT);
             CREATE TABLE visits(customer INTEGER, page TEXT);",
        );
        sensei
    };
    let report = run(&found(SHOP), 3);
    assert_eq!(relations(&report), ["orders -> customers: 2 of 5, different, [\"id=11\", \"id=14\"]"]);
    let not_carried = report["not_carried"].to_string();
    assert!(not_carried.contains("the target's table keeps its own keys; its rows are checked without it"), "{report}");

    let sound = format!("{SHOP} DELETE FROM orders WHERE id IN (11, 14);");
    assert_eq!(relations(&run(&found(&sound), 0)), ["orders -> customers: 0 of 3, equivalent, []"]);
}

#[test]
fn keys_that_a_collation_finds_equal_are_no_orphans() {
    let told = |report: &Value| report["notes"].to_string();
    let sensei = shop(
        "CREATE TABLE goods(code TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO goods VALUES ('Apple'), ('pear');
         CREATE TABLE sales(id INTEGER PRIMARY KEY, good TEXT REFERENCES goods(code));
         INSERT INTO sales VALUES (1, 'APPLE'), (2, 'pear'), (3, NULL);",
        "sqlite:copy.db",
        "",
    );
    let report = run(&sensei, 0);
    assert_eq!(relations(&report), Vec::<String>::new());
    assert!(
        told(&report).contains("sales (good) → goods (code) holds was left to the target's foreign key"),
        "{report}"
    );
    let verified = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(0).json();
    assert!(told(&verified).contains("(NOCASE)"), "{verified}");

    let server = Server::shared();
    server.create_database("coarse");
    server.create_database("coarse_copy");
    let citext = "CREATE EXTENSION IF NOT EXISTS citext;";
    server.psql(
        "coarse",
        &format!(
            "{citext} CREATE TABLE goods(code citext PRIMARY KEY); INSERT INTO goods VALUES ('Apple');
             CREATE TABLE sales(id int PRIMARY KEY, good citext REFERENCES goods); INSERT INTO sales VALUES (1, 'APPLE')"
        ),
    );
    server.psql("coarse_copy", citext);
    let sensei = Sensei::new();
    plan(&sensei, &server.url("coarse"), &server.url("coarse_copy"), "");
    assert!(told(&run(&sensei, 0)).contains("(citext)"));

    // A row that refers to nothing under the collation either is the target's to find.
    sensei.sqlite(
        "shop.db",
        "CREATE TABLE goods(code TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO goods VALUES ('Apple');
         CREATE TABLE sales(id INTEGER PRIMARY KEY, good TEXT REFERENCES goods(code)); PRAGMA foreign_keys = OFF;
         INSERT INTO sales VALUES (1, 'apple'), (2, 'plum')",
    );
    plan(&sensei, "sqlite:shop.db", "sqlite:other.db", "");
    let refused = sensei.run(&["run", "plan.yaml", "--fresh", "--output", "json"]).expect(3).json();
    assert_eq!(refused["error"]["code"], "S305", "{refused}");
}
