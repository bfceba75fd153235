//! How tables are partitioned.

use std::collections::HashMap;

use mysql_async::Row;

use super::OBJECT;
use crate::catalog::{Partition, Partitioning};
use crate::error::Result;
use crate::mysql::answer::Answer;
use crate::mysql::connection::Session;
use crate::mysql::sql::literal;

/// Partitioned tables with their partitions, a partition before its parts.
pub(super) async fn read(session: &mut Session, database: &str) -> Result<HashMap<String, Partitioning>> {
    let sql = format!(
        "SELECT TABLE_NAME, PARTITION_NAME, SUBPARTITION_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, \
             PARTITION_DESCRIPTION, SUBPARTITION_METHOD, SUBPARTITION_EXPRESSION \
         FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = {} AND PARTITION_NAME IS NOT NULL \
         ORDER BY PARTITION_ORDINAL_POSITION, SUBPARTITION_ORDINAL_POSITION",
        literal(database)
    );
    let mut tables: HashMap<String, Partitioning> = HashMap::new();
    for row in session.select(OBJECT, &sql).await? {
        let partitioning =
            tables.entry(row.words(0)).or_insert_with(|| Partitioning { by: by(&row), partitions: Vec::new() });
        let name = row.words(1);
        if partitioning.partitions.iter().all(|partition| partition.name != name) {
            let partition = Partition { name: name.clone(), bound: bound(&row), by: None, of: None };
            partitioning.partitions.push(partition);
        }
        if let Some(part) = row.text(2) {
            partitioning.partitions.push(Partition { name: part, bound: String::new(), by: None, of: Some(name) });
        }
    }
    Ok(tables)
}

/// What follows `PARTITION BY`. All partitions of a table are cut further in the same way.
fn by(row: &Row) -> String {
    let method = |method: usize| format!("{} ({})", row.words(method), row.words(method + 1));
    match row.text(6) {
        Some(_) => format!("{} SUBPARTITION BY {}", method(3), method(6)),
        None => method(3),
    }
}

fn bound(row: &Row) -> String {
    let method = row.words(3).to_ascii_uppercase();
    match (method.split_whitespace().next(), row.text(5)) {
        (Some("RANGE"), Some(limit)) => format!("VALUES LESS THAN ({limit})"),
        // MariaDB's partition of all other values.
        (Some("LIST"), Some(values)) if values == "MAXVALUE" => "DEFAULT".to_owned(),
        (Some("LIST"), Some(values)) => format!("VALUES IN ({values})"),
        _ => String::new(),
    }
}
