//! Whole schemas out of MySQL and SQLite, whose indexes, enumerations and collations are their own.

use expect_test::expect;
use sensei_storage::System::{self, Mysql, Postgresql, Sqlite};
use sensei_storage::{Catalog, IdentityKind, Index};

use super::schema::{check, index, numbers, unique};
use super::{catalog, nothing, table};

/// A MySQL schema with what only MySQL has.
fn mysql() -> Catalog {
    let mut notes = table(
        "notes",
        &[
            "id int = int32 not null key",
            "kind enum('a','b') = text",
            "title varchar(100) = text(100)",
            "body longtext = text",
            "at datetime(6) = timestamp",
            "done tinyint(1) = boolean",
            "zero date = date",
            "mask bit(4) = bits(4)",
            "size int = int32",
            "flags set('x','y') = text",
        ],
    );
    numbers(&mut notes, 0, IdentityKind::ByDefault);
    notes.columns[1].traits.labels = vec!["a".to_owned(), "b".to_owned()];
    notes.columns[2].traits.collation = Some("utf8mb4_general_ci".to_owned());
    for (column, default) in [
        (1, "'a'"),
        (2, "''"),
        (4, "CURRENT_TIMESTAMP(6)"),
        (5, "b'0'"),
        (6, "'0000-00-00'"),
        (7, "b'101'"),
        (8, "b'101'"),
    ] {
        notes.columns[column].traits.default = Some(default.to_owned());
    }
    notes.columns[4].traits.attributes = Some("ON UPDATE CURRENT_TIMESTAMP(6)".to_owned());
    let prefixed = |mut index: Index, chars| {
        index.parts[0].prefix = Some(chars);
        index
    };
    notes.indexes = vec![
        prefixed(index("body", &["body"]), 20),
        prefixed(Index { unique: true, ..index("title", &["title"]) }, 10),
        prefixed(index("start", &["title"]), 10),
        Index { method: "fulltext".to_owned(), ..index("words", &["body"]) },
        index(&"long".repeat(16), &["kind"]),
    ];
    let mut other = table("other", &["id int = int32 not null key", "kind enum('a') = text"]);
    other.columns[1].traits.labels = vec!["a".to_owned()];
    other.indexes = vec![index("start", &["kind"]), index("notes", &["kind"])];
    catalog(Mysql, vec![notes, other])
}

