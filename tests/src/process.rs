//! Processes and ports of this machine, as its own commands tell of them.

use std::process::{Command, Stdio};

/// A port nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Process ids of the direct children of `pid`.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["-o", "pid=", "--ppid", &pid.to_string()]).output().expect("ps starts");
    String::from_utf8_lossy(&output.stdout).split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Whether one of a process's arguments is `argument`.
pub(crate) fn has_argument(pid: u32, argument: &str) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|found| found == argument.as_bytes())
}

/// True for a process that is gone, or a zombie that nobody has asked about yet.
pub(crate) fn ended(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps starts");
    matches!(output.stdout.first(), None | Some(b'Z'))
}

/// Sends a signal by name; a process that is gone is no error.
pub(crate) fn signal(name: &str, pid: u32) {
    let mut kill = Command::new("kill");
    let sent = kill.args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    sent.expect("the kill command starts");
}
