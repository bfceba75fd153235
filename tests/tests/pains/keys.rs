//! Keys of every shape, and orders that two servers do not share: pain 11.

use crate::ground::{Postgres, differences, run, sensei};

/// No key and equal rows; text keys that sort by a language, two of them not telling case apart, one by operators that
/// are in a schema of their own; mixed, descending and nullable keys.
const TABLES: &str = r#"
    CREATE COLLATION german (provider = icu, locale = 'de-u-kn-true');
    CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE SCHEMA elsewhere; CREATE EXTENSION citext SCHEMA elsewhere;
    CREATE TABLE code (c elsewhere.citext PRIMARY KEY, n int);
    INSERT INTO code SELECT x || lpad(i::text, 6, '0'), i
        FROM generate_series(1, 10000) i, LATERAL (SELECT CASE WHEN i % 2 = 0 THEN 'key ' ELSE 'KEY ' END) part(x);
    CREATE TABLE heap (a int, b text);
    CREATE TABLE word (w text COLLATE german PRIMARY KEY, n int);
    CREATE TABLE nick (w text COLLATE caseless PRIMARY KEY, n int);
    CREATE TABLE mixed (u uuid, d timestamptz, t text COLLATE german, n numeric, v int, PRIMARY KEY (t, d, u, n));
    CREATE TABLE down (a int, b text);
    CREATE UNIQUE INDEX ON down (a DESC NULLS FIRST, b DESC);
    CREATE TABLE maybe (a int, b int, v text, UNIQUE (a, b));
    INSERT INTO heap SELECT CASE WHEN i % 5 > 0 THEN i % 5 END, 'row ' || i % 3 FROM generate_series(1, 3000) i;
    INSERT INTO word SELECT x || y || i, i FROM generate_series(1, 300) i,
        unnest('{a,A,ä,Z,z,ß,_,é}'::text[]) x, unnest('{"",-," "}'::text[]) y;
    INSERT INTO nick VALUES ('Ada', 1), ('bo', 2), ('ÉMILE', 3);
    INSERT INTO mixed SELECT md5(i::text)::uuid, to_timestamp(i % 3), x || i % 10, (i % 7) / 2.0, i
        FROM generate_series(1, 3000) i, unnest('{a,B,b,Ä,o-e,oe}'::text[]) x;
    INSERT INTO down SELECT i, 'b' || i % 10 FROM generate_series(1, 3000) i;
    INSERT INTO down VALUES (NULL, 'x'), (NULL, NULL);
    INSERT INTO maybe SELECT i, CASE WHEN i % 2 > 0 THEN i END, 'v' || i FROM generate_series(1, 3000) i;
    INSERT INTO maybe VALUES (1000000, NULL, 'twice'), (1000000, NULL, 'twice');
    ANALYZE"#;

/// Every table, its rows as text in the order of their bytes.
const ROWS: &str = "
    SELECT name, count(*), md5(string_agg(row, ';' ORDER BY row COLLATE \"C\")) FROM (
        SELECT 'heap', heap::text FROM heap UNION ALL SELECT 'word', word::text FROM word UNION ALL
        SELECT 'nick', nick::text FROM nick UNION ALL SELECT 'code', code::text FROM code UNION ALL SELECT 'down', down::text FROM down UNION ALL
        SELECT 'mixed', row(u, extract(epoch FROM d), t, n, v)::text FROM mixed UNION ALL
        SELECT 'maybe', maybe::text FROM maybe) rows (name, row) GROUP BY name ORDER BY name";

/// Elsewhere tables without a key are left out, keys of text are cut where one server sorts otherwise than the other,
/// and comparison reports rows as extra that are there. Here tables compare as multisets, in no order at all, and what
/// differs is named exactly: of four equal rows the one that is missing.
#[test]
fn pain_11_keys_of_any_shape_and_any_collation() {
    let job = Postgres::new(TABLES, "limits: { split: 16KiB, workers: 2 }");
    // The target's own tables sort otherwise.
    job.target(
        "CREATE SCHEMA elsewhere; CREATE EXTENSION citext SCHEMA elsewhere;
         CREATE TABLE word (w text COLLATE \"C\" PRIMARY KEY, n int); CREATE TABLE nick (w text COLLATE \"C\" PRIMARY KEY, n int);
         CREATE TABLE mixed (u uuid, d timestamptz, t text COLLATE \"en-x-icu\", n numeric, v int, PRIMARY KEY (u, n, d, t))",
    );
    run(&job.sensei);
    job.same(ROWS);

    job.target(
        "DELETE FROM heap WHERE ctid = (SELECT min(ctid) FROM heap WHERE a = 3 AND b = 'row 1');
         INSERT INTO word VALUES ('Ä', 0); UPDATE nick SET w = 'BO' WHERE w = 'bo';
         UPDATE mixed SET v = 0 WHERE v = 1700 AND t = 'Ä0'; DELETE FROM maybe WHERE v = 'twice'",
    );
    let found = differences(&job.sensei);
    let told: Vec<&str> = found.iter().map(String::as_str).collect();
    let of = |table: &str| told.iter().filter(|line| line.starts_with(&format!("{table}: "))).count();
    assert_eq!(["heap", "word", "nick", "mixed"].map(of), [1, 1, 2, 1], "{told:#?}");
    assert!(told.contains(&"word: extra w=Ä []"), "{told:#?}");

    let file = sensei(&job.server.url("source"), "sqlite:copy.db", "limits: { split: 16KiB }");
    run(&file);
    assert_eq!(file.sqlite_rows("copy.db", "SELECT count(*), sum(n) FROM word"), [["7200", "1083600"]]);
}
