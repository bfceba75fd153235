//! Connections to one server: at most so many, reused, each with the same session settings. Knows no tables.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::failure::failure;
use super::sql::identifier;
use super::tls;
use crate::error::{Error, Result};

/// The oldest server that is supported: block ranges are scanned by range from version 14 on.
const SERVER_VERSION_MIN: u32 = 140_000;

/// What every session sets, so that text forms are fixed (also within composite values and arrays) and nothing is cut
/// short or filtered unseen.
/// `row_security = off` turns a row filter into an error.
/// A commit that was answered must survive a crash of the server, or the journal would know more than the target.
const SESSION_SETTINGS: &str = "\
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; \
    SET standard_conforming_strings = on; SET extra_float_digits = 1; SET client_encoding = 'UTF8'; \
    SET lc_monetary = 'C'; SET xmloption = content; SET array_nulls = on; SET quote_all_identifiers = off; \
    SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET row_security = off; SET jit = off; SET synchronous_commit = on";

/// Puts the schema, quoted, in front of where the account or database looks for names.
const SEARCH_PATH: &str = "\
    SELECT pg_catalog.set_config('search_path', \
        pg_catalog.concat_ws(', ', $1::text, nullif(pg_catalog.current_setting('search_path'), '')), false), \
        pg_catalog.current_setting('server_version_num')";

/// Which sessions may serve a request: those of one snapshot, or those in no transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    /// A session in no transaction.
    pub(super) const FREE: Tag = Tag(0);
}

/// Opens and keeps sessions.
///
/// **Invariant:** sessions in use and idle together never exceed `connections_max`; an idle one gives way.
pub(super) struct Pool {
    address: Address,
    /// Where sessions look for names before they look anywhere else: types of the schema are written without it.
    schema: String,
    tls: Option<MakeRustlsConnect>,
    connections_max: usize,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<(Tag, Link)>>,
    tags: AtomicU64,
}

/// One session, for its holder alone. Dropping it closes the connection at once, so that the server rolls back.
pub(super) struct Session {
    link: Link,
    pool: Arc<Pool>,
    permit: OwnedSemaphorePermit,
    /// Whether it was opened for this request, so that its transaction has yet to begin.
    pub fresh: bool,
}

/// A client and the task that moves its bytes.
struct Link {
    client: Client,
    driver: Option<JoinHandle<()>>,
}

impl Pool {
    /// A pool that connects on demand. Fewer than two connections count as two: a snapshot takes one to stay alive.
    ///
    /// # Errors
    /// `Missing` or `Invalid` if the trusted certificates cannot be read.
    pub(super) fn new(address: Address, schema: &str, connections_max: usize) -> Result<Arc<Pool>> {
        let connections_max = connections_max.max(2);
        let tls = tls::connector(&address)?;
        let permits = Arc::new(Semaphore::new(connections_max));
        let idle = Mutex::new(Vec::new());
        let schema = schema.to_owned();
        Ok(Arc::new(Pool { address, schema, tls, connections_max, permits, idle, tags: AtomicU64::new(1) }))
    }

    /// The endpoint for people.
    pub(super) fn label(&self) -> &str {
        &self.address.label
    }

    /// How many sessions may be open at once.
    pub(super) fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// A tag no other snapshot has.
    pub(super) fn new_tag(&self) -> Tag {
        Tag(self.tags.fetch_add(1, Ordering::Relaxed))
    }

    /// A session, waiting while all are in use: an idle one of `tag`, or a new one.
    pub(super) async fn session(self: &Arc<Pool>, tag: Tag) -> Result<Session> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|error| Error::internal("pool", error))?;
        let (link, fresh) = match self.take_idle(tag) {
            Some(link) => (link, false),
            None => (self.connect().await?, true),
        };
        Ok(Session { link, pool: self.clone(), permit, fresh })
    }

    /// Closes the idle sessions of a snapshot that is over.
    pub(super) fn forget(&self, tag: Tag) {
        self.lock().extract_if(.., |(other, _)| *other == tag).for_each(|(_, link)| link.close());
    }

    /// Maps a client error; see [`failure`].
    pub(super) fn failure(&self, object: &str, error: tokio_postgres::Error) -> Error {
        failure(&self.address.label, object, error)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Tag, Link)>> {
        self.idle.lock().expect("no holder of this lock can panic")
    }

    fn take_idle(&self, tag: Tag) -> Option<Link> {
        let mut idle = self.lock();
        idle.retain(|(_, link)| !link.client.is_closed());
        if let Some(index) = idle.iter().rposition(|(other, _)| *other == tag) {
            return Some(idle.swap_remove(index).1);
        }
        let in_use = self.connections_max - self.permits.available_permits();
        while idle.len() + in_use > self.connections_max {
            idle.remove(0).1.close();
        }
        None
    }

    async fn connect(&self) -> Result<Link> {
        let link = match &self.tls {
            None => self.address.config.connect(NoTls).await.map(Link::spawn),
            Some(tls) => self.address.config.connect(tls.clone()).await.map(Link::spawn),
        };
        let link = link.map_err(|error| self.failure("the server", error))?;
        link.client.batch_execute(SESSION_SETTINGS).await.map_err(|error| self.failure("the server", error))?;
        let version = link.client.query_one(SEARCH_PATH, &[&identifier(&self.schema)]).await;
        let version = version.map_err(|error| self.failure("the server", error))?;
        let version = version.get::<_, String>(1).parse::<u32>().ok();
        match version {
            Some(version) if version >= SERVER_VERSION_MIN => Ok(link),
            Some(version) => Err(Error::Unsupported {
                what: format!("PostgreSQL {} at {}", version / 10_000, self.label()),
                why: format!("version {} or later is needed", SERVER_VERSION_MIN / 10_000),
            }),
            None => Err(Error::internal("version check", "the server did not tell its version")),
        }
    }
}

impl Session {
    /// Gives the session back for the next request of `tag`. Only for sessions in good order.
    pub(super) fn park(self, tag: Tag) {
        let Session { link, pool, permit, .. } = self;
        pool.lock().push((tag, link));
        drop(permit);
    }

    /// Maps a client error; see [`failure`].
    pub(super) fn failure(&self, object: &str, error: tokio_postgres::Error) -> Error {
        self.pool.failure(object, error)
    }

    /// Runs statements that return nothing.
    pub(super) async fn run(&self, object: &str, sql: &str) -> Result<()> {
        self.batch_execute(sql).await.map_err(|error| self.failure(object, error))
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.link.client
    }
}

impl Link {
    fn spawn<S, T>((client, connection): (Client, Connection<S, T>)) -> Link
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Link { client, driver: Some(driver) }
    }

    /// Says goodbye: without its client the driver tells the server and ends by itself.
    fn close(mut self) {
        self.driver = None;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}
