//! Words for people on stderr, and the same as log lines where programs read those. Where nobody can hear them any more, a
//! closed terminal or a full disk, work goes on.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::clock;

/// Whether log lines are JSON objects, and these with them.
static IN_JSON: AtomicBool = AtomicBool::new(false);

/// From now on every line is a JSON object, as those of the log are.
pub fn speak_json() {
    IN_JSON.store(true, Ordering::Relaxed);
}

/// Whether every line is a JSON object.
pub fn is_json() -> bool {
    IN_JSON.load(Ordering::Relaxed)
}

/// Says one line, or a few.
pub fn say(text: impl Display) {
    if is_json() { line(json_line("INFO", &text)) } else { line(text) }
}

/// Says why the process ends.
pub fn say_failure(text: impl Display) {
    if is_json() { line(json_line("ERROR", &text)) } else { line(text) }
}

/// Passes on what another process said about `job`, which is a log line of its own where lines are JSON.
pub fn pass_on(job: &str, said: &str) {
    match is_json() {
        true if is_object(said) => line(said),
        true => say(format_args!("{job}: {said}")),
        false => line(format_args!("{job}: {said}")),
    }
}

/// What a line says to people.
pub fn words(said: &str) -> String {
    let object: Option<serde_json::Value> = serde_json::from_str(said).ok();
    let message = object.as_ref().and_then(|object| object.pointer("/fields/message")?.as_str());
    message.unwrap_or(said).to_owned()
}

fn is_object(said: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(said).is_ok()
}

fn json_line(level: &str, text: &impl Display) -> String {
    let fields = json!({ "message": text.to_string() });
    json!({ "timestamp": clock::now_text(), "level": level, "fields": fields, "target": "sensei" }).to_string()
}

fn line(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
