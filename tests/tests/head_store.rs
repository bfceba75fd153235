//! The head's store on both systems: what only real servers, other processes and crashes can show.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use sensei_engine::head::record::*;
use sensei_engine::head::store::*;
use sensei_storage::Error;
use sensei_tests::Deadline;
use sensei_tests::postgres::{Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Tells the process that is to be killed where to write.
const URL: &str = "SENSEI_TEST_STORE_URL";

fn sqlite(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("head.db").display())
}

fn job(id: &str, attempt: u32) -> Change {
    Change::Job(Box::new(JobRecord {
        id: id.to_owned(),
        name: "shop".to_owned(),
        plan: "version: 1\n".to_owned(),
        plan_sha256: "ab".repeat(32),
        submitted_by: "ada".to_owned(),
        submitted_at: 5,
        state: JobState::Running,
        wish: Wish::Run,
        attempt,
        failures: 0,
        not_before: 0,
        conductor: Some("w1".to_owned()),
        started_at: Some(6),
        ended_at: None,
        exit_code: None,
        report_json: None,
        why: "nul\0".to_owned(),
        opened: Some(Opened {
            separate: true,
            brief_json: vec![0, 255],
            shared: true,
            source_connections: 4,
            target_connections: 5,
            complete: false,
            closed: true,
        }),
    }))
}

fn split(number: u32) -> SplitRecord {
    let grant_json = format!("{{\"table\":\"orders\",\"split\":{number},\"after\":[\"{number}\"]}}").into_bytes();
    let standing = Standing::Pending { lost: number % 3 };
    let half = if number.is_multiple_of(3) { Half::Validate } else { Half::Copy };
    SplitRecord { split: number, bytes: u64::MAX - 1, recheck: number % 2 == 1, half, grant_json, standing }
}

fn splits(job: &str, numbers: std::ops::Range<u32>) -> Change {
    Change::Splits { job: job.to_owned(), splits: numbers.map(split).collect() }
}

fn standing(job: &str, split: u32, standing: Standing) -> Change {
    Change::Standing { job: job.to_owned(), split, standing }
}

fn leased(number: u64) -> Standing {
    Standing::Leased { lease: number, worker: "w1".to_owned(), lost: 1 }
}

fn event(number: u64) -> Change {
    let (kind, text) = ("step".to_owned(), format!("step {number}\0"));
    Change::Event(EventRecord { number, at: 9, job: Some("a".to_owned()), kind, text })
}

fn audit(object: u64) -> Change {
    let (who, role, operation) = ("ada".to_owned(), "admin".to_owned(), "submit".to_owned());
    Change::Audit(AuditRecord { at: 1, who, role, operation, object: object.to_string(), outcome: "done".to_owned() })
}

async fn lead(store: &Store, patience_ms: u64) -> Option<u64> {
    match store.lead("test", "https://here:1", patience_ms).await.unwrap() {
        Leadership::Mine { term } => Some(term),
        Leadership::Theirs { .. } => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_keeps_what_is_committed() {
    let server = Server::start();
    let url = server.url("postgres");
    let opening: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { Store::open(&url).await }
            })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
    let store = Store::open(&url).await.unwrap();
    let term = lead(&store, 0).await.unwrap();
    store
        .commit(term, vec![job("a", 1), job("b", 1), splits("a", 0..2_003), splits("b", 1..2), audit(1)])
        .await
        .unwrap();
    let reported = Standing::Reported { outcome_json: vec![0, 1], worker: "w2".to_owned() };
    let mut changes: Vec<Change> = (0..1_500).map(|number| standing("a", number, leased(number.into()))).collect();
    changes.extend([standing("a", 7, reported.clone()), job("a", 2), event(1), audit(2), event(2)]);
    changes.push(Change::Settled { job: "a".to_owned(), splits: (1_000..2_000).collect(), tally: Tally::default() });
    changes.push(Change::Cleared { job: "b".to_owned(), tally: Tally::default() });
    store.commit(term, changes).await.unwrap();

    let loaded = Store::open(&url).await.unwrap().load().await.unwrap();
    assert_eq!((loaded.jobs.len(), loaded.jobs[0].attempt, loaded.last_event), (2, 2, 2));
    assert_eq!(
        (loaded.jobs[0].why.as_str(), loaded.jobs[0].opened.as_ref().unwrap().target_connections),
        ("nul\u{fffd}", 5)
    );
    assert_eq!(loaded.splits.keys().collect::<Vec<_>>(), ["a"]);
    let of_a = &loaded.splits["a"];
    assert_eq!(of_a.len(), 1_003);
    assert_eq!((&of_a[7].standing, &of_a[999].standing), (&reported, &leased(999)));
    assert_eq!(of_a[1_000..], [2_000, 2_001, 2_002].map(split));
    assert_eq!(store.events(Some("a"), 1, 9).await.unwrap()[0].text, "step 2\u{fffd}");

    let unknown = store.commit(term, vec![job("c", 1), audit(3), standing("a", 77_777, leased(1))]).await.unwrap_err();
    assert!(matches!(unknown, Error::Internal { .. }), "{unknown}");
    let orphan = store.commit(term, vec![job("c", 1), splits("none", 0..1)]).await.unwrap_err();
    assert!(matches!(orphan, Error::Refused { .. }), "{orphan}");
    assert_eq!(store.load().await.unwrap(), loaded);
    store.add_token(term, "ci", "viewer", "00").await.unwrap();
    assert!(matches!(store.add_token(term, "ci", "viewer", "11").await, Err(Error::Exists { .. })));
    store.revoke_token(term, "ci").await.unwrap();
    assert!(store.tokens().await.unwrap()[0].revoked_at.is_some());
    store.commit(term, vec![audit(3)]).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap(), 3);
    server.psql("postgres", "UPDATE audit SET entry = replace(entry, 'ada', 'eve') WHERE seq = 2");
    let altered = store.verify_audit().await.unwrap_err();
    assert!(matches!(&altered, Error::Altered { what, .. } if what == "audit entry 2"), "{altered}");
}

