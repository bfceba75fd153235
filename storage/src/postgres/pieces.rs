//! Cuts a table into pieces. The server compares keys, in its own order, so any collation will do, and any key type
//! whose operators every session finds.

use super::connection::Session;
use super::relation::Relation;
use super::sql::{identifier, identifiers};
use crate::catalog::Table;
use crate::error::Result;
use crate::split::{Piece, Range, SAMPLE_PLACES_MAX, Sizing};

/// Rows looked at per piece when boundaries are chosen. With pages drawn at random this keeps pieces within about a
/// fifth of each other; a guess that reads well under a hundredth of a large table.
const SAMPLE_ROWS_PER_PIECE: f64 = 1000.0;
/// Above this the key's order follows the heap's closely enough that key ranges read few pages twice.
const CORRELATION_MIN: f32 = 0.9;
/// Rows per page where the server has no statistics; a guess.
const ROWS_PER_BLOCK: f64 = 50.0;

/// Size of a table and whether its first key column follows the heap.
const SHAPE: &str = "\
    SELECT pg_catalog.pg_relation_size(p.oid)::int8 / current_setting('block_size')::int8, \
           pg_catalog.pg_table_size(p.oid)::int8, p.reltuples::float8 \
    FROM (SELECT oid, reltuples FROM pg_catalog.pg_class WHERE oid = $1 AND relkind = 'r' \
          UNION ALL SELECT l.oid, l.reltuples FROM pg_catalog.pg_partition_tree($1::oid::regclass) t \
              JOIN pg_catalog.pg_class l ON l.oid = t.relid \
              WHERE t.isleaf AND (SELECT relkind FROM pg_catalog.pg_class WHERE oid = $1) = 'p') p";

const CORRELATION: &str = "\
    SELECT correlation FROM pg_catalog.pg_stats \
    WHERE schemaname = $1 AND tablename = $2 AND attname = $3 AND NOT inherited";

/// Whether the server finds the operators that order the key wherever the session's search path leads: those of a type
/// such as citext are elsewhere, and without them its values would compare as another type's, in another order.
const COMPARABLE: &str = "\
    SELECT coalesce(bool_and(c.opcnamespace = 'pg_catalog'::regnamespace), false) \
    FROM pg_catalog.pg_index i, unnest(i.indclass::oid[]) AS used(class) \
    JOIN pg_catalog.pg_opclass c ON c.oid = used.class WHERE i.indrelid = $1 AND i.indisprimary";

const HEAP_ONLY: &str = "\
    SAVEPOINT counting; SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; \
    SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off";
const AS_BEFORE: &str = "ROLLBACK TO SAVEPOINT counting; RELEASE SAVEPOINT counting";

/// How large a table is.
pub(super) struct Size {
    /// Blocks of its heap, or of those of its partitions.
    pub blocks: u64,
    bytes: u64,
    rows: f64,
}

/// Pieces of `table`, at least one, covering every row exactly once.
pub(super) async fn cut(session: &Session, relation: &Relation, table: &Table, sizing: Sizing) -> Result<Vec<Piece>> {
    let size = measure(session, relation).await?;
    let count = sizing.split_count(size.bytes);
    let ranges = if count <= 1 {
        vec![Range::Whole]
    } else if prefers_keys(session, relation, table).await? {
        by_key(session, relation, table, count, &size).await?
    } else if relation.partitioned {
        vec![Range::Whole]
    } else {
        by_block(count, size.blocks)
    };
    let share = |total: u64| total / ranges.len() as u64;
    let (rows_estimate, bytes_estimate) = (share(size.rows as u64), share(size.bytes));
    Ok(ranges.into_iter().map(|range| Piece { range, rows_estimate, bytes_estimate }).collect())
}

/// Ranges from all over `relation` with about `rows` rows: windows of heap blocks, or where partitions have heaps of
/// their own, key ranges of which only the first rows are wanted.
pub(super) async fn sample(session: &Session, relation: &Relation, table: &Table, rows: u64) -> Result<Vec<Range>> {
    let size = measure(session, relation).await?;
    if !relation.partitioned {
        return Ok(windows(&size, rows));
    }
    if size.rows <= rows as f64 || table.primary_key.is_empty() || !compares_keys(session, relation).await? {
        return Ok(vec![Range::Whole]);
    }
    by_key(session, relation, table, SAMPLE_PLACES_MAX as u32, &size).await
}

/// Windows of blocks evenly spaced from the first to the last; the whole heap if they would cover it.
fn windows(size: &Size, rows: u64) -> Vec<Range> {
    let rows_per_block = (size.rows / size.blocks.max(1) as f64).max(1.0);
    let width = ((rows as f64 / rows_per_block) as u64).div_ceil(SAMPLE_PLACES_MAX).max(1);
    if width * SAMPLE_PLACES_MAX >= size.blocks {
        return vec![Range::Whole];
    }
    let last = SAMPLE_PLACES_MAX - 1;
    let start = |place| (size.blocks - width) * place / last;
    // The last is open: what was added since the heap was measured is wanted most.
    let window = |place| Range::Blocks { start: start(place), end: (place < last).then(|| start(place) + width) };
    (0..=last).map(window).collect()
}

/// Least and greatest value of an integer column.
pub(super) async fn integer_bounds(session: &Session, relation: &Relation, column: &str) -> Result<Option<(i64, i64)>> {
    let (rows, column) = (relation.rows_clause(), identifier(column));
    let sql = format!("SELECT min({column})::int8, max({column})::int8 FROM {rows}");
    let bounds = session.query_one(&sql, &[]).await.map_err(|error| session.failure(&relation.label(), error))?;
    Ok(bounds.get::<_, Option<i64>>(0).zip(bounds.get(1)))
}

