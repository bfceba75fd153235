//! Splits, fences, replacing, reading back, keys and references, mending.

use super::*;
use crate::catalog::ForeignKey;
use crate::target::Token;

const JOB: &str = "job-1";

fn target_table(name: &str, fields: Vec<Field>, primary_key: &[&str]) -> TargetTable {
    let primary_key = primary_key.iter().map(|name| (*name).to_owned()).collect();
    TargetTable { name: name.to_owned(), fields, primary_key, create: true, ..TargetTable::default() }
}

pub(super) fn write(table: &TargetTable, split: u32, generation: u64) -> Write {
    let table = Arc::new(table.clone());
    Write { job: JOB.to_owned(), generation, split: SplitId(split), table, replace: false, evict: false }
}

async fn writer(target: &Sqlite, write: Write) -> Box<dyn crate::Writer> {
    match target.begin(write).await.unwrap() {
        Begin::Writer(writer) => writer,
        Begin::Committed(_) => panic!("committed before"),
    }
}

pub(super) async fn commit_split(target: &Sqlite, write: Write, batches: &[RecordBatch]) -> Result<Commit> {
    let Begin::Writer(mut writer) = target.begin(write).await? else { panic!("committed before") };
    for batch in batches {
        writer.write(batch).await?;
    }
    writer.commit(batches.iter().map(|batch| batch.num_rows() as u64).sum()).await
}

/// A whole job with one split.
pub(super) async fn load(target: &Sqlite, table: &TargetTable, batches: &[RecordBatch]) -> Commit {
    target.prepare(JOB, std::slice::from_ref(table), OnExisting::Fail).await.unwrap();
    target.fence(JOB, 1).await.unwrap();
    let commit = commit_split(target, write(table, 0, 1), batches).await.unwrap();
    target.add_primary_key(table).await.unwrap();
    target.add_foreign_keys(table).await.unwrap();
    target.finish(JOB, &[(table.clone(), vec![commit.clone()])]).await.unwrap();
    commit
}

/// One split into the table `t` that the fixture has.
pub(super) async fn try_load(fixture: &Fixture, fields: &[Field], rows: &RecordBatch) -> Result<Commit> {
    let target = fixture.open(Access::Write);
    let table = TargetTable { create: false, ..target_table("t", fields.to_vec(), &[]) };
    target.prepare(JOB, std::slice::from_ref(&table), OnExisting::Append).await?;
    target.fence(JOB, 1).await?;
    commit_split(&target, write(&table, 0, 1), std::slice::from_ref(rows)).await
}

/// A prepared job on a fresh file with a table `t(id, v)`.
pub(super) async fn job(primary_key: &[&str]) -> (Fixture, Arc<Sqlite>, TargetTable) {
    let fixture = Fixture::new("");
    let target = fixture.open(Access::Write);
    let table = target_table("t", vec![field("id", LogicalType::Int64), field("v", LogicalType::TEXT)], primary_key);
    target.prepare(JOB, std::slice::from_ref(&table), OnExisting::Fail).await.unwrap();
    target.fence(JOB, 1).await.unwrap();
    (fixture, target, table)
}

pub(super) fn numbered(table: &TargetTable, ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    let values: Vec<[Option<&str>; 2]> = ids.iter().map(|id| [Some(id.as_str()), Some("x")]).collect();
    rows(&table.fields, &values.iter().map(<[_; 2]>::as_slice).collect::<Vec<_>>())
}

async fn read_back(target: &Sqlite, table: &TargetTable, commit: &Commit) -> Vec<String> {
    let (name, fields) = (table.name.clone(), table.fields.clone());
    let scan = Scan {
        table: name,
        fields,
        key: Vec::new(),
        range: Range::Whole,
        locator: false,
        form: crate::Form::Columns,
        batch_bytes: 4096,
    };
    let batches = collect(target.read_back(scan, commit.clone()).await.unwrap()).await;
    lines(&batches, &table.fields)
}

