//! Finds the tools that Sensei is measured beside. `scripts/setup-bench.sh` installs what comes from PyPI and names the
//! rest.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a scenario needs and this machine lacks, as a sentence.
#[derive(Debug)]
pub struct Missing(pub String);

/// A tool that was found.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The program.
    pub program: PathBuf,
    /// What it says of its version.
    pub version: String,
}

impl Peer {
    /// A fresh command of it. Nothing is reported home.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("SLING_DISABLE_TELEMETRY", "TRUE").env("DO_NOT_TRACK", "1");
        command
    }
}

/// Where the tools from PyPI are: `$XDG_CACHE_HOME/sensei/bench`.
fn environment() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    cache.unwrap_or_else(std::env::temp_dir).join("sensei/bench")
}

/// `duckdb` as a Python module: the interpreter that has it.
pub fn duckdb() -> Result<Peer, Missing> {
    let version = ["-c", "import duckdb; print(duckdb.__version__)"];
    found(environment().join("bin/python"), &version, "DuckDB")
}

/// The comparing tool.
pub fn reladiff() -> Result<Peer, Missing> {
    found(environment().join("bin/reladiff"), &["--version"], "reladiff")
}

/// The binary inside the wheel: the wheel's own launcher would start Python first.
pub fn sling() -> Result<Peer, Missing> {
    let libraries = environment().join("lib");
    let versions = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    let inside = |python: &Path| python.join("site-packages/sling_linux_amd64/bin/sling-linux-amd64");
    let binary = versions.map(|entry| inside(&entry.path())).find(|binary| binary.is_file());
    found(binary.unwrap_or_default(), &["--version"], "sling")
}

/// From the distribution: `apt-get install wrk`. It prints its version with its usage, and ends with 1.
pub fn wrk() -> Result<Peer, Missing> {
    let missing = || Missing("wrk is missing: apt-get install wrk".to_owned());
    let output = Command::new("wrk").arg("--version").output().map_err(|_| missing())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = said.split_whitespace().nth(1).map(str::to_owned).ok_or_else(missing)?;
    Ok(Peer { program: "wrk".into(), version })
}

/// From the distribution: `apt-get install pgloader`.
pub fn pgloader() -> Result<Peer, Missing> {
    found("pgloader".into(), &["--version"], "pgloader")
}

/// A client program of PostgreSQL: of the installation that `pg_config` tells of, else on the path.
pub fn postgres(name: &str) -> Result<Peer, Missing> {
    let folder = version("pg_config".as_ref(), &["--bindir"]).map(PathBuf::from);
    let installed = folder.map(|folder| folder.join(name)).filter(|program| program.is_file());
    let missing = |_| Missing(format!("{name} is not installed: it comes with PostgreSQL"));
    found(installed.unwrap_or_else(|| name.into()), &["--version"], name).map_err(missing)
}

/// The first line of what a program says of its version.
pub fn version(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let told = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&told).lines().next()?.trim().to_owned();
    output.status.success().then_some(text)
}

fn found(program: PathBuf, arguments: &[&str], name: &str) -> Result<Peer, Missing> {
    let missing = || Missing(format!("{name} is not installed: run scripts/setup-bench.sh"));
    let version = version(&program, arguments).ok_or_else(missing)?;
    Ok(Peer { program, version })
}
