//! Why a command ends without doing what was asked, and the exit code that says so.

use std::process::ExitCode;

use sensei_planner::Problem;
use sensei_storage::{Error, Kind};
use thiserror::Error as ThisError;

/// Exit codes, as documented for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done and equivalent.
    Done = 0,
    /// A bug in Sensei.
    Internal = 1,
    /// Plan or usage wrong.
    Usage = 2,
    /// Source and target differ.
    Different = 3,
    /// Too many rejected rows.
    Rejects = 4,
    /// Source, target or state unavailable.
    Unavailable = 5,
    /// Interrupted, resumable.
    Interrupted = 6,
    /// Inconclusive, or a person must look.
    Review = 7,
}

impl Exit {
    /// What a process said when it ended; a bug where it could not have.
    pub fn of(code: Option<u32>) -> Exit {
        const ALL: [Exit; 8] = [
            Exit::Done,
            Exit::Internal,
            Exit::Usage,
            Exit::Different,
            Exit::Rejects,
            Exit::Unavailable,
            Exit::Interrupted,
            Exit::Review,
        ];
        let known = |code: u32| ALL.into_iter().find(|exit| *exit as u32 == code);
        // A job without an exit code was stopped.
        code.map_or(Exit::Interrupted, |code| known(code).unwrap_or(Exit::Internal))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ended.
#[derive(Debug, ThisError)]
pub enum Failure {
    /// Something where data rests went wrong.
    #[error("{doing}: {error}")]
    Storage {
        /// What was being done.
        doing: String,
        /// What went wrong; carries its own causes.
        error: Error,
    },
    /// The plan cannot be carried out as written.
    #[error("the plan cannot be carried out: {} found", crate::report::counted(.0.len() as u64, "problem"))]
    Plan(Vec<Problem>),
    /// A wrong argument or setting.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Rows that were copied do not obey a constraint of the plan.
    #[error("{doing}: {error}")]
    Violated {
        /// What was being done.
        doing: String,
        /// What the target said; names the constraint.
        error: Error,
    },
    /// The target refused a foreign key although every row has its parent.
    #[error("adding foreign keys to table \"{table}\", whose rows all refer to rows that are there: {error}")]
    ForeignKey {
        /// The table.
        table: String,
        /// What the target said.
        error: Error,
    },
    /// The pieces a table was read in gave another number of rows than it has.
    #[error("table \"{table}\" of the {side} holds {counted} rows, and reading it in {} gave {read}", crate::report::counted(*.pieces, "piece"))]
    Miscounted {
        /// Source or target.
        side: &'static str,
        /// The table.
        table: String,
        /// Rows counted without ranges.
        counted: u64,
        /// Rows all pieces gave.
        read: u64,
        /// Ranges it was read by.
        pieces: u64,
    },
    /// More rows were rejected than the plan allows.
    #[error("{rejected} rows were rejected, the plan allows {max}")]
    TooManyRejects {
        /// Rows rejected so far.
        rejected: u64,
        /// The plan's limit.
        max: u64,
        /// Folder with the reasons.
        folder: String,
    },
    /// A person stopped the job.
    #[error("interrupted; everything finished so far is kept")]
    Interrupted,
    /// Somebody else does now what this process was to do.
    #[error("{what}")]
    Superseded {
        /// Such as `lease 17 was given to somebody else`.
        what: String,
    },
    /// The head of the cluster cannot be reached, or cannot answer.
    #[error("{what}")]
    Unreachable {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A bug.
    #[error("internal error while {doing}: {why}")]
    Internal {
        /// What was being done.
        doing: String,
        /// What broke.
        why: String,
    },
}

/// Result of what the engine does.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A [`Failure::Internal`].
    pub fn internal(doing: impl Into<String>, why: impl ToString) -> Failure {
        Failure::Internal { doing: doing.into(), why: why.to_string() }
    }

    /// A [`Failure::Usage`].
    pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Usage { what: what.into(), hint: hint.into() }
    }

    /// A [`Failure::Unreachable`].
    pub fn unreachable(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Unreachable { what: what.into(), hint: hint.into() }
    }

    /// Why a constraint could not be added to rows that are there: that they break it is a finding about the data, and
    /// not a failure to write.
    pub fn of_constraint(doing: impl Into<String>, error: Error) -> Failure {
        match error {
            Error::Refused { .. } | Error::RefusedRow { .. } => Failure::Violated { doing: doing.into(), error },
            error => Failure::Storage { doing: doing.into(), error },
        }
    }

    /// Why foreign keys could not be added to a table; `is_checked`: after its references were.
    pub fn foreign_key(table: &str, is_checked: bool, error: Error) -> Failure {
        match error {
            Error::Refused { .. } | Error::RefusedRow { .. } | Error::Invalid { .. } | Error::Unsupported { .. }
                if is_checked =>
            {
                Failure::ForeignKey { table: table.to_owned(), error }
            }
            error => Failure::of_constraint(format!("adding foreign keys to table \"{table}\""), error),
        }
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Storage { error, .. } => match (error, error.kind()) {
                (Error::Refused { .. } | Error::RefusedRow { .. }, _) => Exit::Rejects,
                (Error::Fenced { .. } | Error::Altered { .. }, _) => Exit::Review,
                (_, Kind::Unavailable | Kind::Corrupt) => Exit::Unavailable,
                (Error::Login { .. } | Error::Privilege { .. }, _) => Exit::Unavailable,
                (_, Kind::Invalid | Kind::Conflict) => Exit::Usage,
                (_, Kind::Internal) => Exit::Internal,
            },
            Failure::Plan(_) | Failure::Usage { .. } | Failure::ForeignKey { .. } => Exit::Usage,
            Failure::Miscounted { .. } | Failure::Unreachable { .. } => Exit::Unavailable,
            Failure::Violated { .. } => Exit::Different,
            Failure::TooManyRejects { .. } => Exit::Rejects,
            Failure::Interrupted | Failure::Superseded { .. } => Exit::Interrupted,
            Failure::Internal { .. } => Exit::Internal,
        }
    }

