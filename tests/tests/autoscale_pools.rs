//! What scaling pools by class promises, held against simulated pools over many seeds.

use sensei_engine::cluster::caller::Class;
use sensei_engine::head::scale::Settings;
use sensei_tests::Random;
use sensei_tests::simulation::{PoolsScenario, Run, simulate_pools};

/// Scenarios per property, each of some ten milliseconds.
const SEEDS: u64 = if cfg!(debug_assertions) { 10 } else { 40 };

const ALL: &[Class] = &[Class::Scout, Class::Mover, Class::Validator];
const SCOUT_MOVER: &[Class] = &[Class::Scout, Class::Mover];
const MOVER: &[Class] = &[Class::Mover];
const VALIDATOR: &[Class] = &[Class::Validator];

fn between(random: &mut Random, least: usize, most: usize) -> usize {
    least + random.below(most - least + 1)
}

fn settings(random: &mut Random) -> Settings {
    let workers_max = *random.pick(&[1, 2, 5, 12, 30]);
    Settings {
        workers_min: random.below(workers_max as usize / 2 + 1) as u32,
        workers_max,
        slots_per_worker: *random.pick(&[1, 2, 4]),
        idle_timeout_ms: *random.pick(&[5_000, 60_000]),
        ..Settings::default()
    }
}

/// Jobs that come together and apart, on pools of these classes.
fn scenario(random: &mut Random, classes: &[&[Class]]) -> PoolsScenario {
    let job = |random: &mut Random, index: usize| {
        let splits = between(random, 1, 400);
        let at_ms = index as i64 * *random.pick(&[0, 7_000, 200_000]);
        (at_ms, (0..splits).map(|_| between(random, 1, 200_000_000) as u64).collect())
    };
    PoolsScenario {
        pools: classes.iter().map(|classes| (classes.to_vec(), settings(random))).collect(),
        jobs: (0..between(random, 1, 4)).map(|index| job(random, index)).collect(),
        connections: *random.pick(&[4, 20, 10_000]),
        bytes_per_s: (*random.pick(&[5e6, 20e6, 80e6]), *random.pick(&[5e6, 20e6, 80e6])),
        tail_ms: 200_000,
        horizon_ms: 48 * 3_600_000,
    }
}

/// What every pool keeps, whatever happens, and that all work is done and all pools are at rest afterwards.
fn check(scenario: &PoolsScenario, runs: &[Run]) {
    let splits: usize = scenario.jobs.iter().map(|(_, splits)| splits.len()).sum();
    let bytes: u64 = scenario.jobs.iter().flat_map(|(_, splits)| splits).sum();
    assert_eq!((runs[0].splits_done, runs[0].bytes_done), (splits as u64, bytes), "all work is done once");
    let finished_ms = runs[0].finished_ms.expect("it ends before the horizon");
    for ((classes, settings), run) in scenario.pools.iter().zip(runs) {
        assert_eq!(run.busy_retired, 0, "{classes:?}: retired with work");
        for point in &run.points {
            assert!(point.present() + point.launched <= settings.workers_max, "{classes:?}: {point:?}");
            assert!(
                point.retired == 0 || point.ready - point.retired >= settings.workers_min,
                "{classes:?}: {point:?}"
            );
        }
        let end_ms = run.points.last().expect("there is a decision").at_ms;
        let turns_max = 2 * (end_ms / settings.cooldown_ms) as u32 + 2;
        assert!(run.turns() <= turns_max, "{classes:?}: {} turns in {} s", run.turns(), end_ms / 1_000);
        let rested_ms = finished_ms + settings.idle_timeout_ms + settings.cooldown_ms + 30_000;
        let mut at_rest = run.points.iter().filter(|point| point.at_ms >= rested_ms).peekable();
        assert!(at_rest.peek().is_some(), "watched for long enough");
        assert!(at_rest.all(|point| point.ready <= settings.workers_min), "{classes:?}: did not shrink");
    }
}

fn over_seeds(test: &str, classes: &[&[Class]], more: impl Fn(&PoolsScenario, &[Run])) {
    let mut seeds = Random::announced(test);
    for _ in 0..SEEDS {
        let seed = seeds.bits();
        let mut random = Random::of(seed);
        let scenario = scenario(&mut random, classes);
        let runs = simulate_pools(&scenario, random);
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&scenario, &runs);
            more(&scenario, &runs);
        }));
        assert!(checked.is_ok(), "seed {seed}: {:?}, {:?}", scenario.pools, scenario.bytes_per_s);
    }
}

#[test]
fn movers_and_validators_do_all_work_within_their_bounds_and_rest() {
    over_seeds("apart", &[SCOUT_MOVER, VALIDATOR], |_, runs| {
        assert!(runs[1].points.iter().any(|point| point.busy > 0), "validators read back");
    });
}

#[test]
fn conductors_may_have_a_pool_of_their_own() {
    over_seeds("three", &[SCOUT_MOVER, MOVER, VALIDATOR], |scenario, runs| {
        let jobs = scenario.jobs.len() as u32;
        let most = runs[0].points.iter().map(|point| point.target).max().unwrap_or(0);
        let settings = &scenario.pools[0].1;
        assert!(most <= jobs.max(settings.workers_min), "{most} conductors for {jobs} jobs");
    });
}

#[test]
fn a_pool_that_nothing_is_for_stays_at_its_least() {
    over_seeds("idle", &[ALL, VALIDATOR, MOVER], |scenario, runs| {
        for ((_, settings), run) in scenario.pools.iter().zip(runs).skip(1) {
            let least = settings.workers_min;
            assert!(run.points.iter().all(|point| point.target == least && point.retired == 0));
            assert!(run.points.iter().all(|point| point.busy == 0 && point.present() <= least));
        }
    });
}

/// One long job, writing and reading back so fast with one slot.
fn long(writing: f64, reading: f64) -> Vec<Run> {
    let mut random = Random::of(3);
    let settings = Settings { workers_min: 0, workers_max: 24, slots_per_worker: 1, ..Settings::default() };
    let scenario = PoolsScenario {
        pools: vec![(SCOUT_MOVER.to_vec(), settings.clone()), (VALIDATOR.to_vec(), settings)],
        jobs: vec![(0, (0..800).map(|_| between(&mut random, 50_000_000, 150_000_000) as u64).collect())],
        connections: 10_000,
        bytes_per_s: (writing, reading),
        tail_ms: 200_000,
        horizon_ms: 3_600_000,
    };
    let runs = simulate_pools(&scenario, random);
    check(&scenario, &runs);
    runs
}

fn most_ready(run: &Run) -> u32 {
    run.points.iter().map(|point| point.ready).max().expect("there is a decision")
}

#[test]
fn the_slower_half_gets_the_more_workers() {
    let slow_reading = long(80e6, 20e6);
    let (movers, validators) = (most_ready(&slow_reading[0]), most_ready(&slow_reading[1]));
    assert!(validators >= 20, "{movers} movers, {validators} validators: reading back is what takes long");
    let slow_writing = long(20e6, 80e6);
    let (movers, validators) = (most_ready(&slow_writing[0]), most_ready(&slow_writing[1]));
    // A moment in which many have just written calls for more than the mean would.
    assert!(movers >= 20 && validators <= movers * 3 / 4, "{movers} movers, {validators} validators");
}
