//! The CSV spectrum: odd but valid files, each with the JSON that its authors read in it.

use std::path::Path;

use sensei_tests::{Sensei, corpora};
use serde_json::Value;

use crate::{TIME_MAX, equivalent, files, run};

#[test]
fn every_csv_file_is_read_as_its_authors_say() {
    let Some(files) = files("csv", "csv-spectrum/csvs", "csv") else { return };
    for file in files {
        let sensei = Sensei::new().time_max(TIME_MAX);
        let rows = equivalent(run(&sensei, &format!("csv:{}", file.display()), "sqlite:copy.db", ""));
        let name = file.file_stem().unwrap().to_str().unwrap();
        let expected = expected(name);
        // A copy that went through a text-minded tool has lost its carriage returns.
        let keeps_returns = std::fs::read(&file).unwrap().contains(&b'\r');
        assert_eq!(rows, expected.len() as u64, "{name}");
        for (row, record) in expected.iter().enumerate() {
            for (column, value) in record.as_object().unwrap() {
                let cell = format!("SELECT coalesce({column:?}, '') FROM {name:?} ORDER BY rowid LIMIT 1 OFFSET {row}");
                let text = value.as_str().unwrap().replace('\'', "''");
                let text = if keeps_returns { text } else { text.replace("\r\n", "\n") };
                assert_eq!(
                    sensei.sqlite_rows("copy.db", &cell).concat(),
                    [format!("'{text}'")],
                    "{name}, {row}, {column}"
                );
            }
        }
    }
}

fn expected(name: &str) -> Vec<Value> {
    let folder = corpora::find("csv").unwrap().join("csv-spectrum/json");
    let text = std::fs::read_to_string(Path::new(&folder).join(format!("{name}.json"))).unwrap();
    serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().clone()
}

#[test]
fn the_whole_folder_is_one_database() {
    let Some(files) = files("csv", "csv-spectrum/csvs", "csv") else { return };
    let sensei = Sensei::new().time_max(TIME_MAX);
    let folder = files[0].parent().unwrap().display().to_string();
    let outcome = run(&sensei, &format!("csv:{folder}"), "sqlite:copy.db", "");
    assert_eq!(outcome.json()["tables"].as_array().map(Vec::len), Some(files.len()));
    equivalent(outcome);
}
