//! Indexes and unique constraints: as they are declared, and added to a loaded table.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::checks;
use super::connect::quoted;
use super::ddl::{self, IndexText, TableText, read_index};
use super::error::{classify, definition};
use super::schema;
use super::writer::table_name;
use crate::broken::{self, BROKEN_NAMED_MAX};
use crate::catalog::{Column, Index, IndexPart, IndexTerm, Table, TargetTable};
use crate::error::{Error, Result};
use crate::text::Reason;

type SqlResult<T> = rusqlite::Result<T>;

/// The one kind of index SQLite has.
const METHOD: &str = "btree";

/// How SQLite names the indexes of constraints; nobody else may.
const OWN_NAMES: &str = "sqlite_";

/// One index as the pragmas list it.
struct Listed {
    name: String,
    unique: bool,
    /// `c` for an index, `u` for a unique constraint, `pk` for the primary key.
    origin: String,
    partial: bool,
    parts: Vec<ListedPart>,
}

struct ListedPart {
    /// `None` for an expression and for the rowid.
    column: Option<String>,
    expression: bool,
    descending: bool,
    /// In capitals.
    collation: String,
}

/// Indexes and unique constraints of a table, in name order. An unnamed constraint has the name of its index.
pub(super) fn declared(
    connection: &Connection,
    table: &str,
    columns: &[Column],
    text: Option<&TableText>,
    lost: &mut Vec<String>,
) -> SqlResult<Vec<Index>> {
    let mut indexes = Vec::new();
    for listed in list(connection, table)? {
        if listed.origin == "pk" {
            let plain = |part: &ListedPart| !part.descending && own_collation(part, columns).is_none();
            if !listed.parts.iter().all(plain) {
                lost.push(format!("order and collation of the primary key of table {}", quoted(table)));
            }
            continue;
        }
        let kind = if listed.origin == "u" { "unique constraint" } else { "index" };
        let title = format!("{kind} {}", quoted(&listed.name));
        if let Some(part) = listed.parts.iter().find(|part| !schema::has_collation(&part.collation)) {
            lost.push(format!("{title}: only its own program knows its collation {}", quoted(&part.collation)));
            continue;
        }
        match index(connection, listed, columns, text)? {
            Ok(index) => indexes.push(index),
            Err(reason) => lost.push(format!("{title}: {reason}")),
        }
    }
    Ok(indexes)
}

fn list(connection: &Connection, table: &str) -> SqlResult<Vec<Listed>> {
    let mut indexes =
        connection.prepare("SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) ORDER BY name")?;
    let indexes = indexes.query_map([table], |row| {
        let (name, unique, origin, partial) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Listed { name, unique, origin, partial, parts: Vec::new() })
    })?;
    let mut indexes: Vec<Listed> = indexes.collect::<SqlResult<_>>()?;
    let mut parts = connection
        .prepare("SELECT cid, name, \"desc\", upper(coll) FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno")?;
    for index in &mut indexes {
        let found = parts.query_map([&index.name], |row| {
            let cid: i64 = row.get(0)?;
            let (column, descending, collation) = (row.get(1)?, row.get(2)?, row.get(3)?);
            // -1 stands for the rowid, -2 for an expression. SQLite manual, "PRAGMA index_xinfo".
            Ok(ListedPart { column, expression: cid == -2, descending, collation })
        })?;
        index.parts = found.collect::<SqlResult<_>>()?;
    }
    Ok(indexes)
}

/// The collation of a part, where it is not the column's.
fn own_collation(part: &ListedPart, columns: &[Column]) -> Option<String> {
    let column = part.column.as_ref().and_then(|name| columns.iter().find(|column| column.name == *name))?;
    let inherited = column.traits.collation.as_deref().unwrap_or("BINARY");
    (part.collation != inherited).then(|| part.collation.clone())
}

