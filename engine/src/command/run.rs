//! `run`, `verify`, `repair`.

use tracing::Instrument;

use crate::cli::{Output, RepairArgs, RunArgs, VerifyArgs};
use crate::command::{key, present};
use crate::failure::{Exit, Result};
use crate::job::{self, RunOptions};
use crate::report::JobReport;
use crate::verify::{self as comparison, VerifyOptions};

pub async fn run(args: RunArgs, output: Output, quiet: bool) -> Result<Exit> {
    let key = key::load(&args.key)?;
    let options = RunOptions { plan: args.plan, fresh: args.fresh, quiet };
    let span = tracing::error_span!("run", plan = %options.plan.display());
    conclude(&job::run(&options, key).instrument(span).await?, output)
}

pub async fn verify(args: VerifyArgs, output: Output, quiet: bool) -> Result<Exit> {
    let options = VerifyOptions { plan: args.plan, report: args.report, quiet };
    conclude(&comparison::verify(&options).await?, output)
}

pub async fn repair(args: RepairArgs, output: Output, quiet: bool) -> Result<Exit> {
    let key = key::load(&args.key)?;
    let options = VerifyOptions { plan: args.plan, report: None, quiet };
    conclude(&comparison::repair(&options, &key).await?, output)
}

fn conclude(report: &JobReport, output: Output) -> Result<Exit> {
    present(report, || report.text(), output)?;
    Ok(report.exit())
}
