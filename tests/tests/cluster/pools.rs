//! Pools by class that the head scales: those who write and those who read back come when there is work for them, and go.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use sensei_tests::{Deadline, Sensei};
use serde_json::Value;

use crate::ground::{Servers, has_ended, verify};

/// Long enough for any job here, and short beside a hang.
const JOB_MAX: Duration = Duration::from_secs(180);
/// A worker goes after it had nothing to do for 5 s here, and not within 30 s after the last one came.
const REST_MAX: Duration = Duration::from_secs(90);
/// Holds one table of the source, so that jobs last for some decisions however fast the machine is.
const HOLD: &str = "BEGIN; LOCK TABLE notes; SELECT pg_sleep(20); COMMIT";

fn status(sensei: &Sensei, arguments: &[&str]) -> Value {
    sensei.run(&[arguments, &["--output", "json"]].concat()).expect(0).json()
}

/// Workers of each pool.
fn sizes(sensei: &Sensei) -> Vec<usize> {
    let pool = status(sensei, &["status", "--cluster"]);
    let size = |scaled: &Value| scaled["workers"].as_array().map_or(0, Vec::len);
    pool["scaled"].as_array().map_or_else(Vec::new, |scaled| scaled.iter().map(size).collect())
}

/// Has a plan name its target by a variable; that for who writes, and that for who may only read.
fn apart(servers: &Servers, name: &str, sensei: &Sensei) -> [String; 2] {
    let text = std::fs::read_to_string(sensei.path("plan.yaml")).expect("it was just written");
    let writing = servers.target.url(name);
    sensei.write("plan.yaml", text.replace(&writing, &format!("${{env:TARGET_{name}}}")));
    let reading = servers.reader(name);
    [writing, reading].map(|url| format!("TARGET_{name}={url}\n"))
}

#[test]
fn pools_of_movers_and_of_validators_grow_and_shrink_by_themselves() {
    let servers = Servers::start(30_000);
    let (sensei, other) = (servers.plan("one", 30, ""), servers.plan("two", 30, ""));
    let accounts = [("one", &sensei), ("two", &other)].map(|(name, sensei)| apart(&servers, name, sensei));
    for (file, account) in [("movers", 0), ("validators", 1)] {
        let lines = accounts.iter().map(|lines| lines[account].as_str()).collect::<String>();
        let path = sensei.write(file, lines);
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("our own file");
    }
    let movers = "classes=scout,mover,max=3,slots=1,idle=5,variables=movers";
    let validators = "classes=validator,max=2,slots=2,idle=5,variables=validators";
    let up = sensei.spawn(&["up", "--port", "0", "--pool", movers, "--pool", validators]);
    let is_up = Deadline::after(JOB_MAX).wait_for(|| up.stderr().contains("the cluster is up").then_some(()));
    assert!(is_up.is_some(), "{}", up.stderr());
    sensei.run(&["job", "submit", "plan.yaml", "--id", "one"]).expect(0);
    let second = other.path("plan.yaml").display().to_string();
    sensei.run(&["job", "submit", &second, "--id", "two"]).expect(0);
    let mut most = vec![0, 0];
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| servers.source.psql("original", HOLD));
        Deadline::after(JOB_MAX).wait_for(|| {
            for (most, size) in most.iter_mut().zip(sizes(&sensei)) {
                *most = size.max(*most);
            }
            let jobs = ["one", "two"].map(|id| status(&sensei, &["job", "status", id]));
            jobs.iter().all(has_ended).then_some(jobs)
        })
    });
    let jobs = ended.unwrap_or_else(|| panic!("{:#}\n{}", status(&sensei, &["status", "--cluster"]), up.stderr()));
    for (name, job) in ["one", "two"].into_iter().zip(jobs) {
        assert_eq!((&job["state"], &job["report"]["verdict"]), (&"done".into(), &"equivalent".into()), "{job:#}");
        servers.check_rows(name);
        verify(&sensei, &job["report"]);
        let logs = sensei.run(&["job", "logs", name]).expect(0).stdout;
        assert!(logs.contains("-validator-") && logs.contains("reads back"), "{logs}");
    }
    assert!(most[0] == 2 && (1..=2).contains(&most[1]), "one mover for each job, and validators: {most:?}");
    let rested = Deadline::after(REST_MAX).wait_for(|| (sizes(&sensei) == [0, 0]).then_some(()));
    assert!(rested.is_some(), "{:#}", status(&sensei, &["status", "--cluster"]));
    let told = sensei.run(&["status", "--cluster"]).expect(0).stdout;
    assert!(told.contains("pool scout,mover: 0 of 0 to 3 workers"), "{told}");
    assert!(told.contains("pool validator: 0 of 0 to 2 workers"), "{told}");
    up.interrupt();
    up.wait().expect(0);
}

#[test]
fn pools_that_could_begin_no_job_are_refused() {
    let sensei = Sensei::new();
    let told = sensei.run(&["up", "--port", "0", "--pool", "classes=mover", "--pool", "classes=validator"]).expect(2);
    assert!(told.stderr.contains("no pool is both scout and mover"), "{}", told.stderr);
    let told = sensei.run(&["up", "--port", "0", "--pool", "classes=scout,mover,deployment=movers"]).expect(2);
    assert!(told.stderr.contains("has deployment="), "{}", told.stderr);
    let told = sensei.run(&["up", "--port", "0", "--pool", "classes=scout,mover,max=300"]).expect(2);
    assert!(told.stderr.contains("300 workers together"), "{}", told.stderr);
    sensei.run(&["up", "--port", "0", "--min", "1", "--pool", "classes=scout,mover"]).expect(2);
}
