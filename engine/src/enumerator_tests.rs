//! Tests of the in-process enumerator.

use sensei_storage::journal::Checkpoint;
use sensei_storage::{Commit, Digest, Range, Split, SplitId, Token};

use super::*;

fn split(id: u32, bytes_estimate: u64) -> Split {
    Split { id: SplitId(id), table: 0, range: Range::Whole, rows_estimate: 1, bytes_estimate }
}

fn recheck(id: u32) -> Work {
    let commit =
        Commit { rows: 0, token: Token::Sqlite { job: String::new(), split: id, rowids_sha256: String::new() } };
    let checkpoint = Checkpoint {
        split: SplitId(id),
        generation: 1,
        attempt: 1,
        snapshot: String::new(),
        rows_filtered: 0,
        rows_read: 0,
        rows_written: 0,
        rows_rejected: 0,
        lossy: Vec::new(),
        expected: Digest::ZERO,
        actual: None,
        commit,
    };
    Work::Recheck(Box::new(Recheck { checkpoint, refused: Refusals::default() }))
}

#[tokio::test]
async fn grants_the_largest_first_and_then_nothing() {
    let enumerator = LocalEnumerator::new(vec![
        Grant::new(split(0, 10), Work::Copy(Refusals::default())),
        Grant::new(split(1, 30), Work::Copy(Refusals::default())),
    ]);
    let first = enumerator.next().await.expect("local").map(|grant| grant.split.id);
    let second = enumerator.next().await.expect("local").map(|grant| grant.split.id);
    assert_eq!((first, second), (Some(SplitId(1)), Some(SplitId(0))));
    enumerator.complete(SplitId(0), None);
    enumerator.complete(SplitId(1), None);
    assert!(enumerator.next().await.expect("local").is_none());
}

#[tokio::test]
async fn a_changed_recheck_comes_back_as_a_copy() {
    let enumerator = LocalEnumerator::new(vec![Grant::new(split(0, 1), recheck(0))]);
    enumerator.next().await.expect("local").expect("the recheck");
    let (granted, ()) = tokio::join!(enumerator.next(), async { enumerator.complete(SplitId(0), Some(Work::Recopy)) });
    assert!(matches!(granted.expect("local").expect("the split again").work, Work::Recopy));
    enumerator.complete(SplitId(0), None);
    assert!(enumerator.next().await.expect("local").is_none());
}

#[tokio::test]
async fn closing_ends_the_wait_for_splits_under_way() {
    let enumerator = LocalEnumerator::new(vec![Grant::new(split(0, 1), recheck(0))]);
    enumerator.next().await.expect("local").expect("the recheck");
    let (granted, ()) = tokio::join!(enumerator.next(), async { enumerator.close() });
    assert!(granted.expect("local").is_none());
}

#[tokio::test]
async fn nothing_is_copied_while_something_is_rechecked() {
    let enumerator = LocalEnumerator::new(vec![
        Grant::new(split(0, 9), Work::Copy(Refusals::default())),
        Grant::new(split(1, 1), recheck(1)),
    ]);
    assert_eq!(enumerator.next().await.expect("local").map(|grant| grant.split.id), Some(SplitId(1)));
    let waits = tokio::time::timeout(std::time::Duration::from_millis(20), enumerator.next()).await;
    assert!(waits.is_err(), "the copy waits for the recheck");
    enumerator.complete(SplitId(1), None);
    assert_eq!(enumerator.next().await.expect("local").map(|grant| grant.split.id), Some(SplitId(0)));
}
