//! Which rows break a constraint that the server would not add. Knows nothing of why it was to be added.

use tokio_postgres::Row;

use super::Postgres;
use super::connection::Session;
use super::sql::{identifier, literal, qualified};
use crate::broken::{self, BROKEN_NAMED_MAX};
use crate::catalog::{Check, Index, TargetTable};
use crate::error::{Error, Result};

/// A query for what breaks a constraint: the count of all, then what names one, or two with an equal key.
pub(super) enum Search {
    /// Rows that a check is false for.
    Rows(String),
    /// Keys that several rows have.
    Doubled(String),
}

impl Postgres {
    /// `error`, and what `search` finds if it says that rows break `object`. Ends the transaction of `session`.
    pub(super) async fn with_broken(&self, session: &Session, object: &str, error: Error, search: &Search) -> Error {
        let error = error.of_all_rows();
        let Error::Refused { what, why } = error else { return error };
        // Whatever keeps it from looking is worth less than the refusal.
        let why = match self.broken(session, object, search).await {
            Ok(found) => format!("{why}; {found}"),
            Err(_) => why,
        };
        Error::Refused { what, why }
    }

    async fn broken(&self, session: &Session, object: &str, search: &Search) -> Result<String> {
        session.run(object, "ROLLBACK").await?;
        self.begin_definitions(session).await?;
        let (Search::Rows(sql) | Search::Doubled(sql)) = search;
        let rows = session.query(sql, &[]).await.map_err(|error| session.failure(object, error))?;
        let count = rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs());
        let name = |row: &Row, index| row.get::<_, Option<String>>(index).unwrap_or_default();
        Ok(match search {
            Search::Rows(_) => broken::rows(count, &rows.iter().map(|row| name(row, 1)).collect::<Vec<_>>()),
            Search::Doubled(_) => {
                broken::doubled(count, &rows.iter().map(|row| (name(row, 1), name(row, 2))).collect::<Vec<_>>())
            }
        })
    }

    /// Looks for the rows that a check is false for.
    pub(super) fn breaking(&self, planned: &TargetTable, check: &Check) -> Search {
        let table = qualified(&self.schema, &planned.name);
        Search::Rows(format!(
            "SELECT count(*) OVER (), {} FROM {table} WHERE NOT ({}) ORDER BY {} LIMIT {BROKEN_NAMED_MAX}",
            naming(planned),
            check.expression,
            broken::order(planned, identifier)
        ))
    }

    /// Looks for the keys that several rows have.
    pub(super) fn doubled(&self, planned: &TargetTable, parts: &[String], index: &Index) -> Search {
        let table = qualified(&self.schema, &planned.name);
        let not_null = parts.iter().filter(|_| !index.nulls_not_distinct).map(|part| format!("{part} IS NOT NULL"));
        let condition = index.predicate.iter().map(|predicate| format!("({predicate})")).chain(not_null);
        let condition = condition.chain(["true".to_owned()]).collect::<Vec<_>>().join(" AND ");
        let name = naming(planned);
        Search::Doubled(format!(
            "SELECT count(*) OVER (), min({name}), max({name}) FROM {table} WHERE {condition} GROUP BY {} \
             HAVING count(*) > 1 ORDER BY 2 LIMIT {BROKEN_NAMED_MAX}",
            parts.join(", ")
        ))
    }
}

/// What names a row: its key as `column=value, …`, or its address.
fn naming(planned: &TargetTable) -> String {
    let part = |name: &str| format!("coalesce({}::text, 'NULL')", identifier(name));
    let key = broken::key(planned);
    let parts: Vec<String> =
        key.iter().map(|field| format!("{}, {}", literal(&format!("{}=", field.name)), part(&field.name))).collect();
    match parts.is_empty() {
        true => "'the row at ' || ctid::text".to_owned(),
        false => format!("concat({})", parts.join(", ', ', ")),
    }
}
