//! From and to every other system. Both servers tell each value in the same words, and neither is asked through Sensei.

use sensei_tests::{mysql, postgres};
use serde_json::json;

use crate::{RUN, folder, moved, same};

/// A column in words of MySQL, and of PostgreSQL.
type Words = (&'static str, &'static str);

/// Instants and dates to the microsecond.
const MOMENT: &str = "%Y-%m-%d %H:%i:%s.%f";

/// The rows of a table, each value in the words that `words` gives for it, ordered by the first one.
fn mysql_rows(server: &mysql::Server, database: &str, table: &str, words: &[Words]) -> String {
    let told: Vec<String> = words
        .iter()
        .map(|(words, _)| format!("IFNULL(CONVERT({words} USING utf8mb4) COLLATE utf8mb4_bin, '∅')"))
        .collect();
    let told = told.join(", '|', ").replace("MOMENT", &format!("'{MOMENT}'"));
    let sql = format!("SET time_zone = '+00:00'; SELECT CONCAT({told}) AS told FROM {table} ORDER BY {}", words[0].0);
    server.sql(database, &sql)
}

/// As [`mysql_rows`].
fn postgres_rows(server: &postgres::Server, database: &str, table: &str, words: &[Words]) -> String {
    let told: Vec<String> = words.iter().map(|(_, words)| format!("coalesce(({words})::text, '∅')")).collect();
    let told = told.join(", '|', ").replace("MOMENT", "'YYYY-MM-DD HH24:MI:SS.US'");
    server.psql(database, &format!("SELECT concat({told}) FROM {table} ORDER BY {}", words[0].1))
}

#[track_caller]
fn told_alike(ours: &str, theirs: &str) {
    let difference = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
    assert!(ours == theirs && !ours.is_empty(), "{difference:?}");
}

const MYSQL_VALUES: &str = r#"
    SET time_zone = '+03:00';
    CREATE TABLE vals (
        id int PRIMARY KEY, flag tinyint(1), t1 tinyint unsigned, i3 mediumint, i8 bigint, i8u bigint unsigned,
        d decimal(65,30), f float, f8 double, bit10 bit(10), c char(5), v varchar(20) CHARACTER SET latin1,
        lt longtext, vb varbinary(9), dd date, dt6 datetime(6), ts6 timestamp(6) NULL, tm time(6), y year,
        e enum('sad','so ''so''','a,b)'), s set('x','y','z'), j json, u uuid, i inet6, g geometry,
        gs int GENERATED ALWAYS AS (i3 + 1) STORED, `We``ird "Näme';` int, KEY (v), UNIQUE KEY (dt6, tm)
    ) CHARACTER SET utf8mb4;
    INSERT INTO vals (id) VALUES (1);
    INSERT INTO vals (id, flag, t1, i3, i8, i8u, d, f, f8, bit10, c, v, lt, vb) VALUES
      (2, 0, 0, -8388608, -9223372036854775808, 0, -99999999999999999999999999999999999.999999999999999999999999999999,
       -3.402823466e38, -1.7976931348623157e308, b'0', '', '', '', ''),
      (3, 1, 255, 8388607, 9223372036854775807, 18446744073709551615, 0.000000000000000000000000000001,
       1.401298464e-45, 5e-324, b'1000000001', 'a b', 'äöü€ß', repeat('🦀', 5000), 0x00ff5c2780),
      (4, NULL, 7, 0, 0, 1, 1.5, 0.1, 0.1, b'11', 'ééééé', 'tail  ', 'tab\tnew\nline \\ ''"', 0xff);
    INSERT INTO vals (id, dd, dt6, ts6, tm, y) VALUES
      (5, '1000-01-01', '9999-12-31 23:59:59.999999', '1970-01-01 03:00:01', '00:00:00', 1901),
      (6, '9999-12-31', '1000-01-01', '2038-01-19 06:14:07.999999', '-838:59:59', 2155),
      (7, '2000-02-29', '2000-02-29 00:00:00.000001', '2024-07-01 12:00:00', '100:00:00.5', 2024);
    INSERT INTO vals (id, e, s, j, u, i, g, `We``ird "Näme';`) VALUES
      (8, 'sad', '', '{"b": 1, "a" : [1.10, null]}', '00112233-4455-6677-8899-aabbccddeeff', '::', POINT(1.5, -2), 1),
      (9, 'so ''so''', 'x,z', '{"a": ["é"]}', 'ffffffff-ffff-4fff-bfff-ffffffffffff', '2001:db8::1',
       ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), -1),
      (10, 'a,b)', 'x,y,z', '[]', NULL, '::ffff:1.2.3.4', ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))'), 0);"#;

