//! Trials find what is refused and leave nothing behind.

use super::writing::{commit_split, job, numbered, write};
use super::*;
use crate::trial::refused_rows;

#[tokio::test]
async fn refused_rows_are_found_and_nothing_stays() {
    let (fixture, target, table) = job(&["id"]).await;
    let mut trial = target.trial(write(&table, 0, 1)).await.unwrap();
    let found = refused_rows(trial.as_mut(), &numbered(&table, [1, 2, 1, 3, 2]), 10).await.unwrap();
    let rows: Vec<_> = found.iter().map(|refused| (refused.row, refused.column.as_deref())).collect();
    assert_eq!(rows, [(2, Some("id")), (4, Some("id"))]);
    assert!(!found[0].why.contains('1') && found[0].why.contains("t.id"), "{found:?}");
    // What earlier batches brought counts.
    let found = refused_rows(trial.as_mut(), &numbered(&table, [3, 4]), 10).await.unwrap();
    assert_eq!(found.iter().map(|refused| refused.row).collect::<Vec<_>>(), [0]);
    drop(trial);
    commit_split(&target, write(&table, 0, 1), &[numbered(&table, [1, 2, 3])]).await.unwrap();
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 3);
    let fenced = target.trial(write(&table, 1, 2)).await.unwrap().attempt(&numbered(&table, [9])).await;
    assert!(matches!(fenced, Err(Error::Fenced { .. })), "{fenced:?}");
}
