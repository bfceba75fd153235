//! Reads what a schema holds. Knows nothing of rows or snapshots.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::relation::Relation;
use crate::catalog::{Catalog, Column, ForeignKey, Generation, System, Table, Traits};

/// Statistics of every table of schema `$1`; a partitioned table is the sum of its partitions.
const ESTIMATES: &str = "\
    SELECT c.oid, CASE WHEN bool_or(p.reltuples < 0) THEN NULL ELSE coalesce(sum(p.reltuples::float8), 0) END, \
           coalesce(sum(pg_catalog.pg_table_size(p.oid)), 0)::int8 \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN LATERAL ( \
        SELECT c.oid, c.reltuples WHERE c.relkind = 'r' \
        UNION ALL SELECT l.oid, l.reltuples FROM pg_catalog.pg_partition_tree(c.oid) t \
            JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE c.relkind = 'p' AND t.isleaf) p ON true \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY c.oid";

/// Primary and foreign keys of schema `$1`. Those a partition inherits are not repeated.
const KEYS: &str = "\
    SELECT k.conrelid, k.contype = 'p', k.conname::text, \
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place), \
           p.relname::text, p.relnamespace = n.oid, \
           ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(number, place) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place), \
           k.confdeltype::text, k.confupdtype::text \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_class p ON p.oid = k.confrelid \
    WHERE n.nspname = $1 AND k.contype IN ('p', 'f') AND k.conparentid = 0 AND NOT c.relispartition \
    ORDER BY k.conname::text COLLATE \"C\"";

/// What schema `$1` has beyond tables and keys, without what belongs to an extension or to a partition.
const NOT_CARRIED: &str = "\
    WITH schema AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1), \
    relation AS (SELECT c.* FROM pg_catalog.pg_class c JOIN schema s ON s.oid = c.relnamespace \
        WHERE NOT c.relispartition AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d \
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')), \
    object(kind, name) AS ( \
        SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' \
            ELSE 'foreign table' END, relname::text FROM relation WHERE relkind IN ('v', 'm', 'S', 'f') \
        UNION ALL SELECT 'index', i.relname::text FROM relation r JOIN pg_catalog.pg_index x ON x.indrelid = r.oid \
            JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid WHERE NOT x.indisprimary AND r.relkind IN ('r', 'p', 'm') \
        UNION ALL SELECT 'trigger', t.tgname::text FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid \
            WHERE NOT t.tgisinternal \
        UNION ALL SELECT 'policy', p.polname::text FROM relation r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid \
        UNION ALL SELECT 'check constraint', k.conname::text FROM relation r \
            JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid WHERE k.contype = 'c' \
        UNION ALL SELECT 'foreign key', k.conname::text FROM relation r \
            JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid JOIN pg_catalog.pg_class p ON p.oid = k.confrelid \
            WHERE k.contype = 'f' AND p.relnamespace <> r.relnamespace \
        UNION ALL SELECT 'default', r.relname || '.' || a.attname FROM relation r \
            JOIN pg_catalog.pg_attrdef d ON d.adrelid = r.oid \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = d.adnum \
            WHERE a.attgenerated = '' AND r.relkind IN ('r', 'p') \
        UNION ALL SELECT CASE f.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, f.proname::text \
            FROM pg_catalog.pg_proc f JOIN schema s ON s.oid = f.pronamespace \
            WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d \
                WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')) \
    SELECT kind, name FROM object ORDER BY kind COLLATE \"C\", name COLLATE \"C\"";

/// Reads the catalog of `schema`; `None` if there is no such schema.
pub(super) async fn read(client: &Client, schema: &str) -> Result<Option<Catalog>, tokio_postgres::Error> {
    const SCHEMA: &str = "SELECT current_setting('server_version') \
        FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let Some(found) = client.query_opt(SCHEMA, &[&schema]).await? else {
        return Ok(None);
    };
    let relations = Relation::list(client, schema, None).await?;
    let estimates = client.query(ESTIMATES, &[&schema]).await?;
    let estimates: HashMap<u32, (Option<f64>, i64)> =
        estimates.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let mut keys = keys(client, schema).await?;
    let tables = relations.into_iter().map(|relation| {
        let (rows, bytes) = estimates.get(&relation.oid).copied().unwrap_or_default();
        let keys = keys.remove(&relation.oid).unwrap_or_default();
        Table {
            name: relation.name,
            columns: relation.columns.into_iter().map(column).collect(),
            primary_key: keys.primary,
            foreign_keys: keys.foreign,
            rows_estimate: rows.map(|rows| rows as u64),
            bytes_estimate: u64::try_from(bytes).ok(),
            ..Table::default()
        }
    });
    let tables = tables.collect();
    let objects = client.query(NOT_CARRIED, &[&schema]).await?;
    let not_carried = objects.iter().map(|row| format!("{} \"{}\"", row.get::<_, &str>(0), row.get::<_, &str>(1)));
    Ok(Some(Catalog {
        system: System::Postgresql,
        version: found.get(0),
        schema: Some(schema.to_owned()),
        tables,
        not_carried: not_carried.collect(),
        objects: Vec::new(),
    }))
}

#[derive(Default)]
struct Keys {
    primary: Vec<String>,
    foreign: Vec<ForeignKey>,
}

async fn keys(client: &Client, schema: &str) -> Result<HashMap<u32, Keys>, tokio_postgres::Error> {
    let mut keys: HashMap<u32, Keys> = HashMap::new();
    for row in client.query(KEYS, &[&schema]).await? {
        let of_table = keys.entry(row.get(0)).or_default();
        if row.get(1) {
            of_table.primary = row.get(3);
        } else if row.get(5) {
            of_table.foreign.push(ForeignKey {
                name: Some(row.get(2)),
                columns: row.get(3),
                parent: row.get(4),
                parent_columns: row.get(6),
                on_delete: action(row.get(7)).to_owned(),
                on_update: action(row.get(8)).to_owned(),
                ..ForeignKey::default()
            });
        }
    }
    Ok(keys)
}

fn column(column: super::relation::NativeColumn) -> Column {
    let super::relation::NativeColumn { name, native, logical, nullable, generated, .. } = column;
    let generation = generated.then(|| Generation { expression: String::new(), stored: true });
    let traits = Traits { generation, ..Traits::default() };
    Column { name, native, logical, nullable, traits, ..Column::default() }
}

fn action(code: &str) -> &'static str {
    match code {
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        _ => "NO ACTION",
    }
}
