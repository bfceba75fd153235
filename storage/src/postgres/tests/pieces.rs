//! Pieces cover every row exactly once, whatever the key.

use super::*;
use crate::split::Sizing;

const SIZING: Sizing = Sizing { split_bytes: 32 << 10, splits_max: 64 };

/// Cuts `table`, reads every piece and counts `id`s. Returns the ranges.
async fn check(db: &Database, table: &str) -> Vec<Range> {
    let table = db.table(table).await;
    let snapshot = db.postgres.snapshot(3).await.expect("a snapshot");
    let pieces = snapshot.pieces(&table, SIZING).await.expect("pieces");
    let mut seen = std::collections::HashMap::new();
    for piece in &pieces {
        let mut scan = scan(&table, piece.range.clone());
        scan.fields.retain(|field| field.name == "id");
        for batch in read(snapshot.as_ref(), scan).await {
            let ids: &arrow_array::Int32Array = arrow_array::cast::AsArray::as_primitive(batch.rows.column(0));
            ids.values().iter().for_each(|id| *seen.entry(*id).or_insert(0) += 1);
        }
    }
    assert_eq!(seen.len() as i64, db.number(&format!("SELECT count(*) FROM \"{}\"", table.name)).await);
    assert!(seen.values().all(|count| *count == 1), "a row came twice");
    assert_eq!(snapshot.count(&table.name).await.expect("a count"), Some(seen.len() as u64));
    pieces.into_iter().map(|piece| piece.range).collect()
}

fn by_keys(ranges: &[Range]) -> bool {
    ranges.len() >= 15 && ranges.iter().all(|range| matches!(range, Range::Keys { .. }))
}

