//! Chinook, Sakila and employees: databases that nobody on this project wrote. Says plainly when they are absent.

use std::path::Path;

use sensei_tests::corpora;
use sensei_tests::mysql;
use sensei_tests::postgres;

use crate::{folder, moved, same, tables};

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Without the statements by which a dump makes a database of its own.
fn without_database(script: &str) -> String {
    let own = |line: &&str| {
        let line = line.trim_start().to_uppercase();
        ["DROP DATABASE", "CREATE DATABASE", "DROP SCHEMA", "CREATE SCHEMA", "USE "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    script.lines().filter(|line| !own(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn chinook_equals_the_authors_own_load_in_postgresql() {
    let Some(folder_of) = corpora::find("chinook") else { return };
    let (from, to) = (mysql::Server::shared(), postgres::Server::shared());
    from.create_database("chinook");
    // A backslash in the script is one: the authors quote by doubling alone.
    let script = without_database(&read(&folder_of.join("Chinook_MySql.sql")));
    from.load("chinook", &format!("SET sql_mode = 'NO_BACKSLASH_ESCAPES';\n{script}"));
    to.create_database("chinook");
    let sensei = folder(&from.url("chinook"), &to.url("chinook"), "");
    assert_eq!(moved(&sensei), 15_607);
    to.create_database("authors");
    let own_database =
        |line: &&str| ["DROP DATABASE", "CREATE DATABASE", "\\c "].iter().any(|word| line.starts_with(word));
    let script = read(&folder_of.join("Chinook_PostgreSql.sql"));
    let script: Vec<&str> = script.lines().filter(|line| !own_database(line)).collect();
    to.load_text("authors", |input| input.write_all(script.join("\n").as_bytes()));
    // The one thing in which the authors' two editions differ: a blank at the end of a city.
    to.psql(
        "authors",
        "UPDATE customer SET city = 'Edinburgh ' WHERE customer_id = 54; \
         UPDATE invoice SET billing_city = 'Edinburgh ' WHERE customer_id = 54",
    );
    let pairs =
        [("Track", "track"), ("Invoice", "invoice"), ("Customer", "customer"), ("PlaylistTrack", "playlist_track")];
    for (ours, theirs) in pairs {
        let rows = |database: &str, name: &str| {
            to.psql(database, &format!("SELECT x::text FROM \"{name}\" x ORDER BY x::text COLLATE \"C\""))
        };
        let (ours, theirs) = (rows("chinook", ours), rows("authors", theirs));
        let difference = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        assert!(ours == theirs, "{difference:?}");
    }
}

#[test]
fn sakila_arrives_whole_in_a_mysql_and_in_postgresql() {
    let Some(folder_of) = corpora::find("sakila-mysql") else { return };
    let (from, to) = (mysql::Server::shared(), mysql::Server::start());
    from.create_database("sakila");
    // MariaDB knows no number of a reference system in a column's type.
    let schema = read(&folder_of.join("sakila-schema.sql")).replace("/*!80003 SRID 0 */", "");
    from.load("sakila", &without_database(&schema));
    from.load("sakila", &without_database(&read(&folder_of.join("sakila-data.sql"))));
    to.create_database("copy");
    let rows: u64 = tables(from, "sakila")
        .iter()
        .map(|name| from.sql("sakila", &format!("SELECT COUNT(*) FROM `{name}`")).parse::<u64>().unwrap())
        .sum();
    assert!(rows > 40_000, "{rows}");
    let sensei = folder(&from.url("sakila"), &to.url("copy"), "limits: { split: 64KiB, workers: 3 }");
    assert_eq!(moved(&sensei), rows);
    same(from, &to, ["sakila", "copy"]);
    assert_eq!(to.sql("copy", "SELECT COUNT(*) FROM film_list"), from.sql("sakila", "SELECT COUNT(*) FROM film_list"));
    let elsewhere = postgres::Server::shared();
    elsewhere.create_database("sakila");
    let sensei = folder(&from.url("sakila"), &elsewhere.url("sakila"), "");
    assert_eq!(moved(&sensei), rows);
    let sums = "SELECT concat(sum(amount), ' ', count(*)) FROM payment";
    assert_eq!(elsewhere.psql("sakila", sums), from.sql("sakila", sums));
}

#[test]
fn employees_go_to_postgresql_and_back() {
    let Some(folder_of) = corpora::find("employees") else { return };
    let (server, elsewhere) = (mysql::Server::shared(), postgres::Server::shared());
    server.create_database("employees");
    let parts = read(&folder_of.join("mysql/employee.sql"));
    let script: Vec<String> = parts
        .lines()
        .map(|line| match line.trim().to_lowercase().strip_prefix("source ") {
            // The last part only tells how long it took.
            Some(part) if part.contains("elapsed") => String::new(),
            Some(part) => read(&folder_of.join("mysql").join(part.trim_end_matches(';').trim())),
            None => line.to_owned(),
        })
        .collect();
    server.load("employees", &without_database(&script.join("\n")));
    elsewhere.create_database("employees_mysql");
    server.create_database("back");
    let there = folder(&server.url("employees"), &elsewhere.url("employees_mysql"), "");
    let rows = moved(&there);
    assert!(rows > 10_000, "{rows}");
    let back = folder(&elsewhere.url("employees_mysql"), &server.url("back"), "");
    assert_eq!(moved(&back), rows);
    for name in tables(server, "employees") {
        let differing =
            format!("SELECT COUNT(*) FROM (SELECT * FROM employees.`{name}` EXCEPT ALL SELECT * FROM back.`{name}`) x");
        assert_eq!(server.sql("", &differing), "0", "{name}");
    }
}
