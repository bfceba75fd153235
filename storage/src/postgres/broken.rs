//! How many rows break a constraint that the server would not add. Knows nothing of why it was to be added.

use super::Postgres;
use super::connection::Session;
use super::sql::qualified;
use crate::catalog::{Check, Index};
use crate::error::{Error, Result};

impl Postgres {
    /// `error`, and how many rows `counting` finds if it says that rows break `object`. Ends the transaction of `session`.
    pub(super) async fn with_count(&self, session: &Session, object: &str, error: Error, counting: &str) -> Error {
        let error = error.of_all_rows();
        let Error::Refused { what, why } = error else { return error };
        // Whatever keeps it from counting is worth less than the refusal.
        let why = match self.count(session, object, counting).await {
            Ok(count) => format!("{why}; {count}"),
            Err(_) => why,
        };
        Error::Refused { what, why }
    }

    async fn count(&self, session: &Session, object: &str, counting: &str) -> Result<String> {
        session.run(object, "ROLLBACK").await?;
        self.begin_definitions(session).await?;
        let row = session.query_one(counting, &[]).await.map_err(|error| session.failure(object, error))?;
        Ok(row.get(0))
    }

    /// Counts the rows that a check is false for.
    pub(super) fn counting_broken(&self, table: &str, check: &Check) -> String {
        let table = qualified(&self.schema, table);
        format!("SELECT 'rows that break it: ' || count(*) FROM {table} WHERE NOT ({})", check.expression)
    }

    /// Counts the keys that several rows have.
    pub(super) fn counting_doubled(&self, table: &str, parts: &[String], index: &Index) -> String {
        let table = qualified(&self.schema, table);
        let not_null = parts.iter().filter(|_| !index.nulls_not_distinct).map(|part| format!("{part} IS NOT NULL"));
        let condition = index.predicate.iter().map(|predicate| format!("({predicate})")).chain(not_null);
        let condition = condition.chain(["true".to_owned()]).collect::<Vec<_>>().join(" AND ");
        format!(
            "SELECT 'keys that several rows have: ' || count(*) FROM (SELECT FROM {table} WHERE {condition} \
             GROUP BY {} HAVING count(*) > 1) doubled",
            parts.join(", ")
        )
    }
}
