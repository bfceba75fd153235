//! The pairs of systems that the other tests of corpora leave out, one table for all.

use sensei_tests::{Sensei, corpora, mysql, postgres};

use super::{all_listed, carried, load, same, snake_case};
use super::{mysql_tables, postgresql_tables, same_in_both, same_in_mysql, same_in_postgresql};

#[test]
fn what_was_loaded_into_mysql_arrives_in_mysql_with_the_same_bytes() {
    let server = mysql::Server::shared();
    for corpus in ["chinook", "employees"] {
        let Some(()) = load::into_mysql(server, corpus, corpus) else { continue };
        let copy = format!("{corpus}_copy");
        server.create_database(&copy);
        let (rows, listed) = carried(&server.url(corpus), &server.url(&copy), "");
        assert!(rows > 10_000, "{corpus}: {rows}");
        assert_eq!(listed, [""; 0], "{corpus}");
        same(server, server, [corpus, &copy]);
    }
}

/// A corpus of PostgreSQL, its rows, and the kinds of objects that stand beside its tables.
const FROM_POSTGRESQL: [(&str, u64, &[&str]); 4] = [
    ("chinook", 15_607, &[]),
    ("northwind", 3_362, &[]),
    ("pagila", 49_636, &["view", "materialized view", "function", "trigger", "domain", "enum type", "sequence"]),
    ("employees", 13_086, &["view", "function", "trigger", "policy"]),
];

/// The names of a kind of objects, by PostgreSQL's catalog.
fn objects(server: &postgres::Server, database: &str, kind: &str) -> String {
    let of = |kind: char| {
        format!("SELECT relname FROM pg_class WHERE relkind = '{kind}' AND relnamespace = 'public'::regnamespace")
    };
    let types = |kind: char| {
        format!("SELECT typname FROM pg_type WHERE typtype = '{kind}' AND typnamespace = 'public'::regnamespace")
    };
    let sql = match kind {
        "view" => of('v'),
        "materialized view" => of('m'),
        // Those that a column owns are part of it.
        "sequence" => of('S') + " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND deptype IN ('a', 'i'))",
        "domain" => types('d'),
        "enum type" => types('e'),
        "trigger" => "SELECT DISTINCT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal AND NOT relispartition".to_owned(),
        "policy" => "SELECT polname FROM pg_policy".to_owned(),
        _ => "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'".to_owned(),
    };
    server.psql(database, &sql)
}

#[test]
fn what_was_loaded_into_postgresql_arrives_in_mysql_or_is_listed() {
    let (from, to) = (postgres::Server::shared(), mysql::Server::shared());
    for (corpus, rows, kinds) in FROM_POSTGRESQL {
        let Some(()) = load::into_postgresql(from, corpus, corpus) else { continue };
        to.create_database(corpus);
        let (arrived, listed) = carried(&from.url(corpus), &to.url(corpus), "");
        assert_eq!(arrived, rows, "{corpus}");
        let names = postgresql_tables(from, corpus);
        let mut arrived = mysql_tables(to, corpus);
        arrived.sort_unstable();
        assert_eq!(arrived, names);
        assert_eq!(same_in_both((to, corpus), (from, corpus), &names) as u64, rows, "{corpus}");
        for kind in kinds {
            all_listed(&listed, kind, &objects(from, corpus, kind));
        }
    }
}

#[test]
fn chinook_from_sqlite_and_postgresql_equals_the_authors_other_loads() {
    let Some(folder) = corpora::find("chinook") else { return };
    let (my, pg) = (mysql::Server::shared(), postgres::Server::shared());
    load::into_mysql(my, "chinook", "authors").unwrap();
    load::into_postgresql(pg, "chinook", "authors").unwrap();
    load::mend_chinook(pg, "authors");
    let sensei = Sensei::new();
    std::fs::copy(folder.join("Chinook_Sqlite.sqlite"), sensei.path("chinook.db")).unwrap();
    let file = format!("sqlite:{}", sensei.path("chinook.db").display());
    for copy in ["from_sqlite", "from_postgresql"] {
        my.create_database(copy);
    }
    pg.create_database("copy");
    assert_eq!(carried(&file, &my.url("from_sqlite"), "").0, 15_607);
    assert_eq!(carried(&pg.url("authors"), &my.url("from_postgresql"), "").0, 15_607);
    let (rows, listed) = carried(&pg.url("authors"), &pg.url("copy"), "");
    assert_eq!((rows, listed), (15_607, Vec::new()));
    for name in mysql_tables(my, "authors") {
        let snake = snake_case(&name);
        same_in_mysql(my, ("authors", &name), ("from_sqlite", &name));
        same_in_mysql(my, ("authors", &name), ("from_postgresql", &snake));
        same_in_postgresql(pg, ("authors", &snake), ("copy", &snake));
    }
}
