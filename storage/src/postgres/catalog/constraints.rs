//! Primary keys, foreign keys and checks.

use std::collections::HashMap;

use tokio_postgres::{Client, Row};

use super::{Oid, Result};
use crate::catalog::{Check, ForeignKey, Timing};

/// The constraints of one table.
#[derive(Default)]
pub(super) struct Constraints {
    pub primary_key: Vec<String>,
    pub foreign_keys: Vec<ForeignKey>,
    pub checks: Vec<Check>,
}

/// The constraints of schema `$1`, and of its table `$2` if that is given. Those that a table inherits are not repeated,
/// and what [`super::leftover`] lists is left out: keys to other schemas, and what is not known to hold for every row.
const CONSTRAINTS: &str = "\
    SELECT k.conrelid, k.contype::text, k.conname::text, \
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place), \
           p.relname::text, \
           ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(number, place) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place), \
           k.confdeltype::text, k.confupdtype::text, k.confmatchtype = 'f', k.condeferrable, k.condeferred, \
           CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_class p ON p.oid = k.confrelid \
    WHERE n.nspname = $1 AND ($2::text IS NULL OR c.relname = $2) AND k.contype IN ('p', 'f', 'c') \
      AND k.conparentid = 0 AND k.convalidated \
      AND (k.contype <> 'f' OR (p.relnamespace = n.oid AND pg_catalog.to_jsonb(k)->>'confdelsetcols' IS NULL)) \
      AND (k.contype <> 'c' OR k.conislocal) AND ($2::text IS NOT NULL OR NOT c.relispartition) \
    ORDER BY k.conname COLLATE \"C\"";

/// Reads the constraints of every table of `schema`.
pub(super) async fn read(client: &Client, schema: &str) -> Result<HashMap<Oid, Constraints>> {
    let mut all: HashMap<Oid, Constraints> = HashMap::new();
    for row in client.query(CONSTRAINTS, &[&schema, &None::<&str>]).await? {
        let of_table = all.entry(row.get(0)).or_default();
        match row.get(1) {
            "p" => of_table.primary_key = row.get(3),
            "f" => of_table.foreign_keys.push(foreign_key(&row)),
            _ => of_table.checks.push(check(&row)),
        }
    }
    Ok(all)
}

/// The foreign keys of one table.
pub(in super::super) async fn foreign_keys_of(client: &Client, schema: &str, table: &str) -> Result<Vec<ForeignKey>> {
    let rows = client.query(CONSTRAINTS, &[&schema, &Some(table)]).await?;
    Ok(rows.iter().filter(|row| row.get::<_, &str>(1) == "f").map(foreign_key).collect())
}

/// The checks of one table.
pub(in super::super) async fn checks_of(client: &Client, schema: &str, table: &str) -> Result<Vec<Check>> {
    let rows = client.query(CONSTRAINTS, &[&schema, &Some(table)]).await?;
    Ok(rows.iter().filter(|row| row.get::<_, &str>(1) == "c").map(check).collect())
}

fn check(row: &Row) -> Check {
    Check { name: Some(row.get(2)), expression: row.get(11) }
}

fn foreign_key(row: &Row) -> ForeignKey {
    ForeignKey {
        name: Some(row.get(2)),
        columns: row.get(3),
        parent: row.get(4),
        parent_columns: row.get(5),
        on_delete: action(row.get(6)).to_owned(),
        on_update: action(row.get(7)).to_owned(),
        match_full: row.get(8),
        timing: match (row.get(9), row.get(10)) {
            (true, true) => Timing::Deferred,
            (true, false) => Timing::Deferrable,
            _ => Timing::Immediate,
        },
    }
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
