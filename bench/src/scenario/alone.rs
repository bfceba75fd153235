//! What Sensei is measured by itself.

use std::cell::Cell;
use std::time::Duration;

use sensei_tests::tpch::Table;

use super::{Case, Running, copy};
use crate::ground::{Ground, Ours, end};
use crate::kernels;
use crate::measure::{self, RUN_MAX, Stopwatch};
use crate::peers::Missing;
use crate::record::{Bound, Measure, Sample, Target};

/// Time the digest kernel runs for in each round.
const KERNEL_SECONDS: f64 = 3.0;

/// Bound on resident memory, in KiB.
const PEAK_KIB_MAX: f64 = 256.0 * 1024.0;

pub fn digest(_: &Ground) -> Result<Case<'_>, Missing> {
    let kernels = kernels::all();
    let kernel = kernels.into_iter().find(|kernel| kernel.name == "digest").expect("it is one of them");
    let command = "cargo run --release --example kernel -- digest 1000";
    let ours = Running::new("digest kernel", command, move || {
        let watch = Stopwatch::start();
        let mut rows = 0;
        while watch.seconds() < KERNEL_SECONDS {
            (kernel.run)();
            rows += kernels::ROWS as u64;
        }
        Sample { seconds: watch.seconds(), rows, ..Sample::default() }
    });
    let bound = Bound::AtLeast(3e6);
    let target = Target { measure: Measure::RowsPerSecond, of: 0, against: None, bound };
    Ok(Case { entrants: vec![ours], targets: vec![target], notes: Vec::new(), versions: Vec::new() })
}

pub fn growth(ground: &Ground) -> Result<Case<'_>, Missing> {
    let mut scales = vec![0.1, 1.0];
    scales.extend(ground.large.then_some(10.0));
    let mut case = Case { entrants: Vec::new(), targets: Vec::new(), notes: Vec::new(), versions: Vec::new() };
    for (index, scale) in scales.into_iter().enumerate() {
        // Rounded, since it is shown and names a database.
        let scale = (scale * ground.scale * 1e6).round() / 1e6;
        let (database, rows) = ground.tpch(&[Table::LineItem], scale, false);
        let entrant = copy::ours(ground, database, "", rows);
        case.entrants.push(Running { name: format!("sensei, scale factor {scale}"), ..entrant });
        let bound = Bound::AtMost(PEAK_KIB_MAX);
        case.targets.push(Target { measure: Measure::PeakKib, of: index, against: None, bound });
        if let Some(before) = index.checked_sub(1) {
            let bound = Bound::AtMost(1.1);
            case.targets.push(Target { measure: Measure::SecondsPerRow, of: index, against: Some(before), bound });
        }
    }
    if !ground.large {
        case.notes
            .push("scale factor 10 was left out; it is measured with `--large` and takes 30 GB of disk".to_owned());
    }
    Ok(case)
}

pub fn resumed(ground: &Ground) -> Result<Case<'_>, Missing> {
    let (database, rows) = ground.tpch(&[Table::LineItem], ground.scale, false);
    let plan = move |ground: &Ground| {
        let source = format!("{{ url: \"{}\", quiesced: true }}", ground.source().url(&database));
        Ours::new(&source, &end(&ground.target().url("copy")), "")
    };
    let (plan, again) = (plan.clone(), plan);
    let whole_seconds = std::rc::Rc::new(Cell::new(None));
    let known = whole_seconds.clone();
    let uninterrupted = Running::new("uninterrupted", "sensei run plan.yaml   # quiesced: true", move || {
        ground.fresh_target();
        let sample = plan(ground).run("run", "equivalent", rows);
        known.set(Some(sample.seconds));
        sample
    });
    let command = "sensei run plan.yaml & sleep HALF; kill -9 $!; sensei run plan.yaml";
    let killed = Running::new("killed at half, resumed", command, move || {
        ground.fresh_target();
        let ours = again(ground);
        let half = whole_seconds.get().expect("the uninterrupted run comes first in each round") / 2.0;
        let first = measure::run(&mut ours.command("run"), Duration::from_secs_f64(half).min(RUN_MAX));
        assert_eq!(first.code, None, "it was killed");
        let second = ours.run("run", "equivalent", rows);
        Sample { seconds: first.seconds + second.seconds, ..second }
    });
    let bound = Bound::AtMost(1.15);
    let target = Target { measure: Measure::Seconds, of: 1, against: Some(0), bound };
    Ok(Case { entrants: vec![uninterrupted, killed], targets: vec![target], notes: Vec::new(), versions: Vec::new() })
}
