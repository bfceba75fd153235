//! Brings the tables of a database to the form this version works with. Each step is applied once and never edited
//! afterwards, which its hash makes sure of.

use sha2::{Digest as _, Sha256};

use super::{Database, Statement, Turn, Value};
use crate::error::{Error, Result};

/// One step. Steps are numbered from 1 without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it does, as a word or two.
    pub name: &'static str,
    /// Statements without parameters, see [`Statement::script`].
    pub sql: &'static str,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS sensei_migrations (
    version bigint NOT NULL PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at bigint NOT NULL)";
const APPLIED: &str = "SELECT version, name, sha256 FROM sensei_migrations ORDER BY version";
const RECORD: &str = "INSERT INTO sensei_migrations (version, name, sha256, applied_at)
    VALUES ($1, $2, $3, {now_ms}) ON CONFLICT (version) DO NOTHING";

impl Migration {
    fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }
}

impl Database {
    /// Applies those of `migrations` that the database does not have yet, each in a transaction of its own. Any number
    /// of processes may do so at once.
    ///
    /// # Errors
    /// `Unsupported` if the database has been through steps this version does not know, `Altered` if one of its steps
    /// was another than ours; nothing is changed then.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<()> {
        self.transact(vec![Statement::script(TABLE)], Turn::Alone).await?;
        loop {
            let applied = self.applied(migrations).await?;
            let Some(next) = migrations.get(applied) else { return Ok(()) };
            self.apply(applied, next).await?;
        }
    }

    /// How many of `migrations` the database has, all of them as they are here.
    async fn applied(&self, migrations: &[Migration]) -> Result<usize> {
        let rows = self.read(APPLIED, Vec::new()).await?;
        for (index, row) in rows.iter().enumerate() {
            let (version, name) = (row.number::<i64>(0)?, row.text(1)?);
            let what = || format!("{}, migration {version} \"{name}\"", self.describe());
            let Some(ours) = migrations.get(index) else {
                let why = "a newer version of Sensei made it: use that one, or another database".to_owned();
                return Err(Error::Unsupported { what: what(), why });
            };
            if version != index as i64 + 1 || row.text(2)? != ours.sha256() {
                let why = format!("this version has another one in its place, \"{}\": use another database", ours.name);
                return Err(Error::Altered { what: what(), why });
            }
        }
        Ok(rows.len())
    }

    /// Applies the step at `index`, unless another process was faster.
    async fn apply(&self, index: usize, migration: &Migration) -> Result<()> {
        let what = format!("migration {} \"{}\"", index + 1, migration.name);
        let faster = move || Error::Exists { what: what.clone(), why: FASTER.to_owned() };
        let row = [Value::Int(index as i64 + 1), migration.name.into(), migration.sha256().into()];
        let record = Statement::new(RECORD).row(row).expect_rows(1, faster);
        match self.transact(vec![record, Statement::script(migration.sql)], Turn::Alone).await {
            Err(Error::Exists { why, .. }) if why == FASTER => Ok(()),
            other => other.map(drop),
        }
    }
}

const FASTER: &str = "another process applied it";
