//! Who reads back what was written.

use super::*;
use crate::cluster::caller::Class::{Mover, Scout, Validator};

/// A job whose first split is written and waits to be read back.
fn written(core: &mut Core) -> (String, TaskName) {
    let job = submit(core, "shop");
    beat_as(core, "mover", &[Scout, Mover], 1, &[]);
    let task = name("mover", &job, 1);
    core.open(&task, Opened { separate: true, ..opened(8) }).expect("its own job");
    let splits = vec![offered(0, 1, false, Half::Copy, vec![]), offered(1, 1, false, Half::Copy, vec![])];
    core.offer(&task, splits, true).expect("its own job");
    let granted = take(core, &task).expect("pending");
    core.report(&task, granted.lease, granted.split, vec![1]).expect("held");
    let again = offered(granted.split, 1, false, Half::Validate, vec![2]);
    core.settle(&task, vec![Settled::Again(again)]).expect("reported");
    (job, task)
}

#[test]
fn only_a_worker_that_cannot_write_reads_back() {
    let mut core = head();
    let (job, mover) = written(&mut core);
    for (worker, classes) in [("both", vec![Mover, Validator]), ("second", vec![Mover]), ("scout", vec![Scout])] {
        let orders = beat_as(&mut core, worker, &classes, 4, &[]);
        assert!(orders.iter().all(|order| order.task.role == Role::Copy), "{worker}: {orders:?}");
    }
    assert_eq!(take(&mut core, &mover).expect("not yet copied").split, 1);
    assert!(take(&mut core, &mover).is_none(), "a mover gets nothing to read back");
    let orders = beat_as(&mut core, "reader", &[Validator], 4, &[]);
    assert_eq!((orders.len(), orders[0].task.role), (1, Role::Validate));
    let reader = name("reader", &job, 1);
    let granted = take(&mut core, &reader).expect("written");
    assert_eq!((granted.split, granted.grant_json), (0, vec![2]));
    assert!(core.report(&mover, granted.lease, 0, vec![3]).is_err());
    core.report(&reader, granted.lease, 0, vec![3]).expect("held");
}

#[test]
fn a_job_says_that_nobody_may_read_back_until_somebody_may() {
    let mut core = head();
    let (job, _) = written(&mut core);
    core.tick();
    assert!(core.get(&job).unwrap().why.contains("no worker is a validator"), "{:?}", core.get(&job));
    beat_as(&mut core, "reader", &[Validator], 1, &[]);
    core.tick();
    assert_eq!(core.get(&job).unwrap().why, "");
}

#[test]
fn a_conductor_with_many_slots_leaves_what_others_read_back_through() {
    let mut core = head();
    let plan = PLAN.replace("80", "4");
    core.submit(Submission { plan, id: Some("small".to_owned()), by: String::new() }).expect("a plan");
    let order = beat_as(&mut core, "mover", &[Scout, Mover], 8, &[]).remove(0);
    assert_eq!(order.task.slots, 1, "half of the target's connections are the validators'");
    let task = name("mover", "small", 1);
    core.open(&task, Opened { separate: true, ..opened(4) }).expect("its own job");
    core.offer(&task, vec![offered(0, 1, false, Half::Copy, vec![])], true).expect("its own job");
    let granted = take(&mut core, &task).expect("pending");
    core.report(&task, granted.lease, 0, vec![1]).expect("held");
    core.settle(&task, vec![Settled::Again(offered(0, 1, false, Half::Validate, vec![2]))]).expect("reported");
    assert_eq!(beat_as(&mut core, "reader", &[Validator], 2, &[]).len(), 1);
}

#[test]
fn who_does_not_read_back_helps_only_where_others_do() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    beat(&mut core, "all", 1, &[]);
    open(&mut core, &name("all", &job, 1), 50, 80);
    assert!(beat_as(&mut core, "mover", &[Mover], 1, &[]).is_empty());
    assert_eq!(beat_as(&mut core, "both", &[Mover, Validator], 1, &[]).len(), 1);
}

#[test]
fn writers_and_readers_share_the_connections_to_the_target() {
    let mut core = head();
    let (job, _) = written(&mut core);
    beat_as(&mut core, "reader", &[Validator], 64, &[]);
    beat_as(&mut core, "second", &[Mover], 64, &[]);
    let slots = |does: &[Role]| -> u32 {
        let theirs = core.tasks.iter().filter(|task| task.job == job && does.contains(&task.role));
        theirs.map(|task| task.slots).sum()
    };
    assert_eq!(slots(&[Role::Validate]) * CONNECTIONS_PER_SLOT, 4);
    assert!(slots(&[Role::Copy, Role::Conduct]) * CONNECTIONS_PER_SLOT <= 4);
}

#[test]
fn a_head_that_takes_over_knows_which_half_is_open() {
    let mut core = head();
    let (job, mover) = written(&mut core);
    let order = beat_as(&mut core, "reader", &[Validator], 1, &[]).remove(0);
    let record = core.jobs[&job].record.clone();
    let standing = Standing::Pending { lost: 0 };
    let split = SplitRecord { standing, ..offered(0, 1, false, Half::Validate, vec![2]) };
    let splits = [(job.clone(), vec![split])].into();
    let mut next = Core::recover(Loaded { jobs: vec![record], splits, last_event: 9, ..Loaded::default() }, 2, 2_000);
    assert!(take(&mut next, &mover).is_none());
    beat_as(&mut next, "reader", &[Validator], 1, &[running(&order)]);
    assert_eq!(take(&mut next, &name("reader", &job, 1)).expect("written").grant_json, vec![2]);
}
