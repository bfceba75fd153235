//! Which PostgreSQL there is, and certificates for it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of one installed version's programs.
#[derive(Debug)]
pub struct Install {
    bin: PathBuf,
}

impl Install {
    /// The installation to use, looked for once.
    ///
    /// # Panics
    /// If there is none, with what to do.
    pub fn find() -> &'static Install {
        static FOUND: OnceLock<Option<Install>> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            let complete = |bin: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| bin.join(name).is_file());
            candidates().into_iter().find(complete).map(|bin| Install { bin })
        });
        found.as_ref().expect("no PostgreSQL server is installed: run scripts/setup-tests.sh")
    }

    /// Path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Folders to look in: what pg_config says, Debian's versions from the newest down, then PATH.
fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, bin)| bin));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders
}

/// Makes an authority (`ca.crt`) and a certificate for localhost signed by it (`server.crt`, `server.key`) in `folder`.
///
/// # Panics
/// If the openssl command is missing or fails.
pub fn issue_certificate(folder: &Path) {
    const STEPS: &str = r#"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=sensei tests" -keyout ca.key -out ca.crt
openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > extensions
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.crt
chmod a+r ca.crt server.crt
"#;
    let output = Command::new("sh").args(["-ec", STEPS]).current_dir(folder).output().expect("a shell starts");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.join("server.key"), private).expect("the key was just made");
}
