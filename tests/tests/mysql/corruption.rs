//! corruption.
