//! The command line as users and scripts meet it: exit codes, JSON, help, keys, certificates, interruption.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Sensei};
use serde_json::Value;

const COMMANDS: [&[&str]; 12] = [
    &["plan"],
    &["check"],
    &["explain"],
    &["run"],
    &["verify"],
    &["repair"],
    &["status"],
    &["certificate", "show"],
    &["certificate", "verify"],
    &["schema"],
    &["error"],
    &["completions"],
];

#[test]
fn a_result_that_cannot_be_printed_is_an_error_unless_nobody_reads_on() {
    let sensei = Sensei::new();
    let schema = |out: Stdio| {
        let mut command = Command::new(sensei.program());
        command.arg("schema").stdout(out).stderr(Stdio::piped()).output().expect("it starts")
    };
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
    let refused = schema(full.into());
    assert_eq!(refused.status.code(), Some(5));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("printing the result") && said.contains("No space left"), "{said}");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(schema(writer.into()).status.code(), Some(0));

    let mut deaf = Command::new(sensei.program());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
    let status = deaf.args(["explain", "missing.yaml"]).stderr(full).status().expect("it starts");
    assert_eq!(status.code(), Some(2), "the error it cannot tell is the plan's");
}

/// Two customers and three orders, and a plan that copies them.
fn shop() -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite(
        "shop.db",
        "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
         CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id), total DECIMAL(10,2));
         INSERT INTO customer VALUES (1, 'Ada', 'ada@example.org'), (2, 'Bo', NULL);
         INSERT INTO orders VALUES (1, 1, 10.5), (2, 1, 0), (3, 2, 99.99);",
    );
    sensei.write("plan.yaml", plan("sqlite:shop.db", "sqlite:copy.db"));
    sensei
}

fn plan(source: &str, target: &str) -> String {
    format!("version: 1\nname: shop\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n")
}

/// The one JSON object of a command that succeeds.
#[track_caller]
fn json(sensei: &Sensei, command: &[&str]) -> Value {
    let object = sensei.run(&[command, &["--output", "json"]].concat()).expect(0).json();
    assert!(object.is_object(), "{command:?} prints one object: {object}");
    object
}

/// Insists on keys of an object.
#[track_caller]
fn has(object: &Value, keys: &[&str]) {
    for key in keys {
        assert!(object.get(key).is_some(), "no {key:?} in {object}");
    }
}

/// Names of what is in the folder, at the top.
fn entries(sensei: &Sensei) -> Vec<String> {
    let read = fs::read_dir(sensei.folder()).unwrap();
    let mut names: Vec<String> = read.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn exit_codes_are_as_documented() {
    let sensei = shop();
    let code = |arguments: &[&str]| sensei.run(arguments).code.unwrap();
    assert_eq!(code(&["--version"]), 0);
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&[]), 2);
    assert_eq!(code(&["migrate"]), 2);
    assert_eq!(code(&["run"]), 2);
    assert_eq!(code(&["run", "plan.yaml", "--frsh"]), 2);
    assert_eq!(code(&["--log-level", "nonsense", "status"]), 2);
    assert_eq!(code(&["status", "absent-1"]), 2);
    assert_eq!(code(&["verify", "plan.yaml"]), 3, "nothing is in the target yet");
    assert_eq!(code(&["run", "plan.yaml"]), 0);
    assert_eq!(code(&["verify", "plan.yaml"]), 0);
    sensei.sqlite("copy.db", "UPDATE customer SET name = 'Eve' WHERE id = 1");
    let different = sensei.run(&["verify", "plan.yaml"]).expect(3).hides("Eve").hides("Ada");
    assert!(different.stdout.contains("id=1 in name"), "{}", different.stdout);
    assert_eq!(code(&["repair", "plan.yaml"]), 0);
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT name FROM customer WHERE id = 1"), [["'Ada'"]]);
    let help = sensei.run(&["--help"]).expect(0).stdout;
    for exit in 0..=7 {
        assert!(help.contains(&format!("  {exit}  ")), "exit code {exit} is in the help");
    }
}

