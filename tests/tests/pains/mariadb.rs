//! Pains 5, 7, 8 and 9 where most people meet them: on the way out of MySQL and MariaDB.

use sensei_tests::{Sensei, mysql, postgres};
use serde_json::Value;

use crate::ground::{counts, ends, rejects, run, sensei};

/// A filled database in MariaDB, and an empty one in PostgreSQL.
struct Pair {
    from: &'static mysql::Server,
    to: &'static postgres::Server,
}

impl Pair {
    fn new(sql: &str) -> Pair {
        let (from, to) = (mysql::Server::shared(), postgres::Server::shared());
        from.create_database("source");
        from.load("source", sql);
        to.create_database("target");
        Pair { from, to }
    }

    fn plan(&self, more: &str) -> Sensei {
        sensei(&self.from.url("source"), &self.to.url("target"), more)
    }

    fn target(&self, sql: &str) -> String {
        self.to.psql("target", sql)
    }

    /// Empties the target, also of what an unfinished job has left there.
    fn anew(&self) {
        self.to.psql("postgres", "DROP DATABASE target WITH (FORCE)");
        self.to.create_database("target");
    }

    /// Runs a plan that may leave rows behind; returns its report and why they were.
    fn leaves(&self, more: &str) -> (Value, Vec<String>) {
        let job = self.plan(more);
        let report = job.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
        assert_eq!(report["verdict"], "equivalent", "{report}");
        (report, rejects(&job))
    }
}

/// How often each declared rule of the certificate changed a row.
fn touched(job: &Sensei, report: &Value) -> Vec<u64> {
    let shown = job.run(&["certificate", "show", report["certificate"].as_str().unwrap(), "--output", "json"]);
    let shown = shown.expect(0).json();
    let rules = shown["predicate"]["lossy_rules"].as_array().unwrap();
    rules.iter().map(|rule| rule["rows_touched"].as_u64().unwrap()).collect()
}

/// The beginnings of reasons: the key and the column.
fn named(rejects: &[String]) -> Vec<&str> {
    rejects.iter().filter_map(|line| line.split(':').next()).collect()
}

const DAYS: &str = "
    SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00';
    CREATE TABLE day (id int PRIMARY KEY, d date, at datetime(6), stamp timestamp(6) NULL);
    INSERT INTO day VALUES (1, '2024-02-29', '2024-02-29 23:59:59.999999', '2024-02-29 12:00:00.000001'), (2, '0000-00-00', NULL, NULL),
        (3, NULL, NULL, NULL), (4, '2024-02-30', NULL, NULL), (5, '2024-00-10', NULL, NULL), (6, NULL, '0000-00-00', NULL),
        (7, NULL, '2024-02-00 12:00:00', NULL), (8, NULL, NULL, 0), (9, '0001-01-01', '9999-12-31', '1970-01-01 00:00:01');";

/// Elsewhere 0000-00-00 becomes 1970-01-01 on one path and NULL on the other, or ends the load. Here it is a rejected row
/// until the plan says `nullify`, which the certificate counts; a day that its month does not have stays a rejected row;
/// and between two servers that have such days they arrive.
#[test]
fn pain_05_zero_and_invalid_dates_are_never_guessed_on_mariadb() {
    let pair = Pair::new(DAYS);
    ends(&pair.plan(""), 4).says("error[S304]");
    pair.anew();
    let (report, found) = pair.leaves("rejects: { max: 6 }");
    assert_eq!(counts(&report, "day"), [9, 6, 3, 3]);
    assert_eq!(named(&found), ["id=2 d", "id=4 d", "id=5 d", "id=6 at", "id=7 at", "id=8 stamp"]);
    pair.anew();
    let of = |name: &str| format!("  - {{ from: \"mysql:{name}\", zero_dates: nullify }}\n");
    let rules = ["date", "datetime", "timestamp"].map(of).concat();
    let job = pair.plan(&format!("types:\n{rules}"));
    let report = job.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(counts(&report, "day"), [9, 0, 9, 9]);
    assert_eq!(touched(&job, &report).iter().sum::<u64>(), 6);
    assert_eq!(
        pair.target(
            "SELECT id, d, at, stamp AT TIME ZONE 'UTC' FROM day WHERE d IS NOT NULL OR at IS NOT NULL ORDER BY id"
        ),
        "1|2024-02-29|2024-02-29 23:59:59.999999|2024-02-29 12:00:00.000001\n\
         9|0001-01-01|9999-12-31 00:00:00|1970-01-01 00:00:01"
    );
    pair.from.create_database("copy");
    run(&sensei(&pair.from.url("source"), &pair.from.url("copy"), ""));
    let days = "SELECT id, d, at, stamp FROM day ORDER BY id";
    assert_eq!(pair.from.sql("source", days), pair.from.sql("copy", days));
}

