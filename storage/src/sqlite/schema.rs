//! What a database file says it holds. Reads declarations only, apart from counts and a sample for the estimates, and
//! the largest number in use where a column numbers itself.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::connect::quoted;
use super::ddl::{self, TableText, read_table};
use super::types::logical_type;
use super::{indexes, numbering, objects, progress, references, sizes};
use crate::catalog::{Catalog, Column, ForeignKey, Generation, System, Table, Traits};
use crate::text::Reason;

/// How a table's rows are addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// By rowid, under this SQL expression.
    RowId(String),
    /// By primary key, which is all a `WITHOUT ROWID` table has.
    Key(Vec<String>),
    /// Not at all: columns hide every name of the rowid.
    Nothing,
}

/// A table as it is declared, without sizes.
pub(super) struct Declared {
    pub(super) table: Table,
    /// What of it no catalog has a place for, or cannot be told.
    pub(super) lost: Vec<String>,
}

/// Every collation this SQLite has. A file may name others, which its own program brings along, and which SQLite lists
/// then without having them. SQLite manual, "Datatypes in SQLite", 7.
const COLLATIONS: [&str; 3] = ["BINARY", "NOCASE", "RTRIM"];

type SqlResult<T> = rusqlite::Result<T>;

/// Whether text can be compared by this collation here.
pub(super) fn has_collation(name: &str) -> bool {
    COLLATIONS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Reads the whole catalog.
pub(super) fn catalog(connection: &Connection) -> SqlResult<Catalog> {
    let mut catalog = Catalog {
        system: System::Sqlite,
        version: rusqlite::version().to_owned(),
        schema: None,
        tables: Vec::new(),
        objects: Vec::new(),
        not_carried: Vec::new(),
    };
    let mut listed = connection
        .prepare("SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")?;
    let listed: Vec<(String, String)> =
        listed.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<SqlResult<_>>()?;
    let mut gone = BTreeSet::new();
    for (name, kind) in listed {
        match kind.as_str() {
            "table" if progress::TABLES.contains(&name.as_str()) => {}
            "table" => {
                let Declared { table, lost } = declared(connection, &name)?;
                catalog.tables.push(sized(connection, table)?);
                catalog.not_carried.extend(lost);
            }
            "view" => {}
            kind => {
                catalog.not_carried.push(format!("{kind} table {}", quoted(&name)));
                gone.insert(name.to_ascii_lowercase());
            }
        }
    }
    references::settle(&mut catalog);
    objects::read(connection, gone, &mut catalog)?;
    Ok(catalog)
}

fn sized(connection: &Connection, table: Table) -> SqlResult<Table> {
    let rows = match sizes::analyzed_rows(connection, &table.name)? {
        Some(rows) => rows,
        None => sizes::count(connection, &table.name)?,
    };
    let row_bytes = sizes::sampled_row_bytes(connection, &table.name)?;
    Ok(Table { rows_estimate: Some(rows), bytes_estimate: Some(rows.saturating_mul(row_bytes)), ..table })
}

/// Reads what is declared of one table. The table must exist.
pub(super) fn declared(connection: &Connection, name: &str) -> SqlResult<Declared> {
    let mut lost = options(connection, name)?;
    let mut columns = columns(connection, name, &mut lost)?;
    let mut foreign_keys = references::declared(connection, name)?;
    let text = text(connection, name, &columns, &foreign_keys)?;
    let mut checks = Vec::new();
    match &text {
        Ok(text) => {
            for (column, said) in columns.iter_mut().zip(&text.columns) {
                column.traits.default.clone_from(&said.default);
                if let (Some(generation), Some(expression)) = (&mut column.traits.generation, &said.generation) {
                    generation.expression.clone_from(expression);
                }
            }
            references::name(&mut foreign_keys, &text.references);
            checks.clone_from(&text.checks);
            if text.conflict_clauses {
                lost.push(format!("conflict clauses of table {}: violations stop the statement", quoted(name)));
            }
        }
        Err(reason) => lost
            .push(format!("checks, generation expressions and constraint names of table {}: {reason}", quoted(name))),
    }
    let indexes = indexes::declared(connection, name, &columns, text.as_ref().ok(), &mut lost)?;
    let primary_key = primary_key(connection, name)?;
    let name = name.to_owned();
    Ok(Declared {
        table: Table { name, columns, primary_key, foreign_keys, indexes, checks, ..Table::default() },
        lost,
    })
}

/// What kind of table it is, where no other table would be the same.
fn options(connection: &Connection, table: &str) -> SqlResult<Vec<String>> {
    let (without_rowid, strict): (bool, bool) =
        connection.query_row("SELECT wr, strict FROM pragma_table_list(?1) WHERE schema = 'main'", [table], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let table = quoted(table);
    let without_rowid = without_rowid.then(|| format!("WITHOUT ROWID of table {table}: its rows get rowids"));
    let strict = strict.then(|| format!("STRICT of table {table}: its values are checked on the way only"));
    Ok(without_rowid.into_iter().chain(strict).collect())
}

fn columns(connection: &Connection, table: &str, lost: &mut Vec<String>) -> SqlResult<Vec<Column>> {
    let alias = integer_primary_key(connection, table)?;
    let mut listed = connection.prepare(
        "SELECT name, type, \"notnull\", hidden, dflt_value FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
    )?;
    let mut rows = listed.query([table])?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, native): (String, String) = (row.get(0)?, row.get(1)?);
        // SQLite takes a comment before GENERATED ALWAYS for a part of the type.
        let native = ddl::without_comments(&native).unwrap_or(native);
        let (_, collation, not_null, _, autoincrement) = connection.column_metadata(Some("main"), table, &name)?;
        let collation = collation.map(|name| name.to_string_lossy().into_owned());
        let collation = collation.filter(|name| !name.eq_ignore_ascii_case("BINARY"));
        let is_alias = alias.as_ref() == Some(&name);
        let mut traits = Traits { default: row.get(4)?, generation: generation(row.get(3)?), ..Traits::default() };
        if is_alias {
            traits.identity = Some(numbering::identity(connection, table, &name, autoincrement)?);
        }
        match collation {
            Some(collation) if !has_collation(&collation) => {
                let of = format!("{}.{}", quoted(table), quoted(&name));
                lost.push(format!("collation {} of column {of}: only its own program knows it", quoted(&collation)));
            }
            collation => traits.collation = collation.map(|name| name.to_ascii_uppercase()),
        }
        let nullable = !not_null && !is_alias;
        columns.push(Column { logical: logical_type(&native), nullable, name, native, traits, ..Column::default() });
    }
    Ok(columns)
}

