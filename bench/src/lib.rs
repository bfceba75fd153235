//! What the measurements and the quickstart stand on: reproducible data.
//!
//! [`shop`] writes the shop database that the quickstart copies. Knows nothing of plans or dataflow.

pub mod shop;
