//! What the plan file alone shows to be wrong.

use expect_test::expect;

use super::{SECRET, check_file, lookup, plan};
use crate::PlanFile;

#[test]
fn unknown_keys_name_the_nearest_and_the_place() {
    check_file(
        &plan("tables:\n  rules:\n    - table: Customer\n      colums:\n        Email: { drop: true }\n"),
        expect![[r#"
            P102: unknown key "colums" in `tables.rules[0]`
            DETAIL:  Line 8, column 7: known keys here are "table", "into", "where", "columns".
            HINT:  Did you mean "columns"?
        "#]],
    );
    check_file(
        &plan("tables:\n  rules:\n    - table: A\n      columns:\n        Odd Name: { mask: { keyed_hsh: {} } }\n"),
        expect![[r#"
            P102: unknown key "keyed_hsh" in `tables.rules[0].columns."Odd Name".mask`
            DETAIL:  Line 9, column 29: known keys here are "keyed_hash".
            HINT:  Did you mean "keyed_hash"?
        "#]],
    );
    check_file(
        &plan("vefiry: full\n"),
        expect![[r#"
            P102: unknown key "vefiry" in the plan
            DETAIL:  Line 5, column 1: known keys here are "version", "name", "source", "target", "state", "tables", "objects", "types", "relations", "verify", "rejects", "limits".
            HINT:  Did you mean "verify"?
        "#]],
    );
}

#[test]
fn wrong_values_are_placed_and_never_quoted() {
    check_file(
        &plan("verify: '${SECRET_WORD}'\n"),
        expect![[r#"
        P103: value of `verify` is not known
        DETAIL:  Line 5, column 9: it must be one of "full", "counts", "off".
    "#]],
    );
    check_file(
        &plan("limits: { workers: \"${SECRET_NUMBER}\" }\n"),
        expect![[r#"
        P103: value of `limits.workers` is not valid
        DETAIL:  Line 5, column 20: expected a whole number that is not negative.
    "#]],
    );
    check_file(
        &plan("limits: { memory: 256MB }\n"),
        expect![[r#"
        P103: value of `limits.memory` is not valid
        DETAIL:  Line 5, column 19: expected a size such as 256MiB, with KiB, MiB, GiB or TiB.
    "#]],
    );
    check_file(
        &plan("tables: [\"*\"]\n"),
        expect![[r#"
        P103: value of `tables` is not valid
        DETAIL:  Line 5, column 9: expected a mapping with keys out of "include", "exclude", "rules".
    "#]],
    );
    check_file(
        &plan("tables:\n  include: all\n"),
        expect![[r#"
        P103: value of `tables.include` is not valid
        DETAIL:  Line 6, column 12: expected a list.
    "#]],
    );
    check_file(
        "version: 1\nname: t\nsource: { url: [1] }\ntarget: { url: b }\n",
        expect![[r#"
        P103: value of `source.url` is not valid
        DETAIL:  Line 3, column 16: expected text.
    "#]],
    );
    check_file(
        "version: 1\nname: t\nsource: { url: a }\n",
        expect![[r#"
        P103: key "target" is missing in the plan
        DETAIL:  Line 1, column 1: it has no default.
    "#]],
    );
}

#[test]
fn bounds() {
    check_file(
        "version: 2\nname: Shop 1\nsource: { url: '', csv: { delimiter: '::', quote: '' } }\ntarget: { url: b }\n\
         limits: { workers: 0, memory: 1MiB, split: 8GiB }\n",
        expect![[r#"
            P103: value of `version` is not valid
            DETAIL:  This program reads version 1, and the file says 2.
            HINT:  A newer file needs a newer Sensei.
            P103: value of `name` is not valid
            DETAIL:  A job's name has up to 64 lower-case letters, digits, `-`, `_` and `.`, and does not begin with a point.
            P103: value of `source.url` is not valid
            DETAIL:  It is empty.
            P103: value of `source.csv.delimiter` is not valid
            DETAIL:  It must be one ASCII character.
            HINT:  Write a tab as "\t".
            P103: value of `source.csv.quote` is not valid
            DETAIL:  It must be one ASCII character.
            HINT:  Write a tab as "\t".
            P103: value of `limits.workers` is not valid
            DETAIL:  It must be from 1 to 256.
            P103: value of `limits.memory` is not valid
            DETAIL:  It must be at least 32MiB.
            P103: value of `limits.split` is not valid
            DETAIL:  It must be from 1KiB to 4GiB.
        "#]],
    );
}

#[test]
fn not_yaml_or_more_than_yaml() {
    check_file(
        "",
        expect![[r#"
        P101: plan file is empty
        HINT:  `sensei plan SOURCE TARGET -o plan.yaml` writes a first plan.
    "#]],
    );
    check_file(
        "# only a comment\n",
        expect![[r#"
        P101: plan file is empty
        HINT:  `sensei plan SOURCE TARGET -o plan.yaml` writes a first plan.
    "#]],
    );
    check_file(
        "version: 1\nname: [\n",
        expect![[r#"
        P101: plan file is not valid YAML
        DETAIL:  Line 2, column 7: unclosed bracket '['.
    "#]],
    );
    check_file(
        "version: 1\nversion: 1\n",
        expect![[r#"
        P102: duplicate key "version"
        DETAIL:  Line 2, column 1: the same key stands above it.
    "#]],
    );
    check_file(
        "version: &a 1\nname: *a\n",
        expect![[r#"
        P101: plan file has an anchor
        DETAIL:  Line 1, column 13: plan files are plain YAML without anchors, aliases, tags, merge keys or further documents.
    "#]],
    );
    check_file(
        "version: !!int 1\n",
        expect![[r#"
        P101: plan file has a tag
        DETAIL:  Line 1, column 16: plan files are plain YAML without anchors, aliases, tags, merge keys or further documents.
    "#]],
    );
    check_file(
        "version: 1\n---\nversion: 1\n",
        expect![[r#"
        P101: plan file has a second document
        DETAIL:  Line 2, column 1: plan files are plain YAML without anchors, aliases, tags, merge keys or further documents.
    "#]],
    );
    check_file(
        "just text\n",
        expect![[r#"
            P103: value of the plan is not valid
            DETAIL:  Line 1, column 1: expected a mapping with keys out of "version", "name", "source", "target", "state", "tables", "objects", "types", "relations", "verify", "rejects", "limits".
        "#]],
    );
    check_file(
        &"[".repeat(200),
        expect![[r#"
        P101: plan file is not valid YAML
        DETAIL:  Line 1, column 200: unclosed bracket '['.
    "#]],
    );
}

#[test]
fn variables() {
    check_file(
        "version: 1\nname: t\nsource: { url: 'x${NOT_SET}' }\ntarget: { url: '${ALSO_NOT}' }\nstate: '${bad'\n",
        expect![[r#"
            P104: variable NOT_SET is not set
            DETAIL:  Line 3, column 16 uses it.
            HINT:  Set it in the environment: `export NOT_SET=…`. Write `$$` for a dollar sign.
            P104: variable ALSO_NOT is not set
            DETAIL:  Line 4, column 16 uses it.
            HINT:  Set it in the environment: `export ALSO_NOT=…`. Write `$$` for a dollar sign.
            P104: `${` does not begin a variable
            DETAIL:  Line 5, column 8: a variable is written `${NAME}`, with letters, digits and underscores.
            HINT:  Write `$$` for a dollar sign.
        "#]],
    );
    let text = plan("limits: { workers: '${THREE}' }\nstate: 'a$$b$c${YAML}'\nrejects: { to: '${EMPTY}x' }\n");
    let file = PlanFile::parse(&text, &lookup).unwrap();
    assert_eq!(file.limits.workers, Some(3));
    assert_eq!(file.state, "a$b$c{ a: b }\nc: d");
    assert_eq!(file.rejects.to, "x");
}

#[test]
fn everything_at_once() {
    check_file(
        r#"
version: 1
name: chinook
source: { url: "sqlite:data/chinook.db" , quiesced: true, csv: { delimiter: "\t", null: NULL, header: false } }
target: { url: "postgresql://postgres:${SECRET_PG}@localhost:5432/chinook", schema: public, on_existing: truncate }
state: ./sensei-state
tables:
  include: ["*"]
  exclude: ["tmp_*"]
  rules:
    - table: Customer
      into: customers
      where: "Country <> 'XX'"
      columns:
        Email: { expr: "lower(trim(Email))" }
        Phone: { into: phone, mask: { keyed_hash: { key: "${SECRET_MASK}" } } }
        Fax:   { drop: true }
types:
  - { from: "mysql:tinyint(1)", to: boolean }
verify: counts
rejects: { max: 0, to: "./rejects" }
limits: { workers: 2, source_connections: 4, target_connections: 4, memory: 256MiB }
"#,
        expect![[r#"
            PlanFile {
                version: 1,
                name: "chinook",
                source: SourceFile {
                    url: Secret(…),
                    schema: None,
                    quiesced: true,
                    csv: Some(
                        CsvFile {
                            delimiter: Some(
                                "\t",
                            ),
                            quote: None,
                            header: Some(
                                false,
                            ),
                            null: Some(
                                "NULL",
                            ),
                            encoding: None,
                        },
                    ),
                },
                target: TargetFile {
                    url: Secret(…),
                    schema: Some(
                        "public",
                    ),
                    on_existing: Truncate,
                },
                state: "./sensei-state",
                tables: TablesFile {
                    include: [
                        "*",
                    ],
                    exclude: [
                        "tmp_*",
                    ],
                    rules: [
                        RuleFile {
                            table: "Customer",
                            into: Some(
                                "customers",
                            ),
                            filter: Some(
                                "Country <> 'XX'",
                            ),
                            columns: {
                                "Email": ColumnFile {
                                    expr: Some(
                                        "lower(trim(Email))",
                                    ),
                                    into: None,
                                    drop: false,
                                    declared: None,
                                    zero_dates: None,
                                    nul_characters: None,
                                    mask: None,
                                },
                                "Fax": ColumnFile {
                                    expr: None,
                                    into: None,
                                    drop: true,
                                    declared: None,
                                    zero_dates: None,
                                    nul_characters: None,
                                    mask: None,
                                },
                                "Phone": ColumnFile {
                                    expr: None,
                                    into: Some(
                                        "phone",
                                    ),
                                    drop: false,
                                    declared: None,
                                    zero_dates: None,
                                    nul_characters: None,
                                    mask: Some(
                                        MaskFile {
                                            keyed_hash: KeyedHashFile {
                                                key: Secret(…),
                                            },
                                        },
                                    ),
                                },
                            },
                        },
                    ],
                },
                objects: ObjectsFile {
                    include: [
                        "*",
                    ],
                    exclude: [],
                },
                types: [
                    TypeFile {
                        from: "mysql:tinyint(1)",
                        to: Some(
                            "boolean",
                        ),
                        zero_dates: None,
                        nul_characters: None,
                    },
                ],
                relations: [],
                verify: Counts,
                rejects: RejectsFile {
                    max: 0,
                    to: "./rejects",
                    rows: true,
                },
                limits: LimitsFile {
                    workers: Some(
                        2,
                    ),
                    source_connections: Some(
                        4,
                    ),
                    target_connections: Some(
                        4,
                    ),
                    memory: Some(
                        ByteSize(
                            268435456,
                        ),
                    ),
                    split: None,
                },
            }
        "#]],
    );
}

#[test]
fn mask_keys_are_found_by_target_column() {
    let rules = "tables: { rules: [ { table: C, columns: { P: { into: p, mask: { keyed_hash: { key: '${SECRET_K}' } } } } } ] }\n";
    let file = PlanFile::parse(&plan(rules), &lookup).unwrap();
    let keys = file.mask_keys();
    assert_eq!(keys[&("C".to_owned(), "p".to_owned())].expose(), format!("{SECRET}SECRET_K"));
    assert!(!format!("{file:?}").contains(SECRET));
}
