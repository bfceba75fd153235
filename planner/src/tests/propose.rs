//! A proposed plan always reads back, whatever the source calls its tables.

use expect_test::expect_file;
use proptest::prelude::*;
use sensei_storage::System::{Postgresql, Sqlite};
use sensei_storage::{Catalog, Column, LogicalType, Table};

use super::{Tongue, Toy, catalog, lookup, nothing, shop};
use crate::{Code, PlanFile, propose, resolve};

#[test]
fn golden() {
    let mut source = shop();
    source.tables[0].columns[3].logical = None;
    source.tables[0].columns[3].native = "MONEY".to_owned();
    source.tables[2].columns[0].logical = None;
    source.tables[2].columns[0].native = String::new();
    let target = catalog(Postgresql, vec![source.tables[1].clone()]);
    let text = propose("sqlite:data/Chinook 2.db", "postgresql://me:hunter2@db/shop", &source, &target);
    expect_file!["golden/propose.yaml"].assert_eq(&text);
    let file =
        PlanFile::parse(&text, &|name| (name == "SENSEI_TARGET_PASSWORD").then(|| "hunter2".to_owned())).unwrap();
    assert_eq!(file.target.url.expose(), "postgresql://me:hunter2@db/shop");
    assert_eq!(file.name, "chinook-2");
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_ ]{1,12}",
        "[#:{}\\[\\]&*!|>'\"%@`,?$\\\\-]{1,8}",
        prop::sample::select(vec![
            "null", "~", "true", "1.0", "${HOME}", "$$", "- a", "a: b", " ", "\u{85}", "\u{feff}", "no", "<<", "---",
            "\t\n\r"
        ])
        .prop_map(str::to_owned),
        proptest::collection::vec(any::<char>().prop_filter("NUL is refused", |c| *c != '\0'), 1..8)
            .prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    let column = (name(), name(), prop_oneof![4 => Just(Some(LogicalType::TEXT)), 1 => Just(None)], any::<bool>());
    let columns = proptest::collection::vec(column, 1..5).prop_map(|columns| {
        let column =
            |(name, native, logical, nullable)| Column { name, native, logical, nullable, ..Column::default() };
        columns.into_iter().map(column).collect::<Vec<_>>()
    });
    columns.prop_map(|mut columns: Vec<Column>| {
        let mut seen = std::collections::HashSet::new();
        columns.retain(|column| seen.insert(column.name.clone()));
        columns
    })
}

fn hostile() -> impl Strategy<Value = Catalog> {
    proptest::collection::btree_map(name(), (columns(), any::<Option<u64>>()), 1..6).prop_map(|tables| {
        let table = |(name, (columns, rows)): (String, (Vec<Column>, Option<u64>))| Table {
            name,
            primary_key: Vec::new(),
            columns,
            foreign_keys: Vec::new(),
            rows_estimate: rows,
            bytes_estimate: rows,
            ..Table::default()
        };
        let mut catalog = catalog(Sqlite, tables.into_iter().map(table).collect());
        catalog.not_carried = catalog.tables.iter().map(|table| format!("index \"{}\"", table.name)).collect();
        catalog
    })
}

proptest! {
    #[test]
    fn always_reads_back(source in hostile(), user in name(), password in "[A-Za-z0-9._~-]{1,8}") {
        let url = format!("postgresql://u:{password}@host/{}", user.replace(['@', '?', '#', '&', '=', ' ', '/'], "_"));
        let text = propose("sqlite:x.db", &url, &source, &nothing(Postgresql));
        let set = |name: &str| if name == "SENSEI_TARGET_PASSWORD" { Some(password.clone()) } else { lookup(name) };
        let file = PlanFile::parse(&text, &set);
        prop_assert!(file.is_ok(), "{:?}\n{}", file.err(), text);
        let file = file.unwrap();
        prop_assert_eq!(file.target.url.expose(), &url);
        let names: Vec<&String> = source.tables.iter().map(|table| &table.name).collect();
        prop_assert_eq!(file.tables.include.iter().collect::<Vec<_>>(), names);
        let undecided = source.tables.iter().flat_map(|table| &table.columns).filter(|column| column.logical.is_none()).count();
        match resolve(&file, &source, &nothing(Postgresql), &Tongue(Postgresql), &Toy) {
            Ok(plan) => {
                prop_assert_eq!(undecided, 0);
                prop_assert_eq!(plan.tables.len(), source.tables.len());
            }
            Err(problems) => {
                prop_assert!(problems.iter().all(|problem| problem.code == Code::Type), "{:?}", problems);
                prop_assert_eq!(problems.len(), undecided);
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~\n]{0,80}") {
        let _ = PlanFile::parse(&text, &lookup);
    }

    #[test]
    fn no_url_leaks_its_password(user in "[a-z]{0,4}", password in "[!-~]{8}", rest in "[a-z/?=.]{0,8}") {
        let shown = crate::address::without_secrets(&format!("postgresql://{user}:{password}@{rest}"));
        prop_assert!(!shown.contains(&password), "{}", shown);
    }
}