const MYSQL_WORDS: &[Words] = &[
    ("id", "id"),
    ("ELT(flag + 1, 'false', 'true')", "flag"),
    ("t1", "t1"),
    ("i3", "i3"),
    ("i8", "i8"),
    ("i8u", "i8u"),
    ("d", "d"),
    ("CAST(f AS double)", "replace(f::float8::text, 'e+', 'e')"),
    ("f8", "replace(f8::text, 'e+', 'e')"),
    ("LPAD(BIN(bit10), 10, '0')", "bit10"),
    ("LOWER(HEX(c))", "encode(convert_to(c, 'UTF8'), 'hex')"),
    ("LOWER(HEX(CONVERT(v USING utf8mb4)))", "encode(convert_to(v, 'UTF8'), 'hex')"),
    ("MD5(lt)", "md5(lt)"),
    ("LOWER(HEX(vb))", "encode(vb, 'hex')"),
    ("dd", "dd"),
    ("DATE_FORMAT(dt6, MOMENT)", "to_char(dt6, MOMENT)"),
    ("DATE_FORMAT(ts6, MOMENT)", "to_char(ts6 AT TIME ZONE 'UTC', MOMENT)"),
    ("TIME_TO_SEC(tm)", "extract(epoch FROM tm)"),
    ("y", "y"),
    ("e", "e"),
    ("s", "s"),
    ("JSON_VALUE(j, '$.a[0]')", "j #>> '{a,0}'"),
    ("u", "u"),
    ("i", "i"),
    ("LOWER(HEX(ST_AsBinary(g)))", "encode(g, 'hex')"),
    ("gs", "gs"),
    ("`We``ird \"Näme';`", "\"We`ird \"\"Näme';\""),
];

#[test]
fn every_value_of_mysql_arrives_in_postgresql() {
    let (from, to) = (mysql::Server::shared(), postgres::Server::shared());
    from.create_database("wide");
    from.load("wide", MYSQL_VALUES);
    to.create_database("wide");
    let types = "types:\n  - { from: \"mysql:tinyint(1)\", to: boolean }\n  - { from: \"mysql:time\", to: interval }";
    assert_eq!(moved(&folder(&from.url("wide"), &to.url("wide"), types)), 10);
    told_alike(&mysql_rows(from, "wide", "vals", MYSQL_WORDS), &postgres_rows(to, "wide", "vals", MYSQL_WORDS));
    // Undeclared, times that are no time of day are rejected, and a small number is no truth.
    to.create_database("strict");
    let strict = folder(&from.url("wide"), &to.url("strict"), "rejects: { max: 2, to: ./rejects }");
    let report = strict.run(&RUN).json();
    assert_eq!((&report["tables"][0]["rows_rejected"], &report["tables"][0]["rows_written"]), (&json!(2), &json!(8)));
    assert_eq!(to.psql("strict", "SELECT pg_typeof(min(flag)) || ' ' || sum(flag) FROM vals"), "smallint 1");
}

