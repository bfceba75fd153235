//! Replaces single rows, all or nothing.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use mysql_async::prelude::Queryable;

use super::answer::Answer;
use super::connection::Session;
use super::insert::Insert;
use super::locator::Locator;
use super::relation::Relation;
use super::writer::end_loading;
use super::{Mysql, triggers};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};

/// Kinds of rows deleted by one statement at most.
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

/// Deletes exactly the rows at `locators`. One that is named more than once stands for as many rows.
async fn delete(session: &mut Session, relation: &Relation, locators: &[String]) -> Result<()> {
    let by = Locator::of(session, relation).await?;
    let mut wanted: BTreeMap<&String, u64> = BTreeMap::new();
    for locator in locators {
        *wanted.entry(locator).or_default() += 1;
    }
    let wanted: Vec<(&String, u64)> = wanted.into_iter().collect();
    for some in wanted.chunks(ROWS_PER_DELETE_MAX) {
        let conditions = some.iter().map(|(locator, _)| by.condition(relation, locator));
        let conditions = conditions.collect::<Result<Vec<_>>>()?;
        let together = conditions.join(" OR ");
        let rows = some.iter().map(|(_, rows)| rows).sum();
        if count(session, relation, &together).await? == rows {
            delete_where(session, relation, &together, rows).await?;
            continue;
        }
        // Of some equal rows, others stay.
        for (condition, (_, rows)) in conditions.iter().zip(some) {
            delete_where(session, relation, &format!("{condition} LIMIT {rows}"), *rows).await?;
        }
    }
    Ok(())
}

/// How many rows there are, which are kept from changing.
async fn count(session: &mut Session, relation: &Relation, condition: &str) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM {} WHERE {condition} FOR UPDATE", relation.clause());
    let row = session.first(&relation.label(), &sql).await?;
    Ok(row.and_then(|row| row.number(0)).unwrap_or(0))
}

/// # Errors
/// `Changed` if there are not as many `rows`.
async fn delete_where(session: &mut Session, relation: &Relation, condition: &str, rows: u64) -> Result<()> {
    let done = session.conn().query_drop(format!("DELETE FROM {} WHERE {condition}", relation.clause())).await;
    done.map_err(|error| session.failure_of_rows(&relation.label(), error))?;
    match session.conn().affected_rows() == rows {
        true => Ok(()),
        false => Err(Error::Changed { what: relation.label() }),
    }
}
