//! The rules of the house that a machine can check.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sensei_tests::corpora::workspace;
use serde_json::Value;

/// Lines a file may have before somebody should look for the second noun.
const LINES_MAX: usize = 600;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Folders that are not source.
const SKIPPED: &[&str] =
    &[".git", "target", "sensei-state", "sensei-cluster", "rejects", "sensei-keys", "node_modules"];

/// What each crate of the diamond may name of the others.
const EDGES: &[(&str, &[&str])] = &[
    ("sensei-storage", &[]),
    ("sensei-operators", &["sensei-storage"]),
    ("sensei-planner", &["sensei-storage"]),
    ("sensei-engine", &["sensei-operators", "sensei-planner", "sensei-storage"]),
];

/// Crates whose types break often, and who may depend on them.
const CONFINED: &[(&str, &[&str])] = &[
    ("timely", &["sensei-engine", "sensei-operators"]),
    ("differential-dataflow", &["sensei-engine", "sensei-operators"]),
];

/// A text file of the workspace.
struct File {
    /// Relative to the workspace, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines with their numbers, without what follows `//`.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines().map(|line| line.split("//").next().unwrap_or_default()))
    }
}

fn files() -> Vec<File> {
    let mut found = Vec::new();
    collect(workspace(), &mut found);
    assert!(found.len() > 40, "the workspace has files");
    found
}

fn collect(folder: &Path, found: &mut Vec<File>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(workspace()).unwrap().to_string_lossy().replace('\\', "/");
            found.push(File { path, text });
        }
    }
}

/// Fails with every offence at once, one a line.
#[track_caller]
fn none(rule: &str, offences: impl IntoIterator<Item = String>) {
    let offences: Vec<String> = offences.into_iter().collect();
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// What each package of the workspace depends on, by kind: `None` for normal, else `dev` or `build`.
fn dependencies() -> BTreeMap<String, Vec<(String, Option<String>)>> {
    let arguments = ["metadata", "--offline", "--locked", "--no-deps", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = |package: &Value| {
        let list = package["dependencies"].as_array().unwrap().iter();
        list.map(|dependency| (text(&dependency["name"]).unwrap(), text(&dependency["kind"]))).collect()
    };
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (text(&package["name"]).unwrap(), of(package))).collect()
}

#[test]
fn the_crates_form_a_diamond() {
    let dependencies = dependencies();
    for (package, allowed) in EDGES {
        let ours =
            dependencies[*package].iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("sensei-"));
        assert_eq!(ours.collect::<BTreeSet<_>>(), allowed.iter().copied().collect(), "edges of {package}");
    }
    for (package, list) in &dependencies {
        for (confined, allowed) in CONFINED {
            let depends = list.iter().any(|(name, _)| name == confined);
            assert!(!depends || allowed.contains(&package.as_str()), "{package} must not depend on {confined}");
        }
    }
}

#[test]
fn timely_and_differential_stay_in_their_place() {
    let allowed = ["operators/src/", "engine/src/runtime/", "engine/src/runtime.rs"];
    let named = |code: &str| ["timely::", "use timely", "differential_dataflow"].iter().any(|name| code.contains(name));
    let outside = files().into_iter().filter(|file| {
        file.is_rust()
            && file.path != "tests/tests/tidy.rs"
            && !allowed.iter().any(|place| file.path.starts_with(place))
    });
    let offences = outside.flat_map(|file| {
        let lines: Vec<usize> = file.code().filter(|(_, code)| named(code)).map(|(number, _)| number).collect();
        lines.into_iter().map(move |number| format!("{}:{number}", file.path))
    });
    none("timely and differential are named only in operators and engine/src/runtime", offences);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = files().into_iter().filter(|file| file.is_rust() && !file.text.starts_with("//!"));
    none("a file opens with //! and what it is for", silent.map(|file| file.path));
}

#[test]
fn files_have_one_noun() {
    let allowed: BTreeMap<&str, &str> = LONG_FILES.iter().copied().collect();
    let long = files().into_iter().filter(|file| file.is_rust() && !allowed.contains_key(file.path.as_str()));
    let long = long.map(|file| (file.text.lines().count(), file.path)).filter(|(count, _)| *count > LINES_MAX);
    none("a long file hides a second noun", long.map(|(count, path)| format!("{path}: {count} lines")));
}

#[test]
fn nothing_is_left_unfinished() {
    // Written in two halves so that this file passes its own test.
    let marks = [["to", "do!("], ["unimple", "mented!("], ["FIX", "ME"], ["X", "XX:"]].map(|halves| halves.concat());
    let offences = files().into_iter().filter(File::is_rust).flat_map(|file| {
        let found = (1..).zip(file.text.lines()).filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
        found.map(|(number, _)| format!("{}:{number}", file.path)).collect::<Vec<_>>()
    });
    none("unfinished code is refused with a clear error, not marked", offences);
}

#[test]
fn no_path_of_one_machine() {
    let homes = [["/ho", "me/"], ["/ro", "ot/"], ["/Use", "rs/"]].map(|halves| halves.concat());
    let offences = files().into_iter().flat_map(|file| {
        let found = (1..).zip(file.text.lines()).filter(|(_, line)| homes.iter().any(|home| line.contains(home)));
        found.map(|(number, _)| format!("{}:{number}", file.path)).collect::<Vec<_>>()
    });
    none("a path of somebody's machine", offences);
}

#[test]
fn every_crate_comes_from_the_registry() {
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).unwrap();
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let foreign: BTreeSet<&str> =
        sources.filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"").collect();
    none("a dependency that is not from crates.io", foreign.into_iter().map(str::to_owned));
}

#[test]
fn every_error_code_has_its_page() {
    let source = fs::read_to_string(workspace().join("storage/src/error.rs")).unwrap();
    let quoted = source
        .split('"')
        .filter(|word| word.len() == 4 && word.starts_with('S') && word[1..].bytes().all(|byte| byte.is_ascii_digit()));
    let codes: BTreeSet<&str> = quoted.collect();
    assert!(codes.len() > 10, "the codes are found");
    let page = |code: &str| workspace().join(format!("engine/errors/{code}.md"));
    let missing = codes.into_iter().filter(|code| !page(code).is_file());
    none("an error code without its page in engine/errors", missing.map(str::to_owned));
}
