//! Single decisions. What many of them in a row promise, the simulation holds against pools.

use super::super::JobDemand;
use super::super::want::Bound;
use super::*;

const SECOND: Millis = 1_000;
const NOW: Millis = 1_000 * SECOND;

fn settings() -> Settings {
    Settings {
        workers_min: 0,
        workers_max: 10,
        slots_per_worker: 1,
        drain_target_ms: 10 * SECOND,
        upscaling_speed: 1.0,
        launches_max: 100,
        idle_timeout_ms: 60 * SECOND,
        cooldown_ms: 30 * SECOND,
        launch_timeout_ms: 120 * SECOND,
    }
}

/// A job worth three workers.
fn job() -> JobDemand {
    JobDemand {
        id: "orders".to_owned(),
        bytes_left: 1_200_000_000,
        splits_left: 1_000,
        shared: true,
        source_connections: 100,
        target_connections: 100,
        connections_per_worker: 1,
        bytes_per_s_per_worker: Some(40e6),
    }
}

fn worker(id: &str, state: WorkerState, idle_s: Option<Millis>) -> Worker {
    Worker {
        id: id.to_owned(),
        launched_at: NOW - 100 * SECOND,
        state,
        slots_busy: u32::from(idle_s.is_none()),
        idle_since: idle_s.map(|seconds| NOW - seconds * SECOND),
        jobs: Vec::new(),
    }
}

fn busy(count: usize) -> Vec<Worker> {
    (0..count).map(|index| worker(&format!("busy-{index}"), WorkerState::Ready, None)).collect()
}

fn snapshot(jobs: Vec<JobDemand>, workers: Vec<Worker>) -> Snapshot {
    let demand = super::super::Demand { jobs_queued: 0, jobs };
    Snapshot { now: NOW, demand, workers, carried: Carried::default() }
}

fn decided(snapshot: &Snapshot) -> (u32, Vec<String>) {
    let decision = decide(&settings(), snapshot);
    (decision.launch, decision.retire)
}

#[test]
fn wants_what_drains_in_time_and_says_so() {
    let check = |change: fn(&mut JobDemand), target, bound, said: &str| {
        let mut job = job();
        change(&mut job);
        let snapshot = snapshot(vec![job], busy(1));
        let want = want(&settings(), &snapshot.demand);
        assert_eq!((want.target, want.bound), (target, bound), "{said}");
        assert_eq!(decide(&settings(), &snapshot).why, said);
    };
    let all = "3 wanted: 1.2 GB left at 40.0 MB/s per worker within 10 s";
    check(|_| {}, 3, None, all);
    check(|job| job.bytes_left += 1, 4, None, &all.replace('3', "4"));
    let two = all.replace('3', "2");
    check(
        |job| job.source_connections = 2,
        2,
        Some(Bound::Source(2)),
        &format!("{two}; capped by 2 source connections"),
    );
    check(
        |job| job.target_connections = 2,
        2,
        Some(Bound::Target(2)),
        &format!("{two}; capped by 2 target connections"),
    );
    let one = all.replace('3', "1");
    check(|job| job.splits_left = 1, 1, Some(Bound::Splits(1)), &format!("{one}; capped by 1 split left"));
    check(|job| job.shared = false, 1, Some(Bound::Alone), &format!("{one}; capped because a job cannot be shared"));
    check(
        |job| job.source_connections = 0,
        1,
        Some(Bound::Source(0)),
        &format!("{one}; capped by 0 source connections"),
    );
    let unknown = "1 wanted: 1.2 GB left of 1 job, no rate measured yet";
    check(|job| job.bytes_per_s_per_worker = None, 1, None, unknown);
    check(|job| job.bytes_per_s_per_worker = Some(0.0), 1, None, unknown);
    check(|job| job.bytes_per_s_per_worker = Some(f64::NAN), 1, None, unknown);
    let slow = "10 wanted: 1.2 GB left at 1 B/s per worker within 10 s; capped by the maximum of 10";
    check(|job| job.bytes_per_s_per_worker = Some(1.0), 10, Some(Bound::Max(10)), slow);
}

#[test]
fn every_job_has_a_worker_up_to_the_maximum() {
    let small = JobDemand { bytes_left: 1, ..job() };
    let check = |jobs: usize, jobs_queued, target| {
        let mut snapshot = snapshot(vec![small.clone(); jobs], Vec::new());
        snapshot.demand.jobs_queued = jobs_queued;
        assert_eq!(decide(&settings(), &snapshot).target, target);
    };
    check(0, 0, 0);
    check(1, 0, 1);
    check(2, 3, 5);
    check(20, 0, 10);
    check(0, u32::MAX, 10);
    check(3, u32::MAX, 10);
}

#[test]
fn a_job_that_nobody_measured_is_taken_to_be_like_the_others() {
    let check = |second: Option<f64>, target| {
        let jobs = vec![job(), JobDemand { bytes_per_s_per_worker: second, ..job() }];
        assert_eq!(decide(&settings(), &snapshot(jobs, Vec::new())).target, target);
    };
    check(Some(40e6), 6);
    check(None, 6);
    check(Some(20e6), 9);
}

