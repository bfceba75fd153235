//! Catalog, scans, faults and pieces.

use super::*;
use crate::split::Sizing;

async fn read(fixture: &Fixture, scan: Scan) -> (Vec<String>, Vec<String>) {
    let fields = scan.fields.clone();
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    let batches = collect(snapshot.scan(scan).await.unwrap()).await;
    let faults = batches.iter().flat_map(|batch| &batch.faults);
    let faults =
        faults.map(|fault| format!("{}|{}|{}", fault.key.clone().unwrap_or_default(), fault.column, fault.reason));
    (lines(&batches, &fields), faults.collect())
}

#[tokio::test]
async fn catalog_tells_keys_references_and_what_is_left_behind() {
    let fixture = Fixture::new(
        "CREATE TABLE Parent(a INTEGER NOT NULL, b TEXT, PRIMARY KEY(b, a)) WITHOUT ROWID;
         CREATE TABLE child(
             id INTEGER PRIMARY KEY, x TEXT, y INT, self INT REFERENCES child(ID), gen INT GENERATED ALWAYS AS (y + 1),
             stored TEXT AS (x) STORED, u TEXT UNIQUE,
             FOREIGN KEY (x, y) REFERENCES parent ON DELETE CASCADE, FOREIGN KEY (y) REFERENCES nowhere(z));
         CREATE INDEX i ON child(x);
         CREATE VIEW v AS SELECT 1;
         CREATE TRIGGER tr AFTER INSERT ON child BEGIN SELECT 1; END;
         CREATE VIRTUAL TABLE f USING fts5(body);
         CREATE TABLE sensei_fence(x); CREATE TABLE sensei_pupils(x TEXT);",
    );
    let catalog = fixture.open(Access::Read).catalog().await.unwrap();
    let names: Vec<_> = catalog.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["Parent", "child", "sensei_pupils"]);
    assert_eq!(catalog.tables[0].primary_key, ["b", "a"]);
    let child = &catalog.tables[1];
    let column = |name: &str| child.columns.iter().find(|column| column.name == name).unwrap();
    assert!(!column("id").nullable && column("x").nullable);
    assert!(column("gen").is_generated() && column("stored").is_generated() && !column("x").is_generated());
    assert_eq!((column("gen").native.as_str(), column("gen").logical.clone()), ("INT", Some(LogicalType::Int64)));
    let keys: Vec<_> =
        child.foreign_keys.iter().map(|key| (&key.parent[..], &key.columns[..], &key.parent_columns[..])).collect();
    let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        keys,
        [("child", &text(&["self"])[..], &text(&["id"])[..]), ("Parent", &text(&["x", "y"]), &text(&["b", "a"]))]
    );
    assert_eq!(child.foreign_keys[1].on_delete, "CASCADE");
    let indexes: Vec<_> = child.indexes.iter().map(|index| (&index.name[..], index.constraint)).collect();
    assert_eq!(indexes, [("i", false), ("sqlite_autoindex_child_1", true)]);
    let objects: Vec<_> = catalog.objects.iter().map(|object| format!("{} {}", object.kind, object.name)).collect();
    assert_eq!(objects, ["view v", "trigger tr"]);
    for lost in [
        "virtual table \"f\"",
        "shadow table \"f_data\"",
        "WITHOUT ROWID of table \"Parent\": its rows get rowids",
        "foreign key of \"child\" to \"nowhere\"",
    ] {
        assert!(catalog.not_carried.iter().any(|object| object == lost), "{lost}: {:?}", catalog.not_carried);
    }
}

#[tokio::test]
async fn hostile_names_are_only_names() {
    let (table, column, key) = ("we\"ird [t] 🦀'; --", "a \"b\" ,", "select");
    let sql = format!(
        "CREATE TABLE {0}({1} TEXT, {2} INTEGER PRIMARY KEY); INSERT INTO {0} VALUES ('x', 5), (x'00', 6)",
        connect::quoted(table),
        connect::quoted(column),
        connect::quoted(key)
    );
    let fixture = Fixture::new(&sql);
    let found = fixture.table(table).await;
    assert_eq!(found.primary_key, [key]);
    let (rows, faults) = read(&fixture, scan(&found, Range::Whole)).await;
    assert_eq!(rows, ["a \"b\" ,=x, select=5"]);
    assert_eq!(faults, ["select=6|a \"b\" ,|BLOB found where text is wanted: bytes in a text column"]);
    let mut misspelt = scan(&found, Range::Whole);
    misspelt.fields[0].name = "a b".to_owned();
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    let result: Result<Vec<Batch>> = snapshot.scan(misspelt).await.unwrap().try_collect().await;
    assert!(result.is_err(), "a column that is not there must not read as a string");
}

