//! `up`: a head and its workers on this machine, in one terminal.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::head::{admin_token, holder};
use crate::cli::UpArgs;
use crate::cluster::connect::LocalCluster;
use crate::command::key;
use crate::failure::{Exit, Failure, Result};
use crate::head::scale::{Local, LocalSettings, Settings};
use crate::head::{Head, HeadOptions, autoscale, serve};
use crate::interrupt;
use crate::say::say;
use crate::state::lock_file;

/// How long a worker may take to end in order before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// Who may enter the cluster's folder.
const FOLDER_MODE: u32 = 0o700;

pub async fn up(args: UpArgs) -> Result<Exit> {
    key::load(&args.key)?;
    let max = args.max.unwrap_or_else(processors).max(args.min);
    make(&args.folder)?;
    let folder = args.folder.canonicalize().map_err(|error| unusable(&args.folder, &error))?;
    let _alone = lock(&folder)?;
    let token_file = folder.join("admin-token");
    let admin = admin_token(&token_file)?;
    let options = HeadOptions {
        listen: ([127, 0, 0, 1], args.port).into(),
        address: format!("http://127.0.0.1:{}", args.port),
        store: folder.join("head.db").display().to_string(),
        tls: None,
        insecure: false,
        admin: Some(admin.hash()),
        holder: holder()?,
    };
    let (started, mut starts) = mpsc::channel(1);
    let (left, all_left) = oneshot::channel::<()>();
    let stop = async { drop(all_left.await) };
    let serving = serve(options, stop, move |head, port| drop(started.try_send((head, port))));
    let workers = async {
        let Some((head, port)) = starts.recv().await else { return Ok(()) };
        let url = format!("http://{port}");
        let _announced = LocalCluster { head: url.clone(), token_file: token_file.clone() }.announce()?;
        say(format_args!("the cluster is up at {url}, with {} to {max} workers; Ctrl-C ends it", args.min));
        say(format_args!("in another terminal: sensei job submit plan.yaml --wait"));
        let settings =
            Settings { workers_min: args.min, workers_max: max, slots_per_worker: args.slots, ..Settings::default() };
        let ended = run_workers(&args, head, &url, &token_file, &folder, settings).await;
        // Not before: they tell the head what becomes of what is open.
        drop(left);
        ended
    };
    tokio::try_join!(serving, workers).map(|((), ())| Exit::Done)
}

/// Has as many workers as there is work for, until they are asked to leave.
async fn run_workers(
    args: &UpArgs,
    head: Head,
    url: &str,
    token_file: &Path,
    folder: &Path,
    settings: Settings,
) -> Result<()> {
    let logs = folder.join("logs");
    make(&logs)?;
    let prefix = format!("local-{}", holder()?);
    let failed = |error: crate::head::scale::ProviderError| Failure::usage(error.to_string(), error.hint);
    let mut local = LocalSettings::this_binary(url, &prefix, logs, GRACE).map_err(failed)?;
    local.arguments.extend(["--slots".to_owned(), args.slots.to_string()]);
    local.arguments.extend(["--token-file".to_owned(), token_file.display().to_string()]);
    if let Some(file) = &args.key.signing_key {
        local.arguments.extend(["--signing-key".to_owned(), file.display().to_string()]);
    }
    let local = Local::new(local);
    tokio::select! {
        () = autoscale(head, &local, settings) => {}
        () = interrupt::requested() => {}
    }
    local.shutdown().await;
    Ok(())
}

/// Held until the process ends: two clusters in one folder would be one store with two heads, and workers of both.
fn lock(folder: &Path) -> Result<File> {
    lock_file(&folder.join("lock")).map_err(|error| unusable(folder, &error))?.ok_or_else(|| {
        Failure::usage(
            format!("a cluster is up in folder \"{}\" already", folder.display()),
            "Use it, or name another folder with --folder.",
        )
    })
}

fn make(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(|error| unusable(folder, &error))
}

fn unusable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("folder \"{}\" cannot be used: {error}", folder.display()), "Name another with --folder.")
}

fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}
