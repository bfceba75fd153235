//! Truth of the verdict on a target in MariaDB: every corruption is found and named, what means the same raises no alarm,
//! and `repair` puts everything right.

use sensei_tests::{Finding, Random, Sensei, mysql, postgres, read_report};
use serde_json::Value;

use crate::{RUN, VERIFY, folder, moved, same, tables};

/// Rows of `every`, numbered from 1.
const ROWS: usize = 300;

const SOURCE: &str = r#"
    CREATE TABLE every (
        id int PRIMARY KEY, c_bool tinyint(1), c_u1 tinyint unsigned, c_i3 mediumint, c_i8 bigint, c_u8 bigint unsigned,
        c_dec decimal(65,30), c_float float, c_double double, c_bit bit(10), c_char char(8), c_cased varchar(40),
        c_latin varchar(40) CHARACTER SET latin1, c_text longtext, c_bin binary(8), c_blob longblob, c_date date,
        c_dt datetime(6), c_ts timestamp(6) NULL, c_time time(6), c_year year, c_enum enum('sad','ok','happy',''),
        c_set set('x','y','z'), c_json json, c_shape geometry, c_uuid uuid, c_inet inet6) CHARACTER SET utf8mb4;
    INSERT INTO every SELECT seq, seq % 2, seq % 250, seq * 1001, seq * 30000000000, 18446744073709551000 - seq,
        seq / 7, seq / 7, SQRT(seq + 0.5), seq, CONCAT('c', seq), CONCAT('Word ', seq), CONCAT('née ', seq),
        CONCAT('näte 🦀 ', seq, ' end'), UNHEX(LEFT(MD5(seq), 16)), UNHEX(MD5(seq)), DATE('2000-01-01') + INTERVAL seq DAY,
        TIMESTAMP('2000-01-01') + INTERVAL seq * 1001 MICROSECOND, TIMESTAMP('2001-01-01') + INTERVAL seq * 1001 MICROSECOND,
        SEC_TO_TIME(seq * 1000), 1950 + seq % 200, 1 + seq % 4, seq % 8,
        CONCAT('{"n": ', seq, ', "list": [1, 2.50, null], "t": "é"}'), ST_GeomFromText(CONCAT('POINT(', seq, ' 0.5)'), 4326),
        CONCAT('00112233-4455-6677-8899-', LPAD(HEX(seq), 12, '0')), CONCAT('2001:db8::', HEX(seq)) FROM seq_1_to_300;
    INSERT INTO every (id) VALUES (1001);
    CREATE TABLE pair (a int, b varchar(20), v varchar(40), w varchar(40), PRIMARY KEY (a, b)) CHARACTER SET utf8mb4;
    INSERT INTO pair SELECT seq % 30, CONCAT('k', seq), CONCAT('v', seq), CONCAT('w', seq) FROM seq_1_to_300;
    CREATE TABLE heap (n int, v varchar(40), d date) CHARACTER SET utf8mb4;
    INSERT INTO heap SELECT seq % 50, CONCAT('row ', seq % 50), '2020-01-01' FROM seq_1_to_150;
    INSERT INTO heap VALUES (NULL, NULL, NULL), (NULL, NULL, NULL);"#;

/// Changes of a cell that holds an ordinary value: column and new value.
const CHANGES: &[(&str, &str)] = &[
    ("c_bool", "2"),
    ("c_bool", "NOT c_bool"),
    ("c_u1", "c_u1 + 1"),
    ("c_i3", "-c_i3"),
    ("c_i8", "c_i8 ^ 1"),
    ("c_u8", "c_u8 - 1"),
    ("c_u8", "c_u8 >> 1"),
    ("c_dec", "c_dec + 0.000000000000000000000000000001"),
    ("c_dec", "c_dec * 10"),
    ("c_float", "c_float * 1.0000002"),
    ("c_float", "-c_float"),
    ("c_double", "c_double * (1 + 4e-16)"),
    ("c_double", "ROUND(c_double, 6)"),
    ("c_bit", "c_bit ^ 512"),
    ("c_bit", "c_bit ^ 1"),
    ("c_char", "CONCAT(' ', c_char)"),
    ("c_char", "UPPER(c_char)"),
    ("c_cased", "UPPER(c_cased)"),
    ("c_cased", "CONCAT(c_cased, ' ')"),
    ("c_cased", "REPLACE(c_cased, 'o', 'ó')"),
    ("c_cased", "''"),
    ("c_latin", "REPLACE(c_latin, 'é', 'e')"),
    ("c_latin", "REPLACE(c_latin, 'é', 'Ã©')"),
    ("c_text", "CONCAT(c_text, '\\n')"),
    ("c_text", "REPLACE(c_text, '🦀', '?')"),
    ("c_text", "REPLACE(c_text, 'ä', 'a\u{308}')"),
    ("c_text", "'NULL'"),
    ("c_bin", "CONCAT(LEFT(c_bin, 7), X'00')"),
    ("c_blob", "CONCAT(c_blob, X'00')"),
    ("c_blob", "X''"),
    ("c_date", "c_date + INTERVAL 1 DAY"),
    ("c_dt", "c_dt + INTERVAL 1 MICROSECOND"),
    ("c_dt", "c_dt + INTERVAL 3 HOUR"),
    ("c_ts", "c_ts - INTERVAL 1 MICROSECOND"),
    ("c_ts", "c_ts + INTERVAL 1 HOUR"),
    ("c_time", "ADDTIME(c_time, '00:00:00.000001')"),
    ("c_time", "'-838:59:59'"),
    ("c_year", "c_year + 1"),
    ("c_enum", "1 + c_enum % 4"),
    ("c_set", "c_set ^ 1"),
    ("c_json", "REPLACE(c_json, '2.50', '2.51')"),
    ("c_json", "REPLACE(c_json, 'null', '\"null\"')"),
    ("c_json", "REPLACE(c_json, '[1, 2.50', '[2.50, 1')"),
    ("c_shape", "ST_GeomFromText('POINT(0.5 7)', 4326)"),
    ("c_shape", "ST_GeomFromText(ST_AsText(c_shape), 0)"),
    ("c_uuid", "REPLACE(c_uuid, '00112233', '10112233')"),
    ("c_inet", "REPLACE(c_inet, 'db8', 'db9')"),
];

