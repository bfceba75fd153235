//! One table as the server has it now: engine, and each column's own type. Knows nothing of rows.

use std::collections::BTreeMap;

use mysql_async::Row;

use super::answer::Answer;
use super::connection::Session;
use super::flavor::{Flavor, TableNames};
use super::names::NativeType;
use super::rowmark::{MARK, MARK_COMMENT};
use super::sql::{identifier, literal, qualified};
use super::types;
use crate::catalog::{Field, System, Traits};
use crate::error::{Error, Result};
use crate::types::LogicalType;

/// The one storage engine whose rows a snapshot holds still.
const ENGINE: &str = "InnoDB";

/// A table's shape on the server.
#[derive(Debug)]
pub(super) struct Relation {
    /// Database it is in.
    pub database: String,
    /// Name as stored.
    pub name: String,
    /// Storage engine.
    pub engine: String,
    /// Columns in the table's order, without the mark.
    pub columns: Vec<NativeColumn>,
    /// Whether it has the column that marks a job's rows.
    pub marked: bool,
}

/// A column's shape on the server.
#[derive(Clone, Debug)]
pub(super) struct NativeColumn {
    /// Name as stored.
    pub name: String,
    /// Type as the server's DDL has it.
    pub native: String,
    /// The same, taken apart.
    pub parsed: Option<NativeType>,
    /// Logical type, if supported.
    pub logical: Option<LogicalType>,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// What the server says beyond that.
    pub details: Details,
}

/// What the server says of a column beyond its type, as it says it.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    /// Character set, for text.
    pub charset: Option<String>,
    /// Collation, for text.
    pub collation: Option<String>,
    /// `COLUMN_DEFAULT`.
    pub default: Option<String>,
    /// `EXTRA`.
    pub extra: String,
    /// Expression of a generated column; empty for others.
    pub generation: String,
    /// What people wrote about it.
    pub comment: String,
}

impl Relation {
    /// All ordinary tables of a database in name order, or the one called `table`.
    pub(super) async fn list(session: &mut Session, database: &str, table: Option<&str>) -> Result<Vec<Relation>> {
        let of_table = table.map(|table| format!(" AND TABLE_NAME = {}", literal(table))).unwrap_or_default();
        let folds = session.server.table_names != TableNames::Told;
        // The catalog's own collation may take other tables for this one.
        let wanted =
            |name: &str| table.is_none_or(|table| name == table || (folds && name.eq_ignore_ascii_case(table)));
        let mut relations: BTreeMap<String, Relation> = BTreeMap::new();
        for row in ordinary_tables(session, database, &of_table).await?.iter().filter(|row| wanted(&row.words(0))) {
            relations.insert(row.words(0), Relation::empty(database, &row.words(0), row.words(1)));
        }
        let json = json_columns(session, database, &of_table).await?;
        for row in columns(session, database, &of_table).await? {
            let Some(relation) = relations.get_mut(&row.words(0)) else { continue };
            match row.words(1) {
                column if column == MARK && row.words(9) == MARK_COMMENT => relation.marked = true,
                column => {
                    let is_json = json.contains(&(relation.name.clone(), column.clone()));
                    relation.columns.push(NativeColumn::read(&row, column, is_json));
                }
            }
        }
        Ok(relations.into_values().collect())
    }

    /// A table without columns yet.
    pub(super) fn empty(database: &str, name: &str, engine: String) -> Relation {
        Relation { database: database.to_owned(), name: name.to_owned(), engine, columns: Vec::new(), marked: false }
    }

    /// The table called `name`.
    ///
    /// # Errors
    /// `Missing`.
    pub(super) async fn of(session: &mut Session, database: &str, name: &str) -> Result<Relation> {
        let found = Relation::list(session, database, Some(name)).await?;
        found.into_iter().next().ok_or_else(|| Error::Missing { what: format!("table \"{name}\"") })
    }

    /// The table's name for messages.
    pub(super) fn label(&self) -> String {
        format!("table \"{}\"", self.name)
    }

    /// What to read from.
    pub(super) fn clause(&self) -> String {
        qualified(&self.database, &self.name)
    }

    /// # Errors
    /// `Unsupported` for a table whose engine a snapshot does not hold still.
    pub(super) fn must_hold_still(&self) -> Result<()> {
        match self.engine.eq_ignore_ascii_case(ENGINE) {
            true => Ok(()),
            false => Err(Error::Unsupported {
                what: format!("{} of the storage engine {}", self.label(), self.engine),
                why: format!(
                    "no snapshot holds its rows still; convert it with ALTER TABLE … ENGINE = {ENGINE}, or leave it out \
                     with `tables.exclude`"
                ),
            }),
        }
    }

