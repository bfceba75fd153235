//! The same on a SQLite target, where any cell may hold a value of any type.

use sensei_tests::Random;

use crate::{Finding, Pair};

/// Changes of a cell of row 1 to 400, `{id}` being the row: column and new value.
const CHANGES: &[(&str, &str)] = &[
    ("c_bool", "1 - c_bool"),
    ("c_bool", "NULL"),
    ("c_int2", "c_int2 + 1"),
    ("c_int4", "- c_int4"),
    ("c_int8", "c_int8 + 1"),
    ("c_num", "c_num || '0'"),
    ("c_num", "'NaN'"),
    ("c_dec", "'-1.000'"),
    ("c_real", "-c_real"),
    ("c_double", "c_double * (1 + 2.220446049250313e-16)"),
    ("c_text", "c_text || ' '"),
    ("c_text", "replace(c_text, 'é', 'e' || char(769))"),
    ("c_text", "''"),
    ("c_text", "NULL"),
    ("c_varchar", "upper(c_varchar)"),
    ("c_char", "rtrim(c_char)"),
    ("c_bytea", "CAST(substr(c_bytea, 1, 15) || x'ff' AS BLOB)"),
    ("c_bytea", "x''"),
    ("c_date", "date(c_date, '+1 day')"),
    ("c_date", "'infinity'"),
    ("c_time", "'12:34:56.000001'"),
    ("c_ts", "substr(c_ts, 1, 25) || '8'"),
    ("c_tstz", "replace(c_tstz, '.5+', '.500001+')"),
    ("c_interval", "'PT1S'"),
    ("c_uuid", "'00000000' || substr(c_uuid, 9)"),
    ("c_json", "c_json || ' '"),
    ("c_jsonb", "replace(c_jsonb, '1234567890,', '1234567891,')"),
    ("c_jsonb", "replace(c_jsonb, 'null', '\"null\"')"),
    ("c_mood", "CASE c_mood WHEN 'ok' THEN 'sad' ELSE 'ok' END"),
    ("c_ints", "replace(c_ints, 'null', '0')"),
    ("c_texts", "replace(c_texts, '\"\"]', 'null]')"),
    ("c_nums", "replace(c_nums, '1.50', '1.5')"),
    ("c_tstzs", "replace(c_tstzs, '000001', '000002')"),
];

/// Cells that are no value of their column's type any more.
const UNREADABLE: &[(&str, &str)] = &[
    ("c_bool", "2"),
    ("c_int2", "70000"),
    ("c_int4", "'x'"),
    ("c_double", "x'00'"),
    ("c_text", "x'ff'"),
    ("c_bytea", "'text'"),
    ("c_date", "'2000-13-01'"),
    ("c_jsonb", "'{'"),
    ("c_ints", "'[1,'"),
    ("c_uuid", "'no'"),
];

/// Rows of the keyless and the composite table: table, statement, findings.
fn of_rows() -> Vec<(&'static str, &'static str, Vec<Finding>)> {
    vec![
        ("every", "DELETE FROM every WHERE id = 12", vec![Finding::missing("id=12")]),
        ("every", "INSERT INTO every (id) VALUES (7777)", vec![Finding::extra("id=7777")]),
        (
            "heap",
            "DELETE FROM heap WHERE rowid IN (SELECT rowid FROM heap WHERE n = 9 LIMIT 1)",
            vec![Finding::keyless("missing")],
        ),
        (
            "heap",
            "INSERT INTO heap SELECT * FROM heap WHERE n = 9 LIMIT 2",
            vec![Finding::keyless("extra"), Finding::keyless("extra")],
        ),
        (
            "pair",
            "UPDATE pair SET v = w, w = v WHERE a = 1 AND b = 'k1' AND c LIKE 'c4ca%'",
            vec![Finding::changed("a=1, b=k1, c=c4ca4238-a0b9-2382-0dcc-509a6f75849b", &["v", "w"])],
        ),
    ]
}