const POSTGRES_VALUES: &str = r#"
    CREATE TYPE mood AS ENUM ('sad', 'so ''so''');
    CREATE TABLE vals (
        id bigint PRIMARY KEY, flag boolean NOT NULL DEFAULT true, i2 smallint, i4 int, r real, f8 double precision, n numeric,
        d numeric(12,4), t text, v varchar(30), b bytea, dd date, tm time, ts timestamp, tz timestamptz, iv interval, u uuid,
        j json, jb jsonb, ints int[], texts text[], bits bit(10), vbits bit varying, m mood, a inet,
        "We`ird ""Näme';" int);
    INSERT INTO vals (id) VALUES (-9223372036854775808);
    INSERT INTO vals (id, flag, i2, i4, r, f8, n, d, t, v, b) VALUES
      (1, false, -32768, -2147483648, -3.4028235e38, -1.7976931348623157e308, 12345678901234567890.5, -99999999.9999, '', '', ''),
      (2, true, 32767, 2147483647, 1e-45, 5e-324, 0.000000000000000000000000000001, 0.0001, repeat('🦀', 5000), 'tail  ', '\x00ff5c27'),
      (3, true, 0, 0, 0.1, 0.1, 1.50, 7, E'tab\tnew\nline \\ ''"', 'A', '\xff');
    INSERT INTO vals (id, dd, tm, ts, tz, iv) VALUES
      (4, '0001-01-01', '24:00', '9999-12-31 23:59:59.999999', '1900-01-01 00:00:00+05', 'P1Y2M3DT-4H5M6.5S'),
      (5, '9999-12-31', '00:00:00.000001', '0001-01-01', '2024-07-01 12:00:00.000001+02', '-1 month');
    INSERT INTO vals (id, u, j, jb, ints, texts, bits, vbits, m, a, "We`ird ""Näme';") VALUES
      (6, '00112233-4455-6677-8899-aabbccddeeff', '{"b": 1,  "a": 2, "a": 3}', '{"b": [1.10, null, "é"]}', '{1,NULL,-3}',
       ARRAY['a"b', NULL, ''], b'1000000001', b'', 'sad', '10.0.0.1/8', 1),
      (7, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '"x"', '[]', '{}', '{}', b'0000000000', b'101', 'so ''so''', '::1', -1);
    CREATE TABLE cased (name text PRIMARY KEY, other varchar(10) UNIQUE);
    INSERT INTO cased VALUES ('a', 'x'), ('A', 'X'), ('a ', 'x '), ('ä', 'é'), (E'e\u0301', E'e\u0301'), ('', '');"#;

const POSTGRES_WORDS: &[Words] = &[
    ("id", "id"),
    ("ELT(flag + 1, 'false', 'true')", "flag"),
    ("i2", "i2"),
    ("i4", "i4"),
    ("CAST(r AS double)", "replace(r::float8::text, 'e+', 'e')"),
    ("f8", "replace(f8::text, 'e+', 'e')"),
    ("n", "n::numeric(65,30)"),
    ("d", "d"),
    ("MD5(t)", "md5(t)"),
    ("LOWER(HEX(v))", "encode(convert_to(v, 'UTF8'), 'hex')"),
    ("LOWER(HEX(b))", "encode(b, 'hex')"),
    ("dd", "dd"),
    ("TIME_TO_SEC(tm)", "extract(epoch FROM tm)"),
    ("DATE_FORMAT(ts, MOMENT)", "to_char(ts, MOMENT)"),
    ("DATE_FORMAT(tz, MOMENT)", "to_char(tz AT TIME ZONE 'UTC', MOMENT)"),
    ("iv", "CASE id WHEN 4 THEN 'P1Y2M3DT-3H-54M-53.5S' WHEN 5 THEN 'P-1M' END"),
    ("u", "u"),
    ("LOWER(HEX(j))", "encode(convert_to(j::text, 'UTF8'), 'hex')"),
    ("JSON_VALUE(jb, '$.b[0]')", "jb #>> '{b,0}'"),
    ("JSON_VALUE(ints, '$[2]')", "ints[3]"),
    ("HEX(JSON_VALUE(texts, '$[0]'))", "upper(encode(convert_to(texts[1], 'UTF8'), 'hex'))"),
    ("JSON_LENGTH(texts)", "cardinality(texts)"),
    ("LPAD(BIN(bits), 10, '0')", "bits"),
    ("vbits", "vbits"),
    ("m", "m"),
    ("a", "CASE WHEN a IS NOT NULL THEN format('%s', a) END"),
    ("`We``ird \"Näme';`", "\"We`ird \"\"Näme';\""),
];

