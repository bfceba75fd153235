//! A real MariaDB server for one test: own data folder, private unix socket, gone with the process. It stands for MySQL
//! too, of which no distribution here has a package.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::Deadline;
use crate::account::Account;
use crate::keeper::Keeper;
use crate::process::{ended, signal};

/// How long starting and stopping may take. Generous: tests share few cores.
const START_MAX: Duration = Duration::from_secs(60);

/// What makes a server fast and small. Servers side by side would use up what the system has of asynchronous I/O.
const OPTIONS: [&str; 9] = [
    "--skip-networking",
    "--skip-name-resolve",
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=64M",
    "--innodb-use-native-aio=0",
    "--innodb-doublewrite=0",
    "--character-set-server=utf8mb4",
    "--max-allowed-packet=64M",
    "--default-time-zone=+03:00",
];

/// A running server. Stopped, and its folder removed, on drop.
#[derive(Debug)]
pub struct Server {
    account: Option<Account>,
    options: Vec<String>,
    keeper: Option<Keeper>,
    folder: TempDir,
}

impl Server {
    /// Starts a server that is reached through its socket only.
    ///
    /// # Panics
    /// If MariaDB is not installed or does not start; the message holds the server's log.
    pub fn start() -> Server {
        Server::start_with(&["--innodb-flush-log-at-trx-commit=0"])
    }

    /// Starts a server with further options, such as `--log-bin`.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn start_with(options: &[&str]) -> Server {
        let account = Account::when_root("mysql");
        let folder = tempfile::Builder::new().prefix("sensei-my-").tempdir_in("/tmp").expect("/tmp is writable");
        // A server that starts deletes what looks like the temporary tables of an earlier one, so each has its own folder.
        std::fs::create_dir(folder.path().join("tmp")).expect("the folder was just made");
        if let Some(account) = account {
            account.own(folder.path());
            account.own(&folder.path().join("tmp"));
        }
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Server { account, options, keeper: None, folder };
        server.install();
        server.launch();
        server
    }

    /// One server for all tests of this process that only need databases of their own.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Server::start)
    }

    /// Creates an empty database.
    pub fn create_database(&self, name: &str) {
        self.sql("", &format!("CREATE DATABASE `{name}`"));
    }

    /// The superuser's URL of `database`.
    pub fn url(&self, database: &str) -> String {
        self.url_of("root", database)
    }

    /// The URL of an account without password.
    pub fn url_of(&self, user: &str, database: &str) -> String {
        format!("mysql://{user}@/{database}?socket={}", self.socket().display())
    }

    /// Runs `sql` in `database`; returns what it selects: fields separated by tabs, NULL as `NULL`, one line per row.
    ///
    /// # Panics
    /// If a statement fails; see [`Server::try_sql`].
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// As [`Server::sql`], with what the client wrote to its standard error if a statement failed.
    ///
    /// # Errors
    /// The text of the client's standard error.
    pub fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = self.client(database).args(["-N", "-e", sql]).stdin(Stdio::null()).output();
        output.map_err(|error| error.to_string()).and_then(text)
    }

    /// Loads a dump or script.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn load(&self, database: &str, script: &str) {
        let mut client = self.client(database).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let written = io::Write::write_all(&mut client.stdin.take().expect("the input is piped"), script.as_bytes());
        let output = client.wait_with_output().expect("the client ends");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(written.is_ok() && output.status.success(), "{written:?}\n{error}");
    }

    /// Kills the server without warning, as a lost machine would; connections break at once.
    pub fn kill9(&mut self) {
        let pid = self.pid();
        signal("KILL", pid);
        self.forget_keeper();
        let gone = Deadline::after(START_MAX).wait_for(|| ended(pid).then_some(()));
        assert!(gone.is_some(), "the killed server does not end");
    }

    /// Starts the server again on the same folder after [`Server::kill9`].
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        assert!(self.keeper.is_none(), "the server is running");
        self.launch();
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.path("pid")).expect("a running server has a pid file");
        text.trim().parse().expect("it holds the pid")
    }

    fn socket(&self) -> PathBuf {
        self.path("s")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn common(&self) -> Vec<String> {
        let option = |name: &str, path: &str| format!("--{name}={}", self.path(path).display());
        let mut common = vec!["--no-defaults".to_owned(), option("datadir", "data"), option("tmpdir", "tmp")];
        common.extend(OPTIONS.iter().map(|option| (*option).to_owned()));
        common
    }

    fn install(&self) {
        let mut install = self.command("mariadb-install-db");
        install.args(self.common()).args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        let output = install.output().expect("no MariaDB is installed: run scripts/setup-tests.sh");
        let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "mariadb-install-db: {told}");
    }

    /// Starts the server through its keeper and waits until it answers.
    fn launch(&mut self) {
        let mut shell = self.command("/bin/sh");
        let log = File::options().create(true).append(true).open(self.path("log")).expect("the folder is writable");
        shell.stderr(log);
        let mut server = vec![program()];
        server.extend(self.common().into_iter().map(PathBuf::from));
        server.push(format!("--socket={}", self.socket().display()).into());
        server.push(format!("--pid-file={}", self.path("pid").display()).into());
        server.extend(self.options.iter().map(PathBuf::from));
        self.keeper = Some(Keeper::start(shell, "KILL", self.folder.path(), &server));
        let ready = Deadline::after(START_MAX).wait_for(|| self.try_sql("", "SELECT 1").is_ok().then_some(()));
        let log = || std::fs::read(self.path("log")).map(|log| String::from_utf8_lossy(&log).into_owned());
        assert!(ready.is_some(), "MariaDB does not start:\n{}", log().unwrap_or_default());
    }

    /// A command that runs as the account the server runs as.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C.UTF-8");
        if let Some(account) = self.account {
            account.become_it(&mut command);
        }
        command
    }

    fn client(&self, database: &str) -> Command {
        let mut client = self.command("mariadb");
        client.args(["--no-defaults", "-uroot", "--default-character-set=utf8mb4"]);
        client.arg(format!("--socket={}", self.socket().display()));
        if !database.is_empty() {
            client.arg(database);
        }
        client
    }

    fn forget_keeper(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.stop(START_MAX);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.forget_keeper();
    }
}

/// Debian puts it where only root looks by default.
fn program() -> PathBuf {
    let usual = Path::new("/usr/sbin/mariadbd");
    if usual.is_file() { usual.to_owned() } else { PathBuf::from("mariadbd") }
}

fn text(output: Output) -> Result<String, String> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
