//! Certificates: whose are taken, which are not and in which words, and that they change while all runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType, date_time_ymd};
use sensei_tests::head::{Ask, Head};
use sensei_tests::{Deadline, Outcome, Sensei};

use crate::ground::{folder, plan};

/// How long a process may take to notice that its certificate is another one.
const NOTICED_MAX: Duration = Duration::from_secs(15);

fn issue(sensei: &Sensei, arguments: &[&str]) {
    sensei.run(&[&["certs", "issue", "certs"], arguments].concat()).expect(0);
}

/// A folder with the certificates of a cluster.
fn certified() -> Sensei {
    let sensei = folder();
    sensei.run(&["certs", "init", "certs"]).expect(0);
    issue(&sensei, &["head", "--name", "main", "--host", "127.0.0.1", "--host", "localhost"]);
    issue(&sensei, &["worker", "--name", "w1", "--classes", "scout,mover,validator"]);
    issue(&sensei, &["client", "--name", "ann", "--role", "operator"]);
    sensei.write("plan.yaml", plan("shop"));
    sensei
}

/// `arguments` with the certificate `stem` of the folder `certs`.
fn with<'a>(stem: &'a str, arguments: &[&'a str]) -> Vec<String> {
    let own = [format!("certs/{stem}.pem"), format!("certs/{stem}-key.pem")];
    let [certificate, key] = own;
    let named = ["--certificate".to_owned(), certificate, "--certificate-key".to_owned(), key];
    arguments.iter().map(ToString::to_string).chain(named).collect()
}

fn asks(head: &Head, sensei: &Sensei, stem: &str, arguments: &[&str]) -> Outcome {
    let all = with(stem, arguments);
    head.cli_as(sensei, &all.iter().map(String::as_str).collect::<Vec<_>>())
}

