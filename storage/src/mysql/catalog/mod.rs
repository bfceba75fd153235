//! Reads what a database holds. Knows nothing of rows or snapshots.

mod columns;
mod defaults;
mod indexes;
mod objects;
mod partitions;
mod references;

use std::collections::HashMap;

use super::answer::Answer;
use super::connection::Session;
use super::relation::Relation;
use super::sql::literal;
use crate::catalog::{Catalog, Index, System, Table};
use crate::error::{Error, Result};

pub(super) use objects::{mode_and_statement, read as objects_of};
pub(super) use references::{checks, foreign_keys};

/// For messages.
const OBJECT: &str = "the catalog";

/// What the server counts and remembers of a table.
struct Facts {
    rows: Option<u64>,
    bytes: Option<u64>,
    comment: Option<String>,
    /// The next number of its column that numbers itself.
    next: Option<i128>,
}

/// Reads the catalog of `database`.
///
/// # Errors
/// `Missing` if there is no such database.
pub(super) async fn read(session: &mut Session, database: &str) -> Result<Catalog> {
    let sql = format!("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}", literal(database));
    if session.first(OBJECT, &sql).await?.is_none() {
        return Err(Error::Missing { what: format!("database \"{database}\"") });
    }
    let mut relations = Relation::list(session, database, None).await?;
    for relation in &mut relations {
        defaults::mend(session, relation).await?;
    }
    let facts = facts(session, database).await?;
    let increment = session.first(OBJECT, "SELECT @@auto_increment_increment").await?;
    let increment = increment.and_then(|row| row.text(0)?.parse().ok()).unwrap_or(1);
    let mut keys = indexes::read(session, database).await?;
    let mut foreign_keys = references::foreign_keys(session, database).await?;
    let (mut checks, mut not_carried) = references::checks(session, database).await?;
    let mut partitions = partitions::read(session, database).await?;
    let flavor = session.server.flavor;
    let tables = relations.into_iter().map(|relation| {
        let facts = facts.get(&relation.name);
        let next = facts.and_then(|facts| facts.next);
        let (primary_key, indexes) = keys.remove(&relation.name).unwrap_or_default();
        let mut checks = checks.remove(&relation.name).unwrap_or_default();
        columns::leave_out_type_checks(&relation.columns, &mut checks);
        Table {
            columns: relation.columns.iter().map(|column| columns::column(column, flavor, next, increment)).collect(),
            primary_key,
            foreign_keys: foreign_keys.remove(&relation.name).unwrap_or_default(),
            indexes,
            checks,
            partitioning: partitions.remove(&relation.name),
            comment: facts.and_then(|facts| facts.comment.clone()),
            rows_estimate: facts.and_then(|facts| facts.rows),
            bytes_estimate: facts.and_then(|facts| facts.bytes),
            name: relation.name,
        }
    });
    let tables = tables.collect();
    let (objects, others) = objects::read(session, database).await?;
    not_carried.extend(others);
    let version = format!("{} {}", session.server.flavor, session.server.text);
    let schema = Some(database.to_owned());
    Ok(Catalog { system: System::Mysql, version, schema, tables, objects, not_carried })
}

async fn facts(session: &mut Session, database: &str) -> Result<HashMap<String, Facts>> {
    let sql = format!(
        "SELECT TABLE_NAME, TABLE_ROWS, DATA_LENGTH, TABLE_COMMENT, AUTO_INCREMENT FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = {}",
        literal(database)
    );
    let rows = session.select(OBJECT, &sql).await?;
    let facts = |row: &mysql_async::Row| Facts {
        rows: row.number(1),
        bytes: row.number(2),
        comment: row.text(3).filter(|comment| !comment.is_empty()),
        next: row.text(4).and_then(|next| next.parse().ok()),
    };
    Ok(rows.iter().map(|row| (row.words(0), facts(row))).collect())
}

/// What a table's column that numbers itself gives next; `None` if it has none.
pub(super) async fn next_number(session: &mut Session, database: &str, table: &str) -> Result<Option<i128>> {
    let sql = format!(
        "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        literal(database),
        literal(table)
    );
    Ok(session.first(OBJECT, &sql).await?.and_then(|row| row.text(0)?.parse().ok()))
}

/// The columns of a table's primary key; empty if it has none.
pub(super) async fn primary_key(session: &mut Session, database: &str, table: &str) -> Result<Vec<String>> {
    Ok(indexes::read(session, database).await?.remove(table).unwrap_or_default().0)
}

/// A table's indexes beside the primary key.
pub(super) async fn indexes(session: &mut Session, database: &str, table: &str) -> Result<Vec<Index>> {
    Ok(indexes::read(session, database).await?.remove(table).unwrap_or_default().1)
}
