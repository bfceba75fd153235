//! Chains, tampering, fencing, and a process that dies at every write.

use std::collections::BTreeSet;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::*;
use crate::cut::Cut;
use crate::digest::Digest;
use crate::evidence::{self, JournalFacts};
use crate::split::{Range, Split, SplitId};
use crate::target::{Commit, Token};
use crate::testing::{Failure, FaultyStore};
use crate::verdict::Verdict;

const JOB: &str = "shop-1";
const SPLITS: u32 = 4;

fn key() -> SigningKey {
    SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
        "test key",
    )
    .unwrap()
}

fn opening() -> Opening {
    let split = |id| Split { id: SplitId(id), table: 0, range: Range::Whole, rows_estimate: 1, bytes_estimate: 9 };
    Opening {
        plan_name: "shop".into(),
        plan_sha256: "ab".repeat(32),
        plan_json: b"{\"name\":\"shop\"}".to_vec(),
        digest_key: "cd".repeat(32),
        splits: (0..SPLITS).map(split).collect(),
        row_encoding: "row-v2".into(),
        engine_version: "0.1.0".into(),
        started_at: "2025-01-01T00:00:00Z".into(),
    }
}

fn done(split: u32, generation: u64) -> Event {
    Event::SplitDone(Checkpoint {
        split: SplitId(split),
        generation,
        attempt: 1,
        snapshot: "s".into(),
        rows_filtered: 0,
        rows_read: 1,
        rows_written: 1,
        rows_rejected: 0,
        lossy: vec![("c".into(), 1)],
        expected: Digest::of_row([1; 32]),
        actual: Some(Digest::of_row([1; 32])),
        commit: Commit { rows: 1, token: Token::Sqlite { job: "j".into(), split, rowids_sha256: "00".into() } },
    })
}

fn opened(generation: u64) -> Event {
    let snapshot = format!("s{generation}");
    Event::GenerationOpened(Generation { generation, snapshot, at: "2025-01-01T00:00:00Z".into() })
}

fn prefix() -> Path {
    Path::from("some/state")
}

async fn create(store: Arc<dyn ObjectStore>) -> Journal {
    Journal::create(store, prefix(), JOB, &key(), opening()).await.unwrap().0
}

async fn open(store: Arc<dyn ObjectStore>) -> Result<(Journal, History)> {
    Journal::open(store, prefix(), JOB, &key()).await
}

/// A job with one writer, two finished splits and two epochs beyond the first.
async fn walked(store: Arc<dyn ObjectStore>) -> Journal {
    let mut journal = create(store).await;
    assert_eq!(journal.begin_generation().await.unwrap(), 1);
    journal.append(vec![opened(1), Event::StageDone { stage: "prepare".into() }]).await.unwrap();
    journal.append(vec![done(0, 1), done(2, 1)]).await.unwrap();
    journal
}

#[tokio::test]
async fn what_was_appended_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let local: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    for store in [Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, local] {
        assert!(jobs(store.clone(), prefix()).await.unwrap().is_empty());
        let mut journal = walked(store.clone()).await;
        let reject = Reject { split: SplitId(0), file: "r".into(), rows: 2, sha256: "00".into() };
        journal
            .append(vec![Event::Rejected(reject.clone()), Event::SplitReopened { split: SplitId(2), why: "x".into() }])
            .await
            .unwrap();
        journal.append(vec![Event::Interrupted(Interruption { at: "t".into(), why: "ctrl-c".into() })]).await.unwrap();

        let (reopened, history) = open(store.clone()).await.unwrap();
        let started_from = opening();
        assert_eq!(history.splits, started_from.splits);
        assert_eq!(history.opening, Opening { splits: Vec::new(), ..started_from });
        assert_eq!(history.finished.keys().copied().collect::<Vec<_>>(), [SplitId(0)]);
        assert_eq!(history.reopened, 1);
        assert_eq!(history.stages, BTreeSet::from(["prepare".to_owned()]));
        assert_eq!(history.rejects[&SplitId(0)], reject);
        assert_eq!((history.snapshots(), history.resumes()), (vec!["s1".to_owned()], 0));
        assert!(history.interrupted.is_some() && history.finish.is_none());
        assert_eq!((history.epochs, reopened.epochs()), (5, 5));
        assert_eq!(reopened.head_sha256(), journal.head_sha256());

        let mut reopened = reopened;
        assert_eq!(reopened.begin_generation().await.unwrap(), 2);
        reopened.append(vec![opened(2)]).await.unwrap();
        let history = super::history(store.clone(), prefix(), JOB, None).await.unwrap();
        assert_eq!((history.resumes(), history.interrupted), (1, None));
        assert_eq!(jobs(store.clone(), prefix()).await.unwrap(), [JOB]);
    }
}

