//! MySQL 5.7 and later and MariaDB 10.3 and later: read under one snapshot, written in one transaction per split, through
//! prepared statements in the binary protocol.
//!
//! In reading order: addresses and sessions, which server it is, the catalog, types, cells both ways, snapshots with
//! their scans, and the target with its writers. Knows nothing of plans, jobs' meaning or verification.
//!
//! The text protocol is used for small answers only: it prints a `float` with six digits. `LOAD DATA LOCAL` is not used at
//! all: it turns errors into warnings, and MySQL 8 refuses it unless told otherwise.

mod address;
mod answer;
mod bookkeeping;
mod broken;
mod catalog;
mod connection;
mod constraints;
mod decode;
mod documented;
mod encode;
mod failure;
mod flavor;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod foreign;
mod geometry;
mod indexes;
mod insert;
mod keys;
mod locator;
mod longest;
mod mend;
mod names;
mod objects;
mod pieces;
mod prepare;
mod privileges;
mod relation;
mod rowmark;
mod scan;
mod settings;
mod shape;
mod snapshot;
mod sql;
mod standstill;
mod target;
mod tls;
mod trial;
mod triggers;
mod types;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::address::Address;
use self::answer::Answer;
use self::connection::{Pool, Session};
use self::relation::Relation;
use self::snapshot::MysqlSnapshot;
use crate::catalog::{Catalog, System};
use crate::error::{Error, Result};
use crate::setting::{Role, Setting};
use crate::source::{Snapshot, Source};

pub use self::documented::{documented_types, refuses};
pub use self::names::{IDENTIFIER_CHARS_MAX, charset_in, collation_in, identifier_problem, logical_type};
pub use self::types::{holding, native_type};

/// One database of a MySQL or MariaDB server, as source or target.
pub struct Mysql {
    pool: Arc<Pool>,
    /// Turns for writers; one connection is always left for reading back.
    writers: Arc<Semaphore>,
    writers_max: usize,
    /// Which job's generation the sessions that read back serve, once one is fenced.
    serving: Mutex<Option<(String, u64)>>,
}

impl Mysql {
    /// Names a database at `url`. Nothing is connected before it is needed.
    ///
    /// `mysql://user[:password]@[host][:port]/database[?…]`, also as `mariadb://`, with the options `socket` (a unix
    /// socket), `connect-timeout` (seconds), `ssl-mode` (`DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA`,
    /// `VERIFY_IDENTITY`; the default is `PREFERRED` on this machine and `REQUIRED` elsewhere) and `ssl-ca` (a PEM file;
    /// without it the system's trusted certificates). Without a password `MYSQL_PWD` counts.
    ///
    /// `connections_max` bounds the connections open at once; fewer than two count as two.
    ///
    /// # Errors
    /// `Invalid` or `Missing` if the URL or the trusted certificates make no sense.
    pub fn open(url: &str, connections_max: usize) -> Result<Arc<Mysql>> {
        let pool = Pool::new(Address::parse(url)?, connections_max)?;
        let writers_max = pool.connections_max() - 1;
        let writers = Arc::new(Semaphore::new(writers_max));
        Ok(Arc::new(Mysql { pool, writers, writers_max, serving: Mutex::new(None) }))
    }

    async fn session(&self) -> Result<Session> {
        self.pool.session().await
    }

    /// The table called `name`, if it is there.
    async fn find(&self, session: &mut Session, name: &str) -> Result<Option<Relation>> {
        Ok(Relation::list(session, self.pool.database(), Some(name)).await?.into_iter().next())
    }

    /// The table called `name`.
    ///
    /// # Errors
    /// `Missing`.
    async fn relation(&self, session: &mut Session, name: &str) -> Result<Relation> {
        Relation::of(session, self.pool.database(), name).await
    }
}

fn table(name: &str) -> String {
    format!("table \"{name}\"")
}

#[async_trait]
impl Source for Mysql {
    fn system(&self) -> System {
        System::Mysql
    }

    fn describe(&self) -> String {
        self.pool.label().to_owned()
    }

    /// What the server calls itself and the database. MariaDB has no number of its own, so its place on its machine
    /// stands in.
    async fn identity(&self) -> Result<String> {
        let object = "the server's identity";
        let mut session = self.session().await?;
        let own = if session.server.is_mysql(5, 7, 0) { "@@server_uuid" } else { "''" };
        let sql = format!("SELECT {own}, @@hostname, @@port, @@datadir, DATABASE()");
        let row = session.first(object, &sql).await?;
        let row = row.ok_or_else(|| Error::internal(object, "the server did not tell it"))?;
        session.park();
        let words: Vec<String> = (0..5).map(|index| row.words(index)).collect();
        Ok(format!("mysql {}", words.join(" ")))
    }

    async fn catalog(&self) -> Result<Catalog> {
        let mut session = self.session().await?;
        let catalog = catalog::read(&mut session, self.pool.database()).await?;
        session.park();
        Ok(catalog)
    }

    async fn settings(&self, role: Role, bytes: u64) -> Result<Vec<Setting>> {
        let mut session = self.session().await?;
        let settings = settings::read(&mut session, role, bytes, self.pool.connections_max()).await?;
        session.park();
        Ok(settings)
    }

    async fn snapshot(&self, readers: usize) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(MysqlSnapshot::open(&self.pool, readers).await?))
    }
}
