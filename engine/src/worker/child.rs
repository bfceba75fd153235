//! A process of a worker, as its agent sees it.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child as Process, ChildStderr, ChildStdin, Command};
use tokio::task::JoinSet;

use super::agent::WorkerOptions;
use crate::cluster::caller::Class;
use crate::failure::Exit;
use crate::proto;
use crate::proto::{Ending, Task};
use crate::say::{is_json, pass_on, words};
use crate::trace;

/// Lines kept of what a process said in the end.
const LINES_MAX: usize = 6;
/// Bytes kept of one of them.
const LINE_BYTES_MAX: usize = 400;
/// Exit code of a process that could not be started.
const NOT_STARTED: u32 = 127;
/// What is added to the number of the signal that ended a process.
const SIGNALLED: i32 = 128;

/// What tells a worker's processes apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskKey {
    pub job: String,
    pub attempt: u32,
    role: String,
    generation: u64,
}

impl TaskKey {
    pub(super) fn of(task: &Task) -> TaskKey {
        let (job, role) = (task.job.clone(), task.role.clone());
        TaskKey { job, attempt: task.attempt, role, generation: task.generation }
    }
}

/// A process.
pub(super) struct Child {
    pub task: Task,
    state: State,
    said: Arc<Mutex<VecDeque<String>>>,
}

enum State {
    /// The pipe is held open for as long as this is.
    Running {
        process: Process,
        told_to_finish: bool,
        _pipe: JoinSet<()>,
    },
    Ended(u32),
}

impl Child {
    /// Starts a process for `task`. That it could not be started is how it ended.
    pub(super) fn start(options: &WorkerOptions, task: Task, plan: String) -> Child {
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let state = match spawn(options, &task) {
            Ok(mut process) => {
                let mut pipe = JoinSet::new();
                if let Some(stdin) = process.stdin.take() {
                    pipe.spawn(hand_over(stdin, plan));
                }
                if let Some(stderr) = process.stderr.take() {
                    tokio::spawn(listen(stderr, task.job.clone(), said.clone()));
                }
                tracing::info!(job = task.job, attempt = task.attempt, role = task.role, "a process begins");
                State::Running { process, told_to_finish: false, _pipe: pipe }
            }
            Err(error) => {
                keep(&said, format!("the process could not be started: {error}"));
                State::Ended(NOT_STARTED)
            }
        };
        Child { task, state, said }
    }

    /// A process that was told to end before it began.
    pub(super) fn not_begun(task: Task) -> Child {
        let said = Arc::new(Mutex::new(VecDeque::new()));
        Child { task, state: State::Ended(Exit::Interrupted as u32), said }
    }

    /// Asks it to end in order.
    pub(super) fn finish(&mut self) {
        if let State::Running { process, told_to_finish, .. } = &mut self.state
            && !std::mem::replace(told_to_finish, true)
            && let Some(pid) = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
        {
            // One that has ended meanwhile needs no telling.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        if let State::Running { process, .. } = &mut self.state {
            let _ = process.start_kill();
        }
    }

    /// How it ended, if it has.
    pub(super) fn ending(&mut self) -> Option<Ending> {
        if let State::Running { process, .. } = &mut self.state
            && let Ok(Some(status)) = process.try_wait()
        {
            use std::os::unix::process::ExitStatusExt;
            let signalled = status.signal().map(|signal| SIGNALLED + signal);
            let code = status.code().or(signalled).and_then(|code| u32::try_from(code).ok());
            self.state = State::Ended(code.unwrap_or(NOT_STARTED));
        }
        match self.state {
            State::Ended(exit_code) => Some(proto::Ending { exit_code, said: self.said() }),
            State::Running { .. } => None,
        }
    }

    fn said(&self) -> String {
        let lines = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect::<Vec<_>>().join("\n")
    }
}

fn spawn(options: &WorkerOptions, task: &Task) -> std::io::Result<Process> {
    Command::new(std::env::current_exe()?)
        .arg("task")
        .args(if is_json() { &["--log-format", "json"][..] } else { &[] })
        .args(["--role", &task.role, "--job", &task.job, "--worker", &options.name])
        .args(if options.classes.contains(&Class::Validator) { &[][..] } else { &["--leave-read-back"][..] })
        .args(["--attempt", &task.attempt.to_string(), "--slots", &task.slots.to_string()])
        .args(["--generation", &task.generation.to_string()])
        .envs(options.environment.iter().map(|(name, value)| (name, value)))
        .envs(trace::environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal is for the agent, which asks its processes to end in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Gives a process its plan, and holds the pipe open: it closes with the agent, however that ends, and the process ends too.
async fn hand_over(mut stdin: ChildStdin, plan: String) {
    let length = plan.len() as u64;
    let written = async {
        stdin.write_all(&length.to_be_bytes()).await?;
        stdin.write_all(plan.as_bytes()).await?;
        stdin.flush().await
    };
    if written.await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// Passes on what a process says, and keeps the last of it.
async fn listen(stderr: ChildStderr, job: String, said: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        pass_on(&job, &line);
        keep(&said, words(&line));
    }
}

fn keep(said: &Mutex<VecDeque<String>>, line: String) {
    let mut lines = said.lock().unwrap_or_else(PoisonError::into_inner);
    lines.push_back(line.chars().take(LINE_BYTES_MAX).collect());
    while lines.len() > LINES_MAX {
        lines.pop_front();
    }
}

/// Resolves when standard input is closed, if that is to be watched.
pub(super) async fn parent_gone(is_watched: bool) {
    if !is_watched {
        return std::future::pending().await;
    }
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while stdin.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}
