//! Corruption between the copy and the certificate: a trigger of the target's that alters what is written.

use crate::{Finding, Pair};

/// Makes the source's tables in the target, empty, with `function` as the body of a row trigger on `table`.
fn with_trigger(name: &str, table: &str, body: &str) -> Pair {
    let pair = Pair::new(name);
    let (tables, _) = crate::SOURCE.split_once("-- Rows 1 to 400").unwrap();
    let pairs =
        "CREATE TABLE pair (a integer, b varchar(10), c uuid, v text, w text, n numeric, PRIMARY KEY (a, b, c));";
    let heap = "CREATE TABLE heap (v text, n integer, d date);";
    let function = format!("CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;");
    let trigger = format!("CREATE TRIGGER change BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION change();");
    pair.server.psql(&pair.target, &format!("{tables} {pairs} {heap} {function} {trigger}"));
    pair.plan(&format!("{{ url: \"{}\", on_existing: append }}", pair.server.url(&pair.target)), "");
    pair
}

/// Runs, insists on the verdict, and returns what the run and a later comparison name.
fn named(pair: &Pair, table: &str) -> (Vec<Finding>, Vec<Finding>) {
    let report = pair.command("run").expect(3).json();
    assert_eq!(report["verdict"], "different");
    for about in report["tables"].as_array().unwrap() {
        assert_eq!(about["verdict"] == "different", about["target"] == table, "{about}");
    }
    assert_eq!(report["differences"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["differences"][0]["target"], table);
    let mut examples: Vec<Finding> =
        report["differences"][0]["examples"].as_array().unwrap().iter().flat_map(Finding::of).collect();
    examples.sort();
    let (_, _, found) = pair.verify();
    (examples, found.into_iter().map(|(_, row)| row).collect())
}

#[test]
fn rows_that_a_trigger_changes_are_named_by_the_run() {
    let body = "IF new.id IN (17, 1003) THEN new.c_tstz := new.c_tstz + interval '1 us'; new.c_text := NULL; END IF; RETURN new;";
    let pair = with_trigger("changing", "every", body);
    let (run, later) = named(&pair, "every");
    // Infinity plus a microsecond is infinity.
    assert_eq!(run, [Finding::changed("id=1003", &["c_text"]), Finding::changed("id=17", &["c_text", "c_tstz"])]);
    assert_eq!(later, run);
}

#[test]
fn rows_that_a_trigger_adds_are_named_by_the_run() {
    let body = "IF new.n = 3 AND pg_trigger_depth() = 1 THEN INSERT INTO heap VALUES (new.v, new.n, new.d); END IF; RETURN new;";
    let pair = with_trigger("adding", "heap", body);
    let (run, later) = named(&pair, "heap");
    assert_eq!(run, [Finding::keyless("extra"), Finding::keyless("extra"), Finding::keyless("extra")]);
    assert_eq!(later, run);
}

#[test]
fn a_trigger_that_swallows_rows_stops_the_run() {
    let body = "IF new.id IN (18, 1004) THEN RETURN NULL; END IF; RETURN new;";
    let pair = with_trigger("swallowing", "every", body);
    pair.command("run").expect(4);
    pair.sensei.run(&["run", "plan.yaml"]).expect(4).says("2 rows were rejected");
    let listed = pair.sensei.run(&["rejects", "list", "plan.yaml"]).expect(0).stdout;
    assert!(listed.contains("a trigger or rule kept it out (id=18; id=1004)"), "{listed}");
    assert_eq!(pair.server.psql(&pair.target, "SELECT count(*) FROM every"), "0", "the split was rolled back");
    let rows = pair.server.psql(&pair.source, "SELECT id FROM every ORDER BY id::text COLLATE \"C\"");
    let expected: Vec<Finding> = rows.lines().map(|id| Finding::missing(&format!("id={id}"))).collect();
    let (_, _, found) = pair.verify();
    let found: Vec<Finding> = found.into_iter().filter(|(table, _)| table == "every").map(|(_, row)| row).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_certificate_says_that_rows_differ() {
    let body = "new.n := new.n + 1; RETURN new;";
    let pair = with_trigger("certifying", "pair", body);
    let report = pair.command("run").expect(3).json();
    let certificate = report["certificate"].as_str().unwrap().to_owned();
    let shown = pair.sensei.run(&["certificate", "show", &certificate]).expect(0);
    assert!(shown.stdout.contains("different"), "{}", shown.stdout);
    pair.command("run").expect(3);
}
