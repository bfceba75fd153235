//! Exactly once, whatever happens in between.

use std::sync::Arc;

use super::*;
use crate::catalog::ForeignKey;
use crate::error::Error;
use crate::target::Token;
use crate::types::LogicalType;

const SETUP: &str = "CREATE TABLE src (id int PRIMARY KEY, x text); CREATE TABLE dst (id int, x text);
    INSERT INTO src SELECT g, md5(g::text) FROM generate_series(1, 20000) g";

async fn setup() -> (Database, Arc<TargetTable>, Vec<RecordBatch>) {
    let db = Database::new(SETUP).await;
    let target = db.target("dst").await;
    db.prepared(std::slice::from_ref(&target)).await;
    let batches = rows(&db.read(&db.table("src").await).await);
    (db, target, batches)
}

fn ids(batches: &[Batch]) -> Vec<i32> {
    let ids = |batch: &Batch| {
        let ids: &arrow_array::Int32Array = arrow_array::cast::AsArray::as_primitive(batch.rows.column(0));
        ids.values().to_vec()
    };
    let mut all: Vec<_> = batches.iter().flat_map(ids).collect();
    all.sort_unstable();
    all
}

async fn read_back(db: &Database, commit: &Commit) -> Vec<i32> {
    let scan = scan(&db.table("dst").await, Range::Whole);
    let batches = db.postgres.read_back(scan, commit.clone()).await.expect("a scan");
    ids(&batches.try_collect::<Vec<_>>().await.expect("rows"))
}

#[tokio::test]
async fn a_dropped_writer_leaves_nothing() {
    let (db, target, batches) = setup().await;
    let mut writer = db.writer(&target, 0).await;
    for batch in &batches {
        writer.write(batch).await.expect("accepted");
    }
    drop(writer);
    // The same split can be begun at once, which waits for the other attempt to be rolled back.
    let writer = db.writer(&target, 0).await;
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 0);
    drop(writer);
}

#[tokio::test]
async fn a_split_is_committed_once_and_replaced_on_request() {
    let (db, target, batches) = setup().await;
    let first = fill(db.writer(&target, 3).await, &batches).await.expect("a commit");
    let other = fill(db.writer(&target, 4).await, &batches[..1]).await.expect("a commit");
    match db.begin(&target, 3, false).await {
        Begin::Committed(commit) => assert_eq!(commit, first),
        Begin::Writer(_) => panic!("written twice"),
    }
    let Begin::Writer(writer) = db.begin(&target, 3, true).await else { panic!("replace writes anew") };
    let second = fill(writer, &batches[..2]).await.expect("a commit");
    assert_ne!(second, first);
    let count = (batches[0].num_rows() + batches[1].num_rows()) as u64;
    assert_eq!(second.rows, count);
    assert_eq!(db.number("SELECT count(*) FROM dst").await as u64, second.rows + other.rows);
    assert_eq!(read_back(&db, &second).await.len() as u64, count);
    assert!(read_back(&db, &first).await.is_empty());
}

#[tokio::test]
async fn a_replacement_that_fails_keeps_the_first_commit() {
    let (db, target, batches) = setup().await;
    let first = fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    let Begin::Writer(mut writer) = db.begin(&target, 0, true).await else { panic!("replace writes anew") };
    writer.write(&batches[0]).await.expect("accepted");
    drop(writer);
    assert_eq!(read_back(&db, &first).await.len(), 20000);
}

#[tokio::test]
async fn a_split_is_not_written_anew_once_its_rows_were_touched() {
    let (db, target, batches) = setup().await;
    let first = fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    db.run("UPDATE dst SET x = 'changed' WHERE id = 7").await;
    let error = db.postgres.begin(write(&target, 0, true)).await.err().expect("a row was changed");
    assert!(matches!(&error, Error::Changed { what } if what == "table \"dst\""), "{error}");
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 20000);
    assert_eq!(read_back(&db, &first).await.len(), 19999);
}

#[tokio::test]
async fn writing_a_split_anew_does_not_reach_other_rows() {
    let (db, target, batches) = setup().await;
    fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    db.run("ALTER TABLE dst ADD PRIMARY KEY (id)").await;
    for action in ["CASCADE", "SET NULL", "SET DEFAULT"] {
        db.run(&format!(
            "DROP TABLE IF EXISTS child; CREATE TABLE child (d int REFERENCES dst ON DELETE {action}); \
             INSERT INTO child VALUES (1)"
        ))
        .await;
        let Begin::Writer(writer) = db.begin(&target, 0, true).await else { panic!("replace writes anew") };
        fill(writer, &batches).await.expect("a commit");
        assert_eq!(db.number("SELECT count(*) FROM child WHERE d = 1").await, 1, "{action}");
    }
}

