//! What the head's scaling promises, held against simulated pools over many seeds.

use sensei_engine::head::scale::Settings;
use sensei_tests::Random;
use sensei_tests::simulation::{JobPlan, Point, Run, Scenario, plot, simulate};

/// Scenarios per property. Each takes milliseconds, ten times as many where the compiler does not optimise.
const SEEDS: u64 = if cfg!(debug_assertions) { 40 } else { 200 };

/// What every run keeps, whatever happens.
fn check_always(scenario: &Scenario, run: &Run) {
    let settings = &scenario.settings;
    let Settings { workers_min, workers_max, cooldown_ms, .. } = *settings;
    for point in &run.points {
        let after = point.present() + point.launched;
        assert!(after <= workers_max, "{after} workers at {point:?}");
        let allowed = point.budget.max(workers_min);
        assert!(point.launched == 0 || after <= allowed, "beyond a budget of {allowed}: {point:?}");
        assert!(point.launching + point.launched <= settings.launches_max || point.launched == 0, "{point:?}");
        assert!(point.retired == 0 || point.ready - point.retired >= workers_min, "{point:?}");
        let coming = point.launching - point.abandoned + point.ready;
        assert!(point.retired == 0 || coming - point.retired >= point.target, "{point:?}");
        let has_no_room = after == workers_max || point.launching + point.launched >= settings.launches_max;
        let is_repaired = point.launched > 0 || point.ready + point.launching >= workers_min;
        assert!(is_repaired || has_no_room, "below the minimum: {point:?}");
    }
    let end_ms = run.points.last().expect("there is a decision").at_ms;
    let turns_max = 2 * (end_ms / cooldown_ms.max(1)) as u32 + 2;
    assert!(run.turns() <= turns_max, "{} turns in {} s", run.turns(), end_ms / 1_000);
    check_rests(settings, &run.points);
    assert_eq!(run.busy_retired, 0, "retired with work");
    let rested_ms = run.rested_least_ms.unwrap_or(i64::MAX);
    assert!(rested_ms >= settings.idle_timeout_ms, "retired after {rested_ms} ms");
    assert_eq!(run.over_budget, 0, "the simulation gave a job more workers than it may have");
}

/// Nothing is retired within the cooldown after a launch; and what is launched within the cooldown after a retirement
/// presses: nobody is idle, or there are too few.
fn check_rests(settings: &Settings, points: &[Point]) {
    let (mut launched_ms, mut retired_ms) = (None, None);
    for point in points {
        if let (true, Some(launched_ms)) = (point.retired > 0, launched_ms) {
            assert!(point.at_ms - launched_ms >= settings.cooldown_ms, "{point:?} after a launch at {launched_ms}");
        }
        if let (true, Some(retired_ms)) = (point.launched > 0, retired_ms) {
            let presses = point.busy == point.ready || point.ready + point.launching < settings.workers_min;
            assert!(presses || point.at_ms - retired_ms >= settings.cooldown_ms, "{point:?} after {retired_ms}");
        }
        launched_ms = if point.launched > 0 { Some(point.at_ms) } else { launched_ms };
        retired_ms = if point.retired > 0 { Some(point.at_ms) } else { retired_ms };
    }
}

/// Every split is done once, in time, and the pool shrinks afterwards.
fn check_drains(scenario: &Scenario, run: &Run, factor: f64) {
    let splits: usize = scenario.jobs.iter().map(|job| job.splits.len()).sum();
    let bytes: u64 = scenario.jobs.iter().map(JobPlan::bytes).sum();
    assert_eq!((run.splits_done, run.bytes_done), (splits as u64, bytes), "work is conserved");
    let finished_ms = run.finished_ms.expect("finished before the horizon");
    let bound_ms = (scenario.ideal_ms() as f64 * (1.0 + scenario.jitter) * factor) as i64 + 30_000;
    assert!(finished_ms <= bound_ms, "done at {finished_ms} ms, ideal {} ms", scenario.ideal_ms());
    let settings = &scenario.settings;
    let rested_ms = finished_ms + settle_ms(scenario);
    for point in run.points.iter().filter(|point| point.at_ms >= rested_ms) {
        assert!(point.ready <= settings.workers_min, "did not shrink: {point:?}");
    }
    assert!(run.points.last().is_some_and(|point| point.at_ms >= rested_ms), "watched for long enough");
}

/// How long the pool may take to shrink to the minimum: what was launched last must arrive, or be given up, and rest.
fn settle_ms(scenario: &Scenario) -> i64 {
    let Settings { idle_timeout_ms, cooldown_ms, launch_timeout_ms, .. } = scenario.settings;
    let arrival_ms = if scenario.lost_launch_in > 0 { launch_timeout_ms } else { scenario.start_ms.1 };
    idle_timeout_ms + cooldown_ms + arrival_ms + 20_000
}

