//! The Parquet project's own test files: every encoding, nested types, damage. A file is copied and found equal, or
//! refused with a reason; nothing panics, hangs, or is read past damage.

use std::path::Path;

use sensei_tests::{Outcome, Sensei};

use crate::{TIME_MAX, equivalent, files, run};

/// How a file may end that is not copied: refused by type, rejected values, damaged.
const REFUSED: [i32; 3] = [2, 4, 5];

/// Files whose own index is wrong: an older form of statistics that the reader takes for damage, and a count of 0 rows
/// over row groups of 6.
const CONTRADICTORY: [&str; 2] = ["dict-page-offset-zero.parquet", "repeated_no_annotation.parquet"];

fn copy(sensei: &Sensei, file: &Path, target: &str) -> Outcome {
    run(sensei, &format!("parquet:{}", file.display()), target, "")
}

/// Insists that a file is copied whole, or refused with a reason; returns the exit code.
fn copied_or_refused(file: &Path, sensei: &Sensei, target: &str) -> i32 {
    let outcome = copy(sensei, file, target);
    let code = outcome.code.unwrap_or_else(|| panic!("{}: {outcome:?}", file.display()));
    if code == 0 {
        equivalent(outcome);
        return 0;
    }
    assert!(REFUSED.contains(&code), "{}: {outcome:?}", file.display());
    assert!(!outcome.stderr.contains("panicked"), "{}: {outcome:?}", file.display());
    let error = &outcome.json()["error"];
    assert_eq!(error["exit_code"], code, "{}: {outcome:?}", file.display());
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{outcome:?}");
    code
}

#[test]
fn every_good_file_arrives_or_is_refused_with_a_reason() {
    let Some(files) = files("parquet", "data", "parquet") else { return };
    let mut equal = 0;
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let sensei = Sensei::new().time_max(TIME_MAX);
        let code = copied_or_refused(file, &sensei, "sqlite:copy.db");
        // SQLite has no NaN; Parquet has.
        let code = if code == 4 { copied_or_refused(file, &sensei, "parquet:copy") } else { code };
        assert_ne!(code, 4, "{name}");
        let damaged = name.contains("corrupt") || name.contains("malformed");
        let refused = CONTRADICTORY.contains(&name);
        assert_eq!(code == 5, damaged || refused, "{name}: exit {code}");
        equal += usize::from(code == 0);
    }
    // The others hold structs, maps, lists of lists, geometry or variants.
    assert!(equal >= files.len() / 2, "{equal} of {} files", files.len());
}

#[test]
fn every_bad_file_is_an_error_and_no_panic() {
    let Some(files) = files("parquet", "bad_data", "parquet") else { return };
    let codes: Vec<i32> =
        files.iter().map(|file| copied_or_refused(file, &Sensei::new().time_max(TIME_MAX), "sqlite:copy.db")).collect();
    // One of them is merely odd: an index of width 0.
    assert!(codes.iter().filter(|code| **code == 0).count() <= 1, "{files:?} {codes:?}");
    assert!(codes.contains(&5), "{codes:?}");
}

#[test]
fn geometry_and_variants_are_refused_as_unsupported() {
    for folder in ["data/geospatial", "shredded_variant"] {
        let Some(files) = files("parquet", folder, "parquet") else { return };
        let sensei = Sensei::new().time_max(TIME_MAX);
        for file in files {
            assert_eq!(copied_or_refused(&file, &sensei, "sqlite:copy.db"), 2, "{}", file.display());
        }
    }
}

#[test]
fn one_table_in_several_encodings_arrives_the_same() {
    let Some(files) = files("parquet", "data", "parquet") else { return };
    for same in [
        &["lz4_raw_compressed", "hadoop_lz4_compressed", "non_hadoop_lz4_compressed"][..],
        &["lz4_raw_compressed_larger", "hadoop_lz4_compressed_larger"],
        &["alltypes_tiny_pages", "alltypes_tiny_pages_plain"],
        &["int32_decimal", "int64_decimal", "fixed_length_decimal_legacy", "byte_array_decimal"],
    ] {
        let rows: Vec<_> = same
            .iter()
            .map(|name| {
                let file = files.iter().find(|file| file.file_stem().is_some_and(|stem| stem == *name)).unwrap();
                let sensei = Sensei::new();
                equivalent(copy(&sensei, file, "sqlite:copy.db"));
                sensei.sqlite_rows("copy.db", &format!("SELECT * FROM {name:?} ORDER BY rowid"))
            })
            .collect();
        assert!(!rows[0].is_empty(), "{same:?}");
        assert!(rows.iter().all(|other| *other == rows[0]), "{same:?} differ");
    }
}

#[test]
fn delta_encodings_arrive_as_their_authors_say() {
    let Some(files) = files("parquet", "data", "csv") else { return };
    let mut compared = 0;
    for expected in files {
        let name = expected.file_stem().unwrap().to_str().unwrap().trim_end_matches("_expect").to_owned();
        let sensei = Sensei::new();
        equivalent(copy(&sensei, &expected.with_file_name(format!("{name}.parquet")), "sqlite:copy.db"));
        equivalent(run(&sensei, &format!("csv:{}", expected.display()), "sqlite:expected.db", ""));
        let [copy, expected] = [("copy.db", name.clone()), ("expected.db", format!("{name}_expect"))]
            .map(|(file, table)| as_text(&sensei, file, &table));
        assert!(copy == expected, "{name} differs from {name}_expect.csv");
        assert!(!copy.is_empty(), "{name}");
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}

/// Every cell of a table as text, NULL as nothing; the column's names differ by blanks between the two.
fn as_text(sensei: &Sensei, file: &str, table: &str) -> Vec<Vec<String>> {
    let names = sensei.sqlite_rows(file, &format!("SELECT name FROM pragma_table_info('{table}')")).concat();
    let text = |name: &String| format!("coalesce(CAST({} AS TEXT), '')", name.replace('\'', "\""));
    let cells: Vec<String> = names.iter().map(text).collect();
    sensei.sqlite_rows(file, &format!("SELECT {} FROM {table:?} ORDER BY rowid", cells.join(", ")))
}