fn add_worker(head: &mut Head, sensei: &Sensei) {
    let arguments = with("worker-w1", &["--name", "w1"]);
    head.add_worker(sensei, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn certificates_say_who_calls_and_what_they_may() {
    let sensei = certified();
    issue(&sensei, &["client", "--name", "vic"]);
    issue(&sensei, &["worker", "--name", "mover", "--classes", "mover"]);
    let mut head = Head::start_tls(&sensei, "head-main");
    add_worker(&mut head, &sensei);
    asks(&head, &sensei, "client-ann", &["job", "submit", "plan.yaml", "--id", "shop", "--wait"]).expect(0);
    let job = asks(&head, &sensei, "client-ann", &["job", "status", "shop", "--output", "json"]).expect(0).json();
    assert_eq!((&job["submitted_by"], &job["report"]["verdict"]), (&"ann".into(), &"equivalent".into()));
    // Only a token, and only what the authority's certificate says.
    head.cli(&sensei, &["job", "list"]).expect(0);
    let list = head.curl(&["-H", &format!("Authorization: Bearer {}", head.token())], "/v1/jobs").expect(0);
    assert_eq!(list.json()["jobs"][0]["id"], "shop");

    head.cli_as(&sensei, &["job", "list"]).expect(2).says("neither a certificate nor a token");
    asks(&head, &sensei, "client-vic", &["job", "list"]).expect(0);
    asks(&head, &sensei, "client-vic", &["job", "stop", "shop"])
        .expect(2)
        .says("vic may not stop: it takes the role operator");
    asks(&head, &sensei, "worker-w1", &["job", "list"]).expect(2).says("w1 may not").says("it takes the role viewer");
    asks(&head, &sensei, "head-main", &["job", "list"]).expect(2).says("neither a certificate nor a token");
    let beats = |stem: &str, name: &str, classes: &str| {
        asks(&head, &sensei, stem, &["worker", "--name", name, "--classes", classes]).expect(2)
    };
    beats("client-ann", "w2", "mover").says("it takes the role worker");
    beats("worker-mover", "mover-2", "mover,scout").says("its certificate does not make it a scout");
    beats("worker-mover", "w2", "mover").says("its certificate is for \"mover\"");
    let by_curl = ["--cert", "certs/worker-w1.pem", "--key", "certs/worker-w1-key.pem"].map(|part| match part {
        option if option.starts_with("--") => option.to_owned(),
        file => sensei.path(file).display().to_string(),
    });
    let refused = head.curl(&by_curl.each_ref().map(String::as_str), "/v1/jobs").expect(0).json();
    assert_eq!(refused["error"]["code"], "forbidden", "{refused}");
}

#[test]
fn strangers_and_their_certificates_are_refused_in_words() {
    let sensei = certified();
    sensei.run(&["certs", "init", "theirs/certs"]).expect(0);
    sensei.run(&["certs", "issue", "theirs/certs", "client", "--name", "eve", "--role", "admin"]).expect(0);
    for file in ["client-eve.pem", "client-eve-key.pem"] {
        fs::copy(sensei.path("theirs/certs").join(file), sensei.path("certs").join(file)).unwrap();
    }
    expired(&sensei, "client-old");
    issue(&sensei, &["client", "--name", "careless", "--role", "admin"]);
    fs::set_permissions(sensei.path("certs/client-careless-key.pem"), Permissions::from_mode(0o644)).unwrap();
    let head = Head::start_tls(&sensei, "head-main");

    let list = ["job", "list"];
    asks(&head, &sensei, "client-eve", &list).expect(5).says("does not trust the authority");
    asks(&head, &sensei, "client-old", &list).expect(5).says("has expired");
    asks(&head, &sensei, "client-careless", &list).expect(2).says("can be read or changed by others").says("chmod 600");
    asks(&head, &sensei, "client-none", &list).expect(2).says("cannot be read");
    head.cli(&sensei, &["job", "list", "--ca", "theirs/certs/ca.pem"])
        .expect(5)
        .says("not from the authority that is trusted");
    let bare = ["job", "list", "--head", &head.url(), "--token-file", "admin-token"];
    sensei.run(&bare).expect(2).says("no certificate authority to trust").says("ca.pem");
    head.cli(&sensei, &list).expect(0);
}

/// A certificate of the cluster's own authority that was good until 2020.
fn expired(sensei: &Sensei, stem: &str) {
    let pem = |name: &str| fs::read_to_string(sensei.path("certs").join(name)).unwrap();
    let mut authority = CertificateParams::default();
    authority.distinguished_name.remove(rcgen::DnType::CommonName);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "sensei");
    let issuer = Issuer::new(authority, KeyPair::from_pem(&pem("ca-key.pem")).unwrap());
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    params.subject_alt_names = vec![SanType::URI("sensei:client/old?role=admin".try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    sensei.write(format!("certs/{stem}.pem"), certificate.pem());
    let path = sensei.write(format!("certs/{stem}-key.pem"), key.serialize_pem());
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_head_that_is_not_what_it_should_be_is_refused() {
    let sensei = certified();
    issue(&sensei, &["head", "--name", "away", "--host", "sensei.example.org"]);
    let start = |stem: &str| {
        let [certificate, key] = [format!("certs/{stem}.pem"), format!("certs/{stem}-key.pem")];
        let port = ["head", "--listen", "127.0.0.1:0", "--admin-token-file", "admin-token", "--ca", "certs/ca.pem"];
        let own = ["--certificate", &certificate, "--certificate-key", &key];
        sensei.spawn(&[&port[..], &own].concat())
    };
    let url = |stderr: String| {
        let (_, rest) = stderr.split_once("listens on ")?;
        rest.split_once('\n').map(|(url, _)| url.to_owned())
    };
    let head = start("head-away");
    let found = Deadline::after(NOTICED_MAX).wait_for(|| url(head.stderr()));
    let url = found.unwrap_or_else(|| panic!("{}", head.stderr()));
    let list = ["job", "list", "--head", &url, "--ca", "certs/ca.pem", "--token-file", "admin-token"];
    sensei.run(&list).expect(5).says("is for other hosts");
    start("client-ann").wait().expect(2).says("not for a head");
    fs::set_permissions(sensei.path("certs/head-main-key.pem"), Permissions::from_mode(0o640)).unwrap();
    let uid_is_root = fs::metadata(sensei.path("certs/head-main-key.pem"))
        .is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let mode = if uid_is_root { 0o644 } else { 0o640 };
    fs::set_permissions(sensei.path("certs/head-main-key.pem"), Permissions::from_mode(mode)).unwrap();
    start("head-main").wait().expect(2).says("can be read or changed by others");
    start("head-none").wait().expect(2).says("cannot be read");
}

#[test]
fn certificates_are_renewed_while_all_runs() {
    let sensei = certified();
    let mut head = Head::start_tls(&sensei, "head-main");
    add_worker(&mut head, &sensei);
    asks(&head, &sensei, "client-ann", &["job", "submit", "plan.yaml", "--id", "shop", "--wait"]).expect(0);
    let before = served(&head);
    assert_eq!(served(&head), before, "it stays while nothing changes");
    for arguments in [
        &["head", "--name", "main", "--host", "127.0.0.1", "--renew"][..],
        &["worker", "--name", "w1", "--classes", "scout,mover,validator", "--renew"],
        &["client", "--name", "ann", "--role", "operator", "--renew"],
    ] {
        issue(&sensei, arguments);
    }
    let changed = Deadline::after(NOTICED_MAX).wait_for(|| (served(&head) != before).then_some(()));
    assert!(changed.is_some(), "the head goes on with the certificate it had");
    sensei.write("next.yaml", plan("next"));
    asks(&head, &sensei, "client-ann", &["job", "submit", "next.yaml", "--id", "next", "--wait"]).expect(0);
    let pool = head.cli(&sensei, &["status", "--cluster", "--output", "json"]).expect(0).json();
    assert_eq!((&pool["workers"][0]["id"], &pool["workers"][0]["state"]), (&"w1".into(), &"ready".into()), "{pool}");
    // Files that say nothing of use change nothing.
    sensei.write("certs/head-main.pem", "none");
    std::thread::sleep(Duration::from_secs(3));
    head.cli(&sensei, &["job", "list"]).expect(0);
}

/// The certificate the head shows, as the openssl command prints it.
fn served(head: &Head) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &format!("127.0.0.1:{}", head.port())]).stdin(std::process::Stdio::null());
    let output = String::from_utf8(openssl.output().expect("openssl is installed").stdout).unwrap();
    let (_, rest) = output.split_once("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("{output}"));
    rest.split_once("-----END").unwrap().0.to_owned()
}

#[test]
fn plain_text_and_tls_do_not_mix() {
    let sensei = certified();
    for address in ["0.0.0.0:0", "[::]:0"] {
        sensei
            .run(&["head", "--listen", address])
            .expect(2)
            .says("without TLS")
            .says("--insecure")
            .says("sensei certs init");
    }
    let token = sensei.write("token", "x".repeat(43));
    fs::set_permissions(token, Permissions::from_mode(0o600)).unwrap();
    let away = ["job", "list", "--head", "http://192.0.2.1:7443", "--token-file", "token"];
    sensei.run(&away).expect(2).says("without TLS").says("--insecure");
    let mut open = sensei.spawn(&["head", "--listen", "0.0.0.0:0", "--insecure", "--store", "open.db"]);
    let listens = Deadline::after(NOTICED_MAX).wait_for(|| open.stderr().contains("listens on").then_some(()));
    assert!(listens.is_some() && open.is_running(), "{}", open.stderr());

    let plain = Head::start(&sensei);
    let wrong = plain.url().replace("http:", "https:");
    plain.cli(&sensei, &["job", "list", "--head", &wrong, "--ca", "certs/ca.pem"]).expect(5).says("does not speak TLS");
    plain.ask(&Ask::new("GET", "/healthz")).expect(200);

    drop(plain);
    let mut secure = Head::start_tls(&sensei, "head-main");
    add_worker(&mut secure, &sensei);
    let wrong = secure.url().replace("https:", "http:");
    secure.cli(&sensei, &["job", "list", "--head", &wrong]).expect(5).says("https://");
    for noise in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x00\x05hello",
        &[0xff; 20_000],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = secure.send(noise).unwrap_or_default();
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    }
    asks(&secure, &sensei, "client-ann", &["job", "submit", "plan.yaml", "--id", "shop", "--wait"]).expect(0);
}
