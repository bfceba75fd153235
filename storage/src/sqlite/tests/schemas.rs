//! Whole schemas: what the catalog says of a file can be built again, and then says the same.

use super::*;
use crate::catalog::{
    Catalog, Check, Generation, Identity, IdentityKind, Index, IndexPart, IndexTerm, Object, ObjectKind,
};
use crate::target::NextNumber;

const JOB: &str = "job-1";

/// Everything a table can have.
pub(super) const RICH: &str = "
    CREATE TABLE people(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name VARCHAR(40) NOT NULL COLLATE NOCASE CONSTRAINT \"has a name\" CHECK (length(name) > 0 /* ) */),
        mail TEXT DEFAULT nobody CONSTRAINT \"one mail\" UNIQUE,
        born DATE DEFAULT (date('now', '-18 years')), -- a comment, (
        score REAL DEFAULT -1.5,
        shouted TEXT GENERATED ALWAYS AS (upper(name)) VIRTUAL,
        doubled REAL AS (score * 2) STORED,
        boss INTEGER CONSTRAINT \"has a boss\" REFERENCES people(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
        CHECK (score IS NULL OR score < 100));
    CREATE TABLE \"pet's [\"(
        kind BIGINT, \"na\"\"me\" TEXT COLLATE RTRIM, owner INTEGER NOT NULL,
        CONSTRAINT pk PRIMARY KEY (kind, \"na\"\"me\"),
        CONSTRAINT \"one, each\" UNIQUE (\"na\"\"me\" COLLATE BINARY, owner DESC),
        FOREIGN KEY (owner) REFERENCES people ON UPDATE CASCADE);
    CREATE TABLE plain(id INTEGER PRIMARY KEY, v ANY_TEXT);
    CREATE TABLE big(id BIGINT PRIMARY KEY, v TEXT UNIQUE);
    CREATE UNIQUE INDEX \"by,name\" ON people(lower(name) DESC, score COLLATE NOCASE) WHERE score > 0 -- only (
        AND mail <> ')';
    CREATE INDEX by_owner ON \"pet's [\"(owner DESC, \"na\"\"me\");
    CREATE VIEW grown AS SELECT * FROM people WHERE born < \"2000-01-01\";
    CREATE VIEW owners(n) AS SELECT count(*) FROM \"pet's [\" JOIN grown ON id = owner;
    CREATE TRIGGER \"log;it\" AFTER INSERT ON people WHEN new.score > 1 BEGIN
        UPDATE people SET score = 1 WHERE id = new.id; DELETE FROM plain; END;
    CREATE TRIGGER instead INSTEAD OF INSERT ON grown BEGIN INSERT INTO plain(id) VALUES (new.id); END;
    INSERT INTO people(id, name, mail, score) VALUES (3, 'Ann', 'a@x', 5), (7, 'Bob', NULL, NULL), (9, 'Cat', 'c', 0);
    DELETE FROM people WHERE id = 9;
    INSERT INTO \"pet's [\" VALUES (1, 'Rex', 3), (1, 'Rey', 7);
    INSERT INTO plain VALUES (4, 'x'), (10, 'y');
    INSERT INTO big VALUES (5, 'z');";

/// The table as a plan between equal systems has it.
pub(super) fn target_of(table: &Table) -> TargetTable {
    let field = |(column, field): (&crate::Column, Field)| Field { traits: column.traits.clone(), ..field };
    TargetTable {
        name: table.name.clone(),
        fields: table.columns.iter().zip(fields(table)).map(field).collect(),
        primary_key: table.primary_key.clone(),
        foreign_keys: table.foreign_keys.clone(),
        indexes: table.indexes.clone(),
        checks: table.checks.clone(),
        create: true,
        ..TargetTable::default()
    }
}

/// A catalog without what depends on more than the schema, and without what has no place in a new file.
fn comparable(mut catalog: Catalog) -> Catalog {
    for table in &mut catalog.tables {
        (table.rows_estimate, table.bytes_estimate) = (None, None);
        // Only SQLite has keys with NULLs, and Sensei makes none.
        for column in table.columns.iter_mut().filter(|column| table.primary_key.contains(&column.name)) {
            column.nullable = false;
        }
    }
    catalog.not_carried.clear();
    catalog
}

async fn copy(source: &Sqlite, target: &Sqlite, catalog: &Catalog) {
    let tables: Vec<_> = catalog.tables.iter().map(target_of).collect();
    target.prepare(JOB, &tables, OnExisting::Fail).await.unwrap();
    target.prepare(JOB, &tables, OnExisting::Fail).await.expect("a killed job prepares again");
    target.fence(JOB, 1).await.unwrap();
    let snapshot = source.snapshot(1).await.unwrap();
    let mut commits = Vec::new();
    for (split, table) in catalog.tables.iter().enumerate() {
        let batches = collect(snapshot.scan(scan(table, Range::Whole)).await.unwrap()).await;
        assert!(batches.iter().all(|batch| batch.faults.is_empty()), "{}: {:?}", table.name, batches[0].faults);
        let batches: Vec<_> = batches.into_iter().map(|batch| batch.rows).collect();
        let write = writing::write(&tables[split], u32::try_from(split).unwrap(), 1);
        let commit = writing::commit_split(target, write, &batches).await.unwrap();
        let reading = Scan { key: Vec::new(), ..scan(table, Range::Whole) };
        let found = collect(target.read_back(reading, commit.clone()).await.unwrap()).await;
        let sum = |rows: &[RecordBatch]| rows.iter().map(RecordBatch::num_rows).sum::<usize>();
        let written: Vec<_> = batches.into_iter().map(|rows| Batch { rows, faults: Vec::new() }).collect();
        assert_eq!(lines(&found, &fields(table)), lines(&written, &fields(table)), "{}", table.name);
        assert_eq!(commit.rows, sum(&written.into_iter().map(|batch| batch.rows).collect::<Vec<_>>()) as u64);
        commits.push((tables[split].clone(), vec![commit]));
    }
    // Twice, as a job does that was killed in between.
    for _ in 0..2 {
        for table in &tables {
            target.add_primary_key(table).await.unwrap();
            target.add_indexes(table).await.unwrap();
            target.add_checks(table).await.unwrap();
            target.add_foreign_keys(table).await.unwrap();
        }
        target.set_next(&numbers(catalog)).await.unwrap();
        target.create_objects(&catalog.objects).await.unwrap();
    }
    target.finish(JOB, &commits).await.unwrap();
}

fn numbers(catalog: &Catalog) -> Vec<NextNumber> {
    let columns = catalog.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    let next = |(table, column): (&Table, &crate::Column)| {
        let next = column.traits.identity.as_ref()?.next?;
        Some(NextNumber { table: Some(table.name.clone()), of: column.name.clone(), next })
    };
    columns.filter_map(next).collect()
}

fn rich() -> Fixture {
    Fixture::new(&RICH.replace("v ANY_TEXT", "v TEXT"))
}

#[tokio::test]
async fn the_catalog_tells_all_of_a_rich_schema() {
    let catalog = rich().open(Access::Read).catalog().await.unwrap();
    let people = catalog.tables.iter().find(|table| table.name == "people").unwrap();
    let traits = |name: &str| people.columns.iter().find(|column| column.name == name).unwrap().traits.clone();
    assert_eq!(
        traits("id").identity,
        Some(Identity { kind: IdentityKind::ByDefault, next: Some(10), increment: 1 }),
        "9 was given once"
    );
    assert_eq!(traits("mail").default.as_deref(), Some("'nobody'"));
    assert_eq!(traits("born").default.as_deref(), Some("date('now', '-18 years')"));
    assert_eq!(traits("name").collation.as_deref(), Some("NOCASE"));
    let generation = |expression: &str, stored| Some(Generation { expression: expression.to_owned(), stored });
    assert_eq!(traits("shouted").generation, generation("upper(name)", false));
    assert_eq!(traits("doubled").generation, generation("score * 2", true));
    let check = |name: Option<&str>, text: &str| Check { name: name.map(str::to_owned), expression: text.to_owned() };
    assert_eq!(
        people.checks,
        [check(Some("has a name"), "length(name) > 0"), check(None, "score IS NULL OR score < 100")]
    );
    let key = &people.foreign_keys[0];
    assert_eq!((key.name.as_deref(), key.timing), (Some("has a boss"), crate::Timing::Deferred));
    let [index, unique] = people.indexes.as_slice() else { panic!("{:?}", people.indexes) };
    assert_eq!((unique.name.as_str(), unique.constraint, unique.unique), ("one mail", true, true));
    let part = |of, descending, collation: Option<&str>| IndexPart {
        of,
        descending,
        collation: collation.map(str::to_owned),
        ..IndexPart::default()
    };
    let parts = vec![
        part(IndexTerm::Expression("lower(name)".to_owned()), true, None),
        part(IndexTerm::Column("score".to_owned()), false, Some("NOCASE")),
    ];
    let predicate = Some("score > 0 AND mail <> ')'".to_owned());
    let (name, method) = ("by,name".to_owned(), "btree".to_owned());
    assert_eq!(*index, Index { name, unique: true, method, parts, predicate, ..Index::default() });
    let plain = catalog.tables.iter().find(|table| table.name == "plain").unwrap();
    let identity = Some(Identity { kind: IdentityKind::RowId, next: Some(11), increment: 1 });
    assert_eq!(plain.columns[0].traits.identity, identity);
    assert_eq!(catalog.not_carried, Vec::<String>::new());
}

#[tokio::test]
async fn a_rich_schema_is_built_again_and_says_the_same() {
    let (from, to) = (rich(), Fixture::new(""));
    let (source, target) = (from.open(Access::Read), to.open(Access::Write));
    let catalog = source.catalog().await.unwrap();
    copy(&source, &target, &catalog).await;
    assert_eq!(comparable(target.catalog().await.unwrap()), comparable(catalog));
    to.connect().execute_batch("INSERT INTO people(name) VALUES ('new')").unwrap();
    assert_eq!(
        to.query::<String>("SELECT id || mail || score || shouted FROM people WHERE name = 'new'"),
        "10nobody-1.5NEW"
    );
    for wrong in ["('', 'm', 1)", "('x', 'a@x', 1)", "('x', 'm', 100)"] {
        let insert = format!("INSERT INTO people(name, mail, score) VALUES {wrong}");
        assert!(to.connect().execute_batch(&insert).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn chinook_is_built_again_and_says_the_same() {
    let corpora = std::env::var("SENSEI_CORPORA").unwrap_or_else(|_| "../../shared/corpora".to_owned());
    let path = std::path::Path::new(&corpora).join("chinook/Chinook_Sqlite.sqlite");
    if !path.is_file() {
        println!("skipped: the corpus {} is absent", path.display());
        return;
    }
    let source = Sqlite::open(&path, Access::Read, 2).unwrap();
    let catalog = source.catalog().await.unwrap();
    assert_eq!(catalog.tables.iter().map(|table| table.indexes.len()).sum::<usize>(), 11);
    let to = Fixture::new("");
    let target = to.open(Access::Write);
    copy(&source, &target, &catalog).await;
    assert_eq!(comparable(target.catalog().await.unwrap()), comparable(catalog));
}

#[tokio::test]
async fn what_no_catalog_has_a_place_for_is_named() {
    let fixture = Fixture::new(
        "CREATE TABLE s(a TEXT PRIMARY KEY, b ANY) STRICT;
         CREATE TABLE c(a TEXT UNIQUE ON CONFLICT REPLACE, b TEXT, PRIMARY KEY (b COLLATE NOCASE));
         CREATE VIRTUAL TABLE f USING fts5(body);
         CREATE TRIGGER sync AFTER INSERT ON s BEGIN INSERT INTO F(body) VALUES (new.a); END;
         CREATE VIEW found AS SELECT body FROM f;
         CREATE VIEW again AS SELECT * FROM found;
         CREATE VIEW broken AS SELECT x FROM nowhere;
         CREATE VIEW fine AS SELECT a FROM s WHERE own_function(a);
         CREATE TABLE l(a TEXT);",
    );
    // As programs leave it that bring a collation of their own along.
    fixture
        .connect()
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE TABLE l(a TEXT COLLATE unicode)' WHERE name = 'l';",
        )
        .unwrap();
    let catalog = fixture.open(Access::Read).catalog().await.unwrap();
    let objects: Vec<_> = catalog.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(objects, ["fine"]);
    for lost in [
        "STRICT of table \"s\": its values are checked on the way only",
        "conflict clauses of table \"c\": violations stop the statement",
        "order and collation of the primary key of table \"c\"",
        "trigger \"sync\": it uses \"f\", which is not carried",
        "view \"found\": it uses \"f\", which is not carried",
        "view \"again\": it uses \"found\", which is not carried",
        "view \"broken\": it does not compile: no such table: main.nowhere",
        "collation \"unicode\" of column \"l\".\"a\": only its own program knows it",
    ] {
        assert!(catalog.not_carried.iter().any(|object| object == lost), "{lost}: {:#?}", catalog.not_carried);
    }
}

#[tokio::test]
async fn an_object_that_is_there_must_be_equal() {
    let fixture = Fixture::new("CREATE TABLE t(a); CREATE VIEW v AS SELECT a FROM t; CREATE TABLE taken(a)");
    let target = fixture.open(Access::Write);
    let object = |kind, name: &str, table: Option<&str>, definition: &str| Object {
        kind,
        name: name.to_owned(),
        table: table.map(str::to_owned),
        definition: Some(definition.to_owned()),
        next: None,
    };
    let view = |name: &str, definition: &str| object(ObjectKind::View, name, None, definition);
    let create = async |object: Object| target.create_objects(&[object]).await;
    create(view("v", "CREATE VIEW v AS SELECT a FROM t")).await.expect("it is there");
    assert!(matches!(create(view("V", "CREATE VIEW V AS SELECT 1")).await, Err(Error::Exists { .. })));
    assert!(matches!(create(view("taken", "CREATE VIEW taken AS SELECT 1")).await, Err(Error::Exists { .. })));
    for wrong in
        ["DROP TABLE t", "CREATE VIEW w AS SELECT 1; DROP TABLE t", "CREATE VIEW x AS SELECT 1", "CREATE VIEW w AS"]
    {
        let error = create(view("w", wrong)).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{wrong}: {error}");
    }
    let error = create(view("w", "CREATE VIEW w AS SELECT * FROM gone")).await.unwrap_err();
    assert!(matches!(&error, Error::Unsupported { why, .. } if why.contains("no such table: main.gone")), "{error}");
    let trigger = "CREATE TRIGGER tr AFTER DELETE ON t BEGIN DELETE FROM gone; END";
    let error = create(object(ObjectKind::Trigger, "tr", Some("t"), trigger)).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let sequence = object(ObjectKind::Sequence, "s", None, "CREATE SEQUENCE s");
    assert!(matches!(create(sequence).await, Err(Error::Unsupported { .. })));
    assert_eq!(
        fixture.query::<String>("SELECT group_concat(name) FROM sqlite_schema"),
        "t,v,taken",
        "nothing was left"
    );
}

#[tokio::test]
async fn an_index_that_is_there_must_be_equal_and_rows_must_obey() {
    let fixture =
        Fixture::new("CREATE TABLE t(a INT, b TEXT); CREATE INDEX i ON t(a); INSERT INTO t VALUES (1, 'x'), (1, 'y')");
    let target = fixture.open(Access::Write);
    let part = |name: &str| IndexPart { of: IndexTerm::Column(name.to_owned()), ..IndexPart::default() };
    let plain = |name: &str, parts: Vec<IndexPart>| Index {
        name: name.to_owned(),
        method: "btree".to_owned(),
        parts,
        ..Index::default()
    };
    let table = fixture.table("t").await;
    let add = async |index: Index| {
        let indexes = vec![index];
        target.add_indexes(&TargetTable { indexes, create: false, ..target_of(&table) }).await
    };
    add(plain("I", vec![part("a")])).await.expect("it is there");
    let error = add(plain("i", vec![part("b")])).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let error = add(plain("t", vec![part("b")])).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let error = add(Index { unique: true, ..plain("u", vec![part("a")]) }).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    let error = add(plain("m", vec![part("missing")])).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "a column that is not there is no string: {error}");
    for unsupported in [
        Index { method: "gin".to_owned(), ..plain("x", vec![part("a")]) },
        Index { include: vec!["b".to_owned()], ..plain("x", vec![part("a")]) },
        plain("x", vec![IndexPart { nulls_first: Some(false), ..part("a") }]),
        plain("x", vec![IndexPart { of: IndexTerm::Expression("a) WHERE (1".to_owned()), ..part("a") }]),
    ] {
        let error = add(unsupported).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
    let unique = Index { unique: true, constraint: true, ..plain("t_b_key", vec![part("b")]) };
    add(unique.clone()).await.expect("a found table takes an index for a constraint");
    add(unique).await.expect("and has it then");
    assert_eq!(fixture.table("t").await.indexes.len(), 2);
}

#[tokio::test]
async fn checks_are_enforced_row_by_row_or_counted() {
    let fixture = Fixture::new("CREATE TABLE found(a INT); INSERT INTO found VALUES (421), (1), (NULL)");
    let target = fixture.open(Access::Write);
    let checks = vec![Check { name: Some("small".to_owned()), expression: " a < 100 ".to_owned() }];
    let found = TargetTable { checks: checks.clone(), create: false, ..target_of(&fixture.table("found").await) };
    let error = target.add_checks(&found).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "table \"found\" refused the rows: check \"small\" is not true of all rows; rows that break it: 1"
    );
    let made = TargetTable { name: "made".to_owned(), create: true, ..found };
    target.prepare(JOB, std::slice::from_ref(&made), OnExisting::Fail).await.unwrap();
    target.fence(JOB, 1).await.unwrap();
    target.add_checks(&made).await.unwrap();
    let values = rows(&made.fields, &[&[Some("421")]]);
    let error = writing::commit_split(&target, writing::write(&made, 0, 1), &[values]).await.unwrap_err();
    assert!(matches!(&error, Error::RefusedRow { .. }) && !error.to_string().contains("421"), "{error}");
    assert!(error.to_string().contains("small"), "{error}");
    let other = TargetTable { checks: vec![Check { name: None, expression: "a > 0".to_owned() }], ..made };
    assert!(matches!(target.add_checks(&other).await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn numbering_goes_on_where_it_stood() {
    let fixture = Fixture::new(
        "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE p(id INTEGER PRIMARY KEY, n INT);
         INSERT INTO p VALUES (5, 0)",
    );
    let target = fixture.open(Access::Write);
    let next = |table: &str, of: &str, next| NextNumber { table: Some(table.to_owned()), of: of.to_owned(), next };
    for _ in 0..2 {
        target.set_next(&[next("a", "id", 40), next("p", "ID", 6)]).await.unwrap();
    }
    target.set_next(&[next("a", "id", 7)]).await.expect("no number comes twice");
    fixture.connect().execute_batch("INSERT INTO a DEFAULT VALUES").unwrap();
    assert_eq!(fixture.query::<i64>("SELECT id FROM a"), 40);
    assert!(matches!(target.set_next(&[next("p", "n", 7)]).await, Err(Error::Unsupported { .. })));
    assert!(matches!(target.set_next(&[next("gone", "n", 7)]).await, Err(Error::Missing { .. })));
    let sequence = NextNumber { table: None, of: "s".to_owned(), next: 1 };
    assert!(matches!(target.set_next(&[sequence]).await, Err(Error::Unsupported { .. })));
}

#[tokio::test]
async fn what_sqlite_cannot_have_is_refused_before_anything_is_made() {
    let fixture = Fixture::new("");
    let target = fixture.open(Access::Write);
    let plain = || TargetTable {
        name: "t".to_owned(),
        fields: vec![field("a", LogicalType::Int64)],
        create: true,
        ..TargetTable::default()
    };
    let with = |change: fn(&mut Field)| {
        let mut table = plain();
        change(&mut table.fields[0]);
        table
    };
    let identity = |field: &mut Field| {
        field.traits.identity = Some(Identity { kind: IdentityKind::Always, next: None, increment: 1 });
    };
    let generated = |text: &str| Some(Generation { expression: text.to_owned(), stored: true });
    for (table, invalid) in [
        (with(identity), false),
        (with(|field| field.traits.collation = Some("utf8mb4_general_ci".to_owned())), false),
        (with(|field| field.native = "INT CHECK (1)".to_owned()), false),
        (with(|field| field.traits.default = Some("1); DROP TABLE x; --".to_owned())), true),
        (TargetTable { checks: vec![Check { name: None, expression: "b > 1".to_owned() }], ..plain() }, true),
    ] {
        let error = target.prepare(JOB, &[table], OnExisting::Fail).await.unwrap_err();
        assert_eq!(matches!(error, Error::Invalid { .. }), invalid, "{error}");
        assert_eq!(matches!(error, Error::Unsupported { .. }), !invalid, "{error}");
    }
    let mut unknown = plain();
    unknown.fields[0].traits.generation = generated("");
    assert!(matches!(target.prepare(JOB, &[unknown], OnExisting::Fail).await, Err(Error::Invalid { .. })));
    assert_eq!(fixture.query::<i64>("SELECT count(*) FROM sqlite_schema WHERE name = 't'"), 0);
}