#[tokio::test]
async fn jobs_are_numbered_by_plan() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    assert_eq!(latest_job(store.clone(), prefix(), "shop").await.unwrap(), None);
    assert_eq!(next_job(store.clone(), prefix(), "shop").await.unwrap(), "shop-1");
    for job in ["shop-1", "shop-2", "shop-10", "shop-2-1"] {
        Journal::create(store.clone(), prefix(), job, &key(), opening()).await.unwrap();
    }
    assert_eq!(latest_job(store.clone(), prefix(), "shop").await.unwrap().as_deref(), Some("shop-10"));
    assert_eq!(latest_job(store.clone(), prefix(), "shop-2").await.unwrap().as_deref(), Some("shop-2-1"));
    assert_eq!(next_job(store.clone(), prefix(), "shop").await.unwrap(), "shop-11");
    assert_eq!(jobs(store.clone(), prefix()).await.unwrap(), ["shop-1", "shop-2", "shop-10", "shop-2-1"]);
    let again = Journal::create(store.clone(), prefix(), "shop-1", &key(), opening()).await.unwrap_err();
    assert!(matches!(again, Error::Exists { .. }), "{again}");
    for name in ["", "a/b", "..", "a b", "é", &"x".repeat(NAME_BYTES_MAX + 1)] {
        assert!(matches!(next_job(store.clone(), prefix(), name).await, Err(Error::Invalid { .. })), "{name}");
    }
    assert!(matches!(super::history(store, prefix(), "none-1", None).await, Err(Error::Missing { .. })));
}

/// Every file of a journal, changed in every byte position sampled or taken away: refused, and named.
#[tokio::test]
async fn an_altered_file_is_named() {
    let store = Arc::new(InMemory::new());
    let mut journal = walked(store.clone()).await;
    finish(&mut journal).await;
    let paths: Vec<Path> = {
        use futures::TryStreamExt as _;
        store.list(None).map_ok(|object| object.location).try_collect().await.unwrap()
    };
    assert_eq!(paths.len(), 8, "{paths:?}"); // A blob, the plan, a generation, four epochs, the certificate.
    for path in paths {
        let original = store.get(&path).await.unwrap().bytes().await.unwrap();
        for at in (0..original.len()).step_by(original.len().div_ceil(40)) {
            let mut bytes = original.to_vec();
            bytes[at] ^= 1;
            store.put(&path, PutPayload::from(bytes)).await.unwrap();
            assert_altered(store.clone(), &path).await;
        }
        for bytes in [Vec::new(), b"{}".to_vec(), original[..original.len() / 2].to_vec()] {
            store.put(&path, PutPayload::from(bytes)).await.unwrap();
            assert_altered(store.clone(), &path).await;
        }
        let last = path.as_ref().ends_with("epochs/00000003.json");
        store.delete(&path).await.unwrap();
        if !last {
            assert_altered(store.clone(), &path).await;
        }
        store.put(&path, PutPayload::from(original)).await.unwrap();
        open(store.clone()).await.unwrap();
    }
}

