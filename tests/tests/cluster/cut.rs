//! A worker's cable to the head and to both databases is pulled, in the middle of a job: packets are lost, and no end is told.
//!
//! Needs root and network namespaces; what is left out without them is said.

use std::sync::Arc;
use std::time::Duration;

use sensei_tests::Deadline;
use sensei_tests::cluster::{Cluster, Lan};
use serde_json::Value;

use crate::ground::{Servers, cluster_on, done, has_ended};

const JOB_MAX: Duration = Duration::from_secs(180);
/// Longer than leases hold.
const LONG: Duration = Duration::from_secs(20);
/// Shorter than a process repeats its calls to the head.
const SHORT: Duration = Duration::from_secs(4);
/// How long a session may take to end.
const STEP_MAX: Duration = Duration::from_secs(10);
/// How long a worker may take to be heard of again: what it sent last was held back for as long as the cut was.
const BACK_MAX: Duration = Duration::from_secs(60);

/// Servers on a network of their own, and a job on two workers with a cable each, about half done. `None` if this machine
/// lets nobody make networks.
fn half_done(name: &str) -> Option<(Servers, Cluster<'static>)> {
    let lan: Arc<Lan> = Lan::lay().inspect_err(|why| eprintln!("no cable is pulled: {why}")).ok()?;
    let servers = Servers::start_on(200_000, Some(&lan));
    let cluster = cluster_on(servers.plan_on_lan(name, 200, ""), 2, Some(lan));
    cluster.submit(name);
    let job = cluster.await_job(name, JOB_MAX, |job| done(job) > 60 || has_ended(job));
    assert_eq!(job["state"], "running", "{job:#}");
    Some((servers, cluster))
}

/// The worker that conducts the job, and the other one.
fn roles(cluster: &Cluster, name: &str) -> (usize, usize) {
    let conductor = cluster.job(name)["worker"].as_str().unwrap().to_owned();
    let index = cluster.workers().iter().position(|worker| worker.name == conductor).unwrap();
    (index, 1 - index)
}

/// Pulls a worker's cable for a while; the job as it stands when it is put in again.
fn pull(cluster: &Cluster, name: &str, worker: usize, pause: Duration) -> Value {
    let wire = cluster.workers()[worker].wire.as_ref().unwrap();
    wire.cut();
    std::thread::sleep(pause);
    let job = cluster.job(name);
    wire.heal();
    job
}

/// Insists that a worker is heard of again, does a job alone, and leaves when it is asked to.
#[track_caller]
fn is_back(servers: &Servers, mut cluster: Cluster, worker: usize, name: &str) {
    let watch = Deadline::after(BACK_MAX);
    let listed = &cluster.workers()[worker].name;
    let is_ready = || {
        let pool = cluster.ask(&["status", "--cluster"]);
        let mut workers = pool["workers"].as_array().unwrap().iter();
        workers.any(|one| one["id"] == listed.as_str() && one["state"] == "ready").then_some(())
    };
    assert!(watch.wait_for(is_ready).is_some(), "{:#}", cluster.ask(&["status", "--cluster"]));
    eprintln!("{name}: the worker was back after {:.1} s", watch.elapsed().as_secs_f64());
    let other = cluster.take_worker(1 - worker);
    other.running.terminate();
    other.running.wait().expect(0);
    let again = format!("{name}_again");
    let plan = servers.plan_on_lan(&again, 20, "");
    std::fs::copy(plan.path("plan.yaml"), cluster.sensei.path("plan.yaml")).unwrap();
    cluster.submit(&again);
    let job = cluster.await_job(&again, JOB_MAX, has_ended);
    servers.check(&cluster, &again, &job);
    let worker = cluster.take_worker(0);
    worker.running.terminate();
    worker.running.wait().expect(0);
}

#[test]
fn splits_of_a_worker_whose_cable_is_pulled_are_done_by_another() {
    let Some((servers, cluster)) = half_done("pulled") else { return };
    let (_, copier) = roles(&cluster, "pulled");
    let name = cluster.workers()[copier].name.clone();
    assert!(cluster.has_given(&name), "{}", cluster.logs("pulled"));
    pull(&cluster, "pulled", copier, LONG);
    let job = cluster.await_job("pulled", JOB_MAX, has_ended);
    // The conductor never noticed.
    assert_eq!(job["attempt"], 1, "{job:#}\n{}", cluster.logs("pulled"));
    servers.check(&cluster, "pulled", &job);
    assert!(cluster.check_leases().lost > 0, "it held no split when it was cut off");
    is_back(&servers, cluster, copier, "pulled");
    servers.check_rows("pulled");
}

#[test]
fn another_worker_conducts_a_job_whose_conductors_cable_is_pulled() {
    let Some((servers, cluster)) = half_done("severed") else { return };
    let (conductor, other) = roles(&cluster, "severed");
    let job = pull(&cluster, "severed", conductor, LONG);
    assert_eq!(job["attempt"], 2, "{job:#}\n{}", cluster.logs("severed"));
    let begins = format!("attempt 2 begins on worker {}", cluster.workers()[other].name);
    assert!(cluster.logs("severed").contains(&begins), "{}", cluster.logs("severed"));
    let job = cluster.await_job("severed", JOB_MAX, has_ended);
    assert_eq!(job["attempt"], 2, "{job:#}\n{}", cluster.logs("severed"));
    servers.check(&cluster, "severed", &job);
    let ended = || cluster.workers()[conductor].running.stderr().contains("S602").then_some(());
    let ended = Deadline::after(BACK_MAX).wait_for(ended);
    assert!(ended.is_some(), "{}", cluster.workers()[conductor].running.stderr());
    is_back(&servers, cluster, conductor, "severed");
    servers.check_rows("severed");
}

#[test]
fn a_job_ends_without_the_worker_that_conducted_it_ever_coming_back() {
    let Some((servers, cluster)) = half_done("gone") else { return };
    let (conductor, _) = roles(&cluster, "gone");
    cluster.workers()[conductor].wire.as_ref().unwrap().cut();
    let job = cluster.await_job("gone", JOB_MAX, has_ended);
    assert_eq!(job["attempt"], 2, "{job:#}\n{}", cluster.logs("gone"));
    servers.check(&cluster, "gone", &job);
    // The target's server knows nothing of the cut, and yet no session of that worker holds a lock any more.
    let sessions = "SELECT client_addr, state, query FROM pg_stat_activity \
                    WHERE datname = 'gone' AND client_addr IS NOT NULL AND xact_start IS NOT NULL";
    let none = || servers.target.psql("postgres", sessions).is_empty().then_some(());
    assert!(Deadline::after(STEP_MAX).wait_for(none).is_some(), "{}", servers.target.psql("postgres", sessions));
}

#[test]
fn a_cable_that_is_put_in_again_soon_ends_no_process() {
    let Some((servers, cluster)) = half_done("loose") else { return };
    let (conductor, copier) = roles(&cluster, "loose");
    pull(&cluster, "loose", copier, SHORT);
    pull(&cluster, "loose", conductor, SHORT);
    let job = cluster.await_job("loose", JOB_MAX, has_ended);
    assert_eq!(job["attempt"], 1, "{job:#}\n{}", cluster.logs("loose"));
    servers.check(&cluster, "loose", &job);
    // A lease may be lost all the same: one that was given in an answer that never came.
    for worker in cluster.workers() {
        let said = worker.running.stderr();
        assert!(!said.contains("S602") && said.matches("a process begins").count() == 1, "{said}");
    }
}
