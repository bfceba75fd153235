//! Exactly once, whatever happens in between.

use std::sync::Arc;

use super::*;
use crate::catalog::Traits;
use crate::error::Error;
use crate::target::{Standing, Token};
use crate::trial::refused_rows;
use crate::types::LogicalType;

const SETUP: &str = "CREATE TABLE src (id int PRIMARY KEY, x varchar(40)); CREATE TABLE dst (id int, x varchar(40));
    INSERT INTO src SELECT seq, md5(seq) FROM seq_1_to_20000";

async fn setup() -> (Database, Arc<TargetTable>, Vec<RecordBatch>) {
    let db = Database::new(SETUP);
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
    let batches = db.mysql.read_back(scan, commit.clone()).await.expect("a scan");
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
    let known = [(SplitId(3), second.clone()), (SplitId(4), other.clone()), (SplitId(5), other)];
    let committed = db.mysql.committed("job", &known).await.expect("an answer");
    assert_eq!(committed, [SplitId(3), SplitId(4)].into());
}

#[tokio::test]
async fn a_replacement_that_fails_keeps_the_first_commit() {
    let (db, target, batches) = setup().await;
    let first = fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    let Begin::Writer(mut writer) = db.begin(&target, 0, true).await else { panic!("replace writes anew") };
    writer.write(&batches[0]).await.expect("accepted");
    drop(writer);
    drop(db.begin(&target, 0, false).await);
    assert_eq!(read_back(&db, &first).await.len(), 20000);
}

#[tokio::test]
async fn a_split_is_not_written_anew_once_rows_of_it_are_gone() {
    let (db, target, batches) = setup().await;
    fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    db.run("DELETE FROM dst WHERE id = 7");
    let error = db.mysql.begin(write(&target, 0, true)).await.err().expect("a row is gone");
    assert!(matches!(&error, Error::Changed { what } if what == "table \"dst\""), "{error}");
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 19999);
}

#[tokio::test]
async fn writing_a_split_anew_reaches_no_other_row() {
    let (db, target, batches) = setup().await;
    fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    db.run("ALTER TABLE dst ADD PRIMARY KEY (id)");
    for action in ["CASCADE", "SET NULL"] {
        db.run(&format!(
            "DROP TABLE IF EXISTS child; CREATE TABLE child (d int, FOREIGN KEY (d) REFERENCES dst (id) ON DELETE {action}); \
             INSERT INTO child VALUES (1)"
        ));
        let Begin::Writer(writer) = db.begin(&target, 0, true).await else { panic!("replace writes anew") };
        fill(writer, &batches).await.expect("a commit");
        assert_eq!(db.number("SELECT count(*) FROM child WHERE d = 1").await, 1, "{action}");
    }
    db.run("CREATE TABLE log (x int); CREATE TRIGGER note AFTER DELETE ON dst FOR EACH ROW INSERT INTO log VALUES (1)");
    let error = db.mysql.begin(write(&target, 0, true)).await.err().expect("it would fire").to_string();
    assert!(error.contains("\"note\"") && error.contains("--fresh"), "{error}");
}

