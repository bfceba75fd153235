//! The head's memory across crashes: jobs, splits, events, audit, tokens, and who leads. Whatever is answered was stored
//! before, and only by the one that leads. Knows nothing of what the head decides.
//!
//! In reading order: who leads, storing, reading back, events, the audit chain, tokens, the tables.
//!
//! **Invariant:** every change is fenced: its transaction begins by renewing the leadership under its term, which fails
//! once another one leads.

mod audit;
mod commit;
mod events;
mod leader;
mod load;
mod migrations;
mod rows;
#[cfg(test)]
mod tests;
mod tokens;

use sensei_storage::Result;
use sensei_storage::database::{Database, Statement};
use tokio::sync::Mutex;

use self::audit::Chain;

pub use self::audit::{AuditEntry, hash_of};
pub use self::events::EVENTS_PER_JOB_MAX;
pub use self::leader::Leadership;
pub use self::load::Loaded;
pub use self::tokens::TokenRecord;

/// What the head knows, in a database.
pub struct Store {
    database: Database,
    /// Where the audit chain ends; `None` when that must be read first. Held while changes are stored.
    chain: Mutex<Option<Chain>>,
}

impl Store {
    /// Opens `url` (`sqlite:PATH`, a path, or `postgresql://…`, see [`Database::open`]) and brings its tables to this
    /// version's form.
    ///
    /// # Errors
    /// Those of [`Database::open`] and [`Database::migrate`].
    pub async fn open(url: &str) -> Result<Store> {
        let database = Database::open(url)?;
        database.migrate(migrations::MIGRATIONS).await?;
        Ok(Store { database, chain: Mutex::new(None) })
    }

    /// The place for people, without a password.
    pub fn describe(&self) -> &str {
        self.database.describe()
    }

    /// One transaction of whoever leads under `term`, which it renews.
    async fn write(&self, term: u64, statements: impl IntoIterator<Item = Statement>) -> Result<()> {
        let fenced = std::iter::once(leader::fence(term)).chain(statements);
        self.database.write(fenced.collect()).await.map(drop)
    }
}
