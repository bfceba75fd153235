//! Replaces single rows by their unique key, all or nothing.

use arrow_array::RecordBatch;
use mysql_async::prelude::Queryable;

use super::connection::Session;
use super::insert::Insert;
use super::relation::Relation;
use super::sql::equals;
use super::writer::end_loading;
use super::{Mysql, keys, triggers};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};

/// Rows deleted by one statement at most.
const ROWS_PER_DELETE_MAX: usize = 200;

impl Mysql {
    /// See [`crate::Target::mend`]. Foreign keys are not checked, and so do not reach other rows: the rows come from a
    /// source that obeys them.
    pub(super) async fn mend_rows(&self, table: &TargetTable, locators: &[String], rows: &[RecordBatch]) -> Result<()> {
        let mut session = self.session().await?;
        let relation = self.relation(&mut session, &table.name).await?;
        triggers::refuse(&mut session, &relation, &["DELETE", "INSERT"], "replacing rows of").await?;
        let label = relation.label();
        session.run(&label, "SET foreign_key_checks = 0").await?;
        session.run(&label, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        session.run(&label, "START TRANSACTION").await?;
        delete(&mut session, &relation, locators).await?;
        let mut insert = Insert::new(&session, &relation, table, None)?;
        for batch in rows {
            insert.push(&mut session, batch).await?;
        }
        insert.finish(&mut session).await?;
        session.run(&label, "COMMIT").await?;
        end_loading(session).await
    }
}

/// Deletes exactly the rows at `locators`, each the texts of a unique key as a JSON array.
async fn delete(session: &mut Session, relation: &Relation, locators: &[String]) -> Result<()> {
    let columns = keys::address(session, relation).await?;
    let mut deleted = 0;
    for some in locators.chunks(ROWS_PER_DELETE_MAX) {
        let rows = some.iter().map(|locator| row(relation, &columns, locator)).collect::<Result<Vec<_>>>()?;
        let sql = format!("DELETE FROM {} WHERE {}", relation.clause(), rows.join(" OR "));
        let done = session.conn().query_drop(sql).await;
        done.map_err(|error| session.failure_of_rows(&relation.label(), error))?;
        deleted += session.conn().affected_rows();
    }
    match deleted == locators.len() as u64 {
        true => Ok(()),
        false => Err(Error::Changed { what: relation.label() }),
    }
}

/// The condition that finds the row at `locator`.
fn row(relation: &Relation, columns: &[String], locator: &str) -> Result<String> {
    let texts: Vec<String> = serde_json::from_str(locator).map_err(|_| foreign(relation))?;
    if columns.is_empty() || texts.len() != columns.len() {
        return Err(foreign(relation));
    }
    let parts = columns.iter().zip(&texts).map(|(column, text)| equals(relation, column, text));
    Ok(format!("({})", parts.collect::<Result<Vec<_>>>()?.join(" AND ")))
}

fn foreign(relation: &Relation) -> Error {
    Error::Changed { what: format!("the unique key of {}", relation.label()) }
}
