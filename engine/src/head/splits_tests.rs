//! Tests of handing out splits, a random walk among them.

use std::collections::{HashMap, HashSet};

use super::*;

fn offered(split: u32, bytes: u64, recheck: bool) -> SplitRecord {
    SplitRecord {
        split,
        bytes,
        recheck,
        half: Half::Copy,
        grant_json: vec![split as u8],
        standing: Standing::Pending { lost: 0 },
    }
}

/// Renews leases; gives back those that are lost.
fn lost(splits: &mut Splits, worker: &str, leases: &[LeaseId], deadline: Millis) -> Vec<LeaseId> {
    let renewals: Vec<Renewal> = leases.iter().map(|lease| Renewal { lease: *lease, ..Renewal::default() }).collect();
    splits.renew(worker, &renewals, 0, deadline).lost
}

#[test]
fn the_largest_is_granted_first() {
    let mut splits = Splits::default();
    splits.put(vec![offered(0, 10, false), offered(1, 30, false), offered(2, 30, false)], 0);
    let order: Vec<u32> =
        (1..4).map(|lease| splits.grant(Half::Copy, "w", lease, 10).expect("pending").split).collect();
    assert_eq!(order, [1, 2, 0]);
    assert!(splits.grant(Half::Copy, "w", 4, 10).is_none() && !splits.is_exhausted());
}

#[test]
fn nothing_is_copied_before_every_recheck_is_settled() {
    let mut splits = Splits::default();
    splits.put(vec![offered(0, 99, false), offered(1, 1, true)], 0);
    assert_eq!(splits.grant(Half::Copy, "w", 1, 10).expect("the recheck").split, 1);
    assert!(splits.grant(Half::Copy, "w", 2, 10).is_none());
    splits.report("w", 1, 1, vec![7]).expect("held");
    assert!(splits.grant(Half::Copy, "w", 2, 10).is_none(), "reported is not settled");
    splits.settle(1);
    assert_eq!(splits.grant(Half::Copy, "w", 2, 10).expect("free now").split, 0);
}

#[test]
fn what_is_written_is_read_back_by_others_and_copying_waits_for_no_one_but_rechecks() {
    let mut splits = Splits::default();
    splits.put(vec![offered(0, 9, true), offered(1, 5, false)], 0);
    let recheck = splits.grant(Half::Copy, "mover", 1, 10).expect("the recheck");
    splits.report("mover", 1, recheck.split, vec![1]).expect("held");
    splits.put(vec![SplitRecord { half: Half::Validate, grant_json: vec![7], ..offered(0, 9, true) }], 0);
    assert!(splits.grant(Half::Copy, "mover", 2, 10).is_none(), "the recheck is not settled");
    assert_eq!((splits.waits(Half::Copy), splits.waits(Half::Validate)), (1, 1));
    let unread = splits.grant(Half::Validate, "validator", 3, 10).expect("written");
    assert_eq!((unread.split, unread.grant_json), (0, vec![7]));
    assert_eq!((splits.open(Half::Copy), splits.open(Half::Validate)), (1, 1));
    assert_eq!(splits.expire(11).len(), 1, "a validator may be lost as well");
    assert_eq!(splits.waits(Half::Validate), 1);
    splits.grant(Half::Validate, "another", 4, 20).expect("again");
    assert!(splits.report("validator", 3, 0, vec![2]).is_err());
    splits.report("another", 4, 0, vec![2]).expect("held");
    splits.settle(0);
    assert_eq!(splits.grant(Half::Copy, "mover", 5, 20).expect("free now").split, 1);
    assert_eq!((splits.open(Half::Copy), splits.open(Half::Validate)), (1, 0));
}

#[test]
fn what_is_said_twice_about_a_half_is_nothing_new() {
    let mut splits = Splits::default();
    splits.put(vec![offered(0, 9, false)], 0);
    splits.grant(Half::Copy, "mover", 1, 10).expect("pending");
    splits.report("mover", 1, 0, vec![1]).expect("held");
    let again = SplitRecord { half: Half::Validate, grant_json: vec![7], ..offered(0, 9, false) };
    splits.put(vec![again.clone()], 0);
    assert!(splits.report("mover", 1, 0, vec![1]).expect("heard before").is_none());
    splits.grant(Half::Validate, "validator", 2, 10).expect("written");
    assert!(splits.report("mover", 1, 0, vec![1]).expect("heard before").is_none());
    splits.report("validator", 2, 0, vec![2]).expect("held");
    assert!(splits.is_again(&again), "it was read back since: that must not be forgotten");
    assert_eq!(splits.outcomes(9, 99), [(0, vec![2])]);
}

