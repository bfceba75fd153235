//! What breaks under a job loses nothing: full disks, servers that die, altered journals, changed plans, two runs at
//! once. Each time: a clear error and exit code, everything committed intact, and the way on works.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Running, Sensei};

/// How long a job may take to get under way.
const UNDER_WAY_MAX: Duration = Duration::from_secs(60);

const RUN: [&str; 2] = ["run", "plan.yaml"];

fn plan(source: &str, target: &str, more: &str) -> String {
    format!(
        "version: 1\nname: job\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n\
         limits: {{ split: 64KiB, workers: 1 }}\n{more}\n"
    )
}

/// A table `t` of so many rows of about 70 bytes.
fn rows(count: u32) -> String {
    format!(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < {count})
         INSERT INTO t SELECT i, printf('%060d', i) FROM i;"
    )
}

/// Waits until a started job has written its first checkpoint: 64 splits of 64 KiB at the latest.
fn under_way(sensei: &Sensei, running: &mut Running) {
    let epoch = sensei.path("sensei-state/jobs/job-1/epochs/00000002.json");
    let found = Deadline::after(UNDER_WAY_MAX).wait_for(|| (epoch.exists() || !running.is_running()).then_some(()));
    assert!(found.is_some() && running.is_running(), "the job is not under way: {}", running.stderr());
}

/// Runs the plan to its end: `equivalent`, the same rows on both sides.
#[track_caller]
fn goes_on(sensei: &Sensei, resumes: u64) {
    let report = sensei.run(&[&RUN[..], &["--output", "json"]].concat()).expect(0).json();
    assert_eq!((&report["verdict"], &report["resumes"]), (&"equivalent".into(), &resumes.into()), "{report}");
    let table = &report["tables"][0];
    assert_eq!(table["rows_read"], table["rows_verified"], "{report}");
    sensei.run(&["verify", "plan.yaml"]).expect(0);
}

/// A small disk of its own, gone on drop.
struct Disk(PathBuf);

impl Disk {
    /// `None`, after saying so, where this machine does not let us mount one.
    fn mount(folder: PathBuf, size: &str) -> Option<Disk> {
        fs::create_dir_all(&folder).unwrap();
        let options = ["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"];
        match Command::new("mount").args(options).arg(&folder).output() {
            Ok(output) if output.status.success() => Some(Disk(folder)),
            refused => {
                say(&format!("SKIPPED: no small disk to fill, mounting takes the superuser: {refused:?}"));
                None
            }
        }
    }

    fn grow(&self, size: &str) {
        let grown = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[test]
fn a_full_disk_under_the_target_keeps_what_was_committed() {
    let sensei = Sensei::new();
    sensei.sqlite("src.db", &rows(20_000));
    let Some(disk) = Disk::mount(sensei.path("disk"), "300k") else { return };
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:disk/out.db", ""));
    for _ in 0..2 {
        let outcome = sensei.run(&RUN).expect(5).says("error[S104]").says("no space left").says("table \"t\"");
        outcome.says("run the same command again");
    }
    let committed: u32 = sensei.sqlite_rows("disk/out.db", "SELECT count(*) FROM t")[0][0].parse().unwrap();
    assert!(0 < committed && committed < 20_000, "{committed}");
    assert_eq!(sensei.sqlite_rows("disk/out.db", "PRAGMA integrity_check"), [["'ok'"]]);
    disk.grow("20m");
    goes_on(&sensei, 2);
}

#[test]
fn a_full_disk_under_the_state_keeps_what_was_committed() {
    let sensei = Sensei::new();
    sensei.sqlite("src.db", &rows(20_000));
    let Some(disk) = Disk::mount(sensei.path("disk"), "28k") else { return };
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", "state: disk/state"));
    sensei.run(&RUN).expect(5).says("error[S104]").says("no space left").says("in the state");
    disk.grow("20m");
    let report = sensei.run(&[&RUN[..], &["--output", "json"]].concat()).expect(0).json();
    assert_eq!(report["verdict"], "equivalent");
    assert_eq!(sensei.sqlite_rows("out.db", "SELECT count(*) FROM t"), [["20000"]]);
    sensei.run(&["verify", "plan.yaml"]).expect(0);
}

#[test]
fn a_target_that_dies_midway_is_taken_up_again() {
    let sensei = Sensei::new();
    let mut server = Server::start();
    sensei.sqlite("src.db", &rows(250_000));
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("postgres"), ""));
    let mut running = sensei.spawn(&RUN);
    under_way(&sensei, &mut running);
    server.kill9();
    let outcome = running.wait().expect(5).says("error[S101]").says("run the same command again");
    assert!(outcome.elapsed < Duration::from_secs(60), "it does not wait for ever: {:?}", outcome.elapsed);
    sensei.run(&RUN).expect(5).says("error[S101]").says("cannot reach");
    server.restart();
    goes_on(&sensei, 1);
    assert_eq!(
        server.psql("postgres", "SELECT count(*), min(id), max(id), count(DISTINCT v) FROM t"),
        "250000|1|250000|250000"
    );
    assert_eq!(server.psql("postgres", "SELECT count(*) FROM pg_namespace WHERE nspname = 'sensei'"), "0");
}