const TEXTS: &str = "
    CREATE TABLE note (id int PRIMARY KEY, latin varchar(20) CHARACTER SET latin1, greek char(9) CHARACTER SET greek,
        body varchar(50) CHARACTER SET utf8mb4);
    INSERT INTO note VALUES (1, '€œÿ', 'λόγος', 'naïve 中 😀'), (2, '', '', CONCAT('a', CHAR(0), 'b')),
        (3, 'Ã©', NULL, 'Ã©'), (4, CONCAT('x', CHAR(0)), 'ή', NULL), (5, ' ', NULL, 'tail  ');";

/// Elsewhere `latin1` is taken for ISO 8859-1 although it is Windows-1252, text that was encoded twice is mended unasked,
/// and U+0000 ends the load or is removed and found different ever after. Here each column is read by its own character
/// set, what was encoded twice stays so, and U+0000 is a rejected row until the plan says `remove`.
#[test]
fn pain_07_nul_characters_and_encodings_on_mariadb() {
    let pair = Pair::new(TEXTS);
    let (report, found) = pair.leaves("rejects: { max: 2 }");
    assert_eq!((counts(&report, "note"), named(&found)), ([5, 2, 3, 3], vec!["id=2 body", "id=4 latin"]));
    pair.anew();
    let job = pair.plan("types: [{ from: \"mysql:varchar\", nul_characters: remove }]");
    let report = run(&job);
    assert_eq!(touched(&job, &report).iter().sum::<u64>(), 2);
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let row = |(id, texts): (usize, &[Option<&str>; 3])| {
        let told = texts.map(|text| text.map_or_else(|| "∅".to_owned(), hex));
        format!("{}|{}", id + 1, told.join("|"))
    };
    let expected = [
        [Some("€œÿ"), Some("λόγος"), Some("naïve 中 😀")],
        [Some(""), Some(""), Some("ab")],
        [Some("Ã©"), None, Some("Ã©")],
        [Some("x"), Some("ή"), None],
        [Some(" "), None, Some("tail  ")],
    ];
    let told = |column: &str| format!("encode(convert_to({column}, 'UTF8'), 'hex')");
    let sql = format!("SELECT id, {}, {}, {} FROM note ORDER BY id", told("latin"), told("greek"), told("body"));
    assert_eq!(pair.target(&sql), expected.iter().enumerate().map(row).collect::<Vec<_>>().join("\n"));
}

const WIDE: &str = "
    CREATE TABLE owner (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, n int unsigned, small tinyint unsigned, m mediumint unsigned);
    CREATE TABLE thing (id bigint PRIMARY KEY, owner bigint unsigned, FOREIGN KEY (owner) REFERENCES owner (id));
    INSERT INTO owner VALUES (18446744073709551614, 4294967295, 255, 16777215), (9223372036854775808, 2147483648, 128, 0),
        (1, 0, 0, 1);
    INSERT INTO thing VALUES (9223372036854775807, 18446744073709551614), (-9223372036854775808, 9223372036854775808), (0, NULL);";

