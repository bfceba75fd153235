//! Whole databases: Chinook, Northwind, Pagila, employees. The oracle is SQL on both sides, or the authors' own load.

use std::path::Path;

use sensei_tests::postgres::Server;
use sensei_tests::{Sensei, corpora};

use crate::{TIME_MAX, equivalent, run};

/// Tables of `database`, without partitions of others.
fn tables(server: &Server, database: &str) -> Vec<String> {
    let found = server.psql(
        database,
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition \
         AND relnamespace = 'public'::regnamespace ORDER BY relname COLLATE \"C\"",
    );
    found.lines().map(str::to_owned).collect()
}

/// The table's columns in order, quoted.
fn columns(server: &Server, database: &str, table: &str) -> String {
    let sql = format!(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute \
         WHERE attrelid = '\"{table}\"'::regclass AND attnum > 0 AND NOT attisdropped"
    );
    server.psql(database, &sql)
}

/// Every row as PostgreSQL writes it, in an order of its own.
fn rows(server: &Server, database: &str, table: &str, columns: &str) -> String {
    let sql = format!("SELECT row({columns})::text FROM \"{table}\" ORDER BY row({columns})::text COLLATE \"C\"");
    server.psql(database, &sql)
}

/// Insists that `copy` has the tables of `original` and in them the same rows; returns how many there are.
fn same(server: &Server, original: &str, copy: &str) -> usize {
    assert_eq!(tables(server, original), tables(server, copy));
    let mut count = 0;
    for table in tables(server, copy) {
        let columns = columns(server, copy, &table);
        let [expected, actual] = [original, copy].map(|database| rows(server, database, &table, &columns));
        // Not assert_eq: the message would hold the whole table.
        let difference = expected.lines().zip(actual.lines()).find(|(expected, actual)| expected != actual);
        assert!(expected == actual, "{table} of {copy}: {difference:?}");
        count += expected.lines().count();
    }
    count
}

fn load(server: &Server, database: &str, script: &str) {
    server.create_database(database);
    server.load_text(database, |input| input.write_all(script.as_bytes()));
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// `InvoiceLine` as the authors write it in PostgreSQL.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn chinook_from_sqlite_equals_the_authors_own_load() {
    let Some(folder) = corpora::find("chinook") else { return };
    let server = Server::shared();
    let script = read(&folder.join("Chinook_PostgreSql.sql"));
    let own_database =
        |line: &&str| ["DROP DATABASE", "CREATE DATABASE", "\\c "].iter().any(|word| line.starts_with(word));
    let script: Vec<&str> = script.lines().filter(|line| !own_database(line)).collect();
    load(server, "chinook_authors", &script.join("\n"));
    // The one thing in which the authors' two editions differ: a blank at the end of a city.
    server.psql(
        "chinook_authors",
        "UPDATE customer SET city = 'Edinburgh ' WHERE customer_id = 54; \
         UPDATE invoice SET billing_city = 'Edinburgh ' WHERE customer_id = 54",
    );
    server.create_database("chinook");
    let sensei = Sensei::new().time_max(TIME_MAX);
    std::fs::copy(folder.join("Chinook_Sqlite.sqlite"), sensei.path("chinook.db")).unwrap();
    assert_eq!(equivalent(run(&sensei, "sqlite:chinook.db", &server.url("chinook"), "")), 15_607);
    let names = tables(server, "chinook");
    assert_eq!(names.len(), 11);
    for name in names {
        let ours = rows(server, "chinook", &name, &columns(server, "chinook", &name));
        let theirs = snake_case(&name);
        let theirs = rows(server, "chinook_authors", &theirs, &columns(server, "chinook_authors", &theirs));
        let difference = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        assert!(ours == theirs, "{name}: {difference:?}");
    }
    let keys = "SELECT contype, count(*) FROM pg_constraint WHERE contype IN ('f', 'p') AND connamespace = \
                'public'::regnamespace GROUP BY 1 ORDER BY 1";
    assert_eq!(server.psql("chinook", keys), server.psql("chinook_authors", keys), "primary and foreign keys");
}

#[test]
fn northwind_goes_to_postgresql_and_through_sqlite_and_back() {
    let Some(folder) = corpora::find("northwind") else { return };
    let server = Server::shared();
    load(server, "northwind", &read(&folder.join("northwind.sql")));
    server.create_database("northwind_copy");
    server.create_database("northwind_back");
    let sensei = Sensei::new().time_max(TIME_MAX);
    let northwind = server.url("northwind");
    assert_eq!(equivalent(run(&sensei, &northwind, &server.url("northwind_copy"), "")), 3_362);
    assert_eq!(equivalent(run(&sensei, &northwind, "sqlite:northwind.db", "")), 3_362);
    assert_eq!(equivalent(run(&sensei, "sqlite:northwind.db", &server.url("northwind_back"), "")), 3_362);
    assert_eq!(same(server, "northwind", "northwind_copy"), 3_362);
    assert_eq!(same(server, "northwind", "northwind_back"), 3_362);
}

#[test]
fn pagila_arrives_whole() {
    let Some(folder) = corpora::find("pagila") else { return };
    let server = Server::shared();
    load(server, "pagila", &(read(&folder.join("pagila-schema.sql")) + &read(&folder.join("pagila-data.sql"))));
    server.create_database("pagila_copy");
    let sensei = Sensei::new().time_max(TIME_MAX);
    let [from, to] = ["pagila", "pagila_copy"].map(|database| server.url(database));
    assert_eq!(equivalent(run(&sensei, &from, &to, "")), 49_636);
    assert_eq!(same(server, "pagila", "pagila_copy"), 49_636);
    let verify = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&verify["verdict"], &verify["structural"]["differences"]),
        (&"equivalent".into(), &serde_json::json!([]))
    );
    assert!(verify["structural"]["compared"]["objects"].as_u64() > Some(20), "{verify}");
}

#[test]
fn employees_arrive_whole() {
    let Some(folder) = corpora::find("employees") else { return };
    let server = Server::shared();
    // The script loads its parts by `\i`, from its own folder.
    let script: String = read(&folder.join("postgres/employee.sql"))
        .lines()
        .map(|line| match line.strip_prefix("\\i ") {
            Some(part) => read(&folder.join("postgres").join(part.trim())) + "\n",
            None => format!("{line}\n"),
        })
        .collect();
    load(server, "employees", &script);
    server.create_database("employees_copy");
    server.create_database("employees_back");
    let sensei = Sensei::new().time_max(TIME_MAX);
    let rows = equivalent(run(&sensei, &server.url("employees"), &server.url("employees_copy"), ""));
    assert!(rows > 10_000, "{rows}");
    assert_eq!(same(server, "employees", "employees_copy") as u64, rows);
    assert_eq!(equivalent(run(&sensei, &server.url("employees"), "sqlite:employees.db", "")), rows);
    assert_eq!(equivalent(run(&sensei, "sqlite:employees.db", &server.url("employees_back"), "")), rows);
    assert_eq!(same(server, "employees", "employees_back") as u64, rows);
}
