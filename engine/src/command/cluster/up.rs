//! `up`: a head and its workers on this machine, in one terminal.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::head::{admin_token, holder};
use super::pools::{self, Pool};
use super::variables;
use crate::cli::UpArgs;
use crate::cluster::caller::words;
use crate::cluster::connect::LocalCluster;
use crate::command::key;
use crate::failure::{Exit, Failure, Result};
use crate::head::classes::conducts;
use crate::head::scale::{CHILDREN_MAX, Local, LocalSettings, ProviderError, Settings};
use crate::head::{Head, HeadOptions, ScaledPool, autoscale, serve};
use crate::interrupt;
use crate::say::say;
use crate::state::lock_file;

/// How long a worker may take to end in order before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// Who may enter the cluster's folder.
const FOLDER_MODE: u32 = 0o700;

pub async fn up(args: UpArgs) -> Result<Exit> {
    key::load(&args.key)?;
    let pools = pools(&args)?;
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
        // Not announced before it can be asked.
        tokio::select! {
            () = head.until_it_leads() => {}
            () = interrupt::requested() => {
                drop(left);
                return Ok(());
            }
        }
        let url = format!("http://{port}");
        let _announced = LocalCluster { head: url.clone(), token_file: token_file.clone() }.announce()?;
        say(format_args!("the cluster is up at {url}, with {}; Ctrl-C ends it", said(&pools)));
        say(format_args!("in another terminal: sensei job submit plan.yaml --wait"));
        let ended = run_workers(&args, head, &url, &token_file, &folder, &pools).await;
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
    pools: &[Pool],
) -> Result<()> {
    let logs = folder.join("logs");
    make(&logs)?;
    let holder = holder()?;
    let mut locals = Vec::new();
    for pool in pools {
        let prefix = format!("local-{holder}-{}", words(&pool.classes).join("-"));
        let mut local = LocalSettings::this_binary(url, &prefix, logs.clone(), GRACE).map_err(unstartable)?;
        if let Some(file) = &pool.variables {
            local.variables = variables::read(file)?;
        }
        let mut argument = |name: &str, value: String| local.arguments.extend([name.to_owned(), value]);
        argument("--classes", pool.name());
        argument("--slots", pool.settings.slots_per_worker.to_string());
        argument("--token-file", token_file.display().to_string());
        if let Some(file) = &args.key.signing_key {
            argument("--signing-key", file.display().to_string());
        }
        locals.push(Arc::new(Local::new(local)));
    }
    let scaled = |(pool, local): (&Pool, &Arc<Local>)| ScaledPool {
        classes: pool.classes.clone(),
        settings: pool.settings.clone(),
        provider: local.clone(),
    };
    tokio::select! {
        () = autoscale(head, pools.iter().zip(&locals).map(scaled).collect()) => {}
        () = interrupt::requested() => {}
    }
    join_all(locals.iter().map(|local| local.shutdown())).await;
    Ok(())
}

/// The pools that are asked for.
fn pools(args: &UpArgs) -> Result<Vec<Pool>> {
    let workers_max = args.max.unwrap_or_else(processors).max(args.min);
    let default = Settings { workers_min: args.min, workers_max, slots_per_worker: args.slots, ..Settings::default() };
    let pools = pools::wanted(&args.pool, default)?;
    if let Some(pool) = pools.iter().find(|pool| pool.deployment.is_some()) {
        let what = format!("pool {} has deployment=, and `sensei up` starts processes", pool.name());
        return Err(Failure::usage(what, "Leave it out, or scale a Deployment with `sensei head --scale`."));
    }
    if !pools.iter().any(|pool| conducts(&pool.classes)) {
        return Err(Failure::usage(
            "no pool is both scout and mover, so that no job could begin",
            "Add one with --pool classes=scout,mover.",
        ));
    }
    let most: u32 = pools.iter().map(|pool| pool.settings.workers_max).sum();
    if most as usize > CHILDREN_MAX {
        let hint = format!("Lower max= of a pool: at most {CHILDREN_MAX} workers run on one machine.");
        return Err(Failure::usage(format!("the pools may have {most} workers together"), hint));
    }
    Ok(pools)
}

/// How many workers there may be, for people.
fn said(pools: &[Pool]) -> String {
    let one = |pool: &Pool| {
        let Settings { workers_min, workers_max, .. } = pool.settings;
        let of = if pools.len() > 1 { format!(" of {}", pool.name()) } else { String::new() };
        format!("{workers_min} to {workers_max} workers{of}")
    };
    pools.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn unstartable(error: ProviderError) -> Failure {
    Failure::usage(error.to_string(), error.hint)
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
