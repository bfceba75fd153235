//! The harness itself: servers start, die and come back; S3 is conditional; programs are bounded.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use sensei_tests::postgres::{Options, Server};
use sensei_tests::tpch::Table;
use sensei_tests::{Sensei, s3};

#[test]
fn two_servers_run_side_by_side() {
    let (one, other) = (Server::start(), Server::start());
    one.create_database("Größe");
    one.psql("Größe", "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL)");
    assert_eq!(one.psql("Größe", "SELECT * FROM t ORDER BY a"), "1|x\n2|∅");
    assert_eq!(other.psql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'Größe'"), "0");
    assert!(other.try_psql("postgres", "SELECT 1/0").unwrap_err().contains("division by zero"));
}

#[test]
fn a_killed_server_comes_back_with_its_rows() {
    let mut server = Server::start();
    server.psql("postgres", "CREATE TABLE t AS SELECT 1 AS a");
    server.psql("postgres", "CHECKPOINT");
    server.kill9();
    assert!(server.try_psql("postgres", "SELECT 1").is_err());
    server.restart();
    assert_eq!(server.psql("postgres", "SELECT a FROM t"), "1");
}

#[test]
fn passwords_and_certificates_are_demanded() {
    let server = Server::start_with(Options { password: Some("it's".into()), tls: true, ..Options::default() });
    let psql = |password: &str, sslmode: &str| {
        let url = format!(
            "{}?sslmode={sslmode}&sslrootcert={}",
            server.tcp_url("postgres", "postgres"),
            server.ca_file().display()
        );
        let client = Sensei::of("psql").env("PGPASSWORD", password);
        client.run(&["-X", "-A", "-t", "-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", url.as_str()])
    };
    assert_eq!(psql("it's", "verify-full").expect(0).stdout, "t\n");
    assert_eq!(psql("it's", "disable").expect(0).stdout, "f\n");
    psql("its", "verify-full").expect(2).says("password authentication failed");
}

#[test]
fn tpch_tables_load() {
    let server = Server::start();
    assert_eq!(server.load_tpch("postgres", Table::LineItem, 0.001), 6_005);
    assert_eq!(server.psql("postgres", "SELECT count(*) FROM lineitem"), "6005");
}

#[test]
fn a_program_is_bounded_and_can_be_killed() {
    let shell = Sensei::of("/bin/sh").time_max(Duration::from_secs(20));
    let outcome = shell.run(&["-c", "echo '{\"a\": 1}'; echo no >&2; exit 3"]).expect(3).says("no").hides("secret");
    assert_eq!(outcome.json()["a"], 1);
    let sleeping = shell.spawn(&["-c", "exec sleep 60"]);
    assert_eq!(sleeping.kill9().code, None);
    let endless = Sensei::of("/bin/sh").time_max(Duration::from_millis(50));
    let late = std::panic::catch_unwind(|| endless.run(&["-c", "exec sleep 60"]));
    assert!(late.is_err(), "an endless program must fail its test");
}

fn bucket(server: &s3::Server) -> AmazonS3 {
    server.create_bucket("evidence");
    let builder = AmazonS3Builder::new().with_endpoint(server.endpoint()).with_allow_http(true);
    let builder = builder.with_bucket_name("evidence").with_region("us-east-1");
    builder.with_access_key_id("test").with_secret_access_key("test").build().unwrap()
}

fn create() -> PutOptions {
    PutOptions::from(PutMode::Create)
}

#[tokio::test]
async fn s3_creates_only_what_is_not_there() {
    let server = s3::Server::start();
    let store = bucket(&server);
    let key = Path::from("jobs/1/epochs/0.json");
    store.put_opts(&key, PutPayload::from_static(b"first"), create()).await.unwrap();
    let second = store.put_opts(&key, PutPayload::from_static(b"second"), create()).await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
    assert_eq!(store.get(&key).await.unwrap().bytes().await.unwrap().as_ref(), b"first");
    assert!(matches!(store.get(&Path::from("absent")).await, Err(Error::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_racing_creators_wins() {
    let server = s3::Server::start();
    let store = Arc::new(bucket(&server));
    for round in 0..20 {
        let racers = (0..8).map(|racer: u8| {
            let store = store.clone();
            let key = Path::from(format!("race/{round}"));
            tokio::spawn(async move { store.put_opts(&key, vec![racer].into(), create()).await.is_ok() })
        });
        let mut winners = 0;
        for racer in racers.collect::<Vec<_>>() {
            winners += usize::from(racer.await.unwrap());
        }
        assert_eq!(winners, 1, "round {round}");
    }
}

#[tokio::test]
async fn s3_takes_large_objects_in_parts_and_lists_them() {
    let server = s3::Server::start();
    let store = bucket(&server);
    let key = Path::from("copy/part-0.parquet");
    let mut upload = store.put_multipart(&key).await.unwrap();
    for byte in [b'a', b'b'] {
        upload.put_part(vec![byte; 5 << 20].into()).await.unwrap();
    }
    upload.complete().await.unwrap();
    assert_eq!(store.head(&key).await.unwrap().size, 10 << 20);
    assert_eq!(store.get_range(&key, (5 << 20) - 1..(5 << 20) + 1).await.unwrap().as_ref(), b"ab");
    let listed = store.list_with_delimiter(Some(&Path::from("copy"))).await.unwrap();
    assert_eq!(listed.objects.len(), 1);
}
