//! A real PostgreSQL server for one test: own data folder, private unix socket, gone with the process.
//!
//! A shell stands between the test and the server and waits on a pipe: when the test's process ends for whatever
//! reason the pipe closes, the shell stops the server and removes its folder (only a test killed in the second while
//! the data folder is being made leaves that folder behind). Several servers run side by side.

mod install;

use std::fs::File;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::Deadline;
use crate::account::Account;
use crate::keeper::Keeper;
use crate::process::{children, ended, free_port, signal};
use crate::tpch::{Table, write_copy};
use install::Install;

/// How long starting, stopping and each statement may take. Generous: tests share few cores.
const START_MAX: Duration = Duration::from_secs(60);

/// Names the socket file of a server that listens on no network.
const SOCKET_PORT: u16 = 5432;

/// What a server offers beyond the private socket.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Listens on a free port of 127.0.0.1 as well.
    pub tcp: bool,
    /// Demands this password over TCP (SCRAM-SHA-256); implies `tcp`.
    pub password: Option<String>,
    /// Offers TLS over TCP with a certificate for `localhost` signed by [`Server::ca_file`]; implies `tcp`.
    pub tls: bool,
    /// Lines of `postgresql.conf`, such as `("max_connections", "200")`.
    pub settings: Vec<(String, String)>,
    /// Listens on this address as well, and trusts the 256 around it; implies `tcp`.
    pub address: Option<Ipv4Addr>,
}

impl Options {
    fn listens(&self) -> bool {
        self.tcp || self.tls || self.password.is_some() || self.address.is_some()
    }
}

/// A running server. Stopped, and its folder removed, on drop.
#[derive(Debug)]
pub struct Server {
    install: &'static Install,
    account: Option<Account>,
    options: Options,
    port: u16,
    keeper: Option<Keeper>,
    folder: TempDir,
}

impl Server {
    /// Starts a server that is reached through its socket only.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start; the message holds the server's log.
    pub fn start() -> Server {
        Server::start_with(Options::default())
    }

    /// Starts a server with more than a socket.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn start_with(options: Options) -> Server {
        let install = Install::find();
        let account = Account::when_root("postgres");
        let folder = tempfile::Builder::new().prefix("sensei-pg-").tempdir_in("/tmp").expect("/tmp is writable");
        if let Some(account) = account {
            account.own(folder.path());
        }
        let port = if options.listens() { free_port() } else { SOCKET_PORT };
        let mut server = Server { install, account, options, port, keeper: None, folder };
        server.init();
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

    /// Creates an empty UTF-8 database.
    pub fn create_database(&self, name: &str) {
        self.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
    }

