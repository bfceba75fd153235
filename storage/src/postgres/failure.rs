//! From what the server or the network said to an [`Error`]. The one place that reads SQLSTATEs.

use std::error::Error as _;

use tokio_postgres::error::DbError;

use crate::error::Error;

/// What went wrong, `at` the endpoint, while working on `object` (such as `table "t"`).
///
/// Messages of classes 22 and 23 are rewritten, since the server's own may quote values; so may those of a trigger or
/// function, of which only the state is told. `detail` is never used. What lies in a row's own values is told apart from
/// what lies in other tables, such as a parent row that is not there (yet).
///
/// # Source
/// PostgreSQL manual, appendix A.
pub(super) fn failure(at: &str, object: &str, error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        return broken(at, error);
    };
    let state = db.code().code();
    if state.starts_with("P0") || db.routine() == Some("exec_stmt_raise") {
        let why = format!("a trigger or function raised an error ({state})");
        return Error::RefusedRow { what: object.to_owned(), column: None, why };
    }
    let why = || match state {
        // Of locks, nearly always, which the server's message does not say.
        "53200" => format!("{}: raise max_locks_per_transaction, or move fewer tables at once", plain_message(db)),
        _ => plain_message(db),
    };
    let unsupported = || Error::Unsupported { what: object.to_owned(), why: why() };
    match (state.get(..2).unwrap_or_default(), state) {
        ("28", _) => Error::Login { what: at.to_owned(), why: why() },
        (_, "42501" | "25006") => Error::Privilege { action: format!("use {object} at {at}"), why: why() },
        (_, "42P01" | "42703" | "3D000" | "3F000") if db.where_().is_none() => {
            Error::Missing { what: missing(db, object) }
        }
        (_, "42P07" | "42P06" | "42710" | "42723") => Error::Exists { what: object.to_owned(), why: why() },
        ("2B", _) | (_, "23503") => Error::Refused { what: object.to_owned(), why: refusal(db) },
        ("22" | "23" | "54", _) => Error::RefusedRow { what: object.to_owned(), column: column(db), why: refusal(db) },
        (_, "53100") => Error::Full { what: at.to_owned(), source: Some(Box::new(error)) },
        ("08" | "53" | "57" | "40" | "55" | "58", _) => {
            Error::Unavailable { what: at.to_owned(), why: why(), source: Some(Box::new(error)) }
        }
        ("0A", _) => unsupported(),
        ("42", _) => Error::Invalid { what: object.to_owned(), why: why() },
        (_, "XX001" | "XX002") => Error::Corrupt { what: object.to_owned(), why: why() },
        _ => Error::internal(format!("{object} at {at}"), format!("SQLSTATE {state}")),
    }
}

/// Whether the connection is gone, so that nobody knows what became of the last request.
pub(crate) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => true,
        Some(state) => matches!(state.code().get(..2), Some("08")) || state.code().starts_with("57P"),
    }
}

/// A failure below SQL: network, TLS or login set-up.
fn broken(at: &str, error: tokio_postgres::Error) -> Error {
    let at = at.to_owned();
    let why = reason(&error);
    match error.to_string().as_str() {
        "authentication error" | "invalid configuration" => Error::Login { what: at, why },
        "error performing TLS handshake" if !is_io(&error) => Error::Invalid { what: format!("TLS to {at}"), why },
        _ => Error::Unavailable { what: at, why, source: Some(Box::new(error)) },
    }
}

fn reason(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Whether a handshake failed for the network's sake and not for the certificate's.
fn is_io(error: &tokio_postgres::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() != std::io::ErrorKind::InvalidData)
}

/// What the server said of a statement of ours. With a context the words come from within a COPY or a function, and
/// may quote values.
fn plain_message(db: &DbError) -> String {
    match db.where_() {
        None => db.message().to_owned(),
        Some(_) => format!("SQLSTATE {}", db.code().code()),
    }
}

fn missing(db: &DbError, object: &str) -> String {
    match db.code().code() {
        "42703" => format!("a column of {object}"),
        "3D000" | "3F000" => db.message().trim_end_matches(" does not exist").to_owned(),
        _ => object.to_owned(),
    }
}

fn refusal(db: &DbError) -> String {
    let why = match db.code().code() {
        "22001" => "a value is too long for its column",
        "22003" => "a number is out of range",
        "22007" | "22008" => "a date or time is out of range",
        "22021" | "22P05" => "text cannot be stored in the database's encoding",
        "22P02" | "22023" => "a value is not valid for its column's type",
        "22P03" => "a value's binary form does not match its column's type",
        "23502" => "a value is NULL where NULL is not allowed",
        "23503" => "a foreign key has no parent row",
        "23505" => "a key is there twice",
        "23514" => "a row violates a check constraint",
        "23P01" => "rows violate an exclusion constraint",
        "2BP01" => "other objects depend on it",
        "54000" => "a row is larger than the server or an index allows",
        _ => "the data was rejected",
    };
    let constraint = db.constraint().map(|name| format!(", constraint \"{name}\""));
    format!("{why}{} ({})", constraint.unwrap_or_default(), db.code().code())
}

fn column(db: &DbError) -> Option<String> {
    db.column().or_else(|| copied_column(db)).map(str::to_owned)
}

/// The column in a context such as `COPY t, line 3, column c`, without the value that may follow.
fn copied_column(db: &DbError) -> Option<&str> {
    let context = db.where_()?.strip_prefix("COPY ")?;
    let (_, column) = context.split_once(", column ")?;
    column.split([':', '\n']).next()
}
