//! Defaults that the catalog cannot write: it is kept in utf8mb3, where characters beyond U+FFFF become `?`. The server
//! itself knows them better.

use crate::error::{Error, Result};
use crate::mysql::answer::Answer;
use crate::mysql::connection::Session;
use crate::mysql::flavor::Flavor;
use crate::mysql::relation::{NativeColumn, Relation};
use crate::mysql::sql::{identifier, literal, qualified};

/// Character sets with characters that utf8mb3 lacks.
const WIDE: [&str; 5] = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];

/// Asks the server for every constant default of `relation` that may have lost a character in the catalog.
pub(super) async fn mend(session: &mut Session, relation: &mut Relation) -> Result<()> {
    let flavor = session.server.flavor;
    let doubtful: Vec<usize> =
        (0..relation.columns.len()).filter(|place| is_doubtful(&relation.columns[*place], flavor)).collect();
    if doubtful.is_empty() {
        return Ok(());
    }
    let ask = |place: &usize| format!("DEFAULT({})", identifier(&relation.columns[*place].name));
    let asked = doubtful.iter().map(ask).collect::<Vec<_>>().join(", ");
    // A row of nothing, for tables that have none.
    let table = qualified(&relation.database, &relation.name);
    let sql = format!("SELECT {asked} FROM (SELECT 1) one LEFT JOIN {table} ON FALSE");
    let row = match session.first(&relation.label(), &sql).await {
        // Whoever may not read a table is told when the plan wants its rows.
        Err(Error::Privilege { .. }) | Ok(None) => return Ok(()),
        Ok(Some(row)) => row,
        Err(error) => return Err(error),
    };
    for (index, place) in doubtful.into_iter().enumerate() {
        let Some(text) = row.text(index) else { continue };
        let is_quoted = flavor == Flavor::Mariadb;
        relation.columns[place].details.default = Some(if is_quoted { literal(&text) } else { text });
    }
    Ok(())
}

/// Whether the catalog's default is a constant in which a question mark may stand for another character.
fn is_doubtful(column: &NativeColumn, flavor: Flavor) -> bool {
    let details = &column.details;
    let is_wide = details.charset.as_deref().is_some_and(|charset| WIDE.contains(&charset));
    let is_constant = |text: &str| match flavor {
        Flavor::Mariadb => text.len() > 1 && text.starts_with('\'') && text.ends_with('\''),
        Flavor::Mysql => !details.extra.contains("DEFAULT_GENERATED"),
    };
    is_wide && details.default.as_deref().is_some_and(|text| text.contains('?') && is_constant(text))
}
