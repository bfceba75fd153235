//! Primary keys and indexes.

use std::collections::{BTreeMap, HashMap};

use mysql_async::Row;

use super::OBJECT;
use super::columns::unescaped;
use crate::catalog::{Index, IndexPart, IndexTerm};
use crate::error::Result;
use crate::mysql::answer::Answer;
use crate::mysql::connection::Session;
use crate::mysql::keys::PRIMARY;
use crate::mysql::rowmark::MARK;
use crate::mysql::sql::literal;

/// By table: the columns of the primary key, and the other indexes in name order.
type Keys = HashMap<String, (Vec<String>, Vec<Index>)>;

/// Reads the keys of every table of `database`, without the mark's.
pub(super) async fn read(session: &mut Session, database: &str) -> Result<Keys> {
    let expression = if session.server.is_mysql(8, 0, 13) { "EXPRESSION" } else { "NULL" };
    let sql = format!(
        "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, NON_UNIQUE, INDEX_TYPE, SUB_PART, COLLATION, {expression} \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} ORDER BY SEQ_IN_INDEX",
        literal(database)
    );
    let rows = session.select(OBJECT, &sql).await?;
    let mut tables: BTreeMap<String, BTreeMap<String, Index>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.words(2) != MARK) {
        let index = tables.entry(row.words(0)).or_default().entry(row.words(1)).or_insert_with(|| Index {
            name: row.words(1),
            unique: !row.flag(3),
            method: row.words(4).to_ascii_lowercase(),
            ..Index::default()
        });
        let part = part(row, &index.method, session.server.flavor);
        index.parts.push(part);
    }
    Ok(tables.into_iter().map(|(table, indexes)| (table, sorted_out(indexes))).collect())
}

fn sorted_out(mut indexes: BTreeMap<String, Index>) -> (Vec<String>, Vec<Index>) {
    let column = |part: IndexPart| match part.of {
        IndexTerm::Column(name) => Some(name),
        IndexTerm::Expression(_) => None,
    };
    let primary = indexes.remove(PRIMARY).map(|index| index.parts.into_iter().filter_map(column).collect());
    (primary.unwrap_or_default(), indexes.into_values().collect())
}

fn part(row: &Row, method: &str, flavor: crate::mysql::flavor::Flavor) -> IndexPart {
    let of = match (row.text(2), row.text(7)) {
        (Some(column), _) => IndexTerm::Column(column),
        (None, expression) => IndexTerm::Expression(unescaped(&expression.unwrap_or_default(), flavor)),
    };
    // Of a shape the server tells the size of its frame.
    let prefix = row.number(5).filter(|_| method != "spatial").and_then(|prefix| u32::try_from(prefix).ok());
    IndexPart { of, descending: row.words(6) == "D", prefix, ..IndexPart::default() }
}
