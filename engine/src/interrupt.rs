//! Ctrl-C and SIGTERM: the first asks for an end in order, the second ends the process at once, which is safe too.

use std::process;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Exit, Failure, Result};

static STOP: std::sync::OnceLock<watch::Receiver<bool>> = std::sync::OnceLock::new();

/// Begins to listen; the first request is answered with `said`. Call once, inside the runtime.
///
/// # Errors
/// If the signals cannot be caught.
pub fn listen(said: &'static str) -> Result<()> {
    let fail = |error| Failure::internal("listening for signals", error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fail)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(fail)?;
    let (stop, stopped) = watch::channel(false);
    let _ = STOP.set(stopped);
    tokio::spawn(async move {
        loop {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if stop.send_replace(true) {
                process::exit(Exit::Interrupted as i32);
            }
            if !said.is_empty() {
                tracing::warn!("{said}; once more ends at once, which is safe too");
            }
        }
    });
    Ok(())
}

/// Resolves when a person has asked to stop.
pub async fn requested() {
    match STOP.get() {
        Some(stopped) => {
            let mut stopped = stopped.clone();
            // An error means nobody can ask any more.
            if stopped.wait_for(|stop| *stop).await.is_ok() {
                return;
            }
            std::future::pending().await
        }
        None => std::future::pending().await,
    }
}

/// Does `work` unless a person asks to stop meanwhile. It must be such that it may be left in its middle: stages of a job are
/// walked again.
///
/// # Errors
/// `Interrupted` if a person asked to stop.
pub async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = requested() => Err(Failure::Interrupted),
        outcome = work => outcome,
    }
}