#[test]
fn a_source_that_dies_midway_is_taken_up_again() {
    let sensei = Sensei::new();
    let mut server = Server::start();
    let fill = "INSERT INTO t SELECT i, lpad(i::text, 60, '0') FROM generate_series(1, 250000) i";
    server.psql("postgres", &format!("CREATE TABLE t(id int PRIMARY KEY, v text); {fill}; ANALYZE t; CHECKPOINT"));
    sensei.write("plan.yaml", plan(&server.url("postgres"), "sqlite:out.db", ""));
    let mut running = sensei.spawn(&RUN);
    under_way(&sensei, &mut running);
    server.kill9();
    running.wait().expect(5).says("error[S101]").says("run the same command again");
    server.restart();
    goes_on(&sensei, 1);
    let rows = sensei.sqlite_rows("out.db", "SELECT count(*), min(id), max(id), count(DISTINCT v) FROM t");
    assert_eq!(rows, [["250000", "1", "250000", "250000"]]);
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let sensei = Sensei::new();
    sensei.sqlite("src.db", &rows(400_000));
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", ""));
    let mut first = sensei.spawn(&[&RUN[..], &["--output", "json"]].concat());
    under_way(&sensei, &mut first);
    for extra in [&[][..], &["--fresh"]] {
        sensei.run(&[&RUN[..], extra].concat()).expect(2).says("error[S211]").says("another process").says("\"job\"");
    }
    let report = first.wait().expect(0).json();
    assert_eq!((&report["verdict"], &report["resumes"]), (&"equivalent".into(), &0.into()));
    assert_eq!(sensei.sqlite_rows("out.db", "SELECT count(*) FROM t"), [["400000"]]);
    assert_eq!(fs::read_dir(sensei.path("sensei-state/jobs")).unwrap().count(), 1);
}

/// A job that stopped with a reject in the last of its splits; a plan that allows it is in `more.yaml`.
fn unfinished() -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite("src.db", &rows(5_000));
    sensei.sqlite("src.db", "ALTER TABLE t ADD COLUMN n INTEGER; UPDATE t SET n = 'none' WHERE id = 5000");
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", ""));
    sensei.run(&RUN).expect(4);
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", "rejects: { max: 1 }"));
    sensei
}

