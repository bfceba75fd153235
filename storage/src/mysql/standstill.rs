//! Keeps everybody from writing for the moment in which several transactions must begin as one. As short as can be, and
//! given up soon where it has to wait: whoever waits for such a lock holds up the whole server.

use std::fmt;
use std::sync::Arc;

use super::answer::Answer;
use super::connection::{Pool, Session};
use super::failure::{has_code, is_denied};
use super::flavor::{Flavor, Server};
use super::sql::{literal, qualified};
use crate::error::{Error, Result};

/// For messages.
const OBJECT: &str = "the lock for a snapshot";
/// How long the lock is waited for. Statements that came later wait behind it meanwhile, so it is a few seconds; a guess.
const WAIT_SECONDS: u32 = 5;
/// Lock wait timed out.
const TIMED_OUT: u16 = 1205;

/// A lock that is held.
pub(super) struct Standstill {
    session: Session,
    /// Whether it holds for the whole server, so that the log stands still too.
    global: bool,
}

/// Where the server's log stood.
#[derive(Debug)]
pub(super) struct Position {
    log: String,
    transactions: String,
}

impl Standstill {
    /// Locks the server, or with fewer rights the tables of the database, for `readers` transactions to begin.
    ///
    /// # Errors
    /// `Privilege` if neither is allowed, `Unavailable` if somebody is in the way for too long.
    pub(super) async fn begin(pool: &Arc<Pool>, readers: usize) -> Result<Standstill> {
        let mut session = pool.session().await?;
        session.run(OBJECT, &format!("SET @kept = @@lock_wait_timeout, lock_wait_timeout = {WAIT_SECONDS}")).await?;
        let query = mysql_async::prelude::Queryable::query_drop(session.conn(), "FLUSH TABLES WITH READ LOCK");
        match query.await {
            Ok(()) => return Ok(Standstill { session, global: true }),
            Err(error) if is_denied(&error) => {}
            Err(error) => return Err(in_the_way(&session, error)),
        }
        let tables = lockable(&mut session, pool.database()).await?;
        if !tables.is_empty() {
            let sql = format!("LOCK TABLES {}", tables.join(", "));
            match mysql_async::prelude::Queryable::query_drop(session.conn(), sql).await {
                Ok(()) => {}
                Err(error) if is_denied(&error) => return Err(denied(readers)),
                Err(error) => return Err(in_the_way(&session, error)),
            }
        }
        Ok(Standstill { session, global: false })
    }

    /// Lets everybody write again.
    pub(super) async fn end(self) -> Result<Option<Position>> {
        let Standstill { mut session, global } = self;
        let position = if global { position(&mut session).await } else { None };
        session.run(OBJECT, "UNLOCK TABLES").await?;
        session.run(OBJECT, "SET lock_wait_timeout = @kept").await?;
        session.park();
        Ok(position)
    }
}

/// The tables that a snapshot will hold, each as `LOCK TABLES` wants it.
async fn lockable(session: &mut Session, database: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} \
         AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')",
        literal(database)
    );
    let rows = session.select(OBJECT, &sql).await?;
    Ok(rows.iter().map(|row| format!("{} READ", qualified(database, &row.words(0)))).collect())
}

/// Where the log stands, as far as the account may see it. Not knowing is no failure: it names the snapshot, no more.
async fn position(session: &mut Session) -> Option<Position> {
    let row = session.first(OBJECT, status_statement(&session.server)).await.ok()??;
    let transactions = match session.server.flavor {
        Flavor::Mysql => row.words(4),
        Flavor::Mariadb => session.first(OBJECT, "SELECT @@gtid_binlog_pos").await.ok()??.words(0),
    };
    Some(Position { log: format!("{}:{}", row.words(0), row.words(1)), transactions })
}

/// What tells the log's position. MySQL 8.4 has only the newer words, MariaDB only the older ones.
fn status_statement(server: &Server) -> &'static str {
    if server.is_mysql(8, 2, 0) { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" }
}

fn denied(readers: usize) -> Error {
    Error::Privilege {
        action: format!("take one snapshot over {readers} connections"),
        why: "that needs a moment in which nobody writes, by FLUSH TABLES WITH READ LOCK (privilege RELOAD, or \
            FLUSH_TABLES in MySQL 8) or by LOCK TABLES (privileges LOCK TABLES and SELECT on the database); grant one of \
            them, or read over a single connection with `limits: { source_connections: 1 }`"
            .to_owned(),
    }
}

fn in_the_way(session: &Session, error: mysql_async::Error) -> Error {
    if !has_code(&error, &[TIMED_OUT]) {
        return session.failure(OBJECT, error);
    }
    let why = format!(
        "statements or transactions that are under way kept it from being taken within {WAIT_SECONDS} seconds; run again \
         when they are over, or read over a single connection with `limits: {{ source_connections: 1 }}`"
    );
    Error::Unavailable { what: format!("{OBJECT} of {}", session.pool().label()), why, source: Some(Box::new(error)) }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log {}", self.log)?;
        match self.transactions.is_empty() {
            true => Ok(()),
            false => write!(f, " transactions {}", self.transactions.replace(['\n', ' '], "")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_asked_for_in_words_that_the_server_knows() {
        for (version, words) in
            [("8.4.0", "BINARY LOG"), ("8.1.0", "MASTER"), ("5.7.44", "MASTER"), ("11.4.2-MariaDB", "MASTER")]
        {
            let statement = status_statement(&Server::new(version, 1 << 24, 0));
            assert_eq!(statement, format!("SHOW {words} STATUS"), "{version}");
        }
        let position = Position { log: "binlog.7:42".to_owned(), transactions: "a:1-3,\nb:1".to_owned() };
        assert_eq!(position.to_string(), "log binlog.7:42 transactions a:1-3,b:1");
    }
}
