//! Makes the target's tables ready for rows, once per job. Knows nothing of splits.
//!
//! Every statement that changes a table commits by itself, so an attempt may end between any two of them. What matters is
//! the order: a table is noted as prepared when it is empty as asked and marked, and from then on it is never emptied.

use std::collections::HashSet;

use super::answer::Answer;
use super::bookkeeping::{self, OBJECT};
use super::connection::Session;
use super::flavor::{Server, TableNames};
use super::relation::Relation;
use super::sql::{literal, qualified};
use super::{Mysql, rowmark, shape, table};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};
use crate::target::OnExisting;

impl Mysql {
    /// See [`crate::Target::prepare`].
    pub(super) async fn prepare_tables(
        &self,
        job: &str,
        tables: &[TargetTable],
        on_existing: OnExisting,
    ) -> Result<()> {
        let mut session = self.session().await?;
        shape::must_hide_columns(&session.server)?;
        refuse_folded(&session.server, tables)?;
        bookkeeping::lock(&mut session).await?;
        bookkeeping::create(&mut session).await?;
        let prepared = self.prepared(&mut session, job).await?;
        let new: Vec<&TargetTable> = tables.iter().filter(|planned| !prepared.contains(&planned.name)).collect();
        self.refuse_taken(&mut session, job, &new).await?;
        let mut found = Vec::new();
        for planned in &new {
            match self.find(&mut session, &planned.name).await? {
                Some(relation) => found.push(relation),
                None => self.create(&mut session, planned).await?,
            }
        }
        found.iter().try_for_each(Relation::must_hold_still)?;
        match on_existing {
            OnExisting::Fail => self.refuse_rows(&mut session, &found).await?,
            OnExisting::Truncate => self.truncate(&mut session, &found, tables).await?,
            OnExisting::Append => {}
        }
        for relation in &found {
            // Marks that are there already are none of this job's.
            rowmark::remove(&mut session, &relation.database, &relation.name).await?;
            rowmark::add(&mut session, &relation.database, &relation.name).await?;
        }
        self.note(&mut session, job, &new).await?;
        bookkeeping::unlock(&mut session).await?;
        session.park();
        Ok(())
    }

    /// The tables of this database that the job has prepared.
    async fn prepared(&self, session: &mut Session, job: &str) -> Result<HashSet<String>> {
        let sql = format!(
            "SELECT target_table FROM sensei.prepared WHERE job = {} AND target_database = {}",
            literal(job),
            literal(self.pool.database())
        );
        let rows = session.select(OBJECT, &sql).await?;
        Ok(rows.iter().map(|row| row.words(0)).collect())
    }

    /// Two jobs cannot mark the rows of one table.
    async fn refuse_taken(&self, session: &mut Session, job: &str, tables: &[&TargetTable]) -> Result<()> {
        let sql = format!(
            "SELECT target_table, job FROM sensei.prepared WHERE job <> {} AND target_database = {}",
            literal(job),
            literal(self.pool.database())
        );
        let rows = session.select(OBJECT, &sql).await?;
        match rows.iter().find(|row| tables.iter().any(|planned| planned.name == row.words(0))) {
            None => Ok(()),
            Some(row) => Err(Error::Exists {
                what: table(&row.words(0)),
                why: format!(
                    "job {other} has not finished loading it; run that job to its end, or start its plan over with \
                     `--fresh`; if its state is lost, delete its rows from `sensei`.`prepared` first",
                    other = row.words(1)
                ),
            }),
        }
    }

    async fn note(&self, session: &mut Session, job: &str, tables: &[&TargetTable]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        let (job, database) = (literal(job), literal(self.pool.database()));
        let rows: Vec<_> =
            tables.iter().map(|planned| format!("({job}, {database}, {})", literal(&planned.name))).collect();
        let sql = format!("INSERT IGNORE INTO sensei.prepared VALUES {}", rows.join(", "));
        session.run(OBJECT, &sql).await
    }

    async fn create(&self, session: &mut Session, planned: &TargetTable) -> Result<()> {
        if !planned.create {
            return Err(Error::Missing { what: table(&planned.name) });
        }
        let sql = shape::create_table(&session.server, self.pool.database(), planned)?;
        session.run(&table(&planned.name), &sql).await
    }

    async fn refuse_rows(&self, session: &mut Session, found: &[Relation]) -> Result<()> {
        for relation in found {
            if self.has_rows(session, &relation.name).await? {
                return Err(Error::Exists {
                    what: relation.label(),
                    why: "it has rows, and on_existing is fail".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Empties tables that refer to each other, but none that others refer to: their rows would lose their parents.
    async fn truncate(&self, session: &mut Session, found: &[Relation], tables: &[TargetTable]) -> Result<()> {
        let sql = format!(
            "SELECT REFERENCED_TABLE_NAME, TABLE_SCHEMA, TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE \
             WHERE REFERENCED_TABLE_SCHEMA = {}",
            literal(self.pool.database())
        );
        for row in session.select("the catalog", &sql).await? {
            let is_emptied = found.iter().any(|relation| relation.name == row.words(0));
            let is_planned =
                row.words(1) == self.pool.database() && tables.iter().any(|planned| planned.name == row.words(2));
            if is_emptied && !is_planned {
                let why = format!("table \"{}\" refers to it, and is not part of the plan", row.words(2));
                return Err(Error::Refused { what: format!("emptying table \"{}\"", row.words(0)), why });
            }
        }
        session.run(OBJECT, "SET foreign_key_checks = 0").await?;
        for relation in found {
            session.run(&relation.label(), &format!("TRUNCATE TABLE {}", relation.clause())).await?;
        }
        session.run(OBJECT, "SET foreign_key_checks = 1").await
    }

    /// Whether the table holds at least one row.
    pub(super) async fn has_rows(&self, session: &mut Session, name: &str) -> Result<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", qualified(self.pool.database(), name));
        Ok(session.first(&table(name), &sql).await?.is_some_and(|row| row.flag(0)))
    }
}

/// Two tables must not become one, and none may be kept under another name than the plan's.
fn refuse_folded(server: &Server, tables: &[TargetTable]) -> Result<()> {
    let mut taken: HashSet<String> = HashSet::new();
    for planned in tables.iter().filter(|_| server.table_names != TableNames::Told) {
        let folded = planned.name.to_lowercase();
        let lowered = server.table_names == TableNames::Lowered && folded != planned.name;
        if lowered || !taken.insert(folded) {
            let why = "the server does not tell names of tables apart by case (lower_case_table_names); give it another \
                one, in lower case, with `into`";
            return Err(Error::Invalid { what: format!("the name of {}", table(&planned.name)), why: why.to_owned() });
        }
    }
    Ok(())
}
