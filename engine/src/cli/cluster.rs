//! What can be said to and about a cluster.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{KeyArgs, PoolArg};
use crate::cluster::caller::{Class, Role};

/// How to reach the head.
#[derive(Clone, Debug, Args)]
pub struct HeadArgs {
    /// URLs of the heads, separated by commas; that of `sensei up` on this machine if not given
    #[arg(long, value_name = "URL", env = "SENSEI_HEAD")]
    pub head: Option<String>,
    /// Certificate of the cluster's authority, PEM
    #[arg(long, value_name = "FILE", env = "SENSEI_CA")]
    pub ca: Option<PathBuf>,
    /// Own certificate, PEM
    #[arg(long, value_name = "FILE", env = "SENSEI_CERTIFICATE", requires = "certificate_key")]
    pub certificate: Option<PathBuf>,
    /// Key of the own certificate, PEM
    #[arg(long, value_name = "FILE", env = "SENSEI_CERTIFICATE_KEY", requires = "certificate")]
    pub certificate_key: Option<PathBuf>,
    /// File with the token to show, instead of a certificate; SENSEI_TOKEN has one itself
    #[arg(long, value_name = "FILE", env = "SENSEI_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Allow plain text to a head on another machine
    #[arg(long, env = "SENSEI_INSECURE")]
    pub insecure: bool,
}

/// Arguments of `head`.
#[derive(Debug, Args)]
pub struct HeadServeArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7443")]
    pub listen: SocketAddr,
    /// URL under which clients, workers and other heads reach this one; made from --listen if not given
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
    /// Where jobs are remembered: a file, or postgresql://… for several heads of which one leads
    #[arg(long, value_name = "URL", default_value = "sensei-head.db", env = "SENSEI_STORE")]
    pub store: String,
    /// Certificate of the cluster's authority, PEM
    #[arg(long, value_name = "FILE", env = "SENSEI_CA", requires = "certificate")]
    pub ca: Option<PathBuf>,
    /// This head's certificate, PEM
    #[arg(long, value_name = "FILE", env = "SENSEI_CERTIFICATE", requires = "certificate_key")]
    pub certificate: Option<PathBuf>,
    /// Key of the certificate, PEM
    #[arg(long, value_name = "FILE", env = "SENSEI_CERTIFICATE_KEY", requires = "ca")]
    pub certificate_key: Option<PathBuf>,
    /// File with a token of role admin, made if it is not there; give out others with `sensei token add`
    #[arg(long, value_name = "FILE", env = "SENSEI_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Allow plain text on an address that is not loopback
    #[arg(long)]
    pub insecure: bool,
    /// Workers to have as many of as there is work for: kubernetes:NAMESPACE/DEPLOYMENT; kubernetes:NAMESPACE with --pool
    #[arg(long, value_name = "PLACE")]
    pub scale: Option<String>,
    /// Workers that stay even if there is nothing to do
    #[arg(long, default_value_t = 1, requires = "scale", conflicts_with = "pool")]
    pub min: u32,
    /// Workers at the most
    #[arg(long, default_value_t = 8, requires = "scale", conflicts_with = "pool")]
    pub max: u32,
    /// Workers of these classes, scaled by themselves: classes=validator,deployment=NAME,min=0,max=8,slots=2,idle=60; several
    /// times for several
    #[arg(long, value_name = "POOL", requires = "scale")]
    pub pool: Vec<PoolArg>,
    /// Slots that each of these workers has
    #[arg(long, default_value_t = 2, requires = "scale")]
    pub slots_per_worker: u32,
}