    /// The column called `name`.
    ///
    /// # Errors
    /// `Missing`.
    pub(super) fn column(&self, name: &str) -> Result<&NativeColumn> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .ok_or_else(|| Error::Missing { what: format!("column \"{name}\" of table \"{}\"", self.name) })
    }

    /// A key column as it is read to name or address rows only, so any type will do as text.
    ///
    /// # Errors
    /// `Missing`.
    pub(super) fn key_field(&self, name: &str) -> Result<Field> {
        let logical = self.column(name)?.logical.clone().unwrap_or(LogicalType::TEXT);
        Ok(Field { name: name.to_owned(), logical, native: String::new(), nullable: false, traits: Traits::default() })
    }

    /// The SQL expression whose binary form is decoded as the field's logical type.
    ///
    /// # Errors
    /// `Missing` for a column that is not there, `Invalid` for one that cannot be read as that type.
    pub(super) fn expression(&self, field: &Field) -> Result<String> {
        let column = self.column(&field.name)?;
        let name = identifier(&field.name);
        if column.is_read_as(&field.logical) {
            return Ok(name);
        }
        match &field.logical {
            LogicalType::Opaque { .. } | LogicalType::Text { .. } if column.has_exact_text() => {
                Ok(format!("CAST({name} AS CHAR)"))
            }
            _ => Err(self.otherwise_planned(column, field)),
        }
    }

    /// # Errors
    /// `Missing` for a column that is not there, `Invalid` for one that does not take values of the field's type as they
    /// come.
    pub(super) fn must_take(&self, field: &Field) -> Result<()> {
        let column = self.column(&field.name)?;
        let own_text = matches!(field.logical, LogicalType::Opaque { system: System::Mysql, .. });
        match column.is_read_as(&field.logical) || own_text {
            true => Ok(()),
            false => Err(self.otherwise_planned(column, field)),
        }
    }

    fn otherwise_planned(&self, column: &NativeColumn, field: &Field) -> Error {
        Error::Invalid {
            what: format!("column \"{}\" of table \"{}\"", field.name, self.name),
            why: format!("it is {} and was planned as {}", column.native, field.logical),
        }
    }
}

impl NativeColumn {
    /// A column of this type that may be NULL, of which nothing else is known.
    #[cfg(test)]
    pub(super) fn of(name: &str, native: &str) -> NativeColumn {
        let parsed = NativeType::parse(native);
        let logical = parsed.as_ref().and_then(types::logical);
        let (name, native) = (name.to_owned(), native.to_owned());
        NativeColumn { name, native, parsed, logical, nullable: true, details: Details::default() }
    }

    /// A column from a row of the catalog.
    fn read(row: &Row, name: String, is_json: bool) -> NativeColumn {
        let mut native = if is_json { "json".to_owned() } else { row.words(2) };
        if let Some(system) = row.number(10) {
            native.push_str(&format!(" srid {system}"));
        }
        let parsed = NativeType::parse(&native);
        let logical = parsed.as_ref().and_then(types::logical);
        let details = Details {
            charset: row.text(4),
            collation: row.text(5),
            default: row.text(6),
            extra: row.words(7),
            generation: row.words(8),
            comment: row.words(9),
        };
        NativeColumn { name, native, parsed, logical, nullable: row.flag(3), details }
    }

    /// Whether the server computes it.
    pub(super) fn is_generated(&self) -> bool {
        !self.details.generation.is_empty()
    }

    /// The type's bare name; empty if it is not understood.
    pub(super) fn type_name(&self) -> &str {
        self.parsed.as_ref().map_or("", |parsed| parsed.name.as_str())
    }

    /// Whether the column's own binary form can be decoded as `logical`.
    fn is_read_as(&self, logical: &LogicalType) -> bool {
        let readings = || self.parsed.as_ref().map(types::readings).unwrap_or_default();
        self.logical.as_ref().is_some_and(|own| same_form(own, logical)) || readings().contains(logical)
    }

    /// Whether CHAR is an exact text of the values: not so for `float`, which loses digits, and bytes, which are no text.
    fn has_exact_text(&self) -> bool {
        !matches!(
            self.logical,
            Some(LogicalType::Float32 | LogicalType::Bytes | LogicalType::Geometry | LogicalType::Bits { .. })
        )
    }
}

/// Whether both types are decoded alike.
fn same_form(one: &LogicalType, other: &LogicalType) -> bool {
    use LogicalType::{Decimal, Json, Jsonb, Numeric, Opaque, Text};
    match (one, other) {
        (Text { .. }, Text { .. }) | (Decimal { .. } | Numeric, Decimal { .. } | Numeric) => true,
        (Json | Jsonb, Json | Jsonb | Text { .. }) | (Opaque { .. }, Opaque { .. } | Text { .. }) => true,
        _ => one == other,
    }
}

/// Names and engines of tables. MariaDB counts versioned ones apart.
async fn ordinary_tables(session: &mut Session, database: &str, of_table: &str) -> Result<Vec<Row>> {
    let sql = format!(
        "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = {} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED'){of_table}",
        literal(database)
    );
    session.select("the catalog", &sql).await
}

/// Columns in their tables' order. A query of its own: MariaDB takes a hundred times as long to join the two.
async fn columns(session: &mut Session, database: &str, of_table: &str) -> Result<Vec<Row>> {
    // MySQL has reference systems on columns.
    let srs = if session.server.is_mysql(8, 0, 3) { "SRS_ID" } else { "NULL" };
    let sql = format!(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE = 'YES', CHARACTER_SET_NAME, COLLATION_NAME, \
             COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION, COLUMN_COMMENT, {srs} \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {}{of_table} ORDER BY ORDINAL_POSITION",
        literal(database)
    );
    session.select("the catalog", &sql).await
}

/// Tables and columns that are JSON in MariaDB, where that is text with a check: nothing else tells it from other text.
async fn json_columns(session: &mut Session, database: &str, of_table: &str) -> Result<Vec<(String, String)>> {
    if session.server.flavor == Flavor::Mysql {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA = {} AND CHECK_CLAUSE LIKE 'json_valid(%'{of_table}",
        literal(database)
    );
    let rows = session.select("the catalog", &sql).await?;
    let own = |row: &Row| (row.words(2) == json_check(&row.words(1))).then(|| (row.words(0), row.words(1)));
    Ok(rows.iter().filter_map(own).collect())
}

/// The check that MariaDB adds to a JSON column. It is named after the column.
pub(super) fn json_check(column: &str) -> String {
    format!("json_valid({})", identifier(column))
}
