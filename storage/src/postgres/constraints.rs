//! Declares keys on loaded tables. Knows nothing of how the rows came there.

use super::connection::{Session, Tag};
use super::sql::{identifier, identifiers, qualified};
use super::{Postgres, table};
use crate::catalog::{ForeignKey, TargetTable};
use crate::error::{Error, Result};

/// The column names behind an array of numbers of one relation, in order.
const PRIMARY: &str = "\
    SELECT ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2 AND k.contype = 'p'";

/// Whether a foreign key with these columns is there, whatever its name.
const FOREIGN: &str = "\
    SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint k \
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class p ON p.oid = k.confrelid AND p.relnamespace = n.oid \
    WHERE n.nspname = $1 AND c.relname = $2 AND k.contype = 'f' AND p.relname = $4 \
      AND ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) = $3::text[] \
      AND ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(number, place) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place) = $5::text[])";

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
                session.run(&object, &format!("ALTER TABLE {name} ADD PRIMARY KEY ({columns})")).await?;
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
            if !self.has_foreign_key(&session, &planned.name, key).await? {
                session.run(&table(&planned.name), &self.foreign_key(&planned.name, key)?).await?;
            }
        }
        session.park(Tag::FREE);
        Ok(())
    }

    async fn has_foreign_key(&self, session: &Session, name: &str, key: &ForeignKey) -> Result<bool> {
        let row = session
            .query_one(FOREIGN, &[&self.schema, &name, &key.columns, &key.parent, &key.parent_columns])
            .await
            .map_err(|error| session.failure(&table(name), error))?;
        Ok(row.get(0))
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
            "ALTER TABLE {} ADD {}FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
            qualified(&self.schema, name),
            constraint.unwrap_or_default(),
            identifiers(key.columns.iter().map(String::as_str)),
            qualified(&self.schema, &key.parent),
            identifiers(key.parent_columns.iter().map(String::as_str)),
            key.on_delete,
            key.on_update,
        ))
    }
}