#[test]
fn json_has_the_documented_fields() {
    let sensei = shop();
    let checked = json(&sensei, &["check", "plan.yaml"]);
    has(&checked, &["verdict", "ready", "headlines", "blockers", "remarks", "source", "target", "job", "depth"]);
    has(&checked, &["plan", "plan_file", "made_at", "engine_version", "not_carried", "estimate", "elapsed_seconds"]);
    let of_table = ["source", "target", "standing", "rows", "rows_counted", "bytes", "splits", "key", "filtered"];
    has(&checked["tables"][0], &of_table);
    has(&checked["tables"][0]["reading"], &["rows", "rows_filtered", "rows_rejected", "whole", "places", "rejects"]);
    has(&checked["tables"][0]["columns"][0], &["target", "target_type", "source", "from", "to", "decision", "rule"]);

    let ran = json(&sensei, &["run", "plan.yaml"]);
    let verified = json(&sensei, &["verify", "plan.yaml"]);
    let again = json(&sensei, &["run", "plan.yaml"]);
    for report in [&ran, &verified, &again] {
        has(report, &["job", "verdict", "tables", "elapsed_seconds", "certificate"]);
        assert_eq!(report["verdict"], "equivalent");
        assert_eq!(report["tables"].as_array().unwrap().len(), 2);
        for table in report["tables"].as_array().unwrap() {
            has(table, &["source", "target", "rows_read", "rows_written", "rows_rejected", "rows_verified", "verdict"]);
            assert_eq!(table["rows_read"], table["rows_verified"]);
        }
        assert!(report["elapsed_seconds"].is_number());
    }
    for report in [&ran, &verified] {
        has(&report["spent"], &["source_seconds", "decode_seconds", "transform_seconds", "digest_seconds"]);
        has(&report["spent"], &["encode_seconds", "target_seconds", "read_back_seconds", "index_seconds"]);
        has(&report["spent"], &["most", "most_percent"]);
        assert!(report["spent"]["digest_seconds"].as_f64() > Some(0.0), "{report}");
    }
    assert!(again["spent"].is_null(), "nothing was done");
    assert_eq!(
        (&ran["job"], &ran["certified_earlier"], &again["certified_earlier"]),
        (&"shop-1".into(), &false.into(), &true.into())
    );
    assert_eq!(verified["certificate"], Value::Null);

    let certificate = ran["certificate"].as_str().unwrap();
    let statement = json(&sensei, &["certificate", "show", certificate]);
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    has(&statement["predicate"], &["job", "plan_sha256", "verdict", "tables", "totals", "digest_key", "journal"]);
    let key = sensei.path(".config/sensei/signing-key.pub.pem").display().to_string();
    let proof = json(&sensei, &["certificate", "verify", certificate, "--public-key", &key]);
    assert_eq!((&proof["valid"], &proof["trusted"]), (&true.into(), &true.into()));

    for command in [&["status"][..], &["status", "plan.yaml"], &["status", "shop-1"]] {
        let status = json(&sensei, command);
        has(&status["jobs"][0], &["job", "state", "splits", "splits_finished", "rows_written", "rows_rejected"]);
        assert_eq!(status["jobs"][0]["state"], "equivalent");
    }
    let failed = sensei.run(&["run", "absent.yaml", "--output", "json"]).expect(2).json();
    has(&failed["error"], &["code", "message", "hint", "exit_code", "problems"]);
}

