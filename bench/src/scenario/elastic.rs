//! Workers that come and go while a job runs.
//!
//! Each worker has a cable of its own to both databases, as on a machine of its own, and the cable is what bounds it: on one
//! small machine its processors would, and more workers would only share them. Where this machine lets nobody make networks,
//! workers share it as they are.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sensei_tests::Sensei;
use sensei_tests::cluster::{Cluster, Lan, Store};
use sensei_tests::postgres::Server;
use sensei_tests::tpch::Table;
use serde_json::Value;

use super::{Case, Running};
use crate::ground::{self, Ground};
use crate::measure::{RUN_MAX, Stopwatch};
use crate::peers::Missing;
use crate::record::{Bound, Measure, Progress, Sample, Target};

/// What a worker's cable carries, either way: so little that two busy cores need not be what bounds two workers. A guess.
const MEGABITS_PER_SECOND: u32 = 60;
/// Of the factor of all sizes: a table that one worker is busy with for a minute.
const SCALE: f64 = 0.2;
/// How often the job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many splits the table has, about: each is a step of the line.
const SPLITS: u64 = 120;
/// Bytes of a row of lineitem, about.
const ROW_BYTES: u64 = 130;

/// When something happens.
const A_THIRD: f64 = 1.0 / 3.0;
/// With one more from a third on, two thirds take half their time: 0.67 if it were for nothing else, as the index at the end.
const ADDED_MAX: f64 = 0.8;
/// Two until a third is done, and then one, take 0.83 of one's time.
const REMOVED_MAX: f64 = 1.0;

/// What happens at a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Nothing,
    OneComes,
    OneLeaves,
}

/// Servers, and the network to them.
struct Place {
    lan: Option<Arc<Lan>>,
    source: Server,
    target: Server,
    rows: u64,
}

pub fn elastic(ground: &Ground) -> Result<Case<'_>, Missing> {
    let (lan, note) = match Lan::lay_of(Some(MEGABITS_PER_SECOND)) {
        Ok(lan) => {
            (Some(lan), format!("each worker has a network of its own of {MEGABITS_PER_SECOND} Mbit/s to both servers"))
        }
        Err(why) => (None, format!("workers are bounded by nothing but this machine, which they share: {why}")),
    };
    let address = lan.as_ref().map(|lan| lan.address());
    let (source, target) = (ground::start_at(address), ground::start_at(address));
    source.create_database("tpch");
    let rows = source.load_tpch("tpch", Table::LineItem, ground.scale * SCALE);
    let place = Rc::new(Place { lan, source, target, rows });
    let entrant = |name: &str, command: &str, workers, change| {
        let place = place.clone();
        Running::new(name, command, move || place.run(workers, change))
    };
    let command = "sensei job submit plan.yaml --wait";
    let one = entrant("one worker", command, 1, Change::Nothing);
    let added =
        entrant("one worker, one more at a third", &format!("{command}   # and sensei worker"), 1, Change::OneComes);
    let leaves = format!("{command}   # and kill -TERM of the worker that does not conduct");
    let removed = entrant("two workers, one leaves at a third", &leaves, 2, Change::OneLeaves);
    let against_one =
        |of, bound| Target { measure: Measure::Seconds, of, against: Some(0), bound: Bound::AtMost(bound) };
    let targets = vec![against_one(1, ADDED_MAX), against_one(2, REMOVED_MAX)];
    let case = Case { entrants: vec![one, added, removed], targets, notes: Vec::new(), versions: Vec::new() };
    Ok(case.note(&note).note("one slot per worker; every run ended equivalent at its first attempt"))
}

impl Place {
    fn plan(&self) -> String {
        let (source, target) = match self.lan {
            Some(_) => (self.source.address_url("tpch"), self.target.address_url("copy")),
            None => (self.source.url("tpch"), self.target.url("copy")),
        };
        let split_kib = (self.rows * ROW_BYTES / SPLITS / 1024).max(1);
        let limits = format!("limits: {{ source_connections: 8, target_connections: 8, split: {split_kib}KiB }}");
        format!("version: 1\nname: copy\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{limits}\n")
    }

    /// One job on so many workers.
    fn run(&self, workers: usize, change: Change) -> Sample {
        ground::empty(&self.target);
        let sensei = Sensei::new().time_max(RUN_MAX);
        sensei.write("plan.yaml", self.plan());
        let mut cluster = Cluster::start_on(sensei, Store::Sqlite, 1, self.lan.clone());
        for _ in 0..workers {
            cluster.add_worker(1);
        }
        while !cluster.workers().iter().all(|worker| cluster.knows(&worker.name)) {
            std::thread::sleep(LOOK_EVERY);
        }
        let watch = Stopwatch::start();
        cluster.submit("copy");
        let (mut points, mut marks, mut leaving) = (Vec::new(), Vec::new(), None);
        let job = loop {
            let job = cluster.job("copy");
            let (at, bytes) = (watch.seconds(), |what: &str| job["progress"][what].as_f64().unwrap_or(0.0));
            let part = if bytes("bytes") > 0.0 { bytes("bytes_done") / bytes("bytes") } else { 0.0 };
            let has_ended = job["ended_at_ms"].is_i64();
            // What stands still is not written down twice.
            if has_ended || points.last().is_none_or(|(_, last)| *last != part) {
                points.push((at, part));
            }
            if has_ended {
                break job;
            }
            if marks.is_empty() && part >= A_THIRD {
                match change {
                    Change::Nothing => {}
                    Change::OneComes => {
                        cluster.add_worker(1);
                        marks.push((at, "one comes".to_owned()));
                    }
                    Change::OneLeaves => {
                        let conducts = |name: &str| job["worker"] == name;
                        let index = cluster.workers().iter().position(|worker| !conducts(&worker.name));
                        let worker = cluster.take_worker(index.expect("one of two does not conduct"));
                        worker.running.terminate();
                        leaving = Some(worker);
                        marks.push((at, "one is told to leave".to_owned()));
                    }
                }
            }
            std::thread::sleep(LOOK_EVERY);
        };
        assert_eq!((&job["report"]["verdict"], &job["attempt"]), (&"equivalent".into(), &1.into()), "{job:#}");
        assert!(change == Change::Nothing || !marks.is_empty(), "it was over before anything happened: {points:?}");
        leaving.into_iter().for_each(|worker| drop(worker.running.wait().expect(0)));
        cluster.check_leases();
        let progress = Some(Progress { points, marks });
        Sample { seconds: took(&job), rows: self.rows, progress, ..Sample::default() }
    }
}

/// From its submission to its end, by the head's clock.
fn took(job: &Value) -> f64 {
    let at = |what: &str| job[what].as_f64().expect("a job that ended has its times");
    (at("ended_at_ms") - at("submitted_at_ms")) / 1_000.0
}
