//! Real SQLite files. What differs on PostgreSQL is tested end to end.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::statement::Dialect;
use super::*;
use crate::error::Error;

const NOTES: &str = "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, text text, blob {bytes}, at bigint)";
const FIRST: Migration = Migration { name: "first", sql: NOTES };
const SECOND: Migration =
    Migration { name: "second", sql: "CREATE TABLE more (id bigint); INSERT INTO more VALUES (7)" };
const INSERT: &str = "INSERT INTO notes (id, text, blob, at) VALUES ($1, $2, $3, {now_ms})";

fn open(folder: &TempDir) -> Database {
    Database::open(&format!("sqlite:{}", folder.path().join("head.db").display())).unwrap()
}

async fn notes() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    database.migrate(&[FIRST]).await.unwrap();
    (folder, database)
}

fn note(id: i64) -> Statement {
    Statement::new(INSERT).row([id.into(), "a".into(), vec![1_u8].into()])
}

async fn count(database: &Database) -> i64 {
    database.read("SELECT count(*) FROM notes", vec![]).await.unwrap()[0].number(0).unwrap()
}

fn unexpected() -> Error {
    Error::Changed { what: "a note".to_owned() }
}

#[test]
fn statements_are_put_for_each_system() {
    let dialect = Dialect { sigil: '?', now_ms: "NOW", bytes: "BLOB" };
    let put = |sql, width, parameters| dialect.translate(sql, width, parameters);
    assert_eq!(put("SELECT $1, '$2', {now_ms}, $10 {bytes}", 0, 0), "SELECT ?1, '$2', NOW, ?10 BLOB");
    assert_eq!(put("INSERT {rows} END", 2, 4), "INSERT VALUES (?1, ?2), (?3, ?4) END");
    assert_eq!(put("{rows}", 1, 1), "VALUES (?1)");
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    let (_folder, database) = notes().await;
    let row = [Value::Int(i64::MIN), "é\0'".into(), vec![0_u8, 255].into()];
    let empty = [Value::Int(2), Value::Null, Value::Null];
    assert_eq!(database.write(vec![Statement::new(INSERT).row(row).row(empty)]).await.unwrap(), [2]);
    let rows = database.read("SELECT id, text, blob, at FROM notes ORDER BY id", vec![]).await.unwrap();
    assert_eq!(rows[0].number::<i64>(0).unwrap(), i64::MIN);
    assert_eq!(rows[0].text(1).unwrap(), "é\u{fffd}'");
    assert_eq!(rows[0].bytes(2).unwrap(), [0, 255]);
    assert!(rows[0].number::<i64>(3).unwrap() > 1_700_000_000_000, "milliseconds since 1970");
    assert_eq!((rows[1].optional_text(1).unwrap(), rows[1].optional_bytes(2).unwrap()), (None, None));
    for wrong in [rows[0].text(0).err(), rows[0].number::<u32>(0).err(), rows[1].bytes(2).err(), rows[1].text(9).err()]
    {
        assert!(matches!(wrong, Some(Error::Corrupt { .. })), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_write_is_whole_or_nothing() {
    let (_folder, database) = notes().await;
    let twice = database.write(vec![note(1), note(2), note(1)]).await.unwrap_err();
    assert!(matches!(twice, Error::RefusedRow { .. }), "{twice}");
    let missed = Statement::new("UPDATE notes SET text = $1 WHERE id = $2").row(["x".into(), Value::Int(9)]);
    let missed = database.write(vec![note(1), missed.expect_rows(1, unexpected), note(2)]).await.unwrap_err();
    assert!(matches!(missed, Error::Changed { .. }), "{missed}");
    assert_eq!(count(&database).await, 0);
    assert_eq!(database.write(vec![note(1), note(2).expect_rows(1, unexpected)]).await.unwrap(), [1, 1]);
    assert_eq!(count(&database).await, 2);
}

#[tokio::test]
async fn bulk_statements_take_any_number_of_rows() {
    let (_folder, database) = notes().await;
    let mut written = 0;
    for many in [1, 2, 249, 250, 251, 1_003] {
        let mut statement = Statement::new("INSERT INTO notes (id, text) {rows}");
        (0..many).for_each(|index| statement.push([Value::Int(written + index), "b".into()]));
        assert_eq!(database.write(vec![statement]).await.unwrap(), [many as u64]);
        written += many;
        assert_eq!(count(&database).await, written);
    }
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    let (folder, _database) = notes().await;
    for name in ["head.db", "head.db-wal", "head.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn migrations_are_applied_once() {
    let (folder, database) = notes().await;
    database.migrate(&[FIRST, SECOND]).await.unwrap();
    open(&folder).migrate(&[FIRST, SECOND]).await.unwrap();
    assert_eq!(database.read("SELECT id FROM more", vec![]).await.unwrap().len(), 1);

    let newer = database.migrate(&[FIRST]).await.unwrap_err();
    assert!(matches!(newer, Error::Unsupported { .. }), "{newer}");
    let other = Migration { sql: "CREATE TABLE more (id bigint)", ..SECOND };
    let other = database.migrate(&[FIRST, other]).await.unwrap_err();
    assert!(matches!(other, Error::Altered { .. }), "{other}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    let (_folder, database) = notes().await;
    let broken = Migration { name: "broken", sql: "CREATE TABLE more (id bigint); CREATE TABLE notes (id bigint)" };
    database.migrate(&[FIRST, broken]).await.unwrap_err();
    database.migrate(&[FIRST, SECOND]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrations_may_be_applied_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.db").display().to_string();
    let one = async |path: String| Database::open(&path).unwrap().migrate(&[FIRST, SECOND]).await;
    let many: Vec<_> = (0..8).map(|_| tokio::spawn(one(path.clone()))).collect();
    for migrated in many {
        migrated.await.unwrap().unwrap();
    }
    assert_eq!(open(&folder).read("SELECT id FROM more", vec![]).await.unwrap().len(), 1);
}

#[test]
fn what_cannot_be_opened_says_so_without_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Database::open(&format!("{}/none/head.db", folder.path().display())).err().unwrap();
    assert!(matches!(nowhere, Error::Missing { .. }), "{nowhere}");
    let text = folder.path().join("text");
    std::fs::write(&text, "not a database, but long enough to be taken for one if nobody looked".repeat(20)).unwrap();
    let text = Database::open(&text.display().to_string()).err().unwrap();
    assert!(matches!(text, Error::Corrupt { .. }), "{text}");
    let url = Database::open("postgresql://me:hunter2@db/x?colour=red").err().unwrap().to_string();
    assert!(!url.contains("hunter2"), "{url}");
}