/// Something that is easily taken for NULL, per column.
const NOTHINGS: &[(&str, &str)] = &[
    ("c_bool", "0"),
    ("c_u8", "0"),
    ("c_dec", "0"),
    ("c_float", "0"),
    ("c_bit", "0"),
    ("c_char", "''"),
    ("c_text", "''"),
    ("c_bin", "X''"),
    ("c_blob", "X''"),
    ("c_date", "'0000-00-00'"),
    ("c_dt", "'0000-00-00'"),
    ("c_ts", "0"),
    ("c_time", "0"),
    ("c_year", "0"),
    ("c_enum", "''"),
    ("c_set", "''"),
    ("c_json", "'null'"),
    ("c_uuid", "'00000000-0000-0000-0000-000000000000'"),
    ("c_inet", "'::'"),
];

/// Changes without meaning: how rows lie, what a server or session prefers, and numbers in other words.
const HARMLESS: &[&str] = &[
    "ALTER TABLE heap ENGINE = InnoDB ROW_FORMAT = COMPRESSED",
    "CREATE TEMPORARY TABLE t AS SELECT * FROM heap; DELETE FROM heap; INSERT INTO heap SELECT * FROM t ORDER BY RAND()",
    "UPDATE every SET c_double = -0e0, c_float = -0e0 WHERE id = 1; UPDATE every SET c_double = 0, c_float = 0 WHERE id = 1",
    "SET GLOBAL time_zone = '-08:00', GLOBAL sql_mode = 'ANSI,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES', GLOBAL div_precision_increment = 0",
    "SET GLOBAL character_set_server = 'latin1', GLOBAL collation_connection = 'latin1_bin', GLOBAL tx_isolation = 'READ-UNCOMMITTED'",
];

/// A source and its copy in two databases of one server, with a plan between them.
struct Copy {
    server: mysql::Server,
    sensei: Sensei,
}

impl Copy {
    fn new(limits: &str) -> Copy {
        let server = mysql::Server::start();
        for name in ["original", "copy", "kept"] {
            server.create_database(name);
        }
        server.load("original", SOURCE);
        let sensei = folder(&server.url("original"), &server.url("copy"), limits);
        moved(&sensei);
        let copy = Copy { server, sensei };
        copy.server.load("kept", &copy.each("CREATE TABLE {} LIKE copy.{}; INSERT INTO {} SELECT * FROM copy.{};"));
        copy
    }

    /// `sql` for each table.
    fn each(&self, sql: &str) -> String {
        tables(&self.server, "original").iter().map(|name| sql.replace("{}", name)).collect()
    }

    /// Puts the target back as it was.
    fn restore(&self) {
        self.server.load(
            "copy",
            &self.each("DROP TABLE {}; CREATE TABLE {} LIKE kept.{}; INSERT INTO {} SELECT * FROM kept.{};"),
        );
    }

    /// What `verify` finds after the statements, in sorted order; `table` is the only one that is different.
    fn after(&self, table: &str, sql: &str) -> Vec<Finding> {
        self.server.load("copy", &format!("SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'; {sql}"));
        let outcome =
            self.sensei.run(&["verify", "plan.yaml", "--report", "report.jsonl", "--output", "json"]).expect(3);
        for about in outcome.json()["tables"].as_array().unwrap() {
            let verdict = if about["target"] == table { "different" } else { "equivalent" };
            assert_eq!(about["verdict"], verdict, "{sql}: {about}");
        }
        let report = self.sensei.path("report.jsonl");
        let found = read_report(&report);
        std::fs::remove_file(report).unwrap();
        found.into_iter().map(|(_, finding)| finding).collect()
    }

