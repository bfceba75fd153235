//! The one place that draws random numbers.

use crate::failure::Failure;

/// Thirty-two bytes from the operating system.
///
/// # Errors
/// If the operating system has none to give.
pub fn key() -> Result<[u8; 32], Failure> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| Failure::internal("drawing a random key", error))?;
    Ok(key)
}
