//! Values of every type, there and back, judged by the server.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::types::LogicalType;

pub(super) const EVERYTHING: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'so ''so''', 'happy');
    CREATE DOMAIN price AS numeric(12,3) CHECK (VALUE >= 0);
    CREATE DOMAIN dear AS price;
    CREATE TABLE everything (
        id int PRIMARY KEY, b boolean, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision,
        n numeric, d numeric(10,2), d2 numeric(5,-2), t text, v varchar(5), c char(5), y bytea, day date,
        tm time, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, m mood, p dear,
        ab boolean[], ai int[], an numeric[], at text[], av varchar(9)[], ay bytea[], ad date[], az timestamptz[],
        aiv interval[], au uuid[], aj json[], ajb jsonb[], am mood[], ap price[],
        g int GENERATED ALWAYS AS (i4 / 2) STORED, \"We\"\"ird Näme\" int);
    INSERT INTO everything (id) VALUES (0);
    INSERT INTO everything VALUES
      (1, true, -32768, -2147483648, -9223372036854775808, '-Infinity', 'NaN', 'NaN', 99999999.99, 12300, '', '', '',
       '', '4713-01-01 BC', '00:00', '4713-01-01 BC', '4713-01-01 BC', '-178000000 years', '00000000-0000-0000-0000-000000000000',
       '{\"b\":1, \"a\" : 2}', '{\"b\":1, \"a\" : 2}', 'sad', 0, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
    INSERT INTO everything VALUES
      (2, false, 32767, 2147483647, 9223372036854775807, 'Infinity', -0.0, 'Infinity', -0.01, -100, E'a\\tb\\n\\\\ \"ü\" 🦀', 'fünf5', 'x',
       '\\x00ff5c', 'infinity', '24:00', 'infinity', '-infinity', '1 year -2 mons 3 days -04:05:06.789', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
       'null', 'null', 'so ''so''', 1.5, '{t,f,NULL}', '{1,NULL,-2147483648}', '{1.50,NaN,-Infinity,NULL,0.000}',
       '{\"\",NULL,\"NULL\",\"{a}\"}', '{a,b}', '{\"\\\\x00\",NULL}', '{infinity,-infinity,2024-02-29}',
       '{\"2024-01-01 12:00+05\",NULL}', '{\"1 mon\",\"-1 day\"}', '{00000000-0000-0000-0000-000000000001}',
       '{\"{}\",\"[1, 2]\"}', '{\"{}\",NULL}', '{sad,NULL,happy}', '{1.25,NULL}', DEFAULT, 7);
    INSERT INTO everything VALUES
      (3, NULL, 0, 0, 0, 1e-45, 5e-324, '-Infinity', 0, 0, repeat('long ', 3000), NULL, NULL, decode(repeat('ab', 5000), 'hex'),
       '5874897-12-31', '23:59:59.999999', '1999-12-31 23:59:59.999999', '294246-01-01', '0', NULL,
       '\"x\"', '[1e2, 1.0]', NULL, NULL);
    INSERT INTO everything (id, n, f8) SELECT 10 + g, (g::numeric ^ 7) / 10000000000000, random() * g FROM generate_series(1, 500) g;
    CREATE TABLE copy (LIKE everything INCLUDING ALL);";

#[tokio::test]
async fn every_type_survives_the_round_trip() {
    let db = Database::new(EVERYTHING).await;
    let target = db.target("copy").await;
    db.prepared(std::slice::from_ref(&target)).await;
    let batches = db.read(&db.table("everything").await).await;
    assert_eq!(faults(&batches), []);
    assert!(batches.len() > 2, "small batches are asked for");
    let commit = fill(db.writer(&target, 0).await, &rows(&batches)).await.expect("a commit");
    assert_eq!(commit.rows, 504);
    // As text, since json has no equality and 0.0 = -0.0.
    let differing = "SELECT count(*) FROM (
        (SELECT l::text FROM everything l EXCEPT ALL SELECT r::text FROM copy r) UNION ALL
        (SELECT r::text FROM copy r EXCEPT ALL SELECT l::text FROM everything l)) x";
    assert_eq!(db.number(differing).await, 0);
    assert_eq!(db.number("SELECT count(*) FROM copy").await, 504);
}

#[tokio::test]
async fn the_catalog_tells_types_keys_and_what_is_left_behind() {
    let db = Database::new(
        "CREATE TABLE parent (a int, b text, PRIMARY KEY (b, a));
         CREATE TABLE child (x int CHECK (x > 0) DEFAULT 7, y text NOT NULL, z inet, q \"char\", w int2vector,
            CONSTRAINT kin FOREIGN KEY (y, x) REFERENCES parent (b, a) ON DELETE CASCADE);
         CREATE INDEX by_x ON child (x); CREATE VIEW seen AS SELECT 1; CREATE STATISTICS apart ON a, b FROM parent;
         CREATE TABLE split (k int PRIMARY KEY) PARTITION BY RANGE (k);
         CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10);
         INSERT INTO split SELECT generate_series(0, 9); ANALYZE;",
    )
    .await;
    let catalog = db.postgres.catalog().await.expect("a catalog");
    let names: Vec<_> = catalog.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["child", "parent", "split"]);
    let [child, parent, split] = &catalog.tables[..] else { panic!() };
    let logical: Vec<_> = child.columns.iter().map(|column| column.logical.clone()).collect();
    assert_eq!(logical[..2], [Some(LogicalType::Int32), Some(LogicalType::TEXT)]);
    assert_eq!(child.columns[0].traits.default.as_deref(), Some("7"));
    assert_eq!(child.checks[0].expression, "(x > 0)");
    assert_eq!(child.indexes[0].name, "by_x");
    assert_eq!(parent.primary_key, ["b", "a"]);
    let key = &child.foreign_keys[0];
    assert_eq!(
        (&key.columns[..], &key.parent_columns[..]),
        (&["y".to_owned(), "x".into()][..], &["b".to_owned(), "a".into()][..])
    );
    assert_eq!((key.on_delete.as_str(), key.on_update.as_str()), ("CASCADE", "NO ACTION"));
    assert_eq!(split.rows_estimate, Some(10));
    assert!(split.bytes_estimate > Some(0));
    assert_eq!(split.partitioning.as_ref().expect("partitions").by, "RANGE (k)");
    let objects: Vec<_> = catalog.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(objects, ["seen"]);
    assert_eq!(catalog.not_carried, [r#"statistics "apart""#]);
}

#[tokio::test]
async fn values_without_a_carrier_become_faults_with_their_key() {
    let db = Database::new(
        "CREATE TABLE odd (k uuid, n int, ts timestamp, iv interval, a int[], PRIMARY KEY (k, n));
         INSERT INTO odd VALUES
           ('00000000-0000-0000-0000-00000000000a', 1, '294276-12-31 23:59:59.999999', NULL, NULL),
           ('00000000-0000-0000-0000-00000000000a', 2, NULL, '3000000:00:00', NULL),
           ('00000000-0000-0000-0000-00000000000a', 3, NULL, NULL, '{{1,2},{3,4}}'),
           ('00000000-0000-0000-0000-00000000000a', 4, NULL, NULL, '[0:1]={1,2}'),
           ('00000000-0000-0000-0000-00000000000a', 5, '2000-01-01', '1 day', '{1}')",
    )
    .await;
    let table = db.table("odd").await;
    let snapshot = db.postgres.snapshot(1).await.expect("a snapshot");
    let mut located = scan(&table, Range::Whole);
    // The key is told even where it is not read itself.
    located.fields.retain(|field| field.name != "n");
    located.locator = true;
    let batches = read(snapshot.as_ref(), located).await;
    assert_eq!(row_count(&batches), 1);
    let told: Vec<_> = faults(&batches).into_iter().map(|fault| (fault.key.expect("a key"), fault.column)).collect();
    let expected = [(1, "ts"), (2, "iv"), (3, "a"), (4, "a")]
        .map(|(n, column)| (format!("k=00000000-0000-0000-0000-00000000000a, n={n}"), column.to_owned()));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_scan_casts_to_the_types_it_is_asked_for() {
    let db =
        Database::new("CREATE TABLE t (a int, b inet, c date); INSERT INTO t VALUES (7, '10.0.0.1', '2024-02-29')")
            .await;
    let mut table = db.table("t").await;
    table.columns[0].logical = Some(LogicalType::Int64);
    table.columns[1].logical = Some(LogicalType::TEXT);
    table.columns[2].logical = Some(LogicalType::Timestamp);
    let batches = db.read(&table).await;
    assert_eq!(batches[0].rows.schema(), crate::arrow_schema(&fields(&table), false));
    use arrow_array::cast::AsArray;
    assert_eq!(batches[0].rows.column(1).as_string::<i32>().value(0), "10.0.0.1");
}

#[tokio::test]
async fn a_table_without_columns_still_has_rows() {
    let db = Database::new("CREATE TABLE bare (); INSERT INTO bare SELECT FROM generate_series(1, 3)").await;
    assert_eq!(row_count(&db.read(&db.table("bare").await).await), 3);
}

/// The server's own text output is the oracle, in both directions.
#[tokio::test]
async fn numerics_print_and_parse_as_the_server_does() {
    let db = Database::new("CREATE TABLE n (v numeric, t text); CREATE TABLE back (v numeric)").await;
    let digits = "-?[0-9]{1,40}(\\.[0-9]{1,40})?|-?0\\.0{0,12}[0-9]{1,9}|[1-9]0{0,30}|NaN|-?Infinity";
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(Default::default()),
    );
    let strategy = proptest::string::string_regex(digits).expect("a pattern");
    let texts: Vec<String> = (0..3000).map(|_| strategy.new_tree(&mut runner).expect("a text").current()).collect();
    let values: Vec<_> = texts.iter().map(|text| format!("('{text}')")).collect();
    db.run(&format!("INSERT INTO n SELECT x::numeric, x::numeric::text FROM (VALUES {}) v(x)", values.join(","))).await;
    db.run("INSERT INTO n VALUES (('1' || repeat('0', 131071))::numeric, NULL), (('0.' || repeat('0', 16382) || '1')::numeric, NULL);
            UPDATE n SET t = v::text WHERE t IS NULL").await;
    let batches = db.read(&db.table("n").await).await;
    use arrow_array::cast::AsArray;
    for batch in &batches {
        let (read, printed) = (batch.rows.column(0).as_string::<i32>(), batch.rows.column(1).as_string::<i32>());
        assert_eq!(read, printed);
    }
    assert_eq!(row_count(&batches), 3002);
    let target = db.target("back").await;
    db.prepared(std::slice::from_ref(&target)).await;
    let only: Vec<_> = batches.iter().map(|batch| batch.rows.project(&[0]).expect("a column")).collect();
    fill(db.writer(&target, 0).await, &only).await.expect("a commit");
    assert_eq!(
        db.number("SELECT count(*) FROM (SELECT v::text FROM n EXCEPT ALL SELECT v::text FROM back) x").await,
        0
    );
}