#[test]
fn every_value_of_postgresql_arrives_in_mysql() {
    let (from, to) = (postgres::Server::shared(), mysql::Server::shared());
    from.create_database("narrow");
    from.psql("narrow", POSTGRES_VALUES);
    to.create_database("narrow");
    assert_eq!(moved(&folder(&from.url("narrow"), &to.url("narrow"), "")), 14);
    told_alike(
        &mysql_rows(to, "narrow", "vals", POSTGRES_WORDS),
        &postgres_rows(from, "narrow", "vals", POSTGRES_WORDS),
    );
    // What is apart in PostgreSQL is apart in the keys of MySQL: letters of another case, blanks at the end.
    let cased: &[Words] = &[
        ("LOWER(HEX(name))", "encode(convert_to(name, 'UTF8'), 'hex')"),
        ("LOWER(HEX(other))", "encode(convert_to(other, 'UTF8'), 'hex')"),
    ];
    told_alike(&mysql_rows(to, "narrow", "cased", cased), &postgres_rows(from, "narrow", "cased", cased));
}

#[test]
fn what_mysql_cannot_hold_is_a_rejected_row_and_never_another_value() {
    let (from, to) = (postgres::Server::shared(), mysql::Server::shared());
    from.create_database("beyond");
    from.psql(
        "beyond",
        "CREATE TABLE vals (id int PRIMARY KEY, f float8, n numeric, dd date, ts timestamp, v text);
         INSERT INTO vals VALUES (1, 'NaN', 0, NULL, NULL, ''), (2, 'infinity', 0, NULL, NULL, ''), (3, 0, 'NaN', NULL, NULL, ''),
           (4, 0, 1e40, NULL, NULL, ''), (5, 0, 1e-31, NULL, NULL, ''), (6, 0, 0, 'infinity', NULL, ''),
           (7, 0, 0, '0044-03-15 BC', NULL, ''), (8, 0, 0, '10000-01-01', NULL, ''), (9, 0, 0, NULL, '-infinity', ''),
           (10, 0.5, 0.5, '2024-02-29', '2024-02-29', 'kept secret');",
    );
    to.create_database("beyond");
    let sensei = folder(&from.url("beyond"), &to.url("beyond"), "rejects: { max: 9, to: ./rejects }");
    let outcome = sensei.run(&RUN);
    let report = outcome.json();
    assert_eq!(report["tables"][0]["rows_rejected"], 9, "{}", outcome.stderr);
    assert_eq!(
        to.sql("beyond", "SELECT CONCAT(id, ' ', f, ' ', dd, ' ', v) FROM vals"),
        "10 0.5 2024-02-29 kept secret"
    );
    outcome.hides("kept secret");
}

const ZERO_DATES: &str = "
    SET sql_mode = 'ALLOW_INVALID_DATES';
    CREATE TABLE `dates` (id int PRIMARY KEY, d date, dt datetime(3), tm time, ts timestamp(6) NOT NULL DEFAULT 0);
    INSERT INTO `dates` VALUES (1, '0000-00-00', '0000-00-00', '-838:59:59', 0), (2, '2024-00-15', '2024-02-30 12:00:00.5', '838:59:59', 0),
        (3, '2024-02-29', '2024-02-29 00:00:00.001', '12:00:00', '2024-02-29 12:00:00.000001'),
        (4, NULL, NULL, NULL, '2024-02-29');";

