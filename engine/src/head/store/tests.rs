//! The store on real SQLite files. The same on PostgreSQL, and what a crash leaves, is tested end to end.

use tempfile::TempDir;

use super::*;
use crate::head::record::*;
use sensei_storage::Error;

struct Fixture {
    folder: TempDir,
    store: Store,
    term: u64,
}

impl Fixture {
    async fn new() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&url(&folder)).await.unwrap();
        let term = lead(&store, "first").await;
        Fixture { folder, store, term }
    }

    async fn commit(&self, changes: Vec<Change>) {
        self.store.commit(self.term, changes).await.unwrap();
    }

    /// What another process reads.
    async fn loaded(&self) -> Loaded {
        Store::open(&url(&self.folder)).await.unwrap().load().await.unwrap()
    }

    /// A change behind the store's back.
    async fn tamper(&self, sql: &'static str) {
        self.store.database.write(vec![Statement::new(sql)]).await.unwrap();
    }
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("head.db").display())
}

async fn lead(store: &Store, holder: &str) -> u64 {
    match store.lead(holder, "https://here:1", 0).await.unwrap() {
        Leadership::Mine { term } => term,
        Leadership::Theirs { address } => panic!("{address} leads"),
    }
}

fn job(id: &str) -> JobRecord {
    JobRecord {
        id: id.to_owned(),
        name: "shop".to_owned(),
        plan: "version: 1\n".to_owned(),
        plan_sha256: "ab".repeat(32),
        submitted_by: "ada".to_owned(),
        submitted_at: 5,
        state: JobState::Queued,
        wish: Wish::Run,
        attempt: 0,
        failures: 0,
        not_before: 0,
        conductor: None,
        started_at: None,
        ended_at: None,
        exit_code: None,
        report_json: None,
        why: String::new(),
        opened: None,
    }
}

fn full_job(id: &str) -> JobRecord {
    let opened = Opened {
        brief_json: b"{\"a\":1}".to_vec(),
        shared: true,
        separate: true,
        source_connections: 4,
        target_connections: u32::MAX,
        complete: false,
        closed: true,
    };
    JobRecord {
        state: JobState::Failed,
        wish: Wish::Stop,
        attempt: u32::MAX,
        failures: 3,
        not_before: i64::MAX,
        conductor: Some("w1".to_owned()),
        started_at: Some(-1),
        ended_at: Some(7),
        exit_code: Some(255),
        report_json: Some("{}".to_owned()),
        why: "it's “why”".to_owned(),
        opened: Some(opened),
        ..job(id)
    }
}

fn split(number: u32, standing: Standing) -> SplitRecord {
    let half = if number.is_multiple_of(3) { Half::Validate } else { Half::Copy };
    SplitRecord { split: number, bytes: u64::MAX, recheck: number % 2 == 1, half, grant_json: vec![0, 255], standing }
}

fn standings() -> [Standing; 3] {
    [
        Standing::Pending { lost: 2 },
        Standing::Leased { lease: u64::MAX, worker: "w1".to_owned(), lost: 1 },
        Standing::Reported { outcome_json: b"{}".to_vec(), worker: "w2".to_owned() },
    ]
}

fn splits(job: &str, splits: Vec<SplitRecord>) -> Change {
    Change::Splits { job: job.to_owned(), splits }
}

fn standing(job: &str, split: u32, standing: Standing) -> Change {
    Change::Standing { job: job.to_owned(), split, standing }
}

fn event(number: u64, job: Option<&str>) -> EventRecord {
    let job = job.map(str::to_owned);
    EventRecord { number, at: 9, job, kind: "lost".to_owned(), text: format!("event {number}") }
}

fn audit(object: &str) -> Change {
    Change::Audit(AuditRecord {
        at: 1,
        who: "ada".to_owned(),
        role: "admin".to_owned(),
        operation: "submit".to_owned(),
        object: object.to_owned(),
        outcome: "done".to_owned(),
    })
}

