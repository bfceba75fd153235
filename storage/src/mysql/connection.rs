//! Sessions with one server: at most so many, reused, each with the same settings. Knows no tables.

use std::sync::Arc;

use futures::FutureExt;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error as ClientError, Opts, Params, Row, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::address::{Address, Security};
use super::answer::Answer;
use super::bookkeeping::session_name;
use super::failure::{failure, failure_of_rows};
use super::flavor::{Flavor, Server};
use super::sql::literal;
use super::tls;
use crate::connections::{Connections, Link, Tag};
use crate::error::{Error, Result};

/// How long a session waits for rows that another transaction holds. An attempt that was broken off holds its rows until
/// the server has noticed.
const ROW_LOCK_WAIT_SECONDS: u32 = 50;
/// How long a statement that changes a table waits for those who use it. Everybody else queues up behind it meanwhile.
const TABLE_LOCK_WAIT_SECONDS: u32 = 30;
/// How long either side of a stream may take its time: a snapshot's sessions rest while rows are written elsewhere.
const STREAM_SECONDS: u32 = 7 * 86_400;

/// What every session sets, so that values mean one thing and nothing is cut short unseen.
///
/// Zero dates and days such as February 30 may be written, since equal engines carry them; everything else that does not
/// fit is an error. Messages are English, since the names in them are looked for.
fn settings(server: &Server) -> String {
    let mut settings = format!(
        "SET NAMES utf8mb4, time_zone = '+00:00', lc_messages = 'en_US', autocommit = 1, \
         sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION', \
         sql_notes = 1, max_error_count = 65535, sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_safe_updates = 0, \
         sql_auto_is_null = 0, completion_type = 0, foreign_key_checks = 1, unique_checks = 1, \
         group_concat_max_len = 4294967295, innodb_lock_wait_timeout = {ROW_LOCK_WAIT_SECONDS}, \
         lock_wait_timeout = {TABLE_LOCK_WAIT_SECONDS}, net_read_timeout = {STREAM_SECONDS}, \
         net_write_timeout = {STREAM_SECONDS}, wait_timeout = {STREAM_SECONDS}"
    );
    match server.flavor {
        Flavor::Mariadb => settings.push_str(
            ", max_statement_time = 0, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0, \
             idle_write_transaction_timeout = 0",
        ),
        Flavor::Mysql => settings.push_str(", max_execution_time = 0"),
    }
    if server.is_mysql(8, 0, 0) {
        settings.push_str(", information_schema_stats_expiry = 0");
    }
    if server.is_mysql(8, 0, 30) {
        settings.push_str(", show_gipk_in_create_table_and_information_schema = OFF");
    }
    settings
}

/// Opens and keeps sessions.
pub(super) struct Pool {
    address: Address,
    plain: Opts,
    secure: Option<Opts>,
    connections: Connections<Wire>,
}

/// One session, for its holder alone. Dropping it breaks the connection off, so that the server rolls back.
pub(super) struct Session {
    wire: Option<Wire>,
    permit: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool>,
    /// What it speaks with.
    pub server: Arc<Server>,
}

/// A connection and whom it leads to. Dropping it takes leave of the server, first reading whatever is still to come.
struct Wire {
    conn: Conn,
    server: Arc<Server>,
    /// The name it is known by to newer generations of the job it serves.
    name: Option<String>,
}

impl Pool {
    /// A pool that connects on demand. Fewer than two connections count as two: a snapshot's sessions are its own until
    /// it ends.
    ///
    /// # Errors
    /// `Missing` or `Invalid` if the trusted certificates cannot be read.
    pub(super) fn new(address: Address, connections_max: usize) -> Result<Arc<Pool>> {
        let plain = Opts::from(address.options.clone());
        let secure = tls::options(&address)?.map(|ssl| Opts::from(address.options.clone().ssl_opts(ssl)));
        let connections = Connections::new(connections_max.max(2));
        Ok(Arc::new(Pool { address, plain, secure, connections }))
    }

    /// The endpoint for people.
    pub(super) fn label(&self) -> &str {
        &self.address.label
    }

    /// The database that is read or written.
    pub(super) fn database(&self) -> &str {
        &self.address.database
    }

    /// How many sessions may be open at once.
    pub(super) fn connections_max(&self) -> usize {
        self.connections.connections_max()
    }

    /// A session in no transaction, waiting while all are in use.
    pub(super) async fn session(self: &Arc<Pool>) -> Result<Session> {
        let (permit, idle) = self.connections.turn(Tag::FREE).await?;
        let wire = match idle {
            Some(wire) => wire,
            None => self.connect().await?,
        };
        let server = wire.server.clone();
        Ok(Session { wire: Some(wire), permit: Some(permit), pool: self.clone(), server })
    }

    async fn connect(&self) -> Result<Wire> {
        let failed = |error| failure(self.label(), "the server", error);
        let connected = tokio::time::timeout(self.address.connect_timeout, self.log_in()).await;
        let mut conn = connected.map_err(|_| self.silent())?.map_err(failed)?;
        const SERVER: &str = "SELECT VERSION(), @@max_allowed_packet, @@lower_case_table_names";
        let row: Option<Row> = conn.query_first(SERVER).await.map_err(failed)?;
        let row = row.ok_or_else(|| Error::internal("version check", "the server did not tell its version"))?;
        let packet = usize::try_from(row.number(1).unwrap_or(0)).unwrap_or(usize::MAX);
        let server = Server::new(&row.words(0), packet, row.number(2).unwrap_or(0)).supported(self.label())?;
        conn.query_drop(settings(&server)).await.map_err(failed)?;
        Ok(Wire { conn, server: Arc::new(server), name: None })
    }

