//! Trials find what is refused, leave nothing behind, and stand aside for nobody's rows.

use super::*;
use crate::error::Error;
use crate::trial::refused_rows;

const SETUP: &str = "CREATE TABLE src (id int PRIMARY KEY, x text); \
    CREATE TABLE dst (id int PRIMARY KEY, x text CONSTRAINT small CHECK (id < 19990 AND id <> 7)); \
    INSERT INTO src SELECT g, md5(g::text) FROM generate_series(1, 20000) g";

async fn setup() -> (Database, Arc<TargetTable>, Vec<RecordBatch>) {
    let db = Database::new(SETUP).await;
    let target = db.target("dst").await;
    db.prepared(std::slice::from_ref(&target)).await;
    let batches = rows(&db.read(&db.table("src").await).await);
    (db, target, batches)
}

/// How many rows of all batches are refused, and the first reason.
async fn refused(db: &Database, target: &Arc<TargetTable>, replace: bool, batches: &[RecordBatch]) -> (usize, String) {
    let mut trial = db.postgres.trial(write(target, 0, replace)).await.expect("a trial");
    let mut refused = Vec::new();
    for batch in batches {
        refused.extend(refused_rows(trial.as_mut(), batch, usize::MAX).await.expect("found out"));
    }
    (refused.len(), refused.first().map_or(String::new(), |refused| refused.why.clone()))
}

#[tokio::test]
async fn refused_rows_are_found_and_nothing_stays() {
    let (db, target, batches) = setup().await;
    let (count, why) = refused(&db, &target, false, &batches).await;
    assert_eq!(count, 12);
    assert!(why.contains("\"small\""), "{why}");
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 0);
    // The split is not claimed by its trial, and can be committed without those rows.
    let good = batches[0].slice(0, 5);
    let commit = fill(db.writer(&target, 0).await, std::slice::from_ref(&good)).await.expect("a commit");
    assert_eq!(commit.rows, 5);
    // A trial of a split that is to be replaced does not trip over its own rows; one of another split does.
    assert_eq!(refused(&db, &target, true, std::slice::from_ref(&good)).await.0, 0);
    let mut trial = db.postgres.trial(write(&target, 1, false)).await.expect("a trial");
    let clash = refused_rows(trial.as_mut(), &good, 3).await.expect("found out");
    assert_eq!(clash.iter().map(|refused| refused.row).collect::<Vec<_>>(), [0, 1, 2]);
    drop(trial);
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 5);
}

#[tokio::test]
async fn a_trial_waits_for_writers_under_way() {
    let (db, target, batches) = setup().await;
    let good = batches[0].slice(0, 5);
    let writer = db.writer(&target, 1).await;
    let (other, trial) = tokio::join!(
        async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            fill(writer, std::slice::from_ref(&good)).await.expect("a commit")
        },
        refused(&db, &target, false, std::slice::from_ref(&good)),
    );
    assert_eq!((other.rows, trial.0), (5, 5), "the other's rows were there first");
}

#[tokio::test]
async fn a_fenced_trial_is_refused() {
    let (db, target, _) = setup().await;
    db.postgres.fence("job", 2).await.expect("fenced");
    let fenced = db.postgres.trial(write(&target, 0, false)).await.err();
    assert!(matches!(fenced, Some(Error::Fenced { .. })), "{fenced:?}");
}
