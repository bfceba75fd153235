//! One signature per section of a statement, so that a changed section can be named.
//!
//! A section is a top-level field of the statement or of its predicate; tables and subjects are a section each.

use std::collections::{BTreeMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::certificate::{Alteration, How};
use super::dsse::pae;
use super::key::{PublicKey, SigningKey};
use crate::canonical::{canonical_json, is_integral};

/// What a seal signs, as a DSSE payload type: it keeps a seal from passing for any other signature of the same key.
const SEAL_TYPE: &str = "application/vnd.sensei.seal+json";

/// The seals of one certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seals {
    /// The job whose sections these are. Repeated here so that changing it in the statement breaks one seal, not all.
    pub(crate) job: String,
    /// Section name to Ed25519 signature, base64, over the DSSE pre-authentication encoding of the canonical JSON
    /// `[job, section name, section]`.
    pub(crate) sections: BTreeMap<String, String>,
}

impl Seals {
    /// Seals every section. `None` if two have the same name.
    pub(crate) fn sign(key: &SigningKey, job: &str, statement: &Value) -> Option<Seals> {
        let sections = sections(statement);
        let count = sections.len();
        let sealed: BTreeMap<String, String> = sections
            .into_iter()
            .map(|(name, section)| {
                let signature = key.sign(&sealed_bytes(job, &name, section));
                (name, BASE64.encode(signature))
            })
            .collect();
        (sealed.len() == count).then(|| Seals { job: job.to_owned(), sections: sealed })
    }

    /// The sections that do not fit: changed, added or removed.
    pub(crate) fn alterations(&self, key: &PublicKey, statement: &Value) -> Vec<Alteration> {
        let mut seen = HashSet::new();
        let mut altered = Vec::new();
        for (name, section) in sections(statement) {
            let how = match self.sections.get(&name) {
                Some(_) if seen.contains(&name) => Some(How::Added),
                Some(seal) => (!self.fits(key, &name, section, seal)).then_some(How::Changed),
                None => Some(How::Added),
            };
            altered.extend(how.map(|how| Alteration { section: name.clone(), how }));
            seen.insert(name);
        }
        let gone = self.sections.keys().filter(|name| !seen.contains(*name));
        altered.extend(gone.map(|name| Alteration { section: name.clone(), how: How::Removed }));
        altered
    }

    /// Whether any section still fits a seal of `key`.
    pub(crate) fn any_fits(&self, key: &PublicKey, statement: &Value) -> bool {
        let fits = |(name, section): (String, &Value)| {
            self.sections.get(&name).is_some_and(|seal| self.fits(key, &name, section, seal))
        };
        sections(statement).into_iter().any(fits)
    }

    fn fits(&self, key: &PublicKey, name: &str, section: &Value, seal: &str) -> bool {
        // What Sensei sealed was integral, so a fraction is a change; it also has no canonical form here.
        is_integral(section)
            && BASE64.decode(seal).is_ok_and(|seal| key.verifies(&sealed_bytes(&self.job, name, section), &seal))
    }
}

fn sealed_bytes(job: &str, name: &str, section: &Value) -> Vec<u8> {
    pae(SEAL_TYPE, &canonical_json(&json!([job, name, section])))
}

/// The sections of a statement with their names, whatever shape it is in.
fn sections(statement: &Value) -> Vec<(String, &Value)> {
    let Value::Object(fields) = statement else { return vec![("statement".to_owned(), statement)] };
    let mut sections = Vec::new();
    for (name, field) in fields {
        match (name.as_str(), field) {
            ("subject", Value::Array(subjects)) => sections.extend(named(subjects, "subject", "name")),
            ("predicate", Value::Object(predicate)) => {
                for (name, field) in predicate {
                    match (name.as_str(), field) {
                        ("tables", Value::Array(tables)) => sections.extend(named(tables, "tables", "target")),
                        _ => sections.push((name.clone(), field)),
                    }
                }
            }
            _ => sections.push((name.clone(), field)),
        }
    }
    sections
}

/// Names each item after one of its fields, or after its place if that field is gone.
fn named<'a>(items: &'a [Value], group: &'a str, field: &'a str) -> impl Iterator<Item = (String, &'a Value)> {
    items.iter().enumerate().map(move |(index, item)| match item.get(field).and_then(Value::as_str) {
        Some(name) => (format!("{group}/{name}"), item),
        None => (format!("{group}/#{index}"), item),
    })
}
