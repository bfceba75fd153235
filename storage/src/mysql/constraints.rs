//! Declares keys and checks on loaded tables. Knows nothing of how the rows came there.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::connection::Session;
use super::flavor::Flavor;
use super::sql::{identifier, identifiers, qualified};
use super::{Mysql, catalog, table};
use crate::catalog::{Check, ForeignKey, Index, IndexPart, IndexTerm, TargetTable};
use crate::error::{Error, Result};

/// What `ON DELETE` and `ON UPDATE` may say. InnoDB takes `SET DEFAULT` and does not do it.
const ACTIONS: [&str; 4] = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL"];

/// ` ON DELETE …`. MariaDB writes a RESTRICT that is spelled out down as NO ACTION, which is the same thing, and keeps one
/// that is left out.
fn action(flavor: Flavor, event: &str, action: &str) -> String {
    match (flavor, action) {
        (Flavor::Mariadb, "RESTRICT") => String::new(),
        _ => format!(" ON {event} {action}"),
    }
}

impl Mysql {
    /// See [`crate::Target::add_primary_key`]. Tables that Sensei creates have theirs from the start.
    pub(super) async fn declare_primary_key(&self, planned: &TargetTable) -> Result<()> {
        if planned.primary_key.is_empty() {
            return Ok(());
        }
        let mut session = self.session().await?;
        let object = table(&planned.name);
        let found = catalog::primary_key(&mut session, self.pool.database(), &planned.name).await?;
        if found.is_empty() {
            let columns = identifiers(planned.primary_key.iter().map(String::as_str));
            let name = qualified(self.pool.database(), &planned.name);
            let sql = format!("ALTER TABLE {name} ADD PRIMARY KEY ({columns})");
            if let Err(error) = session.run(&object, &sql).await {
                let part =
                    |column: &String| IndexPart { of: IndexTerm::Column(column.clone()), ..IndexPart::default() };
                let parts = planned.primary_key.iter().map(part).collect();
                let key = Index { unique: true, parts, ..Index::default() };
                return Err(self.with_doubled(&mut session, planned, &[key], error.of_all_rows()).await);
            }
        } else if found != planned.primary_key {
            let why = "its columns are not the planned ones".to_owned();
            return Err(Error::Exists { what: format!("the primary key of {object}"), why });
        }
        session.park();
        Ok(())
    }

    /// See [`crate::Target::add_checks`].
    pub(super) async fn declare_checks(&self, planned: &TargetTable) -> Result<()> {
        if planned.checks.is_empty() {
            return Ok(());
        }
        let mut session = self.session().await?;
        let object = table(&planned.name);
        let (mut found, _) = catalog::checks(&mut session, self.pool.database()).await?;
        let found = found.remove(&planned.name).unwrap_or_default();
        let is_there = |check: &Check| match &check.name {
            Some(name) => found.iter().any(|found| found.name.as_ref() == Some(name)),
            None => found.iter().any(|found| found.expression == check.expression),
        };
        for check in planned.checks.iter().filter(|check| !is_there(check)) {
            let constraint = check.name.as_ref().map(|name| format!("CONSTRAINT {} ", identifier(name)));
            let sql = format!(
                "ALTER TABLE {} ADD {}CHECK ({})",
                qualified(self.pool.database(), &planned.name),
                constraint.unwrap_or_default(),
                check.expression
            );
            if let Err(error) = session.run(&object, &sql).await {
                return Err(self.with_breaking(&mut session, planned, check, error.of_all_rows()).await);
            }
        }
        session.park();
        Ok(())
    }

    /// See [`crate::Target::add_foreign_keys`].
    ///
    /// Checking while it adds a key, the server would copy the whole table. So each key is added unchecked, from when on
    /// it holds for what others write, and the rows that were there are looked at after that.
    pub(super) async fn declare_foreign_keys(&self, planned: &TargetTable) -> Result<()> {
        if planned.foreign_keys.is_empty() {
            return Ok(());
        }
        let mut session = self.session().await?;
        let mut found = catalog::foreign_keys(&mut session, self.pool.database()).await?;
        let found = found.remove(&planned.name).unwrap_or_default();
        for key in &planned.foreign_keys {
            let same = |other: &&ForeignKey| {
                other.columns == key.columns && other.parent == key.parent && other.parent_columns == key.parent_columns
            };
            let name = match found.iter().find(same) {
                Some(found) => found.name.clone(),
                None => Some(self.add_foreign_key(&mut session, planned, key).await?),
            };
            self.refuse_orphans(&mut session, planned, key, name.as_deref()).await?;
        }
        session.park();
        Ok(())
    }

