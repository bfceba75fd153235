//! Secrets by reference: `env:NAME`, `file:PATH` or `exec:COMMAND ARGUMENTS…`. What is kept, sent and shown is the
//! reference; the secret itself is fetched where it is used.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use sensei_storage::SecretText;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::failure::{Failure, Result};

/// A secret has at most this many bytes.
pub const SECRET_BYTES_MAX: u64 = 64 << 10;
/// A command or file takes at most this long.
pub const FETCH_MAX: Duration = Duration::from_secs(10);

const HINT: &str = "Write env:NAME, file:PATH or exec:COMMAND ARGUMENTS.";

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// In an environment variable of this process.
    Environment(String),
    /// In a file.
    File(PathBuf),
    /// In what a command prints. No shell: the program, then its arguments, at least one word.
    Command(Vec<String>),
}

impl FromStr for SecretReference {
    type Err = Failure;

    fn from_str(text: &str) -> Result<SecretReference> {
        let wrong = |why: &str| Failure::usage(format!("a secret's reference cannot be read: {why}"), HINT);
        match text.split_once(':') {
            Some((_, "")) => Err(wrong("there is nothing behind the colon")),
            Some((_, rest)) if rest.contains('\0') => Err(wrong("there is a zero byte in it")),
            Some(("env", name)) if name.contains('=') => Err(wrong("a variable's name has no '='")),
            Some(("env", name)) => Ok(SecretReference::Environment(name.to_owned())),
            Some(("file", path)) => Ok(SecretReference::File(PathBuf::from(path))),
            Some(("exec", line)) => words(line).map(SecretReference::Command).map_err(wrong),
            // The text may be the secret itself, and is not repeated.
            _ => Err(wrong("it begins with none of env:, file: and exec:")),
        }
    }
}

impl fmt::Display for SecretReference {
    /// For messages; of a command only the program, since arguments may be secrets too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretReference::Environment(name) => write!(f, "env:{name}"),
            SecretReference::File(path) => write!(f, "file:{}", path.display()),
            SecretReference::Command(words) => write!(f, "exec:{}", words[0]),
        }
    }
}

impl SecretReference {
    /// Fetches the secret, without the one line break it may end with.
    ///
    /// # Errors
    /// `Usage`, naming the reference, if there is none, it is empty, not text, larger than [`SECRET_BYTES_MAX`], or takes
    /// longer than [`FETCH_MAX`].
    pub async fn fetch(&self) -> Result<SecretText> {
        let fetched = timeout(FETCH_MAX, self.bytes()).await;
        let bytes = fetched.unwrap_or_else(|_| Err(format!("it took longer than {} s", FETCH_MAX.as_secs())));
        bytes.and_then(text).map(SecretText::new).map_err(|why| {
            Failure::usage(format!("secret {self} cannot be had: {why}"), "Try it by hand, as the user this runs as.")
        })
    }

    async fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            SecretReference::Environment(name) => {
                let value = std::env::var_os(name).ok_or("there is no such variable")?;
                Ok(value.into_encoded_bytes())
            }
            SecretReference::File(path) => read(path).await,
            SecretReference::Command(words) => run(words).await,
        }
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).await.map_err(|error| error.to_string())?;
    bounded(file).await
}

async fn run(words: &[String]) -> Result<Vec<u8>, String> {
    let mut child = spawn(words).map_err(|error| format!("it cannot be run: {error}"))?;
    let output = child.stdout.take().ok_or("its output cannot be read")?;
    // Dropped on error, and killed thereby.
    let bytes = bounded(output).await?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() { Ok(bytes) } else { Err(format!("it ended with {status}")) }
}

/// What it complains of is not passed on: it may hold the secret.
fn spawn(words: &[String]) -> std::io::Result<Child> {
    Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

async fn bounded(from: impl AsyncRead + Unpin) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(format!("it has more than {SECRET_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    let mut text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    if text.ends_with('\n') {
        text.pop();
        text.truncate(text.strip_suffix('\r').unwrap_or(&text).len());
    }
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text) }
}

/// Splits at blanks; '…' and "…" keep them, and \ takes the next character as it is, except within '…'.
fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (end, Some(begun)) if end == begun => quote = None,
            ('\\', None | Some('"')) => {
                let next = characters.next().ok_or("there is nothing behind the last \\")?;
                word.get_or_insert_default().push(next);
            }
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    if words.first().is_none_or(String::is_empty) { Err("it names no command") } else { Ok(words) }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