#[test]
fn from_mysql_elsewhere() {
    check(
        "",
        &mysql(),
        &nothing(Postgresql),
        expect![[r#"

            Table "notes" -> "notes" (created)
              "id" int              ->  "id" integer not null  [numbers itself, by default]
              "kind" enum('a','b')  ->  "kind" "notes_kind"  [default 'a']
              "title" varchar(100)  ->  "title" character varying(100)  [default '']
              "body" longtext       ->  "body" text
              "at" datetime(6)      ->  "at" timestamp  [default LOCALTIMESTAMP]
              "done" tinyint(1)     ->  "done" boolean  [default FALSE]
              "zero" date           ->  "zero" date
              "mask" bit(4)         ->  "mask" bits(4)  [default B'0101']
              "size" int            ->  "size" integer  [default 5]
              "flags" set('x','y')  ->  "flags" text
              primary key (id)
              index "body" (substr("body", 1, 20))
              unique index "title" (substr("title", 1, 10))
              index "start" (title)
              index "longlonglonglonglonglonglonglonglonglonglonglonglonglo_7c474ff9" (kind)

            Table "other" -> "other" (created)
              "id" int          ->  "id" integer not null
              "kind" enum('a')  ->  "kind" "other_kind"
              primary key (id)
              index "other_start" (kind)
              index "other_notes" (kind)

            Relations checked: none

            Declared losses and assumptions: none

            Beside the tables (2)
              - enum type "notes_kind"
              - enum type "other_kind"

            Not carried (11)
              - collation of column "title" of table "notes": texts that are equal under "utf8mb4_general_ci" are told apart in the target
              - ON UPDATE CURRENT_TIMESTAMP(6) of column "at" of table "notes": PostgreSQL has nothing like it
              - members of column "flags" of table "notes": PostgreSQL has no sets, the column takes any text
              - default of column "at" of table "notes": it gives the time in the zone of the target's session
              - default of column "zero" of table "notes": its value is none that type date has in every system
              - index "body" of table "notes": only the first 20 of column "body" count, by substr()
              - index "title" of table "notes": only the first 10 of column "title" count, by substr()
              - index "words" of table "notes": it is a fulltext index, MySQL's own kind
              - index "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglong" of table "notes": the name is longer than the target's names may be; it becomes "longlonglonglonglonglonglonglonglonglonglonglonglonglo_7c474ff9"
              - index "start" of table "other": the name is taken in the target; it becomes "other_start"
              - index "notes" of table "other": the name is taken in the target; it becomes "other_notes"
            goes on Some("notes").id as Column { table: "notes", column: "id" }
        "#]],
    );
    check(
        "",
        &mysql(),
        &nothing(Sqlite),
        expect![[r#"

            Table "notes" -> "notes" (created)
              "id" int              ->  "id" INTEGER not null  [numbers itself, by default]
              "kind" enum('a','b')  ->  "kind" text  [default 'a']
              "title" varchar(100)  ->  "title" text(100)  [default '']
              "body" longtext       ->  "body" text
              "at" datetime(6)      ->  "at" timestamp  [default CURRENT_TIMESTAMP]
              "done" tinyint(1)     ->  "done" boolean  [default 0]
              "zero" date           ->  "zero" date
              "mask" bit(4)         ->  "mask" text  [cast bits(4) to text]  [bits become text of 0 and 1]  [default '0101']
              "size" int            ->  "size" int32  [default 5]
              "flags" set('x','y')  ->  "flags" text
              primary key (id)
              index "body" (substr("body", 1, 20))
              unique index "title" (substr("title", 1, 10))
              index "start" (title)
              index "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglong" (kind)
              check "notes_kind_labels" ("kind" IN ('a', 'b'))

            Table "other" -> "other" (created)
              "id" int          ->  "id" int32 not null
              "kind" enum('a')  ->  "kind" text
              primary key (id)
              index "other_start" (kind)
              index "other_notes" (kind)
              check "other_kind_labels" ("kind" IN ('a'))

            Relations checked: none

            Declared losses and assumptions: none

            Not carried (12)
              - labels of column "kind" of table "notes": a check in SQLite, their order is not carried
              - collation of column "title" of table "notes": texts that are equal under "utf8mb4_general_ci" are told apart in the target
              - ON UPDATE CURRENT_TIMESTAMP(6) of column "at" of table "notes": SQLite has nothing like it
              - members of column "flags" of table "notes": SQLite has no sets, the column takes any text
              - default of column "at" of table "notes": it gives the time in UTC, to the second
              - default of column "zero" of table "notes": its value is none that type date has in every system
              - index "body" of table "notes": only the first 20 of column "body" count, by substr()
              - index "title" of table "notes": only the first 10 of column "title" count, by substr()
              - index "words" of table "notes": it is a fulltext index, MySQL's own kind
              - labels of column "kind" of table "other": a check in SQLite, their order is not carried
              - index "start" of table "other": the name is taken in the target; it becomes "other_start"
              - index "notes" of table "other": the name is taken in the target; it becomes "other_notes"
            goes on Some("notes").id as Column { table: "notes", column: "id" }
        "#]],
    );
}

#[test]
fn from_sqlite_elsewhere() {
    let source = |system: System| {
        let mut t = table("t", &["id INTEGER = int64 not null key", "tag TEXT = text", "at TEXT = text"]);
        numbers(&mut t, 0, IdentityKind::ByDefault);
        t.columns[1].traits.collation = Some("NOCASE".to_owned());
        t.columns[2].traits.default = Some("CURRENT_TIMESTAMP".to_owned());
        t.indexes = vec![unique("sqlite_autoindex_t_1", &["tag"]), index("t", &["at"])];
        t.indexes[1].parts[0].collation = Some("NOCASE".to_owned());
        let u = table("u", &["k TEXT = text not null key"]);
        catalog(system, vec![t, u])
    };
    check(
        "",
        &source(Sqlite),
        &nothing(Postgresql),
        expect![[r#"

            Table "t" -> "t" (created)
              "id" INTEGER  ->  "id" bigint not null  [numbers itself, by default]
              "tag" TEXT    ->  "tag" text
              "at" TEXT     ->  "at" text  [default to_char((CURRENT_TIMESTAMP AT TIME ZONE 'UTC'), 'YYYY-MM-DD HH24:MI:SS')]
              primary key (id)
              unique constraint "t_tag_key" (tag)
              index "t_t" (at)

            Table "u" -> "u" (created)
              "k" TEXT  ->  "k" text not null
              primary key (k)

            Relations checked: none

            Declared losses and assumptions: none

            Not carried (3)
              - collation of column "tag" of table "t": texts that are equal under "NOCASE" are told apart in the target
              - index "t" of table "t": carried without its collation
              - index "t" of table "t": the name is taken in the target; it becomes "t_t"
            goes on Some("t").id as Column { table: "t", column: "id" }
        "#]],
    );
    check(
        "",
        &source(Sqlite),
        &nothing(Mysql),
        expect![[r#"

            Table "t" -> "t" (created)
              "id" INTEGER  ->  "id" int64 not null  [numbers itself, by default]
              "tag" TEXT    ->  "tag" text  [collation utf8mb4_0900_bin]
              "at" TEXT     ->  "at" text  [default (date_format(utc_timestamp(), '%Y-%m-%d %H:%i:%s'))]  [collation utf8mb4_0900_bin]
              primary key (id)
              index "t" (at(768))

            Table "u" -> "u" (created)
              "k" TEXT  ->  "k" text not null  [collation utf8mb4_0900_bin]
              no primary key

            Relations checked: none

            Declared losses and assumptions: none

            Not carried (5)
              - collation of column "tag" of table "t": texts that are equal under "NOCASE" are told apart in the target
              - unique constraint "sqlite_autoindex_t_1" of table "t": MySQL indexes no more than 768 characters, which column "tag" may exceed (say with `type` how long it is)
              - index "t" of table "t": only the first 768 of column "at" are indexed
              - index "t" of table "t": carried without its collation
              - primary key of "u": MySQL indexes no more than 768 characters, which column "k" may exceed (say with `type` how long it is)
            goes on Some("t").id as Column { table: "t", column: "id" }
        "#]],
    );
}
