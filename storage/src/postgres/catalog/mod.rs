//! Reads what a schema holds. Knows nothing of rows or snapshots.
//!
//! Every text the server writes for us (types, expressions, definitions) names what is in the schema without it, so
//! that it can stand in a schema of another name.

mod columns;
mod constraints;
mod indexes;
mod leftover;
mod objects;
mod order;
mod partitions;
mod sequences;

use std::collections::HashMap;

use tokio_postgres::{Client, Row};

use super::relation::Relation;
use super::sql::identifier;
use crate::catalog::{Catalog, Column, Object, System, Table};

use self::columns::Columns;
use self::constraints::Constraints;

pub(super) use self::constraints::{checks_of, foreign_keys_of};
pub(super) use self::indexes::indexes_of;

/// Oid of a table, type or other thing of the server.
type Oid = u32;
type Result<T> = std::result::Result<T, tokio_postgres::Error>;

/// Statistics of every table of schema `$1`; a partitioned table is the sum of its partitions.
const ESTIMATES: &str = "\
    SELECT c.oid, CASE WHEN bool_or(p.reltuples < 0) THEN NULL ELSE coalesce(sum(p.reltuples::float8), 0) END, \
           coalesce(sum(pg_catalog.pg_table_size(p.oid)), 0)::int8, \
           pg_catalog.obj_description(c.oid, 'pg_class') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN LATERAL ( \
        SELECT c.oid, c.reltuples WHERE c.relkind = 'r' \
        UNION ALL SELECT l.oid, l.reltuples FROM pg_catalog.pg_partition_tree(c.oid) t \
            JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE c.relkind = 'p' AND t.isleaf) p ON true \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY c.oid";

/// Reads the catalog of `schema`, inside the caller's transaction; `None` if there is no such schema.
pub(super) async fn read(client: &Client, schema: &str) -> Result<Option<Catalog>> {
    const SCHEMA: &str = "SELECT pg_catalog.current_setting('server_version') \
        FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let Some(found) = client.query_opt(SCHEMA, &[&schema]).await? else {
        return Ok(None);
    };
    look_from(client, schema).await?;
    let relations = Relation::list(client, schema).await?;
    let sequences = sequences::read(client, schema).await?;
    let columns = columns::read(client, schema, &sequences).await?;
    let not_carried = leftover::read(client, schema, &sequences).await?;
    let objects = objects::read(client, schema, &sequences).await?;
    let tables = tables(client, schema, relations, columns).await?;
    Ok(Some(Catalog {
        system: System::Postgresql,
        version: found.get(0),
        schema: Some(schema.to_owned()),
        tables,
        objects,
        not_carried,
    }))
}

/// The objects of `schema`, inside the caller's transaction.
pub(super) async fn read_objects(client: &Client, schema: &str) -> Result<Vec<Object>> {
    look_from(client, schema).await?;
    let sequences = sequences::read(client, schema).await?;
    objects::read(client, schema, &sequences).await
}

/// Makes the server write names relative to `schema` until the transaction ends. Its own names still come first, so
/// that nothing in the schema can stand in for them.
async fn look_from(client: &Client, schema: &str) -> Result<()> {
    const SQL: &str = "SELECT pg_catalog.set_config('search_path', $1, true)";
    client.query_one(SQL, &[&identifier(schema)]).await.map(drop)
}

async fn tables(client: &Client, schema: &str, relations: Vec<Relation>, columns: Columns) -> Result<Vec<Table>> {
    let estimates = by_table(client.query(ESTIMATES, &[&schema]).await?);
    let mut constraints = constraints::read(client, schema).await?;
    let mut indexes = indexes::read(client, schema).await?;
    let mut partitionings = partitions::read(client, schema).await?;
    let mut columns = columns;
    let table = |relation: Relation| {
        let Constraints { primary_key, foreign_keys, checks } = constraints.remove(&relation.oid).unwrap_or_default();
        let estimate = estimates.get(&relation.oid);
        let column = |column: super::relation::NativeColumn| {
            let traits = columns.remove(&(relation.oid, column.name.clone())).unwrap_or_default();
            let (logical, verbatim) = column.meaning.map(|meaning| (meaning.logical, meaning.verbatim)).unzip();
            let (name, native, nullable) = (column.name, column.native, column.nullable);
            Column { name, native, logical, verbatim: verbatim.flatten(), nullable, traits, ..Column::default() }
        };
        Table {
            name: relation.name,
            columns: relation.columns.into_iter().map(column).collect(),
            primary_key,
            foreign_keys,
            indexes: indexes.remove(&relation.oid).unwrap_or_default(),
            checks,
            partitioning: partitionings.remove(&relation.oid),
            comment: estimate.and_then(|row| row.get(3)),
            rows_estimate: estimate.and_then(|row| row.get::<_, Option<f64>>(1)).map(|rows| rows as u64),
            bytes_estimate: estimate.and_then(|row| u64::try_from(row.get::<_, i64>(2)).ok()),
        }
    };
    Ok(relations.into_iter().map(table).collect())
}

fn by_table(rows: Vec<Row>) -> HashMap<Oid, Row> {
    rows.into_iter().map(|row| (row.get(0), row)).collect()
}
