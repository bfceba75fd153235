//! Workers as child processes on this machine.
//!
//! **Invariant:** no child outlives the head. Each holds the reading end of a pipe that closes when the head is gone, however it
//! went, and leaves then.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sensei_storage::SecretText;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::provider::{Instance, InstanceState, Provider, ProviderError, ProviderKind, Result};

/// Children at a time, whatever is asked for: each is a process with its own threads.
pub const CHILDREN_MAX: usize = 256;

/// How often [`Local::shutdown`] looks whether all have left.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How children are started and stopped.
#[derive(Clone, Debug)]
pub struct LocalSettings {
    /// The program to start.
    pub program: PathBuf,
    /// Its arguments, to which `--name` and a name are added.
    pub arguments: Vec<String>,
    /// What names begin with; a number follows. It must differ from one head's life to the next.
    pub prefix: String,
    /// Where each child's log goes, as `<name>.log`. Must exist.
    pub log_folder: PathBuf,
    /// How long a child may take to leave before it is killed, with all of its process group.
    pub grace: Duration,
    /// Variables that children have beside those of this process; secrets among them.
    pub variables: Vec<(String, SecretText)>,
}

impl LocalSettings {
    /// Workers of this binary for the head at `head_url`, with names that begin with `prefix`.
    ///
    /// # Errors
    /// If the system does not tell where this binary is.
    pub fn this_binary(head_url: &str, prefix: &str, log_folder: PathBuf, grace: Duration) -> Result<LocalSettings> {
        let program = std::env::current_exe().map_err(|error| failed("finding this program's file", &error))?;
        let arguments = ["worker", "--parent-pipe", "--head", head_url].map(str::to_owned).to_vec();
        Ok(LocalSettings { program, arguments, prefix: prefix.to_owned(), log_folder, grace, variables: Vec::new() })
    }
}

/// Child processes. Needs a runtime; each child has a task that waits for it, so that none stays a zombie.
#[derive(Debug)]
pub struct Local {
    settings: LocalSettings,
    children: Arc<Mutex<Children>>,
}

#[derive(Debug, Default)]
struct Children {
    launched: u64,
    /// Those that run, and how to ask them to leave.
    running: BTreeMap<String, watch::Sender<bool>>,
}

impl Local {
    /// No children yet.
    pub fn new(settings: LocalSettings) -> Local {
        Local { settings, children: Arc::default() }
    }

    /// Asks all children to leave and waits until they have, or were killed.
    pub async fn shutdown(&self) {
        for leave in lock(&self.children).running.values() {
            leave.send_replace(true);
        }
        // A child is killed after its grace; what follows is quick, and doubly bounded all the same.
        let _ = tokio::time::timeout(self.settings.grace * 2 + Duration::from_secs(5), self.emptied()).await;
    }

    async fn emptied(&self) {
        while !lock(&self.children).running.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn launch_one(&self) -> Result<String> {
        let mut children = lock(&self.children);
        if children.running.len() >= CHILDREN_MAX {
            return Err(full());
        }
        children.launched += 1;
        let name = format!("{}-{}", self.settings.prefix, children.launched);
        let child = self.spawn(&name).map_err(|error| failed(&format!("starting worker \"{name}\""), &error))?;
        let (leave, left) = watch::channel(false);
        children.running.insert(name.clone(), leave);
        tokio::spawn(look_after(self.children.clone(), name.clone(), child, left, self.settings.grace));
        Ok(name)
    }

    fn spawn(&self, name: &str) -> io::Result<Child> {
        let log = self.log(name)?;
        Command::new(&self.settings.program)
            .args(&self.settings.arguments)
            .args(["--name", name])
            .envs(self.settings.variables.iter().map(|(variable, value)| (variable, value.expose())))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in a terminal is for the head, which then asks its children to leave.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn log(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(self.settings.log_folder.join(format!("{name}.log")))
    }
}

#[async_trait]
impl Provider for Local {
    async fn list(&self) -> Result<Vec<Instance>> {
        let state = |leave: &watch::Sender<bool>| match *leave.borrow() {
            true => InstanceState::Stopping,
            false => InstanceState::Running,
        };
        let children = lock(&self.children);
        let instance = |(id, leave): (&String, &_)| Instance { id: id.clone(), state: state(leave), launched_at: None };
        Ok(children.running.iter().map(instance).collect())
    }

    async fn launch(&self, n: u32) -> Result<Vec<String>> {
        (0..n).map(|_| self.launch_one()).collect()
    }

    async fn retire(&self, ids: &[String]) -> Result<()> {
        let children = lock(&self.children);
        for leave in ids.iter().filter_map(|id| children.running.get(id)) {
            leave.send_replace(true);
        }
        Ok(())
    }
}

/// Waits for a child, and sees to it that it leaves when asked.
async fn look_after(
    children: Arc<Mutex<Children>>,
    name: String,
    mut child: Child,
    mut leave: watch::Receiver<bool>,
    grace: Duration,
) {
    // Taken out, so that waiting does not close it: the child would leave.
    let pipe = child.stdin.take();
    let asked = async { drop(leave.wait_for(|leave| *leave).await) };
    let ended = tokio::select! {
        status = child.wait() => status,
        () = asked => stop(&mut child, &name, grace).await,
    };
    drop(pipe);
    match ended {
        Ok(status) => told(&name, status, *leave.borrow()),
        Err(error) => tracing::error!(worker = name, %error, "waiting for a worker failed"),
    }
    lock(&children).running.remove(&name);
}

async fn stop(child: &mut Child, name: &str, grace: Duration) -> io::Result<ExitStatus> {
    signal(child, |pid| kill_process(pid, Signal::TERM));
    if let Ok(ended) = tokio::time::timeout(grace, child.wait()).await {
        return ended;
    }
    tracing::warn!(worker = name, "did not leave within {} s, is killed", grace.as_secs_f64());
    signal(child, |pid| kill_process_group(pid, Signal::KILL));
    child.wait().await
}

/// Sends a signal to a child that was not waited for, so that its number is still its own.
fn signal(child: &Child, send: impl FnOnce(Pid) -> rustix::io::Result<()>) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(Err(error)) = pid.map(send) {
        tracing::debug!(%error, "signalling a worker that has left");
    }
}

fn told(name: &str, status: ExitStatus, asked: bool) {
    match asked {
        true => tracing::info!(worker = name, %status, "worker has left"),
        false => tracing::warn!(worker = name, %status, "worker ended unasked; its log tells more"),
    }
}

fn lock(children: &Mutex<Children>) -> MutexGuard<'_, Children> {
    // Every change is a single insertion or removal: there is no half of one.
    children.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(doing: &str, error: &io::Error) -> ProviderError {
    ProviderError {
        kind: ProviderKind::Unavailable,
        doing: doing.to_owned(),
        what: error.to_string(),
        hint: "Check the program's file, the log folder, and the limits on processes and open files.".to_owned(),
    }
}

fn full() -> ProviderError {
    ProviderError {
        kind: ProviderKind::Invalid,
        doing: "starting a worker".to_owned(),
        what: format!("there are {CHILDREN_MAX} on this machine already"),
        hint: "Lower the maximum of the pool, or start workers on other machines.".to_owned(),
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
