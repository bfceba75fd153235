//! What a database file says it holds. Reads declarations only, apart from counts and a sample for the estimates.

use rusqlite::{Connection, OptionalExtension, params};

use super::connect::quoted;
use super::progress;
use super::types::logical_type;
use crate::catalog::{Catalog, Column, ForeignKey, Generation, System, Table, Traits};

/// Places in a table where rows are sampled for their size, and rows taken at each.
const SAMPLE_PLACES: i64 = 16;
const SAMPLE_ROWS: i64 = 16;

/// Bytes of a row beyond its values, in memory and on the wire; a guess.
const ROW_OVERHEAD_BYTES: u64 = 8;

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

type SqlResult<T> = rusqlite::Result<T>;

/// Reads the whole catalog.
pub(super) fn catalog(connection: &Connection) -> SqlResult<Catalog> {
    let mut catalog = Catalog {
        system: System::Sqlite,
        version: rusqlite::version().to_owned(),
        schema: None,
        tables: Vec::new(),
        not_carried: Vec::new(),
        objects: Vec::new(),
    };
    let mut listed = connection
        .prepare("SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")?;
    let listed: Vec<(String, String)> =
        listed.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<SqlResult<_>>()?;
    for (name, kind) in listed {
        match kind.as_str() {
            "table" if progress::TABLES.contains(&name.as_str()) => {}
            "table" => catalog.tables.push(table(connection, &name)?),
            "virtual" | "shadow" => catalog.not_carried.push(format!("{kind} table {}", quoted(&name))),
            kind => catalog.not_carried.push(format!("{kind} {}", quoted(&name))),
        }
    }
    settle_references(&mut catalog);
    catalog.not_carried.extend(other_objects(connection)?);
    Ok(catalog)
}

/// Indexes and triggers that were declared, and unique constraints, which SQLite keeps as unnamed indexes.
fn other_objects(connection: &Connection) -> SqlResult<Vec<String>> {
    let mut objects = connection.prepare(
        "SELECT type || ' \"' || replace(name, '\"', '\"\"') || '\"' FROM sqlite_schema
         WHERE type IN ('index', 'trigger') AND sql IS NOT NULL
         UNION ALL
         SELECT 'unique constraint \"' || replace(i.name, '\"', '\"\"') || '\"'
         FROM sqlite_schema AS t, pragma_index_list(t.name) AS i WHERE t.type = 'table' AND i.origin = 'u'
         UNION ALL
         SELECT 'default of column \"' || replace(t.name, '\"', '\"\"') || '.' || replace(c.name, '\"', '\"\"') || '\"'
         FROM sqlite_schema AS t, pragma_table_xinfo(t.name) AS c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name NOT LIKE 'sensei\\_%' ESCAPE '\\'
           AND c.dflt_value IS NOT NULL AND c.hidden = 0
         UNION ALL
         SELECT 'check constraints of table \"' || replace(name, '\"', '\"\"') || '\"' FROM sqlite_schema
         WHERE type = 'table' AND upper(sql) GLOB '*[^A-Z0-9_]CHECK[ (]*'
         ORDER BY 1",
    )?;
    objects.query_map((), |row| row.get(0))?.collect()
}

/// Reads one table. The table must exist.
fn table(connection: &Connection, name: &str) -> SqlResult<Table> {
    let columns = columns(connection, name)?;
    let rows = match analyzed_rows(connection, name)? {
        Some(rows) => rows,
        None => count(connection, name)?,
    };
    let row_bytes = sampled_row_bytes(connection, name)?;
    Ok(Table {
        name: name.to_owned(),
        columns,
        primary_key: primary_key(connection, name)?,
        foreign_keys: foreign_keys(connection, name)?,
        rows_estimate: Some(rows),
        bytes_estimate: Some(rows.saturating_mul(row_bytes)),
        ..Table::default()
    })
}

fn columns(connection: &Connection, table: &str) -> SqlResult<Vec<Column>> {
    let alias = integer_primary_key(connection, table)?;
    let mut columns = connection
        .prepare("SELECT name, type, \"notnull\", hidden FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")?;
    let columns = columns.query_map([table], |row| {
        let (name, native): (String, String) = (row.get(0)?, row.get(1)?);
        let not_null = row.get::<_, bool>(2)? || alias.as_ref() == Some(&name);
        let generated = row.get::<_, i64>(3)? != 0;
        let generation = generated.then(|| Generation { expression: String::new(), stored: false });
        let traits = Traits { generation, ..Traits::default() };
        Ok(Column { logical: logical_type(&native), nullable: !not_null, name, native, traits, ..Column::default() })
    })?;
    columns.collect()
}

