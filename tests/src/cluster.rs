//! A cluster of real processes on this machine: heads, workers, jobs through the command line, and what may befall them.
//!
//! Knows nothing of databases but where the head's store is. Processes are killed, suspended and woken by id; whatever
//! the test's end, its guard ends them all.

mod evidence;
mod guard;
mod lan;
mod ledger;
mod proxy;
mod worker;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use evidence::Evidence;
pub use lan::{Lan, Wire};
pub use ledger::Ledger;
pub use proxy::{Network, Proxy};
pub use worker::Worker;

use crate::postgres::Server;
use crate::{Deadline, Outcome, Running, Sensei};
use guard::Guard;

/// How long a process may take to do what it does at its start or end.
const STEP_MAX: Duration = Duration::from_secs(60);
/// How long a question to the head is repeated.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Lines of each process that a failed test shows.
const LINES_MAX: usize = 15;
/// Exit code where nobody answers.
const UNAVAILABLE: i32 = 5;

/// Where the heads remember.
#[derive(Debug)]
pub enum Store<'s> {
    /// A file of the cluster's folder.
    Sqlite,
    /// A database, which is made.
    Postgres(&'s Server, String),
}

/// A cluster; gone when dropped.
#[derive(Debug)]
pub struct Cluster<'s> {
    /// The folder everything runs in.
    pub sensei: Sensei,
    store: Store<'s>,
    heads: Vec<Head>,
    workers: Vec<Worker>,
    workers_ever: usize,
    log_level: &'static str,
    lan: Option<Arc<Lan>>,
    guard: Guard,
}

#[derive(Debug)]
struct Head {
    port: u16,
    running: Option<Running>,
}