#[tokio::test]
async fn jobs_and_splits_come_back_as_they_were_stored() {
    let fixture = Fixture::new().await;
    let of_a: Vec<_> = (0..).zip(standings()).map(|(number, standing)| split(number, standing)).collect();
    let (a, b) = (Change::Job(Box::new(full_job("a"))), Change::Job(Box::new(job("b"))));
    fixture
        .commit(vec![a, b, splits("a", of_a.clone()), splits("b", vec![of_a[2].clone()]), splits("b", vec![])])
        .await;
    let loaded = fixture.loaded().await;
    assert_eq!(loaded.jobs, [full_job("a"), job("b")]);
    assert_eq!(loaded.splits["a"], of_a);
    assert_eq!(loaded.splits["b"], [of_a[2].clone()]);

    fixture.commit(vec![Change::Job(Box::new(job("a")))]).await;
    let loaded = fixture.loaded().await;
    assert_eq!((&loaded.jobs[0], &loaded.splits["a"]), (&job("a"), &of_a), "a job's splits are not touched");
}

#[tokio::test]
async fn splits_stand_where_the_last_change_put_them() {
    let fixture = Fixture::new().await;
    let [pending, leased, reported] = standings();
    let all =
        vec![split(3, pending.clone()), split(1, leased.clone()), split(2, pending.clone()), split(3, leased.clone())];
    let [a, b] = ["a", "b"].map(|id| Change::Job(Box::new(job(id))));
    fixture.commit(vec![a, b, splits("a", all), splits("b", vec![split(1, pending.clone())])]).await;
    fixture
        .commit(vec![
            standing("a", 1, pending.clone()),
            standing("a", 2, leased.clone()),
            standing("a", 2, reported.clone()),
            Change::Settled { job: "a".to_owned(), splits: vec![1, 77], tally: A_SPLIT },
            Change::Cleared { job: "b".to_owned(), tally: TWO_SPLITS },
            splits("b", vec![split(9, pending.clone())]),
            standing("b", 9, reported.clone()),
        ])
        .await;
    let loaded = fixture.loaded().await;
    assert_eq!(loaded.splits["a"], [split(2, reported.clone()), split(3, leased)]);
    assert_eq!(loaded.splits["b"], [split(9, reported)]);
    assert_eq!((loaded.tallies["a"], loaded.tallies["b"]), (A_SPLIT, TWO_SPLITS));
    let settled = Change::Settled { job: "b".to_owned(), splits: vec![9], tally: A_SPLIT };
    fixture.commit(vec![settled, Change::Job(Box::new(job("b")))]).await;
    let Tally { splits, bytes_done, .. } = fixture.loaded().await.tallies["b"];
    assert_eq!((splits, bytes_done), (3, u64::MAX >> 1), "it adds up, and a job's record leaves it alone");
}

/// What one split adds that was settled; its bytes leave room for more of them.
const A_SPLIT: Tally = Tally { splits: 1, splits_done: 1, bytes: u64::MAX >> 2, bytes_done: u64::MAX >> 2 };
/// What is left of two, one of them done.
const TWO_SPLITS: Tally = Tally { splits: 2, splits_done: 1, bytes: 9, bytes_done: (u64::MAX >> 2) + 1 };

#[tokio::test]
async fn a_forgotten_job_leaves_nothing() {
    let fixture = Fixture::new().await;
    let of = |id: &str| vec![Change::Job(Box::new(job(id))), splits(id, vec![split(1, Standing::Pending { lost: 0 })])];
    fixture.commit([of("a"), of("b"), vec![Change::Event(event(1, Some("a")))]].concat()).await;
    let forgotten = Change::Forgotten { job: "a".to_owned() };
    fixture.commit(vec![Change::Cleared { job: "a".to_owned(), tally: TWO_SPLITS }]).await;
    fixture.commit(vec![Change::Event(event(2, Some("a"))), forgotten, Change::Event(event(3, None))]).await;
    let loaded = fixture.loaded().await;
    assert_eq!((loaded.jobs, loaded.splits.len(), loaded.last_event), (vec![job("b")], 1, 3));
    assert!(loaded.tallies.is_empty());
    assert_eq!(fixture.store.events(None, 0, 9).await.unwrap(), [event(3, None)]);
}

