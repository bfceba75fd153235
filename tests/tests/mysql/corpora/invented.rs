//! Three databases with what old databases really have: an ERP system of MySQL, a personnel system of PostgreSQL, an
//! application's file of SQLite. What is refused is refused with words that help; what arrives is right.

use sensei_tests::{Outcome, Sensei, mysql, postgres};
use serde_json::Value;

use super::{carried, listed, mysql_tables, postgresql_tables, same, same_in_postgresql};
use crate::{RUN, folder};

const ERP: &str = include_str!("erp.mysql.sql");
const STAFF: &str = include_str!("staff.postgresql.sql");
const OLD: &str = include_str!("old.sqlite.sql");

/// Rules for what PostgreSQL has not: times beyond a day, days that do not exist, characters U+0000.
const ERP_RULES: &str = r#"types:
  - { from: "mysql:time", to: interval }
  - { from: "mysql:date", zero_dates: nullify }
  - { from: "mysql:datetime", zero_dates: nullify }
  - { from: "mysql:varchar(10)", nul_characters: remove }
rejects: { max: 1 }"#;

/// A table without columns holds nothing, and a crab is no name in MySQL.
const STAFF_RULES: &str = r#"tables:
  exclude: [nothing]
  rules: [{ table: "we\"ird; DROP TABLE x;--", columns: { "🦀": { into: crab } } }]"#;

/// What an outcome rejected, each as its table, key and reason.
fn rejected(sensei: &Sensei, outcome: &Outcome) -> Vec<String> {
    let job = outcome.json()["job"].as_str().unwrap().to_owned();
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(sensei.path("rejects").join(job)).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let word = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
            lines.push(format!("{} {}: {}", word("table"), word("key"), word("reason")));
        }
    }
    lines.sort_unstable();
    lines
}

/// Runs a plan that is refused before anything is written.
#[track_caller]
fn refused(sensei: &Sensei) -> Outcome {
    sensei.run(&["run", "plan.yaml"]).expect(2)
}

#[track_caller]
fn has_all(listed: &[String], beginnings: &[&str]) {
    for beginning in beginnings {
        assert!(listed.iter().any(|line| line.starts_with(beginning)), "{beginning} is not in {listed:#?}");
    }
}

#[test]
fn an_erp_system_goes_to_mysql_as_it_is_and_to_postgresql_by_rules() {
    let (from, to) = (mysql::Server::shared(), postgres::Server::shared());
    from.create_database("erp");
    from.load("erp", ERP);
    to.create_database("erp");
    let refused = refused(&folder(&from.url("erp"), &to.url("erp"), ERP_RULES));
    refused.says("\"no key\" of the storage engine MyISAM is not supported").says("ALTER TABLE … ENGINE = InnoDB");
    from.sql("erp", "ALTER TABLE `no key` ENGINE = InnoDB");
    from.create_database("erp_copy");
    assert_eq!(carried(&from.url("erp"), &from.url("erp_copy"), ""), (17, Vec::new()));
    same(from, from, ["erp", "erp_copy"]);

    let sensei = folder(&from.url("erp"), &to.url("erp"), ERP_RULES);
    let outcome = sensei.run(&RUN).expect(0);
    assert_eq!(rejected(&sensei, &outcome), ["order year=2024, no=2, Line=0: NULL in a column that does not allow it"]);
    has_all(
        &listed(&outcome),
        &[
            "ON UPDATE current_timestamp() of column \"created\"",
            "members of column \"flags\"",
            "default of column \"founded\"",
            "generation expression of column \"gross\"",
            "collation of column \"code\"",
            "partitions of table \"part\"",
            "view \"v_open\"",
            "trigger \"art_bi\"",
            "event \"nightly\"",
            "sequence \"inv_no\"",
        ],
    );
    let article = "SELECT id, ean, stock_state, net, gross, label, weight, volume, mask, flag, lead, model_year, \
                   spec->>'ü', pos, created, seen, uid FROM article ORDER BY id";
    assert_eq!(
        to.psql("erp", article),
        "1|18446744073709551615|2|12345678901234.123456|14691357892468.60691264|DE01-0000000001|123456.1|0.1|\
         111111111111|1|838:59:59|2024|x|\\x0101000000cdcccccccccc2a400000000000404a40|2024-03-31 00:30:00+00|\
         2024-01-01 00:00:00.000001|\\x00112233445566778899aabbccddeeff\n\
         2|0|-1|0.000000|0.00000000|DE01-0000000002|1e-30|1.7976931348623157e+308|000000000000|0|-12:00:01|1901|∅|∅|\
         1970-01-01 00:00:01+00|∅|∅\n\
         3|∅|∅|0.000001|0.00000200|FR-0000000003|∅|∅|∅|1|23:59:59|0|∅|\\x010100000000000000000000000000000000000000|\
         2038-01-19 03:14:07+00|∅|∅"
    );
    let company = "SELECT code, site, name, logo, founded, closed, rating, flags FROM company ORDER BY code, site";
    assert_eq!(
        to.psql("erp", company),
        "DE01|1|Müller & Söhne – GmbH €|\\x00ff00|∅|∅|Ü|vat,eori\nDE01|2|Größenwahn AG|\\x|∅|∅||\nFR|1|L'Été|∅|∅|∅|it's|export"
    );
    let qty = "99999999999999999999999999999999999.999999999999999999999999999999";
    assert_eq!(to.psql("erp", "SELECT qty FROM \"order\" WHERE year = 2024"), qty);
    // Keys, checks, comments and the next number work in the target.
    let next = "INSERT INTO article (company_code, company_site) VALUES ('DE01', 1) RETURNING id, net, mask, flag";
    assert_eq!(to.psql("erp", next).lines().next(), Some("500|0.000000|000000000101|0"));
    for wrong in [
        "INSERT INTO article (company_code, company_site) VALUES ('DE01', 9)",
        "UPDATE article SET net = -1",
        "UPDATE company SET name = 'same'",
        "UPDATE company SET rating = 'C'",
    ] {
        assert!(to.try_psql("erp", wrong).is_err(), "{wrong}");
    }
    let emoji = "INSERT INTO \"order\" (year, no, \"Line\", qty, \"when\") VALUES (1, 1, 1, 1, now()) RETURNING emoji, \"group\"";
    assert_eq!(to.psql("erp", emoji).lines().next(), Some("🚚|a\\b'c\"d"));
    assert_eq!(to.psql("erp", "SELECT obj_description('company'::regclass)"), "companies & sites");
}

