//! Which rows break a constraint that the server would not add. Knows nothing of why it was to be added.

use super::Mysql;
use super::answer::Answer;
use super::connection::Session;
use super::sql::{identifier, literal, qualified};
use super::table;
use crate::broken::{self, BROKEN_NAMED_MAX};
use crate::catalog::{Check, Index, IndexTerm, TargetTable};
use crate::error::{Error, Result};

impl Mysql {
    /// `error`, and the rows that `check` is false for if it says that there are some.
    pub(super) async fn with_breaking(
        &self,
        session: &mut Session,
        planned: &TargetTable,
        check: &Check,
        error: Error,
    ) -> Error {
        let Error::Refused { what, why } = error else { return error };
        let sql = format!(
            "SELECT COUNT(*) OVER (), {} FROM {} WHERE NOT ({}) ORDER BY {} LIMIT {BROKEN_NAMED_MAX}",
            naming(planned),
            qualified(self.pool.database(), &planned.name),
            check.expression,
            broken::order(planned, identifier)
        );
        // Whatever keeps it from looking is worth less than the refusal.
        let Ok(rows) = session.select(&table(&planned.name), &sql).await else { return Error::Refused { what, why } };
        let count = rows.first().and_then(|row| row.number(0)).unwrap_or(0);
        let found = broken::rows(count, &rows.iter().map(|row| row.words(1)).collect::<Vec<_>>());
        Error::Refused { what, why: format!("{why}; {found}") }
    }

    /// `error`, and the keys of the first of `indexes` that several rows have, if it says that there are some. What an
    /// index leaves out of its columns counts here.
    pub(super) async fn with_doubled(
        &self,
        session: &mut Session,
        planned: &TargetTable,
        indexes: &[Index],
        error: Error,
    ) -> Error {
        let Error::Refused { what, why } = error else { return error };
        for index in indexes.iter().filter(|index| index.unique) {
            // Whatever keeps it from looking is worth less than the refusal.
            if let Ok(Some(found)) = self.doubled(session, planned, index).await {
                return Error::Refused { what, why: format!("{why}; {found}") };
            }
        }
        Error::Refused { what, why }
    }

    async fn doubled(&self, session: &mut Session, planned: &TargetTable, index: &Index) -> Result<Option<String>> {
        let term = |of: &IndexTerm| match of {
            IndexTerm::Column(column) => identifier(column),
            IndexTerm::Expression(expression) => format!("({expression})"),
        };
        let prefixed = |term: String, prefix: Option<u32>| match prefix {
            Some(prefix) => format!("LEFT({term}, {prefix})"),
            None => term,
        };
        let terms: Vec<String> = index.parts.iter().map(|part| prefixed(term(&part.of), part.prefix)).collect();
        let not_null = terms.iter().map(|term| format!("{term} IS NOT NULL")).collect::<Vec<_>>().join(" AND ");
        let sql = format!(
            "SELECT COUNT(*) OVER (), MIN({name}), MAX({name}) FROM {} WHERE {not_null} GROUP BY {} \
             HAVING COUNT(*) > 1 ORDER BY 2 LIMIT {BROKEN_NAMED_MAX}",
            qualified(self.pool.database(), &planned.name),
            terms.join(", "),
            name = naming(planned)
        );
        let rows = session.select(&table(&planned.name), &sql).await?;
        let Some(count) = rows.first().and_then(|row| row.number(0)) else { return Ok(None) };
        let pairs: Vec<_> = rows.iter().map(|row| (row.words(1), row.words(2))).collect();
        Ok(Some(broken::doubled(count, &pairs)))
    }
}

/// What names a row: its key as `column=value, …`; empty without one.
fn naming(planned: &TargetTable) -> String {
    let part =
        |name: &str| format!("{}, COALESCE(CAST({} AS CHAR), 'NULL')", literal(&format!("{name}=")), identifier(name));
    let parts: Vec<String> = broken::key(planned).iter().map(|field| part(&field.name)).collect();
    if parts.is_empty() { "''".to_owned() } else { format!("CONCAT({})", parts.join(", ', ', ")) }
}
