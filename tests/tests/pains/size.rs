//! Tables larger than the memory, and values larger than most: pains 1 and 14.

use crate::ground::{Postgres, differences, ends, plan, run, sensei, watched};

/// The budget of a plan that names none, in MiB.
const MEMORY_MIB: u64 = 256;

/// 400 MiB in 50,000 rows whose key begins with the same value everywhere, and as many narrow rows without a key.
const LARGE: &str = "
    CREATE TABLE wide (tenant int, id bigint, body bytea, PRIMARY KEY (tenant, id));
    ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
    CREATE TABLE heap (a int, b text);
    INSERT INTO wide SELECT 1, i, decode(repeat(md5(i::text), 512), 'hex') FROM generate_series(1, 50000) i;
    INSERT INTO heap SELECT i % 7, 'row ' || i % 11 FROM generate_series(1, 50000) i;
    ANALYZE";

/// Elsewhere rows, chunks or what is compared pile up in memory until the process dies; a key whose first column is the
/// same everywhere is one chunk. Here copying, verifying, and verifying where every row differs stay within the budget,
/// and such a key is cut.
#[test]
fn pain_01_memory_is_bounded() {
    let job = Postgres::new(LARGE, "");
    let bytes = job.server.psql("source", "SELECT sum(length(body)) >> 20 FROM wide");
    assert!(bytes.parse::<u64>().unwrap() > MEMORY_MIB + MEMORY_MIB / 2, "{bytes} MiB");
    let (outcome, copying) = watched(&job.sensei, "run");
    assert_eq!(outcome.expect(0).json()["verdict"], "equivalent");
    let splits =
        job.sensei.run(&["status", "plan.yaml", "--output", "json"]).expect(0).json()["jobs"][0]["splits"].take();
    assert!(splits.as_u64() > Some(20), "{splits} splits");
    job.same("SELECT count(*), sum(hashtext(wide::text)) FROM wide");
    job.target("UPDATE wide SET body = set_byte(body, 8191, 255 - get_byte(body, 8191)); UPDATE heap SET b = b || '!'");
    let (outcome, verifying) = watched(&job.sensei, "verify");
    let report = outcome.expect(3).json();
    assert_eq!(report["differences"].as_array().unwrap().len(), 2, "{report}");
    assert!(copying.max(verifying) < MEMORY_MIB, "{copying} MiB to copy, {verifying} MiB to verify");
    assert!(copying.min(verifying) > 0, "nothing was measured");
}

/// Values of 101 MiB of bytes and 40 MiB of text.
const VALUES: &str = "
    CREATE TABLE film (id int PRIMARY KEY, body bytea, script text);
    INSERT INTO film VALUES
        (1, decode(repeat('00ff0a5c7f80c327', 101 * 1024 * 128), 'hex'), repeat('é中😀\\', 4 * 1024 * 1024)),
        (2, '', ''), (3, NULL, NULL)";

/// Elsewhere a large value is cut, left out, or ends the job. Here it arrives whole, its last byte is compared as well
/// as its first, and what is beyond a limit is refused by name instead of cut: what memory does not suffice for before
/// anything is moved.
#[test]
fn pain_14_large_values_arrive_whole() {
    let job = Postgres::new(VALUES, "");
    let refused =
        ends(&job.sensei, 2).says("column \"body\" of table \"film\" has a value of 101 MiB in a row of up to 1");
    assert_eq!(job.target("SELECT to_regclass('film') IS NULL"), "t", "nothing was touched");
    let enough = refused.stderr.split("memory: ").nth(1).and_then(|rest| rest.split("MiB").next()).expect("a hint");
    let plan =
        plan(&job.server.url("source"), &job.server.url("target"), &format!("limits: {{ memory: {enough}MiB }}"));
    job.sensei.write("plan.yaml", plan);
    let (outcome, peak) = watched(&job.sensei, "run");
    assert_eq!(outcome.expect(0).json()["verdict"], "equivalent");
    assert!(peak > 0 && peak < enough.parse().expect("a number"), "{peak} of {enough} MiB");
    run(&job.sensei);
    job.same("SELECT id, length(body), md5(body), length(script), md5(script) FROM film ORDER BY id");
    job.target("UPDATE film SET body = set_byte(body, length(body) - 1, 0) WHERE id = 1");
    assert_eq!(differences(&job.sensei), ["film: changed id=1 [\"body\"]"]);

    let csv = sensei("csv:note.csv", "sqlite:copy.db", "");
    csv.write("note.csv", format!("id,body\n1,short\n2,{}\n", "x".repeat(65 << 20)));
    ends(&csv, 5).says("64 MiB");
}