#[tokio::test]
async fn on_postgresql_another_leads_after_silence_and_the_old_leader_changes_nothing() {
    let server = Server::start();
    let (first, second) =
        (Store::open(&server.url("postgres")).await.unwrap(), Store::open(&server.url("postgres")).await.unwrap());
    let old = lead(&first, 500).await.unwrap();
    first.commit(old, vec![job("a", 1), audit(1)]).await.unwrap();
    assert_eq!(lead(&second, 500).await, None);
    tokio::time::sleep(Duration::from_millis(600)).await;
    let new = lead(&second, 500).await.unwrap();
    assert!(new > old);
    let before = second.load().await.unwrap();
    for fenced in [first.commit(old, vec![job("b", 1), audit(2), event(1)]).await, first.renew(old).await] {
        assert!(matches!(&fenced, Err(Error::Fenced { mine, .. }) if *mine == old), "{fenced:?}");
    }
    assert_eq!(second.load().await.unwrap(), before);
    second.commit(new, vec![audit(2)]).await.unwrap();
    second.resign(new).await.unwrap();
    assert!(lead(&first, 60_000).await.is_some());
    assert_eq!(first.verify_audit().await.unwrap(), 2);
}

#[tokio::test]
async fn a_leader_stopped_in_a_transaction_holds_nobody_up() {
    let server = Server::start();
    let store = Store::open(&server.url("postgres")).await.unwrap();
    let old = lead(&store, 0).await.unwrap();
    store.commit(old, vec![job("a", 0)]).await.unwrap();
    let mut child = writer(&server.url("postgres"));
    let pid = child.0.id().to_string();
    acknowledged(&mut child, 20);
    let signal = |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    let taken = tokio::time::timeout(Duration::from_secs(10), async {
        while lead(&store, 1_000).await.is_none() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    taken.await.expect("it takes over");
    signal("-CONT");
    let status = child.0.wait().unwrap();
    assert!(!status.success(), "the process that went on was fenced");
}

#[tokio::test]
async fn a_lost_server_is_found_again() {
    let mut server = Server::start();
    let store = Store::open(&server.url("postgres")).await.unwrap();
    let term = lead(&store, 0).await.unwrap();
    store.commit(term, vec![job("a", 1)]).await.unwrap();
    server.kill9();
    let away = store.commit(term, vec![job("b", 1)]).await.unwrap_err();
    assert!(matches!(away, Error::Unavailable { .. }), "{away}");
    server.restart();
    store.commit(term, vec![job("c", 1), audit(1)]).await.unwrap();
    let jobs: Vec<_> = store.load().await.unwrap().jobs.into_iter().map(|job| job.id).collect();
    assert_eq!(jobs, ["a", "c"]);
}

/// Not a test of its own: what the tests below start and kill. Commits without end and says what was acknowledged.
#[tokio::test]
async fn a_process_that_is_killed() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = Store::open(&url).await.unwrap();
    let term = lead(&store, 0).await.unwrap();
    let first = u64::from(store.load().await.unwrap().jobs.first().map_or(0, |job| job.attempt));
    for step in first + 1.. {
        let split = u32::try_from(step % 100).unwrap();
        let changes = vec![
            job("a", u32::try_from(step).unwrap()),
            splits("a", 0..100),
            standing("a", split, leased(step)),
            event(step),
            audit(step),
        ];
        store.commit(term, changes).await.unwrap();
        println!("acknowledged {step}");
    }
}

/// A process that commits; gone, whatever becomes of the test.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn writer(url: &str) -> Writer {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_process_that_is_killed", "--nocapture", "--test-threads=1"]).env(URL, url);
    Writer(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
}

/// Reads until `count` commits were acknowledged; the last one's number.
fn acknowledged(Writer(child): &mut Writer, count: usize) -> u64 {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    let steps = lines.filter_map(|line| line.split_once("acknowledged ")?.1.parse().ok());
    steps.take(count).last().expect("it commits")
}

async fn survives_kills(url: &str, rounds: usize) {
    let mut before = 0;
    for round in 0..rounds {
        let mut child = writer(url);
        let known = acknowledged(&mut child, 3 + round * 7 % 20);
        std::thread::sleep(Duration::from_micros(round as u64 * 700));
        child.0.kill().unwrap();
        let mut rest = String::new();
        child.0.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        child.0.wait().unwrap();
        let last = rest.lines().filter_map(|line| line.split_once("acknowledged ")?.1.parse().ok()).next_back();
        let known = last.unwrap_or(known).max(known);

        let store = Store::open(url).await.unwrap();
        lead(&store, 0).await.unwrap();
        let loaded = store.load().await.unwrap();
        let step = u64::from(loaded.jobs[0].attempt);
        assert!(step == known || step == known + 1, "round {round}: {step} is stored, {known} was acknowledged");
        assert!(step > before);
        assert_eq!(loaded.last_event, step);
        let of_a = &loaded.splits["a"];
        let held: Vec<_> = of_a.iter().filter(|split| matches!(split.standing, Standing::Leased { .. })).collect();
        assert_eq!((of_a.len(), held.len(), &held[0].standing), (100, 1, &leased(step)));
        assert_eq!(store.verify_audit().await.unwrap(), step);
        before = step;
    }
}

#[tokio::test]
async fn sqlite_survives_kills_of_the_head() {
    let folder = tempfile::tempdir().unwrap();
    survives_kills(&sqlite(&folder), 8).await;
}

#[tokio::test]
async fn postgresql_survives_kills_of_the_head() {
    let server = Server::start();
    survives_kills(&server.url("postgres"), 8).await;
}

/// What the wire between head and server does with a commit.
const WHOLE: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_AFTER: u8 = 2;

/// Stands between a head and the server at `port`; returns its own port.
async fn wire(port: u16, fault: Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((head, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(carry(head, server, fault.clone()));
        }
    });
    own
}

