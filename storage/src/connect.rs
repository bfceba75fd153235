//! Opens an endpoint with the connector its URL names. The one place that knows all connectors.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::System;
use crate::csv::CsvFiles;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::mysql::Mysql;
use crate::parquet::ParquetFolder;
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
        System::Parquet => Arc::new(ParquetFolder::open(endpoint.location(), crate::parquet::Access::Read)?),
    })
}

/// Opens an endpoint to write to.
///
/// # Errors
/// As [`open_source`]; `Unsupported` for a system that cannot be a target.
pub fn open_target(endpoint: &Endpoint) -> Result<Arc<dyn Target>> {
    Ok(match endpoint.system()? {
        System::Sqlite => {
            Sqlite::open(Path::new(endpoint.location()), sqlite::Access::Write, endpoint.connections_max)?
        }
        System::Postgresql => postgres(endpoint)?,
        System::Parquet => Arc::new(ParquetFolder::open(endpoint.location(), crate::parquet::Access::Write)?),
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
