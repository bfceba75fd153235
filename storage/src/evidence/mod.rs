//! Evidence: what a finished job leaves behind for anyone to check.
//!
//! A certificate is a DSSE envelope around an in-toto [`Statement`], signed with Ed25519. Beside the one signature over
//! the whole, every section carries a seal of its own, so that [`verify`] can name what was changed instead of only
//! saying that something was. Checking needs the file and, for trust, the signer's [`PublicKey`]; no network, no
//! database, no clock.
//!
//! **Invariant:** a certificate that contradicts itself is neither issued nor accepted, whoever signed it.

mod certificate;
mod consistency;
mod dsse;
mod key;
mod seal;
mod statement;
mod structural;

pub use certificate::{Alteration, How, Report, issue, verify};
pub use consistency::contradictions;
pub(crate) use dsse::Envelope;
pub use dsse::pae;
pub use key::{KeyOrigin, PublicKey, SigningKey};
pub use statement::{
    CutFacts, JournalFacts, LossyRule, Outcome, PREDICATE_TYPE, Perspectives, Predicate, Rejects, RelationFacts,
    SourceFacts, Statement, Subject, TableFacts, TargetFacts, Totals,
};
pub use structural::{StructuralCounts, StructuralDifference, StructuralFacts};

use sha2::{Digest as _, Sha256};

/// SHA-256 of `bytes` as 64 lowercase hex digits.
///
/// ```
/// assert!(sensei_storage::evidence::sha256_hex(b"").starts_with("e3b0c442"));
/// ```
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests;
