//! The life of a job, step by step.

use super::*;
use crate::head::view::{JobStateView, Verb};

#[test]
fn a_job_goes_from_submission_to_its_verdict() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    assert_eq!(core.get(&job).unwrap().state, JobStateView::Queued);
    let orders = beat(&mut core, "w", 2, &[]);
    assert_eq!((orders.len(), orders[0].task.role, orders[0].plan.as_str()), (1, Role::Conduct, PLAN));
    let task = name("w", &job, 1);
    open(&mut core, &task, 2, 8);
    let (one, two) = (take(&mut core, &task).unwrap(), take(&mut core, &task).unwrap());
    assert!(take(&mut core, &task).is_none());
    core.report(&task, one.lease, one.split, b"1".to_vec()).unwrap();
    core.report(&task, two.lease, two.split, b"2".to_vec()).unwrap();
    assert_eq!(core.outcomes(&task).unwrap().reported.len(), 2);
    for _ in 0..2 {
        // The second time because the answer was lost.
        core.settle(&task, vec![Settled::Done(0), Settled::Again(offered(1, 100, false, Half::Copy, vec![9]))])
            .unwrap();
    }
    let again = take(&mut core, &task).expect("to be done again");
    assert_eq!((again.split, again.grant_json.as_slice()), (1, [9].as_slice()));
    core.report(&task, again.lease, 1, b"3".to_vec()).unwrap();
    assert!(!core.next(&task, 1).unwrap().exhausted, "it is not settled");
    core.settle(&task, vec![Settled::Done(1)]).unwrap();
    assert!(core.next(&task, 1).unwrap().exhausted);
    core.conclude(&task, 0, "{\"verdict\":\"equivalent\"}".to_owned(), String::new()).unwrap();
    let view = core.get(&job).unwrap();
    assert_eq!((view.state, view.exit_code, view.progress.splits_done), (JobStateView::Done, Some(0), 2));
}

#[test]
fn nothing_is_granted_before_all_splits_are_offered() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    beat(&mut core, "w", 1, &[]);
    let task = name("w", &job, 1);
    core.open(&task, opened(8)).unwrap();
    core.offer(&task, vec![offered(0, 1, false, Half::Copy, vec![])], false).unwrap();
    assert!(take(&mut core, &task).is_none());
    core.offer(&task, vec![offered(0, 1, false, Half::Copy, vec![]), offered(1, 1, true, Half::Copy, vec![])], true)
        .unwrap();
    assert_eq!(take(&mut core, &task).expect("the recheck").split, 1);
}

#[test]
fn the_same_id_is_the_same_job_and_another_plan_is_refused() {
    let mut core = head();
    let submission = |name: &str| Submission { plan: plan(name), id: Some("x".to_owned()), by: String::new() };
    assert!(core.submit(submission("shop")).unwrap().1);
    assert!(!core.submit(submission("shop")).unwrap().1);
    assert!(matches!(core.submit(submission("other")), Err(Refusal::Conflict { .. })));
    let rival = Submission { id: Some("y".to_owned()), ..submission("shop") };
    assert!(matches!(core.submit(rival), Err(Refusal::Conflict { .. })), "two jobs of one plan and state");
    for id in ["", "..", "a b", "-a", "ä", &"a".repeat(129)] {
        let submission = Submission { id: Some(id.to_owned()), ..submission("third") };
        assert!(matches!(core.submit(submission), Err(Refusal::Invalid { .. })), "{id:?}");
    }
}

#[test]
fn a_lost_conductor_begins_the_job_anew_and_is_not_heard_any_more() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    beat(&mut core, "a", 1, &[]);
    let old = name("a", &job, 1);
    open(&mut core, &old, 3, 8);
    let granted = take(&mut core, &old).unwrap();
    pass(&mut core, 1_000 + LEASE_MS + 1);
    assert_eq!(core.get(&job).unwrap().state, JobStateView::Queued);
    pass(&mut core, 1_000 + LEASE_MS + 10_000);
    let orders = beat(&mut core, "b", 1, &[]);
    assert_eq!(orders[0].task.attempt, 2);
    assert!(matches!(core.report(&old, granted.lease, 0, vec![]), Err(Refusal::Lost { .. })));
    assert!(matches!(core.conclude(&old, 0, String::new(), String::new()), Err(Refusal::Lost { .. })));
    let ghost = Task { worker: "a".to_owned(), attempt: 1, ..orders[0].task.clone() };
    let orders = beat(&mut core, "a", 1, &[ChildState { task: ghost, ending: None }]);
    assert_eq!(orders[0].wish, WishForTask::Kill);
}