/// Primary key columns in key order.
pub(super) fn primary_key(connection: &Connection, table: &str) -> SqlResult<Vec<String>> {
    let mut key = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk")?;
    key.query_map([table], |row| row.get(0))?.collect()
}

/// The column that is the rowid under another name: a lone `INTEGER` primary key without an index of its own.
fn integer_primary_key(connection: &Connection, table: &str) -> SqlResult<Option<String>> {
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

fn foreign_keys(connection: &Connection, table: &str) -> SqlResult<Vec<ForeignKey>> {
    let mut listed = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\", on_delete, on_update FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = listed.query([table])?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let (columns, parent_columns) = (Vec::new(), Vec::new());
            let (parent, on_delete, on_update) = (row.get(1)?, row.get(4)?, row.get(5)?);
            keys.push((
                id,
                ForeignKey {
                    name: None,
                    columns,
                    parent,
                    parent_columns,
                    on_delete,
                    on_update,
                    ..ForeignKey::default()
                },
            ));
        }
        let (_, key) = keys.last_mut().expect("pushed above");
        key.columns.push(row.get(2)?);
        key.parent_columns.extend(row.get::<_, Option<String>>(3)?);
    }
    // SQLite numbers the keys backwards.
    Ok(keys.into_iter().rev().map(|(_, key)| key).collect())
}

/// Spells referenced names as stored (SQLite compares them without case) and fills in the parent's primary key where
/// a reference names no columns. References that lead nowhere are not carried.
fn settle_references(catalog: &mut Catalog) {
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

/// Rows as `ANALYZE` last saw them.
fn analyzed_rows(connection: &Connection, table: &str) -> SqlResult<Option<u64>> {
    let analyzed =
        connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'", (), |_| Ok(())).optional()?;
    if analyzed.is_none() {
        return Ok(None);
    }
    let stat: Option<Option<i64>> = connection
        .query_row("SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = ?1", [table], |row| row.get(0))
        .optional()?;
    Ok(stat.flatten().and_then(|rows| u64::try_from(rows).ok()))
}

/// Rows exactly, by one pass over the smallest index.
pub(super) fn count(connection: &Connection, table: &str) -> SqlResult<u64> {
    let sql = format!("SELECT count(*) FROM main.{}", quoted(table));
    let rows: i64 = connection.query_row(&sql, (), |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// Mean encoded bytes of a row, from rows at evenly spaced rowids, or the first ones where there are none.
pub(super) fn sampled_row_bytes(connection: &Connection, table: &str) -> SqlResult<u64> {
    let mut columns = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1")?;
    let columns: Vec<String> = columns.query_map([table], |row| row.get(0))?.collect::<SqlResult<_>>()?;
    let sizes = columns.iter().map(|column| format!("ifnull(octet_length(t.{}), 0) + 1", quoted(column)));
    let size = sizes.collect::<Vec<_>>().join(" + ");
    let from = format!("SELECT {size} AS size FROM main.{} AS t", quoted(table));
    let (mut bytes, mut rows) = (0, 0);
    let mut add = |sql: &str, start: i64| {
        connection.query_row(sql, params![start, SAMPLE_ROWS], |row| {
            bytes += row.get::<_, i64>(0)?.unsigned_abs();
            rows += row.get::<_, i64>(1)?.unsigned_abs();
            Ok(())
        })
    };
    let total = |from: &str| format!("SELECT ifnull(sum(size), 0), count(*) FROM ({from} LIMIT ?2)");
    match address(connection, table)? {
        Some(Address::RowId(rowid)) => {
            let sql = total(&format!("{from} WHERE t.{rowid} >= ?1 ORDER BY t.{rowid}"));
            if let Some((first, last)) = rowid_bounds(connection, table, &rowid)? {
                let step = (i128::from(last) - i128::from(first)) / i128::from(SAMPLE_PLACES) + 1;
                for place in 0..SAMPLE_PLACES {
                    let start = i128::from(first) + step * i128::from(place);
                    add(&sql, i64::try_from(start).unwrap_or(last))?;
                }
            }
        }
        _ => add(&total(&format!("{from} WHERE ?1 = ?1")), 0)?,
    }
    Ok(ROW_OVERHEAD_BYTES + bytes / u64::max(rows, 1))
}

/// First and last rowid; `None` if the table is empty.
pub(super) fn rowid_bounds(connection: &Connection, table: &str, rowid: &str) -> SqlResult<Option<(i64, i64)>> {
    // Two subqueries, because SQLite finds min and max without a scan only one at a time.
    let table = quoted(table);
    let sql = format!(
        "SELECT (SELECT min(t.{rowid}) FROM main.{table} AS t), (SELECT max(t.{rowid}) FROM main.{table} AS t)"
    );
    connection.query_row(&sql, (), |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(first.zip(last))
    })
}
