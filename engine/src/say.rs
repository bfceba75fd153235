//! Words for people on stderr. Where nobody can hear them any more, a closed terminal or a full disk, work goes on.

use std::fmt::Display;
use std::io::Write;

/// Says one line, or a few.
pub fn say(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
