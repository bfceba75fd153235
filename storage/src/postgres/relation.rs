//! One table as the server has it now: oid, kind, and each column's own type. Knows nothing of rows.

use tokio_postgres::{Client, Row};

use super::connection::Session;
use super::sql::{identifier, qualified};
use super::types::{Access, Meaning, Types, native_type, same_form};
use crate::catalog::Field;
use crate::error::{Error, Result};
use crate::types::LogicalType;

/// Tables and their columns, under a condition on `pg_class` c and `pg_namespace` n.
macro_rules! columns {
    ($condition:literal) => {
        concat!(
            "SELECT c.oid, c.relname::text, c.relkind = 'p', a.attname::text, \
                pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod, a.attnotnull \
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
            LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
            WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND ",
            $condition,
            " ORDER BY c.relname COLLATE \"C\", a.attnum"
        )
    };
}

/// The tables of schema `$1`.
const OF_ALL: &str = columns!("NOT c.relispartition");
/// Table `$2` of schema `$1`, partition or not.
const OF_ONE: &str = columns!("c.relname = $2");

/// A table's shape on the server.
#[derive(Debug)]
pub(super) struct Relation {
    /// `pg_class` oid.
    pub oid: u32,
    /// Schema it is in.
    pub schema: String,
    /// Name as stored.
    pub name: String,
    /// Whether its rows live in partitions.
    pub partitioned: bool,
    /// Columns in the table's order.
    pub columns: Vec<NativeColumn>,
}

/// A column's shape on the server.
#[derive(Debug)]
pub(super) struct NativeColumn {
    /// Name as stored.
    pub name: String,
    /// Type as the server prints it, fit for a cast.
    pub native: String,
    /// What the type means, if it is supported.
    pub meaning: Option<Meaning>,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

impl Relation {
    /// All listed tables of a schema in name order.
    pub(super) async fn list(client: &Client, schema: &str) -> Result<Vec<Relation>, tokio_postgres::Error> {
        let rows = client.query(OF_ALL, &[&schema]).await?;
        Relation::read(client, schema, &rows).await
    }

    /// The table called `table`.
    pub(super) async fn find(
        session: &Session,
        schema: &str,
        table: &str,
    ) -> Result<Option<Relation>, tokio_postgres::Error> {
        let statement = session.prepared(OF_ONE).await?;
        let rows = session.query(&statement, &[&schema, &table]).await?;
        Ok(Relation::read(session, schema, &rows).await?.into_iter().next())
    }

    async fn read(client: &Client, schema: &str, rows: &[Row]) -> Result<Vec<Relation>, tokio_postgres::Error> {
        let of_column = |row: &Row| Some((row.get::<_, Option<u32>>(5)?, row.get::<_, Option<i32>>(6)?));
        let types = Types::load(client, rows.iter().filter_map(of_column)).await?;
        let mut relations: Vec<Relation> = Vec::new();
        for row in rows {
            let oid = row.get(0);
            if relations.last().is_none_or(|last| last.oid != oid) {
                let (name, schema) = (row.get(1), schema.to_owned());
                relations.push(Relation { oid, schema, name, partitioned: row.get(2), columns: Vec::new() });
            }
            let relation = relations.last_mut().expect("pushed above if there was none");
            relation.columns.extend(NativeColumn::read(row, &types));
        }
        Ok(relations)
    }

    /// The table's name for messages.
    pub(super) fn label(&self) -> String {
        format!("table \"{}\"", self.name)
    }

    /// What to read from: without the rows of tables that inherit from it, which are listed for themselves.
    pub(super) fn rows_clause(&self) -> String {
        let only = if self.partitioned { "" } else { "ONLY " };
        format!("{only}{}", qualified(&self.schema, &self.name))
    }

    /// The row's physical address as an SQL expression. Partitions have their own, so theirs carry the partition's oid.
    pub(super) fn locator(&self) -> &'static str {
        if self.partitioned { "(tableoid::oid::text || ':' || ctid::text)" } else { "ctid::text" }
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

    /// An SQL expression whose binary form is that of the field's logical type.
    pub(super) fn expression(&self, field: &Field) -> Result<String> {
        let column = self.column(&field.name)?;
        let name = identifier(&field.name);
        let cast = || format!("{name}::{}", native_type(&field.logical));
        Ok(match (&column.meaning, &field.logical) {
            (_, LogicalType::Opaque { .. }) => output(&name),
            (Some(meaning), logical) if same_form(&meaning.logical, logical) => match &meaning.access {
                Access::Direct => name,
                Access::Shape { schema } => shape(&name, schema),
                Access::Cast | Access::Output => cast(),
            },
            (Some(Meaning { access: Access::Output, .. }), LogicalType::Text { .. }) => output(&name),
            (Some(Meaning { access: Access::Shape { schema }, .. }), LogicalType::Bytes) => shape(&name, schema),
            _ => cast(),
        })
    }

    /// Whether rows of these columns, in this order, are sent by one server as another takes them: each in its type's own
    /// binary form, which no oid is a part of.
    pub(super) fn is_native(&self, fields: &[Field]) -> bool {
        let meanings = self.meanings(fields.iter());
        meanings.is_ok_and(|meanings| {
            let mut pairs = meanings.iter().zip(fields);
            pairs.all(|(meaning, field)| meaning.is_direct() && same_form(&meaning.logical, &field.logical))
        })
    }

    /// What the planned columns mean here, in order.
    ///
    /// # Errors
    /// `Missing` for a column that is not there, `Invalid` for one whose type is not the planned one: two types of
    /// equal width would be taken for each other without a word.
    pub(super) fn meanings<'a>(&'a self, fields: impl Iterator<Item = &'a Field>) -> Result<Vec<&'a Meaning>> {
        let meaning = |field: &Field| {
            let column = self.column(&field.name)?;
            let fits = |meaning: &&Meaning| {
                [Some(&meaning.logical), meaning.verbatim.as_ref()]
                    .into_iter()
                    .flatten()
                    .any(|logical| same_form(logical, &field.logical))
            };
            column.meaning.as_ref().filter(fits).ok_or_else(|| Error::Invalid {
                what: format!("column \"{}\" of table \"{}\"", field.name, self.name),
                why: format!("it is {} and was planned as {}", column.native, field.logical),
            })
        };
        fields.map(meaning).collect()
    }
}

/// The text that the type's output function writes, which a cast to text need not give. `IS NULL` would take a row of
/// NULLs for NULL.
fn output(name: &str) -> String {
    format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {name}) END")
}

/// A shape's EWKB, little-endian.
fn shape(name: &str, schema: &str) -> String {
    let schema = identifier(schema);
    format!("{schema}.ST_AsEWKB({name}::{schema}.geometry, 'NDR')")
}

impl NativeColumn {
    /// A column from a row of [`COLUMNS`]; `None` for a table without any.
    fn read(row: &Row, types: &Types) -> Option<NativeColumn> {
        let name = row.get::<_, Option<String>>(3)?;
        let native: String = row.get(4);
        let meaning = types.meaning(row.get(5), row.get(6), &native);
        Some(NativeColumn { name, native, meaning, nullable: !row.get::<_, bool>(7) })
    }
}
