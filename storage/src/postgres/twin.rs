//! How the server itself would write down what is planned: on an empty temporary table like the real one, so that it
//! can be compared with what is there, letter by letter.

use super::connection::Session;
use super::sql::{identifier, literal, qualified};
use super::{Postgres, table};
use crate::error::Result;

/// A temporary table with another's columns. It lives in the caller's transaction.
pub(super) struct Twin {
    /// The session's schema for temporary tables.
    pub schema: String,
    /// Name in it.
    pub name: String,
    /// Both, for statements.
    pub table: String,
}

impl Postgres {
    /// Begins a transaction in which definitions are read as those of this schema: what they name is looked up here,
    /// then where the database's extensions are, and nowhere else.
    pub(super) async fn begin_definitions(&self, session: &Session) -> Result<()> {
        session.run("a definition", "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        self.look_here(session).await
    }

    /// The same within a transaction that has begun.
    pub(super) async fn look_here(&self, session: &Session) -> Result<()> {
        let sql = format!(
            "SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', {}, \
             (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(n.nspname), ', ') \
              FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace \
              WHERE n.nspname NOT IN ('pg_catalog', {}))), true)",
            literal(&identifier(&self.schema)),
            literal(&self.schema),
        );
        session.run("a definition", &sql).await
    }

    /// An empty table with the columns of `name`.
    pub(super) async fn twin(&self, session: &Session, name: &str) -> Result<Twin> {
        const SCHEMA: &str =
            "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE oid = pg_catalog.pg_my_temp_schema()";
        let twin = "sensei_twin";
        let object = table(name);
        let real = qualified(&self.schema, name);
        session.run(&object, &format!("CREATE TEMPORARY TABLE {twin} (LIKE {real}) ON COMMIT DROP")).await?;
        let row = session.query_one(SCHEMA, &[]).await.map_err(|error| session.failure(&object, error))?;
        let schema: String = row.get(0);
        Ok(Twin { table: qualified(&schema, twin), name: twin.to_owned(), schema })
    }
}