#[tokio::test]
async fn values_of_several_types_become_faults() {
    let fixture = Fixture::new(
        "CREATE TABLE t(k TEXT PRIMARY KEY, n INTEGER, d DATE, s TEXT);
         INSERT INTO t VALUES ('a', 1, '2024-01-01', 'ok'), ('b', 'x', NULL, NULL), ('c', 1.5, NULL, NULL),
             ('d', NULL, 45000, NULL), ('e', NULL, '2024-13-01', NULL), ('f', NULL, NULL, CAST(x'ff' AS TEXT)),
             ('g', x'01', NULL, NULL), (NULL, '12', NULL, NULL)",
    );
    let (rows, faults) = read(&fixture, scan(&fixture.table("t").await, Range::Whole)).await;
    assert_eq!(rows, ["k=a, n=1, d=2024-01-01, s=ok", "k=NULL, n=12, d=NULL, s=NULL"]);
    assert_eq!(
        faults,
        [
            "k=b|n|TEXT found where int64 is wanted: not an integer",
            "k=c|n|REAL found where int64 is wanted: the number cannot be held exactly",
            "k=d|d|INTEGER found where date is wanted: no number has this type",
            "k=e|d|TEXT found where date is wanted: no such day in the calendar",
            "k=f|s|TEXT found where text is wanted: invalid UTF-8",
            "k=g|n|BLOB found where int64 is wanted: bytes in a column of another type",
        ]
    );
}

#[tokio::test]
async fn rows_without_a_key_are_named_by_rowid() {
    let fixture = Fixture::new("CREATE TABLE t(rowid INT, oid INT); INSERT INTO t(_rowid_, rowid) VALUES (7, 'x')");
    let (_, faults) =
        read(&fixture, scan(&fixture.table("t").await, Range::RowIds { start: Some(7), end: None })).await;
    assert_eq!(faults, ["rowid=7|rowid|TEXT found where int64 is wanted: not an integer"]);
    let located = Scan { locator: true, ..scan(&fixture.table("t").await, Range::Whole) };
    fixture.connect().execute_batch("UPDATE t SET rowid = 1").unwrap();
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    let batches = collect(snapshot.scan(located).await.unwrap()).await;
    let locators = batches[0].rows.column_by_name(crate::LOCATOR).unwrap();
    assert_eq!(locators.as_ref(), &arrow_array::StringArray::from(vec!["7"]));
}

#[tokio::test]
async fn rows_without_a_rowid_are_read_whole_and_located_nowhere() {
    let fixture = Fixture::new(
        "CREATE TABLE t(rowid INT, oid INT, _rowid_ INT); INSERT INTO t VALUES (1, 2, 3);
         CREATE TABLE w(id INT PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES (4)",
    );
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    for (name, line) in [("t", "rowid=1, oid=2, _rowid_=3"), ("w", "id=4")] {
        let table = fixture.table(name).await;
        let located = Scan { locator: true, ..scan(&table, Range::Whole) };
        let batches = collect(snapshot.scan(located).await.unwrap()).await;
        assert_eq!(lines(&batches, &fields(&table)), [line]);
        assert_eq!(batches[0].rows.column_by_name(crate::LOCATOR).unwrap().null_count(), 1);
        let by_rowid = scan(&table, Range::RowIds { start: None, end: None });
        let result: Result<Vec<Batch>> = snapshot.scan(by_rowid).await.unwrap().try_collect().await;
        assert!(matches!(result, Err(Error::Unsupported { .. })));
    }
}

/// The pieces of a table together hold each row once, in about equal shares.
async fn check_pieces(sql: &str, expected: i64) {
    let fixture = Fixture::new(sql);
    let table = fixture.table("t").await;
    let snapshot = fixture.open(Access::Read).snapshot(2).await.unwrap();
    let pieces = snapshot.pieces(&table, Sizing { split_bytes: 2000, splits_max: 25 }).await.unwrap();
    assert!(pieces.len() > 10, "{} pieces", pieces.len());
    let mut seen = Vec::new();
    for piece in &pieces {
        let batches = collect(snapshot.scan(scan(&table, piece.range.clone())).await.unwrap()).await;
        let found = lines(&batches, &fields(&table));
        assert!(found.len() as i64 <= expected / 5, "{:?} holds {} rows", piece.range, found.len());
        seen.extend(found);
    }
    assert_eq!(seen.len() as i64, expected);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len() as i64, expected, "every row once");
    assert_eq!(snapshot.count("t").await.unwrap(), Some(expected as u64));
}

