//! SQLite's result codes as [`Error`]s. Messages come from SQLite, which names tables and columns and no values.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::error::Error;

/// Classifies a failure of an operation on `what`: a database file or a table, with its kind.
pub(crate) fn classify(what: impl Into<String>, error: rusqlite::Error) -> Error {
    let what = what.into();
    let Some(code) = error.sqlite_error().copied() else { return Error::internal(what, error) };
    let why = message(&error);
    match code.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::Unavailable { what, why: "another connection holds its lock".to_owned(), source: Some(error.into()) }
        }
        ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed | ErrorCode::OperationInterrupted => {
            Error::Unavailable { what, why, source: Some(error.into()) }
        }
        ErrorCode::CannotOpen => Error::Unavailable { what, why, source: Some(error.into()) },
        ErrorCode::DiskFull => Error::Full { what, source: Some(error.into()) },
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => Error::Corrupt { what, why },
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied => {
            Error::Privilege { action: format!("use {what}"), why }
        }
        ErrorCode::ConstraintViolation => {
            let column = column(code.extended_code, &why);
            Error::RefusedRow { what, column, why: constraint(code.extended_code, why) }
        }
        ErrorCode::TooBig => {
            Error::RefusedRow { what, column: None, why: "a row is larger than SQLite allows".to_owned() }
        }
        _ => match why.strip_prefix("no such table: ") {
            Some(table) => Error::Missing { what: format!("table \"{}\"", table.trim_start_matches("main.")) },
            None => Error::internal(what, why),
        },
    }
}

/// Classifies a failure of a statement that defines `what`. Its message speaks of the definition, which holds no rows.
pub(super) fn definition(what: impl Into<String>, error: rusqlite::Error) -> Error {
    let what = what.into();
    match complaint(&error) {
        Some(why) => Error::Invalid { what, why: why.to_owned() },
        None if matches!(error, rusqlite::Error::MultipleStatement) => {
            Error::Invalid { what, why: "it is more than one statement".to_owned() }
        }
        None => classify(what, error).of_all_rows(),
    }
}

/// What SQLite's compiler says is wrong with a statement, if that is what went wrong.
pub(super) fn complaint(error: &rusqlite::Error) -> Option<&str> {
    match error {
        rusqlite::Error::SqliteFailure(code, Some(why)) if code.code == ErrorCode::Unknown => Some(why),
        rusqlite::Error::SqlInputError { error: code, msg, .. } if code.code == ErrorCode::Unknown => Some(msg),
        _ => None,
    }
}

/// What a trigger or an application raises is free text, so only its origin is told.
fn constraint(extended_code: i32, why: String) -> String {
    match extended_code {
        ffi::SQLITE_CONSTRAINT_TRIGGER => "a trigger raised an error".to_owned(),
        ffi::SQLITE_CONSTRAINT_FUNCTION | ffi::SQLITE_CONSTRAINT_VTAB => "an extension raised an error".to_owned(),
        _ => why,
    }
}

/// The column in a message such as `NOT NULL constraint failed: t.c`, where it is a single one without a dot.
fn column(extended_code: i32, why: &str) -> Option<String> {
    let names_columns = matches!(
        extended_code,
        ffi::SQLITE_CONSTRAINT_NOTNULL | ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
    );
    let (_, place) = why.split_once("constraint failed: ").filter(|_| names_columns)?;
    let (_, column) = place.split_once('.')?;
    (!column.contains(['.', ','])).then(|| column.to_owned())
}

fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, None) => code.to_string(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        // The statement itself is left out.
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}
