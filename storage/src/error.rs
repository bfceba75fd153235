//! What can go wrong where data rests. One variant per cause; the kind tells the caller the next move.

use thiserror::Error;

/// The source of an error below, kept for the log and never formatted into the message.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Result of every fallible operation in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure outside the program's control. Messages name objects, never cell values or secrets.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The system could not be reached, or went away.
    #[error("cannot reach {what}: {why}")]
    Unavailable {
        /// The endpoint, without secrets.
        what: String,
        /// What the system or the network said.
        why: String,
        /// Underlying error.
        #[source]
        source: Option<Cause>,
    },
    /// The system refused the credentials.
    #[error("{what} refused the login: {why}")]
    Login {
        /// The endpoint, without secrets.
        what: String,
        /// Its reason.
        why: String,
    },
    /// The account lacks a privilege.
    #[error("not allowed to {action}: {why}")]
    Privilege {
        /// What was attempted.
        action: String,
        /// What the system said.
        why: String,
    },
    /// A named thing is not there.
    #[error("{what} does not exist")]
    Missing {
        /// The thing, with its kind: `table "t"`, `file "x.csv"`.
        what: String,
    },
    /// The request makes no sense as given.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// The setting or argument.
        what: String,
        /// Why.
        why: String,
    },
    /// Sensei does not support this (yet).
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// The object or feature.
        what: String,
        /// Why, or since when.
        why: String,
    },
    /// Stored bytes are not what they must be.
    #[error("{what} is corrupt: {why}")]
    Corrupt {
        /// The file or object.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Evidence does not match what was signed or chained.
    #[error("{what} was altered: {why}")]
    Altered {
        /// The file or object.
        what: String,
        /// How that shows.
        why: String,
    },
    /// The source changed under a snapshot that should have been stable.
    #[error("{what} changed while it was being read")]
    Changed {
        /// The file or object.
        what: String,
    },
    /// Something is already there that must not be touched.
    #[error("{what} already exists: {why}")]
    Exists {
        /// The object.
        what: String,
        /// What makes that a problem.
        why: String,
    },
    /// A newer generation of the same job owns the target or the journal.
    #[error("generation {mine} of job {job} was superseded")]
    Fenced {
        /// The job.
        job: String,
        /// The generation that lost.
        mine: u64,
    },
    /// The target would not take a row, because of what is in it. Other rows may still be taken.
    #[error("{what} refused a row: {why}{}", named(.column))]
    RefusedRow {
        /// Table in the target.
        what: String,
        /// The column that does not fit, where the system names one.
        column: Option<String>,
        /// The constraint or rule, without values.
        why: String,
    },
    /// The target would not take rows, whatever is in them or for reasons that lie elsewhere.
    #[error("{what} refused the rows: {why}")]
    Refused {
        /// Table in the target.
        what: String,
        /// The constraint or rule, without values.
        why: String,
    },
    /// No space left.
    #[error("no space left for {what}")]
    Full {
        /// File, folder or database.
        what: String,
        /// Underlying error.
        #[source]
        source: Option<Cause>,
    },
    /// A bug in Sensei.
    #[error("internal error in {what}: {why}")]
    Internal {
        /// The operation.
        what: String,
        /// What broke.
        why: String,
    },
}

fn named(column: &Option<String>) -> String {
    column.as_ref().map_or(String::new(), |column| format!(", column \"{column}\""))
}

/// What the caller should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The other side is away: wait and retry, or give up and keep the job resumable.
    Unavailable,
    /// Somebody else owns or occupies it: stop, ask a person.
    Conflict,
    /// The request is wrong: fix plan or usage.
    Invalid,
    /// Data or evidence is damaged: stop, never repair silently.
    Corrupt,
    /// A bug: stop and report.
    Internal,
}

impl Error {
    /// Coarse kind, the only thing retry decisions look at.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Unavailable { .. } | Error::Full { .. } => Kind::Unavailable,
            Error::Exists { .. } | Error::Fenced { .. } | Error::Refused { .. } | Error::RefusedRow { .. } => {
                Kind::Conflict
            }
            Error::Login { .. }
            | Error::Privilege { .. }
            | Error::Missing { .. }
            | Error::Invalid { .. }
            | Error::Unsupported { .. } => Kind::Invalid,
            Error::Corrupt { .. } | Error::Altered { .. } | Error::Changed { .. } => Kind::Corrupt,
            Error::Internal { .. } => Kind::Internal,
        }
    }

    /// Code of [`Error::Login`].
    pub const LOGIN_CODE: &str = "S102";

    /// Stable code of the error's page.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Unavailable { .. } => "S101",
            Error::Login { .. } => Error::LOGIN_CODE,
            Error::Privilege { .. } => "S103",
            Error::Full { .. } => "S104",
            Error::Missing { .. } => "S201",
            Error::Invalid { .. } => "S202",
            Error::Unsupported { .. } => "S203",
            Error::Exists { .. } => "S301",
            Error::Fenced { .. } => "S302",
            Error::Refused { .. } | Error::RefusedRow { .. } => "S303",
            Error::Corrupt { .. } => "S401",
            Error::Altered { .. } => "S402",
            Error::Changed { .. } => "S403",
            Error::Internal { .. } => "S901",
        }
    }

    /// An [`Error::Internal`] of `what`.
    pub fn internal(what: impl Into<String>, why: impl ToString) -> Error {
        Error::Internal { what: what.into(), why: why.to_string() }
    }

    /// The same refusal where it cannot be laid to a single row, such as at the commit.
    pub fn of_all_rows(self) -> Error {
        match &self {
            Error::RefusedRow { what, column, why } => {
                Error::Refused { what: what.clone(), why: format!("{why}{}", named(column)) }
            }
            _ => self,
        }
    }

    /// Classifies an I/O error on `what`: missing, full, or unavailable.
    pub fn io(what: impl Into<String>, error: std::io::Error) -> Error {
        let what = what.into();
        match error.kind() {
            std::io::ErrorKind::NotFound => Error::Missing { what },
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Error::Full { what, source: Some(Box::new(error)) }
            }
            std::io::ErrorKind::PermissionDenied => {
                Error::Privilege { action: format!("open {what}"), why: error.to_string() }
            }
            _ => Error::Unavailable { what, why: error.to_string(), source: Some(Box::new(error)) },
        }
    }
}