#[test]
fn grows_by_steps() {
    let large = JobDemand { bytes_left: u64::MAX, ..job() };
    let check = |settings: &Settings, workers: usize, launch| {
        let decision = decide(settings, &snapshot(vec![large.clone()], busy(workers)));
        assert_eq!(decision.launch, launch, "{workers}");
        assert_eq!(decision.carried.launched_at, (launch > 0).then_some(NOW));
    };
    for (workers, launch) in [(0, 1), (1, 1), (2, 2), (4, 4), (8, 2), (10, 0), (12, 0)] {
        check(&settings(), workers, launch);
    }
    check(&Settings { upscaling_speed: 0.3, ..settings() }, 4, 2);
    check(&Settings { upscaling_speed: 0.0, ..settings() }, 4, 1);
    check(&Settings { upscaling_speed: f64::INFINITY, ..settings() }, 4, 6);
    check(&Settings { launches_max: 3, ..settings() }, 4, 3);
    check(&Settings { launches_max: 0, ..settings() }, 4, 0);
    check(&Settings { workers_min: 20, ..settings() }, 9, 1);
}

#[test]
fn those_on_their_way_count_until_they_are_late() {
    let mut workers = vec![worker("way", WorkerState::Launching, None), worker("late", WorkerState::Launching, None)];
    workers[1].launched_at = NOW - 121 * SECOND;
    let decision = decide(&settings(), &snapshot(vec![job()], workers.clone()));
    assert_eq!((decision.launch, decision.abandon), (1, vec!["late".to_owned()]));

    let one = Settings { workers_max: 2, ..settings() };
    let decision = decide(&one, &snapshot(vec![job()], workers));
    assert_eq!(decision.launch, 0, "the late one is there until it was retired");
}

#[test]
fn those_that_leave_take_a_place_but_do_no_work() {
    let mut workers = busy(1);
    workers.push(worker("leaves", WorkerState::Draining, None));
    workers.push(worker("gone", WorkerState::Gone, None));
    let three = Settings { workers_max: 3, upscaling_speed: 9.0, ..settings() };
    assert_eq!(decide(&three, &snapshot(vec![job()], workers.clone())).launch, 1);
    workers.pop();
    assert_eq!(decide(&settings(), &snapshot(vec![job()], workers)).launch, 1);
}

#[test]
fn retires_the_longest_idle_and_never_one_with_work() {
    let ready = |id, idle_s| worker(id, WorkerState::Ready, Some(idle_s));
    let mut conducts = ready("conducts", 900);
    conducts.jobs.push("orders".to_owned());
    let mut slots = ready("slots", 900);
    slots.slots_busy = 1;
    let fresh = worker("fresh", WorkerState::Launching, Some(900));
    let workers = vec![ready("b", 60), conducts, ready("c", 300), slots, ready("a", 60), ready("young", 59), fresh];
    assert_eq!(
        decided(&snapshot(Vec::new(), workers.clone())),
        (0, vec!["c".to_owned(), "a".to_owned(), "b".to_owned()])
    );

    let five = Settings { workers_min: 5, ..settings() };
    let decision = decide(&five, &snapshot(Vec::new(), workers.clone()));
    assert_eq!(decision.retire, ["c"], "those on their way do not count for the minimum");
    assert_eq!(decision.carried.retired_at, Some(NOW));
    assert_eq!(decision.why, "5 wanted: nothing to do; kept at the minimum of 5");
}

#[test]
fn rests_between_launching_and_retiring() {
    let idle = vec![worker("idle", WorkerState::Ready, Some(900))];
    let mut snapshot = snapshot(Vec::new(), idle);
    snapshot.carried.launched_at = Some(NOW - 29 * SECOND);
    assert_eq!(decided(&snapshot).1.len(), 0);
    snapshot.carried.launched_at = Some(NOW - 30 * SECOND);
    assert_eq!(decided(&snapshot).1.len(), 1);
    snapshot.carried.retired_at = Some(NOW - SECOND);
    assert_eq!(decided(&snapshot).1.len(), 1, "one retirement does not stop the next");

    snapshot.demand.jobs = vec![job()];
    assert_eq!(decided(&snapshot).0, 0, "somebody is idle: not pressing");
    snapshot.workers[0].idle_since = None;
    assert_eq!(decided(&snapshot).0, 1, "all have work: pressing");
    snapshot.workers.clear();
    assert_eq!(decided(&snapshot).0, 1);
}

#[test]
fn a_lowered_maximum_takes_idle_workers_at_once() {
    let workers = (0..5).map(|index| worker(&format!("w{index}"), WorkerState::Ready, Some(1))).collect();
    let mut snapshot = snapshot(Vec::new(), workers);
    snapshot.carried.launched_at = Some(NOW - SECOND);
    let three = Settings { workers_max: 3, ..settings() };
    assert_eq!(decide(&three, &snapshot).retire, ["w0", "w1"]);
}

#[test]
fn extremes_do_no_harm() {
    let job = JobDemand { bytes_left: u64::MAX, splits_left: u64::MAX, bytes_per_s_per_worker: Some(1e-300), ..job() };
    let all =
        JobDemand { source_connections: u32::MAX, target_connections: u32::MAX, connections_per_worker: 0, ..job };
    let mut settings = Settings { workers_max: u32::MAX, slots_per_worker: 0, drain_target_ms: 0, ..settings() };
    let mut snapshot = snapshot(vec![all.clone(), all], busy(1));
    assert_eq!(decide(&settings, &snapshot).target, u32::MAX);
    settings.upscaling_speed = f64::NAN;
    snapshot.now = Millis::MIN;
    snapshot.carried = Carried { launched_at: Some(Millis::MAX), retired_at: Some(Millis::MAX) };
    assert_eq!(decide(&settings, &snapshot).launch, 1);
}
