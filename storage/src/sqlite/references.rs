//! Foreign keys: as they are declared, and whether the rows obey them.

use rusqlite::Connection;

use super::connect::quoted;
use super::ddl::ReferenceText;
use super::error::classify;
use super::schema;
use super::writer::table_name;
use crate::catalog::{Catalog, ForeignKey, TargetTable};
use crate::error::{Error, Result};

type SqlResult<T> = rusqlite::Result<T>;

/// Foreign keys in the order they are written, names and timing still missing, which no pragma tells.
pub(super) fn declared(connection: &Connection, table: &str) -> SqlResult<Vec<ForeignKey>> {
    let mut listed = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\", on_delete, on_update FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = listed.query([table])?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let (parent, on_delete, on_update) = (row.get(1)?, row.get(4)?, row.get(5)?);
            keys.push((id, ForeignKey { parent, on_delete, on_update, ..ForeignKey::default() }));
        }
        let (_, key) = keys.last_mut().expect("pushed above");
        key.columns.push(row.get(2)?);
        key.parent_columns.extend(row.get::<_, Option<String>>(3)?);
    }
    // SQLite numbers the keys backwards.
    Ok(keys.into_iter().rev().map(|(_, key)| key).collect())
}

/// Whether the table's text and the pragma tell of the same keys.
pub(super) fn agree(said: &[ReferenceText], keys: &[ForeignKey]) -> bool {
    let same = |a: &String, b: &String| a.eq_ignore_ascii_case(b);
    said.len() == keys.len()
        && said.iter().zip(keys).all(|(said, key)| {
            said.parent == key.parent
                && said.columns.len() == key.columns.len()
                && said.columns.iter().zip(&key.columns).all(|(a, b)| same(a, b))
        })
}

/// Adds what only the table's text tells.
pub(super) fn name(keys: &mut [ForeignKey], said: &[ReferenceText]) {
    for (key, said) in keys.iter_mut().zip(said) {
        key.name.clone_from(&said.name);
        key.timing = said.timing;
    }
}

/// Spells referenced names as stored (SQLite compares them without case) and fills in the parent's primary key where
/// a reference names no columns. References that lead nowhere are not carried.
pub(super) fn settle(catalog: &mut Catalog) {
    let parents: Vec<(String, Vec<String>, Vec<String>)> = catalog
        .tables
        .iter()
        .map(|table| {
            let columns = table.columns.iter().map(|column| column.name.clone()).collect();
            (table.name.clone(), columns, table.primary_key.clone())
        })
        .collect();
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    for table in &mut catalog.tables {
        let own: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        table.foreign_keys.retain_mut(|key| {
            let parent = parents.iter().find(|(name, ..)| same(name, &key.parent));
            let settled = parent.and_then(|(name, columns, primary_key)| {
                key.parent.clone_from(name);
                if key.parent_columns.is_empty() {
                    key.parent_columns.clone_from(primary_key);
                }
                let spell = |wanted: &mut String, stored: &[String]| {
                    stored.iter().find(|column| same(column, wanted)).map(|column| wanted.clone_from(column))
                };
                key.columns.iter_mut().try_for_each(|column| spell(column, &own))?;
                key.parent_columns.iter_mut().try_for_each(|column| spell(column, columns))?;
                (key.columns.len() == key.parent_columns.len()).then_some(())
            });
            if settled.is_none() {
                let lost = format!("foreign key of {} to {}", quoted(&table.name), quoted(&key.parent));
                catalog.not_carried.push(lost);
            }
            settled.is_some()
        });
    }
}

/// Refuses a created table that lacks a key, and any table with rows that refer to nothing.
pub(super) fn verify(connection: &Connection, table: &TargetTable) -> Result<()> {
    if table.foreign_keys.is_empty() {
        return Ok(());
    }
    if table.create {
        present(connection, table)?;
    }
    let sql = |error: rusqlite::Error| match error.to_string() {
        why if why.starts_with("foreign key mismatch") => Error::Refused {
            what: table_name(table),
            why: "a foreign key refers to columns that are neither a primary key nor unique".to_owned(),
        },
        _ => classify(table_name(table), error),
    };
    let mut orphans = connection
        .prepare("SELECT parent, count(*) FROM pragma_foreign_key_check(?1) GROUP BY parent ORDER BY parent")
        .map_err(sql)?;
    let orphans = orphans.query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql)?;
    let orphans: Vec<(String, i64)> = orphans.collect::<rusqlite::Result<_>>().map_err(sql)?;
    if orphans.is_empty() {
        return Ok(());
    }
    let why = orphans.iter().map(|(parent, rows)| format!("{rows} rows refer to no row of {}", quoted(parent)));
    Err(Error::Refused { what: table_name(table), why: why.collect::<Vec<_>>().join(", ") })
}

/// A created table has its keys from the start. If one is missing, somebody has made the table anew.
fn present(connection: &Connection, table: &TargetTable) -> Result<()> {
    let found = schema::declared(connection, &table.name).map_err(|error| classify(table_name(table), error))?;
    for key in &table.foreign_keys {
        // One column is NULL or is not, so that MATCH FULL says no more than MATCH SIMPLE.
        let wanted = ForeignKey { match_full: false, ..key.clone() };
        if !found.table.foreign_keys.contains(&wanted) {
            let what = format!("foreign key of {} to {}", table_name(table), quoted(&key.parent));
            return Err(Error::Missing { what });
        }
    }
    Ok(())
}
