//! Databases that nobody on this project wrote, each from its system to each other; and three invented ones with what old
//! databases really have. SQL on both servers is the oracle, or the authors' own load of the same data. What does not
//! arrive must be listed. Says plainly when the corpora are absent.

mod invented;
mod load;
mod pairs;
mod rows;

use sensei_tests::{Outcome, mysql, postgres};
use serde_json::Value;

use crate::{RUN, equivalent, folder, moved, same, tables as mysql_tables};
use rows::{postgresql_tables, same_in_both, same_in_mysql, same_in_postgresql};

/// Runs a new job; how many rows it moved, and what it says it did not carry.
#[track_caller]
fn carried(source: &str, target: &str, more: &str) -> (u64, Vec<String>) {
    let outcome = folder(source, target, more).run(&RUN);
    let listed = listed(&outcome);
    (equivalent(outcome), listed)
}

/// What a run says it did not carry.
fn listed(outcome: &Outcome) -> Vec<String> {
    let report = outcome.json();
    let lines = report["not_carried"].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.map(str::to_owned).collect()
}

/// Insists that each of `objects`, one name a line, is listed with a reason.
#[track_caller]
fn all_listed(listed: &[String], kind: &str, objects: &str) {
    for name in objects.lines() {
        let begins = [format!("{kind} \"{name}\": "), format!("{kind} \"{name}(")];
        let found = listed.iter().any(|line| begins.iter().any(|begin| line.starts_with(begin)));
        assert!(found, "{kind} {name} is not in {listed:?}");
    }
    assert!(!objects.is_empty(), "no {kind} to look for");
}

/// A table's name as the authors of Chinook write it in PostgreSQL: `InvoiceLine` is `invoice_line`.
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
fn chinook_equals_the_authors_own_load_in_postgresql() {
    let (from, to) = (mysql::Server::shared(), postgres::Server::shared());
    let Some(()) = load::into_mysql(from, "chinook", "chinook") else { return };
    to.create_database("chinook");
    assert_eq!(moved(&folder(&from.url("chinook"), &to.url("chinook"), "")), 15_607);
    load::into_postgresql(to, "chinook", "authors").unwrap();
    load::mend_chinook(to, "authors");
    let names = postgresql_tables(to, "chinook");
    assert_eq!(names.len(), 11);
    for name in names {
        same_in_postgresql(to, ("chinook", &name), ("authors", &snake_case(&name)));
    }
}

#[test]
fn employees_equal_the_authors_own_load_in_postgresql_and_come_back() {
    let (server, elsewhere) = (mysql::Server::shared(), postgres::Server::shared());
    let Some(()) = load::into_mysql(server, "employees", "employees") else { return };
    elsewhere.create_database("employees_mysql");
    server.create_database("back");
    let rows = moved(&folder(&server.url("employees"), &elsewhere.url("employees_mysql"), ""));
    assert!(rows > 10_000, "{rows}");
    load::into_postgresql(elsewhere, "employees", "authors").unwrap();
    for name in postgresql_tables(elsewhere, "employees_mysql") {
        same_in_postgresql(elsewhere, ("employees_mysql", &name), ("authors", &name));
    }
    assert_eq!(moved(&folder(&elsewhere.url("employees_mysql"), &server.url("back"), "")), rows);
    for name in mysql_tables(server, "employees") {
        same_in_mysql(server, ("employees", &name), ("back", &name));
    }
}

#[test]
fn sakila_arrives_whole_in_a_mysql_and_in_postgresql() {
    let (from, to) = (mysql::Server::shared(), mysql::Server::start());
    let Some(()) = load::into_mysql(from, "sakila", "sakila") else { return };
    to.create_database("copy");
    let names = mysql_tables(from, "sakila");
    let count = |name: &String| from.sql("sakila", &format!("SELECT COUNT(*) FROM `{name}`")).parse::<u64>().unwrap();
    let rows: u64 = names.iter().map(count).sum();
    assert!(rows > 40_000, "{rows}");
    let sensei = folder(&from.url("sakila"), &to.url("copy"), "limits: { split: 64KiB, workers: 3 }");
    assert_eq!(moved(&sensei), rows);
    same(from, &to, ["sakila", "copy"]);
    assert_eq!(to.sql("copy", "SELECT COUNT(*) FROM film_list"), from.sql("sakila", "SELECT COUNT(*) FROM film_list"));
    let elsewhere = postgres::Server::shared();
    elsewhere.create_database("sakila");
    let (arrived, listed) = carried(&from.url("sakila"), &elsewhere.url("sakila"), "");
    assert_eq!(arrived, rows);
    assert_eq!(same_in_both((from, "sakila"), (elsewhere, "sakila"), &names) as u64, rows);
    let own = "FROM information_schema";
    for (kind, sql) in [
        ("view", format!("SELECT TABLE_NAME {own}.VIEWS WHERE TABLE_SCHEMA = 'sakila'")),
        ("trigger", format!("SELECT TRIGGER_NAME {own}.TRIGGERS WHERE TRIGGER_SCHEMA = 'sakila'")),
        (
            "function",
            format!("SELECT ROUTINE_NAME {own}.ROUTINES WHERE ROUTINE_SCHEMA = 'sakila' AND ROUTINE_TYPE = 'FUNCTION'"),
        ),
        (
            "procedure",
            format!(
                "SELECT ROUTINE_NAME {own}.ROUTINES WHERE ROUTINE_SCHEMA = 'sakila' AND ROUTINE_TYPE = 'PROCEDURE'"
            ),
        ),
    ] {
        all_listed(&listed, kind, &from.sql("", &sql));
    }
    // Nothing of a column is lost without a word.
    let updated = listed.iter().filter(|line| line.starts_with("ON UPDATE")).count();
    let sql = format!("SELECT COUNT(*) {own}.COLUMNS WHERE TABLE_SCHEMA = 'sakila' AND EXTRA LIKE '%on update%'");
    assert_eq!(updated.to_string(), from.sql("", &sql));
    let members =
        "members of column \"special_features\" of table \"film\": PostgreSQL has no sets, the column takes any text";
    assert!(listed.iter().any(|line| line == members), "{listed:?}");
}
