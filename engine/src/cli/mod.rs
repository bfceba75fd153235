//! The command line: what can be said, with examples.

mod cluster;
mod pool;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sensei_storage::System;
use tracing::level_filters::LevelFilter;

pub use cluster::{
    AuditArgs, CertificateKind, CertsCommand, CertsIssueArgs, HeadArgs, HeadServeArgs, JobArgs, JobCommand, LogsArgs,
    SubmitArgs, TaskArgs, TaskRoleName, TokenCommand, UpArgs, WorkerArgs,
};

pub use pool::PoolArg;

use crate::limits::{SAMPLE_ROWS_DEFAULT, SAMPLE_ROWS_MAX};
use crate::trace::VARIABLE;

/// Moves data between databases and proves that it arrived.
#[derive(Debug, Parser)]
#[command(name = "sensei", version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// How results are printed on stdout
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// How log lines are printed on stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Least severity that is logged: off, error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", env = "SENSEI_LOG")]
    pub log_level: LevelFilter,
    /// Send traces of what is done to an OpenTelemetry collector on this machine (OTLP over gRPC)
    #[arg(long, global = true, value_name = "URL", env = VARIABLE)]
    pub traces: Option<String>,
    /// Show no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done and equivalent          4  too many rejected rows, or the target refused rows
  1  internal error               5  source, target or state unavailable
  2  plan or usage wrong          6  interrupted, resumable
  3  source and target differ     7  inconclusive, or a person must look

Start with:
  sensei plan sqlite:shop.db postgresql://me@localhost/shop -o plan.yaml
  sensei check plan.yaml
  sensei run plan.yaml";

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object, for scripts.
    Json,
}

/// How log lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect to both ends and propose a plan
    #[command(
        after_help = "Example:\n  sensei plan sqlite:shop.db 'postgresql://me:${PGPASSWORD}@db/shop' -o plan.yaml"
    )]
    Plan(PlanArgs),
    /// Assess a plan against both ends, reading a sample of every table; writes nothing
    #[command(
        after_help = "Examples:\n  sensei check plan.yaml\n  sensei check plan.yaml --exact --html report.html\n  sensei check plan.yaml --output json\n\nExits with 0 if the plan can be run, remarks or not, and with 2 if something stands in the way."
    )]
    Check(CheckArgs),
    /// Print the resolved plan and its stages
    #[command(
        after_help = "Examples:\n  sensei explain plan.yaml\n  sensei explain plan.yaml --format dot | dot -Tsvg > plan.svg"
    )]
    Explain(ExplainArgs),
    /// Copy and verify; goes on where an interrupted run stopped
    #[command(after_help = "Examples:\n  sensei run plan.yaml\n  sensei run plan.yaml --fresh --output json")]
    Run(RunArgs),
    /// Compare source and target as they stand; copies nothing
    #[command(after_help = "Example:\n  sensei verify plan.yaml --report differences.jsonl")]
    Verify(VerifyArgs),
    /// Put right what differs, then compare again
    #[command(after_help = "Example:\n  sensei repair plan.yaml")]
    Repair(RepairArgs),
    /// See the rows that a job left behind, or try them again
    #[command(subcommand, after_help = "Examples:\n  sensei rejects list plan.yaml\n  sensei rejects retry plan.yaml")]
    Rejects(RejectsCommand),
    /// Show where a job stands, from its journal, or who works in a cluster
    #[command(
        after_help = "Examples:\n  sensei status plan.yaml\n  sensei status shop-1 --state ./sensei-state\n  sensei status\n  sensei status --cluster"
    )]
    Status(StatusArgs),
    /// Run a cluster on this machine: a head, and as many workers as there is work for
    #[command(
        after_help = "Examples:\n  sensei up\n  sensei up --min 1 --max 8 &\n  sensei up --pool classes=scout,mover,max=4 --pool classes=validator,max=2\n  sensei job submit examples/quickstart/plan.yaml --wait"
    )]
    Up(UpArgs),
    /// Run the head of a cluster: it takes jobs and gives them to workers
    #[command(
        after_help = "Examples:\n  sensei head --admin-token-file token\n  sensei head --listen 0.0.0.0:7443 --address https://sensei.example.org:7443 \\\n    --ca certs/ca.pem --certificate certs/head-main.pem --certificate-key certs/head-main-key.pem \\\n    --store postgresql://sensei@db/sensei"
    )]
    Head(HeadServeArgs),
    /// Run a worker of a cluster: it does what the head says
    #[command(
        after_help = "Example:\n  sensei worker --head https://sensei.example.org:7443 --ca ca.pem --certificate worker-w1.pem \\\n    --certificate-key worker-w1-key.pem --slots 4 --signing-key signing-key.pem\n\nSIGTERM lets it finish what is under way, then it leaves."
    )]
    Worker(WorkerArgs),
    /// Carry out one part of a job, for a worker
    #[command(hide = true)]
    Task(TaskArgs),
    /// Hand jobs to a cluster, watch them, hold them, end them
    #[command(subcommand)]
    Job(JobCommand),
    /// Give out tokens for a cluster, and revoke them
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print who changed what in a cluster
    #[command(after_help = "Example:\n  sensei audit --output json > audit.json")]
    Audit(AuditArgs),
    /// Make certificates for a cluster
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Print the OpenAPI document of the head's REST interface
    Openapi,
    /// Read or check evidence, offline
    #[command(
        subcommand,
        after_help = "Example:\n  sensei certificate verify certificate.json --public-key signing-key.pub.pem"
    )]
    Certificate(CertificateCommand),
    /// Print what becomes of every type, from each source to each target
    #[command(after_help = "Examples:\n  sensei types --from postgresql --to sqlite\n  sensei types --output json")]
    Types(TypesArgs),
    /// Print the JSON Schema of the plan file, for editors
    #[command(after_help = "Example:\n  sensei schema > plan.schema.json")]
    Schema,
    /// Explain an error code
    #[command(after_help = "Example:\n  sensei error S101")]
    Error {
        /// The code, such as S101; none lists all
        code: Option<String>,
    },
    /// Print a shell completion script
    #[command(after_help = "Example:\n  sensei completions bash > ~/.local/share/bash-completion/completions/sensei")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Arguments of `types`.
