//! Adds indexes to loaded tables.

use super::connection::Session;
use super::flavor::Flavor;
use super::rowmark::MARK;
use super::shape;
use super::sql::{identifier, qualified};
use super::{Mysql, catalog, table};
use crate::catalog::{Index, IndexPart, IndexTerm, TargetTable};
use crate::error::{Error, Result};

impl Mysql {
    /// See [`crate::Target::add_indexes`]. All that can be built in one pass over the table are; the server builds only
    /// one full-text index at a time.
    pub(super) async fn declare_indexes(&self, planned: &TargetTable) -> Result<()> {
        let mut session = self.session().await?;
        let found = catalog::indexes(&mut session, self.pool.database(), &planned.name).await?;
        let mut together = Vec::new();
        for index in &planned.indexes {
            match found.iter().find(|found| found.name.eq_ignore_ascii_case(&index.name)) {
                Some(found) if same(found, index) => {}
                Some(_) => {
                    let what = format!("index \"{}\" of {}", index.name, table(&planned.name));
                    return Err(Error::Exists { what, why: "it is not the planned one".to_owned() });
                }
                None if index.method == "fulltext" => {
                    let clause = definition(&session, planned, index)?;
                    self.alter(&mut session, planned, &[clause]).await?;
                }
                None => together.push(definition(&session, planned, index)?),
            }
        }
        if !together.is_empty()
            && let Err(error) = self.alter(&mut session, planned, &together).await
        {
            return Err(self.with_doubled(&mut session, planned, &planned.indexes, error).await);
        }
        self.number_itself(&mut session, planned).await?;
        session.park();
        Ok(())
    }

    async fn alter(&self, session: &mut Session, planned: &TargetTable, clauses: &[String]) -> Result<()> {
        let name = qualified(self.pool.database(), &planned.name);
        let sql = format!("ALTER TABLE {name} {}", clauses.join(", "));
        session.run(&table(&planned.name), &sql).await.map_err(Error::of_all_rows)
    }

    /// A column that numbers itself outside the primary key can do so now that it leads an index.
    async fn number_itself(&self, session: &mut Session, planned: &TargetTable) -> Result<()> {
        let late = |field: &&crate::catalog::Field| {
            field.traits.identity.is_some() && planned.primary_key.first() != Some(&field.name)
        };
        for field in planned.fields.iter().filter(|_| planned.create).filter(late) {
            let column = shape::column(&session.server, planned, field)?;
            self.alter(session, planned, &[format!("MODIFY COLUMN {column} AUTO_INCREMENT")]).await?;
        }
        Ok(())
    }
}

/// `ADD [UNIQUE] KEY name (parts)`.
fn definition(session: &Session, planned: &TargetTable, index: &Index) -> Result<String> {
    let what = || format!("index \"{}\" of {}", index.name, table(&planned.name));
    if index.name.eq_ignore_ascii_case(MARK) {
        let why = format!("the name {MARK} is taken while a job is under way");
        return Err(Error::Unsupported { what: what(), why });
    }
    let kind = match (index.method.as_str(), index.unique) {
        ("fulltext", false) => "FULLTEXT KEY",
        ("spatial" | "rtree", false) => "SPATIAL KEY",
        ("btree" | "hash", true) => "UNIQUE KEY",
        ("btree" | "hash", false) => "KEY",
        (method, _) => {
            return Err(Error::Unsupported { what: what(), why: format!("MySQL has no index of the kind {method}") });
        }
    };
    if index.predicate.is_some() || !index.include.is_empty() || index.nulls_not_distinct {
        let why = "MySQL has no conditions, no stored columns and no equal NULLs in indexes".to_owned();
        return Err(Error::Unsupported { what: what(), why });
    }
    let parts = index.parts.iter().map(|part| term(session, planned, index, part)).collect::<Result<Vec<_>>>()?;
    Ok(format!("ADD {kind} {} ({})", identifier(&index.name), parts.join(", ")))
}

fn term(session: &Session, planned: &TargetTable, index: &Index, part: &IndexPart) -> Result<String> {
    let order = if part.descending { " DESC" } else { "" };
    match &part.of {
        IndexTerm::Column(name) => {
            let prefix = part.prefix.map(|prefix| format!("({prefix})")).unwrap_or_default();
            Ok(format!("{}{prefix}{order}", identifier(name)))
        }
        IndexTerm::Expression(expression) if session.server.is_mysql(8, 0, 13) => Ok(format!("({expression}){order}")),
        IndexTerm::Expression(_) => Err(Error::Unsupported {
            what: format!("index \"{}\" of {}", index.name, table(&planned.name)),
            why: format!("{} has no indexes over expressions", Flavor::Mariadb),
        }),
    }
}

/// Whether an index that is there is the planned one, as far as the server tells: it may have shortened what counts.
fn same(found: &Index, planned: &Index) -> bool {
    let terms = |index: &Index| index.parts.iter().map(|part| (part.of.clone(), part.descending)).collect::<Vec<_>>();
    let kind = |index: &Index| match index.method.as_str() {
        "fulltext" => 1,
        "spatial" | "rtree" => 2,
        _ => 0,
    };
    found.unique == planned.unique && kind(found) == kind(planned) && terms(found) == terms(planned)
}
