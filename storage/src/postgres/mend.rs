//! Replaces single rows by their physical address, all or nothing.

use arrow_array::RecordBatch;
use futures::SinkExt;
use tokio_postgres::error::SqlState;

use super::Postgres;
use super::connection::{Session, Tag};
use super::copy::Layout;
use super::relation::Relation;
use crate::catalog::TargetTable;
use crate::error::{Error, Result};

impl Postgres {
    /// See [`crate::Target::mend`]. Foreign keys are not checked: the rows come from a source that obeys them.
    pub(super) async fn mend_rows(&self, table: &TargetTable, locators: &[String], rows: &[RecordBatch]) -> Result<()> {
        let session = self.session().await?;
        let relation = self.relation(&session, &table.name).await?;
        session.run(&relation.label(), "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        if must_be_silent(&session, &relation).await? != Silence::Never {
            silence(&session, &relation).await?;
        }
        delete(&session, &relation, locators).await?;
        insert(&session, &relation, table, rows).await?;
        session.run(&relation.label(), "COMMIT").await?;
        session.park(Tag::FREE);
        Ok(())
    }
}

/// What deleting and inserting rows of the table may set off, in it and in its partitions: whether foreign keys or
/// triggers act, whether something would act, or fail to, even where they are silenced, and whether it is foreign keys
/// that act. Deferrable keys are checked by triggers.
const EFFECTS: &str = "\
    WITH tree AS (SELECT $1::oid AS oid UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree($1::oid::regclass)), \
    keys AS (SELECT k.contype, k.condeferrable, k.conrelid FROM pg_catalog.pg_constraint k, tree \
        WHERE tree.oid IN (k.conrelid, k.confrelid)), \
    triggers AS (SELECT t.tgenabled FROM pg_catalog.pg_trigger t JOIN tree ON tree.oid = t.tgrelid \
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D') \
    SELECT EXISTS (SELECT FROM keys WHERE contype = 'f') OR EXISTS (SELECT FROM triggers), \
        EXISTS (SELECT FROM triggers WHERE tgenabled IN ('A', 'R')) \
        OR EXISTS (SELECT FROM keys WHERE contype IN ('p', 'u', 'x') AND condeferrable), \
        EXISTS (SELECT FROM keys WHERE contype = 'f')";

/// For how long foreign keys and triggers must be silent where rows are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// There are none.
    Never,
    /// While rows are deleted: there are triggers, which new rows must meet like all others.
    Deleting,
    /// All along: there are foreign keys, whose other side may be replaced at the same time.
    Throughout,
}

/// How far replacing rows of the table would set off foreign keys or triggers.
///
/// # Errors
/// `Unsupported` if they cannot be silenced without losing another check.
pub(super) async fn must_be_silent(session: &Session, relation: &Relation) -> Result<Silence> {
    let effects = session.query_one(EFFECTS, &[&relation.oid]).await;
    let effects = effects.map_err(|error| session.failure(&relation.label(), error))?;
    match (effects.get(0), effects.get(1)) {
        (true, true) => Err(Error::Unsupported {
            what: format!("replacing rows of {}", relation.label()),
            why: "it has triggers that are enabled always or for replicas, or deferrable keys beside foreign keys or \
                triggers; run the plan again with --fresh"
                .to_owned(),
        }),
        (false, _) => Ok(Silence::Never),
        (true, false) if effects.get(2) => Ok(Silence::Throughout),
        (true, false) => Ok(Silence::Deleting),
    }
}

/// Keeps foreign keys from reaching other rows, and triggers from firing, until the transaction ends. A changed row is
/// deleted before it is inserted anew, which `ON DELETE CASCADE` would take for the end of its children.
pub(super) async fn silence(session: &Session, relation: &Relation) -> Result<()> {
    const WHY: &str = "its foreign keys and triggers must be silent meanwhile, and only a superuser may set \
        session_replication_role; connect as one, have it granted (GRANT SET ON PARAMETER session_replication_role, \
        from PostgreSQL 15 on), or run the plan again with --fresh";
    let set = session.batch_execute("SET LOCAL session_replication_role = replica").await;
    set.map_err(|error| match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Error::Privilege { action: format!("replace rows of {}", relation.label()), why: WHY.to_owned() }
        }
        _ => session.failure(&relation.label(), error),
    })
}

/// Lets triggers fire again, in a transaction that [`silence`] began.
pub(super) async fn unsilence(session: &Session, relation: &Relation) -> Result<()> {
    session.run(&relation.label(), "SET LOCAL session_replication_role = DEFAULT").await
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
    let layout = Layout::new(relation, &table.fields)?;
    let mut copy = layout.copy_in(session, relation, table).await?;
    let mut buffer = Vec::new();
    layout.put_header(&mut buffer);
    for batch in rows {
        let encoder = layout.encoder(table, batch)?;
        (0..batch.num_rows()).try_for_each(|row| encoder.put_row(row, &mut buffer))?;
        copy.send(std::mem::take(&mut buffer).into()).await.map_err(failure)?;
    }
    layout.put_trailer(&mut buffer);
    copy.send(buffer.into()).await.map_err(failure)?;
    let copied = copy.as_mut().finish().await.map_err(failure)?;
    let wanted: usize = rows.iter().map(RecordBatch::num_rows).sum();
    if copied != wanted as u64 {
        let why = format!("it took {copied} of {wanted} rows; a trigger or rule may have kept the others");
        return Err(Error::Refused { what: relation.label(), why });
    }
    Ok(())
}
