//! An S3 API server on loopback: moto, from the environment that `scripts/setup-tests.sh` makes.
//!
//! Objects live in the server's memory. It honours what Sensei relies on, checked in `tests/harness.rs`: conditional
//! create (412 on an existing key, one winner in a race), multipart upload, listing by prefix.

mod proxy;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub use proxy::{Loss, Proxy, Then};

/// Serves until its standard input ends; writes its port first.
const LAUNCHER: &str = include_str!("s3/serve.py");

/// A running server. Gone on drop, and with the process that started it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts a server without buckets.
    ///
    /// # Panics
    /// If moto is not installed, or does not start.
    pub fn start() -> Server {
        let python = python();
        assert!(python.is_file(), "{} is missing: run scripts/setup-tests.sh", python.display());
        let mut command = Command::new(&python);
        command.args(["-c", LAUNCHER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("the output is piped");
        BufReader::new(output).read_line(&mut line).expect("the launcher writes text");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the S3 server does not start"));
        Server { process, port }
    }

    /// Makes an empty bucket.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn create_bucket(&self, name: &str) {
        let answer = self.request("PUT", &format!("/{name}"));
        assert!(answer.contains(" 200 "), "bucket {name:?}: {answer}");
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The environment that leads any AWS client here: endpoint, credentials, region.
    pub fn variables(&self) -> Vec<(String, String)> {
        Server::variables_of(&self.endpoint())
    }

    /// As [`Server::variables`], leading to another endpoint such as [`Proxy::endpoint`].
    pub fn variables_of(endpoint: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT", endpoint.to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Kills it without warning.
    pub fn kill9(&mut self) {
        // Killed twice is killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// One request without a body; returns the answer's head and body.
    fn request(&self, method: &str, path: &str) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\n", self.port);
        let mut answer = String::new();
        let sent = stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes());
        sent.and_then(|()| stream.read_to_string(&mut answer)).expect("the server answers");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// `$SENSEI_S3_PYTHON`, or the environment that `scripts/setup-tests.sh` makes in the user's cache.
fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("SENSEI_S3_PYTHON") {
        return PathBuf::from(python);
    }
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("sensei/moto/bin/python")
}