#[tokio::test]
async fn a_table_is_counted_beside_what_was_committed() {
    let (db, target, batches) = setup().await;
    let one = fill(db.writer(&target, 1).await, &batches[..1]).await.expect("a commit");
    let two = fill(db.writer(&target, 2).await, &batches[1..]).await.expect("a commit");
    db.run("INSERT INTO dst VALUES (-1, 'stranger'); DELETE FROM dst WHERE id IN (1, 2)");
    let of_one = db.mysql.standing("dst", std::slice::from_ref(&one)).await.expect("counted").expect("known");
    assert_eq!(of_one, Standing { rows: 19999, ours: one.rows - 2 });
    let of_both = db.mysql.standing("dst", &[one, two]).await.expect("counted").expect("known");
    assert_eq!(of_both, Standing { rows: 19999, ours: 19998 });
    let of_none = db.mysql.standing("dst", &[]).await.expect("counted").expect("known");
    assert_eq!(of_none, Standing { rows: 19999, ours: 0 });
    assert!(matches!(db.mysql.standing("gone", &[]).await, Err(Error::Missing { .. })));
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
    db.mysql.fence("job", 2).await.expect("fenced, ending the old writer");
    old.commit(batches[0].num_rows() as u64).await.expect_err("its session is gone");
    let error = db.mysql.begin(write(&target, 0, false)).await.err().expect("fenced");
    assert!(matches!(error, Error::Fenced { mine: 1, .. }), "{error}");
    assert!(matches!(db.mysql.fence("job", 1).await, Err(Error::Fenced { .. })));
    db.mysql.fence("job", 2).await.expect("the same generation again");
    db.mysql.fence("other", 9).await.expect("another job is another matter");
    let mut newer = write(&target, 0, false);
    newer.generation = 2;
    let Begin::Writer(writer) = db.mysql.begin(newer).await.expect("a writer") else { panic!("not committed") };
    db.mysql.fence("job", 2).await.expect("others of its generation join while it writes");
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
    db.run("INSERT INTO dst VALUES (-1, 'stranger')");
    let expected = |parity| {
        let chosen = batches.iter().enumerate().filter(|(index, _)| index % 2 == parity);
        let chosen: Vec<_> = chosen.map(|(_, rows)| Batch { rows: rows.clone(), faults: Vec::new() }).collect();
        ids(&chosen)
    };
    assert_eq!(read_back(&db, &one).await, expected(0));
    assert_eq!(read_back(&db, &two).await, expected(1));
    db.run("DELETE FROM dst WHERE id = 2");
    assert_eq!(read_back(&db, &one).await.len() + read_back(&db, &two).await.len(), 19999);
}

#[tokio::test]
async fn partitioned_targets_are_written_and_read_back() {
    let (db, _, batches) = setup().await;
    db.run("CREATE TABLE parts (id int, x varchar(40)) PARTITION BY HASH (id) PARTITIONS 3");
    let target = db.target("parts").await;
    db.prepared(std::slice::from_ref(&target)).await;
    let commit = fill(db.writer(&target, 9).await, &batches).await.expect("a commit");
    let scan = scan(&db.table("parts").await, Range::Whole);
    let back = db.mysql.read_back(scan, commit).await.expect("a scan").try_collect::<Vec<_>>().await.expect("rows");
    assert_eq!(ids(&back), (1..=20000).collect::<Vec<_>>());
}

/// The locators and rows of a whole table.
async fn located(db: &Database, table: &str) -> (Vec<String>, RecordBatch) {
    let mut located = scan(&db.table(table).await, Range::Whole);
    (located.locator, located.batch_bytes) = (true, 1 << 20);
    let snapshot = db.mysql.snapshot(1).await.expect("a snapshot");
    let batch = read(snapshot.as_ref(), located).await.swap_remove(0).rows;
    let last = batch.num_columns() - 1;
    let locators: &arrow_array::StringArray = arrow_array::cast::AsArray::as_string(batch.column(last));
    let locators = locators.iter().map(|locator| locator.expect("an address").to_owned()).collect();
    (locators, batch.project(&(0..last).collect::<Vec<_>>()).expect("columns"))
}

