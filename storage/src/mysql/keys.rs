//! The key by which a table is cut and its rows are addressed: the primary key, or another that is unique and never NULL.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::connection::Session;
use super::relation::{NativeColumn, Relation};
use super::sql::literal;
use crate::error::Result;
use crate::types::LogicalType;

/// The name of every primary key.
pub(super) const PRIMARY: &str = "PRIMARY";

/// A unique key without NULLs.
#[derive(Debug)]
pub(super) struct Key {
    /// Name of its index.
    pub name: String,
    /// Its columns in key order.
    pub columns: Vec<String>,
    /// Of how many leading columns the server's order is that of their values: not of labels, and not of parts of a
    /// value.
    pub ordered: usize,
    /// Whether whole values count, so that a row is found by them.
    pub whole: bool,
}

/// One column of an index, as the catalog lists it.
struct Part {
    column: Option<String>,
    whole: bool,
    nullable: bool,
}

impl Key {
    /// The table's best key, if it has one.
    pub(super) async fn of(session: &mut Session, relation: &Relation) -> Result<Option<Key>> {
        let usable = match () {
            () if session.server.is_mysql(8, 0, 0) => "IS_VISIBLE = 'YES'",
            () if session.server.is_mariadb(10, 6, 0) => "IGNORED = 'NO'",
            () => "TRUE",
        };
        let sql = format!(
            "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART IS NULL, NULLABLE = 'YES' \
             FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND NON_UNIQUE = 0 AND {usable} ORDER BY SEQ_IN_INDEX",
            literal(&relation.database),
            literal(&relation.name)
        );
        let rows = session.select(&relation.label(), &sql).await?;
        let mut indexes: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.words(0) == relation.name) {
            let part = Part { column: row.text(2), whole: row.flag(3), nullable: row.flag(4) };
            indexes.entry(row.words(1)).or_default().push(part);
        }
        let primary = indexes.remove_entry(PRIMARY);
        let keys = primary.into_iter().chain(indexes).filter_map(|(name, parts)| Key::new(relation, name, &parts));
        Ok(keys.into_iter().next())
    }

    /// `None` for an index over an expression or over columns that may be NULL.
    fn new(relation: &Relation, name: String, parts: &[Part]) -> Option<Key> {
        let column = |part: &Part| part.column.clone().filter(|_| !part.nullable);
        let columns = parts.iter().map(column).collect::<Option<Vec<_>>>()?;
        let is_ordered =
            |(name, part): &(&String, &Part)| part.whole && relation.column(name).is_ok_and(orders_as_it_compares);
        let ordered = columns.iter().zip(parts).take_while(is_ordered).count();
        Some(Key { name, ordered, whole: parts.iter().all(|part| part.whole), columns })
    }
}

/// Whether comparing with a literal follows the index: labels are sorted by number and compared as text.
fn orders_as_it_compares(column: &NativeColumn) -> bool {
    let labels = matches!(column.type_name(), "enum" | "set" | "year");
    let plain = !matches!(
        column.logical,
        None | Some(LogicalType::Bits { .. } | LogicalType::Geometry | LogicalType::Json | LogicalType::Jsonb)
    );
    plain && !labels
}
