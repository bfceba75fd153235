//! Creates what stands beside the tables. Knows nothing of their rows.

use std::collections::HashMap;

use super::connection::{Session, Tag};
use super::sql::identifier;
use super::{Postgres, catalog};
use crate::catalog::{Object, ObjectKind};
use crate::error::{Error, Result};

/// What tells objects of one schema apart.
type Key = (ObjectKind, Option<String>, String);

impl Postgres {
    /// See [`crate::Target::create_objects`]: one transaction, so that all are there or none.
    pub(super) async fn define_objects(&self, objects: &[Object]) -> Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let session = self.session().await?;
        self.begin_definitions(&session).await?;
        self.create_schema(&session).await?;
        // Functions may name tables that are not there yet.
        session.run("the session", "SET LOCAL check_function_bodies = off").await?;
        let there = catalog::read_objects(&session, &self.schema).await;
        let there = there.map_err(|error| session.failure("the target's objects", error))?;
        let there: HashMap<Key, Object> = there.into_iter().map(|object| (key(&object), object)).collect();
        self.look_here(&session).await?;
        for object in objects {
            self.define(&session, object, there.get(&key(object))).await?;
        }
        session.run("the target's objects", "COMMIT").await?;
        session.park(Tag::FREE);
        Ok(())
    }

    async fn define(&self, session: &Session, object: &Object, there: Option<&Object>) -> Result<()> {
        let Some(definition) = &object.definition else {
            let why = "the source gave no statement that creates it".to_owned();
            return Err(Error::Unsupported { what: label(object), why });
        };
        match there {
            Some(there) if is_same(there, object) => Ok(()),
            Some(_) if object.kind != ObjectKind::Extension => {
                let why = "it is not the source's; drop it, or leave it out of the plan".to_owned();
                Err(Error::Exists { what: label(object), why })
            }
            _ if object.kind == ObjectKind::Extension => self.define_extension(session, object, definition).await,
            _ => session.run(&label(object), definition).await,
        }
    }

    /// An extension is one per database, wherever it is.
    async fn define_extension(&self, session: &Session, object: &Object, definition: &str) -> Result<()> {
        const FOUND: &str = "SELECT FROM pg_catalog.pg_extension WHERE extname = $1";
        let found = session.query_opt(FOUND, &[&object.name]).await;
        if found.map_err(|error| session.failure(&label(object), error))?.is_none() {
            session.run(&label(object), definition).await?;
        }
        self.look_here(session).await
    }
}

/// Whether two objects of one name are one. Enumerations made of another system's have their name in quotes, which
/// PostgreSQL's own statement has only where they are needed.
fn is_same(there: &Object, planned: &Object) -> bool {
    there.definition == planned.definition || labels(there).is_some_and(|found| labels(planned) == Some(found))
}

/// The list of an enumeration's labels, as its statement has it.
fn labels(object: &Object) -> Option<&str> {
    let rest =
        object.definition.as_deref().filter(|_| object.kind == ObjectKind::Enum)?.strip_prefix("CREATE TYPE ")?;
    let named = rest.strip_prefix(&identifier(&object.name)).or_else(|| rest.strip_prefix(&object.name))?;
    named.strip_prefix(" AS ENUM ")
}

fn key(object: &Object) -> Key {
    (object.kind, object.table.clone(), object.name.clone())
}

fn label(object: &Object) -> String {
    format!("{} \"{}\"", object.kind, object.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enumeration_is_its_labels_however_its_name_is_quoted() {
        let of = |name: &str, definition: &str| Object {
            kind: ObjectKind::Enum,
            name: name.to_owned(),
            table: None,
            definition: Some(definition.to_owned()),
            next: None,
        };
        let found = of("mood", "CREATE TYPE mood AS ENUM ('a', 'b')");
        assert!(is_same(&found, &of("mood", "CREATE TYPE \"mood\" AS ENUM ('a', 'b')")));
        assert!(!is_same(&found, &of("mood", "CREATE TYPE \"mood\" AS ENUM ('b', 'a')")));
        let told = "CREATE TYPE \"mood\" AS ENUM ('a', 'b'); COMMENT ON TYPE mood IS 'x'";
        assert!(!is_same(&found, &of("mood", told)));
    }
}
