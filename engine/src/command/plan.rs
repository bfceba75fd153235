//! `plan` and `explain`.

use std::io::Write;
use std::path::Path;

use sensei_planner::{Format, explain as explained, propose as proposed};
use sensei_storage::{Error, look_at_target, open_source};
use serde::Serialize;

use crate::cli::{ExplainFormat, Output, PlanArgs};
use crate::command::{present, print};
use crate::context::{Ends, bare_endpoint};
use crate::failure::{Doing, Exit, Result};

/// Proposes a plan from what both ends hold.
pub async fn propose(args: &PlanArgs, output: Output) -> Result<Exit> {
    let lookup = |name: &str| std::env::var(name).ok();
    let (source_url, target_url) = (substitute(&args.source, &lookup)?, substitute(&args.target, &lookup)?);
    let source = open_source(&bare_endpoint(&source_url)).doing("opening the source")?;
    let target = look_at_target(&bare_endpoint(&target_url)).doing("opening the target")?;
    let source_catalog = source.catalog().await.doing("reading the source's catalog")?;
    let target_catalog = target.catalog().await.doing("reading the target's catalog")?;
    let text = proposed(&args.source, &args.target, &source_catalog, &target_catalog);
    if let Some(path) = &args.out {
        write_new(path, &text)?;
    }
    let proposed = Proposed { file: args.out.as_deref(), plan: &text };
    present(&proposed, || proposed.text(), output)?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Proposed<'a> {
    file: Option<&'a Path>,
    plan: &'a str,
}

impl Proposed<'_> {
    fn text(&self) -> String {
        match self.file {
            None => self.plan.to_owned(),
            Some(path) => {
                format!("wrote {}\nnext: sensei check {0}, then sensei run {0}\n", path.display())
            }
        }
    }
}

/// `${VAR}` in a URL on the command line means what it means in a plan.
fn substitute(url: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    sensei_planner::substitute_text(url, lookup).map_err(|problem| crate::failure::Failure::Plan(vec![problem]))
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let what = format!("plan file \"{}\"", path.display());
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::Exists { what, why: "a plan is never overwritten; name another file".to_owned() }
            }
            _ => Error::io(what, error),
        })
        .doing("writing the plan")
}

/// Prints a resolved plan.
pub async fn explain(path: &Path, format: ExplainFormat) -> Result<Exit> {
    let ends = Ends::look(path).await?;
    let plan = ends.resolve(None)?;
    let format = match format {
        ExplainFormat::Text => Format::Text,
        ExplainFormat::Mermaid => Format::Mermaid,
        ExplainFormat::Dot => Format::Dot,
        ExplainFormat::Json => Format::Json,
    };
    print(&explained(&plan, &ends.stages(&plan), format))
}