/// Arguments of `worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
    /// Name of the worker; made from the host's name if not given
    #[arg(long)]
    pub name: Option<String>,
    /// What it may do with databases
    #[arg(long, value_delimiter = ',', default_values_t = [ClassName::Scout, ClassName::Mover, ClassName::Validator])]
    pub classes: Vec<ClassName>,
    /// Threads for splits
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub slots: u32,
    /// Where it runs, for people
    #[arg(long, default_value = "")]
    pub zone: String,
    /// Let plans have commands of this machine run for secrets, `${exec:COMMAND}`: whoever may submit may run them
    #[arg(long, env = "SENSEI_ALLOW_EXEC")]
    pub allow_exec: bool,
    /// Address of this machine under which other workers reach this one when rows must meet; without certificates only loopback
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", env = "SENSEI_MESH_LISTEN")]
    pub mesh_listen: IpAddr,
    /// Leave when standard input is closed
    #[arg(long, hide = true)]
    pub parent_pipe: bool,
    /// The signing key; every worker of a cluster needs the same
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Arguments of `task`, which workers start.
#[derive(Debug, Args)]
pub struct TaskArgs {
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
    /// The job
    #[arg(long)]
    pub job: String,
    /// Which of its attempts
    #[arg(long)]
    pub attempt: u32,
    /// What to be
    #[arg(long, value_enum)]
    pub role: TaskRoleName,
    /// Threads for splits
    #[arg(long)]
    pub slots: u32,
    /// The worker
    #[arg(long)]
    pub worker: String,
    /// Leave what is written to be read back by others
    #[arg(long)]
    pub leave_read_back: bool,
    /// Of a member of a mesh: which mesh
    #[arg(long, default_value_t = 0)]
    pub generation: u64,
    /// Where a member of a mesh listens
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", env = "SENSEI_MESH_LISTEN")]
    pub mesh_listen: IpAddr,
    /// Let plans have commands run
    #[arg(long, env = "SENSEI_ALLOW_EXEC")]
    pub allow_exec: bool,
    /// The signing key
    #[command(flatten)]
    pub key: KeyArgs,
}

/// What a worker's process is to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskRoleName {
    /// Walks its stages.
    Conduct,
    /// Copies splits.
    Copy,
    /// Reads back what others wrote.
    Validate,
    /// Is a member of a mesh.
    Meet,
}

/// A class, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClassName {
    /// Reads catalogs and samples.
    Scout,
    /// Reads the source, writes the target.
    Mover,
    /// Only reads.
    Validator,
}

impl From<ClassName> for Class {
    fn from(name: ClassName) -> Class {
        match name {
            ClassName::Scout => Class::Scout,
            ClassName::Mover => Class::Mover,
            ClassName::Validator => Class::Validator,
        }
    }
}

impl std::fmt::Display for ClassName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Class::from(*self).word())
    }
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Port on this machine; 0 for any that is free
    #[arg(long, default_value_t = 7443)]
    pub port: u16,
    /// Where jobs, tokens and workers' logs are remembered
    #[arg(long, value_name = "FOLDER", default_value = "./sensei-cluster")]
    pub folder: PathBuf,
    /// Workers that stay even if there is nothing to do
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=256), conflicts_with = "pool")]
    pub min: u32,
    /// Workers at the most; one for each processor if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256), conflicts_with = "pool")]
    pub max: Option<u32>,
    /// Workers of these classes, scaled by themselves: classes=validator,min=0,max=4,slots=1,idle=60,variables=FILE; several
    /// times for several
    #[arg(long, value_name = "POOL")]
    pub pool: Vec<PoolArg>,
    /// Threads for splits of each worker
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub slots: u32,
    /// The signing key
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Jobs of a cluster.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// Hand a plan to the cluster; the same id with the same plan again is the same job
    #[command(
        after_help = "Examples:\n  sensei job submit plan.yaml --wait\n  sensei job submit plan.yaml --id shop-2026-11\n\nVariables of the plan are filled in by the worker that runs it. With --wait the exit code is that of `sensei run`."
    )]
    Submit(SubmitArgs),
    /// List jobs, the newest first
    List(HeadArgs),
    /// Show where a job stands
    Status(JobArgs),
    /// Print what happened to a job
    #[command(after_help = "Example:\n  sensei job logs shop-1 --follow")]
    Logs(LogsArgs),
    /// Hold a job, finishing what is open
    Pause(JobArgs),
    /// Go on with a job that holds
    Resume(JobArgs),
    /// Give a job up, finishing what is open
    Stop(JobArgs),
    /// Once more, after it stopped or failed; goes on where it was
    Retry(JobArgs),
}