#[tokio::test]
async fn mending_replaces_exactly_the_named_rows_or_none() {
    let db = Database::new(
        "CREATE TABLE t (a varchar(20) COLLATE utf8mb4_unicode_ci, b binary(2), f double, n int, PRIMARY KEY (a, b, f));
         INSERT INTO t VALUES ('x''\\\\', 0x00ff, 0.1, 1), ('Ä', 0x0000, 1e300, 2), ('z', 0x4142, -0.5, 3);
         CREATE TABLE child (a varchar(20) COLLATE utf8mb4_unicode_ci, b binary(2), f double,
            FOREIGN KEY (a, b, f) REFERENCES t (a, b, f) ON DELETE CASCADE); INSERT INTO child SELECT a, b, f FROM t",
    );
    let (locators, rows) = located(&db, "t").await;
    let target = db.target("t").await;
    db.mysql.mend(&target, &locators[..2], &[rows.slice(0, 1)]).await.expect("mended");
    assert_eq!(db.number("SELECT count(*) FROM t").await, 2);
    assert_eq!(db.number("SELECT count(*) FROM child").await, 3, "nothing cascades");
    let error = db.mysql.mend(&target, &locators[1..], &[rows.slice(0, 1)]).await.expect_err("one of them is gone");
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(db.number("SELECT count(*) FROM t").await, 2);
    db.run("CREATE TRIGGER note BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 7");
    let error = db.mysql.mend(&target, &locators[..1], &[]).await.expect_err("it would fire");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[tokio::test]
async fn refusals_name_constraint_and_column_but_no_value() {
    let (db, target, batches) = setup().await;
    let told = |error: Error| {
        assert!(matches!(error, Error::RefusedRow { .. }), "{error}");
        error.to_string()
    };
    db.run("ALTER TABLE dst MODIFY x varchar(3)");
    let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("too long");
    assert_eq!(told(error), "table \"dst\" refused a row: a value is too long for its column (1406), column \"x\"");
    db.run("ALTER TABLE dst MODIFY x varchar(40), ADD CONSTRAINT small CHECK (id < 10)");
    let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("too large");
    assert_eq!(
        told(error),
        "table \"dst\" refused a row: a row violates a check constraint, constraint \"small\" (4025)"
    );
    db.run("ALTER TABLE dst DROP CONSTRAINT small, ADD UNIQUE KEY `one x` (x); INSERT INTO dst VALUES (0, md5(1))");
    let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("twice");
    assert_eq!(told(error), "table \"dst\" refused a row: a key is there twice, constraint \"one x\" (1062)");
    db.run("ALTER TABLE dst DROP KEY `one x`, DROP COLUMN x, ADD COLUMN x decimal(5,1)");
    let error = db.mysql.begin(write(&target, 0, false)).await.err().expect("another type");
    assert_eq!(
        error.to_string(),
        "column \"x\" of table \"dst\" is not valid: it is decimal(5,1) and was planned as text(40)"
    );
}

/// The server would take such values after changing them, with a note or without a word.
#[tokio::test]
async fn values_that_the_server_would_change_are_refused() {
    let db = Database::new(
        "CREATE TABLE src (id int PRIMARY KEY, d decimal(10,4), dt datetime(6), tm time(6), c varchar(9), b varbinary(9), y smallint, s varchar(20));
         INSERT INTO src VALUES (1, 1.5, '2024-01-01', '01:00:00', 'a', 0x0001, 2024, 'x');
         CREATE TABLE dst (id int PRIMARY KEY, d decimal(10,2), dt datetime, tm time(3), c char(9), b binary(2), y year, s enum('x','y'))",
    );
    let planned = |table: Table| {
        let mut fields = fields(&table);
        for field in &mut fields {
            // As the source has them: what the target's type cannot keep must not get by.
            field.native = String::new();
        }
        fields
    };
    let mut target = (*db.target("dst").await).clone();
    let source = db.table("src").await;
    for (field, from) in target.fields.iter_mut().zip(planned(source.clone())) {
        field.logical = from.logical;
    }
    let target = Arc::new(target);
    db.prepared(std::slice::from_ref(&target)).await;
    let good = rows(&db.read(&source).await);
    let mut writer = db.writer(&target, 0).await;
    writer.write(&good[0]).await.expect("accepted");
    writer.commit(1).await.expect("it is what the target holds");
    for (column, value) in [
        ("d", "1.2345"),
        ("dt", "'2024-01-01 00:00:00.000001'"),
        ("tm", "'01:00:00.0001'"),
        ("c", "'blank '"),
        ("b", "0x00"),
        ("y", "24"),
        ("s", "'z'"),
    ] {
        db.run(&format!("REPLACE INTO src VALUES (2, 1.5, '2024-01-01', '01:00:00', 'a', 0x0001, 2024, 'x'); UPDATE src SET {column} = {value} WHERE id = 2"));
        let both = rows(&db.read(&source).await);
        let error = fill(db.writer(&target, 1).await, &[both[0].slice(1, 1)]).await.expect_err(column);
        let Error::RefusedRow { column: named, .. } = &error else { panic!("{error}") };
        assert_eq!(named.as_deref(), Some(column), "{error}");
    }
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 1);
}