    async fn log_in(&self) -> Result<Conn, ClientError> {
        let Some(secure) = &self.secure else {
            return Conn::new(self.plain.clone()).await;
        };
        let refused = match Conn::new(secure.clone()).await {
            Ok(conn) => return Ok(conn),
            Err(error) => error,
        };
        match self.address.security {
            Security::Preferred if tls::is_not_offered(&refused) => Conn::new(self.plain.clone()).await,
            Security::VerifyCa => {
                let other = secure.ssl_opts().and_then(|ssl| tls::under_its_own_name(ssl, &refused));
                match other {
                    Some(ssl) => Conn::new(Opts::from(self.address.options.clone().ssl_opts(ssl))).await,
                    None => Err(refused),
                }
            }
            _ => Err(refused),
        }
    }

    fn silent(&self) -> Error {
        let why = format!("no answer within {} seconds", self.address.connect_timeout.as_secs());
        Error::Unavailable { what: self.label().to_owned(), why, source: None }
    }
}

impl Session {
    /// Gives the session back for the next request. Only for sessions in good order and in no transaction.
    pub(super) fn park(mut self) {
        if let (Some(wire), Some(permit)) = (self.wire.take(), self.permit.take()) {
            self.pool.connections.park(Tag::FREE, wire, permit);
        }
    }

    /// The pool it came from.
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The client's connection.
    pub(super) fn conn(&mut self) -> &mut Conn {
        &mut self.wire.as_mut().expect("a session has its connection until it is parked or dropped").conn
    }

    /// The server's number of the connection.
    pub(super) fn id(&mut self) -> u32 {
        self.conn().id()
    }

    /// Whether the connection is of no more use.
    pub(super) fn is_closed(&self) -> bool {
        self.wire.as_ref().is_none_or(Wire::is_closed)
    }

    /// Makes the session known as one of the job's generation, for as long as it lives.
    pub(super) async fn serve(&mut self, job: &str, generation: u64) -> Result<()> {
        let name = session_name(job, generation, self.id());
        if self.wire.as_ref().is_some_and(|wire| wire.name.as_ref() == Some(&name)) {
            return Ok(());
        }
        let row = self.first("the session", &format!("SELECT GET_LOCK({}, 0)", literal(&name))).await?;
        if !row.is_some_and(|row| row.flag(0)) {
            return Err(Error::internal("naming a session", "the server did not give it its lock"));
        }
        self.wire.iter_mut().for_each(|wire| wire.name = Some(name.clone()));
        Ok(())
    }

    /// Maps a client error; see [`failure`].
    pub(super) fn failure(&self, object: &str, error: ClientError) -> Error {
        failure(self.pool.label(), object, error)
    }

    /// Maps an error of a statement that writes rows; see [`failure_of_rows`].
    pub(super) fn failure_of_rows(&self, object: &str, error: ClientError) -> Error {
        failure_of_rows(self.pool.label(), object, error)
    }

    /// Runs a statement that returns nothing.
    pub(super) async fn run(&mut self, object: &str, sql: &str) -> Result<()> {
        let done = self.conn().query_drop(sql).await;
        done.map_err(|error| self.failure(object, error))
    }

    /// Runs a query with a small answer.
    pub(super) async fn select(&mut self, object: &str, sql: &str) -> Result<Vec<Row>> {
        let rows = self.conn().query(sql).await;
        rows.map_err(|error| self.failure(object, error))
    }

    /// Runs a query for one row.
    pub(super) async fn first(&mut self, object: &str, sql: &str) -> Result<Option<Row>> {
        let row = self.conn().query_first(sql).await;
        row.map_err(|error| self.failure(object, error))
    }

    /// Runs a prepared statement that returns nothing; the rows it affected.
    pub(super) async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, ClientError> {
        self.conn().exec_drop(sql, Params::Positional(values)).await?;
        Ok(self.conn().affected_rows())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(mut wire) = self.wire.take() {
            // The client takes leave politely, and would first read a scan to its end. One that is left in the middle of
            // a request counts as broken, and is closed at once.
            let _ = wire.conn.ping().now_or_never();
        }
    }
}

impl Link for Wire {
    fn is_closed(&self) -> bool {
        self.conn.is_disconnected()
    }

    fn close(self) {
        drop(self.conn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_set_what_their_server_knows() {
        let of = |version| settings(&Server::new(version, 1 << 24, 0));
        let expires = "information_schema_stats_expiry = 0";
        let hides = "show_gipk_in_create_table_and_information_schema = OFF";
        for (version, known, unknown) in [
            ("5.7.44-log", vec!["max_execution_time"], vec![expires, hides, "max_statement_time"]),
            ("8.0.29", vec![expires], vec![hides]),
            ("8.4.3", vec![expires, hides], vec!["max_statement_time"]),
            ("10.11.6-MariaDB", vec!["max_statement_time"], vec![expires, hides, "max_execution_time"]),
        ] {
            assert!(known.iter().all(|name| of(version).contains(name)), "{version}");
            assert!(!unknown.iter().any(|name| of(version).contains(name)), "{version}");
        }
    }
}
