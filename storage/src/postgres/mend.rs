//! Replaces single rows by their physical address, all or nothing.

use arrow_array::RecordBatch;
use bytes::BytesMut;
use futures::SinkExt;

use super::connection::{Session, Tag};
use super::encode::Encoder;
use super::relation::Relation;
use super::writer::copy_in;
use super::{Postgres, binary};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};

impl Postgres {
    /// See [`crate::Target::mend`].
    pub(super) async fn mend_rows(&self, table: &TargetTable, locators: &[String], rows: &[RecordBatch]) -> Result<()> {
        let session = self.session().await?;
        let relation = self.relation(&session, &table.name).await?;
        session.run(&relation.label(), "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        delete(&session, &relation, locators).await?;
        insert(&session, &relation, table, rows).await?;
        session.run(&relation.label(), "COMMIT").await?;
        session.park(Tag::FREE);
        Ok(())
    }
}

/// Deletes exactly the rows at `locators`.
async fn delete(session: &Session, relation: &Relation, locators: &[String]) -> Result<()> {
    let address = if relation.partitioned { relation.locator() } else { "ctid" };
    let cast = if relation.partitioned { "" } else { "::tid[]" };
    let sql = format!("DELETE FROM {} WHERE {address} = ANY ($1::text[]{cast})", relation.rows_clause());
    let deleted = session.execute(&sql, &[&locators]).await;
    let deleted = deleted.map_err(|error| session.failure(&relation.label(), error))?;
    if deleted != locators.len() as u64 {
        return Err(Error::Changed { what: relation.label() });
    }
    Ok(())
}

async fn insert(session: &Session, relation: &Relation, table: &TargetTable, rows: &[RecordBatch]) -> Result<()> {
    let failure = |error| session.failure(&relation.label(), error);
    let elements = relation.element_oids(&table.fields)?;
    let mut copy = copy_in(session, relation, table).await?;
    let mut buffer = BytesMut::new();
    binary::put_header(&mut buffer);
    for batch in rows {
        let encoder = Encoder::new(&table.name, &table.fields, &elements, batch)?;
        (0..batch.num_rows()).try_for_each(|row| encoder.put_row(row, &mut buffer))?;
        copy.send(buffer.split().freeze()).await.map_err(failure)?;
    }
    binary::put_trailer(&mut buffer);
    copy.send(buffer.freeze()).await.map_err(failure)?;
    let copied = copy.as_mut().finish().await.map_err(failure)?;
    let wanted: usize = rows.iter().map(RecordBatch::num_rows).sum();
    if copied != wanted as u64 {
        let why = format!("it took {copied} of {wanted} rows; a trigger or rule may have kept the others");
        return Err(Error::Refused { what: relation.label(), why });
    }
    Ok(())
}