#[tokio::test]
async fn key_ranges_cover_any_key_in_the_servers_own_order() {
    let db = Database::new(
        "CREATE TABLE whole (id int PRIMARY KEY, x text);
         INSERT INTO whole SELECT g, repeat('x', 50) FROM generate_series(1, 10000) g;
         CREATE TABLE words (w text COLLATE \"C\" PRIMARY KEY, id int);
         INSERT INTO words SELECT chr(33 + g % 90) || md5(g::text), g FROM generate_series(1, 10000) g;
         CREATE TABLE icu (w text COLLATE \"en-x-icu\" PRIMARY KEY, id int);
         INSERT INTO icu SELECT (ARRAY['a','Ä','z','É','e','Z','-','''','ß','ss'])[1 + g % 10] || chr(32 + g % 95) || g, g
            FROM generate_series(1, 10000) g;
         CREATE TABLE utf (w text COLLATE \"C.utf8\" PRIMARY KEY, id int);
         INSERT INTO utf SELECT chr(160 + g % 5000) || g, g FROM generate_series(1, 10000) g;
         CREATE TABLE ids (u uuid PRIMARY KEY, id int);
         INSERT INTO ids SELECT md5(g::text)::uuid, g FROM generate_series(1, 10000) g;
         CREATE TABLE pair (\"Gr p\" char(3), d date, id int, PRIMARY KEY (\"Gr p\", d, id));
         INSERT INTO pair SELECT chr(65 + g % 3), date '2020-01-01' + g % 50, g FROM generate_series(1, 10000) g;
         CREATE TABLE stamps (at timestamptz, n numeric(8,3), id int, PRIMARY KEY (at, n));
         INSERT INTO stamps SELECT now() + g * interval '1.000001 s', g / 7.0, g FROM generate_series(1, 10000) g;",
    )
    .await;
    // Without statistics every key is taken by range.
    for table in ["whole", "words", "icu", "utf", "ids", "pair", "stamps"] {
        let ranges = check(&db, table).await;
        assert!(by_keys(&ranges), "{table}: {ranges:?}");
    }
    // With them only keys that follow the heap are.
    db.run("ANALYZE").await;
    assert!(by_keys(&check(&db, "whole").await));
    let ranges = check(&db, "ids").await;
    assert!(ranges.len() > 10 && ranges.iter().all(|range| matches!(range, Range::Blocks { .. })), "{ranges:?}");
}

#[tokio::test]
async fn tables_without_a_key_and_partitioned_ones_are_covered() {
    let db = Database::new(
        "CREATE TABLE heap (id int, x text);
         INSERT INTO heap SELECT g, repeat('x', 50) FROM generate_series(1, 10000) g;
         DELETE FROM heap WHERE id % 3 = 0;
         CREATE TABLE heir () INHERITS (heap); INSERT INTO heir VALUES (-1, 'y');
         CREATE TABLE parts (id int PRIMARY KEY, x text) PARTITION BY HASH (id);
         CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         INSERT INTO parts SELECT g, repeat('x', 50) FROM generate_series(1, 10000) g;
         CREATE TABLE loose (id int, x text) PARTITION BY LIST (x);
         CREATE TABLE loose_d PARTITION OF loose DEFAULT;
         INSERT INTO loose SELECT g, repeat('x', 50) FROM generate_series(1, 10000) g;
         CREATE TABLE tiny (id int PRIMARY KEY); CREATE TABLE grown (id int);
         ANALYZE;",
    )
    .await;
    let table = db.table("heap").await;
    let snapshot = db.postgres.snapshot(2).await.expect("a snapshot");
    let pieces = snapshot.pieces(&table, SIZING).await.expect("pieces");
    assert!(matches!(pieces.last().expect("a piece").range, Range::Blocks { end: None, .. }));
    let mut rows = 0;
    for piece in pieces {
        rows += row_count(&read(snapshot.as_ref(), scan(&table, piece.range)).await);
    }
    assert_eq!(rows as i64, db.number("SELECT count(*) FROM ONLY heap").await, "heirs are listed for themselves");
    assert_eq!(snapshot.count("heap").await.expect("a count"), Some(rows as u64), "likewise");
    assert!(by_keys(&check(&db, "parts").await));
    assert_eq!(check(&db, "loose").await, [Range::Whole]);
    assert_eq!(check(&db, "tiny").await, [Range::Whole]);
}

/// Cuts a range of `table` at every point that is proposed for it, and reads the legs; how many there are.
async fn legs(db: &Database, table: &str, range: Range) -> usize {
    let snapshot = db.postgres.snapshot(2).await.expect("a snapshot");
    let points = snapshot.points(table, &range, 8).await.expect("points");
    let (mut rest, mut legs) = (range.clone(), Vec::new());
    for point in &points {
        let (leg, left) = rest.cut_at(*point).unwrap_or_else(|| panic!("{rest:?} cannot be cut at {point}"));
        legs.push(leg);
        rest = left;
    }
    legs.push(rest);
    let table = db.table(table).await;
    let whole = row_count(&read(snapshot.as_ref(), scan(&table, range)).await);
    let mut rows = Vec::new();
    for leg in &legs {
        rows.push(row_count(&read(snapshot.as_ref(), scan(&table, leg.clone())).await));
    }
    assert_eq!(rows.iter().sum::<usize>(), whole, "{legs:?}");
    assert!(rows.iter().filter(|rows| **rows > 0).count() > legs.len() / 2, "{rows:?} of {legs:?}");
    legs.len()
}

#[tokio::test]
async fn what_is_read_can_be_cut_by_blocks_and_by_integers() {
    let db = Database::new(
        "CREATE TABLE heap (id int, x text);
         INSERT INTO heap SELECT g, repeat('x', 50) FROM generate_series(1, 10000) g;
         CREATE TABLE numbers (n bigint PRIMARY KEY);
         INSERT INTO numbers SELECT g * 7 - 30000 FROM generate_series(1, 10000) g;
         CREATE TABLE words (w text PRIMARY KEY);
         INSERT INTO words SELECT g::text FROM generate_series(1, 10000) g;
         CREATE TABLE pair (a int, b int, PRIMARY KEY (a, b));
         INSERT INTO pair SELECT g, g FROM generate_series(1, 10000) g;
         CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY HASH (id);
         CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
         CREATE TABLE empty (id int PRIMARY KEY);",
    )
    .await;
    let keys = |column: &str, lower: Option<i64>, upper: Option<i64>| Range::Keys {
        columns: column.split(' ').map(str::to_owned).collect(),
        lower: lower.map(|key| vec![key.to_string()]),
        upper: upper.map(|key| vec![key.to_string()]),
    };
    let blocks = |start, end| Range::Blocks { start, end };
    for range in [Range::Whole, blocks(0, None), blocks(10, None), blocks(10, Some(60))] {
        assert_eq!(legs(&db, "heap", range).await, 8);
    }
    for (lower, upper) in [(None, None), (None, Some(-100)), (Some(0), None), (Some(-777), Some(12345))] {
        assert_eq!(legs(&db, "numbers", keys("n", lower, upper)).await, 8);
    }
    // Numbers in a text's order, several columns, blocks of several partitions: left whole.
    let whole = [("words", keys("w", Some(2), Some(3))), ("pair", keys("a b", None, None)), ("parts", Range::Whole)];
    for (table, range) in whole {
        assert_eq!(db.postgres.snapshot(1).await.unwrap().points(table, &range, 8).await.unwrap(), [0; 0], "{table}");
    }
    for range in [Range::Whole, keys("id", None, None)] {
        assert_eq!(db.postgres.snapshot(1).await.unwrap().points("empty", &range, 8).await.unwrap(), [0; 0]);
    }
}
