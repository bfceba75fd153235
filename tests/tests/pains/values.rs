//! Values that change on their way: pains 7 to 10.

use sensei_tests::postgres::Server;

use crate::ground::{Postgres, counts, differences, ends, plan, rejects, run, sensei};

/// Texts with the one character that PostgreSQL does not hold.
const NULS: &str = "
    CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
    INSERT INTO note VALUES (1, 'plain'), (2, 'a' || char(0) || 'b'), (3, char(0)), (4, 'naïve 中 😀'), (5, 'Ã©');";

/// Elsewhere U+0000 ends the load, or is removed and every later comparison fails; Latin-1 turns out to be Windows-1252,
/// and what was encoded twice is mended unasked. Here such rows are rejected until the plan says `remove`; then the
/// comparison removes alike, and the certificate counts the rows. Each source is read in the encoding it declares.
#[test]
fn pain_07_nul_characters_and_encodings() {
    let server = Server::start();
    let url = server.url("postgres");
    let job = sensei("sqlite:notes.db", &url, "rejects: { max: 2 }");
    job.sqlite("notes.db", NULS);
    let report = job.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(counts(&report, "note"), [5, 2, 3, 3]);
    assert!(rejects(&job).iter().all(|line| line.starts_with("id=2 body") || line.starts_with("id=3 body")));
    server.psql("postgres", "DROP TABLE note");

    let job = sensei("sqlite:notes.db", &url, "types: [{ from: \"sqlite:text\", nul_characters: remove }]");
    job.sqlite("notes.db", NULS);
    let report = run(&job);
    let shown = job.run(&["certificate", "show", report["certificate"].as_str().unwrap(), "--output", "json"]);
    let shown = shown.expect(0).json();
    let touched = &shown["predicate"]["lossy_rules"][0]["rows_touched"];
    assert_eq!(touched, 2, "{shown}");
    let bytes = "SELECT id, encode(convert_to(body, 'UTF8'), 'hex') FROM note ORDER BY id";
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let texts = ["plain", "ab", "", "naïve 中 😀", "Ã©"];
    let expected: Vec<String> = (1..).zip(texts).map(|(id, text)| format!("{id}|{}", hex(text))).collect();
    assert_eq!(server.psql("postgres", bytes), expected.join("\n"));

    server.psql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    server.psql(
        "latin",
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'é' || chr(255) || chr(133))",
    );
    server.create_database("utf");
    run(&sensei(&server.url("latin"), &server.url("utf"), ""));
    assert_eq!(server.psql("utf", "SELECT encode(convert_to(v, 'UTF8'), 'hex') FROM t"), "c3a9c3bfc285");

    let file = sensei("csv:prices.csv", "sqlite:copy.db", "");
    let windows = plan("csv:prices.csv", "sqlite:copy.db", "")
        .replace("prices.csv\" }", "prices.csv\", csv: { encoding: windows-1252 } }");
    file.write("prices.csv", b"id,price\n1,\x805\xa0caf\xe9\n");
    ends(&file, 4);
    let file = sensei("csv:prices.csv", "sqlite:copy.db", "");
    file.write("plan.yaml", windows);
    file.write("prices.csv", b"id,price\n1,\x805\xa0caf\xe9\n");
    run(&file);
    assert_eq!(file.sqlite_rows("copy.db", "SELECT price FROM prices"), [["'€5\u{a0}café'"]]);
}

/// Numbers up to 2^64 - 1 in a key and in what refers to it, and one that is too large for the column it will meet.
const WIDE: &str = "
    CREATE TABLE owner (id TEXT NOT NULL PRIMARY KEY, n INTEGER);
    CREATE TABLE thing (id INTEGER PRIMARY KEY, owner TEXT REFERENCES owner(id));
    INSERT INTO owner VALUES ('18446744073709551615', 2147483647), ('9223372036854775808', 2147483648), (1, -2147483648);
    INSERT INTO thing VALUES (9223372036854775806, '18446744073709551615'), (-9223372036854775808, '9223372036854775808');";

