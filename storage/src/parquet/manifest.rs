//! The manifest that makes a table visible: which files it is made of, and what they must be.

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutPayload};
use serde::{Deserialize, Serialize};

use crate::catalog::{Column, TargetTable};
use crate::error::{Error, Result};
use crate::object::ObjectFolder;
use crate::target::{Commit, Token};
use crate::types::LogicalType;

/// Name of a table's manifest inside its folder.
pub const MANIFEST: &str = "_manifest.json";
/// Layout of [`Manifest`], raised when an older reader would misread it.
const VERSION: u32 = 1;
/// Bytes of a manifest at the most: a hundred thousand files fit.
const MANIFEST_BYTES_MAX: u64 = 32 << 20;

/// What a table consists of. Files it does not name are no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub version: u32,
    pub table: String,
    pub columns: Vec<ManifestColumn>,
    pub primary_key: Vec<String>,
    pub files: Vec<ManifestFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestColumn {
    pub name: String,
    pub logical: LogicalType,
    pub nullable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestFile {
    /// Relative to the endpoint.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub sha256: String,
}

impl Manifest {
    /// The manifest of a table whose splits were committed as `commits`.
    ///
    /// # Errors
    /// `Internal` if a commit is another system's.
    pub fn new(table: &TargetTable, commits: &[Commit]) -> Result<Manifest> {
        let mut files = commits.iter().map(ManifestFile::of).collect::<Result<Vec<_>>>()?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let column = |field: &crate::Field| ManifestColumn {
            name: field.name.clone(),
            logical: field.logical.clone(),
            nullable: field.nullable,
        };
        let columns = table.fields.iter().map(column).collect();
        let primary_key = table.primary_key.clone();
        Ok(Manifest { version: VERSION, table: table.name.clone(), columns, primary_key, files })
    }

    /// Reads the manifest of the table in `folder`, if it has one.
    pub async fn read(folder: &ObjectFolder, table: &str) -> Result<Option<Manifest>> {
        let path = path(folder, table);
        let corrupt = |why: String| Error::Corrupt { what: folder.object_name(&path), why };
        let found = match folder.store.get(&path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(|error| folder.error(&path, error))?,
        };
        if found.meta.size > MANIFEST_BYTES_MAX {
            return Err(corrupt(format!("it is larger than {MANIFEST_BYTES_MAX} bytes")));
        }
        let json = found.bytes().await.map_err(|error| folder.error(&path, error))?;
        let manifest: Manifest = serde_json::from_slice(&json).map_err(|error| corrupt(error.to_string()))?;
        match manifest.version {
            VERSION => Ok(Some(manifest)),
            other => Err(Error::Unsupported {
                what: folder.object_name(&path),
                why: format!("its version is {other}, this program knows {VERSION}"),
            }),
        }
    }

    /// Writes the manifest. Does nothing if the same one is there already.
    ///
    /// # Errors
    /// `Exists` if another one is there.
    pub async fn write(&self, folder: &ObjectFolder) -> Result<()> {
        let path = path(folder, &self.table);
        let json = serde_json::to_vec_pretty(self).map_err(|error| Error::internal("manifest", error))?;
        let put = folder.store.put_opts(&path, PutPayload::from(json), PutMode::Create.into()).await;
        let Err(error) = put.map_err(|error| folder.error(&path, error)) else { return Ok(()) };
        match Manifest::read(folder, &self.table).await? {
            Some(there) if there == *self => Ok(()),
            _ => Err(error),
        }
    }

    /// The columns as a catalog shows them, for a table without files.
    pub fn catalog_columns(&self) -> Vec<Column> {
        let column = |column: &ManifestColumn| Column {
            name: column.name.clone(),
            native: super::schema::stored(&column.logical).to_string(),
            logical: Some(column.logical.clone()),
            nullable: column.nullable,
            ..Column::default()
        };
        self.columns.iter().map(column).collect()
    }
}

impl ManifestFile {
    fn of(commit: &Commit) -> Result<ManifestFile> {
        match &commit.token {
            Token::Parquet { path, bytes, sha256 } => {
                Ok(ManifestFile { path: path.clone(), rows: commit.rows, bytes: *bytes, sha256: sha256.clone() })
            }
            other => Err(Error::internal("Parquet target", format!("{other:?} is no commit of it"))),
        }
    }
}

/// Where the manifest of `table` is.
pub(super) fn path(folder: &ObjectFolder, table: &str) -> Path {
    folder.path(table).join(MANIFEST)
}
