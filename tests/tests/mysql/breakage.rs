//! breakage.
