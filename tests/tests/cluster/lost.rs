//! One loss each: the head, the head that leads, a worker's processes, a database.

use std::time::Duration;

use sensei_tests::cluster::{Cluster, Store};
use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Running};

use crate::ground::{Servers, cluster, done, has_ended};

const JOB_MAX: Duration = Duration::from_secs(120);
/// How long a cluster may be without a head that leads.
const TAKEOVER_MAX: Duration = Duration::from_secs(10);

/// A job under way on two workers, under heads that share a store in a database.
fn led<'s>(servers: &Servers, name: &str, heads: usize) -> Cluster<'s> {
    let sensei = servers.plan(name, 120, "");
    let mut cluster = Cluster::start(sensei, Store::Postgres(Server::shared(), format!("store_{name}")), heads);
    cluster.add_worker(2);
    cluster.add_worker(2);
    cluster.submit(name);
    cluster.await_job(name, JOB_MAX, |job| done(job) > 0);
    cluster
}

#[test]
fn a_head_that_is_killed_goes_on_where_it_was() {
    let servers = Servers::start(100_000);
    let mut cluster = cluster(servers.plan("beheaded", 120, ""), 2);
    cluster.submit("beheaded");
    let before = cluster.await_job("beheaded", JOB_MAX, |job| done(job) > 20);
    cluster.kill_head(0);
    std::thread::sleep(Duration::from_secs(2));
    cluster.start_head(0);
    let after = cluster.job("beheaded");
    assert_eq!(after["progress"]["splits"], before["progress"]["splits"], "{after:#}");
    assert!(done(&after) >= done(&before), "how far it was is not forgotten: {after:#}");
    let job = cluster.await_job("beheaded", JOB_MAX, has_ended);
    // The workers never noticed.
    assert_eq!(job["attempt"], 1, "{job:#}\n{}", cluster.logs("beheaded"));
    assert_eq!(job["progress"]["splits_done"], job["progress"]["splits"], "{job:#}");
    servers.check(&cluster, "beheaded", &job);
}

#[test]
fn another_head_takes_over_from_one_that_is_killed() {
    let servers = Servers::start(100_000);
    let mut cluster = led(&servers, "killed", 2);
    let leader = cluster.leader(TAKEOVER_MAX).unwrap();
    cluster.kill_head(leader);
    assert_eq!(cluster.leader(TAKEOVER_MAX), Some(1 - leader));
    let job = cluster.await_job("killed", JOB_MAX, has_ended);
    servers.check(&cluster, "killed", &job);
}

#[test]
fn another_head_takes_over_from_one_that_hangs_which_then_changes_nothing() {
    let servers = Servers::start(100_000);
    let cluster = led(&servers, "hung", 2);
    let leader = cluster.leader(TAKEOVER_MAX).unwrap();
    cluster.head(leader).suspend();
    let other = Deadline::after(TAKEOVER_MAX).wait_for(|| cluster.leader(Duration::ZERO).filter(|now| *now != leader));
    assert_eq!(other, Some(1 - leader));
    cluster.head(leader).wake();
    let fenced = |head: &Running| head.stderr().contains("another head leads");
    let gave_up = Deadline::after(TAKEOVER_MAX).wait_for(|| fenced(cluster.head(leader)).then_some(()));
    assert!(gave_up.is_some(), "{}", cluster.head(leader).stderr());
    assert_eq!(cluster.leader(TAKEOVER_MAX), Some(1 - leader));
    let job = cluster.await_job("hung", JOB_MAX, has_ended);
    servers.check(&cluster, "hung", &job);
}

#[test]
fn a_job_goes_on_by_itself_after_its_target_is_killed() {
    let mut servers = Servers::start(100_000);
    let cluster = cluster(servers.plan("crashed", 120, ""), 2);
    cluster.submit("crashed");
    cluster.await_job("crashed", JOB_MAX, |job| done(job) > 0);
    servers.target.kill9();
    std::thread::sleep(Duration::from_secs(2));
    servers.target.restart();
    let job = cluster.await_job("crashed", JOB_MAX, has_ended);
    servers.check(&cluster, "crashed", &job);
}

#[test]
fn a_job_holds_while_its_source_stays_away_and_is_resumed() {
    let mut servers = Servers::start(100_000);
    let cluster = cluster(servers.plan("broken", 120, ""), 2);
    cluster.submit("broken");
    cluster.await_job("broken", JOB_MAX, |job| done(job) > 0);
    servers.source.stop();
    let paused = cluster.await_job("broken", JOB_MAX, |job| job["state"] == "paused");
    let why = paused["why"].as_str().unwrap();
    // Those of the job in a row, or of all its processes within a minute, whatever comes first.
    assert!(why.contains("failures in a row") || why.contains("failed in the last minute"), "{why}");
    servers.source.restart();
    cluster.ask(&["job", "resume", "broken"]);
    let job = cluster.await_job("broken", JOB_MAX, has_ended);
    servers.check(&cluster, "broken", &job);
}

#[test]
fn a_split_of_a_worker_that_hangs_is_done_by_another() {
    let servers = Servers::start(60_000);
    let mut cluster = cluster(servers.plan("silent", 60, ""), 2);
    cluster.submit("silent");
    cluster.await_job("silent", JOB_MAX, |job| done(job) > 0);
    let conductor = cluster.job("silent")["worker"].as_str().unwrap().to_owned();
    let copier = cluster.workers().iter().position(|worker| worker.name != conductor).unwrap();
    cluster.suspend_worker(copier);
    let job = cluster.await_job("silent", JOB_MAX, has_ended);
    assert_eq!(job["attempt"], 1, "{job:#}");
    servers.check(&cluster, "silent", &job);
    // What it wakes to is nobody's job any more.
    cluster.wake_worker(copier);
    let worker = cluster.take_worker(copier);
    worker.running.terminate();
    worker.running.wait().expect(0);
    servers.check_rows("silent");
}

#[test]
fn a_worker_that_is_started_again_under_its_name_begins_the_job_anew() {
    let servers = Servers::start(60_000);
    let mut cluster = cluster(servers.plan("renamed", 60, ""), 2);
    cluster.submit("renamed");
    cluster.await_job("renamed", JOB_MAX, |job| done(job) > 0);
    let conductor = cluster.job("renamed")["worker"].as_str().unwrap().to_owned();
    let index = cluster.workers().iter().position(|worker| worker.name == conductor).unwrap();
    cluster.restart_worker(index, 2);
    // At once, and not when its leases are over.
    cluster.await_job("renamed", Duration::from_secs(8), |job| job["attempt"] == 2);
    let job = cluster.await_job("renamed", JOB_MAX, has_ended);
    servers.check(&cluster, "renamed", &job);
}
