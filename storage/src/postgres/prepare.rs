//! Makes the target's tables ready for rows, once per job. Knows nothing of splits.

use std::collections::HashSet;

use super::bookkeeping::{self, OBJECT};
use super::connection::{Session, Tag};
use super::sql::{identifier, literal, qualified};
use super::{Postgres, definition, table};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};
use crate::target::OnExisting;

impl Postgres {
    /// See [`crate::Target::prepare`]: one transaction, so that a job's table is either prepared or untouched.
    pub(super) async fn prepare_tables(
        &self,
        job: &str,
        tables: &[TargetTable],
        on_existing: OnExisting,
    ) -> Result<()> {
        let session = self.session().await?;
        session.run(OBJECT, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        bookkeeping::create(&session).await?;
        let prepared = self.prepared(&session, job).await?;
        let mut found = Vec::new();
        for table in tables {
            if self.find(&session, &table.name).await?.is_none() {
                self.create(&session, table).await?;
            } else if !prepared.contains(&self.target(table)) {
                found.push(table);
            }
        }
        match on_existing {
            OnExisting::Fail => self.refuse_rows(&session, &found).await?,
            OnExisting::Truncate => self.truncate(&session, &found).await?,
            OnExisting::Append => {}
        }
        self.note(&session, job, tables).await?;
        session.run(OBJECT, "COMMIT").await?;
        session.park(Tag::FREE);
        Ok(())
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

    async fn note(&self, session: &Session, job: &str, tables: &[TargetTable]) -> Result<()> {
        const SQL: &str = "INSERT INTO sensei.prepared SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING";
        let targets: Vec<_> = tables.iter().map(|table| self.target(table)).collect();
        let noted = session.execute(SQL, &[&job, &targets]).await;
        noted.map(drop).map_err(|error| session.failure(OBJECT, error))
    }

    async fn create(&self, session: &Session, planned: &TargetTable) -> Result<()> {
        if !planned.create {
            return Err(Error::Missing { what: table(&planned.name) });
        }
        self.create_schema(session).await?;
        self.look_here(session).await?;
        for statement in definition::statements(&self.schema, planned) {
            session.run(&table(&planned.name), &statement).await?;
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