#[derive(Debug, Args)]
pub struct TypesArgs {
    /// Only types of this system
    #[arg(long, value_enum)]
    pub from: Option<SystemName>,
    /// Only what becomes of them in this system
    #[arg(long, value_enum)]
    pub to: Option<SystemName>,
    /// As a table in Markdown
    #[arg(long)]
    pub markdown: bool,
}

/// A kind of system, as URLs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SystemName {
    /// PostgreSQL.
    Postgresql,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
    /// Parquet files.
    Parquet,
}

impl From<SystemName> for System {
    fn from(name: SystemName) -> System {
        match name {
            SystemName::Postgresql => System::Postgresql,
            SystemName::Mysql => System::Mysql,
            SystemName::Sqlite => System::Sqlite,
            SystemName::Parquet => System::Parquet,
        }
    }
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The plan file
    pub plan: PathBuf,
    /// Read every row instead of a sample; takes as long as reading the source does
    #[arg(long, conflicts_with = "sample")]
    pub exact: bool,
    /// Rows to read of each table, from places all over it
    #[arg(long, value_name = "ROWS", default_value_t = SAMPLE_ROWS_DEFAULT, value_parser = clap::value_parser!(u64).range(1..=SAMPLE_ROWS_MAX))]
    pub sample: u64,
    /// New file for the report as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// URL of the source: sqlite:, postgresql:, mysql:, csv: or parquet:
    pub source: String,
    /// URL of the target: sqlite:, postgresql:, mysql: or parquet:
    pub target: String,
    /// Write here instead of stdout; a file that exists is not overwritten
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The plan file
    pub plan: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For people.
    Text,
    /// A Mermaid flowchart of the stages.
    Mermaid,
    /// A Graphviz graph of the stages.
    Dot,
    /// Everything, for scripts.
    Json,
}

/// The signing key.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// Ed25519 key that signs journal and certificate, PKCS#8 PEM; made once in the user's configuration folder if not given
    #[arg(long, value_name = "FILE", env = "SENSEI_SIGNING_KEY_FILE")]
    pub signing_key: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The plan file
    pub plan: PathBuf,
    /// Start a new job although there is one for this plan
    #[arg(long)]
    pub fresh: bool,
    /// The signing key
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The plan file
    pub plan: PathBuf,
    /// New file for every differing row, as JSON Lines
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Arguments of `repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// The plan file
    pub plan: PathBuf,
    /// The signing key
    #[command(flatten)]
    pub key: KeyArgs,
}

/// What to do with rejected rows.
#[derive(Debug, Subcommand)]
pub enum RejectsCommand {
    /// Sum up tables and reasons; shows no values but keys
    #[command(
        after_help = "Examples:\n  sensei rejects list plan.yaml\n  sensei rejects list plan.yaml --rows --output json"
    )]
    List(RejectsListArgs),
    /// Copy and verify once more what was rejected, found in the source by its keys; the certificate is the retry's own
    #[command(
        after_help = "Example:\n  sensei rejects retry plan.yaml && sensei verify plan.yaml\n\nExit code 4 if rows are rejected again."
    )]
    Retry(RejectsRetryArgs),
}

/// Arguments of `rejects list`.
#[derive(Debug, Args)]
pub struct RejectsListArgs {
    /// The plan file
    pub plan: PathBuf,
    /// Show the rows too, with their values
    #[arg(long)]
    pub rows: bool,
}

/// Arguments of `rejects retry`.
#[derive(Debug, Args)]
pub struct RejectsRetryArgs {
    /// The plan file
    pub plan: PathBuf,
    /// The signing key
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// A plan file, or the name of a job; none lists all jobs
    pub plan_or_job: Option<String>,
    /// State folder or bucket, where no plan file names it
    #[arg(long, default_value = "./sensei-state")]
    pub state: String,
    /// Show the workers of a cluster and what waits for them
    #[arg(long, conflicts_with_all = ["plan_or_job", "state"])]
    pub cluster: bool,
    /// How to reach the head
    #[command(flatten)]
    pub head: HeadArgs,
}

/// What to do with a certificate.
#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Print what a certificate claims
    #[command(after_help = "Example:\n  sensei certificate show sensei-state/jobs/shop-1/certificate.json")]
    Show(CertificateFile),
    /// Check that nothing in it was changed and nothing in it contradicts itself
    #[command(after_help = "Example:\n  sensei certificate verify certificate.json --public-key signing-key.pub.pem")]
    Verify(CertificateVerify),
}

/// A certificate file.
#[derive(Debug, Args)]
pub struct CertificateFile {
    /// The certificate
    pub file: PathBuf,
}

/// Arguments of `certificate verify`.
#[derive(Debug, Args)]
pub struct CertificateVerify {
    /// The certificate
    pub file: PathBuf,
    /// Public key of the signer, PEM; without it the check shows that the file is whole, not who made it
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
}