#[tokio::test]
async fn a_row_larger_than_a_packet_is_refused_by_its_size() {
    let server = Arc::new(Server::start(&["--max-allowed-packet=1M"], |_| {}));
    let db = Database::on(
        server,
        "CREATE TABLE src (id int PRIMARY KEY, b longblob); CREATE TABLE dst LIKE src;
         INSERT INTO src VALUES (1, repeat('a', 400000)), (2, repeat('b', 400000)), (3, repeat('c', 900000))",
    );
    let target = db.target("dst").await;
    db.prepared(std::slice::from_ref(&target)).await;
    let batches = rows(&db.read(&db.table("src").await).await);
    assert_eq!(batches.len(), 3);
    let commit = fill(db.writer(&target, 0).await, &batches[..2]).await.expect("a commit");
    assert_eq!(commit.rows, 2);
    let error = fill(db.writer(&target, 1).await, &batches[2..]).await.expect_err("too large").to_string();
    assert!(error.contains("900012 bytes") && error.contains("max_allowed_packet of 1048576"), "{error}");
}

/// Whatever a trigger signals, and under whichever number, its words may hold values.
#[tokio::test]
async fn what_a_trigger_signals_is_not_repeated() {
    let (db, target, batches) = setup().await;
    for signal in
        ["SQLSTATE '45000' SET MESSAGE_TEXT = @m", "SQLSTATE '45001' SET MESSAGE_TEXT = @m, MYSQL_ERRNO = 1045"]
    {
        db.run("DROP TRIGGER IF EXISTS raise");
        let body = format!("BEGIN SET @m = concat('secret ', NEW.x); SIGNAL {signal}; END");
        db.statement(&format!("CREATE TRIGGER raise BEFORE INSERT ON dst FOR EACH ROW {body}")).await;
        let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("raised");
        assert!(matches!(error, Error::RefusedRow { .. }) && !error.to_string().contains("secret"), "{error}");
    }
    db.run("DROP TRIGGER raise; CREATE TRIGGER raise BEFORE INSERT ON dst FOR EACH ROW UPDATE `secret` SET x = 1");
    let error = fill(db.writer(&target, 0).await, &batches[..1]).await.expect_err("raised");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn refused_rows_are_found_and_the_others_taken() {
    let (db, target, batches) = setup().await;
    db.run("ALTER TABLE dst ADD CONSTRAINT odd CHECK (id NOT IN (3, 77)), ADD UNIQUE KEY (x); INSERT INTO dst VALUES (0, md5(50))");
    let mut trial = db.mysql.trial(write(&target, 0, false)).await.expect("a trial");
    let refused = refused_rows(trial.as_mut(), &batches[0], 10).await.expect("tried");
    let told: Vec<_> = refused.iter().map(|refused| (refused.row, refused.why.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, "a row violates a check constraint, constraint \"odd\" (4025)"),
            (49, "a key is there twice, constraint \"x\" (1062)"),
            (76, "a row violates a check constraint, constraint \"odd\" (4025)")
        ]
    );
    drop(trial);
    let good = batches[0].slice(0, 2);
    fill(db.writer(&target, 0).await, &[good]).await.expect("nothing was left behind");
    // A split that was committed is tried as if it were to be replaced.
    let mut trial = db.mysql.trial(write(&target, 0, true)).await.expect("a trial");
    assert_eq!(refused_rows(trial.as_mut(), &batches[0], 10).await.expect("tried").len(), 3);
}

