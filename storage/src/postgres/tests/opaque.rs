//! Types that only PostgreSQL computes with, and every other type beside one of them, judged by the server.

use super::*;
use crate::catalog::System;
use crate::types::LogicalType;

const ODD: &str = "
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
    CREATE TYPE pair AS (a int, \"b c\" text, at timestamptz);
    CREATE TYPE span AS RANGE (subtype = float8);
    CREATE DOMAIN addr AS inet CHECK (family(VALUE) = 4);
    CREATE DOMAIN grid AS int[];
    CREATE TABLE odd (
        id int PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8, ir int4range, tr tstzrange, sr span, mr nummultirange,
        p pair, tv tsvector, tq tsquery, h hstore, x xml, b3 bit(3), vb bit varying(70), ttz timetz, pt point, pg polygon,
        bx box, lsn pg_lsn, ch \"char\", nm name, rt regtype, jp jsonpath, sn pg_snapshot, lt ltree, cu cube, ci citext,
        o oid, mo money, ad addr, g grid, ai inet[], a2 int[], at text[], ab bit(3)[], ao oid[], am money[], ap pair[],
        ach \"char\"[], iv int2vector, bxa box[]);
    INSERT INTO odd (id) VALUES (0);
    INSERT INTO odd VALUES (1, '10.0.0.1', '10.1.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '[1,5)',
        '[2020-01-01 00:00+02,)', '(1e-300,0.1]', '{[1.50,2),[3,4]}', ROW(1, E'a\"b,\\\\\\n\\t', '2020-01-01'),
        'fat:2A & ''qu''''ote'':3'::text::tsvector, 'fat & (rat | !cat:*A)', 'a=>1, \"b \\\"\"=>NULL', '<a b=\"c\">\u{fc}&lt;</a>',
        B'101', repeat('10', 35)::bit(70), '04:05:06.789-08', '(1e-300,-0.1)', '((0,0),(1,1),(0,2))', '(1,1),(0,0)',
        '16/B374D848', 'x', 'a name', 'double precision[]', '$.a[*] ? (@ > 1)', '10:20:10,14,15', 'Top.Sub',
        '(1,2),(3,4)', 'MiXed', 4294967295, -92233720368547758.08, '192.168.0.1', '{{1,NULL},{3,4}}',
        '{10.0.0.1,NULL}', '[0:1][-1:0]={{1,2},{3,4}}', E'{{\"\",NULL},{\"NULL\",\"a\\\\\\\\ \\\\\"b\\\\\"\\t\\n\"}}',
        '{101,NULL}', '{4294967295}', '{1.05,NULL}', ARRAY[ROW(1, 'x', NULL)::pair, NULL], '{a,NULL}', '1 2 3',
        '{(1,1),(0,0);(2,2),(1,1)}');
    INSERT INTO odd (id, ir, mr, p, tv, h, x, vb, ch, ci, mo, a2, at, sr)
        VALUES (2, 'empty', '{}', ROW(NULL, NULL, NULL), '', '', '', '', '', '', 92233720368547758.07, '{}', '{}', '(,)');
    CREATE TABLE copy (LIKE odd);";

/// As the plan between two databases of this kind has it: each column as what carries every value.
fn own_forms(table: &Table) -> Vec<Field> {
    let own = |column: &crate::catalog::Column| Field {
        name: column.name.clone(),
        logical: column.verbatim.clone().or(column.logical.clone()).expect("a supported type"),
        native: column.native.clone(),
        nullable: column.nullable,
        traits: column.traits.clone(),
    };
    table.columns.iter().map(own).collect()
}

fn opaque(native: &str) -> LogicalType {
    LogicalType::Opaque { system: System::Postgresql, native: native.to_owned() }
}

async fn same_rows(db: &Database, one: &str, other: &str) {
    let differing = format!(
        "SELECT count(*) FROM ((SELECT l::text FROM {one} l EXCEPT ALL SELECT r::text FROM {other} r) UNION ALL
         (SELECT r::text FROM {other} r EXCEPT ALL SELECT l::text FROM {one} l)) x"
    );
    assert_eq!(db.number(&differing).await, 0);
    assert_eq!(
        db.number(&format!("SELECT count(*) FROM {one}")).await,
        db.number(&format!("SELECT count(*) FROM {other}")).await
    );
}

/// Reads `from` as `fields`, writes all of it into `to`, and reads that back as the same.
async fn move_rows(db: &Database, from: &str, to: &str, fields: &[Field]) {
    move_split(db, from, to, fields, 0).await;
}

async fn move_split(db: &Database, from: &str, to: &str, fields: &[Field], split: u32) {
    let of_source = Scan { fields: fields.to_vec(), ..scan_all(from) };
    let snapshot = db.postgres.snapshot(1).await.expect("a snapshot");
    let batches = read(snapshot.as_ref(), of_source).await;
    drop(snapshot);
    assert_eq!(faults(&batches), []);
    let target = TargetTable { name: to.to_owned(), fields: fields.to_vec(), ..TargetTable::default() };
    let target = Arc::new(target);
    db.prepared(std::slice::from_ref(&target)).await;
    let commit = fill(db.writer(&target, split).await, &rows(&batches)).await.expect("a commit");
    let back = Scan { fields: fields.to_vec(), ..scan_all(to) };
    let back: Vec<Batch> =
        db.postgres.read_back(back, commit).await.expect("a scan").try_collect().await.expect("rows");
    assert_eq!(rows(&back), rows(&batches));
}

fn scan_all(table: &str) -> Scan {
    Scan {
        table: table.to_owned(),
        fields: Vec::new(),
        key: Vec::new(),
        range: Range::Whole,
        locator: false,
        form: crate::Form::Columns,
        batch_bytes: 1 << 20,
    }
}

#[tokio::test]
async fn what_only_postgresql_computes_with_survives_the_round_trip() {
    let db = Database::new(ODD).await;
    move_rows(&db, "odd", "copy", &own_forms(&db.table("odd").await)).await;
    same_rows(&db, "odd", "copy").await;
}

#[tokio::test]
async fn each_odd_type_is_told_as_what_carries_it() {
    let db = Database::new(ODD).await;
    let table = db.table("odd").await;
    let column = |name: &str| table.columns.iter().find(|column| column.name == name).expect(name);
    for (name, logical) in [
        ("i", opaque("inet")),
        ("p", opaque("pair")),
        ("ap", opaque("pair[]")),
        ("sr", opaque("span")),
        ("ad", opaque("addr")),
        ("h", opaque("hstore")),
        ("ch", opaque("\"char\"")),
        ("ttz", opaque("time with time zone")),
        ("iv", opaque("int2vector")),
        ("ai", opaque("inet[]")),
        ("b3", LogicalType::Bits { length: Some(3) }),
        ("vb", LogicalType::Bits { length: None }),
        ("nm", LogicalType::TEXT),
        ("ci", LogicalType::TEXT),
        ("o", LogicalType::Int64),
        ("mo", LogicalType::Decimal { precision: 19, scale: 2 }),
    ] {
        assert_eq!((column(name).logical.as_ref(), &column(name).verbatim), (Some(&logical), &None), "{name}");
    }
    for (name, logical, own) in [
        ("a2", LogicalType::Int32, "integer[]"),
        ("g", LogicalType::Int32, "grid"),
        ("ao", LogicalType::Int64, "oid[]"),
        ("ab", LogicalType::Bits { length: Some(3) }, "bit(3)[]"),
    ] {
        assert_eq!(column(name).logical, Some(LogicalType::Array(Box::new(logical))), "{name}");
        assert_eq!(column(name).verbatim, Some(opaque(own)), "{name}");
    }
}

/// One column without a binary form makes the whole table travel as text.
#[tokio::test]
async fn every_type_survives_as_text_too() {
    let db = Database::new(super::values::EVERYTHING).await;
    db.run("ALTER TABLE everything ADD i inet DEFAULT '10.0.0.1'; ALTER TABLE copy ADD i inet").await;
    db.run("INSERT INTO everything (id, iv, d, az, ay) VALUES
        (-1, make_interval(secs => -0.000001), -0.05, '{4713-01-01 BC,-infinity}', ARRAY[decode('00ff0a0d095c22', 'hex')]),
        (-2, interval '-178956970 years -8 mons' + interval '-2147483648 days', 0, '{}', '{}'),
        (-3, interval '178956970 years 7 mons 2147483647 days -2562047:47:16.854775', 0, '{}', '{}')")
    .await;
    let table = db.table("everything").await;
    move_rows(&db, "everything", "copy", &fields_with_generated(&table)).await;
    same_rows(&db, "everything", "copy").await;
}

fn fields_with_generated(table: &Table) -> Vec<Field> {
    let field = |column: &crate::catalog::Column| Field {
        name: column.name.clone(),
        logical: column.logical.clone().expect("a supported type"),
        native: column.native.clone(),
        nullable: column.nullable,
        traits: column.traits.clone(),
    };
    table.columns.iter().map(field).collect()
}

/// Values that are sent in pieces, in both formats, around the size from which they are.
#[tokio::test]
async fn large_values_arrive_whole() {
    let db = Database::new(
        "CREATE TABLE large (id int, b bytea, t text, j jsonb, x json);
         INSERT INTO large SELECT n, decode(repeat(md5(n::text), n / 16), 'hex') || '\\x5c', repeat(E'\\\\\\t\\n\u{fc}', n / 5),
            to_jsonb(repeat('\\x', n / 4)), to_json(repeat('y\u{20ac}', n / 4))
         FROM unnest(ARRAY[262128, 262144, 262160, 1000000]) n;
         CREATE TABLE pieces (LIKE large); CREATE TABLE text (LIKE large, i inet)",
    )
    .await;
    let own = own_forms(&db.table("large").await);
    move_rows(&db, "large", "pieces", &own).await;
    same_rows(&db, "large", "pieces").await;
    db.run("ALTER TABLE large ADD i inet DEFAULT '10.0.0.1'").await;
    let own = own_forms(&db.table("large").await);
    move_split(&db, "large", "text", &own, 1).await;
    same_rows(&db, "large", "text").await;
}

/// PostGIS may not be installed where the tests run; what its types mean is then checked by name only.
#[tokio::test]
async fn shapes_travel_as_ewkb() {
    let db = Database::new("CREATE TABLE plain (id int)").await;
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'";
    if db.number(available).await == 0 {
        println!("skipped: PostGIS is not installed");
        return;
    }
    db.run(
        "CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis;
         CREATE TABLE shapes (id int, g gis.geometry, p gis.geometry(PointZ, 4326), e gis.geography(Point), a gis.geometry[]);
         INSERT INTO shapes VALUES (1, gis.ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'),
            gis.ST_SetSRID(gis.ST_MakePoint(1, 2, 3), 4326), gis.ST_MakePoint(7, 50)::gis.geography, NULL),
            (2, NULL, NULL, NULL, NULL),
            (3, gis.ST_GeomFromText('POINT EMPTY', 3857), NULL, NULL, ARRAY[gis.ST_MakePoint(1, 2), NULL]);
         CREATE TABLE copy (LIKE shapes); ALTER TABLE shapes ADD i inet;
         CREATE TABLE text (LIKE shapes); ALTER TABLE copy ADD i inet",
    )
    .await;
    let own = own_forms(&db.table("shapes").await);
    assert_eq!((&own[1].logical, &own[3].logical), (&LogicalType::Geometry, &LogicalType::Geometry));
    assert_eq!(own[4].logical, opaque("gis.geometry[]"));
    move_rows(&db, "shapes", "copy", &own[..4]).await;
    db.run("UPDATE shapes SET a = NULL").await;
    same_rows(&db, "shapes", "copy").await;
    move_split(&db, "copy", "text", &own, 1).await;
    same_rows(&db, "copy", "text").await;
}
