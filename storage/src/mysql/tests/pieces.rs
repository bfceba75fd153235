//! Pieces cover every row exactly once, whatever the key.

use super::*;
use crate::split::Sizing;

const SIZING: Sizing = Sizing { split_bytes: 256 << 10, splits_max: 64 };

/// Cuts `table`, reads every piece and counts `id`s. Returns the ranges.
async fn check(db: &Database, table: &str) -> Vec<Range> {
    let table = db.table(table).await;
    let snapshot = db.mysql.snapshot(3).await.expect("a snapshot");
    let pieces = snapshot.pieces(&table, SIZING).await.expect("pieces");
    let mut seen = std::collections::HashMap::new();
    let mut largest = 0;
    for piece in &pieces {
        let mut scan = scan(&table, piece.range.clone());
        scan.fields.retain(|field| field.name == "id");
        let mut of_piece = 0;
        for batch in read(snapshot.as_ref(), scan).await {
            let ids: &arrow_array::Int32Array = arrow_array::cast::AsArray::as_primitive(batch.rows.column(0));
            ids.values().iter().for_each(|id| *seen.entry(*id).or_insert(0) += 1);
            of_piece += ids.len();
        }
        largest = largest.max(of_piece);
    }
    assert_eq!(seen.len() as i64, db.number(&format!("SELECT count(*) FROM `{}`", table.name)).await);
    assert!(seen.values().all(|count| *count == 1), "a row came twice");
    assert_eq!(snapshot.count(&table.name).await.expect("a count"), Some(seen.len() as u64));
    let even = seen.len() / pieces.len();
    assert!(largest < 5 * even.max(50), "{}: {largest} of {} rows in one of {}", table.name, seen.len(), pieces.len());
    pieces.into_iter().map(|piece| piece.range).collect()
}

fn by_keys(ranges: &[Range]) -> bool {
    ranges.len() >= 10 && ranges.iter().all(|range| matches!(range, Range::Keys { .. }))
}

#[tokio::test]
async fn key_ranges_cover_any_key_in_the_servers_own_order() {
    let db = Database::new(
        "CREATE TABLE whole (id int PRIMARY KEY, x varchar(60));
         INSERT INTO whole SELECT seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE gaps (k bigint unsigned PRIMARY KEY, id int, x varchar(60));
         INSERT INTO gaps SELECT IF(seq % 2, seq, 18446744073709551615 - seq), seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE negative (k decimal(30,0) PRIMARY KEY, id int, x varchar(60));
         INSERT INTO negative SELECT -CAST(seq AS decimal(30)) * 1000000000000000000, seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE words (w varchar(40) COLLATE utf8mb4_bin PRIMARY KEY, id int);
         INSERT INTO words SELECT concat(char(33 + seq % 90), md5(seq)), seq FROM seq_1_to_10000;
         CREATE TABLE folded (w varchar(40) COLLATE utf8mb4_unicode_ci PRIMARY KEY, id int);
         INSERT INTO folded SELECT concat(ELT(1 + seq % 10, 'a','Ä','z','É','e','Z','-','''','ß','ss'), char(64 + seq % 26), seq, '\\\\'), seq
            FROM seq_1_to_10000;
         CREATE TABLE latin (w varchar(40) CHARACTER SET latin1 PRIMARY KEY, id int);
         INSERT INTO latin SELECT concat(ELT(1 + seq % 5, 'ä','é','ÿ','z',' '), seq), seq FROM seq_1_to_10000;
         CREATE TABLE ids (u uuid PRIMARY KEY, id int, x varchar(60));
         INSERT INTO ids SELECT insert(insert(md5(seq), 13, 1, '4'), 17, 1, '8'), seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE raw (u binary(16) PRIMARY KEY, id int, x varchar(60));
         INSERT INTO raw SELECT unhex(md5(seq)), seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE pair (`Gr ``p` char(3), d date, id int, x varchar(60), PRIMARY KEY (`Gr ``p`, d, id));
         INSERT INTO pair SELECT char(65 + seq % 3), date '2020-01-01' + INTERVAL seq % 50 DAY, seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE tenants (t int, id int, x varchar(60), PRIMARY KEY (t, id));
         INSERT INTO tenants SELECT seq % 2, seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE stamps (at timestamp(6) NOT NULL, n decimal(8,3), f double, id int, PRIMARY KEY (at, n, f));
         INSERT INTO stamps SELECT '2020-01-01' + INTERVAL seq * 1.000001 SECOND, seq / 7.0, 1 / seq, seq FROM seq_1_to_10000;
         CREATE TABLE floats (f float PRIMARY KEY, id int, x varchar(60));
         INSERT INTO floats SELECT 1 / seq, seq, repeat('x', 50) FROM seq_1_to_9000;
         CREATE TABLE uniq (id int NOT NULL, b int, x varchar(60), UNIQUE KEY `u k` (id));
         INSERT INTO uniq SELECT seq, 1, repeat('x', 50) FROM seq_1_to_10000;
         ANALYZE TABLE whole, gaps, negative, words, folded, latin, ids, raw, pair, tenants, stamps, floats, uniq",
    );
    for table in [
        "whole", "gaps", "negative", "words", "folded", "latin", "ids", "raw", "pair", "tenants", "stamps", "floats",
        "uniq",
    ] {
        let ranges = check(&db, table).await;
        assert!(by_keys(&ranges), "{table}: {ranges:?}");
    }
}

#[tokio::test]
async fn tables_without_a_usable_key_and_partitioned_ones_are_covered() {
    let db = Database::new(
        "CREATE TABLE heap (id int, x varchar(60)); INSERT INTO heap SELECT seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE labels (e enum('b','a') PRIMARY KEY, id int, x longtext);
         INSERT INTO labels VALUES ('a', 1, repeat('x', 500000)), ('b', 2, repeat('x', 500000));
         CREATE TABLE prefix (t varchar(3000), id int, PRIMARY KEY (t(20)));
         INSERT INTO prefix SELECT concat(md5(seq), repeat('x', 100)), seq FROM seq_1_to_10000;
         CREATE TABLE zero (d date, id int, x varchar(60), PRIMARY KEY (d, id));
         INSERT INTO zero SELECT IF(seq < 9000, '0000-00-00', '2020-01-01' + INTERVAL seq DAY), seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE parts (id int PRIMARY KEY, x varchar(60)) PARTITION BY HASH (id) PARTITIONS 3;
         INSERT INTO parts SELECT seq, repeat('x', 50) FROM seq_1_to_10000;
         CREATE TABLE tiny (id int PRIMARY KEY); INSERT INTO tiny VALUES (1); CREATE TABLE none (id int PRIMARY KEY);
         ANALYZE TABLE heap, labels, prefix, zero, parts, tiny, none",
    );
    for table in ["heap", "labels", "prefix", "tiny", "none"] {
        assert_eq!(check(&db, table).await, [Range::Whole], "{table}");
    }
    assert!(by_keys(&check(&db, "parts").await));
    let table = db.table("zero").await;
    let snapshot = db.mysql.snapshot(1).await.expect("a snapshot");
    let mut rows = 0;
    for piece in snapshot.pieces(&table, SIZING).await.expect("pieces") {
        let mut scan = scan(&table, piece.range);
        scan.fields.retain(|field| field.name == "id");
        rows += row_count(&read(snapshot.as_ref(), scan).await);
    }
    assert_eq!(rows, 10_000);
}
