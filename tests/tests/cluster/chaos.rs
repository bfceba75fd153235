//! Rounds of anything at any moment: every job ends `equivalent`, no row is lost or doubled, no lease was ever two
//! workers', no evidence was rewritten.
//!
//! `bounded` is what every run of the tests does; `long` is for `make chaos ROUNDS=100 SEED=1`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use sensei_tests::cluster::{Cluster, Evidence, Lan, Store};
use sensei_tests::{Deadline, Random};
use serde_json::Value;

use crate::faults::{Fault, Faults, Times};
use crate::ground::{Servers, has_ended};

/// How long a job may go on after the last fault: its longest pauses after failures, and its work.
const SETTLE_MAX: Duration = Duration::from_secs(180);
/// Room on the small disk of the state.
const DISK: &str = "24m";

/// How large rounds are.
struct Size {
    rows: usize,
    splits: usize,
    workers_max: usize,
    faults_max: usize,
    times: Times,
}

const BOUNDED: Size = Size {
    rows: 60_000,
    splits: 60,
    workers_max: 3,
    faults_max: 4,
    times: Times {
        window: Duration::from_secs(5),
        hang_max: Duration::from_secs(3),
        away_max: Duration::from_millis(1_500),
    },
};

/// Hangs are shorter and longer than the 15 s for which leases hold.
const LONG: Size = Size {
    rows: 1_000_000,
    splits: 240,
    workers_max: 6,
    faults_max: 8,
    times: Times {
        window: Duration::from_secs(12),
        hang_max: Duration::from_secs(22),
        away_max: Duration::from_secs(4),
    },
};

#[test]
fn bounded() {
    let mut random = Random::announced("cluster::chaos::bounded");
    let mut servers = Servers::start(BOUNDED.rows);
    for number in 0..4 {
        eprintln!("{}", round(&mut servers, &BOUNDED, number, random.bits(), None));
    }
}

/// `SENSEI_CHAOS_ROUNDS` rounds of `SENSEI_CHAOS_ROWS` rows.
#[test]
#[ignore = "takes hours; run it by make chaos"]
fn long() {
    let number =
        |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
    let rounds = number("SENSEI_CHAOS_ROUNDS").unwrap_or(100);
    let size = Size { rows: number("SENSEI_CHAOS_ROWS").unwrap_or(LONG.rows), ..LONG };
    let mut random = Random::announced("cluster::chaos::long");
    let lan = Lan::lay().inspect_err(|why| eprintln!("no cable is pulled: {why}")).ok();
    let mut servers = Servers::start_on(size.rows, lan.as_deref());
    let mut failed = Vec::new();
    for number in 0..rounds {
        let seed = random.bits();
        // Workers have proxies in every other round, and cables in those between.
        let cables = lan.clone().filter(|_| number % 2 == 1);
        let one = || round(&mut servers, &size, number, seed, cables);
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(one));
        match told {
            Ok(told) => eprintln!("{told}"),
            Err(_) => {
                eprintln!("round {number}: seed {seed}: FAILED");
                failed.push(number);
                // Whatever the round left behind.
                servers = Servers::start_on(size.rows, lan.as_deref());
            }
        }
    }
    eprintln!("{} of {rounds} rounds ended equivalent", rounds - failed.len());
    assert!(failed.is_empty(), "rounds {failed:?} failed");
}

/// One job and what befalls it; what there is to tell of it.
fn round(servers: &mut Servers, size: &Size, number: usize, seed: u64, lan: Option<Arc<Lan>>) -> String {
    let mut random = Random::of(seed);
    let name = format!("round{number}");
    let heads = 1 + usize::from(number % 3 == 1);
    let (more, has_cables) = ("state: disk/state\nrejects: { to: rejects }\n", lan.is_some());
    let sensei = match has_cables {
        true => servers.plan_on_lan(&name, size.splits, more),
        false => servers.plan(&name, size.splits, more),
    };
    let keeper = (heads > 1).then(sensei_tests::postgres::Server::shared);
    let store = keeper.map_or(Store::Sqlite, |server| Store::Postgres(server, format!("store_{name}_{seed}")));
    let mut cluster = Cluster::start_on(sensei, store, heads, lan);
    let has_disk = cluster.mount_small("disk", DISK);
    let ballast = has_disk.then(|| cluster.sensei.path("disk/ballast"));
    for _ in 0..2 + random.below(size.workers_max - 1) {
        match heads {
            1 if !has_cables => cluster.add_worker_by_network(2),
            _ => cluster.add_worker(2),
        };
    }
    let evidence = Evidence::watch(&cluster.sensei.path("disk/state"));
    cluster.submit(&name);
    let watch = Deadline::after(SETTLE_MAX);
    let choices = choices(heads, has_disk, has_cables);
    let count = 2 + random.below(size.faults_max - 1);
    let mut faults = Faults::plan(&mut random, size.times, &choices, count, ballast);
    faults.happen(&mut cluster, servers);
    let (job, resumed) = end(&cluster, &name);
    servers.check(&cluster, &name, &job);
    let (files, leases) = (evidence.check(), cluster.check_leases());
    servers.target.psql("postgres", &format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    let mut told = format!(
        "round {number}: seed {seed}: equivalent after {:.1} s, {} attempts, {leases:?}, {files} files of evidence, \
         {heads} heads, {} workers",
        watch.elapsed().as_secs_f64(),
        job["attempt"],
        cluster.workers().len()
    );
    if resumed > 0 {
        let _ = write!(told, ", resumed {resumed} times");
    }
    let _ = write!(told, ": {}", faults.happened.join(", "));
    told
}

fn choices(heads: usize, has_disk: bool, has_cables: bool) -> Vec<Fault> {
    use Fault::*;
    let mut choices = vec![
        KillWorker,
        EndWorker,
        SuspendWorker,
        SuspendChildren,
        KillChild,
        KillHead,
        KillSource,
        KillTarget,
        StopTarget,
    ];
    match heads {
        1 if !has_cables => choices.extend([Silence, Cut]),
        1 => {}
        _ => choices.extend([SuspendHead, KillHead]),
    }
    if has_cables {
        // As likely as the others together: it is what a round with cables is for.
        choices.extend([Pull; 8]);
    }
    if has_disk {
        choices.push(FillDisk);
    } else {
        eprintln!("no disk is filled: file systems can only be mounted by root");
    }
    choices
}

/// Waits for the job's end, resuming it where its breaker holds it; how often that was.
fn end(cluster: &Cluster, name: &str) -> (Value, usize) {
    let mut resumed = 0;
    loop {
        let job = cluster.await_job(name, SETTLE_MAX, |job| has_ended(job) || job["state"] == "paused");
        if job["state"] != "paused" {
            return (job, resumed);
        }
        assert!(job["why"].as_str().is_some_and(|why| why.contains("failures in a row")), "{job:#}");
        resumed += 1;
        cluster.ask(&["job", "resume", name]);
    }
}
