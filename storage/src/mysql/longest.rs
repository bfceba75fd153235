//! How long the values of a table are. Knows nothing of who asks.

use super::answer::Answer;
use super::connection::Session;
use super::relation::Relation;
use super::sql::{identifier, literal};
use crate::error::Result;
use crate::source::{LARGE_ROW_BYTES, Longest};

/// Types whose values may be as large as a large row.
const UNBOUNDED: [&str; 6] = ["mediumtext", "mediumblob", "longtext", "longblob", "json", "geometry"];

/// A table that is smaller than a large row, or has no column that could hold one, is not read. Others are, large values
/// included: the server has no other way to tell how long they are.
pub(super) async fn longest(session: &mut Session, relation: &Relation, columns: &[String]) -> Result<Option<Longest>> {
    let may_be_large = |name: &&String| {
        relation.column(name).is_ok_and(|column| UNBOUNDED.contains(&column.type_name().to_ascii_lowercase().as_str()))
    };
    let columns: Vec<&String> = columns.iter().filter(may_be_large).collect();
    let sql = format!(
        "SELECT DATA_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        literal(&relation.database),
        literal(&relation.name)
    );
    let bytes = session.first(&relation.label(), &sql).await?.and_then(|row| row.number(0)).unwrap_or(u64::MAX);
    if columns.is_empty() || bytes < LARGE_ROW_BYTES {
        return Ok(None);
    }
    let length = |name: &str| format!("LENGTH({})", identifier(name));
    let sum = columns.iter().map(|name| format!("COALESCE({}, 0)", length(name))).collect::<Vec<_>>().join(" + ");
    let each = columns.iter().map(|name| format!("MAX({})", length(name))).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT MAX({sum}), {each} FROM {}", relation.clause());
    let row = session.first(&relation.label(), &sql).await?;
    let bytes = |index: usize| row.as_ref().and_then(|row| row.number(index));
    let named = columns.iter().enumerate().map(|(index, name)| ((*name).clone(), bytes(index + 1)));
    Ok(Longest::of(bytes(0), named))
}