/// An index, with what only its own text or that of its table tells.
fn index(
    connection: &Connection,
    listed: Listed,
    columns: &[Column],
    text: Option<&TableText>,
) -> SqlResult<Result<Index, Reason>> {
    let constraint = listed.origin == "u";
    let said = match constraint {
        true => Ok(IndexText::default()),
        false => {
            let sql = "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND name = ?1";
            let sql: Option<String> = connection.query_row(sql, [&listed.name], |row| row.get(0)).optional()?.flatten();
            sql.as_deref().ok_or("it has no text").and_then(read_index)
        }
    };
    Ok(said.and_then(|said| {
        if !constraint && said.parts.len() != listed.parts.len() || said.predicate.is_some() != listed.partial {
            return Err("its text reads otherwise than SQLite does");
        }
        let name = text.filter(|_| constraint).and_then(|text| constraint_name(text, &listed));
        let parts = listed.parts.iter().enumerate().map(|(at, part)| {
            let of = match (&part.column, part.expression) {
                (Some(column), _) => IndexTerm::Column(column.clone()),
                (None, true) => IndexTerm::Expression(said.parts.get(at).ok_or("its text lacks a part")?.clone()),
                (None, false) => return Err("it is over the rowid"),
            };
            let (descending, collation) = (part.descending, own_collation(part, columns));
            Ok(IndexPart { of, descending, collation, ..IndexPart::default() })
        });
        Ok(Index {
            name: name.unwrap_or_else(|| listed.name.clone()),
            unique: listed.unique,
            constraint,
            method: METHOD.to_owned(),
            parts: parts.collect::<Result<_, Reason>>()?,
            predicate: said.predicate,
            ..Index::default()
        })
    }))
}

/// The name a unique constraint was given. SQLite keeps but one index for constraints over the same columns.
fn constraint_name(text: &TableText, listed: &Listed) -> Option<String> {
    let is_it = |columns: &[String]| {
        columns.len() == listed.parts.len()
            && columns
                .iter()
                .zip(&listed.parts)
                .all(|(said, part)| part.column.as_ref().is_some_and(|column| column.eq_ignore_ascii_case(said)))
    };
    text.uniques.iter().find(|unique| is_it(&unique.columns)).map(|unique| unique.name.clone())
}

/// The definition of a unique constraint within a table.
///
/// # Errors
/// `Unsupported` for what SQLite has no such constraint for.
pub(super) fn constraint(table: &TargetTable, index: &Index) -> Result<String> {
    let parts = parts(table, index)?;
    let name = match index.name.starts_with(OWN_NAMES) {
        true => String::new(),
        false => format!("CONSTRAINT {} ", quoted(&index.name)),
    };
    Ok(format!("{name}UNIQUE ({parts})"))
}

/// Adds what is missing. A table that was found takes an index in the place of a constraint, which does the same.
///
/// # Errors
/// `Exists` if an index of that name is another one; `Refused` if rows are equal that must not be; `Missing` if a
/// created table lacks a constraint.
pub(super) fn add(connection: &mut Connection, table: &TargetTable) -> Result<()> {
    for index in &table.indexes {
        let found = schema::declared(connection, &table.name).map_err(|error| classify(table_name(table), error))?;
        if !is_there(&found.table, table, index)? {
            create(connection, table, index)?;
        }
    }
    Ok(())
}

fn is_there(found: &Table, table: &TargetTable, wanted: &Index) -> Result<bool> {
    if wanted.constraint {
        let there = found.indexes.iter().any(|index| index.unique && same(found, index, wanted))
            || keys(wanted).is_some_and(|columns| columns == found.primary_key);
        return match there {
            false if table.create => {
                Err(Error::Missing { what: format!("{} of {}", title(wanted), table_name(table)) })
            }
            there => Ok(there),
        };
    }
    match found.indexes.iter().find(|index| index.name.eq_ignore_ascii_case(&wanted.name)) {
        None => Ok(false),
        Some(index) if index.unique == wanted.unique && same(found, index, wanted) => Ok(true),
        Some(_) => Err(Error::Exists { what: title(wanted), why: "it is another index of the same table".to_owned() }),
    }
}