/// Every file of the evidence, by its path in the state folder.
fn evidence(folder: &Path) -> Vec<String> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|extension| extension != "lock") {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// Changes one letter or digit in the middle of a file.
fn alter(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    let place = (middle..bytes.len()).find(|place| bytes[*place].is_ascii_alphanumeric()).unwrap();
    bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
    fs::write(path, bytes).unwrap();
}

/// Alters and removes each file of the evidence in turn; each time the run must refuse and name it.
fn refuses_every_alteration(sensei: &Sensei, kinds: &[&str], removable: &str) {
    let state = sensei.path("sensei-state");
    let all = evidence(&state);
    for kind in kinds {
        assert!(all.iter().any(|name| name.contains(kind)), "no {kind} among {all:?}");
    }
    let target = fs::read(sensei.path("out.db")).unwrap();
    let refused = |name: &str, how: &str| {
        let outcome = sensei.run(&RUN);
        assert_eq!(outcome.code, Some(7), "{name} {how}: {outcome:?}");
        outcome.says("error[S402]").says(name.rsplit('/').next().unwrap()).says("--fresh");
        assert!(fs::read(sensei.path("out.db")).unwrap() == target, "{name} {how}: the target was written");
        assert_eq!(
            evidence(&state).len(),
            all.len() - usize::from(how == "removed"),
            "{name} {how}: evidence was added"
        );
    };
    for name in &all {
        let before = fs::read(state.join(name)).unwrap();
        alter(&state.join(name));
        refused(name, "altered");
        if name.contains(removable) {
            fs::remove_file(state.join(name)).unwrap();
            refused(name, "removed");
        }
        fs::write(state.join(name), before).unwrap();
    }
}

#[test]
fn an_altered_journal_is_refused() {
    let sensei = unfinished();
    let kinds = ["jobs/job-1/epochs/", "jobs/job-1/generations/", "plan.json", "blobs/", "audit/"];
    refuses_every_alteration(&sensei, &kinds, "epochs/00000001");
    // All of it as it was: the job goes on.
    let report = sensei.run(&[&RUN[..], &["--output", "json"]].concat()).expect(0).json();
    assert_eq!((&report["job"], &report["verdict"]), (&"job-1".into(), &"equivalent".into()));
}

#[test]
fn an_altered_journal_of_a_finished_job_is_refused() {
    let sensei = unfinished();
    sensei.run(&RUN).expect(0);
    refuses_every_alteration(&sensei, &["certificate.json", "epochs/", "plan.json"], "epochs/00000002");
    sensei.run(&RUN).expect(0);
    alter(&sensei.path("sensei-state/jobs/job-1/epochs/00000001.json"));
    sensei.run(&["status", "plan.yaml"]).expect(7).says("error[S402]").says("00000001.json");
}

#[test]
fn a_changed_plan_is_refused_unless_fresh() {
    let sensei = unfinished();
    let changed = "rejects: { max: 1 }\ntables: { rules: [{ table: t, where: \"id > 10\" }] }";
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", changed));
    let before = fs::read(sensei.path("out.db")).unwrap();
    sensei.run(&RUN).expect(2).says("error[S211]").says("job job-1").says("--fresh");
    assert!(fs::read(sensei.path("out.db")).unwrap() == before, "nothing was written");
    // What the job given up has written is still there, and `fail` does not touch it.
    sensei.run(&[&RUN[..], &["--fresh"]].concat()).expect(2).says("error[S301]").says("\"t\"");
    let truncate =
        plan("sqlite:src.db", "sqlite:out.db", changed).replace("out.db\"", "out.db\", on_existing: truncate");
    sensei.write("plan.yaml", truncate);
    let report = sensei.run(&[&RUN[..], &["--fresh", "--output", "json"]].concat()).expect(0).json();
    assert_eq!((&report["job"], &report["verdict"]), (&"job-2".into(), &"equivalent".into()));
    assert_eq!(sensei.sqlite_rows("out.db", "SELECT count(*), min(id), max(id) FROM t"), [["4989", "11", "4999"]]);
    let names = "SELECT name FROM sqlite_schema WHERE name LIKE 'sensei%'";
    assert!(sensei.sqlite_rows("out.db", names).is_empty(), "the progress tables are gone");
}

#[test]
fn a_changed_source_schema_is_refused_unless_fresh() {
    let sensei = unfinished();
    sensei.sqlite("src.db", "ALTER TABLE t ADD COLUMN late TEXT");
    sensei.run(&RUN).expect(2).says("error[").says("hint: ");
    fs::remove_file(sensei.path("out.db")).unwrap();
    let report = sensei.run(&[&RUN[..], &["--fresh", "--output", "json"]].concat()).expect(0).json();
    assert_eq!((&report["job"], &report["verdict"]), (&"job-2".into(), &"equivalent".into()));
}

#[test]
fn keys_are_there_after_a_stop_and_after_a_fresh_start() {
    let server = Server::shared();
    for (database, fresh) in [("resumed", None), ("restarted", Some("--fresh"))] {
        server.create_database(database);
        let sensei = Sensei::new();
        sensei.sqlite(
            "src.db",
            "CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(a INTEGER REFERENCES a(id), n INTEGER, PRIMARY KEY(a, n));
             CREATE UNIQUE INDEX b_n ON b(n);
             INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (1, 'none')",
        );
        let with = |max: u32| {
            let text = plan("sqlite:src.db", &server.url(database), &format!("rejects: {{ max: {max} }}"));
            text.replace(&format!("/{database}\""), &format!("/{database}\", on_existing: truncate"))
        };
        sensei.write("plan.yaml", with(0));
        sensei.run(&RUN).expect(4).says("error[S304]");
        sensei.write("plan.yaml", with(1));
        let command: Vec<&str> = RUN.into_iter().chain(fresh).collect();
        sensei.run(&command).expect(0);
        let keys = "SELECT conrelid::regclass, contype FROM pg_constraint
                    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f') ORDER BY 1, 2";
        assert_eq!(server.psql(database, keys), "a|p\nb|f\nb|p", "{database}");
        let unique = "SELECT indisunique FROM pg_index WHERE indexrelid = 'b_n'::regclass";
        assert_eq!(server.psql(database, unique), "t", "{database}: what the first job created is completed");
        let left = "SELECT count(*) FROM pg_namespace WHERE nspname = 'sensei'";
        assert_eq!(server.psql(database, left), "0", "{database}: no progress tables are left");
    }
}
