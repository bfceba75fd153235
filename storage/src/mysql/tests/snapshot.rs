//! Snapshots stay what they were.

use super::*;
use crate::error::Error;

const NUMBERS: &str = "CREATE TABLE t (id int PRIMARY KEY, x varchar(500)) ENGINE=InnoDB;
    INSERT INTO t SELECT seq, repeat('x', 400) FROM seq_1_to_20000";

#[tokio::test]
async fn readers_share_one_view_while_the_table_changes() {
    let db = Database::new(NUMBERS);
    let table = db.table("t").await;
    let snapshot = db.mysql.snapshot(3).await.expect("a snapshot");
    db.run("DELETE FROM t WHERE id <= 100; INSERT INTO t SELECT seq, 'y' FROM seq_60000_to_60500; UPDATE t SET id = -id WHERE id < 200");
    let all = tokio::join!(
        read(snapshot.as_ref(), scan(&table, Range::Whole)),
        read(snapshot.as_ref(), scan(&table, Range::Whole)),
        read(snapshot.as_ref(), scan(&table, Range::Whole))
    );
    assert_eq!((row_count(&all.0), row_count(&all.1), row_count(&all.2)), (20_000, 20_000, 20_000));
    let later = db.mysql.snapshot(1).await.expect("a snapshot");
    assert_eq!(row_count(&read(later.as_ref(), scan(&table, Range::Whole)).await), 20_401);
    assert_ne!(snapshot.id(), later.id());
}

