//! Loads corpora into servers as their authors wrote them, into databases of a test's own names.

use std::path::Path;

use sensei_tests::{corpora, mysql, postgres};

pub(super) fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Without the statements by which a dump makes a database of its own.
fn without_database(script: &str) -> String {
    let own = |line: &&str| {
        let line = line.trim_start().to_uppercase();
        ["DROP DATABASE", "CREATE DATABASE", "DROP SCHEMA", "CREATE SCHEMA", "USE ", "\\C "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    script.lines().filter(|line| !own(line)).collect::<Vec<_>>().join("\n")
}

/// Loads Chinook, Sakila or employees; `None` if the corpus is absent.
pub(super) fn into_mysql(server: &mysql::Server, corpus: &str, database: &str) -> Option<()> {
    let script = match corpus {
        // A backslash in the script is one: the authors quote by doubling alone.
        "chinook" => {
            let script = without_database(&read(&corpora::find("chinook")?.join("Chinook_MySql.sql")));
            format!("SET sql_mode = 'NO_BACKSLASH_ESCAPES';\n{script}")
        }
        "sakila" => {
            let folder = corpora::find("sakila-mysql")?;
            // MariaDB knows no number of a reference system in a column's type.
            let schema = read(&folder.join("sakila-schema.sql")).replace("/*!80003 SRID 0 */", "");
            without_database(&format!("{schema}\n{}", read(&folder.join("sakila-data.sql"))))
        }
        _ => without_database(&parts(&corpora::find("employees")?.join("mysql"), "source ")),
    };
    server.create_database(database);
    server.load(database, &script);
    Some(())
}

/// Loads Chinook, Northwind, Pagila or employees; `None` if the corpus is absent.
pub(super) fn into_postgresql(server: &postgres::Server, corpus: &str, database: &str) -> Option<()> {
    let folder = corpora::find(corpus)?;
    let script = match corpus {
        "chinook" => without_database(&read(&folder.join("Chinook_PostgreSql.sql"))),
        "northwind" => read(&folder.join("northwind.sql")),
        "pagila" => read(&folder.join("pagila-schema.sql")) + &read(&folder.join("pagila-data.sql")),
        _ => parts(&folder.join("postgres"), "\\i "),
    };
    server.create_database(database);
    server.load_text(database, |input| input.write_all(script.as_bytes()));
    Some(())
}

/// The employees' script, which loads its parts by a command of its client.
fn parts(folder: &Path, command: &str) -> String {
    let script = read(&folder.join("employee.sql"));
    let lines = script.lines().map(|line| match line.trim().strip_prefix(command) {
        // The last part only tells how long it took.
        Some(part) if part.contains("elapsed") => String::new(),
        Some(part) => read(&folder.join(part.trim_end_matches(';').trim())),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The authors' PostgreSQL edition of Chinook, mended where it differs from the others: a blank at the end of a city.
pub(super) fn mend_chinook(server: &postgres::Server, database: &str) {
    server.psql(
        database,
        "UPDATE customer SET city = 'Edinburgh ' WHERE customer_id = 54; \
         UPDATE invoice SET billing_city = 'Edinburgh ' WHERE customer_id = 54",
    );
}