const SERIES: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";

#[tokio::test]
async fn pieces_cover_dense_and_sparse_rowids() {
    check_pieces(&format!("CREATE TABLE t(v TEXT); {SERIES} INSERT INTO t SELECT 'value ' || i FROM n"), 3000).await;
    let sparse = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO t VALUES (-9223372036854775808, 'first'), (9223372036854775807, 'last');";
    check_pieces(&format!("{sparse} {SERIES} INSERT INTO t SELECT i, 'value' FROM n"), 3002).await;
}

#[tokio::test]
async fn samples_are_disjoint_and_end_with_the_last_row() {
    let dense = format!("CREATE TABLE t(v TEXT); {SERIES} INSERT INTO t SELECT 'value ' || i FROM n");
    let sparse = format!("{dense}; INSERT INTO t(rowid, v) VALUES (9223372036854775807, 'last')");
    let keyed =
        format!("CREATE TABLE t(v TEXT PRIMARY KEY) WITHOUT ROWID; {SERIES} INSERT INTO t SELECT 'v' || i FROM n");
    for (sql, rows, ranges) in [(&dense, 100, 8), (&dense, 5000, 1), (&sparse, 100, 8), (&keyed, 100, 1)] {
        let fixture = Fixture::new(sql);
        let table = fixture.table("t").await;
        let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
        let sample = snapshot.sample(&table, rows).await.unwrap();
        assert_eq!(sample.len(), ranges, "{sample:?}");
        let mut counts = Vec::new();
        for range in sample {
            let batches = collect(snapshot.scan(scan(&table, range)).await.unwrap()).await;
            counts.push(lines(&batches, &fields(&table)).len());
        }
        assert_eq!(
            counts.iter().sum::<usize>() as u64,
            table.rows_estimate.unwrap(),
            "open ranges cover every row once"
        );
        assert!(*counts.last().unwrap() > 0, "the last range has the last row: {counts:?}");
    }
}

#[tokio::test]
async fn bounds_are_told_of_integers_only() {
    let fixture =
        Fixture::new("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (-5, 'x'), (9000000000, 2)");
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    assert_eq!(snapshot.integer_bounds("t", "id").await.unwrap(), Some((-5, 9_000_000_000)));
    assert_eq!(snapshot.integer_bounds("t", "v").await.unwrap(), None);
}

#[tokio::test]
async fn looking_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let target = Sqlite::open(&path, Access::Look, 1).unwrap();
    assert!(target.catalog().await.unwrap().tables.is_empty());
    assert!(target.missing_privileges().await.unwrap().is_empty());
    assert!(target.free_bytes().await.unwrap().is_some());
    assert!(target.fence("job", 1).await.is_err(), "it cannot write");
    assert!(!path.exists());
}

#[tokio::test]
async fn pieces_cover_composite_keys() {
    let table = "CREATE TABLE t(a TEXT, b INTEGER, c REAL, PRIMARY KEY(a, b, c)) WITHOUT ROWID;";
    check_pieces(&format!("{table} {SERIES} INSERT INTO t SELECT 'k' || (i % 3), i, i / 7.0 FROM n"), 3000).await;
}

#[tokio::test]
async fn a_damaged_index_takes_no_part_in_reading_and_counting() {
    let fixture = Fixture::new(&format!(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, w TEXT); CREATE INDEX of_t ON t(v);
         CREATE TABLE e(v TEXT); CREATE INDEX of_e ON e(v); {SERIES} INSERT INTO t SELECT i, i, 'wide' FROM n;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'of_e') WHERE name = 'of_t'"
    ));
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 0, "the index is empty");
    let mut scan = scan(&fixture.table("t").await, Range::Whole);
    scan.fields.retain(|field| field.name != "w");
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    assert_eq!(snapshot.count("t").await.unwrap(), Some(3000));
    assert_eq!(
        collect(snapshot.scan(scan).await.unwrap()).await.iter().map(|batch| batch.rows.num_rows()).sum::<usize>(),
        3000
    );
}

