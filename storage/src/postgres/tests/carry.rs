//! Whole schemas into another schema: what stands there in the end is what stood in the source.

use super::*;
use crate::catalog::{Catalog, Column, Object, ObjectKind, System};
use crate::error::Error;
use crate::target::NextNumber;

/// Carries the whole schema as a job between two databases of this kind does, each step twice as after an interruption.
async fn carry(source: &Postgres, target: &Postgres) -> Catalog {
    let catalog = source.catalog().await.expect("a catalog");
    let (before, after): (Vec<Object>, Vec<Object>) =
        catalog.objects.iter().cloned().partition(Object::precedes_tables);
    let tables: Vec<_> = catalog.tables.iter().map(|table| Arc::new(planned(table))).collect();
    let plain: Vec<_> = tables.iter().map(|table| (**table).clone()).collect();
    for _ in 0..2 {
        target.create_objects(&before).await.expect("objects before tables");
        target.prepare("job", &plain, OnExisting::Fail).await.expect("prepared");
    }
    target.fence("job", 1).await.expect("fenced");
    let snapshot = source.snapshot(1).await.expect("a snapshot");
    for (split, table) in tables.iter().enumerate() {
        copy_rows(snapshot.as_ref(), target, table, split as u32).await;
    }
    drop(snapshot);
    for _ in 0..2 {
        for table in &plain {
            target.add_primary_key(table).await.expect("a primary key");
            target.add_indexes(table).await.expect("indexes");
            target.add_checks(table).await.expect("checks");
        }
        for table in &plain {
            target.add_foreign_keys(table).await.expect("foreign keys");
        }
        target.set_next(&next_numbers(&catalog)).await.expect("numbers");
        target.create_objects(&after).await.expect("objects after tables");
    }
    target.finish("job", &[]).await.expect("finished");
    catalog
}

fn planned(table: &Table) -> TargetTable {
    let field = |column: &Column| Field {
        name: column.name.clone(),
        logical: column.verbatim.clone().or(column.logical.clone()).expect("a supported type"),
        native: column.native.clone(),
        nullable: column.nullable,
        traits: column.traits.clone(),
    };
    let table = table.clone();
    TargetTable {
        name: table.name,
        fields: table.columns.iter().map(field).collect(),
        primary_key: table.primary_key,
        foreign_keys: table.foreign_keys,
        indexes: table.indexes,
        checks: table.checks,
        partitioning: table.partitioning,
        comment: table.comment,
        create: true,
    }
}

async fn copy_rows(source: &dyn Snapshot, target: &Postgres, table: &Arc<TargetTable>, split: u32) {
    let scan = Scan {
        table: table.name.clone(),
        fields: table.fields.clone(),
        key: table.primary_key.clone(),
        range: Range::Whole,
        locator: false,
        form: crate::Form::Columns,
        batch_bytes: 1 << 20,
    };
    let batches = read(source, scan.clone()).await;
    assert_eq!(faults(&batches), []);
    let begun = target.begin(write(table, split, false)).await.expect("a writer");
    let Begin::Writer(writer) = begun else { panic!("not committed") };
    let commit = fill(writer, &rows(&batches)).await.expect("a commit");
    let back: Vec<Batch> = target.read_back(scan, commit).await.expect("a scan").try_collect().await.expect("rows");
    assert_eq!(row_count(&back), row_count(&batches), "{}", table.name);
}

fn next_numbers(catalog: &Catalog) -> Vec<NextNumber> {
    let of_table = |table: &Table| {
        let of_column = |column: &Column| {
            let next = column.traits.identity.as_ref()?.next?;
            Some(NextNumber { table: Some(table.name.clone()), of: column.name.clone(), next })
        };
        table.columns.iter().filter_map(of_column).collect::<Vec<_>>()
    };
    let alone = catalog.objects.iter().filter(|object| object.kind == ObjectKind::Sequence);
    let alone =
        alone.map(|object| NextNumber { table: None, of: object.name.clone(), next: object.next.expect("readable") });
    catalog.tables.iter().flat_map(of_table).chain(alone).collect()
}

/// The catalog without what two equal schemas may differ in.
fn essence(mut catalog: Catalog) -> Catalog {
    catalog.schema = None;
    for table in &mut catalog.tables {
        (table.rows_estimate, table.bytes_estimate) = (None, None);
    }
    catalog
}

async fn must_be_equal(source: Catalog, target: &Postgres) {
    let (source, target) = (essence(source), essence(target.catalog().await.expect("a catalog")));
    assert_eq!(target.objects, source.objects);
    for (one, other) in target.tables.iter().zip(&source.tables) {
        assert_eq!(one, other);
    }
    assert_eq!(target.tables.len(), source.tables.len());
}