#[tokio::test]
async fn a_commit_is_found_again_and_not_written_twice() {
    let (fixture, target, table) = job(&["id"]).await;
    let batches = [numbered(&table, [5, 3, 4]), numbered(&table, [10, 1])];
    let first = commit_split(&target, write(&table, 0, 1), &batches).await.unwrap();
    let runs = "[[1,1],[3,5],[10,10]]";
    assert_eq!(fixture.query::<String>("SELECT rowids FROM sensei_progress WHERE split = 0"), runs);
    let rowids_sha256 = crate::evidence::sha256_hex(runs.as_bytes());
    assert_eq!(first, Commit { rows: 5, token: Token::Sqlite { job: JOB.to_owned(), split: 0, rowids_sha256 } });
    commit_split(&target, write(&table, 1, 1), &[numbered(&table, [2, 6])]).await.unwrap();
    let found = read_back(&target, &table, &first).await;
    assert_eq!(found, ["id=1, v=x", "id=3, v=x", "id=4, v=x", "id=5, v=x", "id=10, v=x"]);
    let Begin::Committed(again) = target.begin(write(&table, 0, 1)).await.unwrap() else { panic!("written twice") };
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_dropped_writer_leaves_nothing_and_lets_the_next_one_in() {
    let (fixture, target, table) = job(&[]).await;
    let mut abandoned = writer(&target, write(&table, 0, 1)).await;
    abandoned.write(&numbered(&table, 0..1000)).await.unwrap();
    drop(abandoned);
    commit_split(&target, write(&table, 0, 1), &[numbered(&table, [1])]).await.unwrap();
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 1);
}

#[tokio::test]
async fn a_wrong_count_leaves_nothing() {
    let (fixture, target, table) = job(&[]).await;
    let mut short = writer(&target, write(&table, 0, 1)).await;
    short.write(&numbered(&table, 0..10)).await.unwrap();
    assert!(short.commit(11).await.is_err());
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 0);
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM sensei_progress"), 0);
}

#[tokio::test]
async fn replace_takes_the_place_of_the_earlier_commit_only() {
    let (fixture, target, table) = job(&[]).await;
    commit_split(&target, write(&table, 0, 1), &[numbered(&table, [1, 2, 3])]).await.unwrap();
    let other = commit_split(&target, write(&table, 1, 1), &[numbered(&table, [4])]).await.unwrap();
    let again = Write { replace: true, ..write(&table, 0, 1) };
    drop(writer(&target, again.clone()).await);
    let commit = commit_split(&target, again, &[numbered(&table, [7, 8])]).await.unwrap();
    assert_eq!(read_back(&target, &table, &commit).await, ["id=7, v=x", "id=8, v=x"]);
    assert_eq!(read_back(&target, &table, &other).await, ["id=4, v=x"]);
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 3);
}

#[tokio::test]
async fn a_split_is_not_written_anew_once_its_rows_were_touched() {
    let (fixture, target, table) = job(&[]).await;
    let commit = commit_split(&target, write(&table, 0, 1), &[numbered(&table, [1, 2, 3])]).await.unwrap();
    fixture.connect().execute_batch("DELETE FROM t WHERE id = 2").unwrap();
    let again = Write { replace: true, ..write(&table, 0, 1) };
    let error = target.begin(again).await.err().expect("a row is gone");
    assert!(matches!(&error, Error::Changed { what } if what == "table \"t\""), "{error}");
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 2);
    assert_eq!(read_back(&target, &table, &commit).await.len(), 2, "its record stays");
}

#[tokio::test]
async fn a_commit_is_only_read_by_its_own_record() {
    let (fixture, target, table) = job(&[]).await;
    let commit = commit_split(&target, write(&table, 0, 1), &[numbered(&table, (0..1000).map(|id| id * 7))]).await;
    let commit = commit.unwrap();
    let known = [(SplitId(0), commit.clone())];
    assert_eq!(target.committed(JOB, &known).await.unwrap().len(), 1);
    let read = async || -> Result<Vec<Batch>> {
        let located = Scan { key: Vec::new(), ..scan(&fixture.table("t").await, Range::Whole) };
        target.read_back(located, commit.clone()).await?.try_collect().await
    };
    fixture.connect().execute_batch("UPDATE sensei_progress SET rowids = '[[1,999]]'").unwrap();
    assert!(matches!(read().await, Err(Error::Corrupt { .. })));
    assert!(target.committed(JOB, &known).await.unwrap().is_empty());
    fixture.connect().execute_batch("DELETE FROM sensei_progress").unwrap();
    assert!(matches!(read().await, Err(Error::Missing { .. })));
    target.finish(JOB, &[]).await.unwrap();
    assert!(matches!(read().await, Err(Error::Missing { .. })), "a token is good until the end of its job");
}

