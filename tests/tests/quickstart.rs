//! The newcomer's first run: the shop is copied, certified, and found certified the second time.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use sensei_tests::Sensei;
use sensei_tests::corpora::workspace;

/// A folder that looks like a fresh clone to the quickstart's plan.
fn clone() -> Sensei {
    let sensei = Sensei::new();
    for file in ["examples/quickstart/plan.yaml", "examples/quickstart/shop.db"] {
        sensei.write(file, std::fs::read(workspace().join(file)).unwrap());
    }
    sensei
}

#[test]

fn the_shop_arrives_and_is_certified() {
    let sensei = clone();
    let run = ["run", "examples/quickstart/plan.yaml", "--output", "json"];
    let report = sensei.run(&run).expect(0).json();
    assert_eq!(report["verdict"], "equivalent");
    assert_eq!(report["tables"].as_array().unwrap().len(), 12);
    for table in report["tables"].as_array().unwrap() {
        assert_eq!(table["rows_read"], table["rows_verified"], "{table}");
        let count = format!("SELECT count(*) FROM \"{}\"", table["target"].as_str().unwrap());
        let [source, target] = ["shop.db", "shop-copy.db"]
            .map(|file| sensei.sqlite_rows(&format!("examples/quickstart/{file}"), &count).concat());
        assert_eq!(source, target);
        assert_eq!(source, [table["rows_verified"].to_string()]);
    }
    assert_eq!(sensei.run(&run).expect(0).json()["verdict"], "equivalent", "the second run finds it certified");
}
