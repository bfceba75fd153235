//! Opens an endpoint with the connector its URL names. The one place that knows all connectors.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::System;
use crate::csv::CsvFiles;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::mysql::Mysql;
use crate::parquet::{self, ParquetFolder};
use crate::postgres::Postgres;
use crate::source::Source;
use crate::sqlite::{self, Sqlite};
use crate::target::Target;

/// PostgreSQL's schema where none is named.
const SCHEMA_DEFAULT: &str = "public";

/// Opens an endpoint to read from.
///
/// # Errors
/// If the URL is not valid or names something that is not there. Servers are connected to on first use.
pub fn open_source(endpoint: &Endpoint) -> Result<Arc<dyn Source>> {
    Ok(match endpoint.system()? {
        System::Sqlite => Sqlite::open(Path::new(endpoint.location()), sqlite::Access::Read, endpoint.connections_max)?,
        System::Postgresql => postgres(endpoint)?,
        System::Mysql => Mysql::open(endpoint.url.expose(), endpoint.connections_max)?,
        System::Csv => Arc::new(CsvFiles::open(endpoint.location(), &endpoint.csv)?),
        System::Parquet => Arc::new(ParquetFolder::open(endpoint.location(), parquet::Access::Read)?),
    })
}

/// Opens an endpoint to write to.
///
/// # Errors
/// As [`open_source`]; `Unsupported` for a system that cannot be a target.
pub fn open_target(endpoint: &Endpoint) -> Result<Arc<dyn Target>> {
    target(endpoint, sqlite::Access::Write, parquet::Access::Write)
}

/// Opens a target to see what is there and what could be done; nothing is created, not even a folder.
///
/// # Errors
/// As [`open_target`]. What would write fails, or is lost where there is nothing yet to write to.
pub fn look_at_target(endpoint: &Endpoint) -> Result<Arc<dyn Target>> {
    target(endpoint, sqlite::Access::Look, parquet::Access::Look)
}

fn target(endpoint: &Endpoint, sqlite: sqlite::Access, parquet: parquet::Access) -> Result<Arc<dyn Target>> {
    Ok(match endpoint.system()? {
        System::Sqlite => Sqlite::open(Path::new(endpoint.location()), sqlite, endpoint.connections_max)?,
        System::Postgresql => postgres(endpoint)?,
        System::Parquet => Arc::new(ParquetFolder::open(endpoint.location(), parquet)?),
        System::Mysql => Mysql::open(endpoint.url.expose(), endpoint.connections_max)?,
        System::Csv => {
            return Err(Error::Unsupported {
                what: "CSV as a target".to_owned(),
                why: "CSV files cannot hold types; Parquet files can".to_owned(),
            });
        }
    })
}

fn postgres(endpoint: &Endpoint) -> Result<Arc<Postgres>> {
    let schema = endpoint.schema.as_deref().unwrap_or(SCHEMA_DEFAULT);
    Postgres::open(endpoint.url.expose(), schema, endpoint.connections_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::CsvOptions;
    use crate::endpoint::SecretText;

    #[tokio::test]
    async fn looking_at_a_target_makes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().display();
        for url in [format!("parquet:{path}/deep/out"), format!("sqlite:{path}/none.db")] {
            let url = SecretText::new(url);
            let endpoint = Endpoint { url, schema: None, csv: CsvOptions::default(), connections_max: 1 };
            let target = look_at_target(&endpoint).unwrap();
            assert!(target.catalog().await.unwrap().tables.is_empty());
            assert!(target.missing_privileges().await.unwrap().is_empty());
            assert!(target.free_bytes().await.unwrap().is_some());
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
