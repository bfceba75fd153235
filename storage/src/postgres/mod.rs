//! PostgreSQL 14 and later, read and written through COPY in its binary format.
//!
//! In reading order: addresses and connections, the catalog, types, the binary codec, snapshots with their
//! scans, and the target with its writers. Knows nothing of plans, jobs' meaning or verification.

pub(crate) mod address;
mod binary;
mod bookkeeping;
mod broken;
mod catalog;
pub(crate) mod connection;
mod constraints;
mod copy;
mod decode;
mod definition;
mod dial;
mod documented;
mod encode;
pub(crate) mod failure;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod foreign;
mod indexes;
mod key;
mod longest;
mod mend;
mod names;
mod numbering;
mod objects;
mod pack;
mod pieces;
mod points;
mod prepare;
mod relation;
mod scan;
mod settings;
mod snapshot;
mod sql;
mod tap;
mod target;
mod text;
mod tls;
mod trial;
mod twin;
mod types;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::address::Address;
use self::connection::{Pool, Session, Tag};
use self::relation::Relation;
use self::snapshot::PostgresSnapshot;
use crate::catalog::{Catalog, System};
use crate::error::{Error, Result};
use crate::setting::{Role, Setting};
use crate::source::{Snapshot, Source};

pub use self::documented::{documented_types, refuses};
pub use self::names::{IDENTIFIER_BYTES_MAX, is_blank_padded, logical_type};
pub use self::types::{holding, native_type};

/// One schema of a PostgreSQL database, as source or target.
pub struct Postgres {
    pool: Arc<Pool>,
    schema: String,
    /// Turns for writers; one connection is always left for reading back.
    writers: Arc<Semaphore>,
    writers_max: usize,
    /// What sessions that read back call themselves once a generation is fenced, so that a newer one can end them.
    generation: Mutex<Option<String>>,
}

impl Postgres {
    /// Names a schema at `url`. Nothing is connected before it is needed.
    ///
    /// `postgresql://[user[:password]@][host][:port][/database][?…]` with the options `host` (a folder for a unix
    /// socket), `port`, `user`, `password`, `dbname`, `connect_timeout` (seconds), `sslmode` (`disable`, `prefer`,
    /// `require`, `verify-ca`, `verify-full`; the default is `prefer` on this machine and `require` elsewhere) and
    /// `sslrootcert` (a PEM file; without it the system's trusted certificates). Without a user or password `PGUSER`
    /// and `PGPASSWORD` count.
    ///
    /// `connections_max` bounds the connections open at once; fewer than two count as two.
    ///
    /// # Errors
    /// `Invalid` or `Missing` if the URL or the trusted certificates make no sense.
    pub fn open(url: &str, schema: &str, connections_max: usize) -> Result<Arc<Postgres>> {
        let pool = Pool::new(Address::parse(url)?, schema, connections_max)?;
        let writers_max = pool.connections_max() - 1;
        let writers = Arc::new(Semaphore::new(writers_max));
        Ok(Arc::new(Postgres { pool, schema: schema.to_owned(), writers, writers_max, generation: Mutex::new(None) }))
    }

    async fn session(&self) -> Result<Session> {
        self.pool.session(Tag::FREE).await
    }

    /// The table called `name`, if it is there.
    async fn find(&self, session: &Session, name: &str) -> Result<Option<Relation>> {
        let found = Relation::find(session, &self.schema, name).await;
        found.map_err(|error| session.failure(&table(name), error))
    }

    /// The table called `name`.
    ///
    /// # Errors
    /// `Missing`.
    async fn relation(&self, session: &Session, name: &str) -> Result<Relation> {
        self.find(session, name).await?.ok_or_else(|| Error::Missing { what: table(name) })
    }
}

fn table(name: &str) -> String {
    format!("table \"{name}\"")
}

#[async_trait]
impl Source for Postgres {
    fn system(&self) -> System {
        System::Postgresql
    }

    fn describe(&self) -> String {
        format!("{} schema \"{}\"", self.pool.label(), self.schema)
    }

    /// The cluster's own number (manual 9.28.11), the database and the schema. A standby has its primary's number, and
    /// holds its rows.
    async fn identity(&self) -> Result<String> {
        const SQL: &str =
            "SELECT system_identifier::text, current_database()::text FROM pg_catalog.pg_control_system()";
        let session = self.session().await?;
        let row = session.query_one(SQL, &[]).await.map_err(|error| session.failure("the server's identity", error))?;
        let (system, database): (String, String) = (row.get(0), row.get(1));
        session.park(Tag::FREE);
        Ok(format!("postgresql {system} {database} {}", self.schema))
    }

    async fn catalog(&self) -> Result<Catalog> {
        let session = self.session().await?;
        // One snapshot for all queries, so that the parts fit together.
        session.run("the catalog", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let catalog = catalog::read(&session, &self.schema).await;
        let catalog = catalog.map_err(|error| session.failure("the catalog", error))?;
        session.run("the catalog", "COMMIT").await?;
        session.park(Tag::FREE);
        catalog.ok_or_else(|| Error::Missing { what: format!("schema \"{}\"", self.schema) })
    }

    async fn snapshot(&self, readers: usize) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(PostgresSnapshot::open(&self.pool, &self.schema, readers).await?))
    }

    fn shares_snapshots(&self) -> bool {
        true
    }

    async fn join(&self, id: &str, readers: usize) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(PostgresSnapshot::join(&self.pool, &self.schema, readers, id).await?))
    }

    async fn settings(&self, role: Role, bytes: u64) -> Result<Vec<Setting>> {
        let session = self.session().await?;
        let settings = settings::read(&session, role, bytes, self.pool.connections_max()).await?;
        session.park(Tag::FREE);
        Ok(settings)
    }
}
