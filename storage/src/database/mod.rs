//! A small relational store for Sensei's own records, on SQLite or PostgreSQL: one text per statement, one set of
//! migrations, whatever the system.
//!
//! In reading order: values and rows, statements with their parameters, the two systems, migrations. Knows nothing of
//! what the records mean.
//!
//! **Invariant:** a write is one transaction, stored whole or not at all; once it is answered it survives a crash.

mod migrate;
mod postgres;
mod sqlite;
mod statement;
#[cfg(test)]
mod tests;
mod value;
mod wire;

use std::path::Path;

pub use self::migrate::Migration;
pub use self::statement::Statement;
pub use self::value::{Row, Value};

use self::postgres::Postgres;
use self::sqlite::Sqlite;
use crate::error::Result;

/// A database of our own. Many tasks may share one; their writes take turns.
///
/// ```
/// use sensei_storage::database::{Database, Migration, Statement};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sensei_storage::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let url = format!("sqlite:{}/notes.db", folder.path().display());
/// let database = Database::open(&url)?;
/// let sql = "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, text text NOT NULL)";
/// database.migrate(&[Migration { name: "notes", sql }]).await?;
/// let insert = Statement::new("INSERT INTO notes (id, text) {rows}").row([1_i64.into(), "first".into()]);
/// assert_eq!(database.write(vec![insert]).await?, [1]);
/// let rows = database.read("SELECT text FROM notes WHERE id = $1", vec![1_i64.into()]).await?;
/// assert_eq!(rows[0].text(0)?, "first");
/// # Ok(()) }
/// ```
pub struct Database {
    system: System,
}

enum System {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Who else may write in the middle of a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Others, to other rows.
    Shared,
    /// Nobody who asks for the same.
    Alone,
}

impl Database {
    /// Opens `url`: `sqlite:PATH` or a path, whose file is created, readable by its owner only; or `postgresql://…`
    /// as for sources and targets, with the tables in the schema `public`. A server is not connected to before it is
    /// needed.
    ///
    /// # Errors
    /// `Invalid` or `Missing` if the URL makes no sense, else whatever keeps the file from being opened. A URL's
    /// password is in no message.
    pub fn open(url: &str) -> Result<Database> {
        let is_server = ["postgresql://", "postgres://"].iter().any(|scheme| url.starts_with(scheme));
        let system = match is_server {
            true => System::Postgres(Postgres::open(url)?),
            false => {
                let path = url.strip_prefix("sqlite:").unwrap_or(url);
                System::Sqlite(Sqlite::open(Path::new(path.strip_prefix("//").unwrap_or(path)))?)
            }
        };
        Ok(Database { system })
    }

    /// The place for people, without a password.
    pub fn describe(&self) -> &str {
        match &self.system {
            System::Sqlite(sqlite) => sqlite.name(),
            System::Postgres(postgres) => postgres.label(),
        }
    }

    /// The rows of one query, with `$1` and so on bound to `parameters`. A lost connection is opened again and the
    /// query asked again, a few times.
    ///
    /// # Errors
    /// `Unavailable` if the system is away, else what it says of the query.
    pub async fn read(&self, sql: &'static str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        match &self.system {
            System::Sqlite(sqlite) => sqlite.read(sql, parameters).await,
            System::Postgres(postgres) => postgres.read(sql, &parameters).await,
        }
    }

    /// Runs all `statements` in one transaction and returns how many rows each affected (0 for a script). The future
    /// must be awaited to its end to know what became of it.
    ///
    /// # Errors
    /// Nothing is stored if an expectation is not met (the error is the expectation's own) or the system refuses a
    /// statement. `Unavailable` if the system is away; if it went away during the commit, nobody knows whether it
    /// took place, which the message says, and it is never tried again by itself.
    pub async fn write(&self, statements: Vec<Statement>) -> Result<Vec<u64>> {
        self.transact(statements, Turn::Shared).await
    }

    async fn transact(&self, statements: Vec<Statement>, turn: Turn) -> Result<Vec<u64>> {
        match &self.system {
            System::Sqlite(sqlite) => sqlite.write(statements).await,
            System::Postgres(postgres) => postgres.write(&statements, turn).await,
        }
    }
}
