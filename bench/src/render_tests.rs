//! Pages of a record made by hand.

use std::collections::BTreeMap;

use expect_test::expect;
use serde_json::json;

use super::*;
use crate::record::{Progress, Sample};

fn record() -> Record {
    let sample = |seconds, peak_kib, spent| Sample { seconds, rows: 1_000_000, peak_kib, spent, ..Sample::default() };
    let spent = json!({ "source_seconds": 1.0, "digest_seconds": 2.0, "target_seconds": 5.0 });
    let ours = [3.0, 2.0, 4.0].map(|seconds| sample(seconds, Some(102_400), Some(spent.clone())));
    let peer = [2.0, 2.0, 2.0].map(|seconds| sample(seconds, None, None));
    let entrant = |name: &str, samples: [Sample; 3]| Entrant {
        name: name.to_owned(),
        command: format!("{name} --fast"),
        samples: samples.to_vec(),
    };
    let alone = Target { measure: Measure::PeakKib, of: 0, against: None, bound: Bound::AtMost(262_144.0) };
    let ratio = Target { measure: Measure::Seconds, of: 0, against: Some(1), bound: Bound::AtMost(1.25) };
    Record {
        scenario: "example".to_owned(),
        number: "1".to_owned(),
        title: "An example".to_owned(),
        measured_on: "2026-01-02".to_owned(),
        commit: "abc".to_owned(),
        provisional: Some("a busy machine".to_owned()),
        scale: 0.5,
        machine: "2 cores".to_owned(),
        versions: BTreeMap::from([("sensei".to_owned(), "1".to_owned())]),
        settings: vec!["defaults".to_owned()],
        entrants: vec![entrant("ours", ours), entrant("peer", peer)],
        targets: vec![ratio, alone],
    }
}

#[test]
fn a_page_has_medians_ratios_and_commands() {
    let page = page(&[record()]);
    let table = &page[page.find("| # |").unwrap()..];
    expect![[r#"
        | # | scenario | what | median | spread | target | met |
        | --- | --- | --- | --- | --- | --- | --- |
        | 1 | example | time, ours / peer | 1.50×° | 1.00×–2.00× | ≤ 1.25× | **no** |
        | 1 | example | peak memory of ours | 100 MiB° | 100 MiB–100 MiB | ≤ 256 MiB | yes |

        Figures marked ° are provisional: see their scenario.

        ## 1: An example

        **Provisional:** a busy machine

        `example`, 3 rounds, scale 0.5, 2026-01-02, commit abc, 2 cores.

        | entrant | rows | median s | min | max | rows/s | peak MiB |
        | --- | --- | --- | --- | --- | --- | --- |
        | ours | 1000000 | 3.00 | 2.00 | 4.00 | 333333 | 100 |
        | peer | 1000000 | 2.00 | 2.00 | 2.00 | 500000 | — |

        ![Where the time goes](charts/example.svg)

        ```text
        ours --fast
        peer --fast
        ```

        - defaults
        - versions: sensei: 1
    "#]]
    .assert_eq(table);
}

#[test]
fn a_chart_has_a_segment_per_step() {
    let chart = crate::chart::svg(&record()).unwrap();
    assert!(chart.contains("<title>target: 5.00 s</title>") && chart.contains("3.0 s of wall time"), "{chart}");
    let mut silent = record();
    silent.entrants.iter_mut().flat_map(|entrant| &mut entrant.samples).for_each(|sample| sample.spent = None);
    assert!(crate::chart::svg(&silent).is_none());
}

#[test]
fn a_plot_has_a_line_per_run_and_a_dot_where_something_happened() {
    assert_eq!(crate::plot::svg(&record()), None);
    let mut watched = record();
    let points = vec![(0.0, 0.0), (1.0, 0.25), (2.0, 1.0)];
    let progress = Some(Progress { points, marks: vec![(1.5, "one < two".to_owned())] });
    watched.entrants[1].samples.iter_mut().for_each(|sample| sample.progress.clone_from(&progress));
    let plot = crate::plot::svg(&watched).unwrap();
    assert!(plot.contains("d=\"M56.0 364.0L380.0 297.0L704.0 96.0\""), "{plot}");
    assert!(plot.contains("cx=\"542.0\" cy=\"297.0\"") && plot.contains(">one &lt; two<"), "{plot}");
    assert!(plot.contains(">peer: 2.0 s<") && !plot.contains(">ours"), "{plot}");
}
