//! Connections to one server: at most so many, reused, each with the same session settings. Knows no tables.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::ops::{Deref, Range};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream as _;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Connection, CopyOutStream, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::dial::{TappedTls, dial};
use super::failure::failure;
use super::sql::identifier;
use super::tap::{self, Tap, Tapped};
use super::tls;
use crate::connections::{Connections, Link};
use crate::error::{Error, Result};

pub(crate) use crate::connections::Tag;

/// The oldest server that is supported: block ranges are scanned by range from version 14 on.
const SERVER_VERSION_MIN: u32 = 140_000;

/// What every session sets, so that text forms are fixed (also within composite values and arrays) and nothing is cut
/// short or filtered unseen.
/// A machine that is cut off must not hold its snapshot and locks for the two hours that servers wait by default.
/// `row_security = off` turns a row filter into an error.
/// A commit that was answered must survive a crash of the server, or the journal would know more than the target.
const SESSION_SETTINGS: &str = "\
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; \
    SET standard_conforming_strings = on; SET extra_float_digits = 1; SET client_encoding = 'UTF8'; \
    SET lc_monetary = 'C'; SET xmloption = content; SET array_nulls = on; SET quote_all_identifiers = off; \
    SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = 60000; \
    SET row_security = off; SET jit = off; SET synchronous_commit = on";

/// Puts the schema, quoted, in front of where the account or database looks for names.
const SEARCH_PATH: &str = "\
    SELECT pg_catalog.set_config('search_path', \
        pg_catalog.concat_ws(', ', $1::text, nullif(pg_catalog.current_setting('search_path'), '')), false), \
        pg_catalog.current_setting('server_version_num')";

/// What the client library says, before it is told as one of our errors.
type Answer<T> = std::result::Result<T, tokio_postgres::Error>;

/// Opens and keeps sessions.
pub(crate) struct Pool {
    address: Address,
    /// Where sessions look for names before they look anywhere else: types of the schema are written without it.
    schema: String,
    tls: Option<MakeRustlsConnect>,
    connections: Connections<Wire>,
}

/// One session, for its holder alone. Dropping it closes the connection at once, so that the server rolls back.
pub(crate) struct Session {
    wire: Wire,
    pool: Arc<Pool>,
    permit: OwnedSemaphorePermit,
    /// Whether it was opened for this request, so that its transaction has yet to begin.
    pub fresh: bool,
}

/// A client, the task that moves its bytes, and where rows are that it did not get to see.
struct Wire {
    client: Client,
    /// Statements that are asked again and again, by their text: one of each that calls [`Session::prepared`].
    statements: Mutex<HashMap<&'static str, Statement>>,
    tap: Tap,
    driver: Option<JoinHandle<()>>,
}

impl Pool {
    /// A pool that connects on demand. Fewer than two connections count as two: a snapshot takes one to stay alive.
    ///
    /// # Errors
    /// `Missing` or `Invalid` if the trusted certificates cannot be read.
    pub(crate) fn new(address: Address, schema: &str, connections_max: usize) -> Result<Arc<Pool>> {
        let tls = tls::connector(&address)?;
        let (schema, connections) = (schema.to_owned(), Connections::new(connections_max.max(2)));
        Ok(Arc::new(Pool { address, schema, tls, connections }))
    }

    /// The endpoint for people.
    pub(crate) fn label(&self) -> &str {
        &self.address.label
    }

    /// How many sessions may be open at once.
    pub(super) fn connections_max(&self) -> usize {
        self.connections.connections_max()
    }

    /// A tag no other snapshot has.
    pub(super) fn new_tag(&self) -> Tag {
        self.connections.new_tag()
    }

    /// A session, waiting while all are in use: an idle one of `tag`, or a new one.
    pub(crate) async fn session(self: &Arc<Pool>, tag: Tag) -> Result<Session> {
        let (permit, idle) = self.connections.turn(tag).await?;
        let (wire, fresh) = match idle {
            Some(wire) => (wire, false),
            None => (self.connect().await?, true),
        };
        Ok(Session { wire, pool: self.clone(), permit, fresh })
    }

    /// Closes the idle sessions of a snapshot that is over.
    pub(super) fn forget(&self, tag: Tag) {
        self.connections.forget(tag);
    }

    /// Maps a client error; see [`failure`].
    pub(crate) fn failure(&self, object: &str, error: tokio_postgres::Error) -> Error {
        failure(&self.address.label, object, error)
    }

