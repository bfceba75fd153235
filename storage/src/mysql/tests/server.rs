//! Starts MariaDB servers of the tests' own, each with its data folder and socket in a temporary folder.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tempfile::TempDir;

/// The server ends with its keeper's input, so also with a test that is killed.
const KEEPER: &str = r#"trap '' INT TERM HUP; "$@" & server=$!; read -r _; kill -KILL $server; wait $server"#;

/// A running server; it ends with its last user.
pub(in crate::mysql) struct Server {
    keeper: Child,
    folder: TempDir,
    port: u16,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The server that tests share while any of them runs.
pub(super) fn shared() -> Arc<Server> {
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start(&[], |_| {}));
        *shared = Arc::downgrade(&server);
        server
    })
}

/// A name no other test of this process has.
pub(super) fn unique(prefix: &str) -> String {
    format!("{prefix}{}", DATABASES.fetch_add(1, Ordering::Relaxed))
}

impl Server {
    /// Starts a server with these options beside those of every test; `furnish` may put files into its folder. It listens
    /// on a port of 127.0.0.1 too.
    pub(super) fn start(options: &[&str], furnish: impl FnOnce(&Path)) -> Server {
        let folder = tempfile::Builder::new().prefix("my").tempdir().expect("a folder");
        let port = free_port();
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if root {
            own(folder.path());
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        // A server that starts deletes what looks like the temporary tables of an earlier one.
        std::fs::create_dir(folder.path().join("tmp")).expect("the folder is ours");
        if root {
            own(&folder.path().join("tmp"));
        }
        let mut common = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", path("data")),
            format!("--tmpdir={}", path("tmp")),
        ];
        // Servers side by side would use up what the system has of asynchronous I/O.
        common.extend(["--innodb-log-file-size=8M", "--innodb-use-native-aio=0"].map(str::to_owned));
        if root {
            common.push("--user=mysql".to_owned());
        }
        let installed = Command::new("mariadb-install-db")
            .args(&common)
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .output()
            .unwrap_or_else(|error| panic!("mariadb-install-db is needed for this test: {error}"));
        let told = [installed.stdout, installed.stderr].concat();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&told));
        furnish(folder.path());
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "sh"])
            .arg(program())
            .args(&common)
            .arg(format!("--socket={}", path("s")))
            .arg(format!("--log-error={}", path("log")))
            .arg(format!("--port={port}"))
            .args(["--bind-address=127.0.0.1", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"])
            .args(["--skip-name-resolve", "--innodb-doublewrite=0", "--character-set-server=utf8mb4"])
            .args(options)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let server = Server { keeper, folder, port };
        server.wait();
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    pub(super) fn url(&self, database: &str) -> String {
        self.url_of("root", database)
    }

    pub(super) fn url_of(&self, login: &str, database: &str) -> String {
        format!("mysql://{login}@/{database}?socket={}", self.socket().display())
    }

    /// Runs statements as the superuser.
    pub(super) fn sql(&self, sql: &str) -> String {
        let socket = format!("--socket={}", self.socket().display());
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", &socket, "-uroot", "--default-character-set=utf8mb4", "-N", "-e", sql]);
        let output = client.output().expect("the client starts");
        assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn wait(&self) {
        for _ in 0..600 {
            if UnixStream::connect(self.socket()).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("MariaDB does not start:\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn program() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/mariadbd");
    if usual.exists() { usual } else { PathBuf::from("mariadbd") }
}

/// Gives a file or folder to the account the server runs as.
pub(super) fn own(path: &Path) {
    let accounts = std::fs::read_to_string("/etc/passwd").expect("accounts");
    let Some(line) = accounts.lines().find(|line| line.starts_with("mysql:")) else { return };
    let mut parts = line.split(':').skip(2).map(|part| part.parse().ok());
    // Only root may give files away; elsewhere the server runs as whoever runs the test.
    let _ = std::os::unix::fs::chown(path, parts.next().flatten(), parts.next().flatten());
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
