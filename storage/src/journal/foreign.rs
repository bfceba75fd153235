//! A record from anywhere, read as if it stood in a journal.

use object_store::path::Path;

use super::chain::{self, Link};
use super::event::{Event, Opening};
use super::history::History;
use crate::evidence::{Envelope, SigningKey};

/// Any key will do: RFC 8410, section 10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";

/// Reads `bytes` as a record, then as the content of a record that was signed.
pub(crate) fn read(bytes: &[u8]) {
    follow(bytes);
    let key = SigningKey::from_pem(KEY, "a key").expect("a key");
    let envelope = Envelope::sign(&key, chain::LINK_TYPE, bytes);
    follow(&serde_json::to_vec(&envelope).expect("plain data"));
}

/// Believes the record and adds its events up.
fn follow(record: &[u8]) {
    let place = Link { log: "log".to_owned(), number: 0, parent: None, body: () };
    let Ok((events, _)) = chain::open::<Vec<Event>>(&Path::from("log"), record, None, place) else { return };
    let mut history = History::new(nothing());
    for event in events {
        if history.apply(event).is_err() {
            return;
        }
    }
    let _ = (history.snapshots(), history.resumes());
}

/// The opening of a job without splits.
fn nothing() -> Opening {
    Opening {
        plan_name: String::new(),
        plan_sha256: String::new(),
        plan_json: Vec::new(),
        digest_key: String::new(),
        splits: Vec::new(),
        row_encoding: String::new(),
        engine_version: String::new(),
        started_at: String::new(),
    }
}
