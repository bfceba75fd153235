//! Where data rests.
//!
//! In reading order: the vocabulary ([`LogicalType`], [`Catalog`], [`Split`], [`Batch`], [`Digest`]), the [`Source`]
//! and [`Target`] traits, then one module per database or file format, and the object store with journal and evidence.
//!
//! **Invariant:** nothing here knows of dataflow, plans or scheduling.

mod batch;
mod catalog;
mod column;
pub mod csv;
pub mod decimal;
mod digest;
mod endpoint;
mod error;
mod object;
pub mod parquet;
mod rows;
mod source;
mod split;
mod target;
pub mod text;
mod types;

pub use batch::{Batch, Fault, LOCATOR};
pub use catalog::{Catalog, Column, Field, ForeignKey, System, Table, TargetTable};
pub use column::{ColumnBuilder, ListBuilder};
pub use digest::Digest;
pub use endpoint::{Endpoint, SecretText};
pub use error::{Cause, Error, Kind, Result};
pub use object::{ObjectFolder, store_error};
pub use rows::{RowsBuilder, arrow_schema};
pub use source::{Batches, Scan, Snapshot, Source};
pub use split::{Piece, Range, Sizing, Split, SplitId};
pub use target::{Begin, Commit, OnExisting, Target, Token, Write, Writer};
pub use types::LogicalType;
