//! Creates what stands beside tables: sequences, routines, views, triggers, events.

use super::answer::Answer;
use super::connection::Session;
use super::sql::literal;
use super::{Mysql, catalog};
use crate::catalog::{Object, ObjectKind};
use crate::error::{Error, Result};

impl Mysql {
    /// See [`crate::Target::create_objects`].
    pub(super) async fn create_all(&self, objects: &[Object]) -> Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let mut session = self.session().await?;
        let (found, _) = catalog::objects_of(&mut session, self.pool.database()).await?;
        for object in objects {
            match found.iter().find(|found| found.kind == object.kind && found.name == object.name) {
                Some(found) if found.definition == object.definition => {}
                Some(_) => {
                    let what = format!("{} \"{}\"", object.kind, object.name);
                    return Err(Error::Exists { what, why: "it is not the one that the plan has".to_owned() });
                }
                None => create(&mut session, object).await?,
            }
        }
        session.park();
        Ok(())
    }
}

/// Runs the object's statement, in the SQL mode it was written in.
async fn create(session: &mut Session, object: &Object) -> Result<()> {
    let what = format!("{} \"{}\"", object.kind, object.name);
    let Some(definition) = &object.definition else {
        return Err(Error::Unsupported { what, why: "its definition is not known".to_owned() });
    };
    if !is_known(object.kind) {
        return Err(Error::Unsupported { what, why: "MySQL has no such objects".to_owned() });
    }
    let (mode, statement) = catalog::mode_and_statement(definition);
    let kept = session.first(&what, "SELECT @@sql_mode").await?.map(|row| row.words(0)).unwrap_or_default();
    if let Some(mode) = mode {
        session.run(&what, &format!("SET sql_mode = {}", literal(mode))).await?;
    }
    session.run(&what, statement).await?;
    session.run(&what, &format!("SET sql_mode = {}", literal(&kept))).await
}

fn is_known(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Sequence
            | ObjectKind::Function
            | ObjectKind::Procedure
            | ObjectKind::View
            | ObjectKind::Trigger
            | ObjectKind::Event
    )
}