#[test]
fn differences_are_listed_in_json_and_in_a_report() {
    let sensei = shop();
    json(&sensei, &["run", "plan.yaml"]);
    sensei.sqlite("copy.db", "DELETE FROM orders WHERE id = 2; INSERT INTO orders VALUES (9, 1, 1); UPDATE customer SET email = '' WHERE id = 2");
    let command = ["verify", "plan.yaml", "--output", "json", "--report", "rows.jsonl"];
    let report = sensei.run(&command).expect(3).json();
    let verdicts: Vec<&Value> = report["tables"].as_array().unwrap().iter().map(|table| &table["verdict"]).collect();
    assert_eq!((&report["verdict"], verdicts), (&"different".into(), vec![&"different".into(), &"different".into()]));
    let text = fs::read_to_string(sensei.path("rows.jsonl")).unwrap();
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| format!("{} {} {} {}", line["target"], line["kind"], line["key"], line["columns"]).replace('"', ""))
        .collect();
    lines.sort();
    assert_eq!(lines, ["customer changed id=2 [email]", "orders extra id=9 []", "orders missing id=2 []"]);
    sensei.run(&command).expect(2);
    assert_eq!(fs::read_to_string(sensei.path("rows.jsonl")).unwrap(), text, "a report is not overwritten");
}

#[test]
fn every_command_has_help_with_an_example() {
    let sensei = Sensei::new();
    let overview = sensei.run(&["help"]).expect(0).stdout;
    for command in COMMANDS {
        assert!(overview.contains(&format!("\n  {} ", command[0])), "{command:?} is in the overview");
        let help = sensei.run(&[command, &["--help"]].concat()).expect(0).stdout;
        let (_, examples) = help.split_once("\nExample").unwrap_or_else(|| panic!("no example for {command:?}"));
        assert!(examples.contains(&format!("\n  sensei {}", command.join(" "))), "{examples}");
    }
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let sensei = Sensei::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sensei.run(&["completions", shell]).expect(0).stdout;
        for command in COMMANDS {
            assert!(script.contains(command[0]), "{shell}: {command:?}");
        }
        let path = sensei.write(format!("completion.{shell}"), &script);
        // Shells that are not installed have no opinion.
        if let Ok(output) = Command::new(shell).arg("-n").arg(&path).output() {
            assert!(output.status.success(), "{shell}: {output:?}");
        }
    }
    sensei.run(&["completions", "cmd"]).expect(2);
}

#[test]
fn every_error_code_is_explained() {
    let sensei = Sensei::new();
    let list = sensei.run(&["error"]).expect(0).stdout;
    assert!(list.lines().count() > 20, "{list}");
    for line in list.lines() {
        let (code, title) = line.split_once(": ").unwrap();
        let page = sensei.run(&["error", &code.to_lowercase()]).expect(0).stdout;
        assert!(page.contains(code) && page.contains(title), "{page}");
        assert!(page.contains("## Why") && page.contains("## What to do"), "{page}");
    }
    sensei.run(&["error", "S999"]).expect(2).says("S999");
}

#[test]
fn the_schema_of_the_plan_file_knows_its_keys() {
    let schema = Sensei::new().run(&["schema"]).expect(0).json();
    has(
        &schema["properties"],
        &["version", "name", "source", "target", "state", "tables", "types", "verify", "rejects", "limits"],
    );
}

#[test]
fn a_proposed_plan_checks_and_runs() {
    let server = Server::shared();
    server.create_database("proposed");
    server.create_database("source");
    server.psql("source", "CREATE TABLE pair(a int, b text, at timestamptz, PRIMARY KEY (a, b)); CREATE TABLE \"Odd name\"(v numeric(8,3))");
    server.psql("source", "INSERT INTO pair VALUES (1, 'x', '2024-02-29 12:00+02'), (1, 'y', NULL); INSERT INTO \"Odd name\" VALUES (1.5), (1.5)");
    for (source, target, tables) in [
        ("sqlite:shop.db".to_owned(), "sqlite:copy.db".to_owned(), ["customer", "orders"]),
        ("sqlite:shop.db".to_owned(), server.url("proposed"), ["customer", "orders"]),
        (server.url("source"), "sqlite:copy.db".to_owned(), ["Odd name", "pair"]),
        (server.url("source"), "parquet:out".to_owned(), ["Odd name", "pair"]),
    ] {
        let sensei = shop();
        fs::remove_file(sensei.path("plan.yaml")).unwrap();
        let printed = sensei.run(&["plan", &source, &target]).expect(0).stdout;
        sensei.run(&["plan", &source, &target, "-o", "plan.yaml"]).expect(0);
        assert_eq!(fs::read_to_string(sensei.path("plan.yaml")).unwrap(), printed);
        assert!(tables.iter().all(|table| printed.contains(table)), "{printed}");
        sensei.run(&["plan", &source, &target, "-o", "plan.yaml"]).expect(2).says("plan.yaml");
        assert_eq!(json(&sensei, &["check", "plan.yaml"])["ready"], true);
        let report = json(&sensei, &["run", "plan.yaml"]);
        assert_eq!(report["verdict"], "equivalent");
        let names: Vec<&str> =
            report["tables"].as_array().unwrap().iter().map(|table| table["source"].as_str().unwrap()).collect();
        assert_eq!(names, tables);
    }
    assert_eq!(server.psql("proposed", "SELECT sum(total) FROM orders"), "110.49");
}

