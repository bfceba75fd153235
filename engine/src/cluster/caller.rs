//! Who calls, and what they may do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a client may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Submit, pause, resume, stop, retry.
    Operator,
    /// Give and take access, and whatever workers may.
    Admin,
}

/// What a worker may do with databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Reads catalogs and samples.
    Scout,
    /// Reads the source, writes the target.
    Mover,
    /// Only reads.
    Validator,
}

/// As whom a call comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// A person or a script.
    Client(Role),
    /// A worker of these classes.
    Worker(Vec<Class>),
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name in the certificate or of the token.
    pub name: String,
    /// As whom.
    pub access: Access,
}

impl Role {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl Class {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Class::Scout => "scout",
            Class::Mover => "mover",
            Class::Validator => "validator",
        }
    }
}

/// Classes as they are written.
pub fn words(classes: &[Class]) -> Vec<String> {
    classes.iter().map(|class| class.word().to_owned()).collect()
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::Client(role) => f.write_str(role.word()),
            Access::Worker(_) => f.write_str("worker"),
        }
    }
}
