//! Random access to one object for the Parquet decoder, in blocks, with a bounded read-ahead.
//!
//! The decoder reads the pages of several column chunks in turn. Whole chunks would not fit a memory budget (one may
//! hold a gigabyte), so blocks are fetched as they are reached and the most recent ones kept.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;

use crate::error::Error;
use crate::object::ObjectFolder;

/// Bytes kept per open file, all blocks together.
pub(super) const READ_AHEAD_BYTES_MAX: u64 = 16 << 20;
/// Largest block; larger ones only cost memory, since requests of this size are bound by bandwidth.
const BLOCK_BYTES_MAX: u64 = 1 << 20;
/// Smallest block, for tables with very many columns.
const BLOCK_BYTES_MIN: u64 = 32 << 10;
/// Blocks beside one per column: footer and page headers that straddle a boundary.
const BLOCKS_EXTRA: u64 = 2;

/// One object of known size. Used only on threads that may block.
#[derive(Clone)]
pub(super) struct StoreFile(Arc<Inner>);

struct Inner {
    folder: ObjectFolder,
    path: Path,
    bytes: u64,
    handle: Handle,
    block_bytes: u64,
    blocks_max: usize,
    /// Most recently used first.
    blocks: Mutex<VecDeque<(u64, Bytes)>>,
    failure: Mutex<Option<Error>>,
}

/// A position in a [`StoreFile`].
pub(super) struct Cursor {
    file: StoreFile,
    at: u64,
}

impl StoreFile {
    /// The object at `path`, `bytes` long, of which about `columns` places are read in turn.
    pub fn new(folder: ObjectFolder, path: Path, bytes: u64, columns: usize, handle: Handle) -> StoreFile {
        let places = columns as u64 + BLOCKS_EXTRA;
        let block_bytes = (READ_AHEAD_BYTES_MAX / places).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
        let blocks_max = places.min(READ_AHEAD_BYTES_MAX / block_bytes) as usize;
        let (blocks, failure) = (Mutex::default(), Mutex::default());
        StoreFile(Arc::new(Inner { folder, path, bytes, handle, block_bytes, blocks_max, blocks, failure }))
    }

    /// Why reading failed, if it did: the decoder passes on its words only.
    pub fn failure(&self) -> Option<Error> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn block(&self, number: u64) -> io::Result<Bytes> {
        let mut blocks = self.0.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let found = blocks.iter().position(|(held, _)| *held == number);
        let entry = match found.and_then(|index| blocks.remove(index)) {
            Some(entry) => entry,
            None => (number, self.fetch(number)?),
        };
        let block = entry.1.clone();
        blocks.push_front(entry);
        blocks.truncate(self.0.blocks_max);
        Ok(block)
    }

    fn fetch(&self, number: u64) -> io::Result<Bytes> {
        let start = number * self.0.block_bytes;
        let end = (start + self.0.block_bytes).min(self.0.bytes);
        let fetched = self.0.handle.block_on(self.0.folder.store.get_range(&self.0.path, start..end));
        let failure = match fetched {
            Ok(block) if block.len() as u64 == end - start => return Ok(block),
            Ok(_) => Error::Changed { what: self.0.folder.object_name(&self.0.path) },
            Err(error) => self.0.folder.error(&self.0.path, error),
        };
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        Err(io::Error::other("the store did not deliver"))
    }
}

impl Length for StoreFile {
    fn len(&self) -> u64 {
        self.0.bytes
    }
}

impl ChunkReader for StoreFile {
    type T = Cursor;

    fn get_read(&self, start: u64) -> ParquetResult<Cursor> {
        Ok(Cursor { file: self.clone(), at: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.bytes) {
            return Err(ParquetError::EOF("it ends before its own index says".to_owned()));
        }
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Read for Cursor {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let inner = &self.file.0;
        if self.at >= inner.bytes || out.is_empty() {
            return Ok(0);
        }
        let block = self.file.block(self.at / inner.block_bytes)?;
        let rest = &block[(self.at % inner.block_bytes) as usize..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}
