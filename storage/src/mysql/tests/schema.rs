//! Whole schemas and their values, from one database into another.

use super::values::EVERYTHING;
use super::*;
use crate::catalog::{Catalog, ObjectKind};
use crate::error::Error;
use crate::target::NextNumber;

/// What a table becomes in an equal system: everything as it is, values verbatim where their logical type cannot hold all.
fn planned(table: &Table) -> TargetTable {
    let field = |column: &Column| Field {
        logical: column.verbatim.clone().or_else(|| column.logical.clone()).expect("a supported type"),
        ..field(column)
    };
    TargetTable {
        name: table.name.clone(),
        fields: table.columns.iter().map(field).collect(),
        primary_key: table.primary_key.clone(),
        foreign_keys: table.foreign_keys.clone(),
        indexes: table.indexes.clone(),
        checks: table.checks.clone(),
        partitioning: table.partitioning.clone(),
        comment: table.comment.clone(),
        create: true,
    }
}

/// Copies a whole database, each step twice, as after a crash.
async fn copy(source: &Database, target: &Database) -> Catalog {
    let catalog = source.mysql.catalog().await.expect("a catalog");
    let tables: Vec<_> = catalog.tables.iter().map(planned).collect();
    let (before, after): (Vec<_>, Vec<_>) =
        catalog.objects.iter().cloned().partition(|object| object.kind.precedes_tables());
    for _ in 0..2 {
        target.mysql.create_objects(&before).await.expect("created");
        target.mysql.prepare("job", &tables, OnExisting::Fail).await.expect("prepared");
    }
    target.mysql.fence("job", 1).await.expect("fenced");
    let snapshot = source.mysql.snapshot(1).await.expect("a snapshot");
    let mut next = Vec::new();
    for (split, (table, planned)) in catalog.tables.iter().zip(&tables).enumerate() {
        let scan = Scan { fields: planned.fields.clone(), ..scan(table, Range::Whole) };
        let batches = read(snapshot.as_ref(), scan).await;
        assert_eq!(faults(&batches), []);
        fill(target.writer(&Arc::new(planned.clone()), split as u32).await, &rows(&batches)).await.expect("a commit");
        let numbered = table.columns.iter().filter_map(|column| Some((column, column.traits.identity.as_ref()?.next?)));
        next.extend(numbered.map(|(column, next)| NextNumber {
            table: Some(table.name.clone()),
            of: column.name.clone(),
            next,
        }));
    }
    let sequences = before.iter().filter(|object| object.kind == ObjectKind::Sequence);
    next.extend(
        sequences.filter_map(|object| Some(NextNumber { table: None, of: object.name.clone(), next: object.next? })),
    );
    for _ in 0..2 {
        for table in &tables {
            target.mysql.add_primary_key(table).await.expect("there");
            target.mysql.add_indexes(table).await.expect("added");
            target.mysql.add_checks(table).await.expect("added");
        }
        for table in &tables {
            target.mysql.add_foreign_keys(table).await.expect("added");
        }
        target.mysql.set_next(&next).await.expect("set");
        target.mysql.create_objects(&after).await.expect("created");
        let done: Vec<_> = tables.iter().map(|table| (table.clone(), Vec::new())).collect();
        target.mysql.finish("job", &done).await.expect("finished");
    }
    catalog
}

/// Without what differs between any two databases.
fn comparable(mut catalog: Catalog) -> Catalog {
    catalog.schema = None;
    for table in &mut catalog.tables {
        (table.rows_estimate, table.bytes_estimate) = (None, None);
    }
    catalog
}

#[tokio::test]
async fn every_value_survives_the_round_trip() {
    let source = Database::new(EVERYTHING);
    source.run(
        "SET sql_mode = 'ALLOW_INVALID_DATES';
         INSERT INTO everything (id, dd, dt, ts, tm, tm6) VALUES
           (100, '0000-00-00', '0000-00-00', '0000-00-00', '-838:59:59', '838:59:58.999999'), (101, '2024-02-30', '2024-00-00 01:02:03', NULL, '100:00:00', NULL)",
    );
    let target = Database::on(source.server.clone(), "");
    copy(&source, &target).await;
    let checksum = |db: &Database| db.server.sql(&format!("USE {}; CHECKSUM TABLE everything", db.name));
    let bare = |text: String| text.split('\t').nth(1).map(str::to_owned);
    let (before, after) = (bare(checksum(&source)), bare(checksum(&target)));
    assert!(
        before.as_deref().is_some_and(|sum| sum != "0" && sum != "NULL") && before == after,
        "{before:?} {after:?}"
    );
    let differing = format!(
        "SELECT COUNT(*) FROM (SELECT * FROM {0}.everything EXCEPT ALL SELECT * FROM {1}.everything) x",
        source.name, target.name
    );
    assert_eq!(source.number(&differing).await, 0);
}

