//! Issues certificates and checks them. Needs nothing but bytes and keys.

use std::fmt;

use serde_json::Value;

use super::consistency::contradictions;
use super::dsse::Envelope;
use super::key::{PublicKey, SigningKey};
use super::seal::Seals;
use super::statement::{Predicate, Statement};
use crate::canonical::{canonical_json, is_integral};
use crate::error::{Error, Result};

/// The payload type in-toto prescribes.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What checking a certificate found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Nothing was altered and nothing contradicts itself, and if a public key was given it is the signer's.
    pub valid: bool,
    /// Valid, and signed by the public key that was given.
    pub trusted: bool,
    /// Key id of the signer, as far as the file still shows it.
    pub signer: Option<String>,
    /// What no longer fits its signature or seal.
    pub altered: Vec<Alteration>,
    /// Claims that contradict each other, each as `section: what`.
    pub inconsistent: Vec<String>,
    /// The claims, if they can still be read. Not to be believed unless `valid`.
    pub statement: Option<Statement>,
}

/// One part of a certificate that is not as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// A section of the statement, such as `verdict` or `tables/customers`, or a part of the envelope around it:
    /// `envelope`, `payloadType`, `payload`, `signatures`, `publicKey`, `seals`, `seals/…`.
    pub section: String,
    /// How it shows.
    pub how: How,
}

/// How an alteration shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The section does not fit its seal.
    Changed,
    /// The section has no seal.
    Added,
    /// The seal has no section.
    Removed,
    /// Something else is wrong with it.
    Wrong(String),
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::Changed => write!(f, "{} was changed", self.section),
            How::Added => write!(f, "{} was added", self.section),
            How::Removed => write!(f, "{} was removed", self.section),
            How::Wrong(why) => write!(f, "{}: {why}", self.section),
        }
    }
}

/// Signs a certificate that makes these claims. Returns the bytes of the file: the same claims and key always give the
/// same bytes.
///
/// # Errors
/// `Internal` if the claims contradict each other or two tables share a name in the target: such a certificate is
/// never signed.
pub fn issue(predicate: Predicate, key: &SigningKey) -> Result<Vec<u8>> {
    let statement = Statement::new(predicate);
    let found = contradictions(&statement);
    if !found.is_empty() {
        return Err(Error::internal("the certificate", found.join("; ")));
    }
    sign(&statement, key)
}

/// Signs a statement as it is.
pub(super) fn sign(statement: &Statement, key: &SigningKey) -> Result<Vec<u8>> {
    let failed = |error| Error::internal("the certificate", error);
    let value = serde_json::to_value(statement).map_err(failed)?;
    let seals = Seals::sign(key, &statement.predicate.job, &value)
        .ok_or_else(|| Error::internal("the certificate", "two tables share a name"))?;
    let mut envelope = Envelope::sign(key, PAYLOAD_TYPE, &canonical_json(&value));
    envelope.seals = Some(seals);
    let mut file = serde_json::to_vec_pretty(&envelope).map_err(failed)?;
    file.push(b'\n');
    Ok(file)
}

/// Checks a certificate, and names what was changed if anything was. Without `public_key` it is checked against the
/// key it carries itself, which shows that it is whole but not who made it.
pub fn verify(file: &[u8], public_key: Option<&PublicKey>) -> Report {
    let mut report =
        Report { valid: false, trusted: false, signer: None, altered: vec![], inconsistent: vec![], statement: None };
    match serde_json::from_slice::<Envelope>(file) {
        Ok(envelope) => check_envelope(&mut report, &envelope, public_key),
        Err(error) => {
            let why = format!("it cannot be read (line {}, column {})", error.line(), error.column());
            report.wrong("envelope", &why);
        }
    }
    report.valid = report.altered.is_empty() && report.inconsistent.is_empty();
    report.trusted = report.valid && public_key.is_some();
    report
}

impl Report {
    fn wrong(&mut self, section: &str, why: &str) {
        self.altered.push(Alteration { section: section.to_owned(), how: How::Wrong(why.to_owned()) });
    }
}

fn check_envelope(report: &mut Report, envelope: &Envelope, public_key: Option<&PublicKey>) {
    let payload = match envelope.payload() {
        Ok(payload) => payload,
        Err(why) => return report.wrong("payload", &why),
    };
    // A damaged character still leaves the rest of the text comparable with its seals.
    let Ok(value) = serde_json::from_str::<Value>(&String::from_utf8_lossy(&payload)) else {
        return report.wrong("payload", "it is not JSON");
    };
    let embedded = envelope.embedded_key();
    let keys: Vec<PublicKey> = public_key.copied().into_iter().chain(embedded).collect();
    let Some(key) = signer(&keys, envelope, &payload, &value) else {
        return report.wrong("publicKey", "neither the signature nor any seal fits it");
    };
    report.signer = Some(key.id());
    check_key(report, &key, embedded, public_key);
    if envelope.signatures.len() != 1 || envelope.signatures[0].keyid != key.id() {
        report.wrong("signatures", "not exactly one, by the key the file carries");
    }
    if envelope.payload_type != PAYLOAD_TYPE {
        report.wrong("payloadType", "not an in-toto statement");
    }
    check_payload(report, envelope, &key, &payload, &value);
}

/// The key that made this file: the first whose signature fits, else the first of which a seal is left.
fn signer(keys: &[PublicKey], envelope: &Envelope, payload: &[u8], value: &Value) -> Option<PublicKey> {
    let signed = |key: &&PublicKey| envelope.signed_by(key, payload);
    let sealed = |key: &&PublicKey| envelope.seals.as_ref().is_some_and(|seals| seals.any_fits(key, value));
    keys.iter().find(signed).or_else(|| keys.iter().find(sealed)).copied()
}

fn check_key(report: &mut Report, key: &PublicKey, embedded: Option<PublicKey>, given: Option<&PublicKey>) {
    if embedded != Some(*key) {
        report.wrong("publicKey", "it is not the signer's");
    }
    if given.is_some_and(|given| given != key) {
        report.wrong("publicKey", &format!("signed by key {}, not by the key given", key.id()));
    }
}

fn check_payload(report: &mut Report, envelope: &Envelope, key: &PublicKey, payload: &[u8], value: &Value) {
    let signed = envelope.signed_by(key, payload);
    let Some(seals) = &envelope.seals else { return report.wrong("seals", "there are none") };
    let unfit = seals.alterations(key, value);
    if signed {
        // The whole is as it was signed, so whatever does not fit is a seal.
        if value["predicate"]["job"].as_str() != Some(&seals.job) {
            report.wrong("seals", "they are those of another job");
        } else {
            let seal =
                |unfit: Alteration| Alteration { section: format!("seals/{}", unfit.section), how: How::Changed };
            report.altered.extend(unfit.into_iter().map(seal));
        }
    } else if !unfit.is_empty() {
        report.altered.extend(unfit);
    } else if envelope.payload_type == PAYLOAD_TYPE {
        let same = is_integral(value) && canonical_json(value) == payload;
        report.wrong(if same { "signatures" } else { "payload" }, "the signature does not fit the payload");
    }
    match serde_json::from_value::<Statement>(value.clone()) {
        Ok(statement) => {
            report.inconsistent = contradictions(&statement);
            report.statement = Some(statement);
        }
        Err(_) if signed => report.inconsistent.push("statement: it is not of a form this version knows".to_owned()),
        Err(_) => {}
    }
}
