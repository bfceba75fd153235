//! Opening database files, and the SQL spelling of names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::classify;
use crate::error::{Error, Result};

/// How long a statement waits for another connection's lock. Longer than any commit of one split should take.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Pages kept in memory per reader, in KiB. Scans go through each page once.
const READ_CACHE_KIB: i64 = 2 * 1024;

/// The same for the writer, where a key in random order revisits index pages.
const WRITE_CACHE_KIB: i64 = 16 * 1024;

/// What an endpoint is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading an existing file.
    Read,
    /// Reading and writing; the file is created if its folder exists.
    Write,
    /// As for writing, but nothing is written: a file that is missing stays so and is taken for an empty one.
    Look,
}

/// A database file, by the path the user gave and by one that no connection mistakes for a URI.
#[derive(Clone, Debug)]
pub(super) struct File {
    absolute: PathBuf,
    name: String,
}

impl File {
    pub(super) fn new(path: &Path) -> Result<File> {
        let name = format!("file \"{}\"", path.display());
        let absolute = std::path::absolute(path).map_err(|error| Error::io(&name, error))?;
        Ok(File { absolute, name })
    }

    /// The file for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The path for reading its stamps.
    pub(super) fn path(&self) -> &Path {
        &self.absolute
    }

    /// Refuses a file that cannot be there before SQLite says something less clear.
    pub(super) fn check(&self, access: Access) -> Result<()> {
        let missing = |what: String| Err(Error::Missing { what });
        match access {
            Access::Read if !self.absolute.is_file() => missing(self.name.clone()),
            Access::Write | Access::Look => match self.absolute.parent() {
                Some(folder) if !folder.is_dir() => missing(format!("the folder of {}", self.name)),
                _ => Ok(()),
            },
            Access::Read => Ok(()),
        }
    }

    pub(super) fn connect(&self, access: Access) -> Result<Connection> {
        let mode = match access {
            Access::Read | Access::Look => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let connection = Connection::open_with_flags(&self.absolute, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| classify(&self.name, error))?;
        self.configure(&connection, access).map_err(|error| classify(&self.name, error))?;
        Ok(connection)
    }

    /// A connection that reads the file, or an empty database where there is no file yet.
    pub(super) fn connect_or_empty(&self) -> Result<Connection> {
        if self.absolute.exists() {
            return self.connect(Access::Read);
        }
        Connection::open_in_memory().map_err(|error| classify(&self.name, error))
    }

    /// Tells whether two paths mean one file: device and inode, or the path while there is no file.
    pub(super) fn identity(&self) -> String {
        use std::os::unix::fs::MetadataExt;
        match std::fs::metadata(&self.absolute) {
            Ok(found) => format!("{}:{}", found.dev(), found.ino()),
            Err(_) => self.absolute.display().to_string(),
        }
    }

    fn configure(&self, connection: &Connection, access: Access) -> rusqlite::Result<()> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // A misspelt column must be an error, not a string.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        let cache_kib = if access == Access::Write { WRITE_CACHE_KIB } else { READ_CACHE_KIB };
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        // References are checked once all tables are loaded.
        connection.pragma_update(None, "foreign_keys", false)?;
        if access == Access::Write {
            // Every commit is durable before it is reported.
            connection.pragma_update(None, "synchronous", "FULL")?;
        }
        // The first read is what notices a file that is no database.
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))
    }
}

/// The journal mode in force: `delete`, `wal`, and so on.
pub(super) fn journal_mode(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
}

/// A name as an SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names as a comma-separated list of SQL identifiers.
pub(super) fn quoted_list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}