/// From the pragma's `hidden`; the expression is in the table's text only.
fn generation(hidden: i64) -> Option<Generation> {
    let stored = match hidden {
        2 => false,
        3 => true,
        _ => return None,
    };
    Some(Generation { expression: String::new(), stored })
}

/// What the table's own text says, if it agrees with what SQLite says of the table.
fn text(
    connection: &Connection,
    table: &str,
    columns: &[Column],
    foreign_keys: &[ForeignKey],
) -> SqlResult<Result<TableText, Reason>> {
    let sql: String = connection.query_row(
        "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
        [table],
        |row| row.get(0),
    )?;
    Ok(read_table(&sql).and_then(|text| {
        let same_columns =
            text.columns.len() == columns.len()
                && text.columns.iter().zip(columns).all(|(said, column)| {
                    said.name == column.name && said.generation.is_some() == column.is_generated()
                });
        match same_columns && references::agree(&text.references, foreign_keys) {
            true => Ok(text),
            false => Err("its text reads otherwise than SQLite does"),
        }
    }))
}

/// Primary key columns in key order.
pub(super) fn primary_key(connection: &Connection, table: &str) -> SqlResult<Vec<String>> {
    let mut key = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk")?;
    key.query_map([table], |row| row.get(0))?.collect()
}

/// The column that is the rowid under another name: a lone `INTEGER` primary key without an index of its own.
pub(super) fn integer_primary_key(connection: &Connection, table: &str) -> SqlResult<Option<String>> {
    connection
        .query_row(
            "SELECT name FROM pragma_table_xinfo(?1) WHERE pk = 1 AND type = 'INTEGER' COLLATE NOCASE
             AND (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE pk > 0) = 1
             AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')",
            [table],
            |row| row.get(0),
        )
        .optional()
}

/// How to address the rows of `table`; `None` if there is no such table.
pub(super) fn address(connection: &Connection, table: &str) -> SqlResult<Option<Address>> {
    let without_rowid: Option<bool> = connection
        .query_row("SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table'", [table], |row| {
            row.get(0)
        })
        .optional()?;
    match without_rowid {
        None => Ok(None),
        Some(true) => Ok(Some(Address::Key(primary_key(connection, table)?))),
        Some(false) => {
            let free = connection
                .query_row(
                    "SELECT value FROM json_each('[\"rowid\",\"_rowid_\",\"oid\"]')
                     WHERE value COLLATE NOCASE NOT IN (SELECT name FROM pragma_table_xinfo(?1)) LIMIT 1",
                    [table],
                    |row| row.get(0),
                )
                .optional()?;
            let named = match free {
                Some(alias) => Some(alias),
                None => integer_primary_key(connection, table)?.map(|column| quoted(&column)),
            };
            Ok(Some(named.map_or(Address::Nothing, Address::RowId)))
        }
    }
}
