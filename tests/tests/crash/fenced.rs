//! Two runs of one plan meet: the older is suspended in the middle of its work, the newer takes over and ends, and the
//! older, when it wakes, may change nothing.

use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Random, Running, s3};

use crate::ground::{Ground, Pair, Servers, Wishes, files};

/// Exit code of a run that another has superseded.
const SUPERSEDED: i32 = 7;

/// Splits after which the older run is suspended: drawn below this.
const SPLITS: usize = 30;

/// How often a run may be over before it could be suspended.
const ATTEMPTS_MAX: usize = 5;

/// Splits committed so far, as far as the target shows.
fn committed(ground: &Ground, target: &Server, pair: Pair) -> usize {
    match pair {
        Pair::PostgresToParquet => files(&ground.sensei.path("target")).len(),
        _ => {
            let count = target.try_psql(&ground.name, "SELECT count(*) FROM sensei.progress");
            count.ok().and_then(|count| count.parse().ok()).unwrap_or(0)
        }
    }
}

/// Starts a run and suspends it once some splits are committed; `None` if it was over before.
fn suspend_midway(ground: &Ground, target: &Server, pair: Pair, after: usize) -> Option<Running> {
    let mut running = ground.spawn();
    let ready = Deadline::after(Duration::from_secs(60)).wait_for(|| {
        let ready = committed(ground, target, pair) > after;
        (ready || !running.is_running()).then_some(ready)
    });
    running.suspend();
    let midway = ready.expect("the run neither ends nor commits") && committed(ground, target, pair) > after;
    (midway && running.is_running()).then_some(running)
}

fn supersede(pair: Pair, rounds: u64) {
    let mut random = Random::announced(&format!("{pair:?}"));
    let servers = Servers::start();
    let store = s3::Server::start();
    store.create_bucket("evidence");
    for round in 0..rounds {
        let after = random.below(SPLITS);
        let suspended = (0..ATTEMPTS_MAX).find_map(|attempt| {
            let wishes = Wishes { bucket: Some("evidence"), own_source: true, ..Wishes::default() };
            let name = format!("round-{round}-{attempt}");
            let ground = Ground::new(&servers, pair, &name, wishes).envs(store.variables());
            suspend_midway(&ground, &servers.target, pair, after).map(|older| (ground, older))
        });
        let (ground, older) = suspended.expect("a run lasts long enough to be suspended");
        // Were the older run to write now, its rows would be others than the newer run's.
        ground.change_source(&servers, &mut random);
        ground.check_verdict(&servers, ground.spawn().wait());
        older.wake();
        older.wait().expect(SUPERSEDED);
        ground.check(&servers, ground.spawn().wait());
    }
}

#[test]
fn a_suspended_run_cannot_write_to_postgres_again() {
    supersede(Pair::PostgresToPostgres, 4);
}

#[test]
fn a_suspended_run_cannot_write_parquet_again() {
    supersede(Pair::PostgresToParquet, 2);
}

#[test]
fn one_machine_runs_a_plan_once_at_a_time() {
    let servers = Servers::start();
    let pair = Pair::PostgresToPostgres;
    let suspended = (0..ATTEMPTS_MAX).find_map(|attempt| {
        let ground = Ground::new(&servers, pair, &format!("attempt-{attempt}"), Wishes::default());
        suspend_midway(&ground, &servers.target, pair, 1).map(|older| (ground, older))
    });
    let (ground, older) = suspended.expect("a run lasts long enough to be suspended");
    let refused = ground.spawn().wait().expect(2);
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("another process"), "{refused:?}");
    older.wake();
    ground.check(&servers, older.wait());
}
