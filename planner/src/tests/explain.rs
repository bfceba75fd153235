//! How a plan looks. The golden files are the documentation of the formats; `UPDATE_EXPECT=1` rewrites them.

use expect_test::expect_file;
use sensei_storage::System::Postgresql;

use super::{nothing, plan, planned, shop, stages};
use crate::{Format, explain};

#[test]
fn golden() {
    let rules = r#"
tables:
  rules:
    - table: Customer
      into: customers
      where: "Fax > 'x'"
      columns:
        Email: { expr: "lower(Email)" }
        Name: { into: name, mask: { keyed_hash: { key: "${SECRET_KEY}" } } }
        Fax: { drop: true }
        Since: { type: timestamptz }
"#;
    let source = shop();
    let plan = planned(&plan(rules), &source, &nothing(Postgresql)).unwrap();
    let stages = stages(&plan, &source);
    expect_file!["golden/explain.txt"].assert_eq(&explain(&plan, &stages, Format::Text));
    expect_file!["golden/explain.mmd"].assert_eq(&explain(&plan, &stages, Format::Mermaid));
    expect_file!["golden/explain.dot"].assert_eq(&explain(&plan, &stages, Format::Dot));
    expect_file!["golden/explain.json"].assert_eq(&explain(&plan, &stages, Format::Json));
}

#[test]
fn hostile_names_break_no_format() {
    let mut source = shop();
    source.tables[2].name = "a\"]\n\\;x<b>".to_owned();
    let plan = planned(&plan(""), &source, &nothing(Postgresql)).unwrap();
    let stages = stages(&plan, &source);
    for format in [Format::Text, Format::Mermaid, Format::Dot] {
        let plain = planned(&super::plan(""), &shop(), &nothing(Postgresql)).unwrap();
        let lines = explain(&plain, &super::stages(&plain, &shop()), format).lines().count();
        assert_eq!(explain(&plan, &stages, format).lines().count(), lines, "{format:?}");
    }
}