#[tokio::test]
async fn keys_that_text_cannot_stand_for_are_not_cut() {
    let fixture = Fixture::new(&format!(
        "CREATE TABLE t(k BLOB PRIMARY KEY) WITHOUT ROWID; {SERIES} INSERT INTO t SELECT CAST(printf('%08d', i) AS BLOB) FROM n"
    ));
    let table = fixture.table("t").await;
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    let pieces = snapshot.pieces(&table, Sizing { split_bytes: 2000, splits_max: 25 }).await.unwrap();
    let batches = collect(snapshot.scan(scan(&table, pieces[0].range.clone())).await.unwrap()).await;
    assert_eq!((pieces.len(), lines(&batches, &fields(&table)).len()), (1, 3000));
}

#[tokio::test]
async fn large_tables_come_in_batches_of_the_asked_size() {
    let fixture =
        Fixture::new(&format!("CREATE TABLE t(v TEXT); {SERIES} INSERT INTO t SELECT printf('%100d', i) FROM n"));
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    let scan = Scan { batch_bytes: 10_000, ..scan(&fixture.table("t").await, Range::Whole) };
    let batches = collect(snapshot.scan(scan.clone()).await.unwrap()).await;
    let full = batches.iter().filter(|batch| batch.rows.num_rows() == 256).count();
    assert_eq!(full, batches.len() - 1, "so many rows are read even where they take more");
    assert_eq!(batches.iter().map(|batch| batch.rows.num_rows()).sum::<usize>(), 3000);
    // A stream dropped early gives its reader back.
    drop(snapshot.scan(scan.clone()).await.unwrap());
    assert_eq!(collect(snapshot.scan(scan).await.unwrap()).await.len(), batches.len());
}

#[tokio::test]
async fn numbers_count_by_the_room_they_take() {
    let fixture = Fixture::new(&format!(
        "CREATE TABLE t(n NUMERIC_TEXT); {SERIES} INSERT INTO t SELECT '1e131071' FROM n LIMIT 40"
    ));
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    let scan = Scan { batch_bytes: 1 << 18, ..scan(&fixture.table("t").await, Range::Whole) };
    let batches = collect(snapshot.scan(scan).await.unwrap()).await;
    assert!(batches.iter().all(|batch| batch.rows.num_rows() <= 8), "eight numbers fill a wide batch");
}

#[tokio::test]
async fn bad_files_get_clear_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let open = |access| Sqlite::open(&path, access, 1).err().unwrap();
    assert!(matches!(open(Access::Read), Error::Missing { .. }));
    std::fs::write(&path, vec![b'x'; 4096]).unwrap();
    assert!(matches!(open(Access::Read), Error::Corrupt { .. }));
    assert!(matches!(open(Access::Write), Error::Corrupt { .. }));
    let nowhere = Sqlite::open(&folder.path().join("no/x.db"), Access::Write, 1).err().unwrap();
    assert!(matches!(nowhere, Error::Missing { .. }));

    let fixture =
        Fixture::new(&format!("CREATE TABLE t(v TEXT); {SERIES} INSERT INTO t SELECT printf('%100d', i) FROM n"));
    let table = fixture.table("t").await;
    let mut bytes = std::fs::read(fixture.path()).unwrap();
    bytes[40_960..81_920].fill(0xff);
    std::fs::write(fixture.path(), &bytes).unwrap();
    let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
    let result: Result<Vec<Batch>> = snapshot.scan(scan(&table, Range::Whole)).await.unwrap().try_collect().await;
    assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
    drop(snapshot);
    std::fs::write(fixture.path(), &bytes[..40_960]).unwrap();
    assert!(matches!(Sqlite::open(&fixture.path(), Access::Read, 1).err(), Some(Error::Corrupt { .. })));
}

#[tokio::test]
async fn chinook_reads_without_a_fault() {
    let corpora = std::env::var("SENSEI_CORPORA").unwrap_or_else(|_| "../../shared/corpora".to_owned());
    let path = std::path::Path::new(&corpora).join("chinook/Chinook_Sqlite.sqlite");
    if !path.is_file() {
        println!("skipped: the corpus {} is absent", path.display());
        return;
    }
    let source = Sqlite::open(&path, Access::Read, 2).unwrap();
    let catalog = source.catalog().await.unwrap();
    assert_eq!(catalog.tables.len(), 11);
    let snapshot = source.snapshot(2).await.unwrap();
    let mut rows = 0;
    for table in &catalog.tables {
        let batches = collect(snapshot.scan(scan(table, Range::Whole)).await.unwrap()).await;
        assert!(batches.iter().all(|batch| batch.faults.is_empty()), "{}", table.name);
        rows += batches.iter().map(|batch| batch.rows.num_rows()).sum::<usize>();
    }
    assert_eq!(rows, 15_607);
}