#[test]
fn a_plan_is_explained_in_four_formats() {
    let sensei = shop();
    let explain = |format: &str| {
        let one = sensei.run(&["explain", "plan.yaml", "--format", format]).expect(0).stdout;
        assert_eq!(
            one,
            sensei.run(&["explain", "plan.yaml", "--format", format]).expect(0).stdout,
            "the same each time"
        );
        one
    };
    let text = explain("text");
    for word in ["\"customer\"", "\"email\"", "primary key (id)", "snapshot", "certify"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
    assert_eq!(text, sensei.run(&["explain", "plan.yaml"]).expect(0).stdout);
    let (mermaid, dot) = (explain("mermaid"), explain("dot"));
    assert!(mermaid.starts_with("flowchart ") && mermaid.contains("customer") && mermaid.contains("-->"), "{mermaid}");
    assert!(dot.starts_with("digraph ") && dot.contains("customer") && dot.trim_end().ends_with('}'), "{dot}");
    let object: Value = serde_json::from_str(&explain("json")).unwrap();
    assert_eq!(object["plan"]["tables"].as_array().unwrap().len(), 2);
    assert_eq!(object, json(&sensei, &["explain", "plan.yaml"]));
}

#[test]
fn commands_that_only_look_write_nothing() {
    let (sensei, server) = (shop(), Server::shared());
    server.create_database("looked_at");
    let before = entries(&sensei);
    for target in ["sqlite:copy.db".to_owned(), "parquet:out".to_owned(), server.url("looked_at")] {
        sensei.write("plan.yaml", plan("sqlite:shop.db", &target));
        sensei.run(&["check", "plan.yaml"]).expect(0);
        sensei.run(&["explain", "plan.yaml"]).expect(0);
        sensei.run(&["plan", "sqlite:shop.db", &target]).expect(0);
        sensei.run(&["verify", "plan.yaml"]).expect(3);
        sensei.run(&["status"]);
        sensei.run(&["status", "plan.yaml"]).expect(2);
        assert_eq!(entries(&sensei), before, "{target}");
    }
    let made = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    assert_eq!(server.psql("looked_at", made), "0");
    assert_eq!(server.psql("looked_at", "SELECT count(*) FROM pg_namespace WHERE nspname = 'sensei'"), "0");
}

/// A certificate, the folder it was made in, and the public half of its key.
fn certified() -> (Sensei, String, String) {
    let sensei = shop();
    let certificate = json(&sensei, &["run", "plan.yaml"])["certificate"].as_str().unwrap().to_owned();
    let key = sensei.path(".config/sensei/signing-key.pub.pem").display().to_string();
    (sensei, certificate, key)
}

#[test]
fn a_certificate_is_checked_offline() {
    let (sensei, certificate, key) = certified();
    // The auditor has the file and the key, nothing else.
    let auditor = Sensei::new();
    let file = auditor.write("c.json", fs::read(sensei.path(certificate)).unwrap()).display().to_string();
    let verify = |more: &[&str]| auditor.run(&[&["certificate", "verify", &file][..], more].concat());
    let good = verify(&["--public-key", &key]).expect(0);
    assert!(good.stdout.contains("signed by the key you gave") && good.stdout.contains("5 rows verified"), "{good:?}");
    let unknown = verify(&[]).expect(7);
    assert!(unknown.stdout.contains("who signed it is not known"), "{unknown:?}");

    let (_other, _, wrong) = certified();
    let mistrusted = verify(&["--public-key", &wrong]).expect(7);
    assert!(
        mistrusted.stdout.contains("NOT VALID") && mistrusted.stdout.contains("not by the key given"),
        "{mistrusted:?}"
    );
    assert!(!mistrusted.stdout.contains("rows verified"), "claims of a stranger are not repeated: {mistrusted:?}");
    verify(&["--public-key", &file]).expect(2).says("public key");
    verify(&["--public-key", "absent.pem"]).expect(2).says("absent.pem");
}

#[test]
fn an_edited_certificate_names_what_was_edited() {
    let (sensei, certificate, key) = certified();
    let original: Value = serde_json::from_slice(&fs::read(sensei.path(&certificate)).unwrap()).unwrap();
    let payload = decode(original["payload"].as_str().unwrap());
    for (from, to, section) in [
        ("\"source\":\"orders\"", "\"source\":\"ordres\"", "orders"),
        ("\"rows_written\":2", "\"rows_written\":3", "customer"),
        ("\"plan_name\":\"shop\"", "\"plan_name\":\"shap\"", ""),
        ("\"started_at\":\"2", "\"started_at\":\"1", ""),
    ] {
        let edited = String::from_utf8(payload.clone()).unwrap().replacen(from, to, 1);
        assert_ne!(edited.as_bytes(), payload, "{from} is there");
        let mut envelope = original.clone();
        envelope["payload"] = encode(edited.as_bytes()).into();
        sensei.write("edited.json", envelope.to_string());
        for extra in [&[][..], &["--public-key", &key]] {
            let outcome = sensei.run(&[&["certificate", "verify", "edited.json"][..], extra].concat()).expect(7);
            let altered = outcome.stdout.lines().find(|line| line.starts_with("ALTERED: ")).unwrap();
            assert!(altered.contains(section) && outcome.stdout.contains("NOT VALID"), "{from}: {altered}");
        }
        sensei.run(&["certificate", "show", "edited.json"]).expect(7).says("edited.json").says("altered");
    }
    let whole = fs::read(sensei.path(&certificate)).unwrap();
    sensei.write("cut.json", &whole[..whole.len() - 10]);
    sensei.run(&["certificate", "verify", "cut.json"]).expect(7);
}

#[test]
fn the_signing_key_is_made_once_and_is_private() {
    let sensei = shop();
    let first =
        sensei.run(&["run", "plan.yaml"]).expect(0).says("signing-key.pem").says("BEGIN PUBLIC KEY").hides("PRIVATE");
    assert!(!first.stdout.contains("KEY"), "{}", first.stdout);
    let path = sensei.path(".config/sensei/signing-key.pem");
    let (key, mode) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().permissions().mode());
    assert_eq!(mode & 0o777, 0o600);
    let outcome = sensei.run(&["run", "plan.yaml", "--fresh"]).expect(2).hides("created");
    assert!(outcome.stderr.contains("S301"), "{outcome:?}");
    assert_eq!(fs::read(&path).unwrap(), key);

    // A key of one's own, by file and by environment.
    let own: PathBuf = sensei.write("own.pem", &key);
    let careless = ["run", "plan.yaml", "--signing-key", "own.pem"];
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).unwrap();
    sensei.run(&careless).expect(2).says("own.pem").says("chmod 600").hides("PRIVATE");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
    let public = sensei.path(".config/sensei/signing-key.pub.pem").display().to_string();
    let by_file = shop().env("SENSEI_SIGNING_KEY_FILE", own.display().to_string());
    let by_text = shop().env("SENSEI_SIGNING_KEY", String::from_utf8(key).unwrap());
    let by_flag = shop();
    for (other, flag) in [(by_file, None), (by_text, None), (by_flag, Some(own.display().to_string()))] {
        let flag = flag.as_deref().map_or(vec![], |file| vec!["--signing-key", file]);
        let report = other
            .run(&[&["run", "plan.yaml", "--output", "json"][..], &flag].concat())
            .expect(0)
            .hides("created")
            .json();
        let certificate = report["certificate"].as_str().unwrap();
        other.run(&["certificate", "verify", certificate, "--public-key", &public]).expect(0);
        assert!(!other.path(".config").exists(), "no other key is made");
    }
    let sensei = shop();
    sensei.run(&["run", "plan.yaml", "--signing-key", "absent.pem"]).expect(2).says("absent.pem");
    assert_eq!(entries(&sensei), ["plan.yaml", "shop.db"], "a key that was named is not made");
}