#[test]
fn what_is_not_renewed_goes_to_another_who_is_told() {
    let mut splits = Splits::default();
    splits.put(vec![offered(0, 1, false)], 0);
    let first = splits.grant(Half::Copy, "a", 1, 10).expect("pending");
    assert!(!first.taken_over);
    assert_eq!(lost(&mut splits, "a", &[1, 5], 20), [5]);
    assert!(splits.expire(15).is_empty());
    assert_eq!(splits.expire(21), [(0, Standing::Pending { lost: 1 })]);
    let second = splits.grant(Half::Copy, "b", 2, 40).expect("pending again");
    assert!(second.taken_over);
    assert!(matches!(splits.report("a", 1, 0, vec![]), Err(Refusal::Lost { .. })));
    assert!(matches!(splits.report("a", 2, 0, vec![]), Err(Refusal::Lost { .. })), "not the holder");
    assert_eq!(lost(&mut splits, "a", &[1], 50), [1]);
    assert!(splits.report("b", 2, 0, vec![5]).expect("the holder").is_some());
    assert!(splits.report("b", 2, 0, vec![5]).expect("the answer was lost").is_none());
    assert!(matches!(splits.report("a", 1, 0, vec![4]), Err(Refusal::Lost { .. })), "another outcome");
}

#[test]
fn settling_twice_is_nothing_and_settling_early_is_refused() {
    let mut splits = Splits::default();
    splits.put(vec![offered(0, 5, false)], 0);
    assert!(matches!(splits.must_be_reported(0), Err(Refusal::Conflict { .. })));
    splits.grant(Half::Copy, "w", 1, 10).expect("pending");
    assert!(matches!(splits.must_be_reported(0), Err(Refusal::Conflict { .. })));
    splits.report("w", 1, 0, vec![]).expect("held");
    splits.must_be_reported(0).expect("reported");
    splits.settle(0);
    splits.must_be_reported(0).expect("the answer was lost");
    splits.settle(0);
    assert!(splits.is_exhausted());
    let progress = splits.progress();
    assert_eq!((progress.splits, progress.splits_done, progress.bytes, progress.bytes_done), (1, 1, 5, 5));
}

/// A small generator, so that a failing walk can be walked again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Workers take, renew, report, fall silent and come back at random; a model holds who may report what.
#[test]
fn no_split_is_held_by_two_and_none_is_lost() {
    const SPLITS: u32 = 60;
    for seed in 0..200 {
        let (mut dice, mut now, mut lease) = (Dice(seed), 0, 0);
        let mut splits = Splits::default();
        splits.put((0..SPLITS).map(|split| offered(split, u64::from(split % 7), split % 5 == 0)).collect(), 0);
        let mut holders: HashMap<u32, (String, LeaseId)> = HashMap::new();
        let mut settled = HashSet::new();
        for _ in 0..100_000 {
            if settled.len() == SPLITS as usize {
                break;
            }
            now += dice.roll(4) as Millis;
            let worker = format!("w{}", dice.roll(4));
            match dice.roll(8) {
                0..=2 => {
                    lease += 1;
                    if let Some(granted) = splits.grant(Half::Copy, &worker, lease, now + 10) {
                        let before = holders.insert(granted.split, (worker, lease));
                        assert!(before.is_none(), "seed {seed}: split {} has a holder", granted.split);
                    }
                }
                3 => {
                    let mine: Vec<_> =
                        holders.values().filter(|(holder, _)| *holder == worker).map(|(_, lease)| *lease).collect();
                    assert!(lost(&mut splits, &worker, &mine, now + 10).is_empty(), "seed {seed}");
                }
                4 => splits.expire(now).into_iter().for_each(|(split, _)| {
                    holders.remove(&split).expect("held");
                }),
                5 => splits.release(&worker).into_iter().for_each(|(split, _)| {
                    holders.remove(&split).expect("held");
                }),
                6 => {
                    let (split, asked) = (dice.roll(u64::from(SPLITS)) as u32, 1 + dice.roll(lease + 1));
                    let may = holders.get(&split) == Some(&(worker.clone(), asked));
                    let outcome = asked.to_le_bytes().to_vec();
                    let reported = splits.report(&worker, asked, split, outcome.clone());
                    assert_eq!(matches!(reported, Ok(Some(_))), may, "seed {seed}");
                    if may {
                        // The answer was lost.
                        assert_eq!(splits.report(&worker, asked, split, outcome), Ok(None), "seed {seed}");
                        holders.remove(&split);
                    } else if let Some((split, (worker, lease))) = holders.clone().into_iter().min_by_key(|held| held.0)
                    {
                        splits.report(&worker, lease, split, lease.to_le_bytes().to_vec()).expect("the holder");
                        holders.remove(&split);
                    }
                }
                _ => {
                    for (split, _) in splits.outcomes(3, usize::MAX) {
                        if dice.roll(4) == 0 {
                            splits.put(vec![offered(split, 1, false)], 0);
                        } else {
                            splits.settle(split);
                            assert!(settled.insert(split), "seed {seed}: settled twice");
                        }
                    }
                }
            }
        }
        assert_eq!(settled.len(), SPLITS as usize, "seed {seed}");
        assert!(splits.is_exhausted());
    }
}
