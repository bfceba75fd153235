//! The quickstart's shop: a SQLite database of real shape, the same rows whenever it is written.
//!
//! Twelve tables and about 120,000 rows with what makes real databases hard to move: composite and text keys, a
//! table without any key, a self-reference, NULLs, scripts from left and right, decimals, microseconds, JSON, blobs.
//! Knows no clock: every value comes from the seed.

mod calendar;
mod catalog;
mod people;
mod random;
mod sales;
mod words;

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Result};

use random::Random;

/// Everything but the rows: tables in the order of their references.
const SCHEMA: &str = include_str!("shop/schema.sql");
/// Indexes and the view, made after the rows.
const INDEXES: &str = include_str!("shop/indexes.sql");
/// Any number does; this one is kept so that the committed file can be made again.
const SEED: u64 = 2026;

/// How many rows the large tables get.
mod size {
    /// Customers, each with one or two addresses.
    pub const CUSTOMERS: i64 = 6_000;
    /// Products.
    pub const PRODUCTS: i64 = 1_200;
    /// Orders, each with one to four items and, mostly, one payment.
    pub const ORDERS: i64 = 15_000;
    /// Reviews.
    pub const REVIEWS: i64 = 4_000;
    /// Lines of the audit log.
    pub const AUDIT_LINES: i64 = 22_000;
}

/// Writes the shop to a new file at `path`.
///
/// # Errors
/// What SQLite says, for instance when `path` cannot be written or already holds the shop.
pub fn write(path: &Path) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut shop = Connection::open_with_flags(path, flags)?;
    shop.execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA foreign_keys = ON;")?;
    let fill = shop.transaction()?;
    fill.execute_batch(SCHEMA)?;
    let random = &mut Random::new(SEED);
    people::write(&fill, random)?;
    let prices = catalog::write(&fill, random)?;
    sales::write(&fill, random, &prices)?;
    fill.execute_batch(INDEXES)?;
    fill.commit()?;
    shop.execute_batch("VACUUM;")
}

#[cfg(test)]
mod tests;