#[test]
fn control_c_stops_at_a_checkpoint_and_the_next_run_goes_on() {
    let sensei = Sensei::new();
    sensei.sqlite(
        "big.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 400000)
         INSERT INTO t SELECT i, printf('%060d', i) FROM i;",
    );
    sensei.write("plan.yaml", plan("sqlite:big.db", "sqlite:copy.db") + "limits: { split: 64KiB }\n");
    let mut running = sensei.spawn(&["run", "plan.yaml"]);
    let epoch = sensei.path("sensei-state/jobs/shop-1/epochs/00000002.json");
    Deadline::after(Duration::from_secs(60)).wait_for(|| epoch.exists().then_some(())).expect("the job gets under way");
    assert!(running.is_running(), "the table is large enough");
    running.interrupt();
    running.wait().expect(6).says("error[S601]").says("Run the same command again");
    let status = sensei.run(&["status", "plan.yaml"]).expect(0).stdout;
    assert!(status.contains("interrupted"), "{status}");
    let partly: u32 = sensei.sqlite_rows("copy.db", "SELECT count(*) FROM t")[0][0].parse().unwrap();
    assert!(0 < partly && partly < 400_000, "{partly}");
    let report = json(&sensei, &["run", "plan.yaml"]);
    assert_eq!(
        (&report["verdict"], &report["job"], &report["resumes"]),
        (&"equivalent".into(), &"shop-1".into(), &1.into())
    );
    let rows = sensei.sqlite_rows("copy.db", "SELECT count(*), min(id), max(id), count(DISTINCT v) FROM t");
    assert_eq!(rows, [["400000", "1", "400000", "400000"]]);
    sensei.run(&["verify", "plan.yaml"]).expect(0);
}

