//! Tests of the whole crate, one file per feature.
