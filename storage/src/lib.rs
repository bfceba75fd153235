//! Where data rests.
//!
//! In reading order: the vocabulary ([`LogicalType`], [`Catalog`], [`Split`], [`Batch`], [`Digest`]), the [`Source`]
//! and [`Target`] traits, then one module per database or file format, and the object store with journal and evidence.
//!
//! **Invariant:** nothing here knows of dataflow, plans or scheduling.

mod batch;
mod broken;
mod canonical;
mod catalog;
mod certificates;
mod column;
mod connect;
mod connections;
pub mod csv;
mod cut;
pub mod database;
pub mod decimal;
mod digest;
mod documented;
mod endpoint;
mod error;
pub mod evidence;
pub mod journal;
pub mod mysql;
mod numeric;
mod object;
pub mod packed;
pub mod parquet;
pub mod postgres;
pub mod row_v2;
mod rows;
mod server_url;
mod setting;
mod source;
mod space;
mod split;
pub mod sqlite;
mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
mod trial;
mod types;
mod verdict;

pub use batch::{Batch, Fault, LOCATOR};
pub use canonical::{JSON_DEPTH_MAX, canonical_json, canonicalize_json_text, is_integral};
pub use catalog::{
    Catalog, Check, Column, Field, ForeignKey, Generation, Identity, IdentityKind, Index, IndexPart, IndexTerm, Object,
    ObjectKind, Partition, Partitioning, System, Table, TargetTable, Timing, Traits,
};
pub use column::{ColumnBuilder, ListBuilder};
pub use connect::{look_at_target, open_source, open_target};
pub use csv::CsvOptions;
pub use cut::Cut;
pub use digest::Digest;
pub use documented::DocumentedType;
pub use endpoint::{Endpoint, SecretText};
pub use error::{Cause, Error, Kind, Result};
pub use mysql::Mysql;
pub use object::{ObjectFolder, store_error};
pub use packed::{Form, Packing};
pub use postgres::Postgres;
pub use rows::{RowsBuilder, arrow_schema};
pub use setting::{Role, Setting};
pub use source::{Batches, LARGE_ROW_BYTES, Longest, Scan, Snapshot, Source};
pub use split::{Piece, Range, SAMPLE_PLACES_MAX, Sizing, Split, SplitId};
pub use target::{Begin, Commit, NextNumber, OnExisting, Standing, Target, Token, Write, Writer};
pub use trial::{RefusedRow, Trial, refused_rows};
pub use types::LogicalType;
pub use verdict::{Verdict, VerifyMode};
