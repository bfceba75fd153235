//! How long the values of a table are. Knows nothing of who asks.

use super::connection::Session;
use super::relation::Relation;
use super::sql::identifier;
use crate::error::Result;
use crate::source::{LARGE_ROW_BYTES, Longest};

/// What compression makes of a value at the best, LZ4's limit: nothing as large as a large row can be in fewer bytes.
const COMPRESSION_MAX: u64 = 255;

/// Bytes of values that are stored outside their rows, of a table or of its partitions.
const OUTSIDE: &str = "\
    SELECT coalesce(sum(pg_catalog.pg_relation_size(c.reltoastrelid)), 0)::int8 FROM pg_catalog.pg_class c \
    WHERE c.reltoastrelid <> 0 \
      AND c.oid = ANY ($1::oid || ARRAY(SELECT relid::oid FROM pg_catalog.pg_partition_tree($1::oid::regclass)))";

/// The asked columns of any length, and whether the server tells the length of their values without reading them.
const COLUMNS: &str = "\
    SELECT a.attname::text, a.atttypid = ANY ('{bytea,text,varchar,bpchar}'::pg_catalog.regtype[]::oid[]) \
    FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = $1 AND a.attlen = -1 AND NOT a.attisdropped AND a.attname::text = ANY ($2)";

/// Every value that large is outside its row, so a table without such values is not read. Others are read without them:
/// what stands in the row tells their length (of types other than bytes and text, the length they are stored in).
pub(super) async fn longest(session: &Session, relation: &Relation, columns: &[String]) -> Result<Option<Longest>> {
    let failure = |error| session.failure(&relation.label(), error);
    let outside = session.query_one(OUTSIDE, &[&relation.oid]).await.map_err(failure)?;
    if outside.get::<_, i64>(0).unsigned_abs() < LARGE_ROW_BYTES / COMPRESSION_MAX {
        return Ok(None);
    }
    let found = session.query(COLUMNS, &[&relation.oid, &columns]).await.map_err(failure)?;
    let length = |name: &str, is_told: bool| match is_told {
        true => format!("pg_catalog.octet_length({})", identifier(name)),
        false => format!("pg_catalog.pg_column_size({})", identifier(name)),
    };
    let columns: Vec<(String, String)> =
        found.iter().map(|row| (row.get::<_, String>(0), length(row.get(0), row.get(1)))).collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let sum = columns.iter().map(|(_, length)| format!("coalesce({length}, 0)::int8")).collect::<Vec<_>>().join(" + ");
    let each = columns.iter().map(|(_, length)| format!("max({length})::int8")).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT max({sum}), {each} FROM {}", relation.rows_clause());
    let row = session.query_one(&sql, &[]).await.map_err(failure)?;
    let bytes = |index: usize| row.get::<_, Option<i64>>(index).map(i64::unsigned_abs);
    let named = columns.iter().enumerate().map(|(index, (name, _))| (name.clone(), bytes(index + 1)));
    Ok(Longest::of(bytes(0), named))
}
