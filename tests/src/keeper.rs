//! A shell that stands between a test and its server and ends the server with the test, however that ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Deadline;

/// Reads one line from the test: `stop` stops the server, the pipe's end also removes the folder ($2). Ctrl-C reaches
/// the whole terminal group and must not end the keeper before its server.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
signal=$1; folder=$2; shift 2
"$@" &
server=$!
if read -r _; then kill -$signal $server; wait $server
else kill -$signal $server; wait $server; rm -rf "$folder"; fi
"#;

/// A running keeper. Its server outlives a dropped one by a moment.
#[derive(Debug)]
pub(crate) struct Keeper(Child);

impl Keeper {
    /// Starts `server`, a program with its arguments, by `shell`, a prepared command of a shell. The server is stopped by
    /// `signal`; `folder` is removed with it when the test ends without a word.
    pub(crate) fn start(mut shell: Command, signal: &str, folder: &Path, server: &[PathBuf]) -> Keeper {
        shell.args(["-c", SCRIPT, "sh", signal]).arg(folder).args(server);
        shell.stdin(Stdio::piped()).stdout(Stdio::null());
        Keeper(shell.spawn().expect("a shell starts"))
    }

    /// Tells the keeper to stop the server, and waits for both.
    pub(crate) fn stop(self, time_max: Duration) {
        let Keeper(mut keeper) = self;
        if let Some(mut input) = keeper.stdin.take() {
            // A keeper whose server is dead already may be gone too.
            let _ = input.write_all(b"stop\n");
        }
        let ended = Deadline::after(time_max).wait_for(|| keeper.try_wait().ok().flatten());
        if ended.is_none() {
            let _ = keeper.kill();
        }
    }
}