/// Runs `scenario` for many seeds; a failure names its seed.
fn over_seeds(test: &str, scenario: impl Fn(&mut Random) -> Scenario, check: impl Fn(&Scenario, &Run)) {
    let mut seeds = Random::announced(test);
    for _ in 0..SEEDS {
        let seed = seeds.bits();
        let mut random = Random::of(seed);
        let mut scenario = scenario(&mut random);
        scenario.tail_ms = settle_ms(&scenario) + 10_000;
        let run = simulate(&scenario, random);
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check_always(&scenario, &run);
            check(&scenario, &run);
        }));
        assert!(checked.is_ok(), "{}: seed {seed}, {:?}", scenario.name, scenario.settings);
    }
}

fn between(random: &mut Random, least: usize, most: usize) -> usize {
    least + random.below(most - least + 1)
}

/// Any settings that a person might choose.
fn settings(random: &mut Random) -> Settings {
    let workers_max = *random.pick(&[1, 2, 3, 8, 20, 64, 128]);
    Settings {
        workers_min: random.below(workers_max as usize / 2 + 1) as u32,
        workers_max,
        slots_per_worker: *random.pick(&[1, 2, 4, 8]),
        drain_target_ms: *random.pick(&[10_000, 60_000, 300_000]),
        upscaling_speed: *random.pick(&[0.2, 1.0, 3.0]),
        launches_max: *random.pick(&[1, 5, 100]),
        idle_timeout_ms: *random.pick(&[10_000, 60_000, 300_000]),
        cooldown_ms: *random.pick(&[10_000, 30_000, 120_000]),
        launch_timeout_ms: 180_000,
    }
}

fn splits(random: &mut Random, count_max: usize, bytes_max: usize) -> Vec<u64> {
    let count = between(random, 1, count_max);
    (0..count).map(|_| between(random, 1, bytes_max) as u64).collect()
}

fn bursts(random: &mut Random) -> Scenario {
    let mut scenario = Scenario::quiet("bursts", settings(random));
    for burst in 0..between(random, 1, 4) {
        let at_ms = (burst * between(random, 0, 600_000)) as i64;
        for _ in 0..between(random, 1, 6) {
            scenario.jobs.push(JobPlan::plain(at_ms, splits(random, 500, 200_000_000)));
        }
    }
    scenario
}

#[test]
fn bursts_of_jobs_drain_in_time() {
    over_seeds("bursts", bursts, |scenario, run| check_drains(scenario, run, 1.1));
}

#[test]
fn a_straggler_takes_its_time_and_no_more() {
    let stragglers = |random: &mut Random| {
        let mut scenario = bursts(random);
        scenario.name = "stragglers".to_owned();
        for job in &mut scenario.jobs {
            let one = random.below(job.splits.len());
            job.splits[one] *= 100;
        }
        scenario
    };
    over_seeds("stragglers", stragglers, |scenario, run| check_drains(scenario, run, 1.1));
}

#[test]
fn workers_may_start_slowly() {
    let slow = |random: &mut Random| {
        let longest_ms = *random.pick(&[500, 10_000, 60_000, 120_000]);
        Scenario { name: "slow-starts".to_owned(), start_ms: (500, longest_ms), ..bursts(random) }
    };
    over_seeds("slow starts", slow, |scenario, run| check_drains(scenario, run, 1.1));
}

#[test]
fn workers_may_die_and_launches_be_lost() {
    let deadly = |random: &mut Random| {
        let life_ms = *random.pick(&[300_000, 1_000_000]);
        Scenario { name: "deaths".to_owned(), life_ms, lost_launch_in: *random.pick(&[0, 3, 10]), ..bursts(random) }
    };
    over_seeds("deaths", deadly, |scenario, run| check_drains(scenario, run, 6.0));
}

#[test]
fn demand_that_flaps_does_not_make_the_pool_flap() {
    let flapping = |random: &mut Random| {
        let mut scenario = Scenario::quiet("flapping", settings(random));
        let Settings { idle_timeout_ms, cooldown_ms, .. } = scenario.settings;
        let every_ms = *random.pick(&[7_000, idle_timeout_ms, idle_timeout_ms + 6_000, cooldown_ms]);
        let jobs = (0..60).map(|index| JobPlan::plain(index * every_ms, splits(random, 40, 50_000_000)));
        scenario.jobs = jobs.collect();
        scenario
    };
    over_seeds("flapping", flapping, |scenario, run| check_drains(scenario, run, 1.1));
}

#[test]
fn connection_budgets_bind() {
    let tight = |random: &mut Random| {
        let mut scenario = bursts(random);
        scenario.name = "tight-budgets".to_owned();
        for job in &mut scenario.jobs {
            job.connections_per_worker = *random.pick(&[1, 2, 4]);
            job.source_connections = between(random, 1, 20) as u32;
            job.target_connections = between(random, 1, 20) as u32;
            job.shared = !random.once_in(4);
        }
        scenario
    };
    over_seeds("tight budgets", tight, |scenario, run| check_drains(scenario, run, 1.7));
}

#[test]
fn a_database_at_its_limit_is_no_reason_to_flap() {
    let saturated = |random: &mut Random| {
        let database_bytes_per_s = *random.pick(&[20e6, 100e6, 500e6]);
        Scenario { name: "saturated".to_owned(), database_bytes_per_s, ..bursts(random) }
    };
    over_seeds("saturated", saturated, |scenario, run| check_drains(scenario, run, 1.5));
}

