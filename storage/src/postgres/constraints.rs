//! Declares keys and checks on loaded tables. Knows nothing of how the rows came there.

use super::connection::{Session, Tag};
use super::sql::{identifier, identifiers, qualified};
use super::{Postgres, catalog, table};
use crate::catalog::{Check, ForeignKey, Index, TargetTable, Timing};
use crate::error::{Error, Result};

/// The column names behind an array of numbers of one relation, in order.
const PRIMARY: &str = "\
    SELECT ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2 AND k.contype = 'p'";

/// What `ON DELETE` and `ON UPDATE` may say.
const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];

impl Postgres {
    /// See [`crate::Target::add_primary_key`].
    pub(super) async fn declare_primary_key(&self, planned: &TargetTable) -> Result<()> {
        if planned.primary_key.is_empty() {
            return Ok(());
        }
        let session = self.session().await?;
        let object = table(&planned.name);
        let found = session.query_opt(PRIMARY, &[&self.schema, &planned.name]).await;
        match found.map_err(|error| session.failure(&object, error))? {
            None => {
                let columns = identifiers(planned.primary_key.iter().map(String::as_str));
                let name = qualified(&self.schema, &planned.name);
                let added = session.run(&object, &format!("ALTER TABLE {name} ADD PRIMARY KEY ({columns})")).await;
                if let Err(error) = added {
                    let parts: Vec<String> = planned.primary_key.iter().map(|column| identifier(column)).collect();
                    let search = self.doubled(planned, &parts, &Index::default());
                    return Err(self.with_broken(&session, &object, error, &search).await);
                }
            }
            Some(row) if row.get::<_, Vec<String>>(0) == planned.primary_key => {}
            Some(_) => {
                let why = "its columns are not the planned ones".to_owned();
                return Err(Error::Exists { what: format!("the primary key of {object}"), why });
            }
        }
        session.park(Tag::FREE);
        Ok(())
    }

    /// See [`crate::Target::add_foreign_keys`].
    pub(super) async fn declare_foreign_keys(&self, planned: &TargetTable) -> Result<()> {
        let session = self.session().await?;
        for key in &planned.foreign_keys {
            let there = catalog::foreign_keys_of(&session, &self.schema, &planned.name).await;
            let there = there.map_err(|error| session.failure(&table(&planned.name), error))?;
            match there.into_iter().find(|there| joins_as(there, key)) {
                None => session.run(&table(&planned.name), &self.foreign_key(&planned.name, key)?).await?,
                Some(there) if acts_as(&there, key) => {}
                Some(_) => {
                    let columns = identifiers(key.columns.iter().map(String::as_str));
                    return Err(Error::Exists {
                        what: format!("a foreign key of {} on {columns}", table(&planned.name)),
                        why: "it does not act as the planned one does".to_owned(),
                    });
                }
            }
        }
        session.park(Tag::FREE);
        Ok(())
    }

    fn foreign_key(&self, name: &str, key: &ForeignKey) -> Result<String> {
        for action in [&key.on_delete, &key.on_update] {
            if !ACTIONS.contains(&action.as_str()) {
                let what = format!("the referential action {action}");
                return Err(Error::Unsupported { what, why: "PostgreSQL does not have it".to_owned() });
            }
        }
        let constraint = key.name.as_ref().map(|name| format!("CONSTRAINT {} ", identifier(name)));
        Ok(format!(
            "ALTER TABLE {} ADD {}FOREIGN KEY ({}) REFERENCES {} ({}){} ON DELETE {} ON UPDATE {}{}",
            qualified(&self.schema, name),
            constraint.unwrap_or_default(),
            identifiers(key.columns.iter().map(String::as_str)),
            qualified(&self.schema, &key.parent),
            identifiers(key.parent_columns.iter().map(String::as_str)),
            if key.match_full { " MATCH FULL" } else { "" },
            key.on_delete,
            key.on_update,
            match key.timing {
                Timing::Immediate => "",
                Timing::Deferrable => " DEFERRABLE",
                Timing::Deferred => " DEFERRABLE INITIALLY DEFERRED",
            },
        ))
    }

    /// See [`crate::Target::add_checks`].
    pub(super) async fn declare_checks(&self, planned: &TargetTable) -> Result<()> {
        let session = self.session().await?;
        for check in &planned.checks {
            self.declare_check(&session, planned, check).await?;
        }
        session.park(Tag::FREE);
        Ok(())
    }

    async fn declare_check(&self, session: &Session, planned: &TargetTable, check: &Check) -> Result<()> {
        let name = &planned.name;
        let object = match &check.name {
            Some(constraint) => format!("check constraint \"{constraint}\" of {}", table(name)),
            None => format!("a check constraint of {}", table(name)),
        };
        let failure = |error| session.failure(&object, error);
        self.begin_definitions(session).await?;
        let there = catalog::checks_of(session, &self.schema, name).await.map_err(failure)?;
        let may_be = |there: &&Check| check.name.is_none() || there.name == check.name;
        let same_name: Vec<_> = there.iter().filter(may_be).collect();
        if !same_name.is_empty() {
            session.run(&object, "SAVEPOINT twin").await?;
            let twin = self.twin(session, name).await?;
            session.run(&object, &add_check(&twin.table, check)).await?;
            let wanted = catalog::checks_of(session, &twin.schema, &twin.name).await.map_err(failure)?;
            session.run(&object, "ROLLBACK TO SAVEPOINT twin").await?;
            let is_planned = |there: &&Check| wanted.iter().any(|wanted| wanted.expression == there.expression);
            if same_name.into_iter().any(|there| is_planned(&there)) {
                return session.run(&object, "ROLLBACK").await;
            }
            if check.name.is_some() {
                return Err(Error::Exists { what: object, why: "it is not the planned one".to_owned() });
            }
        }
        match session.run(&object, &add_check(&qualified(&self.schema, name), check)).await {
            Ok(()) => session.run(&object, "COMMIT").await,
            Err(error) => Err(self.with_broken(session, &object, error, &self.breaking(planned, check)).await),
        }
    }
}

fn add_check(on: &str, check: &Check) -> String {
    let constraint = check.name.as_ref().map(|name| format!("CONSTRAINT {} ", identifier(name))).unwrap_or_default();
    format!("ALTER TABLE {on} ADD {constraint}CHECK ({})", check.expression)
}

/// Whether two keys join the same columns, whatever they are called.
fn joins_as(there: &ForeignKey, key: &ForeignKey) -> bool {
    (&there.columns, &there.parent, &there.parent_columns) == (&key.columns, &key.parent, &key.parent_columns)
}

fn acts_as(there: &ForeignKey, key: &ForeignKey) -> bool {
    let acts = |key: &ForeignKey| (key.on_delete.clone(), key.on_update.clone(), key.match_full, key.timing);
    acts(there) == acts(key)
}