    #[track_caller]
    fn finds(&self, table: &str, sql: &str, mut expected: Vec<Finding>) {
        expected.sort();
        assert_eq!(self.after(table, sql), expected, "{sql}");
    }
}

fn update(id: usize, column: &str, value: &str) -> String {
    format!("UPDATE every SET {column} = {value} WHERE id = {id};\n")
}

#[test]
fn every_corruption_is_found_and_named() {
    let mut random = Random::announced("mysql corruption");
    let copy = Copy::new("");
    // Each in a row of its own, all in one comparison.
    let mut ids: Vec<usize> = (1..=ROWS).collect();
    random.shuffle(&mut ids);
    let nulls = NOTHINGS.iter().map(|(column, _)| (*column, "NULL"));
    let changes: Vec<(usize, (&str, &str))> = ids.into_iter().zip(CHANGES.iter().copied().chain(nulls)).collect();
    let sql: String = changes.iter().map(|(id, (column, value))| update(*id, column, value)).collect();
    let changed = |(id, (column, _)): &(usize, (&str, &str))| Finding::changed(&format!("id={id}"), &[column]);
    copy.finds("every", &sql, changes.iter().map(changed).collect());
    copy.restore();
    let sql: String = NOTHINGS.iter().map(|(column, value)| update(1001, column, value)).collect();
    let columns: Vec<&str> = NOTHINGS.iter().map(|(column, _)| *column).collect();
    copy.finds("every", &sql, vec![Finding::changed("id=1001", &columns)]);
    for (table, sql, findings) in of_rows() {
        copy.restore();
        copy.finds(table, sql, findings);
    }
    copy.restore();
    assert_eq!(copy.sensei.run(&VERIFY).expect(0).json()["verdict"], "equivalent");
}

/// Whole rows that are lost, doubled, exchanged or invented: table, statements, findings.
fn of_rows() -> Vec<(&'static str, &'static str, Vec<Finding>)> {
    let (missing, extra) = (Finding::missing, Finding::extra);
    let keyless = |kinds: &[&str]| kinds.iter().map(|kind| Finding::keyless(kind)).collect();
    vec![
        (
            "every",
            "DELETE FROM every WHERE id = 12; INSERT INTO every (id) VALUES (-7); UPDATE every SET id = 5000 WHERE id = 13",
            vec![missing("id=12"), extra("id=-7"), missing("id=13"), extra("id=5000")],
        ),
        (
            "every",
            "ALTER TABLE every DROP PRIMARY KEY; INSERT INTO every SELECT * FROM every WHERE id = 20",
            vec![extra("id=20")],
        ),
        (
            "pair",
            "UPDATE pair SET v = CONCAT(v, LEFT(w, 1)), w = SUBSTR(w, 2) WHERE b = 'k7'; UPDATE pair SET b = 'K8' WHERE b = 'k8';
             ALTER TABLE pair DROP PRIMARY KEY; INSERT INTO pair SELECT * FROM pair WHERE b = 'k9'",
            vec![
                Finding::changed("a=7, b=k7", &["v", "w"]),
                missing("a=8, b=k8"),
                extra("a=8, b=K8"),
                extra("a=9, b=k9"),
            ],
        ),
        ("heap", "DELETE FROM heap WHERE n = 9 LIMIT 1", keyless(&["missing"])),
        ("heap", "INSERT INTO heap SELECT * FROM heap WHERE n = 9 LIMIT 2", keyless(&["extra", "extra"])),
        ("heap", "DELETE FROM heap WHERE n IS NULL LIMIT 1", keyless(&["missing"])),
        ("heap", "UPDATE heap SET v = CONCAT(v, ' ') WHERE n = 3 LIMIT 1", keyless(&["missing", "extra"])),
        ("heap", "UPDATE heap SET v = '' WHERE v IS NULL LIMIT 1", keyless(&["missing", "extra"])),
    ]
}

#[test]
fn what_means_the_same_raises_no_alarm() {
    let copy = Copy::new("");
    for database in ["original", "copy"] {
        copy.server.sql(database, "UPDATE every SET c_double = 0, c_float = 0 WHERE id = 1");
    }
    for change in HARMLESS {
        copy.server.load("copy", change);
        let told = copy.sensei.run(&VERIFY).expect(0).json();
        assert_eq!((&told["verdict"], &told["differences"]), (&"equivalent".into(), &Value::Array(vec![])), "{change}");
    }
}