#[test]
fn zero_dates_are_carried_between_mysql_servers_and_declared_away_elsewhere() {
    let (server, to) = (mysql::Server::shared(), postgres::Server::shared());
    for name in ["zeros", "zeros_copy"] {
        server.create_database(name);
    }
    server.load("zeros", ZERO_DATES);
    assert_eq!(moved(&folder(&server.url("zeros"), &server.url("zeros_copy"), "")), 4);
    same(server, server, ["zeros", "zeros_copy"]);
    // A day that its month does not have is no zero to be cleaned.
    server.load("zeros", "SET sql_mode = ''; UPDATE dates SET dt = '2024-02-00 12:00:00' WHERE id = 2");
    to.create_database("zeros");
    let nullify = "types:
  - { from: \"mysql:date\", zero_dates: nullify }
  - { from: \"mysql:datetime\", zero_dates: nullify }
  - { from: \"mysql:time\", to: interval }
tables: { rules: [{ table: dates, columns: { ts: { drop: true } } }] }";
    assert_eq!(moved(&folder(&server.url("zeros"), &to.url("zeros"), nullify)), 4);
    let told = to.psql(
        "zeros",
        "SELECT id || ' ' || coalesce(d::text, '∅') || ' ' || coalesce(dt::text, '∅') FROM dates ORDER BY id",
    );
    assert_eq!(told, "1 ∅ ∅\n2 ∅ ∅\n3 2024-02-29 2024-02-29 00:00:00.001\n4 ∅ ∅");
}

/// Values that every system between has a place for.
const PLAIN: &str = r#"
    CREATE TABLE plain (id bigint PRIMARY KEY, i2 smallint, n decimal(20,6), f double, t longtext, b longblob, d date,
        dt datetime(6)) CHARACTER SET utf8mb4;
    INSERT INTO plain SELECT seq * 3, seq % 30000, seq / 7, seq / 3, CONCAT('näte ', seq, '🦀'), UNHEX(MD5(seq)),
        DATE('2000-01-01') + INTERVAL seq DAY, TIMESTAMP('2000-01-01') + INTERVAL seq * 1001 MICROSECOND FROM seq_1_to_3000;
    INSERT INTO plain (id) VALUES (-9223372036854775808);
    INSERT INTO plain VALUES (-1, -32768, -0.000001, 5e-324, '', '', '1000-01-01', '9999-12-31 23:59:59.999999');"#;

/// Moves table `plain` to `between` and from there into another database of MySQL, where it must be the same.
fn there_and_back(name: &str, between: &str) {
    let server = mysql::Server::shared();
    let back = format!("{name}_back");
    server.create_database(name);
    server.create_database(&back);
    server.load(name, PLAIN);
    let limits = "limits: { split: 16KiB, workers: 2 }";
    let there = folder(&server.url(name), between, limits);
    assert_eq!(moved(&there), 3002);
    let plan = format!(
        "version: 1\nname: back\nsource: {{ url: \"{between}\" }}\ntarget: {{ url: \"{}\" }}\nstate: \"./back\"\n{limits}\n",
        server.url(&back)
    );
    there.write("plan.yaml", plan);
    assert_eq!(moved(&there), 3002);
    for (one, other) in [(name, &*back), (&*back, name)] {
        let missing =
            format!("SELECT COUNT(*) FROM (SELECT * FROM {one}.plain EXCEPT ALL SELECT * FROM {other}.plain) x");
        assert_eq!(server.sql("", &missing), "0", "{one}");
    }
}

#[test]
fn through_sqlite_and_back() {
    there_and_back("by_sqlite", "sqlite:between.db");
}

#[test]
fn through_parquet_and_back() {
    there_and_back("by_parquet", "parquet:between");
}

#[test]
fn a_computed_column_may_be_rounded_by_the_server() {
    let (from, to) = (mysql::Server::shared(), mysql::Server::shared());
    for name in ["rounded", "rounded_copy"] {
        from.create_database(name);
    }
    from.load(
        "rounded",
        "CREATE TABLE t (id int PRIMARY KEY, total decimal(10,2), net decimal(10,2) AS (total * 0.8) STORED);
         INSERT INTO t (id, total) SELECT seq, seq + 0.99 FROM seq_1_to_2000;",
    );
    assert_eq!(moved(&folder(&from.url("rounded"), &to.url("rounded_copy"), "")), 2000);
    same(from, to, ["rounded", "rounded_copy"]);
}
