//! Snapshots stay what they were.

use super::*;
use crate::error::Error;

#[tokio::test]
async fn readers_share_one_view_while_the_table_changes() {
    let db = Database::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000)").await;
    let table = db.table("t").await;
    let snapshot = db.postgres.snapshot(2).await.expect("a snapshot");
    assert_eq!(row_count(&read(snapshot.as_ref(), scan(&table, Range::Whole)).await), 5000);
    db.run("DELETE FROM t WHERE id <= 100; INSERT INTO t SELECT generate_series(6000, 6500); UPDATE t SET id = -id WHERE id < 200").await;
    let two = tokio::join!(
        read(snapshot.as_ref(), scan(&table, Range::Whole)),
        read(snapshot.as_ref(), scan(&table, Range::Whole))
    );
    assert_eq!((row_count(&two.0), row_count(&two.1)), (5000, 5000));
    let later = db.postgres.snapshot(1).await.expect("a snapshot");
    assert_eq!(row_count(&read(later.as_ref(), scan(&table, Range::Whole)).await), 5401);
    assert_ne!(snapshot.id(), later.id());
}

#[tokio::test]
async fn dropped_scans_free_their_reader_and_idle_readers_give_way() {
    let db = Database::new("CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g").await;
    let postgres = Postgres::open(&db.server.url(&db.name), "public", 2).expect("a good URL");
    let table = db.table("t").await;
    let snapshot = postgres.snapshot(2).await.expect("a snapshot");
    for _ in 0..5 {
        let mut batches = snapshot.scan(scan(&table, Range::Whole)).await.expect("a scan");
        assert!(batches.try_next().await.expect("rows").is_some());
    }
    assert_eq!(row_count(&read(snapshot.as_ref(), scan(&table, Range::Whole)).await), 20000);
    // Both connections are taken, one of them idle in the snapshot; the catalog gets that place.
    assert_eq!(postgres.catalog().await.expect("a catalog").tables.len(), 1);
    assert_eq!(row_count(&read(snapshot.as_ref(), scan(&table, Range::Whole)).await), 20000);
}

#[tokio::test]
async fn a_snapshot_whose_session_died_is_unavailable() {
    let db = Database::new("CREATE TABLE t (id int)").await;
    let table = db.table("t").await;
    let snapshot = db.postgres.snapshot(1).await.expect("a snapshot");
    db.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()").await;
    let error = snapshot.scan(scan(&table, Range::Whole)).await.err().expect("an error");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn missing_things_are_named() {
    let db = Database::new("CREATE TABLE t (id int); CREATE TABLE u (nope int)").await;
    let snapshot = db.postgres.snapshot(1).await.expect("a snapshot");
    let mut table = db.table("u").await;
    table.name = "t".to_owned();
    let error = snapshot.scan(scan(&table, Range::Whole)).await.err().expect("an error");
    assert_eq!(error.to_string(), "column \"nope\" of table \"t\" does not exist");
    table.name = "gone".to_owned();
    let error = snapshot.scan(scan(&table, Range::Whole)).await.err().expect("an error");
    assert_eq!(error.to_string(), "table \"gone\" does not exist");
    let nowhere = Postgres::open(&db.server.url(&db.name), "nowhere", 2).expect("a good URL");
    assert_eq!(nowhere.catalog().await.expect_err("an error").to_string(), "schema \"nowhere\" does not exist");
}

#[tokio::test]
async fn a_row_filter_is_refused_not_applied() {
    let db = Database::new(
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
         DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN; GRANT SELECT ON t TO limited",
    )
    .await;
    let table = db.table("t").await;
    let url = db.server.url(&db.name).replace("postgres@", "limited@");
    let limited = Postgres::open(&url, "public", 2).expect("a good URL");
    let snapshot = limited.snapshot(1).await.expect("a snapshot");
    let error = match snapshot.scan(scan(&table, Range::Whole)).await {
        Err(error) => error,
        Ok(batches) => batches.try_collect::<Vec<_>>().await.expect_err("an error"),
    };
    assert!(matches!(error, Error::Privilege { .. }), "{error}");
}