#[tokio::test]
async fn a_table_is_counted_beside_what_was_committed() {
    let (fixture, target, table) = job(&[]).await;
    let one = commit_split(&target, write(&table, 0, 1), &[numbered(&table, [1, 2])]).await.unwrap();
    let two = commit_split(&target, write(&table, 1, 1), &[numbered(&table, [3])]).await.unwrap();
    fixture.connect().execute_batch("INSERT INTO t VALUES (9, 'stranger')").unwrap();
    let standing = target.standing("t", &[one, two]).await.unwrap();
    assert_eq!(standing, Some(crate::Standing { rows: 4, ours: 3 }));
    assert!(matches!(target.standing("gone", &[]).await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn an_older_generation_is_fenced_off() {
    let (_fixture, target, table) = job(&[]).await;
    target.fence(JOB, 2).await.unwrap();
    assert!(matches!(target.begin(write(&table, 0, 1)).await, Err(Error::Fenced { mine: 1, .. })));
    assert!(matches!(target.fence(JOB, 1).await, Err(Error::Fenced { .. })));
    commit_split(&target, write(&table, 0, 2), &[numbered(&table, [1])]).await.unwrap();
    target.finish(JOB, &[]).await.unwrap();
    assert!(
        matches!(target.begin(write(&table, 1, 2)).await, Err(Error::Fenced { .. })),
        "a finished job writes no more"
    );
}

#[tokio::test]
async fn constraints_name_columns_and_never_values() {
    let (fixture, target, table) = job(&["id"]).await;
    let error = commit_split(&target, write(&table, 0, 1), &[numbered(&table, [421, 421])]).await.unwrap_err();
    assert!(matches!(&error, Error::RefusedRow { column: Some(column), .. } if column == "id"), "{error:?}");
    assert!(error.to_string().contains("t.id") && !error.to_string().contains("421"), "{error}");
    let null = rows(&table.fields, &[&[None, Some("x")]]);
    let error = commit_split(&target, write(&table, 0, 1), &[null]).await.unwrap_err();
    assert!(error.to_string().contains("NULL") && error.to_string().contains("column \"id\""), "{error}");
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 0);
}

#[tokio::test]
async fn an_error_while_writing_reaches_a_later_write() {
    let (_fixture, target, table) = job(&["id"]).await;
    let mut writer = writer(&target, write(&table, 0, 1)).await;
    let clash = numbered(&table, [1, 1]);
    let mut result = Ok(());
    for _ in 0..10 {
        result = result.and(writer.write(&clash).await);
    }
    assert!(matches!(result, Err(Error::RefusedRow { .. })), "{result:?}");
    assert!(writer.commit(20).await.is_err());
}

#[tokio::test]
async fn created_tables_have_keys_and_references_which_are_checked() {
    let fixture = Fixture::new("");
    let target = fixture.open(Access::Write);
    let parent =
        target_table("parent", vec![field("a", LogicalType::TEXT), field("b", LogicalType::Int32)], &["b", "a"]);
    let mut child = target_table("child", vec![field("x", LogicalType::TEXT), field("y", LogicalType::Int32)], &[]);
    child.foreign_keys.push(ForeignKey {
        name: Some("child's parent".to_owned()),
        columns: vec!["y".to_owned(), "x".to_owned()],
        parent: "parent".to_owned(),
        parent_columns: vec!["b".to_owned(), "a".to_owned()],
        on_delete: "CASCADE".to_owned(),
        on_update: "NO ACTION".to_owned(),
        ..ForeignKey::default()
    });
    target.prepare(JOB, &[child.clone(), parent.clone()], OnExisting::Fail).await.unwrap();
    target.fence(JOB, 1).await.unwrap();
    let parents = rows(&parent.fields, &[&[Some("p"), Some("1")]]);
    let children = rows(&child.fields, &[&[Some("p"), Some("1")], &[Some("p"), None], &[Some("secret"), Some("2")]]);
    commit_split(&target, write(&child, 0, 1), &[children]).await.expect("children before parents");
    commit_split(&target, write(&parent, 1, 1), &[parents]).await.unwrap();
    let error = target.add_foreign_keys(&child).await.unwrap_err();
    assert_eq!(error.to_string(), "table \"child\" refused the rows: 1 rows refer to no row of \"parent\"");
    fixture.connect().execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM child WHERE x = 'secret'").unwrap();
    target.add_foreign_keys(&child).await.unwrap();
    let found = fixture.table("child").await;
    assert_eq!(
        (found.foreign_keys[0].parent.as_str(), found.foreign_keys[0].on_delete.as_str()),
        ("parent", "CASCADE")
    );
    assert_eq!(fixture.table("parent").await.primary_key, ["b", "a"]);
}

#[tokio::test]
async fn finish_leaves_one_plain_file_and_no_trace() {
    let (fixture, target, table) = job(&["id"]).await;
    assert_eq!(fixture.query::<String>("PRAGMA journal_mode"), "wal");
    target.prepare("job-2", &[], OnExisting::Append).await.unwrap();
    let commit = commit_split(&target, write(&table, 0, 1), &[numbered(&table, 0..10)]).await.unwrap();
    target.finish(JOB, &[(table.clone(), vec![commit])]).await.unwrap();
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM sensei_fence"), 1, "another job still needs it");
    target.finish("job-2", &[]).await.unwrap();
    target.finish(JOB, &[]).await.expect("a second time changes nothing");
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sensei%'"), 0);
    drop(target);
    let left: Vec<_> =
        std::fs::read_dir(fixture.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["test.db"]);
}

#[tokio::test]
async fn a_lone_job_goes_back_to_the_journal_mode_it_found() {
    let (fixture, target, _) = job(&[]).await;
    target.finish(JOB, &[]).await.unwrap();
    assert_eq!(fixture.query::<String>("PRAGMA journal_mode"), "delete");
    let kept = Fixture::new("PRAGMA journal_mode = WAL; CREATE TABLE x(v INT)");
    let target = kept.open(Access::Write);
    target.prepare(JOB, &[], OnExisting::Fail).await.unwrap();
    target.finish(JOB, &[]).await.unwrap();
    assert_eq!(kept.query::<String>("PRAGMA journal_mode"), "wal");
}

#[tokio::test]
async fn existing_tables_are_refused_emptied_or_kept() {
    let fixture = Fixture::new("CREATE TABLE t(id INTEGER, v TEXT); INSERT INTO t VALUES (0, 'old')");
    let target = fixture.open(Access::Write);
    let fields = vec![field("id", LogicalType::Int64), field("v", LogicalType::TEXT)];
    let table = TargetTable { create: false, ..target_table("t", fields, &[]) };
    let prepare = |on_existing| target.prepare(JOB, std::slice::from_ref(&table), on_existing);
    assert_eq!(target.occupied(&["t".to_owned(), "u".to_owned()]).await.unwrap(), ["t"]);
    assert!(matches!(prepare(OnExisting::Fail).await, Err(Error::Exists { .. })));
    prepare(OnExisting::Append).await.unwrap();
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 1);
    prepare(OnExisting::Truncate).await.unwrap();
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 0);
    target.fence(JOB, 1).await.unwrap();
    commit_split(&target, write(&table, 0, 1), &[numbered(&table, [1])]).await.unwrap();
    for on_existing in [OnExisting::Truncate, OnExisting::Fail] {
        prepare(on_existing).await.expect("a resumed job finds its own rows");
        assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 1);
    }
}