#[tokio::test]
async fn a_commit_is_whole_or_nothing() {
    let fixture = Fixture::new().await;
    let [pending, ..] = standings();
    let changes = vec![
        Change::Job(Box::new(job("a"))),
        splits("a", vec![split(1, pending.clone())]),
        audit("a"),
        Change::Event(event(1, Some("a"))),
        standing("a", 2, pending.clone()),
    ];
    let refused = fixture.store.commit(fixture.term, changes).await.unwrap_err();
    assert!(matches!(refused, Error::Internal { .. }), "{refused}");
    assert_eq!(fixture.loaded().await, Loaded::default());
    assert_eq!(fixture.store.verify_audit().await.unwrap(), 0);
    let orphan = fixture.store.commit(fixture.term, vec![splits("none", vec![split(1, pending)])]).await.unwrap_err();
    assert!(matches!(orphan, Error::RefusedRow { .. } | Error::Refused { .. }), "{orphan}");
    fixture.commit(vec![audit("a")]).await;
    assert_eq!(fixture.store.verify_audit().await.unwrap(), 1);
}

#[tokio::test]
async fn a_leader_that_was_replaced_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.commit(vec![Change::Job(Box::new(job("a"))), audit("a")]).await;
    let second = Store::open(&url(&fixture.folder)).await.unwrap();
    let long = second.lead("second", "https://there:2", 60_000).await.unwrap();
    assert_eq!(long, Leadership::Theirs { address: "https://here:1".to_owned() });
    let term = lead(&second, "second").await;
    assert!(term > fixture.term);

    let changes = vec![Change::Job(Box::new(job("b"))), audit("b"), Change::Event(event(1, None))];
    let (old, store) = (fixture.term, &fixture.store);
    for fenced in [
        store.commit(old, changes).await,
        store.commit(old, vec![]).await,
        store.renew(old).await,
        store.resign(old).await,
        store.add_token(old, "t", "admin", "00").await,
    ] {
        assert!(matches!(&fenced, Err(Error::Fenced { mine, .. }) if *mine == old), "{fenced:?}");
    }
    let loaded = fixture.loaded().await;
    assert_eq!((loaded.jobs, loaded.last_event), (vec![job("a")], 0));
    assert_eq!(second.tokens().await.unwrap(), []);
    second.commit(term, vec![audit("c")]).await.unwrap();
    assert_eq!(second.verify_audit().await.unwrap(), 2);
}

#[tokio::test]
async fn leading_ends_by_silence_or_by_resigning() {
    let fixture = Fixture::new().await;
    let second = Store::open(&url(&fixture.folder)).await.unwrap();
    second.lead("second", "x", 400).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    fixture.store.renew(fixture.term).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    assert!(matches!(second.lead("second", "x", 400).await.unwrap(), Leadership::Theirs { .. }));
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    let Leadership::Mine { term } = second.lead("second", "x", 400).await.unwrap() else { panic!("nobody renewed") };
    second.resign(term).await.unwrap();
    assert!(matches!(second.renew(term).await, Err(Error::Fenced { .. })));
    let Leadership::Mine { term: next } = second.lead("third", "x", 60_000).await.unwrap() else {
        panic!("it resigned")
    };
    assert!(next > term);
    fixture.tamper("UPDATE leader SET renewed_at = renewed_at + 3600000").await;
    assert!(matches!(second.lead("fourth", "x", 60_000).await.unwrap(), Leadership::Mine { .. }), "a clock set back");
}

#[tokio::test]
async fn events_are_kept_up_to_a_number() {
    let fixture = Fixture::new().await;
    let many = u64::from(EVENTS_PER_JOB_MAX) + 10;
    fixture.commit((1..=many).map(|number| Change::Event(event(number, Some("a")))).collect()).await;
    fixture.commit(vec![Change::Event(event(many + 1, None)), Change::Event(event(many + 2, Some("a")))]).await;
    let numbers = async |job: Option<&str>, after, limit| -> Vec<u64> {
        let events = fixture.store.events(job, after, limit).await.unwrap();
        events.iter().map(|event| event.number).collect()
    };
    assert_eq!(numbers(Some("a"), 0, u32::MAX).await.len(), EVENTS_PER_JOB_MAX as usize);
    assert_eq!(numbers(Some("a"), 0, 2).await, [12, 13]);
    assert_eq!(numbers(None, many - 1, 9).await, [many, many + 1, many + 2]);
    assert_eq!(fixture.store.events(None, many, 1).await.unwrap(), [event(many + 1, None)]);
    assert_eq!(fixture.loaded().await.last_event, many + 2);
}