    /// Stable code of the page that explains it.
    pub fn code(&self) -> &str {
        match self {
            Failure::Storage { error, .. } => error.code(),
            Failure::Plan(_) => "S210",
            Failure::Usage { .. } => "S211",
            Failure::TooManyRejects { .. } => "S304",
            Failure::Violated { .. } => "S305",
            Failure::ForeignKey { .. } => "S306",
            Failure::Miscounted { .. } => "S404",
            Failure::Interrupted => "S601",
            Failure::Superseded { .. } => "S602",
            Failure::Unreachable { .. } => "S603",
            Failure::Internal { .. } => "S901",
        }
    }

    /// Code and what was being done, without what any system said: fit for the journal, which nothing can be taken out
    /// of again.
    pub fn summary(&self) -> String {
        match self {
            Failure::Storage { doing, .. } | Failure::Violated { doing, .. } | Failure::Internal { doing, .. } => {
                format!("{} while {doing}", self.code())
            }
            Failure::ForeignKey { table, .. } => {
                format!("{} while adding foreign keys to table \"{table}\"", self.code())
            }
            Failure::Usage { .. } | Failure::Unreachable { .. } | Failure::Plan(_) => self.code().to_owned(),
            Failure::Miscounted { .. }
            | Failure::TooManyRejects { .. }
            | Failure::Interrupted
            | Failure::Superseded { .. } => {
                format!("{}: {self}", self.code())
            }
        }
    }

    /// What failed, why, and what to do, for people.
    pub fn in_full(&self) -> String {
        let problems: String = self.problems().iter().map(|problem| format!("\n\n{problem}")).collect();
        let hint = self.hint();
        let hint = if hint.is_empty() { String::new() } else { format!("\n\nhint: {hint}") };
        format!("error[{}]: {self}{problems}{hint}", self.code())
    }

    /// The same as one object, for scripts.
    pub fn to_json(&self) -> String {
        let error = serde_json::json!({
            "code": self.code(),
            "message": self.to_string(),
            "hint": self.hint(),
            "exit_code": self.exit() as u8,
            "problems": self.problems(),
        });
        serde_json::json!({ "error": error }).to_string()
    }

    fn problems(&self) -> &[Problem] {
        match self {
            Failure::Plan(problems) => problems,
            _ => &[],
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Failure::Usage { hint, .. } | Failure::Unreachable { hint, .. } => hint.clone(),
            Failure::TooManyRejects { folder, .. } => {
                format!(
                    "Read the reasons in {folder}, then change the plan's rules or raise rejects.max and run again."
                )
            }
            Failure::Interrupted => "Run the same command again to continue.".to_owned(),
            other => crate::pages::remedy(other.code()).to_owned(),
        }
    }
}

/// Says what was being done when storage failed.
pub trait Doing<T> {
    /// Adds `doing`, such as `reading the source catalog`.
    fn doing(self, doing: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for Result<T, Error> {
    fn doing(self, doing: impl Into<String>) -> Result<T> {
        self.map_err(|error| Failure::Storage { doing: doing.into(), error })
    }
}
