//! Views and triggers: read from one file, created in another.

use std::collections::BTreeSet;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::connect::{quoted, quoted_list};
use super::ddl;
use super::error::{classify, complaint, definition};
use crate::catalog::{Catalog, Object, ObjectKind};
use crate::error::{Error, Result};

type SqlResult<T> = rusqlite::Result<T>;

/// Adds views and triggers to the catalog in the order they were made. One that uses what is `gone` (names in lower
/// case), directly or through another, or that does not even work here, is not carried.
pub(super) fn read(connection: &Connection, mut gone: BTreeSet<String>, catalog: &mut Catalog) -> SqlResult<()> {
    for object in listed(connection)? {
        let why = match uses(&object, &gone) {
            Some(why) => Some(why),
            None => broken(connection, &object)?.map(|why| format!("it does not compile: {why}")),
        };
        match why {
            None => catalog.objects.push(object),
            Some(why) => {
                catalog.not_carried.push(format!("{}: {why}", title(&object)));
                gone.extend((object.kind == ObjectKind::View).then(|| object.name.to_ascii_lowercase()));
            }
        }
    }
    Ok(())
}

fn listed(connection: &Connection) -> SqlResult<Vec<Object>> {
    let mut listed = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE type IN ('view', 'trigger') ORDER BY rowid",
    )?;
    let listed = listed.query_map((), |row| {
        let is_view = row.get_ref(0)?.as_str()? == "view";
        let kind = if is_view { ObjectKind::View } else { ObjectKind::Trigger };
        let table = if is_view { None } else { Some(row.get(2)?) };
        Ok(Object { kind, name: row.get(1)?, table, definition: row.get(3)?, next: None })
    })?;
    listed.collect()
}

/// Which of the names that are gone an object uses, if it does.
fn uses(object: &Object, gone: &BTreeSet<String>) -> Option<String> {
    let Some(sql) = &object.definition else { return Some("it has no text".to_owned()) };
    match ddl::names(sql) {
        Ok(names) => {
            names.intersection(gone).next().map(|name| format!("it uses {}, which is not carried", quoted(name)))
        }
        Err(reason) => Some(reason.to_owned()),
    }
}

/// Creates what is not there yet, all or nothing.
///
/// # Errors
/// `Exists` if something else has the name; `Invalid` for a text that creates something else; `Unsupported` for kinds
/// SQLite has not, and for what does not work with the tables there.
pub(super) fn create(connection: &mut Connection, objects: &[Object], file: &str) -> Result<()> {
    let sql = |error| classify(file, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    for object in objects {
        create_one(&transaction, object)?;
    }
    for object in objects {
        if let Some(why) = broken(&transaction, object).map_err(sql)? {
            let why = format!("it does not work with the target's tables: {why}");
            return Err(Error::Unsupported { what: title(object), why });
        }
    }
    transaction.commit().map_err(sql)
}

fn create_one(connection: &Connection, object: &Object) -> Result<()> {
    let keyword = match object.kind {
        ObjectKind::View => "VIEW",
        ObjectKind::Trigger => "TRIGGER",
        _ => return Err(unsupported(object, "SQLite has no such objects")),
    };
    let Some(text) = &object.definition else { return Err(unsupported(object, "nothing tells how to create it")) };
    let sql = |error| classify(title(object), error);
    match stored(connection, object).map_err(sql)? {
        Some(found) if found.as_ref() == Some(text) => return Ok(()),
        Some(_) => {
            return Err(Error::Exists { what: title(object), why: "what has its name there is not equal".to_owned() });
        }
        None => {}
    }
    let invalid = |why: &str| Error::Invalid { what: title(object), why: why.to_owned() };
    if !ddl::creates(text, keyword) {
        return Err(invalid("its text creates something else"));
    }
    // A prepared statement is one statement, whatever else the text may hold.
    let made = connection.prepare(text).and_then(|mut statement| statement.raw_execute());
    made.map_err(|error| definition(title(object), error))?;
    match stored(connection, object).map_err(sql)? {
        Some(found) if found.as_ref() == Some(text) => Ok(()),
        _ => Err(invalid("SQLite keeps it in another form")),
    }
}

/// The text of what has the object's name, triggers having a space of names of their own.
fn stored(connection: &Connection, object: &Object) -> SqlResult<Option<Option<String>>> {
    let sql = "SELECT sql FROM main.sqlite_schema WHERE (type = 'trigger') = ?1 AND name = ?2 COLLATE NOCASE";
    let is_trigger = object.kind == ObjectKind::Trigger;
    connection.query_row(sql, rusqlite::params![is_trigger, object.name], |row| row.get(0)).optional()
}

/// Why an object does not compile, if it does not. Functions are not looked at: its own program may bring them along.
fn broken(connection: &Connection, object: &Object) -> SqlResult<Option<String>> {
    // Strings in double quotes are wrong and common, and SQLite lets other programs have them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, true)?;
    let result = compile(connection, object);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    match result {
        Ok(()) => Ok(None),
        Err(error) => match complaint(&error) {
            Some(why) => Ok(reason(why)),
            None => Err(error),
        },
    }
}

/// A message of the compiler, unless it concerns what is not looked at.
fn reason(why: &str) -> Option<String> {
    let passed = ["no such function", "unsafe use of"];
    (!passed.iter().any(|start| why.starts_with(start))).then(|| why.to_owned())
}

fn compile(connection: &Connection, object: &Object) -> SqlResult<()> {
    let Some(table) = &object.table else {
        return connection.prepare(&format!("SELECT * FROM main.{}", quoted(&object.name))).map(drop);
    };
    let mut columns = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
    let columns: Vec<String> = columns.query_map([table], |row| row.get(0))?.collect::<SqlResult<_>>()?;
    let table = quoted(table);
    let (list, values) = (quoted_list(&columns), vec!["NULL"; columns.len()].join(", "));
    for statement in [
        format!("INSERT INTO main.{table}({list}) VALUES ({values})"),
        format!("UPDATE main.{table} SET ({list}) = ({values})"),
        format!("DELETE FROM main.{table}"),
    ] {
        match connection.prepare(&statement) {
            Ok(_) => {}
            // Not every event can happen to a view; the trigger is for another one then.
            Err(error) if complaint(&error).is_some_and(|why| why.starts_with("cannot modify")) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn title(object: &Object) -> String {
    format!("{} {}", object.kind, quoted(&object.name))
}

fn unsupported(object: &Object, why: &str) -> Error {
    Error::Unsupported { what: title(object), why: why.to_owned() }
}
