//! The [`Target`] side of [`Postgres`]: each method in its own module but the short ones.

use std::collections::{BTreeSet, HashSet, VecDeque};

use arrow_array::RecordBatch;
use async_trait::async_trait;

use super::connection::{Session, Tag};
use super::scan::{After, Query};
use super::sql::{identifier, literal, qualified};
use super::writer::{of_commit, writing_transaction};
use super::{Postgres, bookkeeping, table};
use crate::catalog::{Object, TargetTable};
use crate::error::{Error, Result};
use crate::source::{Batches, Scan};
use crate::split::SplitId;
use crate::target::{Begin, Commit, NextNumber, OnExisting, Standing, Target, Write};
use crate::trial::Trial;

/// Of the tables `$2` of schema `$1`, those whose statistics the server will not gather by itself within a minute: it
/// never does so for a partitioned table as a whole. For the others it is left to the server: of a table of 500 columns it
/// takes longer than writing and verifying 60,000 rows.
const WITHOUT_STATISTICS: &str = "\
    SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = ANY ($2) AND (c.relkind = 'p' \
        OR pg_catalog.current_setting('autovacuum') <> 'on' OR pg_catalog.current_setting('track_counts') <> 'on' \
        OR EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) \
            WHERE option_name = 'autovacuum_enabled' AND NOT option_value::boolean))";