/// Every row of every table as the server writes it, hashed.
async fn content(postgres: &Postgres) -> Vec<(String, Option<String>)> {
    let session = postgres.session().await.expect("a session");
    let mut all = Vec::new();
    for table in postgres.catalog().await.expect("a catalog").tables {
        let name = super::super::sql::qualified(&postgres.schema, &table.name);
        let sql = format!("SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM {name} t");
        all.push((table.name, session.query_one(&sql, &[]).await.expect("a hash").get(0)));
    }
    session.park(super::super::Tag::FREE);
    all
}

#[tokio::test]
async fn pagila_arrives_whole() {
    let root = std::env::var("SENSEI_CORPORA").unwrap_or_else(|_| "../../shared/corpora".to_owned());
    let folder = std::path::Path::new(&root).join("pagila");
    if !folder.is_dir() {
        println!("skipped: no corpus at {}, set SENSEI_CORPORA", folder.display());
        return;
    }
    let (source, target) = (Database::new("").await, Database::new("").await);
    source.server.load(&source.name, &folder.join("pagila-schema.sql"));
    source.server.load(&source.name, &folder.join("pagila-data.sql"));
    let catalog = carry(&source.postgres, &target.postgres).await;
    assert_eq!(content(&source.postgres).await, content(&target.postgres).await);
    let kinds = |kind| catalog.objects.iter().filter(|object| object.kind == kind).count();
    assert_eq!(catalog.tables.len(), 15);
    assert!(kinds(ObjectKind::View) >= 6 && kinds(ObjectKind::Trigger) >= 10 && kinds(ObjectKind::Function) >= 8);
    must_be_equal(catalog, &target.postgres).await;
}

const NASTY: &str = include_str!("nasty.sql");
const NASTY_SCHEMA: &str = "Src \"a\"; x";

async fn nasty() -> (Database, Arc<Postgres>) {
    let db = Database::new(NASTY).await;
    let source = Postgres::open(&db.server.url(&db.name), NASTY_SCHEMA, 4).expect("a good URL");
    (db, source)
}

#[tokio::test]
async fn a_nasty_schema_arrives_whole_under_another_name() {
    let (db, source) = nasty().await;
    let target = Postgres::open(&db.server.url(&db.name), "Ziel'; --", 4).expect("a good URL");
    let catalog = carry(&source, &target).await;
    assert_eq!(content(&source).await, content(&target).await);
    must_be_equal(catalog, &target).await;
}

#[tokio::test]
async fn everything_is_told_and_what_is_not_carried_is_named() {
    let (_db, source) = nasty().await;
    let catalog = source.catalog().await.expect("a catalog");
    assert_eq!(catalog.system, System::Postgresql);
    let listing = serde_json::to_string_pretty(&essence(catalog.clone())).expect("JSON");
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres/tests/nasty.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, format!("{listing}\n")).expect("written");
    }
    let expected = std::fs::read_to_string(&golden).expect("the golden file; run with UPDATE_GOLDEN=1 to write it");
    let mut expected: serde_json::Value = serde_json::from_str(&expected).expect("JSON");
    expected["version"] = serde_json::Value::String(catalog.version.clone());
    let told: serde_json::Value = serde_json::from_str(&listing).expect("JSON");
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_is_there_and_not_the_same_is_refused() {
    let (db, source) = nasty().await;
    let target = Postgres::open(&db.server.url(&db.name), "other", 4).expect("a good URL");
    let catalog = carry(&source, &target).await;
    db.run(
        "SET search_path = other; DROP INDEX by_word; CREATE INDEX by_word ON words (word DESC);
        ALTER TABLE words DROP CONSTRAINT short; ALTER TABLE words ADD CONSTRAINT short CHECK (length(word) < 100);
        CREATE OR REPLACE VIEW seen AS SELECT 1 AS id, 'x'::text COLLATE \"C\" AS word; SET search_path = public",
    )
    .await;
    let words = catalog.tables.iter().find(|table| table.name == "words").map(planned).expect("there");
    let error = target.add_indexes(&words).await.expect_err("another index");
    assert!(matches!(&error, Error::Exists { what, .. } if what == "index \"by_word\" of table \"words\""), "{error}");
    let error = target.add_checks(&words).await.expect_err("another check");
    assert!(matches!(&error, Error::Exists { .. }), "{error}");
    let view: Vec<_> = catalog.objects.iter().filter(|object| object.name == "seen").cloned().collect();
    let error = target.create_objects(&view).await.expect_err("another view");
    assert!(matches!(&error, Error::Exists { what, .. } if what == "view \"seen\""), "{error}");
    let taken = Object {
        name: "words".to_owned(),
        definition: Some("CREATE VIEW words AS SELECT 1".to_owned()),
        ..view[0].clone()
    };
    let error = target.create_objects(&[taken]).await.expect_err("a table is there");
    assert!(matches!(&error, Error::Exists { .. }), "{error}");
    let mut key = words.clone();
    key.foreign_keys[0].on_delete = "CASCADE".to_owned();
    let error = target.add_foreign_keys(&key).await.expect_err("another action");
    assert!(matches!(&error, Error::Exists { .. }), "{error}");
}