fn copied(name: &str) -> Pair {
    let pair = Pair::new(name);
    // SQLite has no NaN; that row is left out.
    let rules = "tables: { rules: [ { table: every, where: \"id <> 1002\" } ] }";
    pair.plan("{ url: \"sqlite:copy.db\" }", rules);
    pair.copy();
    pair.expect_equivalent("right after the copy");
    pair
}

#[test]
fn every_corruption_of_a_file_is_found_and_named() {
    let mut random = Random::announced("every_corruption_of_a_file_is_found_and_named");
    let pair = copied("truth_file");
    let mut tries = Vec::new();
    for (column, value) in CHANGES {
        let id = 1 + random.below(400);
        let sql = format!("UPDATE every SET {column} = {value} WHERE id = {id}");
        tries.push(("every", sql, vec![Finding::changed(&format!("id={id}"), &[column])]));
    }
    for (column, value) in UNREADABLE {
        let id = 1 + random.below(400);
        let sql = format!("UPDATE every SET {column} = {value} WHERE id = {id}");
        let key = format!("id={id}");
        // The row that should be there is missing, and what stands there cannot be read.
        tries.push(("every", sql, vec![Finding::missing(&key), Finding::unreadable(&key, column)]));
    }
    tries.extend(of_rows().into_iter().map(|(table, sql, findings)| (table, sql.to_owned(), findings)));
    let [file, kept] = ["copy.db", "kept.db"].map(|name| pair.sensei.path(name));
    std::fs::copy(&file, &kept).unwrap();
    let mut missed = Vec::new();
    for (table, sql, findings) in &tries {
        pair.sensei.sqlite("copy.db", sql);
        if let Err(why) = pair.finds(table, findings) {
            missed.push(format!("{sql}: {why}"));
        }
        std::fs::copy(&kept, &file).unwrap();
    }
    assert!(missed.is_empty(), "{} of {} corruptions:\n{}", missed.len(), tries.len(), missed.join("\n"));
    pair.expect_equivalent("after the last corruption was undone");
}

#[test]
fn the_same_value_in_other_words_raises_no_alarm() {
    let pair = copied("harmless_file");
    for change in [
        "UPDATE every SET c_real = 0.0, c_double = 0.0 WHERE id = 1005",
        "UPDATE every SET c_int4 = CAST(c_int4 AS TEXT) WHERE id = 3",
        "UPDATE every SET c_uuid = upper(c_uuid)",
        "UPDATE every SET c_ints = replace(c_ints, ',', ' , ')",
        "UPDATE every SET c_tstz = '1970-01-02 00:59:59.5+01' WHERE id = 1",
        "VACUUM",
    ] {
        pair.sensei.sqlite("copy.db", change);
        pair.expect_equivalent(change);
    }
}

#[test]
fn repair_puts_a_file_right() {
    let pair = copied("repair_file");
    pair.sensei.sqlite(
        "copy.db",
        "UPDATE every SET c_text = c_text || ' ', c_bytea = NULL WHERE id IN (3, 5);
         DELETE FROM every WHERE id IN (9, 1004); UPDATE every SET id = 4242 WHERE id = 11;
         DELETE FROM pair WHERE a = 3; UPDATE pair SET v = w, w = v WHERE a = 4;
         DELETE FROM heap WHERE n = 7; DELETE FROM heap WHERE v IS NULL;
         INSERT INTO heap VALUES ('row 9', 9, '2020-01-10'), ('new', 1, NULL)",
    );
    assert_eq!(pair.verify().0, Some(3));
    assert_eq!(pair.command("repair").expect(0).json()["verdict"], "equivalent");
    pair.expect_equivalent("after the repair");
    let count = "SELECT (SELECT count(*) FROM every), (SELECT count(*) FROM pair), (SELECT count(*) FROM heap)";
    assert_eq!(pair.sensei.sqlite_rows("copy.db", count), [["404", "300", "153"]]);
}
