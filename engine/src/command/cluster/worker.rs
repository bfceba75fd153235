//! `worker`, and `task`, which workers start.

use std::net::IpAddr;
use std::path::Path;

use crate::cli::{KeyArgs, TaskArgs, TaskRoleName, WorkerArgs};
use crate::cluster::connect::way;
use crate::cluster::peer;
use crate::command::key;
use crate::failure::{Exit, Result};
use crate::head::TaskRole;
use crate::plan_text::Commands;
use crate::random;
use crate::worker::{MeetOptions, TaskOptions, WorkerOptions, carry_out, check_host, work};

/// Characters of a host's name that go into a worker's.
const HOST_CHARS_MAX: usize = 40;

pub async fn worker(args: WorkerArgs) -> Result<Exit> {
    // Made or found now, so that it is not the first job that fails for want of one.
    key::load(&args.key)?;
    let certificate = args.head.certificate.clone();
    let way = way(&args.head)?;
    let network = network(args.mesh_listen, way.identity.is_some())?;
    let mut environment = way.environment;
    environment.push(("SENSEI_MESH_LISTEN".to_owned(), args.mesh_listen.to_string()));
    if let Some(file) = &args.key.signing_key {
        environment.push(("SENSEI_SIGNING_KEY_FILE".to_owned(), file.display().to_string()));
    }
    if args.allow_exec {
        environment.push(("SENSEI_ALLOW_EXEC".to_owned(), "true".to_owned()));
    }
    let options = WorkerOptions {
        name: args.name.map_or_else(|| name(certificate.as_deref()), Ok)?,
        instance: hex::encode(random::key()?),
        classes: args.classes.into_iter().map(Into::into).collect(),
        zone: args.zone,
        slots: args.slots,
        network,
        environment,
        parent_pipe: args.parent_pipe,
    };
    work(options, way.heads).await
}

/// Whom processes of a worker can connect to when rows must meet. Loopback is one of a network namespace of a running machine;
/// what else is reached from where nobody knows but whoever set the address.
fn network(host: IpAddr, has_certificate: bool) -> Result<String> {
    check_host(host, has_certificate)?;
    let security = if has_certificate { "tls" } else { "plain" };
    if !host.to_canonical().is_loopback() {
        return Ok(format!("{security} by address"));
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/net").unwrap_or_default();
    let is_known = !boot.is_empty() && !namespace.as_os_str().is_empty();
    // A worker that cannot tell meets nobody.
    Ok(if is_known { format!("{security} {} {}", boot.trim(), namespace.display()) } else { String::new() })
}

/// The name in the certificate or the host's, and something that tells this process from others there, also from earlier ones.
fn name(certificate: Option<&Path>) -> Result<String> {
    if let Some(certificate) = certificate {
        return Ok(format!("{}-{}", peer::name_in(certificate)?, super::head::holder()?));
    }
    let host = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    let is_fit = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let host: String = host.trim().chars().filter(is_fit).take(HOST_CHARS_MAX).collect();
    Ok(format!("worker-{host}-{}", super::head::holder()?).replace("--", "-"))
}

pub async fn task(args: TaskArgs) -> Result<Exit> {
    let way = way(&args.head)?;
    let options = TaskOptions {
        job: args.job,
        attempt: args.attempt,
        role: match args.role {
            TaskRoleName::Conduct => TaskRole::Conduct,
            TaskRoleName::Copy => TaskRole::Copy,
            TaskRoleName::Validate => TaskRole::Validate,
            TaskRoleName::Meet => TaskRole::Meet { generation: args.generation },
        },
        reads_back: !args.leave_read_back,
        meets: MeetOptions { generation: args.generation, host: args.mesh_listen, identity: way.identity },
        slots: args.slots,
        worker: args.worker,
        commands: if args.allow_exec { Commands::Allowed } else { Commands::Refused },
    };
    let key_args: KeyArgs = args.key;
    carry_out(options, way.heads, || key::load(&key_args)).await
}
