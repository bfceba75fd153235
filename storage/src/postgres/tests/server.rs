//! Starts PostgreSQL servers of the tests' own, each with its data folder and socket in a temporary folder.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

/// A running server; it ends with its last user.
pub(super) struct Server {
    folder: TempDir,
    port: u16,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The server that tests share while any of them runs.
pub(super) fn shared() -> Arc<Server> {
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start("", "", |_| {}));
        *shared = Arc::downgrade(&server);
        server
    })
}

impl Server {
    /// Starts a server with these lines of `postgresql.conf` and `pg_hba.conf` (trust on the socket without any);
    /// `furnish` may put files into the data folder.
    pub(super) fn start(settings: &str, access: &str, furnish: impl FnOnce(&Path)) -> Server {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a folder");
        let server = Server { port: free_port(), folder };
        if let Some((user, group)) = account() {
            chown(server.folder.path(), Some(user), Some(group)).expect("the folder is ours");
        }
        server
            .tool("initdb", &["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D", "data"]);
        let data = server.data();
        let append = |file: &str, text: &str| {
            let path = data.join(file);
            let old = std::fs::read_to_string(&path).expect("initdb wrote it");
            std::fs::write(
                path,
                if file == "pg_hba.conf" { format!("{text}\n{old}") } else { format!("{old}\n{text}\n") },
            )
            .expect("the file is ours");
        };
        let sockets = server.folder.path().display();
        append(
            "postgresql.conf",
            &format!(
                "listen_addresses = ''\nunix_socket_directories = '{sockets}'\nport = {}\nfsync = off\n{settings}",
                server.port
            ),
        );
        append("pg_hba.conf", access);
        furnish(&data);
        own(&data);
        server.tool("pg_ctl", &["-D", "data", "-w", "-l", "log", "start"]);
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join(format!(".s.PGSQL.{}", self.port))
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@/{database}?host={}&port={}", self.folder.path().display(), self.port)
    }

    pub(super) fn create_database(&self) -> String {
        let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name} STRATEGY file_copy"));
        name
    }

    pub(super) fn drop_database(&self, name: &str) {
        self.sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    pub(super) fn sql(&self, sql: &str) {
        let folder = self.folder.path().display().to_string();
        self.tool("psql", &["-qX", "-h", &folder, "-p", &self.port.to_string(), "-U", "postgres", "-c", sql]);
    }

    /// Runs a file of SQL in a database.
    pub(super) fn load(&self, database: &str, file: &Path) {
        // The client starts in the server's folder, where a relative path means something else.
        let file = file.canonicalize().expect("the file is there");
        let (folder, file) = (self.folder.path().display().to_string(), file.display().to_string());
        let port = self.port.to_string();
        let place = ["-h", &folder, "-p", &port, "-U", "postgres", "-d", database];
        self.tool("psql", &[&["-qX", "-v", "ON_ERROR_STOP=1", "-f", &file], &place[..]].concat());
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn tool(&self, name: &str, arguments: &[&str]) {
        let mut command = Command::new(binaries().join(name));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((user, group)) = account() {
            command.uid(user).gid(group);
        }
        let status = command.status().unwrap_or_else(|error| panic!("{name} is needed for this test: {error}"));
        assert!(status.success(), "{name} failed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tool("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]);
    }
}

/// The newest server programs of the usual places.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
    newest.unwrap_or_else(|| PathBuf::from("/usr/bin"))
}

/// The account that runs the server where the tests run as root, which the server refuses to.
fn account() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !root {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").expect("accounts");
    let line = accounts.lines().find(|line| line.starts_with("postgres:")).expect("an account called postgres");
    let mut parts = line.split(':').skip(2).map(|part| part.parse().expect("a number"));
    Some((parts.next()?, parts.next()?))
}

fn own(folder: &Path) {
    let Some((user, group)) = account() else { return };
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        chown(entry.path(), Some(user), Some(group)).expect("the folder is ours");
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