impl<'s> Cluster<'s> {
    /// Starts `heads` heads on one store, in plain text on loopback.
    ///
    /// # Panics
    /// If one does not start.
    pub fn start(sensei: Sensei, store: Store<'s>, heads: usize) -> Cluster<'s> {
        Cluster::start_on(sensei, store, heads, None)
    }

    /// Starts `heads` heads on one store: with certificates on a network, to which workers have a cable each, or as
    /// [`Cluster::start`] does.
    ///
    /// # Panics
    /// If one does not start.
    pub fn start_on(sensei: Sensei, store: Store<'s>, heads: usize, lan: Option<Arc<Lan>>) -> Cluster<'s> {
        let token = sensei.path("token").display().to_string();
        let sensei = sensei.env("SENSEI_TOKEN_FILE", token);
        let sensei = match &lan {
            Some(lan) => certified(sensei, lan),
            None => sensei,
        };
        if let Store::Postgres(server, database) = &store {
            server.create_database(database);
        }
        let (guard, log_level) = (Guard::start(), "info");
        let mut cluster =
            Cluster { sensei, store, heads: Vec::new(), workers: Vec::new(), workers_ever: 0, log_level, lan, guard };
        for index in 0..heads {
            cluster.heads.push(Head { port: 0, running: None });
            cluster.start_head(index);
        }
        cluster.with_book(ledger::begin);
        cluster
    }

    /// Starts a head, on the port it had before if it had one.
    ///
    /// # Panics
    /// If it does not start, or runs.
    pub fn start_head(&mut self, index: usize) {
        assert!(self.heads[index].running.is_none(), "the head runs");
        let listen = format!("{}:{}", self.host(), self.heads[index].port);
        let store = match &self.store {
            Store::Sqlite => self.sensei.path("head.db").display().to_string(),
            Store::Postgres(server, database) => server.url(database),
        };
        let arguments = ["head", "--listen", &listen, "--store", &store, "--log-level", self.log_level];
        let token = self.sensei.path("token").display().to_string();
        let certificate = self.certificate("head-main");
        let certificate: Vec<&str> = certificate.iter().map(String::as_str).collect();
        let arguments = [&arguments[..], &["--admin-token-file", &token], &certificate[..]].concat();
        let mut running = self.sensei.spawn(&arguments);
        self.guard.hold(running.pid());
        let listens_on = format!("listens on {}:", self.url_of_host());
        let port = Deadline::after(STEP_MAX).wait_for(|| {
            let said = running.stderr();
            let port = said.split(&listens_on).nth(1).and_then(|rest| rest.split_once('\n'));
            match port {
                Some((port, _)) => port.trim().parse().ok(),
                None if !running.is_running() => panic!("the head ended: {said}"),
                None => None,
            }
        });
        let port = port.unwrap_or_else(|| panic!("the head does not listen: {}", running.stderr()));
        self.heads[index] = Head { port, running: Some(running) };
    }

    /// Kills a head without warning; what it said.
    pub fn kill_head(&mut self, index: usize) -> String {
        let Some(running) = self.heads[index].running.take() else { return String::new() };
        self.guard.release(running.pid());
        running.kill9().stderr
    }

    /// Whether a head runs.
    pub fn has_head(&self, index: usize) -> bool {
        self.heads[index].running.is_some()
    }

    /// The process of a head.
    ///
    /// # Panics
    /// If it does not run.
    pub fn head(&self, index: usize) -> &Running {
        self.heads[index].running.as_ref().expect("the head runs")
    }

    /// The head that says it leads, if one does within `within`.
    pub fn leader(&self, within: Duration) -> Option<usize> {
        let leads = |head: &Head| head.running.is_some() && self.standing(head.port).contains("\"leader\"");
        Deadline::after(within).wait_for(|| self.heads.iter().position(leads))
    }

    /// Asks one head, which may hang, whether it leads.
    fn standing(&self, port: u16) -> String {
        const PATIENCE: Duration = Duration::from_millis(500);
        if self.lan.is_some() {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--max-time", "1", "--cacert"]).arg(self.sensei.path("certs/ca.pem"));
            let answer = curl.arg(format!("{}:{port}/readyz", self.url_of_host())).output().expect("curl is installed");
            return String::from_utf8_lossy(&answer.stdout).into_owned();
        }
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().unwrap_or_default()
    }

    /// URLs of all heads.
    pub fn url(&self) -> String {
        let host = self.url_of_host();
        self.heads.iter().map(|head| format!("{host}:{}", head.port)).collect::<Vec<_>>().join(",")
    }

    /// URL of a head without its port.
    fn url_of_host(&self) -> String {
        format!("{}://{}", if self.lan.is_some() { "https" } else { "http" }, self.host())
    }

    /// Where heads listen.
    fn host(&self) -> String {
        self.lan.as_ref().map_or("127.0.0.1".to_owned(), |lan| lan.address().to_string())
    }

    /// Arguments that name the certificate `stem`, if this cluster has certificates.
    fn certificate(&self, stem: &str) -> Vec<String> {
        let named = |_| {
            let (certificate, key) = (format!("certs/{stem}.pem"), format!("certs/{stem}-key.pem"));
            vec!["--certificate".to_owned(), certificate, "--certificate-key".to_owned(), key]
        };
        self.lan.as_ref().map(named).unwrap_or_default()
    }

    /// Runs a command that speaks to the heads.
    pub fn command(&self, arguments: &[&str]) -> Outcome {
        self.sensei.run(&[arguments, &["--head", &self.url(), "--output", "json"]].concat())
    }

    /// Runs a command that the head refuses, and insists on what it says.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str], text: &str) {
        let told = self.command(arguments).expect(2).json();
        assert!(told["error"]["message"].as_str().is_some_and(|message| message.contains(text)), "{told:#}");
    }

    /// As [`Cluster::command`], again while nobody answers.
    ///
    /// # Panics
    /// If it ends with another exit code than 0.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let deadline = Deadline::after(ANSWER_MAX);
        loop {
            let outcome = self.command(arguments);
            if outcome.code != Some(UNAVAILABLE) || deadline.elapsed() > ANSWER_MAX {
                return outcome.expect(0).json();
            }
        }
    }

