//! Tests of asking for cuts and of making them.

use super::*;
use crate::head::splits::Granted;

/// A deadline as far ahead as leases hold.
const HOLD: Millis = 15_000;
const LARGE: u64 = CUT_BYTES_MIN;

fn offered(split: u32, bytes: u64) -> SplitRecord {
    let standing = Standing::Pending { lost: 0 };
    SplitRecord { split, bytes, recheck: false, half: Half::Copy, grant_json: vec![split as u8], standing }
}

/// Splits granted at time 0, the first lease for the largest.
fn held(workers: &[&str]) -> Splits {
    let mut splits = Splits::default();
    for (index, worker) in workers.iter().enumerate() {
        splits.put(vec![offered(index as u32, 10 * LARGE)], 0);
        let Granted { split, .. } = splits.grant(Half::Copy, worker, 1 + index as u64, HOLD).expect("pending");
        assert_eq!(split, index as u32);
    }
    splits
}

fn says(lease: LeaseId, bytes_ahead: u64) -> Renewal {
    Renewal { lease, bytes_ahead, proposal_json: Vec::new() }
}

fn proposes(lease: LeaseId, proposal: u8) -> Renewal {
    Renewal { lease, bytes_ahead: LARGE, proposal_json: vec![proposal] }
}

fn asked(splits: &mut Splits, worker: &str, renewal: Renewal, idle: usize, now: Millis) -> Vec<LeaseId> {
    splits.renew(worker, &[renewal], idle, now + HOLD).asked
}

/// The proposal `9` of lease 1 for split 0, of which 4 parts in 10 become split 7.
fn made(is_made: bool, with_parts: bool) -> CutAnswer {
    let kept = SplitRecord { grant_json: vec![100], ..offered(0, 6 * LARGE) };
    let parts = with_parts.then(|| Box::new([kept, offered(7, 4 * LARGE)]));
    CutAnswer { proposed: Proposed { lease: 1, split: 0, proposal_json: vec![9] }, is_made, parts }
}

#[test]
fn a_holder_is_asked_when_somebody_is_idle_and_it_has_held_much_for_long() {
    let mut splits = held(&["w"]);
    assert_eq!(asked(&mut splits, "w", says(1, LARGE), 1, CUT_AFTER_MS - 1), [0; 0], "not for long");
    assert_eq!(asked(&mut splits, "w", says(1, LARGE), 0, CUT_AFTER_MS), [0; 0], "nobody is idle");
    assert_eq!(asked(&mut splits, "w", says(1, LARGE - 1), 1, CUT_AFTER_MS), [0; 0], "not much");
    assert_eq!(asked(&mut splits, "w", says(1, LARGE), 1, CUT_AFTER_MS), [1]);
    assert_eq!(asked(&mut splits, "w", says(1, LARGE), 1, CUT_AFTER_MS), [1], "the answer may have been lost");
    assert_eq!(asked(&mut splits, "other", says(1, LARGE), 1, CUT_AFTER_MS), [0; 0], "it is not the holder");
}

#[test]
fn as_many_are_asked_as_are_idle_those_with_the_most_left() {
    let mut splits = held(&["a", "b", "c"]);
    for (worker, lease, ahead) in [("a", 1, 2 * LARGE), ("b", 2, 4 * LARGE), ("c", 3, 3 * LARGE)] {
        splits.renew(worker, &[says(lease, ahead)], 0, CUT_AFTER_MS + HOLD);
    }
    assert_eq!(splits.rests(), [(2 * LARGE, 1), (4 * LARGE, 2), (3 * LARGE, 3)]);
    assert_eq!(asked(&mut splits, "a", says(1, 2 * LARGE), 2, CUT_AFTER_MS), [0; 0]);
    assert_eq!(asked(&mut splits, "c", says(3, 3 * LARGE), 2, CUT_AFTER_MS), [3]);
    assert_eq!(asked(&mut splits, "b", says(2, 4 * LARGE), 2, CUT_AFTER_MS), [2]);
}