#[tokio::test]
async fn extensions_come_along_into_a_database_without_them() {
    let source = Database::new(
        "CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm; CREATE EXTENSION citext;
         CREATE TABLE t (id serial PRIMARY KEY, h hstore DEFAULT 'a=>1', c citext UNIQUE, w text);
         CREATE INDEX by_trigram ON t USING gist (w gist_trgm_ops(siglen = 32)); CREATE INDEX by_tags ON t USING gin (h);
         CREATE VIEW v AS SELECT h -> 'a' AS a FROM t; INSERT INTO t (c, w) VALUES ('A', 'x'), ('b', 'y')",
    )
    .await;
    let other = Database::new("").await;
    let target = Postgres::open(&other.server.url(&other.name), "fresh", 4).expect("a good URL");
    let catalog = carry(&source.postgres, &target).await;
    assert_eq!(content(&source.postgres).await, content(&target).await);
    must_be_equal(catalog, &target).await;
}

/// Who may read the tables and nothing else still learns all but what sequences would give next.
#[tokio::test]
async fn the_catalog_needs_no_more_than_the_tables_do() {
    let (db, source) = nasty().await;
    let reader = format!("reader_{}", db.name);
    let schema = super::super::sql::identifier(NASTY_SCHEMA);
    db.run(&format!(
        "CREATE ROLE {reader} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {reader};
         GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}"
    ))
    .await;
    let url = db.server.url(&db.name).replace("postgres@", &format!("{reader}@"));
    let limited = Postgres::open(&url, NASTY_SCHEMA, 2).expect("a good URL");
    let (all, seen) = (source.catalog().await.expect("a catalog"), limited.catalog().await.expect("a catalog"));
    let definitions = |catalog: &Catalog| -> Vec<_> {
        catalog.objects.iter().map(|object| (object.name.clone(), object.definition.clone())).collect()
    };
    assert_eq!(definitions(&seen), definitions(&all));
    assert!(next_known(&all) > 0);
    assert_eq!(next_known(&seen), 0);
    assert!(seen.not_carried.contains(&"ownership by role \"postgres\"".to_owned()), "{:?}", seen.not_carried);
}

fn next_known(catalog: &Catalog) -> usize {
    let columns = catalog.tables.iter().flat_map(|table| &table.columns);
    let known =
        columns.filter(|column| column.traits.identity.as_ref().is_some_and(|identity| identity.next.is_some()));
    known.count() + catalog.objects.iter().filter(|object| object.next.is_some()).count()
}

#[tokio::test]
async fn sequences_give_what_they_are_told_to() {
    let db = Database::new(
        "CREATE SEQUENCE up MAXVALUE 10; CREATE SEQUENCE down INCREMENT -2; CREATE SEQUENCE round MAXVALUE 3 CYCLE;
         SELECT setval('up', 10); SELECT setval('down', -5); SELECT setval('round', 3); CREATE SEQUENCE fresh START 5;
         CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, s serial)",
    )
    .await;
    let next = |catalog: &Catalog| -> Vec<(String, Option<i128>)> {
        catalog.objects.iter().map(|object| (object.name.clone(), object.next)).collect()
    };
    let before = db.postgres.catalog().await.expect("a catalog");
    let expected =
        [("down", -7), ("fresh", 5), ("round", 1), ("up", 11)].map(|(name, next)| (name.to_owned(), Some(next)));
    assert_eq!(next(&before), expected);
    db.postgres.set_next(&next_numbers(&before)).await.expect("set");
    assert_eq!(next(&db.postgres.catalog().await.expect("a catalog")), expected);
    assert_eq!(db.number("SELECT nextval('down')").await, -7);
    let number =
        |table: Option<&str>, of: &str, next| NextNumber { table: table.map(str::to_owned), of: of.to_owned(), next };
    db.postgres.set_next(&[number(Some("t"), "id", 42), number(Some("t"), "s", 43)]).await.expect("set");
    db.run("INSERT INTO t DEFAULT VALUES").await;
    assert_eq!(db.number("SELECT id * 1000 + s FROM t").await, 42043);
    let last = i128::from(i32::MAX) + 1;
    db.postgres.set_next(&[number(Some("t"), "id", 7), number(Some("t"), "s", last)]).await.expect("never back");
    assert_eq!(db.number("SELECT nextval(pg_get_serial_sequence('t', 'id'))").await, 43);
    assert_eq!(db.number("SELECT last_value FROM t_s_seq WHERE is_called").await, i64::from(i32::MAX));
    for wrong in [number(None, "up", 0), number(None, "gone", 1), number(Some("t"), "gone", 1)] {
        let error = db.postgres.set_next(&[wrong]).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid { .. } | Error::Missing { .. }), "{error}");
    }
}