/// Arguments of `job submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// The plan file
    pub plan: PathBuf,
    /// What to call the job; made from the plan's name if not given
    #[arg(long)]
    pub id: Option<String>,
    /// Wait until it has ended, telling what happens
    #[arg(long)]
    pub wait: bool,
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
}

/// A job.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job's id
    pub id: String,
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
}

/// Arguments of `job logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The job's id
    pub id: String,
    /// Go on until the job has ended
    #[arg(long, short)]
    pub follow: bool,
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
}

/// Certificates of a cluster.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Make a certificate authority in a new folder
    #[command(after_help = "Example:\n  sensei certs init certs")]
    Init(CertsInitArgs),
    /// Issue a certificate for a head, a worker or a client
    #[command(
        after_help = "Examples:\n  sensei certs issue certs head --name main --host sensei.example.org\n  sensei certs issue certs worker --name w1 --classes mover,scout\n  sensei certs issue certs client --name ann --role operator"
    )]
    Issue(CertsIssueArgs),
}

/// Arguments of `certs init`.
#[derive(Debug, Args)]
pub struct CertsInitArgs {
    /// Where the authority goes
    pub folder: PathBuf,
    /// Name of the cluster
    #[arg(long, default_value = "sensei")]
    pub name: String,
    /// Days it holds
    #[arg(long, default_value_t = 3650)]
    pub days: u32,
}

/// Arguments of `certs issue`.
#[derive(Debug, Args)]
pub struct CertsIssueArgs {
    /// Where the authority is, and the certificate goes
    pub folder: PathBuf,
    /// Whom it is for
    #[arg(value_enum)]
    pub kind: CertificateKind,
    /// Name of the head, worker or client
    #[arg(long)]
    pub name: String,
    /// DNS name or IP address of a head; several times for several
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// What a worker may do with databases
    #[arg(long, value_delimiter = ',')]
    pub classes: Vec<ClassName>,
    /// What a client may do
    #[arg(long, value_enum, default_value_t = RoleName::Viewer)]
    pub role: RoleName,
    /// Days it holds
    #[arg(long, default_value_t = 90)]
    pub days: u32,
    /// Replace the certificate of that name; running processes take the new one up by themselves
    #[arg(long)]
    pub renew: bool,
}

/// Whom a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CertificateKind {
    /// A head.
    Head,
    /// A worker.
    Worker,
    /// A person or a script.
    Client,
}

/// A role, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Looks.
    Viewer,
    /// Submits, pauses, resumes, stops, retries.
    Operator,
    /// Gives and takes access.
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Viewer => Role::Viewer,
            RoleName::Operator => Role::Operator,
            RoleName::Admin => Role::Admin,
        }
    }
}

/// Tokens of a cluster.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Give out a token; it is printed here and never again
    #[command(after_help = "Example:\n  (umask 077; sensei token add ci --role operator > ci-token)")]
    Add(TokenAddArgs),
    /// List the tokens that hold
    List(HeadArgs),
    /// Revoke a token
    Revoke(TokenRevokeArgs),
}

/// Arguments of `token add`.
#[derive(Debug, Args)]
pub struct TokenAddArgs {
    /// Name of whoever gets it; the audit log shows it
    pub name: String,
    /// What its bearer may do
    #[arg(long, value_enum, default_value_t = RoleName::Viewer)]
    pub role: RoleName,
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
}

/// Arguments of `token revoke`.
#[derive(Debug, Args)]
pub struct TokenRevokeArgs {
    /// Its name
    pub name: String,
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only entries after this number
    #[arg(long, default_value_t = 0)]
    pub after: u64,
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
}
