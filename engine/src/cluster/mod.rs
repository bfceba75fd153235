//! What head, workers and clients share: who calls, certificates and tokens that say so, and the connections between
//! them. Knows nothing of jobs.
//!
//! In reading order: [`caller`] (roles and classes), [`subject`] (whom a certificate is for), [`pki`] (makes
//! certificates), [`peer`] (reads them), [`identity`] and [`reload`] (TLS from files that may change), [`listen`] (the
//! head's port), [`mutual`] (TLS between workers), [`token`], [`address`], [`channel`] and [`heads`] (the way to the head), [`secret`] (secrets by
//! reference).

pub mod address;
pub mod caller;
pub mod channel;
pub mod connect;
mod greeting;
pub mod heads;
pub mod identity;
pub mod listen;
pub(crate) mod mutual;
pub mod peer;
pub mod pki;
pub(crate) mod private;
pub mod reload;
pub mod secret;
pub mod subject;
pub mod token;

#[cfg(test)]
pub(crate) mod testing;
