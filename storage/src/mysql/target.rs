//! The [`Target`] side of [`Mysql`]: each method in its own module but the short ones.

use std::collections::HashSet;

use arrow_array::RecordBatch;
use async_trait::async_trait;

use super::answer::Answer;
use super::bookkeeping;
use super::connection::Session;
use super::locator::Locator;
use super::rowmark::{self, MARK};
use super::scan::{After, Query, by_index};
use super::sql::{identifier, qualified};
use super::{Mysql, privileges, shape, table};
use crate::catalog::{Object, TargetTable};
use crate::error::{Error, Result};
use crate::source::{Batches, Scan};
use crate::split::SplitId;
use crate::target::{Begin, Commit, NextNumber, OnExisting, Standing, Target, Write};
use crate::trial::Trial;

/// Commits whose rows are counted by one statement.
const COMMITS_PER_COUNT_MAX: usize = 200;

impl Mysql {
    /// A session that a newer generation can end.
    async fn serving_session(&self) -> Result<Session> {
        let mut session = self.session().await?;
        let serving = self.serving.lock().map_err(|error| Error::internal("the fence", error))?.clone();
        if let Some((job, generation)) = serving {
            session.serve(&job, generation).await?;
        }
        Ok(session)
    }
}

#[async_trait]
impl Target for Mysql {
    fn writers_max(&self) -> usize {
        self.writers_max
    }

    async fn occupied(&self, tables: &[String]) -> Result<Vec<String>> {
        let mut session = self.session().await?;
        shape::must_hide_columns(&session.server)?;
        let mut occupied = Vec::new();
        for name in tables {
            if self.find(&mut session, name).await?.is_some() && self.has_rows(&mut session, name).await? {
                occupied.push(name.clone());
            }
        }
        session.park();
        Ok(occupied)
    }

    async fn prepare(&self, job: &str, tables: &[TargetTable], on_existing: OnExisting) -> Result<()> {
        self.prepare_tables(job, tables, on_existing).await
    }

    async fn fence(&self, job: &str, generation: u64) -> Result<()> {
        let mut session = self.session().await?;
        bookkeeping::fence(&mut session, job, generation).await?;
        session.park();
        *self.serving.lock().map_err(|error| Error::internal("the fence", error))? = Some((job.to_owned(), generation));
        Ok(())
    }

    async fn missing_privileges(&self) -> Result<Vec<String>> {
        let mut session = self.session().await?;
        shape::must_hide_columns(&session.server)?;
        let missing = privileges::missing(&mut session, self.pool.database()).await?;
        session.park();
        Ok(missing)
    }

    async fn committed(&self, job: &str, known: &[(SplitId, Commit)]) -> Result<HashSet<SplitId>> {
        let mut session = self.session().await?;
        let found = bookkeeping::commits(&mut session, job).await?;
        session.park();
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
        let mut session = self.serving_session().await?;
        let relation = self.relation(&mut session, &scan.table).await?;
        let locator = if scan.locator { Some(Locator::of(&mut session, &relation).await?) } else { None };
        let query = Query::new(&relation, &scan, locator.as_ref(), &by_index(MARK))?;
        let text = query.text(Some(&rowmark::condition(&commit)?));
        query.stream(session, &scan, &text, After::Park, ()).await
    }

    async fn standing(&self, name: &str, commits: &[Commit]) -> Result<Option<Standing>> {
        let mut session = self.serving_session().await?;
        let relation = self.relation(&mut session, name).await?;
        let count = |condition: String| format!("SELECT COUNT(*) FROM {}{condition}", relation.clause());
        let whole = session.first(&relation.label(), &count(String::new())).await?;
        let rows = whole.and_then(|row| row.number(0)).unwrap_or(0);
        let mut ours = 0;
        for some in commits.chunks(COMMITS_PER_COUNT_MAX) {
            let marked = some.iter().map(|commit| Ok(format!("({})", rowmark::condition(commit)?)));
            let marked = marked.collect::<Result<Vec<_>>>()?.join(" OR ");
            let row = session.first(&relation.label(), &count(format!("{} WHERE {marked}", by_index(MARK)))).await?;
            ours += row.and_then(|row| row.number(0)).unwrap_or(0);
        }
        session.park();
        Ok(Some(Standing { rows, ours }))
    }

    async fn extent(&self, name: &str, column: &str) -> Result<Option<(i64, i64)>> {
        let mut session = self.session().await?;
        let (from, column) = (qualified(self.pool.database(), name), identifier(column));
        let row = session.first(&table(name), &format!("SELECT MIN({column}), MAX({column}) FROM {from}")).await?;
        session.park();
        let end = |index| row.as_ref().and_then(|row| row.text(index)?.parse().ok());
        Ok(end(0).zip(end(1)))
    }

    async fn create_objects(&self, objects: &[Object]) -> Result<()> {
        self.create_all(objects).await
    }

    async fn add_primary_key(&self, table: &TargetTable) -> Result<()> {
        self.declare_primary_key(table).await
    }

    async fn add_indexes(&self, table: &TargetTable) -> Result<()> {
        self.declare_indexes(table).await
    }

    async fn add_checks(&self, table: &TargetTable) -> Result<()> {
        self.declare_checks(table).await
    }

    async fn add_foreign_keys(&self, table: &TargetTable) -> Result<()> {
        self.declare_foreign_keys(table).await
    }

    async fn set_next(&self, next: &[NextNumber]) -> Result<()> {
        self.number_on(next).await
    }

    /// Takes the marks off every table that the job prepared, whichever are named: a job that is given up names none.
    async fn finish(&self, job: &str, tables: &[(TargetTable, Vec<Commit>)]) -> Result<()> {
        let mut session = self.session().await?;
        bookkeeping::lock(&mut session).await?;
        for (database, name) in bookkeeping::prepared(&mut session, job).await? {
            rowmark::remove(&mut session, &database, &name).await?;
        }
        for (planned, _) in tables {
            let sql = format!("ANALYZE TABLE {}", qualified(self.pool.database(), &planned.name));
            session.select(&table(&planned.name), &sql).await?;
        }
        bookkeeping::forget(&mut session, job).await?;
        bookkeeping::unlock(&mut session).await?;
        session.park();
        Ok(())
    }

    async fn mend(&self, table: &TargetTable, locators: &[String], rows: &[RecordBatch]) -> Result<()> {
        self.mend_rows(table, locators, rows).await
    }
}
