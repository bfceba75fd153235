//! The statement that creates a table. Knows nothing of jobs.

use super::flavor::{Flavor, Server};
use super::rowmark;
use super::sql::{identifier, identifiers, literal, qualified};
use crate::catalog::{Field, Partitioning, TargetTable};
use crate::error::{Error, Result};

/// `CREATE TABLE` for `planned`: with its primary key, by which the rows are stored, and with the mark; other indexes and
/// constraints come later.
///
/// # Errors
/// `Unsupported` where the table cannot be created as planned.
pub(super) fn create_table(server: &Server, database: &str, planned: &TargetTable) -> Result<String> {
    let columns = planned.fields.iter().map(|field| column(server, planned, field));
    let mut parts = columns.collect::<Result<Vec<_>>>()?;
    parts.push(rowmark::column());
    if !planned.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", identifiers(planned.primary_key.iter().map(String::as_str))));
    }
    parts.push(rowmark::index());
    let name = qualified(database, &planned.name);
    let mut sql = format!(
        "CREATE TABLE {name} ({}) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {}",
        parts.join(", "),
        binary_collation(server)
    );
    if let Some(comment) = &planned.comment {
        sql.push_str(&format!(" COMMENT = {}", literal(comment)));
    }
    if let Some(partitioning) = &planned.partitioning {
        sql.push_str(&format!(" PARTITION BY {}{}", partitioning.by, partitions(partitioning)));
    }
    Ok(sql)
}

/// The collation of text from systems that tell all texts apart: by code point, and without taking trailing blanks for
/// nothing.
fn binary_collation(server: &Server) -> &'static str {
    match server.flavor {
        Flavor::Mysql => "utf8mb4_0900_bin",
        Flavor::Mariadb => "utf8mb4_nopad_bin",
    }
}

/// The definition of one column.
pub(super) fn column(server: &Server, planned: &TargetTable, field: &Field) -> Result<String> {
    let traits = &field.traits;
    let mut sql = format!("{} {}", identifier(&field.name), native(server, &field.native));
    if let Some(collation) = traits.collation.as_ref().filter(|_| !field.native.starts_with("json")) {
        let charset = traits.charset.as_ref().map(|charset| format!(" CHARACTER SET {}", identifier(charset)));
        sql.push_str(&format!("{} COLLATE {}", charset.unwrap_or_default(), identifier(collation)));
    }
    if let Some(generation) = &traits.generation {
        let kept = if generation.stored { "STORED" } else { "VIRTUAL" };
        sql.push_str(&format!(" GENERATED ALWAYS AS ({}) {kept}", generation.expression));
    }
    // MariaDB has no nullability on what it computes.
    if traits.generation.is_none() || server.flavor == Flavor::Mysql {
        sql.push_str(if field.nullable { " NULL" } else { " NOT NULL" });
    }
    if let Some(default) = &traits.default {
        sql.push_str(&format!(" DEFAULT {}", default_clause(default)));
    }
    if let Some(attributes) = &traits.attributes {
        sql.push_str(&format!(" {attributes}"));
    }
    // What numbers itself must lead a key; where that is not the primary key, it waits for its index.
    if traits.identity.is_some() && planned.primary_key.first() == Some(&field.name) {
        sql.push_str(" AUTO_INCREMENT");
    }
    if let Some(comment) = &traits.comment {
        sql.push_str(&format!(" COMMENT {}", literal(comment)));
    }
    Ok(sql)
}

/// The type as this server writes it: a column's reference system has another name in MariaDB.
fn native(server: &Server, native: &str) -> String {
    match (server.flavor, native.rsplit_once(" srid ")) {
        (Flavor::Mariadb, Some((shape, system))) => format!("{shape} REF_SYSTEM_ID = {system}"),
        _ => native.to_owned(),
    }
}

/// Expressions stand in parentheses; constants and the clock need none, and would become expressions in them.
fn default_clause(default: &str) -> String {
    let upper = default.trim().to_ascii_uppercase();
    let is_clock = ["CURRENT_TIMESTAMP", "NOW("].iter().any(|clock| upper.starts_with(clock));
    let marked =
        ["B'", "X'", "_UTF8MB4'"].iter().find_map(|mark| upper.strip_prefix(mark).map(|rest| format!("'{rest}")));
    let is_constant = is_quoted(&marked.unwrap_or_else(|| default.to_owned()))
        || default.parse::<f64>().is_ok()
        || matches!(upper.as_str(), "TRUE" | "FALSE" | "NULL");
    if is_clock || is_constant || default.starts_with('(') { default.to_owned() } else { format!("({default})") }
}

/// Whether the text is one literal in quotes and nothing else.
fn is_quoted(text: &str) -> bool {
    let inside = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inside.is_some_and(|inside| !inside.replace("\\\\", "").replace("\\'", "").replace("''", "").contains('\''))
}

/// ` (PARTITION … (SUBPARTITION …, …), …)`.
fn partitions(partitioning: &Partitioning) -> String {
    let parts_of = |name: &str| {
        let parts = partitioning.partitions.iter().filter(|part| part.of.as_deref() == Some(name));
        let parts: Vec<_> = parts.map(|part| format!("SUBPARTITION {}", identifier(&part.name))).collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    };
    let whole = partitioning.partitions.iter().filter(|partition| partition.of.is_none());
    let whole = whole.map(|partition| {
        let bound = if partition.bound.is_empty() { String::new() } else { format!(" {}", partition.bound) };
        format!("PARTITION {}{bound}{}", identifier(&partition.name), parts_of(&partition.name))
    });
    format!(" ({})", whole.collect::<Vec<_>>().join(", "))
}

/// What a server cannot be a target for.
///
/// # Errors
/// `Unsupported`, naming the server.
pub(super) fn must_hide_columns(server: &Server) -> Result<()> {
    match server.hides_columns() {
        true => Ok(()),
        false => Err(Error::Unsupported {
            what: format!("{} {} as a target", server.flavor, server.text),
            why:
                "rows of a job are found again by an invisible column, which MySQL has from 8.0.23 on and MariaDB from \
                10.3 on"
                    .to_owned(),
        }),
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