/// Every kind of difference in every kind of table.
const MIXED: &str = "
    UPDATE every SET c_text = CONCAT(c_text, ' '), c_blob = NULL WHERE id IN (3, 5); DELETE FROM every WHERE id IN (9, 1001);
    UPDATE every SET id = 4242 WHERE id = 11; UPDATE every SET c_cased = UPPER(c_cased), c_time = '-838:59:59' WHERE id % 50 = 1;
    DELETE FROM pair WHERE a = 3; UPDATE pair SET v = 'other' WHERE a = 4; UPDATE pair SET b = UPPER(b) WHERE a = 5;
    INSERT INTO pair VALUES (99, 'new', NULL, NULL); DELETE FROM heap WHERE n = 7; DELETE FROM heap WHERE v IS NULL LIMIT 1;
    INSERT INTO heap VALUES (9, 'row 9', '2020-01-01'), (1, 'new', NULL); UPDATE heap SET v = CONCAT(v, ' ') WHERE n = 4 LIMIT 2";

#[test]
fn repair_puts_everything_right() {
    // Many splits, so that rows move from one to another.
    let copy = Copy::new("limits: { split: 8KiB, workers: 2 }");
    copy.server.load("copy", MIXED);
    let report = copy.sensei.run(&VERIFY).expect(3).json();
    let counts = |table: &str| {
        let of = |found: &&Value| found["target"] == table;
        report["differences"].as_array().unwrap().iter().find(of).map(|found| found["counts"].clone())
    };
    let expected = serde_json::json!({"changed": 8, "extra": 1, "missing": 3});
    assert_eq!(counts("every"), Some(expected), "{}", report["differences"]);
    assert_eq!(counts("heap"), Some(serde_json::json!({"extra": 4, "missing": 6})), "{}", report["differences"]);
    let repaired = copy.sensei.run(&["repair", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(repaired["verdict"], "equivalent");
    assert_eq!(copy.sensei.run(&VERIFY).expect(0).json()["verdict"], "equivalent");
    same(&copy.server, &copy.server, ["original", "copy"]);
}

#[test]
fn a_copy_of_postgresql_is_compared_by_what_postgresql_tells_apart() {
    let (from, to) = (postgres::Server::shared(), mysql::Server::shared());
    from.create_database("told");
    from.psql(
        "told",
        "CREATE TABLE t (id text PRIMARY KEY, r real, n numeric, at timestamptz, j jsonb, ints int[]);
         INSERT INTO t SELECT 'Key ' || i, i / 7.0, i / 7.0, timestamptz '2024-01-01 00:00:00.000001+00' + i * interval '1 s',
             jsonb_build_object('n', i), ARRAY[i, NULL] FROM generate_series(1, 60) i",
    );
    to.create_database("told");
    let sensei = folder(&from.url("told"), &to.url("told"), "");
    assert_eq!(moved(&sensei), 60);
    to.load(
        "told",
        "UPDATE t SET id = 'KEY 1' WHERE id = 'Key 1'; UPDATE t SET id = 'Key 2 ' WHERE id = 'Key 2'; DELETE FROM t WHERE id = 'Key 3';
         UPDATE t SET r = r * 1.0000002 WHERE id = 'Key 4'; UPDATE t SET n = n + 1e-30 WHERE id = 'Key 5';
         UPDATE t SET at = at + INTERVAL 1 MICROSECOND WHERE id = 'Key 6'; UPDATE t SET j = '{\"n\": \"7\"}' WHERE id = 'Key 7';
         UPDATE t SET ints = '[null, 8]' WHERE id = 'Key 8'; UPDATE t SET j = '{ \"n\" : 9 }' WHERE id = 'Key 9';",
    );
    sensei.run(&["verify", "plan.yaml", "--report", "report.jsonl"]).expect(3);
    let found: Vec<Finding> =
        read_report(&sensei.path("report.jsonl")).into_iter().map(|(_, finding)| finding).collect();
    let mut expected = vec![
        Finding::missing("id=Key 1"),
        Finding::extra("id=KEY 1"),
        Finding::missing("id=Key 2"),
        Finding::extra("id=Key 2 "),
        Finding::missing("id=Key 3"),
        Finding::changed("id=Key 4", &["r"]),
        Finding::changed("id=Key 5", &["n"]),
        Finding::changed("id=Key 6", &["at"]),
        Finding::changed("id=Key 7", &["j"]),
        Finding::changed("id=Key 8", &["ints"]),
    ];
    expected.sort();
    assert_eq!(found, expected);
    sensei.run(&["repair", "plan.yaml"]).expect(0);
    assert_eq!(sensei.run(&RUN).expect(0).json()["verdict"], "equivalent");
    assert_eq!(to.sql("told", "SELECT COUNT(*), COUNT(DISTINCT id) FROM t"), "60\t60");
}