#[test]
fn output_for_pipes_is_plain() {
    let sensei = shop().env("NO_COLOR", "");
    let outcome = sensei.run(&["run", "plan.yaml", "--log-level", "debug"]).expect(0).hides("\u{1b}").hides("\r");
    assert!(outcome.stdout.contains("certificate: "), "{outcome:?}");
    let logged = sensei.run(&["verify", "plan.yaml", "--log-level", "debug", "--log-format", "json", "-q"]).expect(0);
    for line in logged.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        has(&line, &["timestamp", "level"]);
    }
    sensei.run(&["run", "plan.yaml", "--output", "json", "--log-level", "debug"]).expect(0).json();
}

/// Standard base64, as DSSE uses it.
fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: u8| ALPHABET.iter().position(|found| *found == byte).map(|found| u32::try_from(found).unwrap());
    let digits: Vec<u32> = text.bytes().filter_map(digit).collect();
    let bytes = digits.chunks(4).flat_map(|chunk| {
        let bits = chunk.iter().enumerate().fold(0, |bits, (place, digit)| bits | digit << (18 - 6 * place));
        bits.to_be_bytes()[1..chunk.len()].to_vec()
    });
    bytes.collect()
}

fn encode(bytes: &[u8]) -> String {
    let quads = bytes.chunks(3).flat_map(|chunk| {
        let bits = chunk.iter().enumerate().fold(0, |bits, (place, byte)| bits | u32::from(*byte) << (16 - 8 * place));
        (0..4).map(move |place| match place <= chunk.len() {
            true => char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]),
            false => '=',
        })
    });
    quads.collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
