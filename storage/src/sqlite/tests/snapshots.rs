//! All readers of a snapshot see one state, whatever another program commits meanwhile.

use super::*;

async fn counts(snapshot: &dyn Snapshot, table: &Table, scans: usize) -> Vec<usize> {
    // Opened together, so that every reader is in use at once.
    let mut open = Vec::new();
    for _ in 0..scans {
        open.push(snapshot.scan(scan(table, Range::Whole)).await.unwrap());
    }
    let mut counts = Vec::new();
    for batches in open {
        counts.push(collect(batches).await.iter().map(|batch| batch.rows.num_rows()).sum());
    }
    counts
}

#[tokio::test]
async fn in_wal_mode_commits_go_on_unseen() {
    let fixture = Fixture::new("PRAGMA journal_mode = WAL; CREATE TABLE t(v INT); INSERT INTO t VALUES (1), (2)");
    let source = fixture.open(Access::Read);
    let table = fixture.table("t").await;
    let snapshot = source.snapshot(3).await.unwrap();
    let id = snapshot.id();
    fixture.connect().execute_batch("INSERT INTO t VALUES (3)").expect("a snapshot in WAL mode blocks nobody");
    assert_eq!(counts(snapshot.as_ref(), &table, 3).await, [2, 2, 2]);
    fixture.connect().execute_batch("DELETE FROM t").unwrap();
    assert_eq!(counts(snapshot.as_ref(), &table, 3).await, [2, 2, 2]);
    drop(snapshot);
    let later = source.snapshot(3).await.unwrap();
    assert_eq!(counts(later.as_ref(), &table, 1).await, [0]);
    assert_ne!(later.id(), id);
}

#[tokio::test]
async fn in_wal_mode_readers_agree_while_another_program_commits() {
    let fixture = Fixture::new("PRAGMA journal_mode = WAL; CREATE TABLE t(v INT)");
    let table = fixture.table("t").await;
    let writer = fixture.connect();
    writer.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let busy = tokio::task::spawn_blocking(move || {
        for _ in 0..300 {
            writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    let source = fixture.open(Access::Read);
    for _ in 0..20 {
        let snapshot = source.snapshot(4).await.unwrap();
        let counts = counts(snapshot.as_ref(), &table, 4).await;
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    }
    busy.await.unwrap();
}

#[tokio::test]
async fn in_rollback_mode_commits_wait() {
    let fixture = Fixture::new("PRAGMA journal_mode = DELETE; CREATE TABLE t(v INT); INSERT INTO t VALUES (1)");
    let table = fixture.table("t").await;
    let snapshot = fixture.open(Access::Read).snapshot(3).await.unwrap();
    assert!(fixture.connect().execute_batch("INSERT INTO t VALUES (2)").is_err(), "no commit while the view is open");
    assert_eq!(counts(snapshot.as_ref(), &table, 3).await, [1, 1, 1]);
    drop(snapshot);
    fixture.connect().execute_batch("INSERT INTO t VALUES (2)").expect("free again");
}