/// Rows exactly, by a scan of the heap, for which indexes are out of bounds. The session is in a transaction, whose
/// settings are afterwards what they were.
pub(super) async fn count(session: &Session, relation: &Relation) -> Result<u64> {
    session.run(&relation.label(), HEAP_ONLY).await?;
    let sql = format!("SELECT pg_catalog.count(*) FROM {}", relation.rows_clause());
    let rows = session.query_one(&sql, &[]).await.map_err(|error| session.failure(&relation.label(), error))?;
    session.run(&relation.label(), AS_BEFORE).await?;
    Ok(rows.get::<_, i64>(0).unsigned_abs())
}

pub(super) async fn measure(session: &Session, relation: &Relation) -> Result<Size> {
    let parts = session.query(SHAPE, &[&relation.oid]).await;
    let parts = parts.map_err(|error| session.failure(&relation.label(), error))?;
    let mut size = Size { blocks: 0, bytes: 0, rows: 0.0 };
    for part in parts {
        let blocks = part.get::<_, i64>(0).unsigned_abs();
        size.blocks += blocks;
        size.bytes += part.get::<_, i64>(1).unsigned_abs();
        let rows: f64 = part.get(2);
        // Statistics are absent (-1) or older than the rows (0) until the table is analyzed.
        size.rows += if rows > 0.0 { rows } else { blocks as f64 * ROWS_PER_BLOCK };
    }
    Ok(size)
}

async fn prefers_keys(session: &Session, relation: &Relation, table: &Table) -> Result<bool> {
    let Some(first) = table.primary_key.first() else {
        return Ok(false);
    };
    if !compares_keys(session, relation).await? {
        return Ok(false);
    }
    if relation.partitioned {
        return Ok(true);
    }
    let found = session.query_opt(CORRELATION, &[&relation.schema, &relation.name, first]).await;
    let found = found.map_err(|error| session.failure(&relation.label(), error))?;
    let correlation: Option<f32> = found.and_then(|row| row.get(0));
    Ok(correlation.is_none_or(|correlation| correlation.abs() >= CORRELATION_MIN))
}

async fn compares_keys(session: &Session, relation: &Relation) -> Result<bool> {
    let found = session.query_one(COMPARABLE, &[&relation.oid]).await;
    Ok(found.map_err(|error| session.failure(&relation.label(), error))?.get(0))
}

/// Quantiles of a sample, taken in the snapshot.
async fn by_key(session: &Session, relation: &Relation, table: &Table, count: u32, size: &Size) -> Result<Vec<Range>> {
    let wanted = f64::from(count) * SAMPLE_ROWS_PER_PIECE;
    let percent = (100.0 * wanted / size.rows.max(1.0)).clamp(0.001, 100.0);
    let keys = identifiers(table.primary_key.iter().map(String::as_str));
    let texts = table.primary_key.iter().map(|name| format!("{}::text", identifier(name))).collect::<Vec<_>>();
    let sql = format!(
        "SELECT {} FROM (SELECT DISTINCT ON (tile) * FROM ( \
             SELECT {keys}, ntile({count}) OVER (ORDER BY {keys}) AS tile \
             FROM {} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0)) AS sample({keys}, tile) \
         ORDER BY tile, {keys}) AS first WHERE tile > 1 ORDER BY tile",
        texts.join(", "),
        relation.rows_clause(),
    );
    let rows = session.query(&sql, &[]).await.map_err(|error| session.failure(&relation.label(), error))?;
    let width = table.primary_key.len();
    let bounds = rows.iter().map(|row| (0..width).map(|index| row.get(index)).collect::<Vec<String>>());
    let mut bounds: Vec<_> = bounds.map(Some).collect();
    bounds.push(None);
    let mut lower = None;
    let ranges = bounds.into_iter().map(|upper| {
        let lower = std::mem::replace(&mut lower, upper.clone());
        match (lower, upper) {
            (None, None) => Range::Whole,
            (lower, upper) => Range::Keys { columns: table.primary_key.clone(), lower, upper },
        }
    });
    Ok(ranges.collect())
}

fn by_block(count: u32, blocks: u64) -> Vec<Range> {
    let step = blocks.div_ceil(u64::from(count)).max(1);
    let count = blocks.div_ceil(step).max(1);
    let range = |index| Range::Blocks { start: index * step, end: (index + 1 < count).then_some((index + 1) * step) };
    (0..count).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_tile_the_table_and_leave_the_end_open() {
        let ranges = by_block(4, 10);
        let starts: Vec<_> = ranges
            .iter()
            .map(|range| match range {
                Range::Blocks { start, end } => (*start, *end),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(starts, [(0, Some(3)), (3, Some(6)), (6, Some(9)), (9, None)]);
        assert_eq!(by_block(4, 0), [Range::Blocks { start: 0, end: None }]);
    }

    #[test]
    fn a_sample_reaches_from_the_first_block_to_the_last() {
        let size = Size { blocks: 1000, bytes: 8_192_000, rows: 100_000.0 };
        let ranges = windows(&size, 8000);
        assert_eq!(ranges.len() as u64, SAMPLE_PLACES_MAX);
        assert_eq!(ranges[0], Range::Blocks { start: 0, end: Some(10) });
        assert_eq!(ranges[7], Range::Blocks { start: 990, end: None });
        assert_eq!(windows(&size, 100_000), [Range::Whole]);
        assert_eq!(windows(&Size { blocks: 0, bytes: 0, rows: 0.0 }, 10), [Range::Whole]);
    }
}