/// Elsewhere numbers without a sign wrap, end the load after an hour with \"out of range\", or become numeric in the key and
/// not in what refers to it. Here each width has a type that holds all of it, key and reference have the same one, and
/// what a narrower column of the target cannot hold is one rejected row, found by `check` before the load.
#[test]
fn pain_08_width_and_overflow_on_mariadb() {
    let pair = Pair::new(WIDE);
    run(&pair.plan(""));
    let rows = "SELECT o.id, t.id, n, small, m, pg_typeof(n), pg_typeof(small) FROM owner o LEFT JOIN thing t ON t.owner = o.id ORDER BY 1";
    assert_eq!(
        pair.target(rows),
        "1|∅|0|0|1|bigint|smallint\n9223372036854775808|-9223372036854775808|2147483648|128|0|bigint|smallint\n\
         18446744073709551614|9223372036854775807|4294967295|255|16777215|bigint|smallint"
    );
    assert_eq!(
        pair.target("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'thing'::regclass"),
        "1"
    );
    pair.anew();
    pair.target("CREATE TABLE owner (id numeric(20) PRIMARY KEY, n integer, small smallint, m integer)");
    let more = "tables: { include: [owner] }\nrejects: { max: 2 }";
    let checked = pair.plan(more).run(&["check", "plan.yaml"]);
    assert!(checked.stdout.contains("\"n\""), "{}", checked.stdout);
    let (report, found) = pair.leaves(more);
    assert_eq!(counts(&report, "owner"), [3, 2, 1, 1]);
    assert_eq!(named(&found), ["id=18446744073709551614 n", "id=9223372036854775808 n"]);
}

const CHOICES: &str = "
    SET sql_mode = '';
    CREATE TABLE person (id int PRIMARY KEY, mood enum('sad', '', 'so so', 'très ''content''') CHARACTER SET utf8mb4 NOT NULL,
        traits set('tall', 'a''b', 'kind'), yes tinyint(1), one bit(1), mask bit(10), e enum('a','b'));
    INSERT INTO person VALUES (1, 'sad', 'tall,kind', 1, b'1', b'1000000001', 'a'), (2, '', '', 0, b'0', b'0', 'b'),
        (3, 'très ''content''', 'a''b', NULL, NULL, NULL, NULL), (4, 'so so', NULL, 2, b'1', b'11', 'b');";

/// Elsewhere an empty choice becomes NULL, one bad choice leaves a whole table behind, every tinyint(1) becomes a boolean
/// and 2 becomes true, and bits become text of unprintable bytes. Here each arrives as what it is, and what is neither 0
/// nor 1 is a rejected row where the plan asks for a boolean.
#[test]
fn pain_09_enums_bits_and_booleans_on_mariadb() {
    let pair = Pair::new(CHOICES);
    run(&pair.plan(""));
    let rows = "SELECT id, mood, traits, yes, one, mask, e FROM person ORDER BY id";
    assert_eq!(
        pair.target(rows),
        "1|sad|tall,kind|1|1|1000000001|a\n2|||0|0|0000000000|b\n3|très 'content'|a'b|∅|∅|∅|∅\n4|so so|∅|2|1|0000000011|b"
    );
    // The types that it made are left there, and known again.
    pair.target("DROP TABLE person");
    let asked = "types:\n  - { from: \"mysql:tinyint(1)\", to: boolean }\n  - { from: \"mysql:bit(1)\", to: boolean }\nrejects: { max: 1 }";
    let (report, found) = pair.leaves(asked);
    assert_eq!((counts(&report, "person"), named(&found)), ([4, 1, 3, 3], vec!["id=4 yes"]));
    assert_eq!(pair.target("SELECT id, yes, one FROM person ORDER BY id"), "1|t|t\n2|f|f\n3|∅|∅");
    // A choice that was none of the list is kept by MariaDB as number 0; here it arrives as empty text or is named.
    pair.from.load("source", "SET sql_mode = ''; INSERT INTO person (id, mood, e) VALUES (5, 'sad', 'neither')");
    pair.anew();
    let job = pair.plan("rejects: { max: 1 }");
    let report = job.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    let [read, rejected, written, _] = counts(&report, "person");
    assert_eq!((read, rejected + written), (5, 5));
    assert_eq!(pair.target("SELECT count(*) FROM person WHERE id = 5 AND e IS NULL"), "0", "it did not become NULL");
}