    /// Submits `plan.yaml` of the folder.
    ///
    /// # Panics
    /// If it is not taken.
    #[track_caller]
    pub fn submit(&self, id: &str) -> Value {
        self.ask(&["job", "submit", "plan.yaml", "--id", id])
    }

    /// The job as it stands.
    ///
    /// # Panics
    /// If nobody answers.
    #[track_caller]
    pub fn job(&self, id: &str) -> Value {
        self.ask(&["job", "status", id])
    }

    /// Waits until the job is as wanted.
    ///
    /// # Panics
    /// If that takes longer than `within`; the message holds what happened to the job.
    #[track_caller]
    pub fn await_job(&self, id: &str, within: Duration, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let found = Deadline::after(within).wait_for(|| Some(self.job(id)).filter(|job| is_wanted(job)));
        found.unwrap_or_else(|| panic!("after {within:?} it is {:#}\n{}", self.job(id), self.logs(id)))
    }

    /// What happened to the job, a JSON object on each line.
    #[track_caller]
    pub fn logs(&self, id: &str) -> String {
        let deadline = Deadline::after(ANSWER_MAX);
        loop {
            let outcome = self.command(&["job", "logs", id]);
            if outcome.code == Some(0) || deadline.elapsed() > ANSWER_MAX {
                return outcome.expect(0).stdout;
            }
        }
    }

    /// Whether the head has heard of a worker.
    pub fn knows(&self, worker: &str) -> bool {
        self.ask(&["status", "--cluster"])["workers"].to_string().contains(&format!("\"{worker}\""))
    }

    /// Whether a worker was ever given a split.
    pub fn has_given(&self, worker: &str) -> bool {
        self.with_book(|book| ledger::has_given(book, worker))
    }

    /// Insists that no lease was ever two workers'; what the store tells of them.
    ///
    /// # Panics
    /// If one was.
    #[track_caller]
    pub fn check_leases(&self) -> Ledger {
        self.with_book(ledger::check)
    }

    fn with_book<T>(&self, f: impl FnOnce(&dyn ledger::Book) -> T) -> T {
        match &self.store {
            Store::Sqlite => f(&self.sensei.path("head.db")),
            Store::Postgres(server, database) => f(&(*server, database.clone())),
        }
    }

    /// Mounts a small file system in a folder of the cluster's; whether that worked.
    pub fn mount_small(&self, name: &str, size: &str) -> bool {
        let folder = self.sensei.path(name);
        std::fs::create_dir_all(&folder).expect("the folder is writable");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&folder);
        let mounted = mount.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success());
        if mounted {
            self.guard.mounted(&folder.display().to_string());
        }
        mounted
    }
}

/// Makes the cluster's authority and the heads' certificate.
fn certified(sensei: Sensei, lan: &Lan) -> Sensei {
    sensei.run(&["certs", "init", "certs"]).expect(0);
    let address = lan.address().to_string();
    sensei.run(&["certs", "issue", "certs", "head", "--name", "main", "--host", &address]).expect(0);
    let authority = sensei.path("certs/ca.pem").display().to_string();
    sensei.env("SENSEI_CA", authority)
}

impl Drop for Cluster<'_> {
    #[expect(clippy::print_stderr, reason = "a failed test shows what the processes said last")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let heads = self.heads.iter().enumerate();
        let heads = heads.filter_map(|(index, head)| Some((format!("head {index}"), head.running.as_ref()?)));
        let workers = self.workers.iter().map(|worker| (format!("worker {}", worker.name), &worker.running));
        for (name, running) in heads.chain(workers) {
            let said = running.stderr();
            let lines: Vec<&str> = said.lines().collect();
            eprintln!(
                "--- {name}, process {}\n{}",
                running.pid(),
                lines[lines.len().saturating_sub(LINES_MAX)..].join("\n")
            );
        }
    }
}