#[test]
fn the_drain_target_is_met_and_not_by_many_more_than_it_takes() {
    for drain_target_ms in [120_000, 300_000, 900_000] {
        let settings = Settings { workers_max: 128, drain_target_ms, ..Settings::default() };
        let mut scenario = Scenario::quiet("drain-target", settings);
        scenario.jobs = vec![JobPlan::plain(0, vec![40_000_000; 3_000])];
        let run = simulate(&scenario, Random::of(5));
        check_always(&scenario, &run);
        let finished_ms = run.finished_ms.expect("finished before the horizon");
        // Growing from one worker takes half a minute, in which little is moved.
        assert!(finished_ms <= drain_target_ms + 45_000, "{finished_ms} of {drain_target_ms} ms");
        let exact = 120e9 / 40e6 * (1.0 + scenario.jitter / 2.0) / (drain_target_ms as f64 / 1_000.0);
        let most = run.points.iter().map(|point| point.ready).max().expect("there is a decision");
        assert!(
            f64::from(most) <= 1.2 * exact + 1.0,
            "{most} workers for what {exact} could do in {drain_target_ms} ms"
        );
    }
}

#[test]
fn nothing_to_do_keeps_the_minimum() {
    let idle = |random: &mut Random| Scenario::quiet("idle", settings(random));
    over_seeds("idle", idle, |scenario, run| {
        let last = run.points.last().expect("there is a decision");
        assert!(last.ready <= scenario.settings.workers_min);
        assert!(run.points.iter().all(|point| point.retired == 0), "nothing was there to retire");
    });
}

/// The largest: 128 workers, a million splits, some of them large.
fn million() -> Scenario {
    let mut random = Random::of(1);
    let settings = Settings { workers_max: 128, drain_target_ms: 60_000, ..Settings::default() };
    let splits = (0..1_000_000).map(|_| between(&mut random, 1, 8_000_000) as u64).collect();
    let jobs = vec![JobPlan::plain(0, splits)];
    Scenario { jobs, start_ms: (500, 30_000), ..Scenario::quiet("million", settings) }
}

#[test]
fn a_million_splits_on_128_workers() {
    let scenario = million();
    let run = simulate(&scenario, Random::of(2));
    check_always(&scenario, &run);
    check_drains(&scenario, &run, 1.0);
    let is_full = run.points.iter().find(|point| point.ready == 128).expect("all of them come");
    // Sixteen start at a time, each batch within 35 s.
    assert!(is_full.at_ms <= 128 / 16 * 35_000 + 60_000, "{is_full:?}");
}

#[test]
fn a_seed_decides_the_run() {
    let run = |seed| simulate(&bursts(&mut Random::of(7)), Random::of(seed));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// One of each kind, with settings that suit it, to be looked at.
fn gallery() -> Vec<Scenario> {
    let mut random = Random::of(3);
    let wide = Settings { workers_max: 32, drain_target_ms: 120_000, ..Settings::default() };
    let mut bursts = Scenario::quiet("bursts", wide.clone());
    bursts.jobs =
        [0, 0, 400_000, 900_000].map(|at_ms| JobPlan::plain(at_ms, splits(&mut random, 3_000, 99_000_000))).into();
    let mut straggler = Scenario::quiet("straggler", wide.clone());
    straggler.jobs = vec![JobPlan::plain(0, [vec![4_000_000_000], vec![40_000_000; 1_500]].concat())];
    let slow = Scenario { name: "slow-starts".to_owned(), start_ms: (60_000, 120_000), ..bursts.clone() };
    let deaths = Scenario { name: "deaths".to_owned(), life_ms: 300_000, lost_launch_in: 10, ..bursts.clone() };
    let mut flapping = Scenario::quiet("flapping", wide.clone());
    flapping.jobs = (0..30).map(|index| JobPlan::plain(index * 66_000, splits(&mut random, 90, 99_000_000))).collect();
    let saturated = Scenario { name: "saturated".to_owned(), database_bytes_per_s: 200e6, ..bursts.clone() };
    let mut tight = Scenario::quiet("tight-budget", wide);
    tight.jobs = vec![JobPlan { source_connections: 23, ..JobPlan::plain(0, vec![40_000_000; 2_000]) }];
    vec![bursts, straggler, slow, deaths, flapping, saturated, tight, million()]
}

#[test]
#[ignore = "writes pictures into the folder that SENSEI_AUTOSCALE_PLOTS names"]
fn plots() {
    let folder = std::path::PathBuf::from(std::env::var("SENSEI_AUTOSCALE_PLOTS").expect("SENSEI_AUTOSCALE_PLOTS"));
    std::fs::create_dir_all(&folder).expect("a folder");
    for scenario in gallery() {
        let run = simulate(&scenario, Random::of(4));
        check_always(&scenario, &run);
        let title = format!("{}: up to {} workers, simulated", scenario.name, scenario.settings.workers_max);
        let picture = plot::svg(&title, &run).expect("there are decisions");
        std::fs::write(folder.join(format!("{}.svg", scenario.name)), picture).expect("a picture");
    }
}