#[test]
fn of_two_that_read_side_by_side_one_is_asked() {
    let mut splits = held(&["a", "b"]);
    let mut left = 20 * LARGE;
    let mut turn = |worker, lease| {
        left -= 1;
        asked(&mut splits, worker, says(lease, left), 1, CUT_AFTER_MS)
    };
    turn("a", 1);
    turn("b", 2);
    assert_eq!([turn("a", 1), turn("b", 2), turn("a", 1)], [vec![1], vec![], vec![1]], "again until it is answered");
}

#[test]
fn what_is_only_read_back_is_not_cut() {
    let mut splits = Splits::default();
    splits.put(vec![SplitRecord { half: Half::Validate, ..offered(0, 9 * LARGE) }], 0);
    splits.grant(Half::Validate, "w", 1, HOLD).expect("pending");
    assert_eq!(asked(&mut splits, "w", says(1, LARGE), 1, CUT_AFTER_MS), [0; 0]);
}

#[test]
fn a_cut_shrinks_the_holders_split_and_the_rest_waits() {
    let mut splits = held(&["w"]);
    splits.renew("w", &[proposes(1, 9)], 0, CUT_AFTER_MS + HOLD);
    assert_eq!(splits.proposals(), [Proposed { lease: 1, split: 0, proposal_json: vec![9] }]);
    let changed = splits.cut(made(true, true));
    let standing = Standing::Leased { lease: 1, worker: "w".to_owned(), lost: 0 };
    assert_eq!((changed[0].split, &changed[0].standing, &changed[0].grant_json), (0, &standing, &vec![100]));
    assert_eq!((changed[1].split, &changed[1].standing), (7, &Standing::Pending { lost: 0 }));
    assert!(splits.proposals().is_empty(), "it is answered");
    let progress = splits.progress();
    assert_eq!((progress.splits, progress.bytes, splits.waits(Half::Copy)), (2, 10 * LARGE, 1));
    let answered = [Answered { lease: 1, is_made: true }];
    let renewed = splits.renew("w", &[proposes(1, 9)], 1, CUT_AFTER_MS + HOLD);
    assert_eq!((renewed.answered.as_slice(), renewed.asked.len()), (&answered[..], 0), "it begins anew to be held");
    assert_eq!(splits.renew("w", &[proposes(1, 9)], 0, CUT_AFTER_MS + HOLD).answered, answered, "once more");
    assert_eq!(splits.renew("w", &[proposes(1, 10)], 0, CUT_AFTER_MS + HOLD).answered, [], "that is another");
    assert_eq!(splits.grant(Half::Copy, "idle", 2, HOLD).expect("the rest").split, 7);
    // Whoever takes over what was cut gets what is left of it.
    splits.renew("w", &[says(1, 0)], 0, CUT_AFTER_MS + HOLD);
    splits.release("w");
    assert_eq!(splits.grant(Half::Copy, "heir", 3, HOLD).expect("given back").grant_json, [100]);
}

#[test]
fn a_refusal_changes_nothing_and_is_told() {
    let mut splits = held(&["w"]);
    splits.renew("w", &[proposes(1, 9)], 0, HOLD);
    assert!(splits.cut(made(false, false)).is_empty());
    let answered = [Answered { lease: 1, is_made: false }];
    assert_eq!(splits.renew("w", &[proposes(1, 9)], 0, HOLD).answered, answered);
    assert_eq!(splits.progress().splits, 1);
}

#[test]
fn a_cut_made_twice_is_one_cut() {
    let mut splits = held(&["w"]);
    splits.renew("w", &[proposes(1, 9)], 0, HOLD);
    assert_eq!(splits.cut(made(true, true)).len(), 2);
    assert!(splits.cut(made(true, true)).is_empty(), "the head's answer was lost");
    assert!(splits.cut(made(true, false)).is_empty());
    splits.grant(Half::Copy, "idle", 2, HOLD).expect("the rest");
    assert!(splits.cut(made(true, true)).is_empty(), "the rest is somebody's by now");
    assert_eq!((splits.progress().splits, splits.progress().splits_leased), (2, 2));
}