    async fn connect(&self) -> Result<Wire> {
        let socket = dial(&self.address).await.map_err(|error| self.unreachable(error))?;
        let tap = Tap::default();
        let tls = self.tls.clone().map(|tls| TappedTls::new(tls, &self.address, tap.clone())).transpose();
        let tls = tls.map_err(|error| self.unnamed(&error))?;
        let config = &self.address.config;
        let wire = match tls {
            None => {
                config.connect_raw(Tapped::new(socket, tap.clone()), NoTls).await.map(|parts| Wire::spawn(parts, tap))
            }
            Some(tls) => {
                let connected = config.connect_raw(Tapped::asking(socket, tap.clone()), tls).await;
                connected.map(|parts| Wire::spawn(parts, tap))
            }
        };
        let wire = wire.map_err(|error| self.failure("the server", error))?;
        wire.client.batch_execute(SESSION_SETTINGS).await.map_err(|error| self.failure("the server", error))?;
        let version = wire.client.query_one(SEARCH_PATH, &[&identifier(&self.schema)]).await;
        let version = version.map_err(|error| self.failure("the server", error))?;
        let version = version.get::<_, String>(1).parse::<u32>().ok();
        match version {
            Some(version) if version >= SERVER_VERSION_MIN => Ok(wire),
            Some(version) => Err(Error::Unsupported {
                what: format!("PostgreSQL {} at {}", version / 10_000, self.label()),
                why: format!("version {} or later is needed", SERVER_VERSION_MIN / 10_000),
            }),
            None => Err(Error::internal("version check", "the server did not tell its version")),
        }
    }

    fn unreachable(&self, error: io::Error) -> Error {
        let why = format!("error connecting to server: {error}");
        Error::Unavailable { what: self.label().to_owned(), why, source: Some(Box::new(error)) }
    }

    fn unnamed(&self, error: &io::Error) -> Error {
        Error::Invalid { what: format!("TLS to {}", self.label()), why: error.to_string() }
    }
}

impl Session {
    /// Starts a COPY out. The session is of no use for anything else until the COPY has ended.
    pub(super) async fn start_copy_out(&self, object: &str, sql: &str) -> Result<CopyOut> {
        self.wire.tap.clear();
        let end = self.wire.client.copy_out(sql).await.map_err(|error| self.failure(object, error))?;
        Ok(CopyOut { piece: Bytes::new(), given: 0, tap: self.wire.tap.clone(), end: Box::pin(end), ended: None })
    }

    /// Gives the session back for the next request of `tag`. Only for sessions in good order.
    pub(crate) fn park(self, tag: Tag) {
        let Session { wire, pool, permit, .. } = self;
        pool.connections.park(tag, wire, permit);
    }

    /// Maps a client error; see [`failure`].
    pub(crate) fn failure(&self, object: &str, error: tokio_postgres::Error) -> Error {
        self.pool.failure(object, error)
    }

    /// The statement with this text, parsed and planned once in a session: for what is asked of every table.
    pub(crate) async fn prepared(&self, sql: &'static str) -> Answer<Statement> {
        let known = || self.wire.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(sql).cloned();
        if let Some(statement) = found {
            return Ok(statement);
        }
        let statement = self.wire.client.prepare(sql).await?;
        known().insert(sql, statement.clone());
        Ok(statement)
    }

    /// Runs statements that return nothing.
    pub(super) async fn run(&self, object: &str, sql: &str) -> Result<()> {
        self.batch_execute(sql).await.map_err(|error| self.failure(object, error))
    }
}

/// What a COPY sends, as it comes.
pub(super) struct CopyOut {
    /// Messages that came together.
    piece: Bytes,
    /// Of which so many bytes were given out.
    given: usize,
    tap: Tap,
    /// Rows do not come this way: only how the COPY ends.
    end: Pin<Box<CopyOutStream>>,
    ended: Option<Option<Answer<Bytes>>>,
}

impl CopyOut {
    /// Where in [`CopyOut::piece`] the next message's rows are, or its part of a row; `None` if all have come.
    pub(super) async fn next(&mut self) -> Option<Answer<Range<usize>>> {
        loop {
            if let Some(rows) = tap::message(&self.piece, self.given) {
                self.given = rows.end;
                return Some(Ok(rows));
            }
            match poll_fn(|context| self.poll_piece(context)).await? {
                Ok(piece) => (self.piece, self.given) = (piece, 0),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The piece that the last message is in.
    pub(super) fn piece(&self) -> &Bytes {
        &self.piece
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Answer<Bytes>>> {
        if let Poll::Ready(piece) = self.tap.poll_piece(context) {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.ended.is_none() {
            self.ended = Some(ready!(self.end.as_mut().poll_next(context)));
        }
        // The last rows may have come between the two looks.
        Poll::Ready(self.tap.piece().map(Ok).or_else(|| self.ended.take().flatten()))
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.wire.client
    }
}

impl Wire {
    fn spawn<S, T>((client, connection): (Client, Connection<S, T>), tap: Tap) -> Wire
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Wire { client, statements: Mutex::default(), tap, driver: Some(driver) }
    }
}

impl Link for Wire {
    fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Says goodbye: without its client the driver tells the server and ends by itself.
    fn close(mut self) {
        self.driver = None;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}
