//! How partitioned tables are cut.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::{Oid, Result};
use crate::catalog::{Partition, Partitioning};

/// Every partitioned table of schema `$1` and the partitions beneath it, each after the one it is part of.
const PARTITIONS: &str = "\
    SELECT r.oid, c.relname::text, t.level, pg_catalog.pg_get_partkeydef(c.oid), \
        pg_catalog.pg_get_expr(c.relpartbound, c.oid), CASE WHEN t.level > 1 THEN p.relname::text END \
    FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace, \
    LATERAL pg_catalog.pg_partition_tree(r.oid) t JOIN pg_catalog.pg_class c ON c.oid = t.relid \
    LEFT JOIN pg_catalog.pg_class p ON p.oid = t.parentrelid \
    WHERE n.nspname = $1 AND r.relkind = 'p' AND NOT r.relispartition AND c.relkind IN ('r', 'p') \
    ORDER BY r.oid, t.level, c.relname COLLATE \"C\"";

/// Reads the partitioning of every partitioned table of `schema`.
pub(super) async fn read(client: &Client, schema: &str) -> Result<HashMap<Oid, Partitioning>> {
    let mut all: HashMap<Oid, Partitioning> = HashMap::new();
    for row in client.query(PARTITIONS, &[&schema]).await? {
        let (by, level): (Option<String>, i32) = (row.get(3), row.get(2));
        let root = all.entry(row.get(0)).or_insert_with(|| Partitioning { by: String::new(), partitions: Vec::new() });
        match level {
            0 => root.by = by.unwrap_or_default(),
            _ => root.partitions.push(Partition { name: row.get(1), bound: row.get(4), by, of: row.get(5) }),
        }
    }
    Ok(all)
}