/// Elsewhere the load ends with \"out of range\" after an hour, a value wraps, or a key that became numeric no longer
/// matches the column that refers to it. Here widths are kept, key and reference keep one type, and a value that the
/// target's narrower column cannot hold is one rejected row, named.
#[test]
fn pain_08_width_and_overflow() {
    let server = Server::start();
    let url = server.url("postgres");
    let unsigned = "types: [{ from: \"sqlite:text\", to: \"decimal(20,0)\" }]\n";
    let job = sensei("sqlite:wide.db", &url, unsigned);
    job.sqlite("wide.db", &format!("PRAGMA foreign_keys = OFF; {WIDE}"));
    run(&job);
    assert_eq!(
        server.psql(
            "postgres",
            "SELECT o.id, t.id, pg_typeof(o.n) FROM owner o LEFT JOIN thing t ON t.owner = o.id ORDER BY 1"
        ),
        "1|∅|bigint\n9223372036854775808|-9223372036854775808|bigint\n18446744073709551615|9223372036854775806|bigint"
    );
    assert_eq!(
        server.psql(
            "postgres",
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
        ),
        "1"
    );

    server.psql("postgres", "DROP TABLE thing, owner; CREATE TABLE owner (id numeric(20) PRIMARY KEY, n integer)");
    let job = sensei("sqlite:wide.db", &url, &format!("{unsigned}rejects: {{ max: 1 }}"));
    job.sqlite("wide.db", &format!("PRAGMA foreign_keys = OFF; {WIDE} DROP TABLE thing;"));
    let report = job.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(counts(&report, "owner"), [3, 1, 2, 2]);
    let found = rejects(&job);
    assert!(found[0].starts_with("id=9223372036854775808 n: "), "{found:?}");
    assert_eq!(
        server.psql("postgres", "SELECT id, n FROM owner ORDER BY id"),
        "1|-2147483648\n18446744073709551615|2147483647"
    );
}

/// Choices among names, one of them empty, and numbers that are called true and false.
const CHOICES: &str = "
    CREATE TYPE mood AS ENUM ('sad', '', 'so so', 'très ''content''');
    CREATE TABLE person (id int PRIMARY KEY, mood mood NOT NULL, moods mood[], flags bit(3), mask bit varying(70));
    INSERT INTO person VALUES (1, 'sad', '{sad,\"\",NULL}', B'101', B''), (2, '', '{}', B'000', repeat('10', 35)::varbit),
        (3, 'très ''content''', NULL, NULL, NULL), (4, 'so so', '{so so}', B'111', B'0')";

const FLAGS: &str = "
    CREATE TABLE flag (id INTEGER PRIMARY KEY, yes TINYINT(1));
    INSERT INTO flag VALUES (1, 1), (2, 0), (3, NULL), (4, 2);";

/// Elsewhere an empty choice becomes NULL, every tinyint(1) becomes a boolean and 2 becomes true, and bits become
/// numbers. Here choices and bits arrive as what they are, a number becomes a boolean only where the plan says so, and
/// what is neither 0 nor 1 is then a rejected row.
#[test]
fn pain_09_enums_bits_and_booleans() {
    let job = Postgres::new(CHOICES, "");
    run(&job.sensei);
    job.same("SELECT *, pg_typeof(mood), pg_typeof(moods), pg_typeof(flags) FROM person ORDER BY id");
    job.same("SELECT id FROM person ORDER BY mood");

    job.server.create_database("flags");
    let url = job.server.url("flags");
    let flags = sensei("sqlite:flags.db", &url, "");
    flags.sqlite("flags.db", FLAGS);
    run(&flags);
    assert_eq!(job.server.psql("flags", "SELECT sum(yes) FROM flag"), "3", "nobody asked for a boolean");
    job.server.psql("flags", "DROP TABLE flag");
    let more = "types: [{ from: \"sqlite:tinyint(1)\", to: boolean }]\nrejects: { max: 1 }";
    let flags = sensei("sqlite:flags.db", &url, more);
    flags.sqlite("flags.db", FLAGS);
    let report = flags.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(counts(&report, "flag"), [4, 1, 3, 3]);
    assert!(rejects(&flags)[0].starts_with("id=4 yes: "), "{:?}", rejects(&flags));
    assert_eq!(job.server.psql("flags", "SELECT id, yes FROM flag ORDER BY id"), "1|t\n2|f\n3|∅");
}