#[tokio::test]
async fn what_is_done_to_the_audit_log_shows() {
    for (sql, entry) in [
        ("UPDATE audit SET entry = replace(entry, 'ada', 'eve') WHERE seq = 2", "entry 2"),
        ("UPDATE audit SET sha256 = previous_sha256 WHERE seq = 2", "entry 2"),
        ("UPDATE audit SET previous_sha256 = sha256 WHERE seq = 3", "entry 3"),
        ("UPDATE audit SET entry = 'x' WHERE seq = 1", "entry 1"),
        ("DELETE FROM audit WHERE seq = 3", "entry 3"),
        ("DELETE FROM audit WHERE seq = 1", "entry 1"),
    ] {
        let fixture = Fixture::new().await;
        fixture.commit(vec![audit("one"), audit("two\0")]).await;
        fixture.commit(vec![audit("three")]).await;
        fixture.commit(vec![audit("four")]).await;
        assert_eq!(fixture.store.verify_audit().await.unwrap(), 4);
        fixture.tamper(sql).await;
        let found = fixture.store.verify_audit().await.unwrap_err();
        assert!(matches!(&found, Error::Altered { what, .. } if what.ends_with(entry)), "{sql}: {found}");
    }
}

#[tokio::test]
async fn the_audit_log_goes_on_only_where_it_ended() {
    let fixture = Fixture::new().await;
    fixture.commit(vec![audit("one"), audit("two")]).await;
    fixture.tamper("DELETE FROM audit WHERE seq = 2").await;
    let found = fixture.store.commit(fixture.term, vec![audit("three")]).await.unwrap_err();
    assert!(matches!(&found, Error::Altered { what, .. } if what == "audit entry 2"), "{found}");
    let entries = fixture.store.audit(0, 10).await.unwrap();
    assert_eq!((entries.len(), entries[0].record.object.as_str(), entries[0].seq), (1, "one", 1));
}

#[tokio::test]
async fn tokens_are_added_and_revoked() {
    let Fixture { store, term, folder: _folder } = Fixture::new().await;
    store.add_token(term, "ci", "operator", "aa").await.unwrap();
    let twice = store.add_token(term, "ci", "admin", "bb").await.unwrap_err();
    assert!(matches!(twice, Error::Exists { .. }), "{twice}");
    let tokens = store.tokens().await.unwrap();
    assert_eq!((tokens.len(), tokens[0].role.as_str(), tokens[0].revoked_at), (1, "operator", None));
    store.revoke_token(term, "ci").await.unwrap();
    assert!(store.tokens().await.unwrap()[0].revoked_at.is_some());
    assert!(matches!(store.revoke_token(term, "ci").await, Err(Error::Missing { .. })));
    store.add_token(term, "ci", "viewer", "cc").await.unwrap();
    let tokens = store.tokens().await.unwrap();
    assert_eq!((tokens[0].sha256.as_str(), tokens[0].revoked_at), ("cc", None));
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_refused() {
    for sql in [
        "UPDATE jobs SET state = 'dreaming'",
        "UPDATE jobs SET attempt = -1",
        "UPDATE jobs SET brief_json = x'00'",
        "UPDATE splits SET lost = NULL",
    ] {
        let fixture = Fixture::new().await;
        let [pending, ..] = standings();
        fixture.commit(vec![Change::Job(Box::new(job("a"))), splits("a", vec![split(1, pending)])]).await;
        fixture.tamper(sql).await;
        let refused = fixture.store.load().await.unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{sql}: {refused}");
    }
}