#[test]
fn a_split_whose_holder_is_lost_waits_for_the_answer_to_its_proposal() {
    for is_made in [true, false] {
        let mut splits = held(&["w"]);
        splits.renew("w", &[proposes(1, 9)], 0, HOLD);
        assert_eq!(splits.release("w").len(), 1);
        assert!(splits.grant(Half::Copy, "heir", 2, HOLD).is_none(), "nobody knows yet what it is");
        assert_eq!(splits.proposals(), [Proposed { lease: 1, split: 0, proposal_json: vec![9] }]);
        let other = Proposed { lease: 1, split: 0, proposal_json: vec![8] };
        splits.cut(CutAnswer { proposed: other, ..made(true, false) });
        assert!(splits.grant(Half::Copy, "heir", 2, HOLD).is_none(), "that was an earlier one");
        splits.cut(made(is_made, is_made));
        assert!(splits.proposals().is_empty());
        let granted = splits.grant(Half::Copy, "heir", 2, HOLD).expect("it is known");
        assert_eq!((granted.split, granted.grant_json), (0, vec![if is_made { 100 } else { 0 }]));
    }
}

#[test]
fn who_has_a_split_as_it_was_before_it_was_cut_loses_it() {
    let mut splits = held(&["w"]);
    assert_eq!(splits.expire(HOLD + 1).len(), 1);
    // It had proposed a cut to a head that is gone.
    let whole = splits.grant(Half::Copy, "heir", 2, 3 * HOLD).expect("given back");
    assert_eq!(whole.grant_json, [0]);
    let changed = splits.cut(made(true, true));
    assert_eq!((changed[0].split, &changed[0].standing), (0, &Standing::Pending { lost: 2 }));
    assert_eq!(splits.renew("heir", &[says(2, 0)], 0, 3 * HOLD).lost, [2]);
    assert!(splits.report("heir", 2, 0, vec![1]).is_err());
    let again = splits.grant(Half::Copy, "heir", 3, 3 * HOLD).expect("what is left of it");
    assert_eq!((again.split, again.grant_json, again.taken_over), (0, vec![100], true));
    assert!(splits.grant(Half::Copy, "idle", 4, 3 * HOLD).is_none(), "all of it may be committed");
    // The conductor says it again, to a head that took over: nobody has the split as it was.
    assert!(splits.cut(made(true, true)).is_empty());
    assert_eq!(splits.renew("heir", &[says(3, 0)], 0, 3 * HOLD).lost, [0; 0]);
    // Nor does one more cut set the first one's rest free.
    let kept = SplitRecord { grant_json: vec![50], ..offered(0, 3 * LARGE) };
    let again = Proposed { lease: 3, split: 0, proposal_json: vec![8] };
    splits.cut(CutAnswer { proposed: again, is_made: true, parts: Some(Box::new([kept, offered(8, 3 * LARGE)])) });
    assert!(splits.grant(Half::Copy, "idle", 4, 3 * HOLD).is_none(), "it still may be");
    splits.report("heir", 3, 0, vec![1]).expect("held");
    splits.settle(0);
    assert_eq!(splits.grant(Half::Copy, "idle", 4, 3 * HOLD).expect("the rest").split, 7);
}

#[test]
fn the_rest_waits_for_what_was_kept_where_a_second_holder_was_lost_too() {
    let mut splits = held(&["w"]);
    splits.release("w");
    // Another head, which knew of no proposal.
    splits.grant(Half::Copy, "heir", 2, HOLD).expect("given back");
    splits.release("heir");
    splits.cut(made(true, true));
    assert_eq!(splits.grant(Half::Copy, "idle", 3, HOLD).expect("what was kept").split, 0);
    assert!(splits.grant(Half::Copy, "idle", 4, HOLD).is_none());
}

#[test]
fn a_split_that_was_reported_meanwhile_is_its_conductors_to_judge() {
    let mut splits = held(&["w"]);
    splits.report("w", 1, 0, vec![5]).expect("held");
    let changed = splits.cut(made(true, true));
    assert_eq!(changed.iter().map(|record| record.split).collect::<Vec<_>>(), [7]);
    assert_eq!(splits.outcomes(9, 99), [(0, vec![5])]);
    assert!(splits.grant(Half::Copy, "idle", 2, HOLD).is_none(), "all of it was committed");
    splits.put(vec![SplitRecord { grant_json: vec![101], ..offered(0, LARGE) }], 0);
    assert_eq!(splits.grant(Half::Copy, "idle", 2, HOLD).expect("the rest").split, 7);
}