    /// Adds the key without looking at rows. Returns its name.
    async fn add_foreign_key(&self, session: &mut Session, planned: &TargetTable, key: &ForeignKey) -> Result<String> {
        for action in [&key.on_delete, &key.on_update] {
            if !ACTIONS.contains(&action.as_str()) {
                let what = format!("the referential action {action}");
                return Err(Error::Unsupported { what, why: "MySQL does not do it".to_owned() });
            }
        }
        let database = self.pool.database();
        let name = match &key.name {
            Some(name) => name.clone(),
            None => self.free_name(session, &planned.name).await?,
        };
        let sql = format!(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}{}",
            qualified(database, &planned.name),
            identifier(&name),
            identifiers(key.columns.iter().map(String::as_str)),
            qualified(database, &key.parent),
            identifiers(key.parent_columns.iter().map(String::as_str)),
            action(session.server.flavor, "DELETE", &key.on_delete),
            action(session.server.flavor, "UPDATE", &key.on_update),
        );
        session.run(&table(&planned.name), "SET foreign_key_checks = 0").await?;
        session.run(&table(&planned.name), &sql).await?;
        session.run(&table(&planned.name), "SET foreign_key_checks = 1").await?;
        Ok(name)
    }

    /// A name for a key without one. Names of foreign keys are taken for the whole database.
    async fn free_name(&self, session: &mut Session, name: &str) -> Result<String> {
        let taken = catalog::foreign_keys(session, self.pool.database()).await?;
        let taken: BTreeMap<&str, ()> =
            taken.values().flatten().filter_map(|key| Some((key.name.as_deref()?, ()))).collect();
        // Cut so that the number fits behind it.
        let stem: String = name.chars().take(50).collect();
        let free = (1..).map(|number| format!("{stem}_ibfk_{number}")).find(|name| !taken.contains_key(name.as_str()));
        free.ok_or_else(|| Error::internal("naming a foreign key", "every name is taken"))
    }

    /// # Errors
    /// `Refused` if a row has no parent; a key that was added for this is taken off again.
    async fn refuse_orphans(
        &self,
        session: &mut Session,
        planned: &TargetTable,
        key: &ForeignKey,
        name: Option<&str>,
    ) -> Result<()> {
        let object = table(&planned.name);
        let own = key.columns.iter().map(|column| format!("c.{}", identifier(column)));
        let not_null = own.clone().map(|column| format!("{column} IS NOT NULL")).collect::<Vec<_>>().join(" AND ");
        let parents = key.parent_columns.iter().map(|column| format!("p.{}", identifier(column)));
        let pairs = own.zip(parents).map(|(own, parent)| format!("{own} = {parent}")).collect::<Vec<_>>().join(" AND ");
        let database = self.pool.database();
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} c WHERE {not_null} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {pairs}))",
            qualified(database, &planned.name),
            qualified(database, &key.parent),
        );
        if !session.first(&object, &sql).await?.is_some_and(|row| row.flag(0)) {
            return Ok(());
        }
        if let Some(name) = name {
            let sql =
                format!("ALTER TABLE {} DROP FOREIGN KEY {}", qualified(database, &planned.name), identifier(name));
            session.run(&object, &sql).await?;
        }
        let constraint = name.map(|name| format!(", constraint \"{name}\"")).unwrap_or_default();
        Err(Error::Refused { what: object, why: format!("a foreign key has no parent row{constraint}") })
    }

    /// See [`crate::Target::set_next`]. InnoDB never lets a counter stand below what the rows have, but below what it
    /// gave; a sequence goes forward only.
    pub(super) async fn number_on(&self, next: &[crate::target::NextNumber]) -> Result<()> {
        if next.is_empty() {
            return Ok(());
        }
        let mut session = self.session().await?;
        let database = self.pool.database();
        for one in next {
            match &one.table {
                Some(name) => {
                    let wanted = one.next.max(1);
                    if catalog::next_number(&mut session, database, name).await?.is_none_or(|stands| stands < wanted) {
                        let sql = format!("ALTER TABLE {} AUTO_INCREMENT = {wanted}", qualified(database, name));
                        session.run(&table(name), &sql).await?;
                    }
                }
                None => {
                    let sql = format!("SELECT SETVAL({}, {}, 0)", qualified(database, &one.of), one.next);
                    session.first(&format!("sequence \"{}\"", one.of), &sql).await?;
                }
            }
        }
        session.park();
        Ok(())
    }
}