/// Numbers and times at the ends of what their types can tell apart.
const FINE: &str = "
    CREATE TABLE fine (id int PRIMARY KEY, big numeric(65,30), any_size numeric, single real, double double precision,
        at timestamp, instant timestamptz, list double precision[]);
    INSERT INTO fine VALUES
        (1, 99999999999999999999999999999999999.999999999999999999999999999999, 1.50, 0.1, 0.1, '2024-01-01 00:00:00.000001', '2024-01-01 00:00:00.999999+00', '{0.1,0.30000000000000004}'),
        (2, -0.000000000000000000000000000001, 1.5, 16777217, 9007199254740993, '2024-01-01', '1969-12-31 23:59:59.999999+00', '{5e-324}'),
        (3, 0, ('1' || repeat('0', 500) || '.' || repeat('3', 500))::numeric, '1e-45', '5e-324', NULL, NULL, '{}'),
        (4, NULL, '-Infinity', '-0', '-0', '0001-01-01', '294246-12-31 23:59:59.999999+00', NULL),
        (5, 1e-30, 0.000, 3.4028235e38, 1.7976931348623157e308, 'infinity', '-infinity', '{-0,1e300}')";

/// Every bit of a float and every digit of a decimal.
const BITS: &str = "
    SELECT id, big, any_size, float4send(single), float8send(double), extract(epoch FROM at), extract(epoch FROM instant),
        (SELECT array_agg(float8send(x)) FROM unnest(list) x) FROM fine ORDER BY id";

/// Elsewhere decimals pass through doubles, floats through six digits and timestamps through milliseconds, and the
/// comparison is rounded until it agrees. Here every bit and digit arrives, through SQLite and back too, and one bit of
/// difference is a difference.
#[test]
fn pain_10_numbers_and_times_keep_every_digit() {
    let job = Postgres::new(FINE, "");
    run(&job.sensei);
    let sent = job.same(BITS);
    let away = sensei(&job.server.url("source"), "sqlite:away.db", "");
    run(&away);
    job.server.create_database("back");
    let file = away.path("away.db").display().to_string();
    run(&sensei(&format!("sqlite:{file}"), &job.server.url("back"), ""));
    // SQLite stores whole doubles as integers, which have no -0.
    let unsigned_zero = |bits: &str| bits.replace("\\x80000000|\\x8000000000000000", "\\x00000000|\\x0000000000000000");
    assert_eq!(unsigned_zero(&sent), job.server.psql("back", BITS));
    job.target(
        "UPDATE fine SET big = big - 1e-30 WHERE id = 1; UPDATE fine SET double = 9007199254740994 WHERE id = 2;
         UPDATE fine SET at = at + interval '1 us' WHERE id = 4; UPDATE fine SET single = 1e-44 WHERE id = 3",
    );
    assert_eq!(
        differences(&job.sensei),
        [
            "fine: changed id=1 [\"big\"]",
            "fine: changed id=2 [\"double\"]",
            "fine: changed id=3 [\"single\"]",
            "fine: changed id=4 [\"at\"]"
        ]
    );
}

/// Elsewhere NaN has no place in SQLite, and a row with one is lost. Here it has none as a number, but has in an array,
/// which is kept as text.
#[test]
fn not_a_number_arrives_in_an_array() {
    let job = Postgres::new(
        "CREATE TABLE t (id int PRIMARY KEY, a float8[], b float4[]);
         INSERT INTO t VALUES (1, '{NaN,Infinity,1.5,NULL}', '{-Infinity,NaN}'), (2, '{}', NULL)",
        "",
    );
    let sensei = sensei(&job.server.url("source"), "sqlite:copy.db", "");
    run(&sensei);
    let found =
        sensei.sqlite_rows("copy.db", "SELECT count(*) FROM t WHERE a LIKE '%NaN%Infinity%' AND b LIKE '%NaN%'");
    assert_eq!(found, [["1"]]);
}
