//! SQLite database files, as source and as target.
//!
//! In reading order: `types` (declared types), `ddl` (what definitions say), `schema` (the catalog) with `references`,
//! `indexes`, `checks`, `numbering`, `objects` and `sizes`, `decode` and `scan` (reading), `pieces` and `snapshot`
//! (sharing one view), `create` (tables), `encode`, `progress`, `writer` and `target` (writing).
//!
//! **Invariant:** SQLite enforces no column type, so every value is decoded by its own storage class; one that is not
//! exactly a value of the wanted type becomes a fault, never another value.
//!
//! **Invariant:** no connection is used outside a thread for blocking calls.

mod checks;
mod connect;
mod create;
mod ddl;
mod decode;
mod documented;
mod encode;
pub(crate) mod error;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod foreign;
mod indexes;
mod longest;
mod numbering;
mod objects;
mod pieces;
mod progress;
mod references;
mod scan;
mod schema;
mod settings;
mod sizes;
mod snapshot;
mod target;
mod trial;
mod types;
mod writer;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::{Mutex, Semaphore};

pub use connect::Access;
pub use documented::{documented_types, refuses};
pub use types::{holding, logical_type, native_type};

use crate::catalog::{Catalog, System};
use crate::error::{Error, Result};
use crate::setting::{Role, Setting};
use crate::source::{Snapshot, Source};
use connect::File;
use error::classify;
use snapshot::SqliteSnapshot;

/// One SQLite database file.
pub struct Sqlite {
    file: File,
    path: String,
    readers_max: usize,
    /// Bounds the connections that read back.
    readers: Arc<Semaphore>,
    access: Access,
    /// The one connection that writes, made on first use: a file that nobody writes to is not created.
    writer: OnceLock<Arc<Mutex<Connection>>>,
}

impl Sqlite {
    /// Opens a database file with at most `readers_max` connections that read at once.
    ///
    /// # Errors
    /// `Missing` if there is no such file, or for [`Access::Write`] and [`Access::Look`] no such folder; `Corrupt` if it is no database;
    /// `Privilege` if it may not be opened.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sensei_storage::sqlite::{Access, Sqlite};
    /// let folder = tempfile::tempdir()?;
    /// let shop = Sqlite::open(&folder.path().join("shop.db"), Access::Write, 2)?;
    /// assert!(Sqlite::open(&folder.path().join("other.db"), Access::Read, 2).is_err());
    /// # Ok(()) }
    /// ```
    pub fn open(path: &Path, access: Access, readers_max: usize) -> Result<Arc<Sqlite>> {
        let file = File::new(path)?;
        file.check(access)?;
        if file.path().exists() {
            file.connect(access)?;
        }
        Ok(Arc::new(Sqlite {
            file,
            path: path.display().to_string(),
            readers_max: readers_max.max(1),
            readers: Arc::new(Semaphore::new(readers_max.max(1))),
            access,
            writer: OnceLock::new(),
        }))
    }
}

#[async_trait]
impl Source for Sqlite {
    fn system(&self) -> System {
        System::Sqlite
    }

    fn describe(&self) -> String {
        format!("sqlite:{}", self.path)
    }

    async fn identity(&self) -> Result<String> {
        Ok(format!("sqlite {}", self.file.identity()))
    }

    async fn catalog(&self) -> Result<Catalog> {
        let file = self.file.clone();
        blocking(move || {
            let connection = file.connect_or_empty()?;
            schema::catalog(&connection).map_err(|error| classify(file.name(), error))
        })
        .await
    }

    async fn snapshot(&self, readers: usize) -> Result<Arc<dyn Snapshot>> {
        let (file, count) = (self.file.clone(), readers.clamp(1, self.readers_max));
        Ok(Arc::new(blocking(move || SqliteSnapshot::open(&file, count)).await?))
    }

    async fn settings(&self, role: Role, _bytes: u64) -> Result<Vec<Setting>> {
        let file = self.file.clone();
        blocking(move || settings::read(&file, role)).await
    }
}

/// Runs a blocking call on a thread for such calls.
async fn blocking<T, F>(call: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(call).await.map_err(|panic| Error::internal("SQLite call", panic))?
}

#[cfg(test)]
mod tests;