#[tokio::test]
async fn a_table_is_counted_beside_what_was_committed() {
    let (db, target, batches) = setup().await;
    let one = fill(db.writer(&target, 1).await, &batches[..1]).await.expect("a commit");
    let two = fill(db.writer(&target, 2).await, &batches[1..]).await.expect("a commit");
    db.run("INSERT INTO dst VALUES (-1, 'stranger'); UPDATE dst SET x = 'changed' WHERE id IN (1, 2)").await;
    let of_one = db.postgres.standing("dst", std::slice::from_ref(&one)).await.expect("counted").expect("known");
    assert_eq!(of_one, crate::Standing { rows: 20001, ours: one.rows - 2 });
    let of_both = db.postgres.standing("dst", &[one, two]).await.expect("counted").expect("known");
    assert_eq!(of_both, crate::Standing { rows: 20001, ours: 19998 });
    assert!(matches!(db.postgres.standing("gone", &[]).await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn a_wrong_count_commits_nothing() {
    let (db, target, batches) = setup().await;
    let mut writer = db.writer(&target, 0).await;
    writer.write(&batches[0]).await.expect("accepted");
    let error = writer.commit(7).await.expect_err("refused");
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    drop(db.writer(&target, 0).await);
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 0);
}

#[tokio::test]
async fn older_generations_are_fenced_and_their_writers_ended() {
    let (db, target, batches) = setup().await;
    let mut old = db.writer(&target, 0).await;
    old.write(&batches[0]).await.expect("accepted");
    db.postgres.fence("job", 2).await.expect("fenced, ending the old writer");
    old.commit(batches[0].num_rows() as u64).await.expect_err("its session is gone");
    let error = db.postgres.begin(write(&target, 0, false)).await.err().expect("fenced");
    assert!(matches!(error, Error::Fenced { mine: 1, .. }), "{error}");
    assert!(matches!(db.postgres.fence("job", 1).await, Err(Error::Fenced { .. })));
    db.postgres.fence("job", 2).await.expect("the same generation again");
    let mut newer = write(&target, 0, false);
    newer.generation = 2;
    let Begin::Writer(writer) = db.postgres.begin(newer).await.expect("a writer") else { panic!("not committed") };
    db.postgres.fence("job", 2).await.expect("others of its generation join while it writes");
    fill(writer, &batches[..1]).await.expect("a commit");
    assert_eq!(db.number("SELECT count(*) FROM dst").await as usize, batches[0].num_rows());
}

#[tokio::test]
async fn read_back_finds_each_commits_rows_among_concurrent_ones() {
    let (db, target, batches) = setup().await;
    let (mut one, mut two) = (db.writer(&target, 1).await, db.writer(&target, 2).await);
    let mut counts = [0, 0];
    for (index, batch) in batches.iter().enumerate() {
        let (writer, count) = if index % 2 == 0 { (&mut one, &mut counts[0]) } else { (&mut two, &mut counts[1]) };
        writer.write(batch).await.expect("accepted");
        *count += batch.num_rows() as u64;
    }
    let (one, two) = (one.commit(counts[0]).await.expect("a commit"), two.commit(counts[1]).await.expect("a commit"));
    db.run("INSERT INTO dst VALUES (-1, 'stranger')").await;
    let expected = |parity| {
        let chosen = batches.iter().enumerate().filter(|(index, _)| index % 2 == parity);
        let chosen: Vec<_> = chosen.map(|(_, rows)| Batch { rows: rows.clone(), faults: Vec::new() }).collect();
        ids(&chosen)
    };
    assert_eq!(read_back(&db, &one).await, expected(0));
    assert_eq!(read_back(&db, &two).await, expected(1));
    // A hint that is wrong costs time and nothing else.
    let Token::Postgresql { xid, .. } = one.token else { panic!("another system's") };
    let misled = Commit { rows: one.rows, token: Token::Postgresql { xid, first_block: 1, end_block: 2 } };
    assert_eq!(read_back(&db, &misled).await, expected(0));
    db.run("UPDATE dst SET x = 'changed' WHERE id = 1; DELETE FROM dst WHERE id = 2").await;
    assert_eq!(read_back(&db, &one).await.len() + read_back(&db, &two).await.len(), 19998);
}

#[tokio::test]
async fn partitioned_targets_are_written_read_back_and_mended() {
    let (db, _, batches) = setup().await;
    db.run(
        "DROP TABLE dst; CREATE TABLE dst (id int, x text) PARTITION BY HASH (id);
        CREATE TABLE d0 PARTITION OF dst FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE d1 PARTITION OF dst FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    )
    .await;
    let target = db.target("dst").await;
    let commit = fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    assert_eq!(read_back(&db, &commit).await, (1..=20000).collect::<Vec<_>>());
    mend_first_row(&db, &target).await;
}

#[tokio::test]
async fn mending_replaces_exactly_the_named_rows_or_none() {
    let (db, target, batches) = setup().await;
    fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    mend_first_row(&db, &target).await;
}

const FAMILY: &str = "CREATE TABLE parent (id int PRIMARY KEY, x text);
    CREATE TABLE child (parent int REFERENCES parent ON DELETE CASCADE);
    CREATE TABLE log (what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log VALUES (TG_OP); RETURN NULL; END $$;
    INSERT INTO parent VALUES (1, 'one'), (2, 'two'); INSERT INTO child VALUES (1), (2), (2);
    CREATE TRIGGER note AFTER INSERT OR DELETE ON parent FOR EACH ROW EXECUTE FUNCTION note()";

/// Mends both parents' rows with what `parent` holds now, as `postgres`.
async fn mend_parents(db: &Database, postgres: &Postgres) -> crate::Result<()> {
    let located = Scan { locator: true, ..scan(&db.table("parent").await, Range::Whole) };
    let snapshot = db.postgres.snapshot(1).await.expect("a snapshot");
    let batch = read(snapshot.as_ref(), located).await.swap_remove(0).rows;
    let locators: &arrow_array::StringArray = arrow_array::cast::AsArray::as_string(batch.column(2));
    let locators: Vec<_> = locators.iter().flatten().map(str::to_owned).collect();
    let target = db.target("parent").await;
    postgres.mend(&target, &locators, &[batch.project(&[0, 1]).expect("columns")]).await
}

#[tokio::test]
async fn mending_a_parent_reaches_no_other_row() {
    let db = Database::new(FAMILY).await;
    mend_parents(&db, &db.postgres).await.expect("mended");
    assert_eq!(db.number("SELECT count(*) FROM parent").await, 2);
    assert_eq!(db.number("SELECT count(*) FROM child").await, 3, "nothing cascades");
    assert_eq!(db.number("SELECT count(*) FROM log").await, 0, "nothing fires");
    // What is silent in that transaction acts again in the next.
    db.run("DELETE FROM parent WHERE id = 2").await;
    assert_eq!(db.number("SELECT count(*) FROM child").await + db.number("SELECT count(*) FROM log").await, 2);
    db.run("ALTER TABLE parent ENABLE ALWAYS TRIGGER note").await;
    let error = mend_parents(&db, &db.postgres).await.expect_err("it would fire");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[tokio::test]
async fn mending_without_the_right_to_silence_changes_nothing() {
    let db = Database::new(FAMILY).await;
    let owner = format!("owner_{}", db.name);
    db.run(&format!("CREATE ROLE {owner} LOGIN; ALTER TABLE parent OWNER TO {owner}")).await;
    let url = db.server.url(&db.name).replace("postgres@", &format!("{owner}@"));
    let owned = Postgres::open(&url, "public", 2).expect("a good URL");
    let error = mend_parents(&db, &owned).await.expect_err("not allowed");
    assert!(matches!(&error, Error::Privilege { why, .. } if why.contains("GRANT SET")), "{error}");
    assert_eq!(db.number("SELECT count(*) FROM child").await, 3);
    db.run("DROP TRIGGER note ON parent; DROP TABLE child").await;
    mend_parents(&db, &owned).await.expect("nothing to silence");
}

async fn mend_first_row(db: &Database, target: &TargetTable) {
    let mut located = scan(&db.table("dst").await, Range::Whole);
    located.locator = true;
    let snapshot = db.postgres.snapshot(1).await.expect("a snapshot");
    let batch = read(snapshot.as_ref(), located).await.swap_remove(0).rows;
    let locators: &arrow_array::StringArray = arrow_array::cast::AsArray::as_string(batch.column(2));
    let locators = vec![locators.value(0).to_owned(), locators.value(1).to_owned()];
    let replacement = [batch.project(&[0, 1]).expect("columns").slice(0, 1)];
    db.postgres.mend(target, &locators, &replacement).await.expect("mended");
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 19999);
    let error = db.postgres.mend(target, &locators, &replacement).await.expect_err("they moved");
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 19999);
}

#[tokio::test]
async fn refusals_name_constraint_and_column_but_no_value() {
    let (db, target, batches) = setup().await;
    db.run("ALTER TABLE dst ALTER x TYPE varchar(3)").await;
    let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("too long");
    assert_eq!(
        error.to_string(),
        "table \"dst\" refused a row: a value is too long for its column (22001), column \"x\""
    );
    db.run("ALTER TABLE dst ALTER x TYPE text, ADD CONSTRAINT small CHECK (id < 10)").await;
    let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("too large");
    assert_eq!(
        error.to_string(),
        "table \"dst\" refused a row: a row violates a check constraint, constraint \"small\" (23514)"
    );
    db.run("ALTER TABLE dst DROP CONSTRAINT small, ALTER id TYPE bigint").await;
    let error = db.postgres.begin(write(&target, 0, false)).await.err().expect("another type");
    assert_eq!(error.to_string(), "column \"id\" of table \"dst\" is not valid: it is bigint and was planned as int32");
}

/// Whatever a trigger raises, and under whichever state, its words may hold values.
#[tokio::test]
async fn what_a_trigger_raises_is_not_repeated() {
    let (db, target, batches) = setup().await;
    for (body, state) in [
        ("RAISE EXCEPTION 'secret %', NEW.x", "P0001"),
        ("RAISE EXCEPTION 'secret %', NEW.x USING ERRCODE = '53100'", "53100"),
        ("EXECUTE 'secret ' || NEW.x", "42601"),
        ("EXECUTE 'TABLE secret' || NEW.x", "42P01"),
    ] {
        db.run(&format!(
            "DROP TRIGGER IF EXISTS raise ON dst; CREATE OR REPLACE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql \
             AS $$ BEGIN {body}; RETURN NEW; END $$; \
             CREATE TRIGGER raise BEFORE INSERT ON dst FOR EACH ROW EXECUTE FUNCTION raise()"
        ))
        .await;
        let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("raised");
        assert!(error.to_string().contains(state) && !error.to_string().contains("secret"), "{error}");
        let refused = body.starts_with("RAISE");
        assert_eq!(matches!(error, Error::RefusedRow { .. }), refused, "{error}");
    }
}

#[tokio::test]
async fn preparation_happens_once() {
    let db = Database::new(SETUP).await;
    db.run("INSERT INTO dst VALUES (1, 'old'); CREATE SCHEMA other; CREATE TABLE dst2 (r int)").await;
    let existing = (*db.target("dst").await).clone();
    let text = crate::catalog::Field {
        name: "a \"b\"".into(),
        logical: LogicalType::TEXT,
        native: "text".into(),
        nullable: false,
        traits: crate::Traits::default(),
    };
    let created = TargetTable {
        name: "New".into(),
        fields: vec![text],
        primary_key: vec!["a \"b\"".into()],
        foreign_keys: vec![],
        create: true,
        ..TargetTable::default()
    };
    let tables = [existing.clone(), created.clone()];
    let error = db.postgres.prepare("job", &tables, OnExisting::Fail).await.expect_err("it has rows");
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(db.number("SELECT count(*) FROM pg_tables WHERE tablename = 'New'").await, 0);
    assert_eq!(db.postgres.occupied(&["dst".into(), "dst2".into(), "none".into()]).await.expect("an answer"), ["dst"]);
    db.postgres.prepare("job", &tables, OnExisting::Truncate).await.expect("emptied");
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 0);
    db.run("INSERT INTO dst VALUES (2, 'new')").await;
    for again in [OnExisting::Truncate, OnExisting::Fail] {
        db.postgres.prepare("job", &tables, again).await.expect("nothing to do");
        assert_eq!(db.number("SELECT count(*) FROM dst").await, 1);
    }
    db.postgres.add_primary_key(&created).await.expect("added");
    db.postgres.add_primary_key(&created).await.expect("there already");
    let missing = TargetTable { name: "gone".into(), create: false, ..created.clone() };
    let error = db.postgres.prepare("job", &[missing], OnExisting::Fail).await.expect_err("not there");
    assert!(matches!(error, Error::Missing { .. }), "{error}");
}

#[tokio::test]
async fn foreign_keys_are_added_once_and_orphans_named_by_constraint() {
    let db = Database::new("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int, parent int); INSERT INTO child VALUES (1, 4711)").await;
    let mut child = (*db.target("child").await).clone();
    child.foreign_keys = vec![ForeignKey {
        name: Some("kin".into()),
        columns: vec!["parent".into()],
        parent: "parent".into(),
        parent_columns: vec!["id".into()],
        on_delete: "SET NULL".into(),
        on_update: "NO ACTION".into(),
        ..ForeignKey::default()
    }];
    let error = db.postgres.add_foreign_keys(&child).await.expect_err("an orphan").to_string();
    assert!(error.contains("\"kin\"") && !error.contains("4711"), "{error}");
    db.run("INSERT INTO parent VALUES (4711)").await;
    db.postgres.add_foreign_keys(&child).await.expect("added");
    db.postgres.add_foreign_keys(&child).await.expect("there already");
    assert_eq!(db.table("child").await.foreign_keys, child.foreign_keys);
    child.foreign_keys[0].on_delete = "CASCADE; DROP TABLE parent".into();
    child.foreign_keys[0].parent_columns = vec!["other".into()];
    let error = db.postgres.add_foreign_keys(&child).await.expect_err("not an action");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[tokio::test]
async fn the_last_job_takes_the_records_with_it() {
    let (db, target, batches) = setup().await;
    let commit = fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    db.postgres.fence("other", 1).await.expect("fenced");
    let done = [((*target).clone(), vec![commit])];
    db.postgres.finish("job", &done).await.expect("finished");
    assert_eq!(db.number("SELECT count(*) FROM sensei.progress").await, 0);
    let error = db.postgres.begin(write(&target, 1, false)).await.err().expect("the job is over");
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
    db.postgres.finish("other", &[]).await.expect("finished");
    assert_eq!(db.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'sensei'").await, 0);
    db.postgres.finish("other", &[]).await.expect("finished again");
    let error = db.postgres.begin(write(&target, 1, false)).await.err().expect("the job is over");
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
}

/// A deferred trigger runs inside COMMIT and ends its own session.
#[tokio::test]
async fn a_commit_that_died_with_its_session_left_nothing() {
    let (db, target, batches) = setup().await;
    db.run(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER die AFTER INSERT ON dst DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION die()",
    )
    .await;
    let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("rolled back");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    db.run("DROP TRIGGER die ON dst").await;
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 0);
    fill(db.writer(&target, 0).await, &batches[..1]).await.expect("a commit");
}

/// The connection breaks after the server was told to commit and before its answer came back.
#[tokio::test]
async fn a_lost_answer_to_a_commit_is_settled_by_the_record() {
    let (db, target, batches) = setup().await;
    // The commit takes a while, so that asking too early would find it undecided.
    db.run(
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN IF NEW.id = 1 THEN PERFORM pg_sleep(1.2); END IF; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON dst DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION linger()",
    )
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    cut_at_commit(folder.path(), &db.server.socket());
    let url = format!("postgresql://postgres@/{}?host={}", db.name, folder.path().display());
    let behind = Postgres::open(&url, "public", 2).expect("a good URL");
    let Begin::Writer(writer) = behind.begin(write(&target, 0, false)).await.expect("a writer") else { panic!() };
    let commit = fill(writer, &batches[..1]).await.expect("settled as committed");
    assert_eq!(read_back(&db, &commit).await.len() as u64, commit.rows);
    match db.begin(&target, 0, false).await {
        Begin::Committed(found) => assert_eq!(found, commit),
        Begin::Writer(_) => panic!("written twice"),
    }
}

/// Passes connections through to `server`; the first to send COMMIT and something after it loses its client right
/// then, while the server goes on with what it was sent.
fn cut_at_commit(folder: &std::path::Path, server: &std::path::Path) {
    let listener = tokio::net::UnixListener::bind(folder.join(".s.PGSQL.5432")).expect("a socket");
    let server = server.to_owned();
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut upstream = tokio::net::UnixStream::connect(&server).await.expect("the server");
            if std::mem::take(&mut first) {
                pass_until_commit(client, upstream).await;
            } else {
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut upstream).await });
            }
        }
    });
}

async fn pass_until_commit(client: tokio::net::UnixStream, upstream: tokio::net::UnixStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), upstream.into_split());
    let (cut, is_cut) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
            _ = is_cut => {}
        }
        drop(to_client);
        tokio::io::copy(&mut from_server, &mut tokio::io::sink()).await
    });
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
        to_server.write_all(&buffer[..count]).await.expect("the server");
        if buffer[..count].windows(11).any(|window| window == b"COMMIT; SET") {
            break;
        }
    }
    cut.send(()).expect("nothing else ends the copy");
    to_server.forget();
}
