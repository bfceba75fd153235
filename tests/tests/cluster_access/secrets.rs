//! A password and tokens that many processes handle show nowhere: in no file, no log, no answer.

use std::fs;
use std::path::{Path, PathBuf};

use sensei_tests::head::{Ask, Head};
use sensei_tests::postgres::{Options, Server};
use sensei_tests::{Deadline, Sensei};

use crate::ground::{JOB_MAX, YAML, ended};

const PASSWORD: &str = "hunter2-is-hidden";
const WRONG: &str = "not-the-passw0rd";

fn plan(server: &Server, name: &str, variable: &str) -> String {
    let url = |database: &str| {
        server.tcp_url("postgres", database).replace("postgres@", &format!("postgres:${{{variable}}}@"))
    };
    format!(
        "version: 1\nname: {name}\nsource: {{ url: \"{}\", quiesced: true }}\ntarget: {{ url: \"{}\" }}\nstate: ./sensei-state\n",
        url("original"),
        url(name)
    )
}

#[test]
fn passwords_and_tokens_show_nowhere() {
    let server = Server::start_with(Options { password: Some(PASSWORD.to_owned()), ..Options::default() });
    for database in ["original", "copy", "refused"] {
        server.create_database(database);
    }
    server.psql("original", "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 20000)");

    // The head never has the password; its worker has it in its environment.
    let (ground, workers) = (Sensei::new(), Sensei::new().env("GOOD", PASSWORD).env("BAD", WRONG));
    let info = ["--log-level", "debug"];
    let mut head = Head::start_with(&ground, &info.map(str::to_owned), None);
    head.add_worker(&workers, &["--name", "w1", info[0], info[1]]);
    let token = head.add_token("ops", "operator");
    let post = |path: &str, body: &str| head.ask(&Ask::new("POST", path).token(&token).body(YAML, body));
    post("/v1/jobs?id=copy", &plan(&server, "copy", "GOOD")).expect(201);
    let done = ended(&head, "copy");
    assert_eq!(done["report"]["verdict"], "equivalent", "{done}");

    // One whose password is wrong says so, again and again, and neither that password nor the plan's URL with it.
    post("/v1/jobs?id=refused", &plan(&server, "refused", "BAD")).expect(201);
    post("/v1/jobs?id=unset", &plan(&server, "unset", "NOT_SET")).expect(201);
    let admin = head.token();
    let get = |path: &str| head.ask(&Ask::new("GET", path).token(&admin)).expect(200).body;
    let refused = || {
        let events = get("/v1/jobs/refused/events");
        (events.contains("password") && events.contains("ended")).then_some(events)
    };
    let events = Deadline::after(JOB_MAX).wait_for(refused);
    assert!(events.is_some(), "{}", get("/v1/jobs/refused/events"));
    ended(&head, "unset");

    let mut told: Vec<(String, String)> = Vec::new();
    let paths = [
        "/v1/jobs",
        "/v1/jobs/copy",
        "/v1/jobs/copy/report",
        "/v1/jobs/copy/events",
        "/v1/jobs/refused",
        "/v1/jobs/refused/events",
        "/v1/jobs/unset",
        "/v1/jobs/unset/events",
        "/v1/pool",
        "/v1/tokens",
        "/v1/audit?limit=1000",
        "/metrics",
        "/health/detailed",
    ];
    told.extend(paths.map(|path| (path.to_owned(), get(path))));
    for arguments in
        [&["job", "list"][..], &["job", "status", "copy"], &["job", "logs", "refused"], &["status", "--cluster"]]
    {
        let outcome = head.cli(&ground, arguments).expect(0);
        told.push((arguments.join(" "), outcome.stdout + &outcome.stderr));
    }
    told.push(("the head's log".to_owned(), head.process().stderr() + &head.process().stdout()));
    told.push(("the worker's log".to_owned(), head.workers()[0].stderr() + &head.workers()[0].stdout()));

    let secrets = [PASSWORD, WRONG, &admin, &token];
    for (name, text) in &told {
        assert!(!text.is_empty(), "{name} is empty");
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} shows in {name}: {text}");
        }
    }
    let files: Vec<PathBuf> = [&ground, &workers].iter().flat_map(|folder| files(folder.folder())).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files.iter().filter(|file| !file.ends_with("admin-token")) {
        let bytes = fs::read(file).unwrap();
        for secret in secrets {
            let shows = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!shows, "{secret} shows in {}", file.display());
        }
    }
}

/// Every file in a folder and those below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
