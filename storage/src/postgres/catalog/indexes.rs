//! Indexes and unique constraints beside the primary key.

use std::collections::HashMap;

use tokio_postgres::{Client, Row};

use super::{Oid, Result};
use crate::catalog::{Index, IndexPart, IndexTerm};

/// The indexes of schema `$1` that are no primary key's. A partition's own are listed with its table or not at all. What
/// the other columns do not say (exclusion operators, storage parameters, when a constraint is checked) makes the rest
/// of the statement itself needed.
const INDEXES: &str = "\
    SELECT x.indexrelid, x.indrelid, i.relname::text, x.indisunique, k.oid IS NOT NULL, m.amname::text, \
        pg_catalog.pg_get_expr(x.indpred, x.indrelid), \
        coalesce((pg_catalog.to_jsonb(x)->>'indnullsnotdistinct')::boolean, false), \
        CASE WHEN k.contype = 'x' OR k.condeferrable OR i.reloptions IS NOT NULL \
                  OR coalesce((pg_catalog.to_jsonb(k)->>'conperiod')::boolean, false) \
                  OR EXISTS (SELECT FROM pg_catalog.pg_attribute o WHERE o.attrelid = i.oid AND o.attoptions IS NOT NULL) \
            THEN coalesce(pg_catalog.pg_get_constraintdef(k.oid, true), \
                substring(pg_catalog.pg_get_indexdef(x.indexrelid, 0, true) FROM 1 + length(pg_catalog.format( \
                    'CREATE %sINDEX %I ON %s%s ', CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END, i.relname, \
                    CASE WHEN i.relkind = 'I' THEN 'ONLY ' ELSE '' END, c.oid::pg_catalog.regclass)))) END \
    FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
    JOIN pg_catalog.pg_class c ON c.oid = x.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_am m ON m.oid = i.relam \
    LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('u', 'x') \
    WHERE n.nspname = $1 AND ($2::text IS NULL OR c.relname = $2) AND c.relkind IN ('r', 'p', 'm') \
      AND NOT x.indisprimary AND x.indisvalid AND ($2::text IS NOT NULL OR NOT c.relispartition) \
    ORDER BY i.relname COLLATE \"C\"";

/// The parts of those indexes in order, stored columns last. An operator class is told unless it is the one the type
/// has by default, a collation unless it is the column's.
const PARTS: &str = "\
    SELECT x.indexrelid, s.place > x.indnkeyatts, a.attname::text, \
        pg_catalog.pg_get_indexdef(x.indexrelid, s.place, true), \
        CASE WHEN s.place <= x.indnkeyatts THEN x.indoption[s.place - 1] & 1 = 1 ELSE false END, \
        CASE WHEN s.place <= x.indnkeyatts THEN x.indoption[s.place - 1] & 2 = 2 ELSE false END, \
        CASE WHEN o.opcdefault AND NOT EXISTS (SELECT FROM pg_catalog.pg_opclass other WHERE other.oid <> o.oid \
                 AND other.opcmethod = o.opcmethod AND other.opcdefault AND other.opcintype = a.atttypid) THEN NULL \
             WHEN pg_catalog.pg_opclass_is_visible(o.oid) THEN pg_catalog.quote_ident(o.opcname) \
             ELSE pg_catalog.quote_ident(q.nspname) || '.' || pg_catalog.quote_ident(o.opcname) END, \
        CASE WHEN s.place <= x.indnkeyatts AND x.indcollation[s.place - 1] NOT IN (0, coalesce(a.attcollation, 100)) \
             THEN x.indcollation[s.place - 1]::pg_catalog.regcollation::text END \
    FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    CROSS JOIN LATERAL pg_catalog.generate_series(1, x.indnatts) s(place) \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[s.place - 1] AND a.attnum <> 0 \
    LEFT JOIN pg_catalog.pg_opclass o ON s.place <= x.indnkeyatts AND o.oid = x.indclass[s.place - 1] \
    LEFT JOIN pg_catalog.pg_namespace q ON q.oid = o.opcnamespace \
    WHERE n.nspname = $1 AND ($2::text IS NULL OR c.relname = $2) AND NOT x.indisprimary \
    ORDER BY x.indexrelid, s.place";

/// Reads the indexes of every table and materialised view of `schema`.
pub(super) async fn read(client: &Client, schema: &str) -> Result<HashMap<Oid, Vec<Index>>> {
    of(client, schema, None).await
}

/// The indexes of one table of `schema`.
pub(in super::super) async fn indexes_of(client: &Client, schema: &str, table: &str) -> Result<Vec<Index>> {
    Ok(of(client, schema, Some(table)).await?.into_values().flatten().collect())
}

async fn of(client: &Client, schema: &str, table: Option<&str>) -> Result<HashMap<Oid, Vec<Index>>> {
    let mut parts: HashMap<Oid, Vec<Row>> = HashMap::new();
    for row in client.query(PARTS, &[&schema, &table]).await? {
        parts.entry(row.get(0)).or_default().push(row);
    }
    let mut indexes: HashMap<Oid, Vec<Index>> = HashMap::new();
    for row in client.query(INDEXES, &[&schema, &table]).await? {
        let (include, keys): (Vec<Row>, Vec<Row>) =
            parts.remove(&row.get(0)).unwrap_or_default().into_iter().partition(|part| part.get(1));
        indexes.entry(row.get(1)).or_default().push(Index {
            name: row.get(2),
            unique: row.get(3),
            constraint: row.get(4),
            method: row.get(5),
            parts: keys.iter().map(part).collect(),
            include: include.iter().filter_map(|part| part.get(2)).collect(),
            predicate: row.get(6),
            nulls_not_distinct: row.get(7),
            verbatim: row.get(8),
        });
    }
    Ok(indexes)
}

fn part(row: &Row) -> IndexPart {
    let (descending, nulls_first): (bool, bool) = (row.get(4), row.get(5));
    let of = match row.get::<_, Option<String>>(2) {
        Some(column) => IndexTerm::Column(column),
        None => IndexTerm::Expression(row.get(3)),
    };
    IndexPart {
        of,
        descending,
        nulls_first: (nulls_first != descending).then_some(nulls_first),
        prefix: None,
        operator_class: row.get(6),
        collation: row.get(7),
    }
}
