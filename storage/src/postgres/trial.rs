//! Tries rows out: one transaction that is never committed, with a savepoint around each attempt.
//!
//! Not so in [`super::writer`]: rows written inside a savepoint carry the number of the subtransaction, by which a commit
//! would not find them again.

use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use futures::SinkExt;
use tokio::sync::OwnedSemaphorePermit;

use super::Postgres;
use super::bookkeeping::{self, OBJECT};
use super::connection::Session;
use super::copy::Layout;
use super::relation::Relation;
use super::sql::{literal, qualified};
use super::writer::{claim, kept_out, make_room};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};
use crate::target::Write;
use crate::trial::Trial;

impl Postgres {
    /// See [`crate::Target::trial`].
    pub(super) async fn begin_trial(&self, write: Write) -> Result<Box<dyn Trial>> {
        let turn = self.writers.clone().acquire_owned().await.map_err(|error| Error::internal("writers", error))?;
        let session = self.session().await?;
        let name = literal(&bookkeeping::writer_name(&write.job, write.split, write.generation));
        session.run(OBJECT, &format!("SET application_name = {name}; BEGIN ISOLATION LEVEL READ COMMITTED")).await?;
        bookkeeping::check_fence(&session, &write.job, write.generation).await?;
        let relation = self.relation(&session, &write.table.name).await?;
        wait_for_writers(&session, &relation).await?;
        if let Some(earlier) = claim(&session, &write).await? {
            make_room(&session, &relation, &earlier).await?;
        }
        let layout = Layout::new(&relation, &write.table.fields)?;
        Ok(Box::new(PostgresTrial { session, relation, table: write.table, layout, _turn: turn }))
    }
}

/// Keeps other writers of the table out for as long as the trial lasts. Otherwise rows that others are about to commit
/// would be waited for one by one, and two that wait for each other would be a deadlock. An account that may only insert
/// cannot do that; its trial may meet the deadlock.
async fn wait_for_writers(session: &Session, relation: &Relation) -> Result<()> {
    const MAY: &str = "SELECT has_table_privilege($1::oid, 'UPDATE, DELETE, TRUNCATE')";
    let may = session.query_one(MAY, &[&relation.oid]).await;
    let may = may.map_err(|error| session.failure(&relation.label(), error))?;
    if may.get(0) {
        let name = qualified(&relation.schema, &relation.name);
        session.run(&relation.label(), &format!("LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")).await?;
    }
    Ok(())
}

/// A transaction that is dropped with its session.
struct PostgresTrial {
    session: Session,
    relation: Relation,
    table: Arc<TargetTable>,
    layout: Layout,
    _turn: OwnedSemaphorePermit,
}

#[async_trait]
impl Trial for PostgresTrial {
    async fn attempt(&mut self, rows: &RecordBatch) -> Result<()> {
        let encoded = self.encode(rows)?;
        let label = self.relation.label();
        self.session.run(&label, "SAVEPOINT attempt").await?;
        let outcome = self.copy(encoded, rows.num_rows() as u64).await;
        let end = match &outcome {
            Ok(()) => "RELEASE SAVEPOINT attempt",
            Err(Error::RefusedRow { .. }) => "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt",
            Err(_) => return outcome,
        };
        self.session.run(&label, end).await?;
        outcome
    }
}

impl PostgresTrial {
    fn encode(&self, rows: &RecordBatch) -> Result<Vec<u8>> {
        let mut buffer = Vec::new();
        self.layout.put_header(&mut buffer);
        let encoder = self.layout.encoder(&self.table, rows)?;
        (0..rows.num_rows()).try_for_each(|row| encoder.put_row(row, &mut buffer))?;
        self.layout.put_trailer(&mut buffer);
        Ok(buffer)
    }

    async fn copy(&self, encoded: Vec<u8>, rows: u64) -> Result<()> {
        let failure = |error| self.session.failure(&self.relation.label(), error);
        let mut copy = self.layout.copy_in(&self.session, &self.relation, &self.table).await?;
        copy.send(encoded.into()).await.map_err(failure)?;
        let copied = copy.as_mut().finish().await.map_err(failure)?;
        if copied != rows {
            return Err(kept_out(&self.relation, copied, rows));
        }
        Ok(())
    }
}