#[tokio::test]
async fn preparation_happens_once() {
    let db = Database::new(SETUP);
    db.run("INSERT INTO dst VALUES (1, 'old'); CREATE TABLE dst2 (r int)");
    let existing = (*db.target("dst").await).clone();
    let text = Field {
        name: "a `b`".into(),
        logical: LogicalType::Text { max_chars: Some(767) },
        native: "varchar(767)".into(),
        nullable: false,
        traits: Traits::default(),
    };
    let created = TargetTable {
        name: "New".into(),
        fields: vec![text],
        primary_key: vec!["a `b`".into()],
        create: true,
        ..TargetTable::default()
    };
    let tables = [existing.clone(), created.clone()];
    let error = db.mysql.prepare("job", &tables, OnExisting::Fail).await.expect_err("it has rows");
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(db.mysql.occupied(&["dst".into(), "dst2".into(), "none".into()]).await.expect("an answer"), ["dst"]);
    db.mysql.prepare("job", &tables, OnExisting::Truncate).await.expect("emptied");
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 0);
    db.run("INSERT INTO dst VALUES (2, 'new')");
    for again in [OnExisting::Truncate, OnExisting::Fail] {
        db.mysql.prepare("job", &tables, again).await.expect("nothing to do");
        assert_eq!(db.number("SELECT count(*) FROM dst").await, 1);
    }
    assert_eq!(db.table("New").await.columns[0].native, "varchar(767)");
    db.mysql.add_primary_key(&created).await.expect("there already");
    let missing = TargetTable { name: "gone".into(), create: false, ..created.clone() };
    let error = db.mysql.prepare("job", &[missing], OnExisting::Fail).await.expect_err("not there");
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    let error = db.mysql.prepare("rival", &[existing], OnExisting::Append).await.expect_err("taken").to_string();
    assert!(error.contains("job job has not finished") && error.contains("--fresh"), "{error}");
    db.run("CREATE TABLE isam (id int) ENGINE=MyISAM");
    let isam = (*db.target("isam").await).clone();
    let error = db.mysql.prepare("job", &[isam], OnExisting::Append).await.expect_err("no transactions");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[tokio::test]
async fn tables_are_emptied_together_but_not_from_under_others() {
    let db = Database::new(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id));
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)",
    );
    let (p, c) = ((*db.target("p").await).clone(), (*db.target("c").await).clone());
    let error = db
        .mysql
        .prepare("job", std::slice::from_ref(&p), OnExisting::Truncate)
        .await
        .expect_err("it has children")
        .to_string();
    assert!(error.contains("\"p\"") && error.contains("\"c\" refers to it"), "{error}");
    db.mysql.prepare("job", &[p, c], OnExisting::Truncate).await.expect("both");
    assert_eq!(db.number("SELECT (SELECT count(*) FROM p) + (SELECT count(*) FROM c)").await, 0);
}

#[tokio::test]
async fn the_last_job_takes_records_and_marks_with_it() {
    let (db, target, batches) = setup().await;
    let commit = fill(db.writer(&target, 0).await, &batches).await.expect("a commit");
    db.mysql.fence("other", 1).await.expect("fenced");
    let marked = "SELECT count(*) FROM information_schema.COLUMNS WHERE COLUMN_NAME = 'sensei_row'";
    assert_eq!(db.number(marked).await, 1);
    let done = [((*target).clone(), vec![commit])];
    db.mysql.finish("job", &done).await.expect("finished");
    assert_eq!(db.number(marked).await, 0);
    assert_eq!(db.number("SELECT count(*) FROM dst").await, 20000);
    assert_eq!(db.number("SELECT count(*) FROM sensei.progress").await, 0);
    let error = db.mysql.begin(write(&target, 1, false)).await.err().expect("the job is over");
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
    db.mysql.finish("other", &[]).await.expect("finished");
    assert_eq!(db.number("SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'sensei'").await, 0);
    db.mysql.finish("other", &[]).await.expect("finished again");
    let error = db.mysql.begin(write(&target, 1, false)).await.err().expect("the job is over");
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
}

