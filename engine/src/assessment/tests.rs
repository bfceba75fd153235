//! Reports of a made-up assessment, with names that mean harm.

use expect_test::expect;
use sensei_storage::{Setting, System};

use crate::assessment::model::*;
use crate::assessment::{page, report};

const HOSTILE: &str = "<script>alert(\"1\")</script>\u{1b}[2J\u{202e}";

fn column(name: &str, decision: Decision, rule: Option<&str>, touched: Option<u64>) -> ColumnAssessment {
    ColumnAssessment {
        target: name.to_owned(),
        target_type: "integer".to_owned(),
        source: Some(name.to_owned()),
        source_type: Some("INTEGER".to_owned()),
        from: "int64".to_owned(),
        to: "int32".to_owned(),
        decision,
        rule: rule.map(str::to_owned),
        rows_touched: touched,
        bounds: None,
    }
}

fn table(name: &str) -> TableAssessment {
    TableAssessment {
        source: name.to_owned(),
        target: Some(name.to_owned()),
        standing: Some(TargetStanding::Absent),
        rows: Some(1_234_567),
        rows_counted: false,
        bytes: Some(300 << 20),
        splits: Some(20),
        key: vec!["id".to_owned()],
        filtered: false,
        columns: vec![column(
            "id",
            Decision::ExactWithRule,
            Some("int64 to int32: a value that does not fit rejects its row"),
            None,
        )],
        reading: Some(Reading { rows: 10_000, places: 8, bytes: 1 << 20, ..Reading::default() }),
    }
}

fn hostile() -> TableAssessment {
    let rejects = vec![RejectGroup {
        column: HOSTILE.to_owned(),
        reason: "too long".to_owned(),
        rows: 3,
        keys: vec![HOSTILE.to_owned()],
    }];
    let lossy = column(HOSTILE, Decision::Lossy, Some(HOSTILE), Some(7));
    TableAssessment {
        key: vec![HOSTILE.to_owned()],
        columns: vec![lossy],
        reading: Some(Reading { rows_rejected: 3, rejects, whole: true, ..Reading::default() }),
        ..table(HOSTILE)
    }
}

fn end(system: System) -> End {
    End {
        system,
        version: "1.2".to_owned(),
        description: HOSTILE.to_owned(),
        settings: vec![Setting::new(HOSTILE, HOSTILE).advise(true, HOSTILE)],
        free_bytes: Some(5 << 30),
    }
}

fn assessment(tables: Vec<TableAssessment>) -> Assessment {
    Assessment {
        plan: "shop".to_owned(),
        plan_file: HOSTILE.to_owned(),
        made_at: "2026-11-21T08:34:56.050Z".to_owned(),
        engine_version: "0.0.0".to_owned(),
        verdict: Readiness::NotReady,
        ready: false,
        headlines: vec![HOSTILE.to_owned()],
        blockers: vec![Finding::new(HOSTILE).why(HOSTILE).hint(HOSTILE)],
        remarks: vec![Finding::new(HOSTILE)],
        source: end(System::Sqlite),
        target: end(System::Postgresql),
        job: None,
        depth: Depth::Sample { rows: 10_000 },
        tables,
        not_carried: vec![LeftBehind { kind: HOSTILE.to_owned(), objects: vec![HOSTILE.to_owned()] }],
        estimate: Some(Estimate {
            seconds_low: 60.0,
            seconds_high: 600.0,
            bytes: 1 << 30,
            basis: vec![HOSTILE.to_owned()],
        }),
        elapsed_seconds: 1.5,
    }
}

#[test]
fn hostile_names_are_text_on_the_page_and_on_the_terminal() {
    let assessment = Assessment { plan: HOSTILE.to_owned(), ..assessment(vec![hostile()]) };
    let page = page(&assessment);
    assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert!(page.matches("&lt;script&gt;").count() > 15, "every place shows it");
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("url("),
        "nothing from elsewhere"
    );
    let text = report(&assessment, 100);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && text.contains("<script>"));
}

#[test]
fn the_page_is_well_formed() {
    let page = page(&assessment(vec![hostile(), table("orders")]));
    for tag in
        ["table", "tr", "td", "th", "section", "details", "summary", "div", "span", "dl", "ul", "li", "p", "main"]
    {
        let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
        let opened = page.match_indices(&open).filter(|(at, _)| page[at + open.len()..].starts_with([' ', '>']));
        assert_eq!(opened.count(), page.matches(&close).count(), "{tag}");
    }
}

#[test]
fn lists_are_cut_with_a_count() {
    let tables: Vec<_> = (0..100).map(|number| table(&format!("t{number}"))).collect();
    let text = report(&assessment(tables), 100);
    assert!(text.contains("… and 70 smaller tables"), "{text}");
    assert!(text.contains("… and 70 more columns"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 132), "{text}");
}

#[test]
fn the_report_leads_with_the_verdict() {
    let mut plain = assessment(vec![table("orders")]);
    for place in [&mut plain.source, &mut plain.target] {
        place.description = "shop".to_owned();
        place.settings = vec![Setting::new("max_wal_size", "1GB")];
    }
    plain.plan_file = "plan.yaml".to_owned();
    plain.headlines = vec!["12 rows would be rejected, and the plan allows 0".to_owned()];
    plain.blockers = vec![Finding::new("12 rows would be rejected, and the plan allows 0").hint("Mend the data.")];
    plain.remarks.clear();
    plain.not_carried = vec![LeftBehind { kind: "index".to_owned(), objects: vec!["index \"a\"".to_owned(); 6] }];
    plain.estimate.as_mut().unwrap().basis = vec!["It was measured.".to_owned()];
    expect![[r#"
        Plan shop: NOT READY

          * 12 rows would be rejected, and the plan allows 0

          2026-11-21T08:34:56.050Z, sensei 0.0.0, in 1.5 s; nothing was written

        What
          from  shop, sqlite 1.2, 5.0 GiB free
          to    shop, postgresql 1.2, 5.0 GiB free
          all   1 table, about 1,234,567 rows, about 300.0 MiB

        In the way (1)
          * 12 rows would be rejected, and the plan allows 0
            Mend the data.

        Tables (1)
          table         rows        size  splits  key    read  rejected  touched  target
          orders  ~1,234,567  ~300.0 MiB      20  id   10,000         0           created

        Types (1 columns)
          0 columns arrive as they are, 1 by a rule, 0 with a loss
          * "orders"."id": int64 to int32: a value that does not fit rejects its row

        Not carried over
             6 index "a"; index "a"; index "a"; index "a" and 2 more

        Settings
          side    name          value
          source  max_wal_size  1GB
          target  max_wal_size  1GB

        Time
          about 1 to 10 min for 1.0 GiB
          It was measured.

        What this rests on
          10,000 rows of 1 table were read and converted as a run would, and not
          written.
          Of each about 10,000 rows, from places all over the table. What fewer than
          about one row in 3,333 has may stay unseen. `sensei check --exact` reads every
          row.

        not ready: settle what is in the way first
    "#]]
    .assert_eq(&report(&plain, 80));
}