    /// The superuser's URL of `database` through the socket.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://postgres@{socket}:{}/{database}", self.port)
    }

    /// `user`'s URL of `database` over TCP, without password.
    ///
    /// # Panics
    /// If the server was started without TCP.
    pub fn tcp_url(&self, user: &str, database: &str) -> String {
        assert!(self.options.listens(), "Options::tcp was not asked for");
        format!("postgresql://{user}@localhost:{}/{database}", self.port)
    }

    /// The superuser's URL of `database` at [`Options::address`], in plain text.
    ///
    /// # Panics
    /// If the server was started without one.
    pub fn address_url(&self, database: &str) -> String {
        let address = self.options.address.expect("Options::address was given");
        format!("postgresql://postgres@{address}:{}/{database}?sslmode=disable", self.port)
    }

    /// The certificate authority that signed the server's certificate (PEM).
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Runs `sql` in `database`; returns what it selects: fields separated by `|`, NULL as `∅`, one line per row.
    ///
    /// # Panics
    /// If a statement fails; see [`Server::try_psql`].
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// As [`Server::psql`], with what psql wrote to its standard error if a statement failed.
    ///
    /// # Errors
    /// The text of psql's standard error.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        self.psql_command(database).args(["-c", sql]).output().map_err(|error| error.to_string()).and_then(text)
    }

    /// Loads a dump or script, stopping at its first error.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn load(&self, database: &str, file: &Path) {
        let output = self.psql_command(database).arg("-q").arg("-f").arg(file).output();
        output.map_err(|error| error.to_string()).and_then(text).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Loads SQL text through psql's standard input, for dumps that must be altered first and for `COPY … FROM STDIN`.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn load_text(&self, database: &str, script: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut command = self.psql_command(database);
        command.arg("-q").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(self.log_for_append("load.log"));
        let mut psql = command.spawn().expect("psql starts");
        let mut input = io::BufWriter::new(psql.stdin.take().expect("the input is piped"));
        let written = script(&mut input).and_then(|()| input.flush());
        drop(input);
        let status = psql.wait().expect("psql ends");
        assert!(written.is_ok() && status.success(), "{written:?}, {status}\n{}", self.read_log("load.log"));
    }

    /// Makes and fills a TPC-H table with its key; returns the count of rows.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn load_tpch(&self, database: &str, table: Table, scale: f64) -> u64 {
        let mut count = 0;
        self.psql(database, table.create());
        self.load_text(database, |input| {
            writeln!(input, "COPY {} FROM STDIN (DELIMITER '|');", table.name())?;
            count = write_copy(table, scale, &mut &mut *input)?;
            writeln!(input, "\\.")
        });
        self.psql(database, &format!("{}; ANALYZE {}", table.add_key(), table.name()));
        count
    }

    /// Kills the server's main process without warning, as a lost machine would; connections break at once.
    pub fn kill9(&mut self) {
        let pid = self.pid();
        let family: Vec<u32> = [pid].into_iter().chain(children(pid)).collect();
        for member in &family {
            signal("KILL", *member);
        }
        self.forget_keeper();
        // The next server would find the shared memory of those still ending.
        let gone = Deadline::after(START_MAX).wait_for(|| family.iter().all(|member| ended(*member)).then_some(()));
        assert!(gone.is_some(), "the killed server does not end");
    }

    /// Starts the server again on the same folder and ports after [`Server::kill9`] or [`Server::stop`].
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        assert!(self.keeper.is_none(), "the server is running");
        self.launch();
    }

    /// Stops the server and keeps its data.
    pub fn stop(&mut self) {
        self.forget_keeper();
    }

    /// Process id of the server's main process.
    pub fn pid(&self) -> u32 {
        let file = self.data().join("postmaster.pid");
        let text = std::fs::read_to_string(&file).expect("a running server has a pid file");
        text.lines().next().and_then(|line| line.trim().parse().ok()).expect("its first line is the pid")
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        self.read_log("server.log")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn read_log(&self, name: &str) -> String {
        std::fs::read(self.folder.path().join(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn log_for_append(&self, name: &str) -> File {
        let path = self.folder.path().join(name);
        File::options().create(true).append(true).open(path).expect("the folder is writable")
    }

    /// A command of the installation that runs as the account the server runs as.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C.UTF-8").env_remove("PGSERVICE");
        if let Some(account) = self.account {
            account.become_it(&mut command);
        }
        command
    }

    fn psql_command(&self, database: &str) -> Command {
        let mut command = Command::new(self.install.program("psql"));
        command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-P", "null=∅", "-U", "postgres", "-d", database]);
        command.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        command.env("PGCLIENTENCODING", "UTF8").env("PGOPTIONS", "-c client_min_messages=warning");
        command.stdin(Stdio::null());
        command
    }

    /// Makes the data folder and writes its configuration.
    fn init(&self) {
        let mut initdb = self.command(&self.install.program("initdb"));
        initdb.args(["-A", "trust", "-N", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D"]).arg(self.data());
        let output = initdb.output().expect("initdb starts");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        if self.options.tls {
            install::issue_certificate(self.folder.path());
            if let Some(account) = self.account {
                account.own(&self.folder.path().join("server.key"));
            }
        }
        append(&self.data().join("postgresql.conf"), &self.configuration());
        if self.options.password.is_some() {
            let rules =
                "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n";
            std::fs::write(self.data().join("pg_hba.conf"), rules).expect("the folder is writable");
        }
        if let Some(address) = self.options.address {
            append(&self.data().join("pg_hba.conf"), &format!("host all all {address}/24 trust\n"));
        }
    }

    fn configuration(&self) -> String {
        let folder = self.folder.path().display();
        let mut lines = format!(
            "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nshared_buffers = 32MB\nmax_wal_size = 4GB\n\
             unix_socket_directories = '{folder}'\ntimezone = 'UTC'\nlog_min_messages = warning\n"
        );
        let also = self.options.address.map(|address| format!(",{address}")).unwrap_or_default();
        let listens_on = if self.options.listens() { format!("127.0.0.1{also}") } else { String::new() };
        lines.push_str(&format!("listen_addresses = '{listens_on}'\nport = {}\n", self.port));
        if self.options.tls {
            lines.push_str(&format!(
                "ssl = on\nssl_cert_file = '{folder}/server.crt'\nssl_key_file = '{folder}/server.key'\n"
            ));
        }
        for (name, value) in &self.options.settings {
            lines.push_str(&format!("{name} = '{value}'\n"));
        }
        lines
    }

    /// Starts the server through its keeper and waits until it answers.
    fn launch(&mut self) {
        let mut command = self.command(Path::new("/bin/sh"));
        command.stderr(self.log_for_append("server.log"));
        let data = self.data();
        let server = [self.install.program("postgres"), "-D".into(), data];
        self.keeper = Some(Keeper::start(command, "QUIT", self.folder.path(), &server));
        let ready = Deadline::after(START_MAX).wait_for(|| self.answers().then_some(()));
        assert!(ready.is_some(), "PostgreSQL does not start:\n{}", self.log());
        self.set_password();
    }

    fn answers(&self) -> bool {
        self.try_psql("postgres", "SELECT 1").is_ok()
    }

    fn set_password(&self) {
        if let Some(password) = &self.options.password {
            self.psql("postgres", &format!("ALTER ROLE postgres PASSWORD '{}'", password.replace('\'', "''")));
        }
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

fn text(output: std::process::Output) -> Result<String, String> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn append(file: &Path, lines: &str) {
    let written = File::options().append(true).open(file).and_then(|mut file| file.write_all(lines.as_bytes()));
    written.expect("the folder is writable");
}
