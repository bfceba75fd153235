//! How a row is found again in a system that gives rows no address: by the values of a unique key, or in a table without
//! one by everything in it. Rows that are equal to the last bit stand for one another.

use super::connection::Session;
use super::keys::Key;
use super::relation::{NativeColumn, Relation};
use super::sql::{equals, identifier};
use crate::error::{Error, Result};
use crate::types::LogicalType;

/// What tells rows of one table apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Locator {
    /// The columns of a unique key. A row's locator is a JSON array of their canonical texts.
    Key(Vec<String>),
    /// An SQL expression: the SHA-256 of the whole row as the server has it. A row's locator is its hexadecimal digits.
    Content(String),
}

impl Locator {
    /// What tells the rows of `relation` apart.
    pub(super) async fn of(session: &mut Session, relation: &Relation) -> Result<Locator> {
        let key = Key::of(session, relation).await?.filter(|key| key.whole);
        Ok(key.map_or_else(|| Locator::Content(content(&relation.columns)), |key| Locator::Key(key.columns)))
    }

    /// The columns to be read so that a row's locator can be told.
    pub(super) fn columns(&self) -> &[String] {
        match self {
            Locator::Key(columns) => columns,
            Locator::Content(_) => &[],
        }
    }

    /// The condition that finds the rows at `locator`: one row by a key, all equal ones by their content.
    ///
    /// # Errors
    /// `Changed` for a locator of another kind: the table's keys are not what they were.
    pub(super) fn condition(&self, relation: &Relation, locator: &str) -> Result<String> {
        let foreign = || Error::Changed { what: format!("the unique key of {}", relation.label()) };
        match self {
            Locator::Key(columns) => {
                let texts: Vec<String> = serde_json::from_str(locator).map_err(|_| foreign())?;
                if columns.is_empty() || texts.len() != columns.len() {
                    return Err(foreign());
                }
                let parts = columns.iter().zip(&texts).map(|(column, text)| equals(relation, column, text));
                Ok(format!("({})", parts.collect::<Result<Vec<_>>>()?.join(" AND ")))
            }
            Locator::Content(digest) => {
                let is_digest = locator.len() == 64 && locator.bytes().all(|byte| byte.is_ascii_hexdigit());
                if is_digest { Ok(format!("{digest} = '{locator}'")) } else { Err(foreign()) }
            }
        }
    }
}

/// Each cell by itself first: together they might exceed the server's largest packet.
fn content(columns: &[NativeColumn]) -> String {
    let cell = |column: &NativeColumn| {
        let name = identifier(&column.name);
        let told = match column.logical {
            // As text a float has six digits, and bits are no text.
            Some(LogicalType::Float32 | LogicalType::Bits { .. }) => format!("{name} + 0e0"),
            _ => name,
        };
        format!("IFNULL(SHA2({told}, 256), '-')")
    };
    format!("SHA2(CONCAT({}), 256)", columns.iter().map(cell).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_key_is_told_by_every_bit_of_it() {
        let columns = [NativeColumn::of("a`b", "text"), NativeColumn::of("f", "float")];
        let told = content(&columns);
        assert_eq!(told, "SHA2(CONCAT(IFNULL(SHA2(`a``b`, 256), '-'), IFNULL(SHA2(`f` + 0e0, 256), '-')), 256)");
        let relation = Relation::empty("d", "t", "InnoDB".to_owned());
        let locator = Locator::Content("x".to_owned());
        assert_eq!(
            locator.condition(&relation, &"a".repeat(64)).expect("a digest"),
            format!("x = '{}'", "a".repeat(64))
        );
        for foreign in ["[\"1\"]", "' OR 1 = 1", ""] {
            assert!(matches!(locator.condition(&relation, foreign), Err(Error::Changed { .. })), "{foreign}");
        }
    }
}
