//! Values of every type, judged by the server.

use super::*;
use crate::catalog::{IdentityKind, IndexTerm, ObjectKind, System};
use crate::types::LogicalType;

/// Every type MariaDB has, at its limits. MySQL's `json` and its generated columns differ in nothing that is read here.
pub(super) const EVERYTHING: &str = r#"
    SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+03:00';
    CREATE TABLE everything (
        id int AUTO_INCREMENT PRIMARY KEY, t1 tinyint, t1u tinyint unsigned, b tinyint(1), i2 smallint, i2u smallint unsigned,
        i3 mediumint, i3u mediumint unsigned, i4 int, i4u int(10) unsigned zerofill, i8 bigint, i8u bigint unsigned,
        d decimal(65,30), dz decimal(10,2) unsigned zerofill, f float, f8 double, f74 float(7,4), bit1 bit, bit10 bit(10), bit64 bit(64),
        c char(5), v varchar(20), vl varchar(20) CHARACTER SET latin1 COLLATE latin1_german1_ci, v3 varchar(9) CHARACTER SET utf8mb3,
        tt tinytext, tx text, mt mediumtext, lt longtext, bi binary(4), vb varbinary(9), tb tinyblob, bl blob, mb mediumblob, lb longblob,
        dd date, dt datetime, dt3 datetime(3), dt6 datetime(6), ts timestamp NULL, ts6 timestamp(6) NULL, tm time, tm6 time(6), y year,
        e enum('sad','so ''so''','a,b)'), s set('x','y','z'), j json, u uuid, i inet6, i4a inet4, g geometry, p point,
        gs int GENERATED ALWAYS AS (i2 / 2) STORED, gv varchar(30) GENERATED ALWAYS AS (concat(v, '!')) VIRTUAL,
        `We``ird "Näme';` int) CHARACTER SET utf8mb4;
    INSERT INTO everything (id) VALUES (1);
    INSERT INTO everything (id, t1, t1u, b, i2, i2u, i3, i3u, i4, i4u, i8, i8u, d, dz, f, f8, f74, bit1, bit10, bit64) VALUES
      (2, -128, 0, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0,
       -99999999999999999999999999999999999.999999999999999999999999999999, 0.05, -3.402823466e38, -1.7976931348623157e308, -999.9999, b'0', b'0', b'0'),
      (3, 127, 255, 1, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615,
       0.000000000000000000000000000001, 12345678.90, 1.401298464e-45, 5e-324, 0.1, b'1', b'1000000001', 0x8000000000000001),
      (4, 0, 7, 1, 1, 1, 1, 1, 1, 7, 1, 1, 1.5, 7, 0.1, 0.1, 1, b'1', b'11', b'101');
    INSERT INTO everything (id, c, v, vl, v3, tt, tx, mt, lt, bi, vb, tb, bl, mb, lb) VALUES
      (12, '', '', '', '', '', '', '', '', '', '', '', '', '', ''),
      (13, 'a b ', 'tail  ', 'äöü€ß', '€ü', 'x\0y', '"quoted" \\ back', 'tab\tnew\nline', repeat('🦀', 5000), 0x00ff, 0x00ff5c27, 0x80, 0xff, 0x00, repeat(0xab00, 9000)),
      (14, 'ééééé', '🦀🦀', 'ÿ', 'ßß', '''', '\r\n', '%', '`', 'abcd', 'abc', NULL, NULL, NULL, NULL);
    INSERT INTO everything (id, dd, dt, dt3, dt6, ts, ts6, tm, tm6, y) VALUES
      (22, '1000-01-01', '1000-01-01', '1000-01-01 00:00:00.001', '9999-12-31 23:59:59.999999', '1970-01-01 03:00:01', '2038-01-19 06:14:07.999999', '00:00:00', '24:00:00', 1901),
      (23, '9999-12-31', '9999-12-31 23:59:59', '2024-02-29 12:00:00.5', '0001-01-01', '2024-07-01 12:00:00', '2024-07-01 12:00:00.000001', '23:59:59', '00:00:00.000001', 2155),
      (24, '2000-02-29', '2000-02-29', '2000-02-29', '2000-02-29', NULL, NULL, '12:00:00', '12:00:00.5', 0);
    INSERT INTO everything (id, e, s, j, u, i, i4a, g, p, `We``ird "Näme';`) VALUES
      (32, 'sad', '', '{"b": 1, "a" : [1.10, null]}', '00112233-4455-6677-8899-aabbccddeeff', '::', '0.0.0.0', POINT(1.5, -2), POINT(0, 0), 1),
      (33, 'so ''so''', 'x,z', '[]', 'ffffffff-ffff-4fff-bfff-ffffffffffff', '2001:db8::1', '255.255.255.255',
       ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326), ST_PointFromText('POINT(7 8)', 3857), -1),
      (34, 'a,b)', 'x,y,z', '"x"', NULL, '::ffff:1.2.3.4', NULL, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'), NULL, 0);
    SET time_zone = DEFAULT;"#;

#[tokio::test]
async fn every_type_is_read_exactly() {
    let db = Database::new(EVERYTHING);
    let table = db.table("everything").await;
    let batches = db.read(&table).await;
    assert_eq!(faults(&batches), []);
    let all = texts(&batches, &fields(&table));
    assert_eq!(all.len(), 13);
    let cell = |id: &str, name: &str| {
        let column = table.columns.iter().position(|column| column.name == name).expect(name);
        all.iter().find(|row| row[0] == id).expect(id)[column].clone()
    };
    for (id, name, expected) in [
        ("1", "i8u", "∅"),
        ("3", "i8u", "18446744073709551615"),
        ("2", "d", "-99999999999999999999999999999999999.999999999999999999999999999999"),
        ("2", "dz", "0.05"),
        ("4", "i4u", "7"),
        ("4", "f", "0.1"),
        ("3", "f", "1e-45"),
        ("2", "f", "-3.4028235e38"),
        ("3", "f8", "5e-324"),
        ("3", "bit10", "1000000001"),
        ("3", "bit64", &format!("1{}1", "0".repeat(62))),
        ("13", "vl", "äöü€ß"),
        ("13", "v", "tail  "),
        ("13", "tt", "x\0y"),
        ("13", "bi", "\\x00ff0000"),
        ("22", "ts", "1970-01-01 00:00:01+00"),
        ("22", "ts6", "2038-01-19 03:14:07.999999+00"),
        ("22", "dt6", "9999-12-31 23:59:59.999999"),
        ("22", "tm6", "24:00:00"),
        ("24", "y", "0"),
        ("33", "e", "so 'so'"),
        ("33", "s", "x,z"),
        ("32", "j", "{\"b\": 1, \"a\" : [1.10, null]}"),
        ("33", "u", "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        ("34", "i", "::ffff:1.2.3.4"),
        ("32", "g", "\\x0101000000000000000000f83f00000000000000c0"),
        ("33", "p", "\\x0101000020110f00000000000000001c400000000000002040"),
        ("4", "gs", "1"),
        ("13", "gv", "tail  !"),
        ("33", "We`ird \"Näme';", "-1"),
    ] {
        assert_eq!(cell(id, name), expected, "{name} of {id}");
    }
}

#[tokio::test]
async fn values_without_a_carrier_become_faults_with_their_key() {
    let db = Database::new(
        "SET sql_mode = 'ALLOW_INVALID_DATES';
         CREATE TABLE odd (k uuid, n int, d date, dt datetime, tm time, PRIMARY KEY (k, n));
         INSERT INTO odd VALUES
           ('00000000-0000-4000-8000-00000000000a', 1, '0000-00-00', NULL, NULL),
           ('00000000-0000-4000-8000-00000000000a', 2, NULL, '2024-02-30 12:00:00', NULL),
           ('00000000-0000-4000-8000-00000000000a', 3, NULL, NULL, '-00:00:01'),
           ('00000000-0000-4000-8000-00000000000a', 4, NULL, NULL, '838:59:59'),
           ('00000000-0000-4000-8000-00000000000a', 5, '2024-02-29', '2024-02-29', '12:00:00')",
    );
    let table = db.table("odd").await;
    let snapshot = db.mysql.snapshot(1).await.expect("a snapshot");
    let mut located = scan(&table, Range::Whole);
    // The key is told even where it is not read itself.
    located.fields.retain(|field| field.name != "n");
    located.locator = true;
    let batches = read(snapshot.as_ref(), located.clone()).await;
    assert_eq!(row_count(&batches), 1);
    let address: &arrow_array::StringArray = arrow_array::cast::AsArray::as_string(batches[0].rows.column(4));
    assert_eq!(address.value(0), r#"["00000000-0000-4000-8000-00000000000a","5"]"#);
    let told: Vec<_> = faults(&batches).into_iter().map(|fault| (fault.key.expect("a key"), fault.column)).collect();
    let expected = [(1, "d"), (2, "dt"), (3, "tm"), (4, "tm")]
        .map(|(n, column)| (format!("k=00000000-0000-4000-8000-00000000000a, n={n}"), column.to_owned()));
    assert_eq!(told, expected);
    // Verbatim they all arrive.
    for field in &mut located.fields {
        let column = table.columns.iter().find(|column| column.name == field.name).expect("it is there");
        field.logical = column.verbatim.clone().unwrap_or_else(|| field.logical.clone());
    }
    let batches = read(snapshot.as_ref(), located.clone()).await;
    assert_eq!(faults(&batches), []);
    let all: Vec<_> = texts(&batches, &located.fields).into_iter().map(|row| row[1..].join(" ")).collect();
    assert_eq!(
        all,
        [
            "0000-00-00 ∅ ∅",
            "∅ 2024-02-30 12:00:00 ∅",
            "∅ ∅ -00:00:01",
            "∅ ∅ 838:59:59",
            "2024-02-29 2024-02-29 00:00:00 12:00:00"
        ]
    );
}

#[tokio::test]
async fn columns_are_read_as_what_the_plan_settles() {
    let db = Database::new(
        "CREATE TABLE t (id int PRIMARY KEY, b tinyint(1), bit1 bit, tm time(3), u binary(16), y year, f float);
         INSERT INTO t VALUES (1, 1, b'1', '-100:00:00.5', unhex('00112233445566778899aabbccddeeff'), 2024, 1),
                              (2, 0, b'0', '00:00:00', NULL, NULL, 1), (3, 2, NULL, NULL, NULL, NULL, 1)",
    );
    let table = db.table("t").await;
    let settled = |name: &str, logical: LogicalType| {
        let column = table.columns.iter().find(|column| column.name == name).expect(name);
        Field { logical, ..field(column) }
    };
    let snapshot = db.mysql.snapshot(1).await.expect("a snapshot");
    let mut wanted = scan(&table, Range::Whole);
    wanted.fields = vec![
        settled("b", LogicalType::Boolean),
        settled("bit1", LogicalType::Boolean),
        settled("tm", LogicalType::Interval),
        settled("u", LogicalType::Uuid),
        settled("y", LogicalType::TEXT),
    ];
    let batches = read(snapshot.as_ref(), wanted.clone()).await;
    assert_eq!(
        texts(&batches, &wanted.fields),
        [
            ["true", "true", "PT-100H-0.5S", "00112233-4455-6677-8899-aabbccddeeff", "2024"],
            ["false", "false", "PT0S", "∅", "∅"]
        ]
    );
    assert_eq!(faults(&batches)[0].key.as_deref(), Some("id=3"));
    wanted.fields = vec![settled("f", LogicalType::TEXT)];
    let error = snapshot.scan(wanted).await.err().expect("text of a float loses digits").to_string();
    assert!(error.contains("float") && error.contains("text"), "{error}");
}

#[tokio::test]
async fn a_table_without_rows_and_rows_of_large_values_are_read() {
    let db = Database::new(
        "CREATE TABLE none (id int); CREATE TABLE big (id int PRIMARY KEY, b longblob);
         INSERT INTO big VALUES (1, repeat('a', 12000000)), (2, repeat('b', 12000000)), (3, 'c')",
    );
    assert_eq!(db.read(&db.table("none").await).await.len(), 0);
    let batches = db.read(&db.table("big").await).await;
    assert_eq!(batches.len(), 3, "a large row is a batch of its own");
    let lengths = batches.iter().map(|batch| {
        let bytes: &arrow_array::BinaryArray = arrow_array::cast::AsArray::as_binary(batch.rows.column(1));
        bytes.value(0).len()
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [12_000_000, 12_000_000, 1]);
}

#[tokio::test]
async fn the_catalog_tells_everything() {
    let db = Database::new(
        "CREATE TABLE parent (a int, b varchar(20) COLLATE utf8mb4_bin, PRIMARY KEY (b, a)) COMMENT 'kin''s';
         CREATE TABLE child (id int unsigned AUTO_INCREMENT PRIMARY KEY, x int DEFAULT 7 COMMENT 'it''s', y varchar(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'a''b',
            z int CHECK (z > 0), j json, at timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), hid int INVISIBLE,
            v int AS (x + 1) VIRTUAL, w int AS (x * 2) STORED, u varchar(36) DEFAULT (uuid()), n int DEFAULT NULL,
            KEY by_y (y(5) DESC, x), UNIQUE KEY `u``x` (x), FULLTEXT KEY ft (u), CONSTRAINT small CHECK (x < 10),
            CONSTRAINT kin FOREIGN KEY (y, x) REFERENCES parent (b, a) ON DELETE CASCADE) AUTO_INCREMENT = 42;
         CREATE TABLE parts (k int, d date, PRIMARY KEY (k)) PARTITION BY RANGE (k) SUBPARTITION BY HASH (k) SUBPARTITIONS 2
            (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
         CREATE TABLE marked (id int PRIMARY KEY, sensei_row bigint unsigned NULL INVISIBLE COMMENT 'Sensei: rows of a job under way', KEY sensei_row (sensei_row));
         CREATE VIEW b_view AS SELECT 1 AS one; CREATE VIEW a_view AS SELECT * FROM b_view;",
    );
    db.run(
        "CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 2;
         CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;
         CREATE TRIGGER stamp BEFORE INSERT ON parent FOR EACH ROW SET NEW.a = NEW.a;
         CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM parent WHERE a < 0",
    );
    let catalog = db.mysql.catalog().await.expect("a catalog");
    assert_eq!((catalog.system, catalog.schema.as_deref()), (System::Mysql, Some(db.name.as_str())));
    assert!(catalog.version.starts_with("MariaDB 10."), "{}", catalog.version);
    let names: Vec<_> = catalog.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["child", "marked", "parent", "parts"]);
    let [child, marked, parent, parts] = &catalog.tables[..] else { panic!() };
    assert_eq!((marked.columns.len(), marked.indexes.len()), (1, 0), "a job's mark is no column");
    assert_eq!((parent.primary_key.join(","), parent.comment.as_deref()), ("b,a".into(), Some("kin's")));
    let column = |name: &str| child.columns.iter().find(|column| column.name == name).expect(name);
    let identity = column("id").traits.identity.as_ref().expect("it numbers itself");
    assert_eq!((&identity.kind, identity.next, identity.increment), (&IdentityKind::ByDefault, Some(42), 1));
    for (name, default) in [
        ("x", Some("7")),
        ("y", Some("'a''b'")),
        ("at", Some("current_timestamp()")),
        ("u", Some("uuid()")),
        ("n", None),
        ("v", None),
    ] {
        assert_eq!(column(name).traits.default.as_deref(), default, "{name}");
    }
    assert_eq!(column("x").traits.comment.as_deref(), Some("it's"));
    assert_eq!(column("y").traits.collation.as_deref(), Some("utf8mb4_bin"));
    assert_eq!(column("at").traits.attributes.as_deref(), Some("ON UPDATE current_timestamp()"));
    assert_eq!(column("hid").traits.attributes.as_deref(), Some("INVISIBLE"));
    assert_eq!((column("j").native.as_str(), &column("j").logical), ("json", &Some(LogicalType::Jsonb)));
    let generation = |name: &str| column(name).traits.generation.clone().expect(name);
    assert_eq!((generation("v").expression.as_str(), generation("v").stored), ("`x` + 1", false));
    assert!(generation("w").stored);
    let checks: Vec<_> = child.checks.iter().map(|check| (check.name.as_deref(), check.expression.as_str())).collect();
    assert_eq!(checks, [(Some("small"), "`x` < 10"), (Some("z"), "`z` > 0")]);
    let indexes: Vec<_> =
        child.indexes.iter().map(|index| (index.name.as_str(), index.unique, index.method.as_str())).collect();
    assert_eq!(
        indexes,
        [("by_y", false, "btree"), ("ft", false, "fulltext"), ("kin", false, "btree"), ("u`x", true, "btree")]
    );
    let part = &child.indexes[0].parts[0];
    assert_eq!((&part.of, part.prefix, part.descending), (&IndexTerm::Column("y".into()), Some(5), true));
    let key = &child.foreign_keys[0];
    assert_eq!(
        (key.name.as_deref(), key.columns.join(","), key.parent_columns.join(",")),
        (Some("kin"), "y,x".into(), "b,a".into())
    );
    assert_eq!((key.on_delete.as_str(), key.on_update.as_str()), ("CASCADE", "RESTRICT"));
    let partitioning = parts.partitioning.as_ref().expect("partitioned");
    assert_eq!(partitioning.by, "RANGE (`k`) SUBPARTITION BY HASH (`k`)");
    let bounds: Vec<_> = partitioning.partitions.iter().map(|part| format!("{} {}", part.name, part.bound)).collect();
    assert_eq!(
        bounds,
        ["p0 VALUES LESS THAN (10)", "p0sp0 ", "p0sp1 ", "p1 VALUES LESS THAN (MAXVALUE)", "p1sp0 ", "p1sp1 "]
    );
    let objects: Vec<_> = catalog.objects.iter().map(|object| (object.kind, object.name.as_str())).collect();
    assert_eq!(
        objects,
        [
            (ObjectKind::Sequence, "numbers"),
            (ObjectKind::Function, "twice"),
            (ObjectKind::View, "b_view"),
            (ObjectKind::View, "a_view"),
            (ObjectKind::Trigger, "stamp"),
            (ObjectKind::Event, "nightly")
        ]
    );
    assert_eq!(catalog.objects[0].next, Some(5));
    let definition = catalog.objects[4].definition.as_deref().expect("shown");
    assert!(
        definition.contains("CREATE TRIGGER `stamp` BEFORE INSERT")
            || definition.contains("CREATE TRIGGER stamp BEFORE INSERT"),
        "{definition}"
    );
    assert!(
        catalog.objects.iter().all(|object| !object.definition.as_deref().unwrap_or_default().contains("DEFINER="))
    );
    assert_eq!(catalog.not_carried, Vec::<String>::new());
}
