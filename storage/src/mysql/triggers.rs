//! Triggers that would act on rows other than those that are moved. MySQL has no way to silence one.

use super::answer::Answer;
use super::connection::Session;
use super::relation::Relation;
use super::sql::literal;
use crate::error::{Error, Result};

/// # Errors
/// `Unsupported` if the table has triggers for one of `events` (`INSERT`, `DELETE`), so that `doing` would set them off.
pub(super) async fn refuse(session: &mut Session, relation: &Relation, events: &[&str], doing: &str) -> Result<()> {
    let sql = format!(
        "SELECT TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS \
         WHERE EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = {}",
        literal(&relation.database),
        literal(&relation.name)
    );
    let rows = session.select(&relation.label(), &sql).await?;
    match rows.iter().find(|row| events.contains(&row.words(1).as_str())) {
        None => Ok(()),
        Some(row) => Err(Error::Unsupported {
            what: format!("{doing} {}", relation.label()),
            why: format!(
                "its trigger \"{}\" would act on them, and MySQL cannot silence triggers; drop it meanwhile, or run the \
                 plan again with --fresh",
                row.words(0)
            ),
        }),
    }
}