#[test]
fn a_lost_copier_loses_only_its_leases() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    let conduct = beat(&mut core, "a", 1, &[]).remove(0);
    let lead = name("a", &job, 1);
    open(&mut core, &lead, 3, 8);
    let copy = beat(&mut core, "b", 1, &[]).remove(0);
    assert_eq!(copy.task.role, Role::Copy);
    let helper = name("b", &job, 1);
    let lost = take(&mut core, &helper).unwrap();
    beat(&mut core, "b", 1, &[ended(&copy, 137)]);
    let again = (0..3).filter_map(|_| take(&mut core, &lead)).find(|granted| granted.split == lost.split).unwrap();
    assert!(again.taken_over && again.lease != lost.lease);
    beat(&mut core, "a", 1, &[running(&conduct)]);
    assert_eq!(core.get(&job).unwrap().state, JobStateView::Running);
}

#[test]
fn a_head_that_hung_blames_nobody() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    beat(&mut core, "a", 1, &[]);
    open(&mut core, &name("a", &job, 1), 1, 8);
    take(&mut core, &name("a", &job, 1)).unwrap();
    core.set_time(1_000 + 10 * LEASE_MS);
    core.tick();
    assert_eq!(core.get(&job).unwrap().state, JobStateView::Running);
    assert_eq!(core.get(&job).unwrap().progress.splits_leased, 1);
}

#[test]
fn connections_bound_who_helps() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    beat(&mut core, "a", 2, &[]);
    open(&mut core, &name("a", &job, 1), 100, 3 * CONNECTIONS_PER_SLOT);
    assert_eq!(beat(&mut core, "b", 2, &[])[0].task.slots, 1, "room for one slot is left");
    assert!(beat(&mut core, "c", 2, &[]).is_empty());
}

#[test]
fn a_job_that_keeps_failing_holds_until_a_person_looks() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    let mut now = 1_000;
    for attempt in 1.. {
        now += 100_000;
        core.set_time(now);
        let orders = beat(&mut core, "a", 1, &[]);
        if core.get(&job).unwrap().state == JobStateView::Paused {
            assert_eq!(attempt, 7);
            break;
        }
        assert_eq!(orders[0].task.attempt, attempt);
        beat(&mut core, "a", 1, &[ended(&orders[0], 5)]);
    }
    let view = core.get(&job).unwrap();
    assert!(view.why.contains("failures in a row") && view.why.contains("it broke"), "{}", view.why);
    core.order(&job, Verb::Resume).unwrap();
    assert_eq!(core.get(&job).unwrap().state, JobStateView::Running);
}

#[test]
fn pausing_finishes_what_is_open_and_resuming_goes_on() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    let order = beat(&mut core, "a", 1, &[]).remove(0);
    let task = name("a", &job, 1);
    open(&mut core, &task, 2, 8);
    let granted = take(&mut core, &task).unwrap();
    assert_eq!(core.order(&job, Verb::Pause).unwrap().state, JobStateView::Pausing);
    assert_eq!(beat(&mut core, "a", 1, &[running(&order)])[0].wish, WishForTask::Finish);
    core.close(&task).unwrap();
    assert!(!core.next(&task, 1).unwrap().exhausted, "the conductor waits for what is open");
    core.report(&task, granted.lease, granted.split, vec![]).unwrap();
    core.settle(&task, vec![Settled::Done(granted.split)]).unwrap();
    assert!(core.next(&task, 1).unwrap().exhausted);
    core.conclude(&task, 6, String::new(), String::new()).unwrap();
    assert_eq!(core.get(&job).unwrap().state, JobStateView::Paused);
    assert_eq!(core.order(&job, Verb::Resume).unwrap().state, JobStateView::Running);
    assert_eq!(core.get(&job).unwrap().attempt, 2);
}

#[test]
fn a_verb_that_makes_no_sense_is_refused() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    assert!(matches!(core.order("none", Verb::Stop), Err(Refusal::NotFound { .. })));
    assert!(matches!(core.order(&job, Verb::Retry), Err(Refusal::Conflict { .. })));
    assert_eq!(core.order(&job, Verb::Stop).unwrap().state, JobStateView::Stopped);
    assert_eq!(core.order(&job, Verb::Stop).unwrap().state, JobStateView::Stopped);
    assert!(matches!(core.order(&job, Verb::Resume), Err(Refusal::Conflict { .. })));
    assert_eq!(core.order(&job, Verb::Retry).unwrap().state, JobStateView::Queued);
}

#[test]
fn why_a_job_waits_is_told_once_and_again_when_it_changes() {
    let mut core = head();
    submit(&mut core, "shop");
    core.tick();
    core.tick();
    beat_as(&mut core, "w", &[Class::Validator], 2, &[]);
    let waits = |change: Change| match change {
        Change::Event(event) if event.kind == "waits" => Some(event.text),
        _ => None,
    };
    let told: Vec<String> = core.take_changes().into_iter().filter_map(waits).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("none is connected") && told[1].contains("both scout and mover"), "{told:?}");
}