#[tokio::test]
async fn a_whole_schema_survives_the_round_trip() {
    let source = Database::new(
        "CREATE TABLE `par``ent` (a int, b varchar(20) COLLATE utf8mb4_bin, c varchar(9), PRIMARY KEY (b, a), UNIQUE KEY (c)) COMMENT 'kin''s \\\\';
         CREATE TABLE `Ünïcode; DROP` (id int unsigned AUTO_INCREMENT PRIMARY KEY, x int DEFAULT 7 COMMENT 'it''s', y varchar(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'a''b',
            z int CHECK (z > 0), j json DEFAULT '{}', at timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), hid int INVISIBLE,
            v int AS (z + 1) VIRTUAL, w int AS (z * 2) STORED COMMENT 'twice', u varchar(36) DEFAULT (uuid()), n int DEFAULT NULL, f varchar(9) DEFAULT concat('a', 'b'),
            e enum('a','b''c') DEFAULT 'a', bi bit(3) DEFAULT b'101', l text, g geometry NOT NULL, c varchar(9), la varchar(9) CHARACTER SET latin1 COLLATE latin1_german1_ci,
            KEY by_y (y(5) DESC, x), UNIQUE KEY `u``x` (x), FULLTEXT KEY ft (u), SPATIAL KEY sp (g), KEY l (l(20)), CONSTRAINT `sm``all` CHECK (z < 10 and c <> 'it''s'),
            CONSTRAINT `k``in` FOREIGN KEY (y, x) REFERENCES `par``ent` (b, a) ON DELETE CASCADE ON UPDATE RESTRICT, CONSTRAINT kin2 FOREIGN KEY (c) REFERENCES `par``ent` (c)) AUTO_INCREMENT = 42;
         CREATE TABLE late (k varchar(9), no int AUTO_INCREMENT, PRIMARY KEY (k), KEY no (no)) AUTO_INCREMENT = 7;
         CREATE TABLE parts (k int, d date, PRIMARY KEY (k)) PARTITION BY RANGE (k) SUBPARTITION BY HASH (k) SUBPARTITIONS 2
            (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
         CREATE TABLE listed (k int, s varchar(3), PRIMARY KEY (k, s)) PARTITION BY LIST COLUMNS (s) (PARTITION `a b` VALUES IN ('x','y'), PARTITION rest DEFAULT);
         CREATE TABLE self (id int PRIMARY KEY, boss int, CONSTRAINT loops FOREIGN KEY (boss) REFERENCES self (id));
         SET foreign_key_checks = 0;
         CREATE TABLE egg (id int PRIMARY KEY, hen int, CONSTRAINT of_hen FOREIGN KEY (hen) REFERENCES hen (id));
         CREATE TABLE hen (id int PRIMARY KEY, egg int, CONSTRAINT of_egg FOREIGN KEY (egg) REFERENCES egg (id));
         SET foreign_key_checks = 1;
         INSERT INTO `par``ent` VALUES (1, 'a', 'one'), (2, 'b', NULL); INSERT INTO `Ünïcode; DROP` (x, y, g, c) VALUES (1, 'a', POINT(1, 2), 'one'), (2, 'b', POINT(3, 4), NULL);
         INSERT INTO late (k) VALUES ('x'); INSERT INTO parts VALUES (1, '2024-01-01'), (100, NULL); INSERT INTO listed VALUES (1, 'x'), (2, 'q');
         INSERT INTO self VALUES (1, 1), (2, 1);
         CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 2;
         CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;
         CREATE PROCEDURE noop() DO 0;
         CREATE VIEW b_view AS SELECT twice(id) AS doubled FROM self; CREATE VIEW a_view AS SELECT * FROM b_view;
         CREATE TRIGGER stamp BEFORE INSERT ON self FOR EACH ROW SET NEW.boss = coalesce(NEW.boss, 1);
         CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM self WHERE id < 0",
    );
    source
        .statement(
            "CREATE TRIGGER chatty AFTER DELETE ON self FOR EACH ROW BEGIN SET @a = \"it's; a \\\"text\\\"\"; SET @b = 1; END",
        )
        .await;
    let target = Database::on(source.server.clone(), "");
    let before = comparable(copy(&source, &target).await);
    let after = comparable(target.mysql.catalog().await.expect("a catalog"));
    for (one, other) in before.tables.iter().zip(&after.tables) {
        for (one, other) in one.columns.iter().zip(&other.columns) {
            assert_eq!(one, other);
        }
        assert_eq!(one, other);
    }
    for (one, other) in before.objects.iter().zip(&after.objects) {
        assert_eq!(one, other);
    }
    assert_eq!(before, after);
    for table in &before.tables {
        let differing = format!(
            "SELECT COUNT(*) FROM (SELECT * FROM {0}.{2} EXCEPT ALL SELECT * FROM {1}.{2}) x",
            source.name,
            target.name,
            super::super::sql::identifier(&table.name)
        );
        assert_eq!(source.number(&differing).await, 0, "{}", table.name);
    }
}

#[tokio::test]
async fn objects_that_are_there_and_others_are_refused_by_name() {
    let db = Database::new("CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2");
    let mut objects = db.mysql.catalog().await.expect("a catalog").objects;
    db.mysql.create_objects(&objects).await.expect("there and equal");
    db.run("DROP FUNCTION twice; CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 3");
    let error = db.mysql.create_objects(&objects).await.expect_err("another one").to_string();
    assert!(error.contains("function \"twice\""), "{error}");
    objects[0].kind = ObjectKind::MaterializedView;
    let error = db.mysql.create_objects(&objects).await.expect_err("no such kind");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[tokio::test]
async fn keys_that_the_rows_break_are_refused_and_taken_off_again() {
    let db = Database::new(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int, parent int); INSERT INTO child VALUES (1, 4711), (1, NULL)",
    );
    let mut child = (*db.target("child").await).clone();
    let key = crate::catalog::ForeignKey {
        name: Some("kin".into()),
        columns: vec!["parent".into()],
        parent: "parent".into(),
        parent_columns: vec!["id".into()],
        on_delete: "SET NULL".into(),
        on_update: "NO ACTION".into(),
        ..Default::default()
    };
    child.foreign_keys = vec![key.clone()];
    let error = db.mysql.add_foreign_keys(&child).await.expect_err("an orphan").to_string();
    assert!(error.contains("\"kin\"") && !error.contains("4711"), "{error}");
    assert_eq!(db.table("child").await.foreign_keys.len(), 0);
    db.run("INSERT INTO parent VALUES (4711)");
    db.mysql.add_foreign_keys(&child).await.expect("added");
    child.foreign_keys[0].name = None;
    db.mysql.add_foreign_keys(&child).await.expect("there already, whatever its name");
    let added: Vec<_> = db.table("child").await.foreign_keys.into_iter().map(|key| key.on_delete).collect();
    assert_eq!(added, ["SET NULL"]);
    child.foreign_keys[0].on_delete = "CASCADE; DROP TABLE parent".into();
    child.foreign_keys[0].columns = vec!["id".into()];
    let error = db.mysql.add_foreign_keys(&child).await.expect_err("not an action");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let part = crate::catalog::IndexPart { of: crate::catalog::IndexTerm::Column("id".into()), ..Default::default() };
    child.indexes = vec![crate::catalog::Index {
        name: "one".into(),
        unique: true,
        method: "btree".into(),
        parts: vec![part],
        ..Default::default()
    }];
    let error = db.mysql.add_indexes(&child).await.expect_err("twice");
    assert!(matches!(&error, Error::Refused { why, .. } if why.contains("\"one\"")), "{error}");
    assert!(error.to_string().ends_with("; keys that several rows have: 1"), "it has no key to name rows by: {error}");
    child.checks = vec![crate::catalog::Check { name: Some("small".into()), expression: "id < 1".into() }];
    let error = db.mysql.add_checks(&child).await.expect_err("violated");
    assert!(matches!(&error, Error::Refused { why, .. } if why.contains("\"small\"")), "{error}");
    assert!(error.to_string().ends_with("; rows that break it: 2"), "{error}");

    db.run("CREATE TABLE named (id int PRIMARY KEY, n int); INSERT INTO named VALUES (1, 9), (2, 9), (3, 5)");
    let mut named = (*db.target("named").await).clone();
    named.checks = vec![crate::catalog::Check { name: Some("few".into()), expression: "n < 6".into() }];
    let error = db.mysql.add_checks(&named).await.expect_err("violated").to_string();
    assert!(error.ends_with("rows that break it: 2, among them id=1; id=2"), "{error}");
}

#[tokio::test]
async fn a_default_beyond_what_the_catalog_can_write_is_read_as_it_is() {
    let db = Database::new(
        "CREATE TABLE t (id int PRIMARY KEY, cart varchar(9) CHARACTER SET utf8mb4 DEFAULT '🚚''', \
         mark varchar(9) CHARACTER SET utf8mb4 DEFAULT '?', old varchar(9) CHARACTER SET latin1 DEFAULT '?')",
    );
    let columns = db.table("t").await.columns;
    let defaults: Vec<_> = columns.iter().filter_map(|column| column.traits.default.as_deref()).collect();
    assert_eq!(defaults, ["'🚚'''", "'?'", "'?'"]);
}
