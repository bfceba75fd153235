//! Tries rows out: one transaction that is never committed, with a savepoint around each attempt.

use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;

use super::Mysql;
use super::connection::Session;
use super::insert::Insert;
use super::relation::Relation;
use super::rowmark::first_mark;
use super::writer::{Opened, make_room};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};
use crate::target::Write;
use crate::trial::Trial;

impl Mysql {
    /// See [`crate::Target::trial`]. Keys that other writers are about to commit are waited for one by one; of two that
    /// wait for each other the server ends one, as unavailable, so that it is tried again with the next run.
    pub(super) async fn begin_trial(&self, write: Write) -> Result<Box<dyn Trial>> {
        let Opened { mut session, relation, earlier, turn } = self.open_split(&write).await?;
        let mark = match &earlier {
            Some(earlier) => make_room(&mut session, &relation, earlier).await?,
            None => first_mark(write.split)?,
        };
        Ok(Box::new(MysqlTrial { session, relation, table: write.table, mark, _turn: turn }))
    }
}

/// A transaction that is dropped with its session.
struct MysqlTrial {
    session: Session,
    relation: Relation,
    table: Arc<TargetTable>,
    mark: u64,
    _turn: OwnedSemaphorePermit,
}

#[async_trait]
impl Trial for MysqlTrial {
    async fn attempt(&mut self, rows: &RecordBatch) -> Result<()> {
        let label = self.relation.label();
        self.session.run(&label, "SAVEPOINT attempt").await?;
        let outcome = self.insert(rows).await;
        let end: &[&str] = match &outcome {
            Ok(()) => &["RELEASE SAVEPOINT attempt"],
            Err(Error::RefusedRow { .. }) => &["ROLLBACK TO SAVEPOINT attempt", "RELEASE SAVEPOINT attempt"],
            Err(_) => return outcome,
        };
        for sql in end {
            self.session.run(&label, sql).await?;
        }
        outcome
    }
}

impl MysqlTrial {
    async fn insert(&mut self, rows: &RecordBatch) -> Result<()> {
        let mut insert = Insert::new(&self.session, &self.relation, &self.table, Some(self.mark))?;
        insert.push(&mut self.session, rows).await?;
        insert.finish(&mut self.session).await
    }
}
