//! Definitions of columns.

use super::*;
use crate::catalog::{Identity, IdentityKind, Traits};
use crate::types::LogicalType;

fn field(name: &str, native: &str, traits: Traits) -> Field {
    Field { name: name.to_owned(), logical: LogicalType::TEXT, native: native.to_owned(), nullable: false, traits }
}

fn mariadb() -> Server {
    Server::new("10.11.6-MariaDB", 1 << 24, 0)
}

#[test]
fn a_column_is_defined_with_all_it_has() {
    let table = TargetTable { name: "t".to_owned(), primary_key: vec!["id".to_owned()], ..TargetTable::default() };
    let define =
        |name: &str, native: &str, traits| column(&mariadb(), &table, &field(name, native, traits)).expect("defined");
    let identity = Some(Identity { kind: IdentityKind::ByDefault, next: None, increment: 1 });
    let own = |collation: &str| Traits {
        charset: Some("utf8mb4".to_owned()),
        collation: Some(collation.to_owned()),
        comment: Some("it's".to_owned()),
        ..Traits::default()
    };
    let attributes = Some("ON UPDATE CURRENT_TIMESTAMP".to_owned());
    for (defined, expected) in [
        (
            define("id", "int", Traits { identity: identity.clone(), ..Traits::default() }),
            "`id` int NOT NULL AUTO_INCREMENT",
        ),
        (define("no", "int", Traits { identity, ..Traits::default() }), "`no` int NOT NULL"),
        (
            define("c", "char(3)", own("utf8mb4_bin")),
            "`c` char(3) CHARACTER SET `utf8mb4` COLLATE `utf8mb4_bin` NOT NULL COMMENT 'it''s'",
        ),
        (
            define(
                "at",
                "timestamp",
                Traits { default: Some("CURRENT_TIMESTAMP".to_owned()), attributes, ..Traits::default() },
            ),
            "`at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
        ),
    ] {
        assert_eq!(defined, expected);
    }
    for (default, clause) in [
        ("'a'", "'a'"),
        ("-1.5", "-1.5"),
        ("uuid()", "(uuid())"),
        ("(1 + 1)", "(1 + 1)"),
        ("b'0'", "b'0'"),
        ("now(3)", "now(3)"),
        ("1 + 1", "(1 + 1)"),
        ("'a' || 'b'", "('a' || 'b')"),
        ("'it''s'", "'it''s'"),
    ] {
        assert_eq!(default_clause(default), clause);
    }
}

#[test]
fn a_reference_system_and_a_collation_have_the_names_of_each_server() {
    let mysql = Server::new("8.0.36", 1 << 24, 0);
    let table = TargetTable { name: "t".to_owned(), ..TargetTable::default() };
    let place = field("place", "point srid 4326", Traits::default());
    let define = |server: &Server| column(server, &table, &place).expect("defined");
    assert_eq!(define(&mysql), "`place` point srid 4326 NOT NULL");
    assert_eq!(define(&mariadb()), "`place` point REF_SYSTEM_ID = 4326 NOT NULL");
    let created = |server: &Server| create_table(server, "d", &table).expect("a statement");
    assert!(created(&mysql).contains("COLLATE utf8mb4_0900_bin"), "{}", created(&mysql));
    assert!(created(&mariadb()).contains("COLLATE utf8mb4_nopad_bin"), "{}", created(&mariadb()));
}
