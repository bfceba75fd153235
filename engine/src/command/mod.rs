//! One module per command: from arguments to what is printed. Everything else is in the modules they call.

mod certificate;
mod check;
mod cluster;
mod key;
mod plan;
mod rejects;
mod run;
mod status;

use std::io::{ErrorKind, IsTerminal, Write};

use clap::{CommandFactory, Parser};
use sensei_storage::Error;
use serde::Serialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{CertificateCommand, Cli, Command, ExplainFormat, LogFormat, Output, RejectsCommand};
use crate::failure::{Doing, Exit, Failure, Result};
use crate::say::{say_failure, speak_json};
use crate::trace::Traces;
use crate::{interrupt, pages, runtime, type_table};
pub(crate) use key::config_folder;

/// Runs the command the process was started with.
pub fn main() -> Exit {
    runtime::end_process_on_panic();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::internal("starting", error), cli.output),
    };
    let output = cli.output;
    let entered = runtime.enter();
    let traces = match cli.traces.as_deref().map(Traces::to).transpose() {
        Ok(traces) => traces,
        Err(failure) => return fail(&failure, output),
    };
    drop(entered);
    log_to_stderr(&cli, traces.as_ref());
    let outcome = runtime.block_on(async {
        interrupt::listen(when_interrupted(&cli.command))?;
        dispatch(cli).await
    });
    if let Some(traces) = traces {
        traces.end();
    }
    // Threads that wait for a database must not hold up the end.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|failure| fail(&failure, output))
}

/// What is told to a person who asks to stop; nothing where the command says it better.
fn when_interrupted(command: &Command) -> &'static str {
    match command {
        Command::Job(_) => "",
        Command::Up(_) | Command::Head(_) => "ending in order; jobs go on when it is started again",
        Command::Worker(_) => "finishing or handing back what is open, then leaving",
        _ => "stopping at the next checkpoint",
    }
}

async fn dispatch(cli: Cli) -> Result<Exit> {
    let (output, quiet) = (cli.output, cli.quiet || cli.output == Output::Json);
    match cli.command {
        Command::Plan(args) => plan::propose(&args, output).await,
        Command::Check(args) => check::check(&args, output, quiet).await,
        Command::Explain(args) => {
            let format = if output == Output::Json { ExplainFormat::Json } else { args.format };
            plan::explain(&args.plan, format).await
        }
        Command::Run(args) => run::run(args, output, quiet).await,
        Command::Verify(args) => run::verify(args, output, quiet).await,
        Command::Repair(args) => run::repair(args, output, quiet).await,
        Command::Rejects(RejectsCommand::List(args)) => rejects::list(&args, output).await,
        Command::Rejects(RejectsCommand::Retry(args)) => rejects::retry(args, output, quiet).await,
        Command::Status(args) if args.cluster => cluster::pool(&args.head, output).await,
        Command::Status(args) => status::status(&args, output).await,
        Command::Up(args) => cluster::up(args).await,
        Command::Head(args) => cluster::head(args).await,
        Command::Worker(args) => cluster::worker(args).await,
        Command::Task(args) => cluster::task(args).await,
        Command::Job(command) => cluster::job(command, output).await,
        Command::Token(command) => cluster::token(command, output).await,
        Command::Audit(args) => cluster::audit(args, output).await,
        Command::Certs(command) => cluster::certs(command, output),
        Command::Openapi => print(&crate::head::openapi()),
        Command::Certificate(CertificateCommand::Show(args)) => certificate::show(&args.file, output),
        Command::Certificate(CertificateCommand::Verify(args)) => certificate::verify(&args, output),
        Command::Types(args) => {
            let rows = type_table::rows(args.from.map(Into::into), args.to.map(Into::into));
            let shown = if args.markdown { type_table::markdown } else { type_table::text };
            present(&TypeTable { types: &rows }, || shown(&rows), output)?;
            Ok(Exit::Done)
        }
        Command::Schema => print(&(pretty(&sensei_planner::json_schema())? + "\n")),
        Command::Error { code } => explain_errors(code.as_deref(), output),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "sensei", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    }
}

#[derive(Serialize)]
struct TypeTable<'a> {
    types: &'a [type_table::Row],
}

#[derive(Serialize)]
struct Pages {
    errors: Vec<Page>,
}

#[derive(Serialize)]
struct Page {
    code: &'static str,
    page: &'static str,
}

fn explain_errors(code: Option<&str>, output: Output) -> Result<Exit> {
    let wanted = code.map(str::to_uppercase);
    let is_wanted = |code: &&'static str| wanted.as_deref().is_none_or(|wanted| wanted == *code);
    let page = |code| Page { code, page: pages::page(code).unwrap_or_default() };
    let found = Pages { errors: pages::codes().filter(is_wanted).map(page).collect() };
    if let (true, Some(code)) = (found.errors.is_empty(), code) {
        return Err(Failure::usage(format!("there is no error code {code}"), "List them with `sensei error`."));
    }
    let text = || match code {
        Some(_) => found.errors.iter().map(|page| page.page).collect(),
        None => found.errors.iter().map(|page| format!("{}\n", pages::title(page.code))).collect(),
    };
    present(&found, text, output)?;
    Ok(Exit::Done)
}

/// Prints a result on stdout. Whoever stopped reading has what he wanted.
fn print(text: &str) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let (what, why) = ("standard output".to_owned(), error.to_string());
            Err(Error::Unavailable { what, why, source: Some(Box::new(error)) }).doing("printing the result")
        }
        _ => Ok(Exit::Done),
    }
}

fn pretty(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::internal("printing", error))
}

/// Prints a result in the form that was asked for.
fn present(value: &impl Serialize, text: impl FnOnce() -> String, output: Output) -> Result<()> {
    let text = match output {
        Output::Json => pretty(value)? + "\n",
        Output::Text => text(),
    };
    print(&text).map(|_| ())
}

/// Says on stderr what failed, why, and what to do; under JSON the same as one object on stdout.
fn fail(failure: &Failure, output: Output) -> Exit {
    match output {
        Output::Json => {
            let object: Option<serde_json::Value> = serde_json::from_str(&failure.to_json()).ok();
            if let Some(Ok(text)) = object.as_ref().map(pretty) {
                let _ = print(&(text + "\n"));
            }
        }
        Output::Text => say_failure(failure.in_full()),
    }
    failure.exit()
}

/// Lines on stderr from `--log-level` on; spans to the collector, whatever that is.
fn log_to_stderr(cli: &Cli, traces: Option<&Traces>) {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    let spans = traces.map(|traces| traces.layer().with_filter(ours));
    let registry = tracing_subscriber::registry().with(spans);
    match cli.log_format {
        LogFormat::Text => registry.with(lines.with_filter(cli.log_level)).init(),
        LogFormat::Json => {
            speak_json();
            registry.with(lines.json().with_filter(cli.log_level)).init();
        }
    }
}
