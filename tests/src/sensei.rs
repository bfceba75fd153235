//! Runs the built `sensei` binary in a folder of its own, with a limit on its time.
//!
//! Knows nothing of what the binary does: arguments go in, exit code, standard output and standard error come out.

mod binary;

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::Deadline;
use crate::process::signal;

/// How long one call may take unless [`Sensei::time_max`] says otherwise.
const TIME_MAX: Duration = Duration::from_secs(120);

/// A folder to run `sensei` in. Relative paths in plans start there; removed on drop.
#[derive(Debug)]
pub struct Sensei {
    program: PathBuf,
    folder: TempDir,
    variables: Vec<(String, String)>,
    time_max: Duration,
}

impl Sensei {
    /// An empty folder for the built binary.
    ///
    /// # Panics
    /// If the binary was not built, or its sources changed since.
    #[expect(clippy::new_without_default, reason = "it touches the disk and may panic")]
    pub fn new() -> Sensei {
        Sensei::of(binary::find())
    }

    /// An empty folder for another program.
    pub fn of(program: impl Into<PathBuf>) -> Sensei {
        let folder =
            tempfile::Builder::new().prefix("sensei-run-").tempdir().expect("the temporary folder is writable");
        Sensei { program: program.into(), folder, variables: Vec::new(), time_max: TIME_MAX }
    }

    /// Sets an environment variable for every call.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Sensei {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Sets several, such as [`crate::s3::Server::variables`].
    pub fn envs(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Sensei {
        self.variables.extend(variables);
        self
    }

    /// Limits the time of each call.
    pub fn time_max(mut self, time_max: Duration) -> Sensei {
        self.time_max = time_max;
        self
    }

    /// The program, for those who start it in a way of their own.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder, making the folders on its way; returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().expect("a path in a folder has a parent");
        std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text)).expect("the folder is writable");
        path
    }

    /// Makes a SQLite database in the folder from statements (or adds to one); returns its path.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn sqlite(&self, name: &str, sql: &str) -> PathBuf {
        let path = self.path(name);
        let database = rusqlite::Connection::open(&path).expect("the folder is writable");
        database.execute_batch(sql).unwrap_or_else(|error| panic!("{error} in {sql}"));
        path
    }

    /// The rows a query finds in a SQLite database of the folder, each value as SQLite's `quote()` would write it.
    ///
    /// # Panics
    /// If the query fails.
    pub fn sqlite_rows(&self, name: &str, sql: &str) -> Vec<Vec<String>> {
        let database = rusqlite::Connection::open(self.path(name)).expect("the database is there");
        let mut query = database.prepare(sql).unwrap_or_else(|error| panic!("{error} in {sql}"));
        let width = query.column_count();
        let read = query.query_map([], |row| (0..width).map(|column| Ok(quote(row.get(column)?))).collect());
        read.and_then(Iterator::collect).unwrap_or_else(|error| panic!("{error} in {sql}"))
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// If it takes longer than [`Sensei::time_max`]; the message holds what it wrote.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Outcome {
        self.spawn(arguments).wait()
    }

    /// Starts the program and returns at once.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Running {
        self.spawn_by(Command::new(&self.program), arguments)
    }

    /// Starts the program behind `launcher`, a command that becomes what its last arguments name.
    ///
    /// # Panics
    /// As [`Sensei::spawn`].
    pub fn spawn_behind<A: AsRef<OsStr>>(&self, launcher: &[String], arguments: &[A]) -> Running {
        let (first, rest) = launcher.split_first().expect("a launcher has a name");
        let mut command = Command::new(first);
        command.args(rest).arg(&self.program);
        self.spawn_by(command, arguments)
    }

    fn spawn_by<A: AsRef<OsStr>>(&self, mut command: Command, arguments: &[A]) -> Running {
        // Files, not pipes: they never fill up, and need no thread to empty them.
        let output = TempDir::new().expect("the temporary folder is writable");
        let file = |name| File::create(output.path().join(name)).expect("the temporary folder is writable");
        command.args(arguments).current_dir(self.folder()).env("NO_COLOR", "1");
        // Keys made for a test stay with it.
        command.env("XDG_CONFIG_HOME", self.path(".config"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        Running { child, output, deadline: Deadline::after(self.time_max) }
    }
}

/// A started program; killed on drop.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: TempDir,
    deadline: Deadline,
}

impl Running {
    /// Kills it without warning (SIGKILL) and returns what it had written.
    pub fn kill9(mut self) -> Outcome {
        // Already ended is fine: the outcome then shows an exit code.
        let _ = self.child.kill();
        let status = self.child.wait().expect("a child can be waited for");
        self.outcome(status)
    }

    /// Asks it to stop, as Ctrl-C does (SIGINT).
    pub fn interrupt(&self) {
        signal("INT", self.child.id());
    }

    /// Asks it to end, as whoever runs it does before a machine goes down (SIGTERM).
    pub fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    /// Stops its clock (SIGSTOP), as a paused machine or a long swap would.
    pub fn suspend(&self) {
        signal("STOP", self.child.id());
    }

    /// Lets it go on (SIGCONT) after [`Running::suspend`].
    pub fn wake(&self) {
        signal("CONT", self.child.id());
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Process id, for instance to read its memory from `/proc`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Standard output so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// If that takes longer than [`Sensei::time_max`] from its start; it is killed then.
    pub fn wait(mut self) -> Outcome {
        let deadline = self.deadline;
        let status = deadline.wait_for(|| self.child.try_wait().expect("a child can be waited for"));
        match status {
            Some(status) => self.outcome(status),
            None => panic!("still running after {:?}; {:?}", deadline.elapsed(), self.kill9()),
        }
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.output.path().join(name)).expect("the file was made at the start");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn outcome(&self, status: ExitStatus) -> Outcome {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        Outcome { code: status.code(), stdout, stderr, elapsed: self.deadline.elapsed() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already in the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Time from start to end.
    pub elapsed: Duration,
}

impl Outcome {
    /// Insists on an exit code.
    ///
    /// # Panics
    /// If it is another one; the message holds everything the program wrote.
    #[track_caller]
    pub fn expect(self, code: i32) -> Outcome {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Insists that standard error says `text`.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn says(self, text: &str) -> Outcome {
        assert!(self.stderr.contains(text), "no {text:?} in\n{}", self.stderr);
        self
    }

    /// Insists that neither output has `text`: a secret, a cell's value.
    ///
    /// # Panics
    /// If one has.
    #[track_caller]
    pub fn hides(self, text: &str) -> Outcome {
        assert!(!self.stderr.contains(text) && !self.stdout.contains(text), "{text:?} shows in {self:?}");
        self
    }

    /// Standard output as the one JSON object it should be.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

fn quote(value: rusqlite::types::Value) -> String {
    use rusqlite::types::Value::{Blob, Integer, Null, Real, Text};
    match value {
        Null => "NULL".to_owned(),
        Integer(number) => number.to_string(),
        Real(number) => format!("{number:?}"),
        Text(text) => format!("'{}'", text.replace('\'', "''")),
        Blob(bytes) => format!("X'{}'", bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>()),
    }
}