#[tokio::test]
async fn tables_that_do_not_match_are_refused() {
    let fixture = Fixture::new("CREATE TABLE t(id INTEGER PRIMARY KEY) WITHOUT ROWID; CREATE TABLE u(id INT)");
    let target = fixture.open(Access::Write);
    let table = |name, create| TargetTable { create, ..target_table(name, vec![field("v", LogicalType::TEXT)], &[]) };
    let prepare = |table: TargetTable| {
        let target = target.clone();
        async move { target.prepare(JOB, &[table], OnExisting::Append).await }
    };
    assert!(matches!(prepare(table("t", false)).await, Err(Error::Unsupported { .. })));
    assert!(matches!(prepare(table("u", false)).await, Err(Error::Missing { .. })));
    assert!(matches!(prepare(table("u", true)).await, Err(Error::Exists { .. })));
    assert!(matches!(prepare(table("x", false)).await, Err(Error::Missing { .. })));
    let reader = fixture.open(Access::Read);
    assert!(matches!(reader.prepare(JOB, &[], OnExisting::Append).await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn mending_replaces_exactly_the_named_rows_or_nothing() {
    let (fixture, target, table) = job(&[]).await;
    commit_split(&target, write(&table, 0, 1), &[numbered(&table, [1, 2, 3])]).await.unwrap();
    let locators = |rowids: &[i64]| rowids.iter().map(i64::to_string).collect::<Vec<_>>();
    let mended = [numbered(&table, [20])];
    assert!(target.mend(&table, &locators(&[1, 99]), &mended).await.is_err());
    assert_eq!(fixture.query::<String>("SELECT group_concat(id) FROM t"), "1,2,3");
    target.mend(&table, &locators(&[2]), &mended).await.unwrap();
    assert_eq!(fixture.query::<String>("SELECT group_concat(id) FROM (SELECT id FROM t ORDER BY id)"), "1,3,20");
}

#[tokio::test]
async fn a_full_file_is_told_and_leaves_nothing() {
    let (fixture, target, table) = job(&[]).await;
    target.writer().unwrap().lock().await.pragma_update_and_check(None, "max_page_count", 20, |_| Ok(())).unwrap();
    let result = commit_split(&target, write(&table, 0, 1), &[numbered(&table, 0..100_000)]).await;
    assert!(matches!(result, Err(Error::Full { .. })), "{result:?}");
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 0);
}
