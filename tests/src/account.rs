//! The account servers run as: they refuse to run as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// An account that a server runs as when the tests run as root.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// `None` when not root: then the server runs as whoever runs the tests.
    ///
    /// # Panics
    /// If root has no account `name` to become.
    pub fn when_root(name: &str) -> Option<Account> {
        if id(&["-u"]) != Some(0) {
            return None;
        }
        let account = id(&["-u", name]).zip(id(&["-g", name])).map(|(user, group)| Account { user, group });
        assert!(account.is_some(), "root needs the account {name} to run servers: run scripts/setup-tests.sh");
        account
    }

    /// Gives it `path`.
    pub fn own(self, path: &Path) {
        chown(path, Some(self.user), Some(self.group)).expect("root may give files away");
    }

    /// Makes `command` run as it.
    pub fn become_it(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
