//! DSSE envelopes: bytes, what they are, and a signature over both.
//!
//! Source: DSSE v1.0.2 (secure-systems-lab/dsse, `protocol.md` and `envelope.md`). The two extra fields, which the
//! format tells readers to ignore where unknown, let a certificate be checked without any other file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::key::{PublicKey, SigningKey};
use super::seal::Seals;

/// A DSSE envelope as it stands in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Envelope {
    /// Media type of the payload.
    pub(crate) payload_type: String,
    /// The payload, base64.
    pub(crate) payload: String,
    /// Exactly one signature.
    pub(crate) signatures: Vec<EnvelopeSignature>,
    /// The signer's public key, SPKI DER in base64. Shows integrity, not trust: whoever replaces everything replaces
    /// it too.
    pub(crate) public_key: String,
    /// Signatures of the single sections of a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seals: Option<Seals>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvelopeSignature {
    /// SHA-256 of the signer's SPKI DER, hex.
    pub(crate) keyid: String,
    /// Ed25519 over the pre-authentication encoding, base64.
    pub(crate) sig: String,
}

impl Envelope {
    /// Wraps and signs `payload`.
    pub(crate) fn sign(key: &SigningKey, payload_type: &str, payload: &[u8]) -> Envelope {
        let public = key.public();
        let sig = BASE64.encode(key.sign(&pae(payload_type, payload)));
        Envelope {
            payload_type: payload_type.to_owned(),
            payload: BASE64.encode(payload),
            signatures: vec![EnvelopeSignature { keyid: public.id(), sig }],
            public_key: public.to_base64(),
            seals: None,
        }
    }

    /// The payload, whoever signed it.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, String> {
        BASE64.decode(&self.payload).map_err(|_| "the payload is not base64".to_owned())
    }

    /// The public key the envelope carries.
    pub(crate) fn embedded_key(&self) -> Option<PublicKey> {
        PublicKey::from_base64(&self.public_key)
    }

    /// Whether the one signature is `key`'s over `payload`, of the type the envelope claims.
    pub(crate) fn signed_by(&self, key: &PublicKey, payload: &[u8]) -> bool {
        let [EnvelopeSignature { sig, .. }] = &self.signatures[..] else { return false };
        BASE64.decode(sig).is_ok_and(|sig| key.verifies(&pae(&self.payload_type, payload), &sig))
    }

    /// The payload if it is of this type and `key` signed it.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn open(&self, key: &PublicKey, payload_type: &str) -> Result<Vec<u8>, String> {
        let payload = self.payload()?;
        if self.payload_type != payload_type {
            return Err("it holds something else".to_owned());
        }
        if self.embedded_key() != Some(*key) || self.signatures.iter().any(|signature| signature.keyid != key.id()) {
            return Err(format!("it was not signed by key {}", key.id()));
        }
        if !self.signed_by(key, &payload) {
            return Err("its signature does not fit its content".to_owned());
        }
        Ok(payload)
    }
}

/// The pre-authentication encoding: the bytes a DSSE signature is over.
///
/// ```
/// use sensei_storage::evidence::pae;
/// assert_eq!(pae("http://example.com/HelloWorld", b"hello world"),
///     b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
/// ```
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