/// Money moves between accounts all the time; its sum is the same in every reader's eyes.
#[tokio::test]
async fn several_readers_see_the_same_state_under_concurrent_writers() {
    let db = Database::new(
        "CREATE TABLE a (id int PRIMARY KEY, n bigint); INSERT INTO a SELECT seq, 1000 FROM seq_1_to_50;
         CREATE TABLE b LIKE a; INSERT INTO b SELECT * FROM a",
    );
    let stop = std::sync::atomic::AtomicBool::new(false);
    let writing = async {
        let mut session = db.mysql.session().await.expect("a session");
        let mut turn = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            turn = turn % 50 + 1;
            for sql in [
                "START TRANSACTION".to_owned(),
                format!("UPDATE a SET n = n - {turn} WHERE id = {turn}"),
                format!("UPDATE b SET n = n + {turn} WHERE id = {turn}"),
                "COMMIT".to_owned(),
            ] {
                session.run("a transfer", &sql).await.expect("written");
            }
        }
        session.park();
    };
    let reading = async {
        let (a, b) = (db.table("a").await, db.table("b").await);
        let sum = |batches: Vec<Batch>| {
            let sum = |batch: &Batch| -> i64 {
                let numbers: &arrow_array::Int64Array = arrow_array::cast::AsArray::as_primitive(batch.rows.column(1));
                numbers.values().iter().sum()
            };
            batches.iter().map(sum).sum::<i64>()
        };
        for _ in 0..20 {
            let snapshot = db.mysql.snapshot(4).await.expect("a snapshot");
            let (of_a, of_b) = tokio::join!(
                read(snapshot.as_ref(), scan(&a, Range::Whole)),
                read(snapshot.as_ref(), scan(&b, Range::Whole))
            );
            assert_eq!(sum(of_a) + sum(of_b), 100_000);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(writing, reading);
}

#[tokio::test]
async fn dropped_scans_free_their_reader_which_stays_in_the_snapshot() {
    let db = Database::new(NUMBERS);
    let mysql = Mysql::open(&db.server.url(&db.name), 2).expect("a good URL");
    let table = db.table("t").await;
    let snapshot = mysql.snapshot(2).await.expect("a snapshot");
    db.run("DELETE FROM t WHERE id > 10");
    for _ in 0..5 {
        let mut batches = snapshot.scan(scan(&table, Range::Whole)).await.expect("a scan");
        assert!(batches.try_next().await.expect("rows").is_some());
    }
    assert_eq!(row_count(&read(snapshot.as_ref(), scan(&table, Range::Whole)).await), 20_000);
    assert_eq!(mysql.catalog().await.expect("a catalog").tables.len(), 1);
    assert_eq!(row_count(&read(snapshot.as_ref(), scan(&table, Range::Whole)).await), 20_000);
    drop(snapshot);
    // Broken off or at an end: nobody is left in a transaction.
    let open = "SELECT COUNT(*) FROM information_schema.INNODB_TRX";
    for _ in 0..500 {
        if db.number(open).await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("a transaction was left open");
}

#[tokio::test]
async fn a_snapshot_whose_sessions_died_is_unavailable() {
    let db = Database::new(NUMBERS);
    let table = db.table("t").await;
    let snapshot = db.mysql.snapshot(1).await.expect("a snapshot");
    for id in db.server.sql(&format!("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{}'", db.name)).lines()
    {
        db.server.sql(&format!("KILL {id}"));
    }
    let failed = match snapshot.scan(scan(&table, Range::Whole)).await {
        Ok(batches) => batches.try_collect::<Vec<_>>().await.map(drop),
        Err(error) => Err(error),
    };
    let error = failed.expect_err("an error");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn missing_things_are_named() {
    let db = Database::new("CREATE TABLE t (id int); CREATE TABLE u (nope int)");
    let snapshot = db.mysql.snapshot(1).await.expect("a snapshot");
    let mut table = db.table("u").await;
    table.name = "t".to_owned();
    let error = snapshot.scan(scan(&table, Range::Whole)).await.err().expect("an error");
    assert_eq!(error.to_string(), "column \"nope\" of table \"t\" does not exist");
    table.name = "gone".to_owned();
    let error = snapshot.scan(scan(&table, Range::Whole)).await.err().expect("an error");
    assert_eq!(error.to_string(), "table \"gone\" does not exist");
    let nowhere = Mysql::open(&db.server.url("nowhere"), 2).expect("a good URL");
    let error = nowhere.catalog().await.expect_err("an error");
    assert!(matches!(error, Error::Missing { .. }), "{error}");
}

#[tokio::test]
async fn tables_that_no_snapshot_holds_still_are_refused() {
    let db = Database::new("CREATE TABLE t (id int PRIMARY KEY) ENGINE=MyISAM");
    let table = db.table("t").await;
    let snapshot = db.mysql.snapshot(1).await.expect("a snapshot");
    let error = snapshot.scan(scan(&table, Range::Whole)).await.err().expect("refused").to_string();
    assert!(error.contains("MyISAM") && error.contains("ENGINE = InnoDB") && error.contains("exclude"), "{error}");
    let sizing = crate::split::Sizing { split_bytes: 1 << 20, splits_max: 10 };
    assert!(matches!(snapshot.pieces(&table, sizing).await, Err(Error::Unsupported { .. })));
}

#[tokio::test]
async fn without_the_right_to_flush_tables_are_locked_and_without_that_one_reader_is_left() {
    let db = Database::new(NUMBERS);
    let (locker, reader) = (unique("locker"), unique("reader"));
    db.run(&format!(
        "CREATE USER {locker}@localhost; GRANT SELECT, LOCK TABLES ON {0}.* TO {locker}@localhost;
         CREATE USER {reader}@localhost; GRANT SELECT ON {0}.* TO {reader}@localhost",
        db.name
    ));
    let open = |user: &str| Mysql::open(&db.server.url_of(user, &db.name), 6).expect("a good URL");
    let table = db.table("t").await;
    let snapshot = open(&locker).snapshot(3).await.expect("a snapshot by LOCK TABLES");
    db.run("DELETE FROM t WHERE id > 10");
    assert_eq!(row_count(&read(snapshot.as_ref(), scan(&table, Range::Whole)).await), 20_000);
    let error = open(&reader).snapshot(3).await.err().expect("refused").to_string();
    for words in ["RELOAD", "LOCK TABLES", "source_connections: 1", "3 connections"] {
        assert!(error.contains(words), "{error}");
    }
    let single = open(&reader).snapshot(1).await.expect("one reader needs no lock");
    assert_eq!(row_count(&read(single.as_ref(), scan(&table, Range::Whole)).await), 10);
}

#[tokio::test]
async fn a_lock_that_does_not_come_is_given_up_soon() {
    let db = Database::new(NUMBERS);
    let mut other = db.mysql.session().await.expect("a session");
    other.run("a test", "LOCK TABLES t WRITE").await.expect("locked");
    let error = db.mysql.snapshot(3).await.err().expect("given up");
    assert!(matches!(&error, Error::Unavailable { why, .. } if why.contains("source_connections")), "{error}");
    other.run("a test", "UNLOCK TABLES").await.expect("unlocked");
    other.run("a test", "INSERT INTO t VALUES (-1, 'nobody is locked out')").await.expect("written");
    other.park();
    db.mysql.snapshot(3).await.expect("a snapshot");
}

#[tokio::test]
async fn the_log_position_names_the_snapshot_where_it_is_known() {
    let server = Arc::new(Server::start(&["--log-bin=bin", "--server-id=1"], |_| {}));
    let db = Database::on(server, NUMBERS);
    let several = db.mysql.snapshot(2).await.expect("a snapshot").id();
    assert!(several.contains("log bin.00000") && several.contains("transactions 0-1-"), "{several}");
    let single = db.mysql.snapshot(1).await.expect("a snapshot").id();
    assert!(!single.contains("log "), "without a lock nobody knows: {single}");
}
