//! The committed shop is what the generator writes, and has the shape the quickstart promises.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Where the quickstart keeps it.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart/shop.db")
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file is a database")
}

fn tables(shop: &Connection) -> Vec<String> {
    let mut names = shop.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn rows(shop: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut query = shop.prepare(sql).unwrap();
    let width = query.column_count();
    let read = query.query_map([], |row| (0..width).map(|column| row.get(column)).collect()).unwrap();
    read.collect::<Result<_, _>>().unwrap()
}

fn count(shop: &Connection, sql: &str) -> i64 {
    shop.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn the_committed_file_holds_what_the_generator_writes() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("shop.db");
    super::write(&fresh).unwrap();
    let (fresh, committed) = (open(&fresh), open(&committed()));
    let schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY name";
    assert_eq!(rows(&fresh, schema), rows(&committed, schema));
    for table in tables(&fresh) {
        let all = format!("SELECT * FROM {table}");
        assert!(rows(&fresh, &all) == rows(&committed, &all), "table {table} differs: run make shop");
    }
}

#[test]
fn the_shop_has_the_promised_shape() {
    let file = committed();
    assert!(std::fs::metadata(&file).unwrap().len() < 12_000_000);
    let shop = open(&file);
    let tables = tables(&shop);
    let all: i64 = tables.iter().map(|table| count(&shop, &format!("SELECT count(*) FROM {table}"))).sum();
    assert!(tables.len() >= 12 && all >= 100_000, "{all} rows in {} tables", tables.len());
    assert_eq!(rows(&shop, "PRAGMA foreign_key_check"), Vec::<Vec<Value>>::new());
    assert_eq!(count(&shop, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    assert!(count(&shop, "SELECT count(*) FROM audit_log") >= 20_000);
    let doubled =
        "SELECT count(*) FROM (SELECT 1 FROM audit_log GROUP BY at, actor, action, detail HAVING count(*) > 1)";
    assert!(count(&shop, doubled) > 500, "the log must hold equal lines");
}
