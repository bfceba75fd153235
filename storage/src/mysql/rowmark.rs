//! The mark that a job leaves on the rows it writes, so that each commit's rows are found again: an invisible column with
//! an index, there from preparation to the end of the job. MySQL has no physical address or writing transaction to ask for.

use super::answer::Answer;
use super::connection::Session;
use super::sql::{identifier, literal, qualified};
use crate::error::{Error, Result};
use crate::split::SplitId;
use crate::target::{Commit, Token};

/// The column, and its index.
pub(super) const MARK: &str = "sensei_row";
/// Tells the column from one that somebody else called so.
pub(super) const MARK_COMMENT: &str = "Sensei: rows of a job under way";
/// Of a mark's 64 bits, those that number the rows of one split: 68 thousand million.
const ROW_BITS: u32 = 36;

/// The first mark of a split's rows.
///
/// # Errors
/// `Unsupported` for more splits than marks can tell apart.
pub(super) fn first_mark(split: SplitId) -> Result<u64> {
    match u64::from(split.0) >> (u64::BITS - ROW_BITS) {
        0 => Ok(u64::from(split.0) << ROW_BITS),
        _ => {
            Err(Error::Unsupported { what: format!("split {}", split.0), why: "a job has too many splits".to_owned() })
        }
    }
}

/// The column's definition.
pub(super) fn column() -> String {
    format!("{} bigint unsigned NULL INVISIBLE COMMENT {}", identifier(MARK), literal(MARK_COMMENT))
}

/// The index's definition.
pub(super) fn index() -> String {
    format!("KEY {0} ({0})", identifier(MARK))
}

/// The condition that finds a commit's rows.
pub(super) fn condition(commit: &Commit) -> Result<String> {
    let Token::Mysql { first, end } = commit.token else {
        return Err(Error::internal("a commit's token", "it is another system's"));
    };
    let mark = identifier(MARK);
    Ok(format!("{mark} >= {first} AND {mark} < {end}"))
}

/// What of the mark a table has.
struct Present {
    column: bool,
    index: bool,
}

async fn present(session: &mut Session, database: &str, table: &str) -> Result<Present> {
    let object = format!("table \"{table}\"");
    let of_table = format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", literal(database), literal(table));
    let count = |view: &str, what: &str| {
        let mark = literal(MARK);
        format!("SELECT COUNT(*) FROM information_schema.{view} WHERE {of_table} AND {what}_NAME = {mark}")
    };
    let column = format!("{} AND COLUMN_COMMENT = {}", count("COLUMNS", "COLUMN"), literal(MARK_COMMENT));
    let column = session.first(&object, &column).await?.is_some_and(|row| row.flag(0));
    let index = session.first(&object, &count("STATISTICS", "INDEX")).await?.is_some_and(|row| row.flag(0));
    Ok(Present { column, index })
}

/// Adds the mark to a table that is there, as far as it is missing.
pub(super) async fn add(session: &mut Session, database: &str, table: &str) -> Result<()> {
    let object = format!("table \"{table}\"");
    let found = present(session, database, table).await?;
    let name = qualified(database, table);
    // Two statements: together the server might copy the table, for the column alone it need not.
    if !found.column {
        session.run(&object, &format!("ALTER TABLE {name} ADD COLUMN {}", column())).await?;
    }
    if !found.index {
        session.run(&object, &format!("ALTER TABLE {name} ADD {}", index())).await?;
    }
    Ok(())
}

/// Takes the mark off, as far as it is there.
pub(super) async fn remove(session: &mut Session, database: &str, table: &str) -> Result<()> {
    let object = format!("table \"{table}\"");
    let found = present(session, database, table).await?;
    let (name, mark) = (qualified(database, table), identifier(MARK));
    if found.column && found.index {
        session.run(&object, &format!("ALTER TABLE {name} DROP KEY {mark}")).await?;
    }
    if found.column {
        session.run(&object, &format!("ALTER TABLE {name} DROP COLUMN {mark}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_splits_are_apart() {
        let first = |split| first_mark(SplitId(split)).expect("a mark");
        assert_eq!((first(0), first(1)), (0, 1 << 36));
        assert!(first_mark(SplitId(u32::MAX)).is_err());
    }
}
