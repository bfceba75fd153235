//! The statement that creates a table with everything SQLite cannot add later: keys, references, unique and check
//! constraints, defaults, generated columns, collations, numbering.

use super::connect::{quoted, quoted_list};
use super::types::logical_type;
use super::writer::table_name;
use super::{checks, ddl, indexes, schema};
use crate::catalog::{Field, ForeignKey, IdentityKind, TargetTable, Timing};
use crate::error::{Error, Result};

/// What `ON DELETE` and `ON UPDATE` may do.
const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "SET NULL", "SET DEFAULT", "CASCADE"];

/// Declared types whose columns become the rowid if they are the primary key alone. A column declared otherwise in
/// another SQLite file stays what it is.
const ROWID_TYPES: [&str; 3] = ["INTEGER", "INT32", "INT16"];

/// The statement for `table`.
///
/// # Errors
/// `Unsupported` for what SQLite has no counterpart of; `Invalid` for a text that is not the expression it should be.
pub(super) fn statement(table: &TargetTable) -> Result<String> {
    let rowid_key = rowid_key(table);
    let mut parts = Vec::new();
    for field in &table.fields {
        parts.push(column(table, field, rowid_key == Some(field.name.as_str()))?);
    }
    if rowid_key.is_none() && !table.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", quoted_list(&table.primary_key)));
    }
    for index in table.indexes.iter().filter(|index| index.constraint) {
        parts.push(indexes::constraint(table, index)?);
    }
    for check in &table.checks {
        parts.push(checks::constraint(table, check)?);
    }
    for key in &table.foreign_keys {
        parts.push(foreign_key(table, key)?);
    }
    Ok(format!("CREATE TABLE main.{} (\n  {}\n)", quoted(&table.name), parts.join(",\n  ")))
}

/// The lone integer key column, which SQLite then uses as the rowid.
fn rowid_key(table: &TargetTable) -> Option<&str> {
    let [key] = table.primary_key.as_slice() else { return None };
    let field = table.fields.iter().find(|field| field.name == *key)?;
    let typed = ROWID_TYPES.iter().any(|name| field.native.eq_ignore_ascii_case(name));
    (typed || field.traits.identity.is_some()).then_some(key)
}

fn column(table: &TargetTable, field: &Field, rowid_key: bool) -> Result<String> {
    let name = quoted(&field.name);
    if rowid_key {
        return Ok(format!("{name} INTEGER PRIMARY KEY{}", numbering(table, field)?));
    }
    if field.traits.identity.is_some() {
        return Err(refused(table, field, "its numbering", "SQLite numbers a lone integer key only"));
    }
    if logical_type(&field.native).is_none() || !ddl::is_type(&field.native) {
        let what = format!("its type \"{}\"", field.native);
        return Err(refused(table, field, &what, "it is no declared type known for SQLite"));
    }
    // SQLite alone allows NULL in a primary key that is not told otherwise.
    let not_null = if field.nullable && !table.primary_key.contains(&field.name) { "" } else { " NOT NULL" };
    let collation = match &field.traits.collation {
        None => String::new(),
        Some(name) if schema::has_collation(name) => format!(" COLLATE {}", quoted(name)),
        Some(name) => {
            return Err(refused(table, field, &format!("its collation \"{name}\""), "SQLite has no such collation"));
        }
    };
    let value = value(table, field)?;
    Ok(format!("{name} {}{not_null}{collation}{value}", field.native))
}

/// `AUTOINCREMENT`, except for a key that went without it in another SQLite file.
fn numbering(table: &TargetTable, field: &Field) -> Result<&'static str> {
    match &field.traits.identity {
        None => Ok(""),
        Some(identity) if identity.kind == IdentityKind::RowId => Ok(""),
        Some(identity) if identity.increment == 1 => Ok(" AUTOINCREMENT"),
        Some(_) => Err(refused(table, field, "its numbering", "SQLite numbers in steps of one")),
    }
}

/// Where a column's value comes from if nobody gives one.
fn value(table: &TargetTable, field: &Field) -> Result<String> {
    let expression = |text: &str, what: &str| match ddl::is_expression(text) {
        true => Ok(()),
        false => Err(Error::Invalid { what: of(table, field, what), why: "its text is not one expression".to_owned() }),
    };
    if let Some(generation) = &field.traits.generation {
        expression(&generation.expression, "the generation")?;
        let kind = if generation.stored { "STORED" } else { "VIRTUAL" };
        return Ok(format!(" GENERATED ALWAYS AS ({}) {kind}", generation.expression));
    }
    let Some(default) = &field.traits.default else { return Ok(String::new()) };
    expression(default, "the default")?;
    Ok(format!(" DEFAULT ({default})"))
}

fn foreign_key(table: &TargetTable, key: &ForeignKey) -> Result<String> {
    let unsupported = |what: String, why: &str| Err(Error::Unsupported { what, why: why.to_owned() });
    for action in [&key.on_delete, &key.on_update] {
        if !ACTIONS.contains(&action.as_str()) {
            let what = format!("action \"{action}\" of a foreign key of {}", table_name(table));
            return unsupported(what, "SQLite has no such action");
        }
    }
    if key.match_full && key.columns.len() > 1 {
        return unsupported(format!("MATCH FULL of a foreign key of {}", table_name(table)), "SQLite ignores it");
    }
    let name = key.name.as_ref().map_or(String::new(), |name| format!("CONSTRAINT {} ", quoted(name)));
    let timing = match key.timing {
        Timing::Immediate => "",
        Timing::Deferrable => " DEFERRABLE INITIALLY IMMEDIATE",
        Timing::Deferred => " DEFERRABLE INITIALLY DEFERRED",
    };
    Ok(format!(
        "{name}FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}{timing}",
        quoted_list(&key.columns),
        quoted(&key.parent),
        quoted_list(&key.parent_columns),
        key.on_delete,
        key.on_update
    ))
}

fn of(table: &TargetTable, field: &Field, what: &str) -> String {
    format!("{what} of column {} in {}", quoted(&field.name), table_name(table))
}

fn refused(table: &TargetTable, field: &Field, what: &str, why: &str) -> Error {
    Error::Unsupported { what: of(table, field, what.trim_start_matches("its ")), why: why.to_owned() }
}