/// The columns of an index that is over nothing but columns.
fn keys(index: &Index) -> Option<Vec<String>> {
    let column = |part: &IndexPart| match &part.of {
        IndexTerm::Column(name) if part.collation.is_none() => Some(name.clone()),
        _ => None,
    };
    index.parts.iter().map(column).collect()
}

/// Whether two indexes of a table are over the same, however that is spelled.
fn same<'a>(table: &Table, found: &'a Index, wanted: &'a Index) -> bool {
    let plain = |part: &'a IndexPart| {
        let column = table.columns.iter().find(|column| part.of == IndexTerm::Column(column.name.clone()));
        let inherited = column.and_then(|column| column.traits.collation.as_deref()).unwrap_or("BINARY");
        let collation = part.collation.clone().filter(|own| !own.eq_ignore_ascii_case(inherited));
        let of = match &part.of {
            IndexTerm::Column(name) => (name.as_str(), true),
            IndexTerm::Expression(text) => (text.trim(), false),
        };
        (of, part.descending, collation.map(|own| own.to_ascii_uppercase()))
    };
    let predicate = |index: &Index| index.predicate.as_ref().map(|text| text.trim().to_owned());
    predicate(found) == predicate(wanted) && found.parts.iter().map(plain).eq(wanted.parts.iter().map(plain))
}

fn create(connection: &mut Connection, table: &TargetTable, index: &Index) -> Result<()> {
    let sql = |error| classify(table_name(table), error);
    let statement = statement(table, index)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let taken = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type <> 'trigger')";
    if transaction.query_row(taken, [&index.name], |row| row.get(0)).map_err(sql)? {
        let why = "something else has its name, and SQLite has one space of names per file".to_owned();
        return Err(Error::Exists { what: title(index), why });
    }
    if let Err(error) = transaction.execute_batch(&statement) {
        return Err(with_doubled(&transaction, table, index, definition(title(index), error)));
    }
    let found = schema::declared(&transaction, &table.name).map_err(sql)?.table;
    if !found.indexes.iter().any(|made| made.name == index.name && same(&found, made, index)) {
        let why = "SQLite reads it as another index than was asked for".to_owned();
        return Err(Error::Invalid { what: title(index), why });
    }
    transaction.commit().map_err(sql)
}

/// `error`, and which keys several rows have if it says that some do.
fn with_doubled(connection: &Connection, table: &TargetTable, index: &Index, error: Error) -> Error {
    // GROUP BY takes no order.
    let unordered = |one: &IndexPart| part(table, index, &IndexPart { descending: false, ..one.clone() });
    let keys = index.parts.iter().map(unordered).collect::<Result<Vec<_>>>();
    let (Error::Refused { what, why }, Ok(keys)) = (&error, keys) else { return error };
    let terms = index.parts.iter().map(|part| match &part.of {
        IndexTerm::Column(name) => quoted(name),
        IndexTerm::Expression(text) => format!("({text})"),
    });
    let not_null = terms.map(|term| format!("{term} IS NOT NULL"));
    let predicate = index.predicate.iter().map(|predicate| format!("({predicate})"));
    let condition = predicate.chain(not_null).collect::<Vec<_>>().join(" AND ");
    let sql = format!(
        "SELECT count(*) OVER (), min({name}), max({name}) FROM main.{} WHERE {condition} GROUP BY {} \
         HAVING count(*) > 1 ORDER BY 2 LIMIT {BROKEN_NAMED_MAX}",
        quoted(&table.name),
        keys.join(", "),
        name = checks::naming(table)
    );
    match doubled(connection, &sql) {
        Ok(found) => Error::Refused { what: what.clone(), why: format!("{why}; {found}") },
        // Whatever keeps it from looking is worth less than the refusal.
        Err(_) => error,
    }
}