async fn carry(mut head: TcpStream, mut server: TcpStream, fault: Arc<AtomicU8>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = head.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let is_commit = asked[..count].windows(6).any(|word| word == b"COMMIT");
                let fault = if is_commit { fault.load(Ordering::SeqCst) } else { WHOLE };
                if fault == CUT_BEFORE {
                    return;
                }
                server.write_all(&asked[..count]).await.unwrap();
                if fault == CUT_AFTER {
                    server.readable().await.unwrap();
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                head.write_all(&answered[..count]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_commit_without_an_answer_is_an_error_and_not_tried_again() {
    let server = Server::start_with(Options { tcp: true, ..Options::default() });
    let url = server.tcp_url("postgres", "postgres");
    let port = url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0;
    let fault = Arc::new(AtomicU8::new(WHOLE));
    let own = wire(port.parse().unwrap(), fault.clone()).await;
    let store = Store::open(&format!("{}?sslmode=disable", url.replace(port, &own.to_string()))).await.unwrap();
    let term = lead(&store, 0).await.unwrap();
    store.commit(term, vec![audit(1)]).await.unwrap();
    for (kind, entries) in [(CUT_BEFORE, 1), (CUT_AFTER, 2)] {
        fault.store(kind, Ordering::SeqCst);
        let lost = store.commit(term, vec![audit(2), job(&kind.to_string(), 1)]).await.unwrap_err();
        assert!(matches!(&lost, Error::Unavailable { why, .. } if why.contains("nobody knows")), "{lost}");
        fault.store(WHOLE, Ordering::SeqCst);
        assert_eq!(store.verify_audit().await.unwrap(), entries);
        assert_eq!(store.load().await.unwrap().jobs.len() as u64, entries - 1);
    }
    store.commit(term, vec![audit(3)]).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap(), 3);
}

/// Stores a million splits, reads them back and changes some; tells how long that took.
async fn holds_a_million_splits(url: &str) -> String {
    let store = Store::open(url).await.unwrap();
    let term = lead(&store, 0).await.unwrap();
    let clock = Deadline::after(Duration::ZERO);
    store.commit(term, vec![job("a", 1)]).await.unwrap();
    for chunk in 0..100 {
        store.commit(term, vec![splits("a", chunk * 10_000..(chunk + 1) * 10_000)]).await.unwrap();
    }
    let stored = clock.elapsed();
    assert_eq!(store.load().await.unwrap().splits["a"].len(), 1_000_000);
    let loaded = clock.elapsed();
    for batch in 0..20 {
        let changes =
            (0..500).map(|number| standing("a", batch * 40_000 + number * 7, leased(number.into()))).collect();
        store.commit(term, changes).await.unwrap();
    }
    let batch = (clock.elapsed() - loaded) / 20;
    format!("stored in {stored:?}, read back in {:?}, 500 standings in {batch:?}", loaded - stored)
}

#[tokio::test]
#[ignore = "takes half a minute; prints times"]
async fn sqlite_holds_a_million_splits() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", holds_a_million_splits(&sqlite(&folder)).await);
}

#[tokio::test]
#[ignore = "takes half a minute; prints times"]
async fn postgresql_holds_a_million_splits() {
    let server = Server::start();
    println!("{}", holds_a_million_splits(&server.url("postgres")).await);
}
