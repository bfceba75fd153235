//! Jobs that share databases: connections, failures, credentials.

use super::schedule::UNAVAILABLE;
use super::*;
use crate::head::view::{JobStateView, Verb};

/// What a process says whose database refused its credentials.
const DENIED: &str = "error[S102]: PostgreSQL at b refused the login: password expired";

fn submit_between(core: &mut Core, name: &str, source: &str, target: &str, limit: u32) -> String {
    let plan = format!(
        "version: 1\nname: {name}\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n\
         limits: {{ source_connections: {limit}, target_connections: {limit} }}\n"
    );
    core.submit(Submission { plan, id: Some(name.to_owned()), by: String::new() }).expect("a plan").0.id
}

#[test]
fn jobs_share_the_connections_of_a_database_and_one_too_many_waits_and_says_why() {
    let mut core = head();
    submit_between(&mut core, "one", "postgresql://a/x", "postgresql://b/1", 4);
    submit_between(&mut core, "two", "postgresql://me:pw@a/x", "postgresql://b/2", 4);
    submit_between(&mut core, "three", "postgresql://a/y", "postgresql://b/3", 4);
    beat(&mut core, "w", 64, &[]);
    let running = |core: &Core, job: &str| core.get(job).unwrap().state == JobStateView::Running;
    assert!(running(&core, "one") && !running(&core, "two") && running(&core, "three"));
    assert_eq!(core.get("two").unwrap().why, "it waits for connections to postgresql://a/x, which one has");
    core.conclude(&name("w", "one", 1), 0, String::new(), String::new()).unwrap();
    assert!(running(&core, "two") && core.get("two").unwrap().why.is_empty());
    let conductor = core.tasks.iter().find(|task| task.job == "two").expect("conducted");
    assert_eq!(conductor.slots * CONNECTIONS_PER_SLOT, 4);
}

#[test]
fn a_database_that_fails_many_jobs_is_tried_no_more() {
    let mut core = head();
    let names: Vec<String> = (0..8).map(|number| format!("job{number}")).collect();
    for job in &names {
        submit_between(&mut core, job, &format!("postgresql://{job}/x"), &format!("postgresql://b/{job}"), 4);
    }
    for job in &names {
        submit_between(&mut core, &format!("{job}-b"), "postgresql://gone/x", &format!("postgresql://c/{job}"), 80);
    }
    beat(&mut core, "w", 256, &[]);
    for job in &names {
        core.conclude(
            &name("w", &format!("{job}-b"), 1),
            UNAVAILABLE,
            String::new(),
            "error[S101]: no route".to_owned(),
        )
        .unwrap();
    }
    let state = |number: usize| core.get(&format!("job{number}-b")).unwrap();
    assert_eq!(state(0).state, JobStateView::Queued);
    assert_eq!(state(7).state, JobStateView::Paused);
    assert!(state(7).why.contains("8 tries with postgresql://gone/x failed"), "{}", state(7).why);
    assert!(names.iter().all(|job| core.get(job).unwrap().state == JobStateView::Running), "others go on");
    core.order("job7-b", Verb::Resume).unwrap();
    assert!(matches!(core.get("job7-b").unwrap().state, JobStateView::Queued | JobStateView::Running));
}

#[test]
fn a_worker_that_is_lost_with_many_jobs_of_a_database_is_no_fault_of_the_database() {
    let mut core = head();
    for number in 0..8 {
        let (job, target) = (format!("job{number}"), format!("postgresql://b/{number}"));
        submit_between(&mut core, &job, "postgresql://a/x", &target, 200);
    }
    beat(&mut core, "w", 64, &[]);
    let until = core.now + LEASE_MS + 2_000;
    pass(&mut core, until);
    for number in 0..8 {
        assert_eq!(core.get(&format!("job{number}")).unwrap().state, JobStateView::Queued);
    }
}

#[test]
fn refused_credentials_are_not_tried_again() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    beat(&mut core, "w", 1, &[]);
    core.conclude(&name("w", &job, 1), UNAVAILABLE, String::new(), DENIED.to_owned()).unwrap();
    let view = core.get(&job).unwrap();
    assert_eq!(view.state, JobStateView::Paused);
    assert!(view.why.contains("credentials are renewed") && view.why.contains("password expired"), "{}", view.why);
}

#[test]
fn a_worker_whose_credentials_are_refused_gets_no_more_of_the_job_until_it_is_started_again() {
    let mut core = head();
    let job = submit(&mut core, "shop");
    let conductor = beat(&mut core, "w", 1, &[]).remove(0);
    open(&mut core, &name("w", &job, 1), 50, 80);
    let order = beat(&mut core, "helper", 1, &[]).remove(0);
    let said = DENIED.to_owned();
    let denied = ChildState { task: order.task.clone(), ending: Some(Ending { exit_code: UNAVAILABLE, said }) };
    assert!(beat(&mut core, "helper", 1, &[denied]).is_empty());
    for second in (0..60).step_by(2) {
        let until = core.now + 2_000;
        pass(&mut core, until);
        beat(&mut core, "w", 1, &[running(&conductor)]);
        assert!(beat(&mut core, "helper", 1, &[]).is_empty(), "second {second}");
    }
    let again = Beat { instance: "renewed".to_owned(), ..a_beat("helper", 1) };
    assert_eq!(core.beat(again).unwrap().len(), 1);
}
