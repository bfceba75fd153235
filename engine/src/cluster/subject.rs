//! Whom a certificate is for, as a URI in the certificate: `sensei:head/NAME`,
//! `sensei:worker/NAME?classes=mover,validator`, `sensei:client/NAME?role=operator`.

use std::fmt;

use super::caller::{Access, Caller, Class, Role};

/// What every such URI begins with.
pub const SCHEME: &str = "sensei:";
/// Characters of a name at most: it must fit a certificate's common name, and a DNS label.
pub const NAME_CHARS_MAX: usize = 63;

const CLASSES: [Class; 3] = [Class::Scout, Class::Mover, Class::Validator];
const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

/// Whom a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A head. Serves, and calls other heads.
    Head {
        /// Its name.
        name: String,
    },
    /// A worker.
    Worker {
        /// Its name; several workers may share a certificate.
        name: String,
        /// What it may do; at least one, each once.
        classes: Vec<Class>,
    },
    /// A person or a script.
    Client {
        /// Its name.
        name: String,
        /// What it may do.
        role: Role,
    },
}

impl Subject {
    /// `head`, `worker` or `client`.
    pub fn kind(&self) -> &'static str {
        match self {
            Subject::Head { .. } => "head",
            Subject::Worker { .. } => "worker",
            Subject::Client { .. } => "client",
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Subject::Head { name } | Subject::Worker { name, .. } | Subject::Client { name, .. } => name,
        }
    }

    /// Reads a URI, strictly: only what [`Subject`] itself writes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(uri: &str) -> Result<Subject, String> {
        let rest = uri.strip_prefix(SCHEME).ok_or_else(|| format!("it does not begin with {SCHEME}"))?;
        let (kind, rest) = rest.split_once('/').ok_or("it has no name")?;
        let (name, detail) = rest.split_once('?').map_or((rest, None), |(name, detail)| (name, Some(detail)));
        let name = name.to_owned();
        let subject = match (kind, detail.and_then(|detail| detail.split_once('='))) {
            ("head", None) => Subject::Head { name },
            ("worker", Some(("classes", words))) => Subject::Worker { name, classes: classes(words)? },
            ("client", Some(("role", word))) => Subject::Client { name, role: role(word)? },
            ("head" | "worker" | "client", _) => return Err(format!("it does not say what a {kind} must say")),
            _ => return Err(format!("\"{}\" is no kind of caller", kind.escape_default())),
        };
        subject.check()?;
        if subject.to_string() == uri { Ok(subject) } else { Err("it says more than it should".to_owned()) }
    }

    /// Whether it can be put into a certificate.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        check_name(self.name())?;
        let Subject::Worker { classes, .. } = self else { return Ok(()) };
        if classes.is_empty() {
            return Err("a worker needs at least one class".to_owned());
        }
        let twice = classes.iter().enumerate().find(|(index, class)| classes[..*index].contains(class));
        twice.map_or(Ok(()), |(_, class)| Err(format!("class {} is there twice", class.word())))
    }

    /// As whom the holder calls; `None` for a head, which by itself may do nothing here.
    pub fn caller(self) -> Option<Caller> {
        match self {
            Subject::Head { .. } => None,
            Subject::Worker { name, classes } => Some(Caller { name, access: Access::Worker(classes) }),
            Subject::Client { name, role } => Some(Caller { name, access: Access::Client(role) }),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.kind(), self.name())?;
        match self {
            Subject::Head { .. } => Ok(()),
            Subject::Worker { classes, .. } => {
                let words: Vec<&str> = classes.iter().map(|class| class.word()).collect();
                write!(f, "?classes={}", words.join(","))
            }
            Subject::Client { role, .. } => write!(f, "?role={}", role.word()),
        }
    }
}

/// Whether `name` can name a certificate, a caller or a file.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_good = name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_safe);
    if is_good { Ok(()) } else { Err(format!("\"{}\" cannot be a name", name.escape_default())) }
}

/// Whether a worker may go by `worker` whose certificate is for `name`: several may share one.
pub fn goes_by(name: &str, worker: &str) -> bool {
    worker.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Reads comma-separated classes.
///
/// # Errors
/// Which word is none.
pub fn classes(words: &str) -> Result<Vec<Class>, String> {
    words.split(',').map(|word| known(&CLASSES, Class::word, word, "class")).collect()
}

/// Reads a role.
///
/// # Errors
/// If there is no such role.
pub fn role(word: &str) -> Result<Role, String> {
    known(&ROLES, Role::word, word, "role")
}

fn known<T: Copy>(all: &[T], as_word: fn(T) -> &'static str, word: &str, what: &str) -> Result<T, String> {
    let found = all.iter().find(|known| as_word(**known) == word);
    found.copied().ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|known| as_word(*known)).collect();
        format!("\"{}\" is no {what}: take one of {}", word.escape_default(), words.join(", "))
    })
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