async fn assert_altered(store: Arc<dyn ObjectStore>, path: &Path) {
    for result in [open(store.clone()).await.map(|_| ()), history(store, prefix(), JOB, None).await.map(|_| ())] {
        match result {
            Err(Error::Altered { what, .. }) => {
                assert_eq!(what, path.to_string());
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

/// Certifies and finishes.
async fn finish(journal: &mut Journal) {
    let certificate = certificate_of(journal);
    let sha256 = journal.store_certificate(certificate).await.unwrap();
    let finish = Finish { verdict: Verdict::Equivalent, certificate_sha256: sha256, at: "t".into() };
    journal.append(vec![Event::Finished(finish)]).await.unwrap();
}

fn certificate_of(journal: &Journal) -> Bytes {
    let tables = vec![evidence::TableFacts {
        source: "t".into(),
        target: "t".into(),
        rows_filtered: 0,
        rows_read: 0,
        rows_rejected: 0,
        rows_written: 0,
        rows_verified: 0,
        expected: Digest::ZERO,
        actual: Some(Digest::ZERO),
        verdict: Verdict::Equivalent,
        splits: 1,
    }];
    let claims = evidence::Predicate {
        job: JOB.into(),
        plan_name: "shop".into(),
        plan_sha256: "ab".repeat(32),
        engine_version: "0.1.0".into(),
        row_encoding: "row-v2".into(),
        digest_key: "cd".repeat(32),
        source: evidence::SourceFacts { system: crate::System::Sqlite, description: "s".into(), snapshots: vec![] },
        target: evidence::TargetFacts { system: crate::System::Sqlite, description: "t".into() },
        started_at: "t".into(),
        finished_at: "t".into(),
        verdict: Verdict::Equivalent,
        mode: crate::VerifyMode::Full,
        totals: evidence::Totals::of(&tables).unwrap(),
        perspectives: evidence::Perspectives::of(&tables, &[], None),
        tables,
        cuts: vec![],
        lossy_rules: vec![],
        not_carried: vec![],
        rejects: evidence::Rejects::default(),
        resumes: 0,
        recopied_splits: 0,
        limits: vec![],
        journal: JournalFacts { epochs: journal.epochs(), head_sha256: journal.head_sha256().to_owned() },
        structural: None,
        referential: vec![],
    };
    Bytes::from(evidence::issue(claims, &key()).unwrap())
}

#[tokio::test]
async fn a_certificate_is_stored_once_and_shows_a_cut_journal() {
    let store = Arc::new(InMemory::new());
    let journal = walked(store.clone()).await;
    let certificate = certificate_of(&journal);
    let sha256 = journal.store_certificate(certificate.clone()).await.unwrap();
    assert_eq!(journal.store_certificate(certificate.clone()).await.unwrap(), sha256);
    let other = journal.store_certificate(Bytes::from_static(b"{}")).await.unwrap_err();
    assert!(matches!(other, Error::Exists { .. }), "{other}");
    // The job died before it recorded the certificate.
    let (_, history) = open(store.clone()).await.unwrap();
    assert_eq!((history.certificate_sha256, history.finish), (Some(sha256), None));
    assert_eq!(super::certificate(store.clone(), prefix(), JOB).await.unwrap(), Some(certificate));
    // Its last epoch is taken away: no gap, but the certificate was made from it.
    let last = objects::numbered(&journal.objects.job(JOB, "epochs"), journal.epochs() - 1);
    store.delete(&last).await.unwrap();
    let cut = open(store).await.unwrap_err();
    assert!(cut.to_string().contains("certificate.json"), "{cut}");
}

#[tokio::test]
async fn records_cannot_be_moved_or_signed_by_others() {
    let store = Arc::new(InMemory::new());
    walked(store.clone()).await;
    let stranger = SigningKey::generate().unwrap();
    let refused = Journal::open(store.clone(), prefix(), JOB, &stranger).await.unwrap_err();
    assert!(matches!(refused, Error::Altered { .. }), "{refused}");
    Journal::create(store.clone(), prefix(), "shop-2", &key(), opening()).await.unwrap();
    // Epoch 0 of another job, validly signed by the same key.
    let (from, to) = ("some/state/jobs/shop-2/epochs/00000000.json", "some/state/jobs/shop-1/epochs/00000000.json");
    let bytes = store.get(&Path::from(from)).await.unwrap().bytes().await.unwrap();
    store.put(&Path::from(to), PutPayload::from(bytes)).await.unwrap();
    assert_altered(store, &Path::from(to)).await;
}

#[tokio::test]
async fn of_two_writers_one_is_fenced() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut first = walked(store.clone()).await;
    let (mut second, _) = open(store.clone()).await.unwrap();
    assert_eq!(second.begin_generation().await.unwrap(), 2);
    second.append(vec![opened(2)]).await.unwrap();
    let fenced = first.append(vec![done(1, 1)]).await.unwrap_err();
    assert!(matches!(fenced, Error::Fenced { mine: 1, .. }), "{fenced}");
    // It stays fenced, and left nothing behind.
    assert!(matches!(first.append(vec![done(1, 1)]).await, Err(Error::Fenced { .. })));
    second.append(vec![done(3, 2)]).await.unwrap();
    let (_, history) = open(store).await.unwrap();
    assert!(!history.finished.contains_key(&SplitId(1)) && history.finished.contains_key(&SplitId(3)));
}

/// Two writers that record the very same thing are still two.
#[tokio::test]
async fn equal_events_of_two_writers_are_not_confused() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    drop(walked(store.clone()).await);
    let (mut first, _) = open(store.clone()).await.unwrap();
    let (mut second, _) = open(store.clone()).await.unwrap();
    assert_ne!(first.begin_generation().await.unwrap(), second.begin_generation().await.unwrap());
    first.append(vec![done(1, 9)]).await.unwrap();
    assert!(matches!(second.append(vec![done(1, 9)]).await, Err(Error::Fenced { .. })));
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_looking() {
    for (written, healed) in [(true, true), (false, false)] {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        drop(walked(inner.clone()).await);
        let faulty = FaultyStore::new(inner.clone(), Some(Failure { put: 1, written, fatal: false }));
        let (mut journal, _) = open(faulty).await.unwrap();
        journal.begin_generation().await.unwrap();
        let result = journal.append(vec![opened(2)]).await;
        assert_eq!(result.is_ok(), healed, "{result:?}");
        if !healed {
            assert_eq!(result.unwrap_err().kind(), crate::Kind::Unavailable);
            journal.append(vec![opened(2)]).await.unwrap();
        }
        journal.append(vec![done(1, 2)]).await.unwrap();
        let (_, history) = open(inner).await.unwrap();
        assert_eq!((history.epochs, history.generations.len()), (5, 2));
    }
}

#[tokio::test]
async fn limits_are_kept() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut journal = create(store.clone()).await;
    let early = journal.append(vec![done(0, 1)]).await.unwrap_err();
    assert!(matches!(early, Error::Internal { .. }), "{early}");
    journal.begin_generation().await.unwrap();
    let many = vec![done(0, 1); EVENTS_PER_EPOCH_MAX + 1];
    assert!(matches!(journal.append(many).await, Err(Error::Invalid { .. })));
    let large = Event::StageDone { stage: "x".repeat(EPOCH_BYTES_MAX as usize) };
    assert!(matches!(journal.append(vec![large]).await, Err(Error::Invalid { .. })));
    journal.append(vec![]).await.unwrap();
    assert_eq!(journal.epochs(), 1);
    journal.append(vec![done(SPLITS, 1)]).await.unwrap();
    let unknown = open(store).await.unwrap_err();
    assert!(matches!(unknown, Error::Corrupt { .. }), "{unknown}");
}

#[tokio::test]
async fn blobs_are_named_by_their_content() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let journal = create(store.clone()).await;
    let bytes = Bytes::from_static(b"large");
    let sha256 = journal.put_blob(bytes.clone()).await.unwrap();
    assert_eq!(journal.put_blob(bytes.clone()).await.unwrap(), sha256);
    assert_eq!(journal.get_blob(&sha256).await.unwrap(), bytes);
    assert!(matches!(journal.get_blob(&"00".repeat(32)).await, Err(Error::Missing { .. })));
    assert!(matches!(journal.get_blob("../..").await, Err(Error::Invalid { .. })));
    let path = format!("some/state/blobs/sha256/{}/{sha256}", &sha256[..2]);
    store.put(&Path::from(path.clone()), PutPayload::from_static(b"other")).await.unwrap();
    for error in [journal.get_blob(&sha256).await.unwrap_err(), journal.put_blob(bytes).await.unwrap_err()] {
        assert!(matches!(&error, Error::Altered { what, .. } if *what == path), "{error}");
    }
}

/// A journal over splits of heap blocks.
async fn of_blocks(store: Arc<dyn ObjectStore>) -> Journal {
    let blocks = |(id, start, end)| Split {
        id: SplitId(id),
        table: 0,
        range: Range::Blocks { start, end },
        rows_estimate: 100,
        bytes_estimate: 900,
    };
    let splits = [(0, 0, Some(10)), (1, 10, None)].into_iter().map(blocks).collect();
    let opening = Opening { splits, ..opening() };
    let mut journal = Journal::create(store, prefix(), JOB, &key(), opening).await.unwrap().0;
    journal.begin_generation().await.unwrap();
    journal.append(vec![opened(1)]).await.unwrap();
    journal
}

fn cut(split: u32, at: i64, rest: u32) -> Event {
    Event::SplitCut(Cut { split: SplitId(split), at, rest: SplitId(rest), rows_estimate: 40, bytes_estimate: 400 })
}

#[tokio::test]
async fn cuts_are_part_of_what_a_job_consists_of() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut journal = of_blocks(store.clone()).await;
    journal.append(vec![cut(1, 30, 2)]).await.unwrap();
    journal.append(vec![done(1, 1), cut(2, 40, 3)]).await.unwrap();
    let (_, history) = open(store).await.unwrap();
    let ranges = [(0, Some(10)), (10, Some(30)), (30, Some(40)), (40, None)];
    let expected: Vec<Range> = ranges.into_iter().map(|(start, end)| Range::Blocks { start, end }).collect();
    assert_eq!(history.splits.iter().map(|split| split.range.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(history.splits.iter().map(|split| split.id.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(history.splits.iter().map(|split| split.bytes_estimate).sum::<u64>(), 1800);
    assert_eq!((history.cuts.len(), history.finished.len()), (2, 1));
}

#[tokio::test]
async fn a_cut_that_cannot_have_been_is_refused() {
    let wrong = [
        ("unknown", vec![cut(7, 5, 2)]),
        ("outside", vec![cut(0, 10, 2)]),
        ("at its begin", vec![cut(1, 10, 2)]),
        ("a number that is taken", vec![cut(0, 5, 1)]),
        ("a number that leaves a gap", vec![cut(0, 5, 3)]),
        ("cut off before", vec![cut(0, 5, 2), cut(0, 7, 3)]),
        ("finished", vec![done(0, 1), cut(0, 5, 2)]),
    ];
    for (why, events) in wrong {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        of_blocks(store.clone()).await.append(events).await.unwrap();
        assert!(matches!(open(store).await, Err(Error::Corrupt { .. })), "{why}");
    }
}

/// A whole job over a store that may die; resumes what it finds. The target is a set of splits that outlives it.
async fn run(store: Arc<dyn ObjectStore>, committed: &mut Vec<u32>) -> Result<()> {
    let (mut journal, history) = match latest_job(store.clone(), prefix(), "shop").await? {
        Some(job) => Journal::open(store, prefix(), &job, &key()).await?,
        None => {
            let job = next_job(store.clone(), prefix(), "shop").await?;
            Journal::create(store, prefix(), &job, &key(), opening()).await?
        }
    };
    if history.finish.is_some() {
        return Ok(());
    }
    if history.certificate_sha256.is_none() {
        let generation = journal.begin_generation().await?;
        journal.append(vec![opened(generation)]).await?;
        for split in (0..SPLITS).filter(|split| !history.finished.contains_key(&SplitId(*split))) {
            if !committed.contains(&split) {
                committed.push(split);
            }
            journal.append(vec![done(split, generation)]).await?;
        }
    } else {
        journal.begin_generation().await?;
    }
    let sha256 = match history.certificate_sha256 {
        Some(sha256) => sha256,
        None => journal.store_certificate(certificate_of(&journal)).await?,
    };
    let finish = Finish { verdict: Verdict::Equivalent, certificate_sha256: sha256, at: "t".into() };
    journal.append(vec![Event::Finished(finish)]).await
}

/// Dies at every put, before and after the object is there, and again while it recovers.
#[tokio::test]
async fn a_job_survives_death_at_every_write() {
    let clean = FaultyStore::new(Arc::new(InMemory::new()), None);
    run(clean.clone(), &mut Vec::new()).await.unwrap();
    let puts = clean.puts();
    assert!(puts > 8);
    let deaths = |count| (0..count).flat_map(|put| [true, false].map(|written| Failure { put, written, fatal: true }));
    for first in deaths(puts) {
        for second in deaths(puts).map(Some).chain([None]) {
            let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
            let mut committed = Vec::new();
            assert!(run(FaultyStore::new(inner.clone(), Some(first)), &mut committed).await.is_err());
            // The second death may lie beyond the end of the recovery.
            let _ = run(FaultyStore::new(inner.clone(), second), &mut committed).await;
            run(FaultyStore::new(inner.clone(), None), &mut committed).await.unwrap();
            let job = latest_job(inner.clone(), prefix(), "shop").await.unwrap().unwrap();
            let history = super::history(inner, prefix(), &job, Some(&key().public())).await.unwrap();
            assert_eq!(history.finished.len() as u32, SPLITS);
            assert_eq!(committed.len() as u32, SPLITS);
            assert!(history.finish.is_some() && history.certificate_sha256.is_some());
        }
    }
}

#[tokio::test]
async fn the_audit_log_is_chained() {
    let store = Arc::new(InMemory::new());
    let entry = |operation| AuditEntry { operation, job: JOB.into(), at: "t".into() };
    let operations =
        [Operation::RunStarted, Operation::Resumed, Operation::Fresh, Operation::Repaired, Operation::Certified];
    for (number, operation) in operations.into_iter().enumerate() {
        let written = audit(store.clone(), prefix(), &key(), entry(operation)).await.unwrap();
        assert_eq!(written, number as u64);
    }
    let log = audit_log(store.clone(), prefix()).await.unwrap();
    assert_eq!(log.iter().map(|(entry, _)| entry.operation).collect::<Vec<_>>(), operations);
    assert!(log.iter().all(|(_, signer)| *signer == key().public().id()));
    for number in 0..4 {
        let path = objects::numbered(&Path::from("some/state/audit"), number);
        let original = store.get(&path).await.unwrap().bytes().await.unwrap();
        let mut bytes = original.to_vec();
        bytes[original.len() / 2] ^= 1;
        for tampered in [Some(bytes), None] {
            match tampered {
                Some(bytes) => store.put(&path, PutPayload::from(bytes)).await.map(|_| ()).unwrap(),
                None => store.delete(&path).await.unwrap(),
            }
            match audit_log(store.clone(), prefix()).await {
                Err(Error::Altered { what, .. }) => assert_eq!(what, path.to_string()),
                other => panic!("{path}: {other:?}"),
            }
        }
        store.put(&path, PutPayload::from(original)).await.unwrap();
    }
    // An entry replaced whole, validly signed by another, breaks the chain behind it.
    let elsewhere = Arc::new(InMemory::new());
    audit(elsewhere.clone(), prefix(), &SigningKey::generate().unwrap(), entry(Operation::Fresh)).await.unwrap();
    let path = objects::numbered(&Path::from("some/state/audit"), 0);
    let bytes = elsewhere.get(&path).await.unwrap().bytes().await.unwrap();
    store.put(&path, PutPayload::from(bytes)).await.unwrap();
    assert!(matches!(audit_log(store, prefix()).await, Err(Error::Altered { .. })));
}

#[tokio::test]
async fn audit_entries_of_many_writers_all_land() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let entry = AuditEntry { operation: Operation::Resumed, job: JOB.into(), at: "t".into() };
    let writers = (0..8).map(|_| {
        let (store, entry) = (store.clone(), entry.clone());
        tokio::spawn(async move { audit(store, prefix(), &key(), entry).await.unwrap() })
    });
    let numbers: BTreeSet<u64> = futures::future::join_all(writers).await.into_iter().map(|n| n.unwrap()).collect();
    assert_eq!(numbers.len(), 8);
    assert_eq!(audit_log(store, prefix()).await.unwrap().len(), 8);
}
