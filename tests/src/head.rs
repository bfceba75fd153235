//! One head of a cluster with its workers, as processes of their own, and what a client says to them over HTTP/1.1.
//!
//! Knows what such a process prints when it is ready, and nothing of what it answers.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Deadline, Outcome, Running, Sensei};

/// How long a head may take until it leads, and an answer until it is complete.
const READY_MAX: Duration = Duration::from_secs(30);
/// File of the head's own token, in its folder.
const TOKEN_FILE: &str = "admin-token";

/// A running head; killed on drop, with its workers.
#[derive(Debug)]
pub struct Head {
    /// `https` or `http`.
    scheme: &'static str,
    port: u16,
    ca: Option<PathBuf>,
    token_file: PathBuf,
    workers: Vec<Running>,
    process: Running,
}

/// What a head answers over HTTP.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// One request, to be made up and sent.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    token: Option<&'a str>,
    body: Option<(&'a str, &'a str)>,
}

impl<'a> Ask<'a> {
    /// A request without a token and a body.
    pub fn new(method: &'a str, path: &'a str) -> Ask<'a> {
        Ask { method, path, token: None, body: None }
    }

    /// Shows a token.
    pub fn token(self, token: &'a str) -> Ask<'a> {
        Ask { token: Some(token), ..self }
    }

    /// Carries a body of a media type.
    pub fn body(self, media_type: &'a str, body: &'a str) -> Ask<'a> {
        Ask { body: Some((media_type, body)), ..self }
    }

    fn text(&self) -> String {
        let Ask { method, path, .. } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        if let Some(token) = self.token {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        match self.body {
            Some((media_type, body)) => {
                text.push_str(&format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
            }
            None => text.push_str("\r\n"),
        }
        text
    }
}

impl Head {
    /// Starts a head in plain text on a free port of 127.0.0.1, its store `head.db` in the folder of `sensei`.
    ///
    /// # Panics
    /// If it does not lead soon.
    pub fn start(sensei: &Sensei) -> Head {
        Head::start_with(sensei, &[], None)
    }

    /// Starts a head by TLS with the certificate `stem`, such as `head-main`, of the folder `certs` within that of `sensei`.
    ///
    /// # Panics
    /// As [`Head::start`].
    pub fn start_tls(sensei: &Sensei, stem: &str) -> Head {
        let arguments = [
            "--ca".to_owned(),
            "certs/ca.pem".to_owned(),
            "--certificate".to_owned(),
            format!("certs/{stem}.pem"),
            "--certificate-key".to_owned(),
            format!("certs/{stem}-key.pem"),
        ];
        Head::start_with(sensei, &arguments, Some(sensei.path("certs/ca.pem")))
    }

    /// Starts a head with more arguments; by TLS if the authority's certificate is named.
    ///
    /// # Panics
    /// As [`Head::start`].
    pub fn start_with(sensei: &Sensei, arguments: &[String], ca: Option<PathBuf>) -> Head {
        let own = ["head", "--listen", "127.0.0.1:0", "--store", "head.db", "--admin-token-file", TOKEN_FILE];
        let all: Vec<String> = own.iter().map(ToString::to_string).chain(arguments.iter().cloned()).collect();
        let process = sensei.spawn(&all);
        let scheme = if ca.is_some() { "https" } else { "http" };
        let port = Deadline::after(READY_MAX).wait_for(|| port(&process.stderr(), scheme));
        let port = port.unwrap_or_else(|| panic!("the head does not listen: {process:?} {}", process.stderr()));
        let head = Head { scheme, port, ca, token_file: sensei.path(TOKEN_FILE), workers: Vec::new(), process };
        head.await_lead();
        head
    }

    fn await_lead(&self) {
        let leads = || (self.ready()["role"] == "leader").then_some(());
        let ready = Deadline::after(READY_MAX).wait_for(leads);
        assert!(ready.is_some(), "the head does not lead: {}", self.process.stderr());
    }

    fn ready(&self) -> Value {
        let text = match &self.ca {
            None => self.ask(&Ask::new("GET", "/readyz")).body,
            Some(_) => self.curl(&[], "/readyz").stdout,
        };
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Starts a worker beside the head in the folder of `sensei`, and returns once the head knows it.
    ///
    /// # Panics
    /// If it is not ready soon.
    pub fn add_worker(&mut self, sensei: &Sensei, arguments: &[&str]) {
        let before = self.workers_known(sensei);
        self.workers.push(sensei.spawn(&self.with_way(&[&["worker"], arguments].concat(), true)));
        let known = || (self.workers_known(sensei) > before).then_some(());
        let ready = Deadline::after(READY_MAX).wait_for(known);
        assert!(ready.is_some(), "no worker comes: {}", self.workers.last().map(Running::stderr).unwrap_or_default());
    }

    fn workers_known(&self, sensei: &Sensei) -> usize {
        let pool = self.cli(sensei, &["status", "--cluster", "--output", "json"]).expect(0).json();
        pool["workers"].as_array().map_or(0, Vec::len)
    }

    /// Runs a command that speaks to the head with the head's own token, to its end.
    pub fn cli(&self, sensei: &Sensei, arguments: &[&str]) -> Outcome {
        sensei.run(&self.with_way(arguments, true))
    }

    /// Runs a command that speaks to the head as its arguments say.
    pub fn cli_as(&self, sensei: &Sensei, arguments: &[&str]) -> Outcome {
        sensei.run(&self.with_way(arguments, false))
    }

    /// `arguments` with the way to the head, and its token where it is not said who asks.
    fn with_way(&self, arguments: &[&str], with_token: bool) -> Vec<String> {
        let mut all: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let has = |name: &str| arguments.contains(&name);
        let mut add = |name: &str, value: String| {
            if !has(name) {
                all.extend([name.to_owned(), value]);
            }
        };
        add("--head", self.url());
        if let Some(ca) = &self.ca {
            add("--ca", ca.display().to_string());
        }
        if with_token && !has("--certificate") {
            add("--token-file", self.token_file.display().to_string());
        }
        all
    }

    /// `http://127.0.0.1:PORT`, or `https://`.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The head's own token, of role admin.
    ///
    /// # Panics
    /// If the head has not written it.
    pub fn token(&self) -> String {
        std::fs::read_to_string(&self.token_file).expect("the head wrote its token").trim().to_owned()
    }

    /// The head's process.
    pub fn process(&mut self) -> &mut Running {
        &mut self.process
    }

    /// The workers' processes, in the order they were added.
    pub fn workers(&mut self) -> &mut Vec<Running> {
        &mut self.workers
    }

    /// Gives out a token.
    ///
    /// # Panics
    /// If the head refuses.
    pub fn add_token(&self, name: &str, role: &str) -> String {
        let body = format!("{{\"name\": \"{name}\", \"role\": \"{role}\"}}");
        let (admin, media_type) = (self.token(), "application/json");
        let answer = self.ask(&Ask::new("POST", "/v1/tokens").token(&admin).body(media_type, &body));
        answer.expect(201).json()["token"].as_str().expect("the token is told").to_owned()
    }

    /// What it answers to a request, in plain text.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn ask(&self, ask: &Ask<'_>) -> Answer {
        let bytes = self.send(ask.text().as_bytes()).unwrap_or_else(|error| panic!("{error} after {ask:?}"));
        Answer::read(&bytes).unwrap_or_else(|| panic!("no answer but {bytes:?} to {ask:?}"))
    }

    /// What comes back for these bytes until the head closes the connection.
    ///
    /// # Errors
    /// If the head cannot be reached, or falls silent.
    pub fn send(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = self.connect()?;
        // It may answer and close before all is sent; what it said is there all the same.
        let written = stream.write_all(bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => Ok(answer),
            Err(_) if !answer.is_empty() => Ok(answer),
            Err(error) => written.and(Err(error)),
        }
    }

    /// A connection to the port, whose reads give up after a while.
    ///
    /// # Errors
    /// If there is none.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(READY_MAX))?;
        stream.set_write_timeout(Some(READY_MAX))?;
        Ok(stream)
    }

    /// Asks by `curl`, which speaks TLS: its arguments before the URL.
    ///
    /// # Panics
    /// If curl is not installed.
    pub fn curl(&self, arguments: &[&str], path: &str) -> Outcome {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "20"]).args(arguments);
        if let Some(ca) = &self.ca {
            command.arg("--cacert").arg(ca);
        }
        let deadline = Deadline::after(READY_MAX);
        let output = command.arg(format!("{}{path}", self.url())).output().expect("curl is installed");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            elapsed: deadline.elapsed(),
        }
    }

    /// The most memory the head has ever taken, in bytes (`VmHWM`).
    ///
    /// # Panics
    /// If it does not run.
    pub fn memory_bytes_max(&self) -> u64 {
        let file = format!("/proc/{}/status", self.process.pid());
        let status = std::fs::read_to_string(file).expect("the head runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<u64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        kib.expect("Linux tells a process's memory") * 1024
    }
}

impl Answer {
    /// Reads an answer as it came from the wire.
    pub fn read(bytes: &[u8]) -> Option<Answer> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().into()));
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if is_chunked { joined(body) } else { body.to_owned() };
        Some(Answer { status, headers, body })
    }

    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Insists on a status.
    ///
    /// # Panics
    /// If it is another one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Insists that the body says `text`.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn says(self, text: &str) -> Answer {
        assert!(self.body.contains(text), "no {text:?} in {self:?}");
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// What chunks hold together; lengths are in bytes, and what is asked here is ASCII.
fn joined(mut chunks: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or(0).min(rest.len());
        text.push_str(rest.get(..length).unwrap_or_default());
        chunks = rest.get(length + 2..).unwrap_or_default();
    }
    text
}

/// The port a head said it listens on.
fn port(stderr: &str, scheme: &str) -> Option<u16> {
    let (_, rest) = stderr.split_once(&format!("the head listens on {scheme}://127.0.0.1:"))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    // Until the line is complete, so may be the number.
    rest.get(digits.len()..)?.chars().next()?;
    digits.parse().ok()
}