/// A job that is given up names no tables; the next one begins with fresh marks.
#[tokio::test]
async fn an_abandoned_job_leaves_no_marks() {
    let (db, target, batches) = setup().await;
    fill(db.writer(&target, 0).await, &batches[..1]).await.expect("a commit");
    db.mysql.fence("job", u64::from(u32::MAX)).await.expect("fenced");
    db.mysql.finish("job", &[]).await.expect("given up");
    db.mysql.prepare("next", &[(*target).clone()], OnExisting::Append).await.expect("prepared");
    db.mysql.fence("next", 1).await.expect("fenced");
    let mut again = write(&target, 0, false);
    again.job = "next".to_owned();
    let Begin::Writer(writer) = db.mysql.begin(again).await.expect("a writer") else { panic!("nothing is committed") };
    let commit = fill(writer, &batches[1..2]).await.expect("a commit");
    assert_eq!(read_back(&db, &commit).await.len() as u64, commit.rows);
    let Token::Mysql { first, end } = commit.token else { panic!("another system's") };
    assert_eq!((first, end), (0, commit.rows));
}

#[tokio::test]
async fn missing_privileges_are_told_before_anything_is_written() {
    let db = Database::new(SETUP);
    let user = unique("limited");
    db.run(&format!("CREATE USER {user}@localhost; GRANT SELECT, INSERT, CREATE ON {}.* TO {user}@localhost", db.name));
    let limited = Mysql::open(&db.server.url_of(&user, &db.name), 3).expect("a good URL");
    let missing = limited.missing_privileges().await.expect("an answer");
    assert_eq!(
        missing,
        [
            "CREATE, SELECT, INSERT, UPDATE, DELETE on database \"sensei\", where progress is recorded".to_owned(),
            format!("ALTER, INDEX, REFERENCES, DROP, DELETE on database \"{}\"", db.name)
        ]
    );
    assert_eq!(db.mysql.missing_privileges().await.expect("an answer"), Vec::<String>::new());
    let target = (*db.target("dst").await).clone();
    let error = limited.prepare("job", &[target], OnExisting::Append).await.expect_err("not allowed");
    assert!(matches!(error, Error::Privilege { .. }), "{error}");
    db.run(&format!("GRANT ALL ON {}.* TO {user}@localhost; GRANT ALL ON sensei.* TO {user}@localhost", db.name));
    assert_eq!(limited.missing_privileges().await.expect("an answer"), Vec::<String>::new());
}

/// The connection breaks after the server was told to commit and before its answer came back.
#[tokio::test]
async fn a_lost_answer_to_a_commit_is_settled_by_the_record() {
    let (db, target, batches) = setup().await;
    for (keep, split) in [(true, 0), (false, 1)] {
        let folder = tempfile::tempdir().expect("a folder");
        cut_at_commit(folder.path(), &db.server.socket(), keep);
        let url = format!("mysql://root@/{}?socket={}", db.name, folder.path().join("s").display());
        let behind = Mysql::open(&url, 2).expect("a good URL");
        let Begin::Writer(writer) = behind.begin(write(&target, split, false)).await.expect("a writer") else {
            panic!()
        };
        let outcome = fill(writer, &batches[..1]).await;
        match db.begin(&target, split, false).await {
            Begin::Committed(found) => assert!(keep && found == outcome.expect("settled as committed")),
            Begin::Writer(_) => assert!(!keep && matches!(outcome, Err(Error::Unavailable { .. }))),
        }
    }
}

/// Passes connections through to `server`; the first to send COMMIT loses its client right then, while the server gets
/// what was sent (`keep`) or nothing more.
fn cut_at_commit(folder: &std::path::Path, server: &std::path::Path, keep: bool) {
    let listener = tokio::net::UnixListener::bind(folder.join("s")).expect("a socket");
    let server = server.to_owned();
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut upstream = tokio::net::UnixStream::connect(&server).await.expect("the server");
            if std::mem::take(&mut first) {
                pass_until_commit(client, upstream, keep).await;
            } else {
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut upstream).await });
            }
        }
    });
}

async fn pass_until_commit(client: tokio::net::UnixStream, upstream: tokio::net::UnixStream, keep: bool) {
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
        let commits = buffer[..count].windows(7).any(|window| window == b"\x03COMMIT");
        if keep || !commits {
            to_server.write_all(&buffer[..count]).await.expect("the server");
        }
        if commits {
            break;
        }
    }
    cut.send(()).expect("nothing else ends the copy");
    if keep {
        to_server.forget();
    }
}
