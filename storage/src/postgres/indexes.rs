//! Adds indexes and unique constraints to loaded tables. Knows nothing of keys.

use super::connection::{Session, Tag};
use super::sql::{identifier, identifiers, qualified};
use super::{Postgres, catalog, table};
use crate::catalog::{Index, IndexPart, IndexTerm, TargetTable};
use crate::error::{Error, Result};

impl Postgres {
    /// See [`crate::Target::add_indexes`]: a transaction for each, so that those built before an interruption stay.
    pub(super) async fn declare_indexes(&self, planned: &TargetTable) -> Result<()> {
        let session = self.session().await?;
        for index in &planned.indexes {
            self.declare_index(&session, planned, index).await?;
        }
        session.park(Tag::FREE);
        Ok(())
    }

    async fn declare_index(&self, session: &Session, planned: &TargetTable, index: &Index) -> Result<()> {
        let name = &planned.name;
        let object = format!("index \"{}\" of {}", index.name, table(name));
        let statement = |on: &str| statement(&object, on, index);
        self.begin_definitions(session).await?;
        let there = catalog::indexes_of(session, &self.schema, name).await;
        let there = there.map_err(|error| session.failure(&object, error))?;
        match there.into_iter().find(|there| there.name == index.name) {
            None => match session.run(&object, &statement(&qualified(&self.schema, name))?).await {
                Ok(()) => session.run(&object, "COMMIT").await,
                Err(error) if index.unique => {
                    let search = self.doubled(planned, &terms(index), index);
                    Err(self.with_broken(session, &object, error, &search).await)
                }
                Err(error) => Err(error),
            },
            Some(there) => {
                let twin = self.twin(session, name).await?;
                session.run(&object, &statement(&twin.table)?).await?;
                let wanted = catalog::indexes_of(session, &twin.schema, &twin.name).await;
                let wanted = wanted.map_err(|error| session.failure(&object, error))?;
                session.run(&object, "ROLLBACK").await?;
                match wanted == [there] {
                    true => Ok(()),
                    false => Err(Error::Exists { what: object, why: "it is not the planned one".to_owned() }),
                }
            }
        }
    }
}

/// The statement that adds `index` to the table `on`.
///
/// # Errors
/// `Unsupported` for what PostgreSQL cannot index.
fn statement(object: &str, on: &str, index: &Index) -> Result<String> {
    let name = identifier(&index.name);
    let body = match &index.verbatim {
        Some(verbatim) => verbatim.clone(),
        None => body(object, index)?,
    };
    Ok(match index.constraint {
        true => format!("ALTER TABLE {on} ADD CONSTRAINT {name} {body}"),
        false => format!("CREATE {}INDEX {name} ON {on} {body}", if index.unique { "UNIQUE " } else { "" }),
    })
}

fn body(object: &str, index: &Index) -> Result<String> {
    let parts = index.parts.iter().map(|planned| part(object, index, planned));
    let parts = parts.collect::<Result<Vec<_>>>()?.join(", ");
    let include = match index.include.as_slice() {
        [] => String::new(),
        columns => format!(" INCLUDE ({})", identifiers(columns.iter().map(String::as_str))),
    };
    let nulls = if index.nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" };
    if index.constraint {
        return Ok(format!("UNIQUE{nulls} ({parts}){include}"));
    }
    let condition = index.predicate.as_ref().map(|condition| format!(" WHERE ({condition})")).unwrap_or_default();
    Ok(format!("USING {} ({parts}){include}{nulls}{condition}", identifier(&index.method)))
}

fn part(object: &str, index: &Index, planned: &IndexPart) -> Result<String> {
    let plain = IndexPart { of: planned.of.clone(), ..IndexPart::default() };
    let is_column = matches!(planned.of, IndexTerm::Column(_));
    if planned.prefix.is_some() || (index.constraint && !(is_column && *planned == plain)) {
        return Err(Error::Unsupported {
            what: object.to_owned(),
            why: "PostgreSQL indexes whole columns and expressions, and unique constraints are of plain columns"
                .to_owned(),
        });
    }
    let mut text = term(planned);
    for (word, value) in [(" COLLATE ", &planned.collation), (" ", &planned.operator_class)] {
        text.extend(value.iter().flat_map(|value| [word, value]));
    }
    text.push_str(if planned.descending { " DESC" } else { "" });
    text.push_str(match planned.nulls_first {
        Some(true) => " NULLS FIRST",
        Some(false) => " NULLS LAST",
        None => "",
    });
    Ok(text)
}

fn term(part: &IndexPart) -> String {
    match &part.of {
        IndexTerm::Column(column) => identifier(column),
        IndexTerm::Expression(expression) => format!("({expression})"),
    }
}

/// What an index's keys are made of, each with its collation.
fn terms(index: &Index) -> Vec<String> {
    let collated = |part: &IndexPart| match &part.collation {
        Some(collation) => format!("{} COLLATE {collation}", term(part)),
        None => term(part),
    };
    index.parts.iter().map(collated).collect()
}
