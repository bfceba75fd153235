//! A source whose tree is out of order: every range is read without an error, and rows are missing. Counting shows it.

use sensei_tests::Sensei;

const ROWS: &str = "
    PRAGMA page_size = 4096;
    CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 10000)
    INSERT INTO t SELECT i, printf('%060d', i) FROM i;
    CREATE TABLE other(id INTEGER PRIMARY KEY); INSERT INTO other VALUES (1), (2);";

const PAGE: usize = 4096;
/// First byte of a page that holds children of a table's tree, and the length of its header. SQLite manual, "Database File
/// Format", 1.6.
const INTERIOR: u8 = 5;
const HEADER: usize = 12;

fn sensei(split: &str) -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite("in.db", ROWS);
    plan(&sensei, split);
    sensei
}

fn plan(sensei: &Sensei, split: &str) {
    let text = format!(
        "version: 1\nname: job\nsource: {{ url: \"sqlite:in.db\" }}\ntarget: {{ url: \"sqlite:out.db\", on_existing: truncate }}\n\
         limits: {{ split: {split}, workers: 2 }}\n"
    );
    sensei.write("plan.yaml", text);
}

/// Lets two parents' cells in the root of `t` change their children: leaves out of order, each of them sound.
fn disorder(sensei: &Sensei, name: &str) {
    let root = sensei.sqlite_rows(name, "SELECT rootpage FROM sqlite_schema WHERE name = 't'")[0][0].parse::<usize>();
    let path = sensei.path(name);
    let mut bytes = std::fs::read(&path).unwrap();
    let page = &mut bytes[(root.unwrap() - 1) * PAGE..][..PAGE];
    assert_eq!(page[0], INTERIOR);
    let number = |at: usize| usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
    let cells = number(3);
    assert!(cells > 20, "{cells} leaves");
    let (one, other) = (number(HEADER + 2 * 3), number(HEADER + 2 * (cells - 3)));
    (0..4).for_each(|byte| page.swap(one + byte, other + byte));
    std::fs::write(path, bytes).unwrap();
    assert_eq!(sensei.sqlite_rows(name, "SELECT count(*) FROM t NOT INDEXED")[0][0], "10000");
}

fn certificates(sensei: &Sensei) -> usize {
    let jobs = std::fs::read_dir(sensei.path("sensei-state/jobs")).unwrap();
    jobs.filter(|job| job.as_ref().unwrap().path().join("certificate.json").exists()).count()
}

#[test]
fn a_table_whose_ranges_miss_rows_is_not_certified() {
    let sensei = sensei("64KiB");
    disorder(&sensei, "in.db");
    for resumes in 0..2 {
        let error = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(5).json()["error"].clone();
        assert_eq!(error["code"], "S404", "after {resumes} resumptions: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("table \"t\" of the source holds 10000 rows, and reading it in "), "{message}");
        assert!(error["hint"].as_str().unwrap().contains("PRAGMA integrity_check"), "{error}");
        assert_eq!(certificates(&sensei), 0);
    }
    // A range of all rows meets them in whatever order they are.
    plan(&sensei, "64MiB");
    let report = sensei.run(&["run", "plan.yaml", "--fresh", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&report["verdict"], &report["tables"][1]["rows_read"]),
        (&"equivalent".into(), &10000.into()),
        "{report}"
    );
}

#[test]
fn a_repaired_source_is_taken_up_again() {
    let sensei = sensei("64KiB");
    let sound = std::fs::read(sensei.path("in.db")).unwrap();
    disorder(&sensei, "in.db");
    sensei.run(&["run", "plan.yaml"]).expect(5).says("error[S404]");
    std::fs::write(sensei.path("in.db"), sound).unwrap();
    let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&report["verdict"], &report["tables"][1]["rows_written"]),
        (&"equivalent".into(), &10000.into()),
        "{report}"
    );
}

#[test]
fn splits_that_are_trusted_count_as_journaled() {
    let sensei = sensei("64KiB");
    let quiesced =
        std::fs::read_to_string(sensei.path("plan.yaml")).unwrap().replace("in.db\"", "in.db\", quiesced: true");
    sensei.write("plan.yaml", quiesced);
    let sound = std::fs::read(sensei.path("in.db")).unwrap();
    disorder(&sensei, "in.db");
    sensei.run(&["run", "plan.yaml"]).expect(5).says("error[S404]");
    std::fs::write(sensei.path("in.db"), sound).unwrap();
    sensei.run(&["run", "plan.yaml"]).expect(5).says("error[S404]").says("--fresh");
    assert_eq!(certificates(&sensei), 0);
    let report = sensei.run(&["run", "plan.yaml", "--fresh", "--output", "json"]).expect(0).json();
    assert_eq!(report["verdict"], "equivalent", "{report}");
}

#[test]
fn verify_does_not_take_two_tables_for_equal_that_miss_the_same_rows() {
    let sensei = sensei("64KiB");
    sensei.run(&["run", "plan.yaml"]).expect(0);
    sensei.run(&["verify", "plan.yaml"]).expect(0);
    disorder(&sensei, "in.db");
    std::fs::copy(sensei.path("in.db"), sensei.path("out.db")).unwrap();
    sensei.run(&["verify", "plan.yaml"]).expect(5).says("error[S404]").says("table \"t\" of the source");
    // The damage is in the target alone.
    std::fs::remove_file(sensei.path("in.db")).unwrap();
    sensei.sqlite("in.db", ROWS);
    sensei.run(&["verify", "plan.yaml"]).expect(5).says("error[S404]").says("table \"t\" of the target");
}