/// What stands beside the rows, by PostgreSQL's own printing of it.
const STRUCTURE: &str = "\
    SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace \
      AND convalidated AND conname NOT LIKE 'person_country%' \
    UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid \
      WHERE relnamespace = 'public'::regnamespace \
    UNION ALL SELECT polname || pg_get_expr(polqual, polrelid) FROM pg_policy \
    UNION ALL SELECT viewname || definition FROM pg_views WHERE schemaname = 'public' \
    UNION ALL SELECT matviewname || definition FROM pg_matviews WHERE schemaname = 'public' \
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
    UNION ALL SELECT relname || ' ' || pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition \
    UNION ALL SELECT concat(attrelid::regclass, '.', attname, attidentity, attgenerated, attnotnull, ' ', \
      format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid)) FROM pg_attribute \
      LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum JOIN pg_class c ON c.oid = attrelid \
      WHERE attnum > 0 AND NOT attisdropped AND relnamespace = 'public'::regnamespace AND attname NOT IN ('🦀', 'crab') \
      AND relkind IN ('r', 'p') \
    ORDER BY 1";

#[test]
fn a_personnel_system_goes_to_postgresql_whole_and_elsewhere_by_rules() {
    let server = postgres::Server::shared();
    for name in ["staff", "staff_copy"] {
        server.create_database(name);
    }
    server.load_text("staff", |input| input.write_all(STAFF.as_bytes()));
    let refused = refused(&folder(&server.url("staff"), &server.url("staff_copy"), ""));
    refused.says("table \"nothing\" has no column left to carry").says("tables.exclude");
    let (rows, listed) = carried(&server.url("staff"), &server.url("staff_copy"), STAFF_RULES);
    assert_eq!(rows, 15);
    let left = [
        "foreign key that is not validated \"dept_head\"",
        "foreign key to another schema \"person_country_fkey\"",
        "inheritance of table \"vip\"",
        "unlogged table \"tmp_log\"",
        "rule \"no_del\": it names table \"nothing\", which the target does not get under that name",
    ];
    assert_eq!(listed, left);
    for name in postgresql_tables(server, "staff_copy") {
        let only =
            |database: &str| server.psql(database, &format!("SELECT x::text FROM ONLY {} x ORDER BY 1", quoted(&name)));
        // A partitioned table has no rows but those of its partitions.
        match name.as_str() {
            "ev" => same_in_postgresql(server, ("staff", &name), ("staff_copy", &name)),
            _ => assert_eq!(only("staff"), only("staff_copy"), "{name}"),
        }
    }
    assert_eq!(server.psql("staff_copy", STRUCTURE), server.psql("staff", STRUCTURE));
    assert_eq!(server.psql("staff_copy", "SELECT nextval('invoice_no'), nextval('person_id_seq')"), "7014|1010");
    to_mysql(server);
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The same into MySQL: refused by names and values, then without them.
fn to_mysql(from: &postgres::Server) {
    let to = mysql::Server::shared();
    to.create_database("staff");
    let refused = refused(&folder(&from.url("staff"), &to.url("staff"), "tables: { exclude: [nothing] }"));
    refused.says("cannot be named \"🦀\" in the target").says("Choose another name with `into`");
    let sensei = folder(&from.url("staff"), &to.url("staff"), &format!("{STAFF_RULES}\nrejects: {{ max: 2 }}"));
    let outcome = sensei.run(&RUN).expect(0);
    let reasons = [
        "person id=1000: the array has more than one dimension",
        "person id=1005: the array does not begin at index 1",
    ];
    assert_eq!(rejected(&sensei, &outcome), reasons);
    has_all(
        &listed(&outcome),
        &[
            "constraint \"no_overlap\" of table \"room\"",
            "numbering of column \"id\" of table \"person\": MySQL numbers in steps of one",
            "primary key of \"ev\": MySQL indexes no more than 768 characters",
            "partitions of table \"ev\"",
            "policy \"own\"",
            "domain \"posint\"",
            "materialized view \"per_country\"",
            "foreign key \"node_up\"",
        ],
    );
    assert_eq!(mysql_tables(to, "staff").len(), 10);
    assert_eq!(to.sql("staff", "SELECT crab, HEX(`new\nline`) FROM `we\"ird; DROP TABLE x;--`"), "🦀\t0A");
    assert_eq!(
        to.sql("staff", "SELECT id, `at`, kind, v FROM ev ORDER BY id"),
        "1\t2020-05-05\ta\t1\n2\t2020-06-06\tb\t2\n3\t1999-01-01\tc\t3"
    );
    assert_eq!(to.sql("staff", "SELECT `no`, during FROM room ORDER BY during").lines().count(), 2);
}

#[test]
fn an_old_application_leaves_behind_what_is_no_value_of_its_type() {
    let (my, pg) = (mysql::Server::shared(), postgres::Server::shared());
    my.create_database("old");
    pg.create_database("old");
    let neither = "Customers Id=3: INTEGER found where boolean is wanted: neither 0 nor 1";
    let no_day = "Customers Id=4: TEXT found where date is wanted: no such day in the calendar";
    let nul = "Customers Id=5: PostgreSQL text cannot hold the character U+0000";
    let infinite = "Samples 2: MySQL has no NaN and no infinity";
    for (target, reasons) in [
        (pg.url("old"), &[neither, no_day, nul][..]),
        (my.url("old"), &[neither, no_day, infinite]),
        ("sqlite:copy.db".to_owned(), &[neither, no_day]),
    ] {
        let sensei = folder("sqlite:old.db", &target, "rejects: { max: 3 }");
        sensei.sqlite("old.db", OLD);
        let outcome = sensei.run(&RUN).expect(0);
        assert_eq!(rejected(&sensei, &outcome), reasons);
        has_all(&listed(&outcome), &["WITHOUT ROWID of table \"Order\""]);
        if target.starts_with("sqlite") {
            // As SQLite keeps it, also what its declared type would not lead one to expect.
            let kept = "SELECT Id, \"Full Name\", Active, Seen, typeof(Balance), Big FROM Customers ORDER BY Id";
            assert_eq!(sensei.sqlite_rows("copy.db", kept).len(), 3);
            assert_eq!(sensei.sqlite_rows("copy.db", "SELECT v FROM Samples WHERE t > 1")[0], ["inf"]);
        }
    }
    let customers = "SELECT \"Id\", \"Full Name\", \"Active\", \"Born\", \"Seen\", \"Balance\", \"Photo\", \"Big\" FROM \"Customers\" ORDER BY 1";
    assert_eq!(
        pg.psql("old", customers),
        "1|Müller|t|2020-01-31|2020-01-31 10:00:00.123456|12.50|\\x00ff|9223372036854775807\n\
         2|longer than declared|f|∅|2020-01-31 10:00:00|12.50|\\x0000|-1"
    );
    assert_eq!(
        pg.psql("old", "INSERT INTO \"Customers\" (\"Full Name\") VALUES ('n') RETURNING \"Id\"").lines().next(),
        Some("6")
    );
    assert_eq!(
        pg.psql("old", "SELECT \"No\", \"Line No\", \"Twice\" FROM \"Order\" ORDER BY 1, 2"),
        "1|1|2\n1|2|2\n2|1|4"
    );
    let rows = "SELECT Id, `Full Name`, HEX(`Full Name`), Active, Balance FROM Customers ORDER BY Id";
    assert_eq!(my.sql("old", rows).lines().next(), Some("1\tMüller\t4DC3BC6C6C6572\t1\t12.50"));
    assert_eq!(my.sql("old", "SELECT HEX(`Full Name`) FROM Customers WHERE Id = 5"), "610062");
}