fn doubled(connection: &Connection, sql: &str) -> rusqlite::Result<String> {
    let mut query = connection.prepare(sql)?;
    let found = query.query_map((), |row| Ok((row.get::<_, i64>(0)?, (row.get(1)?, row.get(2)?))))?;
    let found: Vec<(i64, (String, String))> = found.collect::<rusqlite::Result<_>>()?;
    let count = found.first().map_or(0, |(count, _)| count.unsigned_abs());
    Ok(broken::doubled(count, &found.into_iter().map(|(_, pair)| pair).collect::<Vec<_>>()))
}

fn statement(table: &TargetTable, index: &Index) -> Result<String> {
    let parts = parts(table, index)?;
    if index.name.starts_with(OWN_NAMES) {
        let why = "SQLite keeps such names to itself, and cannot add a constraint to a table that is there".to_owned();
        return Err(Error::Unsupported { what: format!("{} of {}", title(index), table_name(table)), why });
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let predicate = match &index.predicate {
        None => String::new(),
        Some(predicate) if ddl::is_expression(predicate) => format!(" WHERE {predicate}"),
        Some(_) => return Err(refused(table, index, "its condition is no expression")),
    };
    Ok(format!("CREATE {unique}INDEX main.{} ON {} ({parts}){predicate}", quoted(&index.name), quoted(&table.name)))
}

/// What an index is over, in SQL.
fn parts(table: &TargetTable, index: &Index) -> Result<String> {
    let why = match index {
        Index { method, .. } if method != METHOD => Some("SQLite has B-trees only"),
        Index { include, .. } if !include.is_empty() => Some("SQLite stores nothing beside what it sorts by"),
        Index { nulls_not_distinct: true, .. } => Some("in SQLite no two NULLs are equal"),
        Index { verbatim: Some(_), .. } => Some("it is told in another system's words only"),
        Index { constraint: true, unique: false, .. } => Some("SQLite has no such constraint"),
        _ => None,
    };
    match why {
        Some(why) => Err(refused(table, index, why)),
        None => Ok(index.parts.iter().map(|one| part(table, index, one)).collect::<Result<Vec<_>>>()?.join(", ")),
    }
}

fn part(table: &TargetTable, index: &Index, part: &IndexPart) -> Result<String> {
    let why = match part {
        IndexPart { prefix: Some(_), .. } => Some("SQLite has no indexes over the beginnings of values"),
        IndexPart { operator_class: Some(_), .. } => Some("SQLite has no operator classes"),
        // In SQLite NULL is less than any value.
        IndexPart { nulls_first: Some(first), descending, .. } if first == descending => {
            Some("SQLite puts NULLs where its order has them")
        }
        IndexPart { of: IndexTerm::Expression(text), .. } if !ddl::is_expression(text) => {
            Some("a part is no expression")
        }
        IndexPart { of: IndexTerm::Expression(_), .. } if index.constraint => Some("a constraint is over columns"),
        _ => None,
    };
    if let Some(why) = why {
        return Err(refused(table, index, why));
    }
    let of = match &part.of {
        IndexTerm::Column(name) => quoted(name),
        IndexTerm::Expression(text) => text.clone(),
    };
    let collation = part.collation.as_ref().map(|name| format!(" COLLATE {}", quoted(name))).unwrap_or_default();
    Ok(format!("{of}{collation}{}", if part.descending { " DESC" } else { "" }))
}

fn title(index: &Index) -> String {
    let kind = if index.constraint { "unique constraint" } else { "index" };
    format!("{kind} {}", quoted(&index.name))
}

fn refused(table: &TargetTable, index: &Index, why: &str) -> Error {
    Error::Unsupported { what: format!("{} of {}", title(index), table_name(table)), why: why.to_owned() }
}