impl Postgres {
    /// Makes the session known as one of the fenced generation.
    async fn name_generation(&self, session: &Session) -> Result<()> {
        let name = self.generation.lock().map_err(|error| Error::internal("the fence", error))?.clone();
        match name {
            Some(name) => session.run("the session", &format!("SET application_name = {}", literal(&name))).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Target for Postgres {
    fn writers_max(&self) -> usize {
        self.writers_max
    }

    async fn occupied(&self, tables: &[String]) -> Result<Vec<String>> {
        let session = self.session().await?;
        let mut occupied = Vec::new();
        for name in tables {
            if self.find(&session, name).await?.is_some() && self.has_rows(&session, name).await? {
                occupied.push(name.clone());
            }
        }
        session.park(Tag::FREE);
        Ok(occupied)
    }

    async fn prepare(&self, job: &str, tables: &[TargetTable], on_existing: OnExisting) -> Result<()> {
        self.prepare_tables(job, tables, on_existing).await
    }

    async fn fence(&self, job: &str, generation: u64) -> Result<()> {
        let session = self.session().await?;
        bookkeeping::fence(&session, job, generation).await?;
        session.park(Tag::FREE);
        let name = bookkeeping::reader_name(job, generation);
        *self.generation.lock().map_err(|error| Error::internal("the fence", error))? = Some(name);
        Ok(())
    }

    async fn missing_privileges(&self) -> Result<Vec<String>> {
        const SQL: &str = "SELECT current_database()::text, has_database_privilege(current_database(), 'CREATE'), \
            coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace WHERE nspname = $1), true), \
            pg_is_in_recovery(), (SELECT reset_val = 'on' FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only')";
        let session = self.session().await?;
        let row = session.query_one(SQL, &[&self.schema]).await;
        let row = row.map_err(|error| session.failure("the account's privileges", error))?;
        session.park(Tag::FREE);
        let database: String = row.get(0);
        let mut missing = Vec::new();
        if !row.get::<_, bool>(1) {
            missing.push(format!("CREATE on database \"{database}\", for the schema \"sensei\""));
        }
        if !row.get::<_, bool>(2) {
            missing.push(format!("CREATE on schema \"{}\" of database \"{database}\"", self.schema));
        }
        if row.get::<_, bool>(3) {
            missing.push("the right to write: the server is a standby".to_owned());
        } else if row.get::<_, Option<bool>>(4) == Some(true) {
            missing.push(format!("the right to write: default_transaction_read_only is on in database \"{database}\""));
        }
        Ok(missing)
    }

    async fn committed(&self, job: &str, known: &[(SplitId, Commit)]) -> Result<HashSet<SplitId>> {
        let session = self.session().await?;
        let found = bookkeeping::commits(&session, job).await?;
        session.park(Tag::FREE);
        let still = known.iter().filter(|(split, commit)| found.get(split) == Some(commit));
        Ok(still.map(|(split, _)| *split).collect())
    }

    async fn begin(&self, write: Write) -> Result<Begin> {
        self.begin_write(write).await
    }

    async fn trial(&self, write: Write) -> Result<Box<dyn Trial>> {
        self.begin_trial(write).await
    }

    async fn read_back(&self, scan: Scan, commit: Commit) -> Result<Batches> {
        let session = self.session().await?;
        self.name_generation(&session).await?;
        let relation = self.relation(&session, &scan.table).await?;
        let query = Query::new(&relation, &scan)?;
        let mut texts: VecDeque<_> =
            of_commit(&relation, &commit)?.iter().map(|condition| query.text(Some(condition))).collect();
        let text = texts.pop_front().ok_or_else(|| Error::internal("reading back", "nothing finds a commit's rows"))?;
        let after = After::Unless { rows: commit.rows, others: texts };
        session.run(&relation.label(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        query.stream(session, &scan, &text, after, ()).await
    }

    async fn standing(&self, table: &str, commits: &[Commit]) -> Result<Option<Standing>> {
        let session = self.session().await?;
        let relation = self.relation(&session, table).await?;
        let xids: BTreeSet<_> = commits.iter().map(writing_transaction).collect::<Result<_>>()?;
        let xids: Vec<_> = xids.iter().map(u32::to_string).collect();
        // Compared as what it is: as text or as a number it took longer than all the rest.
        let sql = format!(
            "SELECT count(*), count(*) FILTER (WHERE xmin = ANY ($1::text[]::xid[])) FROM {}",
            relation.rows_clause()
        );
        let row = session.query_one(&sql, &[&xids]).await;
        let row = row.map_err(|error| session.failure(&relation.label(), error))?;
        session.park(Tag::FREE);
        let count = |column| row.get::<_, i64>(column).unsigned_abs();
        Ok(Some(Standing { rows: count(0), ours: count(1) }))
    }

    async fn extent(&self, name: &str, column: &str) -> Result<Option<(i64, i64)>> {
        let session = self.session().await?;
        let column = identifier(column);
        let sql = format!("SELECT min({column})::bigint, max({column})::bigint FROM {}", qualified(&self.schema, name));
        let row = session.query_one(&sql, &[]).await.map_err(|error| session.failure(&table(name), error))?;
        let (least, greatest): (Option<i64>, Option<i64>) = (row.get(0), row.get(1));
        session.park(Tag::FREE);
        Ok(least.zip(greatest))
    }

    async fn create_objects(&self, objects: &[Object]) -> Result<()> {
        self.define_objects(objects).await
    }

    async fn add_indexes(&self, table: &TargetTable) -> Result<()> {
        self.declare_indexes(table).await
    }

    async fn add_checks(&self, table: &TargetTable) -> Result<()> {
        self.declare_checks(table).await
    }

    async fn set_next(&self, next: &[NextNumber]) -> Result<()> {
        self.set_numbers(next).await
    }

    async fn add_primary_key(&self, table: &TargetTable) -> Result<()> {
        self.declare_primary_key(table).await
    }

    async fn add_foreign_keys(&self, table: &TargetTable) -> Result<()> {
        self.declare_foreign_keys(table).await
    }

    async fn finish(&self, job: &str, tables: &[(TargetTable, Vec<Commit>)]) -> Result<()> {
        let session = self.session().await?;
        let names: Vec<&str> = tables.iter().map(|(planned, _)| planned.name.as_str()).collect();
        let stale = session.query(WITHOUT_STATISTICS, &[&self.schema, &names]).await;
        for row in stale.map_err(|error| session.failure("the target's tables", error))? {
            let name: &str = row.get(0);
            session.run(&table(name), &format!("ANALYZE {}", qualified(&self.schema, name))).await?;
        }
        bookkeeping::forget(&session, job).await?;
        session.park(Tag::FREE);
        Ok(())
    }

    async fn mend(&self, table: &TargetTable, locators: &[String], rows: &[RecordBatch]) -> Result<()> {
        self.mend_rows(table, locators, rows).await
    }
}
