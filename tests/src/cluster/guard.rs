//! A shell that ends what a cluster's test started, however the test ends: a suspended process would stay for ever.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

/// Keeps process ids, each with the time of its start, mounts and names of networks until its input closes, then ends them: an
/// id that became another process's has another start. Ctrl-C reaches the whole terminal group and must not end the guard before them.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
held=''; mounts=''; networks=''
while read -r word what; do
  case $word in
    hold) held="$held $what";;
    release) kept=''; for one in $held; do [ "${one%%:*}" = "$what" ] || kept="$kept $one"; done; held=$kept;;
    mount) mounts="$what $mounts";;
    network) networks="$what $networks";;
  esac
done
for one in $held; do
  pid=${one%%:*}
  [ "$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null)" = "${one#*:}" ] && kill -KILL "$pid"
done
for mount in $mounts; do umount -l "$mount" 2>/dev/null; done
for network in $networks; do ip netns delete "$network" 2>/dev/null; ip link delete "$network" 2>/dev/null; done
"#;

/// The shell; ends what it holds when dropped.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    input: Mutex<Option<ChildStdin>>,
}

impl Guard {
    pub(super) fn start() -> Guard {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut shell = command.spawn().expect("a shell starts");
        let input = Mutex::new(shell.stdin.take());
        Guard { shell, input }
    }

    /// Ends the process with the test.
    pub(super) fn hold(&self, pid: u32) {
        // One that is gone already needs no end.
        if let Some(started) = started(pid) {
            self.say(&format!("hold {pid}:{started}"));
        }
    }

    /// The process is gone, and its id may become another's.
    pub(super) fn release(&self, pid: u32) {
        self.say(&format!("release {pid}"));
    }

    /// Unmounts the folder after the test.
    pub(super) fn mounted(&self, folder: &str) {
        self.say(&format!("mount {folder}"));
    }

    /// Deletes the network namespace and the link of this name after the test, those named last first.
    pub(super) fn network(&self, name: &str) {
        self.say(&format!("network {name}"));
    }

    fn say(&self, line: &str) {
        let mut input = self.input.lock().expect("no holder of this lock can panic");
        let input = input.as_mut().expect("the pipe is open until the guard is dropped");
        writeln!(input, "{line}").expect("the guard reads until its input closes");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Ok(mut input) = self.input.lock() {
            input.take();
        }
        let _ = self.shell.wait();
    }
}

/// When a process started, in ticks since the machine did.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.split(' ').nth(21).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Deadline;
    use crate::process::{ended, signal};

    #[test]
    fn what_is_held_ends_with_the_guard_even_suspended_and_what_is_released_does_not() {
        let sleep = || Command::new("sleep").arg("60").spawn().unwrap();
        let (mut held, mut released) = (sleep(), sleep());
        let guard = Guard::start();
        guard.hold(held.id());
        guard.hold(released.id());
        guard.release(released.id());
        signal("STOP", held.id());
        drop(guard);
        let gone = Deadline::after(Duration::from_secs(5)).wait_for(|| ended(held.id()).then_some(()));
        assert!(gone.is_some() && !ended(released.id()));
        released.kill().unwrap();
        let _ = (held.wait(), released.wait());
    }
}
