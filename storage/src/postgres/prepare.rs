//! Makes the target's tables ready for rows, once per job. Knows nothing of splits.

use std::collections::HashSet;

use super::bookkeeping::{self, OBJECT};
use super::connection::{Session, Tag};
use super::sql::{identifier, literal, qualified};
use super::{Postgres, definition, table};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};
use crate::target::OnExisting;

/// Tables that are created in one transaction. Each takes some five of the server's locks, of which it has 6,400 unless it
/// was told otherwise (`max_locks_per_transaction`, `max_connections`).
const TABLES_AT_ONCE: usize = 500;

impl Postgres {
    /// See [`crate::Target::prepare`]. Nothing is done before it is known that nothing is in the way. Then tables that are
    /// there are taken over in one transaction, and those that are not are created in as many as it takes; each table
    /// becomes the job's in the transaction that changes it.
    pub(super) async fn prepare_tables(
        &self,
        job: &str,
        tables: &[TargetTable],
        on_existing: OnExisting,
    ) -> Result<()> {
        let session = self.session().await?;
        self.begin_preparing(&session).await?;
        let prepared = self.prepared(&session, job).await?;
        session.run(OBJECT, "COMMIT").await?;
        let (mut missing, mut found) = (Vec::new(), Vec::new());
        for planned in tables {
            match self.find(&session, &planned.name).await? {
                None if !planned.create => return Err(Error::Missing { what: table(&planned.name) }),
                None => missing.push(planned),
                Some(_) if prepared.contains(&self.target(planned)) => {}
                Some(_) => found.push(planned),
            }
        }
        if on_existing == OnExisting::Fail {
            self.refuse_rows(&session, &found).await?;
        }
        self.begin_preparing(&session).await?;
        if on_existing == OnExisting::Truncate {
            self.truncate(&session, &found).await?;
        }
        self.note(&session, job, &found).await?;
        session.run(OBJECT, "COMMIT").await?;
        for some in missing.chunks(TABLES_AT_ONCE) {
            self.begin_preparing(&session).await?;
            self.create(&session, some).await?;
            self.note(&session, job, some).await?;
            session.run(OBJECT, "COMMIT").await?;
        }
        session.park(Tag::FREE);
        Ok(())
    }

    /// Begins a transaction that no other job's preparation gets in the way of.
    async fn begin_preparing(&self, session: &Session) -> Result<()> {
        session.run(OBJECT, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        bookkeeping::create(session).await
    }

    /// How the records name a table: the database may be the target of several schemas.
    fn target(&self, table: &TargetTable) -> String {
        qualified(&self.schema, &table.name)
    }

    async fn prepared(&self, session: &Session, job: &str) -> Result<HashSet<String>> {
        let rows = session.query("SELECT target FROM sensei.prepared WHERE job = $1", &[&job]).await;
        let rows = rows.map_err(|error| session.failure(OBJECT, error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn note(&self, session: &Session, job: &str, tables: &[&TargetTable]) -> Result<()> {
        const SQL: &str = "INSERT INTO sensei.prepared SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING";
        let targets: Vec<_> = tables.iter().map(|table| self.target(table)).collect();
        let noted = session.execute(SQL, &[&job, &targets]).await;
        noted.map(drop).map_err(|error| session.failure(OBJECT, error))
    }

    async fn create(&self, session: &Session, tables: &[&TargetTable]) -> Result<()> {
        self.create_schema(session).await?;
        self.look_here(session).await?;
        for planned in tables {
            for statement in definition::statements(&self.schema, planned) {
                session.run(&table(&planned.name), &statement).await?;
            }
        }
        Ok(())
    }

    /// Creates the schema if it is missing.
    pub(super) async fn create_schema(&self, session: &Session) -> Result<()> {
        let missing = format!("SELECT FROM pg_catalog.pg_namespace WHERE nspname = {}", literal(&self.schema));
        let schema = session.query_opt(&missing, &[]).await;
        if schema.map_err(|error| session.failure("the schema", error))?.is_none() {
            let schema = identifier(&self.schema);
            session.run(&format!("schema {schema}"), &format!("CREATE SCHEMA {schema}")).await?;
        }
        Ok(())
    }

    async fn refuse_rows(&self, session: &Session, tables: &[&TargetTable]) -> Result<()> {
        for planned in tables {
            if self.has_rows(session, &planned.name).await? {
                return Err(Error::Exists {
                    what: table(&planned.name),
                    why: "it has rows, and on_existing is fail".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// One statement for all, since tables that refer to each other can only be emptied together.
    async fn truncate(&self, session: &Session, tables: &[&TargetTable]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = tables.iter().map(|planned| self.target(planned)).collect();
        session.run("the target's tables", &format!("TRUNCATE {}", names.join(", "))).await
    }

    /// Whether the table holds at least one row.
    pub(super) async fn has_rows(&self, session: &Session, name: &str) -> Result<bool> {
        let sql = format!("SELECT EXISTS (SELECT FROM {})", qualified(&self.schema, name));
        let row = session.query_one(&sql, &[]).await.map_err(|error| session.failure(&table(name), error))?;
        Ok(row.get(0))
    }
}
