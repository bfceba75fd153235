//! `job`.

use futures::StreamExt;
use tonic::Status;

use super::show::{job_text, jobs_text, shown};
use crate::cli::{HeadArgs, JobArgs, JobCommand, LogsArgs, Output, SubmitArgs};
use crate::clock;
use crate::cluster::channel::HeadChannel;
use crate::cluster::connect::{self, way};
use crate::cluster::heads::Heads;
use crate::command::{present, print};
use crate::failure::{Exit, Failure, Result};
use crate::head::PLAN_BYTES_MAX;
use crate::interrupt;
use crate::proto;
use crate::proto::jobs_client::JobsClient;
use crate::say::say;

/// Pause before events are asked for again, after the head was lost.
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
/// How long a head may be away before waiting for a job ends.
const AWAY_MAX: std::time::Duration = std::time::Duration::from_secs(60);

pub async fn job(command: JobCommand, output: Output) -> Result<Exit> {
    // Whoever waits for a job is told how to look at it before that ends.
    let says_how_to_go_on = matches!(&command, JobCommand::Submit(args) if args.wait);
    tokio::select! {
        answered = answer(command, output) => answered,
        () = interrupt::requested(), if !says_how_to_go_on => Ok(Exit::Interrupted),
    }
}

async fn answer(command: JobCommand, output: Output) -> Result<Exit> {
    match command {
        JobCommand::Submit(args) => submit(args, output).await,
        JobCommand::List(args) => list(&args, output).await,
        JobCommand::Status(args) => {
            let asked = ask(&way(&args.head)?.heads, async |mut client| client.get(id(&args)).await).await?;
            tell(&asked, output)
        }
        JobCommand::Logs(args) => logs(args, output).await,
        JobCommand::Pause(args) => order(&args, output, async |mut client| client.pause(id(&args)).await).await,
        JobCommand::Resume(args) => order(&args, output, async |mut client| client.resume(id(&args)).await).await,
        JobCommand::Stop(args) => order(&args, output, async |mut client| client.stop(id(&args)).await).await,
        JobCommand::Retry(args) => order(&args, output, async |mut client| client.retry(id(&args)).await).await,
    }
}

type Client = JobsClient<HeadChannel>;
type Answer<T> = std::result::Result<tonic::Response<T>, Status>;

async fn ask<T, F: Future<Output = Answer<T>>>(heads: &Heads, f: impl Fn(Client) -> F) -> Result<T> {
    heads.call(|channel| f(client(channel))).await.map(tonic::Response::into_inner).map_err(refused)
}

fn client(channel: HeadChannel) -> Client {
    JobsClient::new(channel).max_decoding_message_size(crate::head::MESSAGE_BYTES_MAX)
}

/// What the head says, as this program says it.
pub(super) fn refused(status: Status) -> Failure {
    use tonic::Code;
    let hint = match status.code() {
        Code::Unavailable | Code::DeadlineExceeded => {
            "Check that a head runs there, and that its certificate and --ca belong together; `sensei up` starts one here."
        }
        Code::FailedPrecondition => "A head that was just started leads within some 8 s: ask again then.",
        Code::NotFound => "See what there is with `sensei job list`, or `sensei token list`.",
        Code::AlreadyExists => "See what is there with `sensei job status`, or `sensei token list`.",
        Code::Unauthenticated => "Give a token with --token-file, or a certificate.",
        Code::PermissionDenied => "Ask an administrator for a token of that role.",
        _ => "Mend what the head says and ask again.",
    };
    let what = format!("the head says: {}", status.message());
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::FailedPrecondition => Failure::unreachable(what, hint),
        _ => Failure::usage(what, hint),
    }
}

fn id(args: &JobArgs) -> proto::JobId {
    proto::JobId { id: args.id.clone() }
}

async fn order<F: Future<Output = Answer<proto::Job>>>(
    args: &JobArgs,
    output: Output,
    f: impl Fn(Client) -> F,
) -> Result<Exit> {
    let job = ask(&way(&args.head)?.heads, f).await?;
    tell(&job, output)
}

fn tell(job: &proto::Job, output: Output) -> Result<Exit> {
    present(&shown(job), || job_text(job), output)?;
    Ok(Exit::Done)
}

async fn list(args: &HeadArgs, output: Output) -> Result<Exit> {
    let list = ask(&way(args)?.heads, async |mut client| client.list(proto::ListRequest {}).await).await?;
    let jobs: Vec<_> = list.jobs.iter().map(shown).collect();
    present(&serde_json::json!({ "jobs": jobs }), || jobs_text(&list.jobs), output)?;
    Ok(Exit::Done)
}

async fn submit(args: SubmitArgs, output: Output) -> Result<Exit> {
    if args.head.head.is_none() {
        // `sensei up` may have been started just before.
        connect::await_local().await;
    }
    let heads = way(&args.head)?.heads;
    let plan = read_plan(&args.plan)?;
    let request = proto::SubmitRequest { plan, id: args.id.unwrap_or_default() };
    let submitted = heads.call(|channel| {
        let request = request.clone();
        async move { client(channel).submit(request).await }
    });
    let job = submitted.await.map_err(not_taken)?.into_inner();
    if job.ended_at_ms > 0 {
        return conclude_again(&job, args.wait, output);
    }
    if !args.wait {
        return tell(&job, output);
    }
    if output == Output::Text {
        say(format_args!("job {} was submitted; Ctrl-C ends the waiting, not the job", job.id));
    }
    let follow = async {
        follow(&heads, &job.id, |event| {
            if output == Output::Text {
                say(format_args!("{} {}", clock::text_of(event.at_ms), event.text));
            }
            Ok(())
        })
        .await
    };
    tokio::select! {
        followed = follow => followed?,
        () = interrupt::requested() => {
            let id = &job.id;
            say(format_args!("the waiting has ended, job {id} goes on: look at it with `sensei job status {id}`, wait on with"));
            say(format_args!("`sensei job logs {id} --follow`, end it with `sensei job stop {id}`"));
            return Ok(Exit::Interrupted);
        }
    }
    conclude(&ask(&heads, async |mut client| client.get(proto::JobId { id: job.id.clone() }).await).await?, output)
}

/// Says that a job which was submitted had ended before, so that nothing came of that.
fn conclude_again(job: &proto::Job, waits: bool, output: Output) -> Result<Exit> {
    let (id, state, ended) = (&job.id, &job.state, clock::text_of(job.ended_at_ms));
    let again =
        if state == "done" { "give another --id to copy once more" } else { "`sensei job retry` goes on with it" };
    say(format_args!("nothing new was done: job {id} of this plan has been {state} since {ended}; {again}"));
    if waits { conclude(job, output) } else { tell(job, output) }
}

/// Why a job was not taken on.
fn not_taken(status: Status) -> Failure {
    match status.code() {
        tonic::Code::AlreadyExists => Failure::usage(
            format!("the head says: {}", status.message()),
            "`sensei job status` shows it. Give another plan an --id of its own; where a job is at work on the same name and state, wait for its end or stop it.",
        ),
        _ => refused(status),
    }
}

/// Says how a job ended, as `sensei run` would have.
fn conclude(job: &proto::Job, output: Output) -> Result<Exit> {
    let report: Option<serde_json::Value> = serde_json::from_str(&job.report_json).ok();
    match (output, &report) {
        (Output::Json, Some(report)) => present(report, String::new, output)?,
        _ => present(&shown(job), || job_text(job), output)?,
    }
    Ok(Exit::of(job.exit_code))
}

fn read_plan(path: &std::path::Path) -> Result<String> {
    let what = format!("plan file \"{}\"", path.display());
    let size = std::fs::metadata(path).map_err(|error| unreadable(&what, &error))?.len();
    if size > PLAN_BYTES_MAX as u64 {
        return Err(Failure::usage(format!("{what} is larger than {PLAN_BYTES_MAX} bytes"), "Name a plan file."));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(&what, &error))
}

fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{what} cannot be read: {error}"), "Name a plan file.")
}

async fn logs(args: LogsArgs, output: Output) -> Result<Exit> {
    let heads = way(&args.head)?.heads;
    let line = |event: &proto::JobEvent| match output {
        Output::Json => {
            let (number, at_ms) = (event.number, event.at_ms);
            format!(
                "{}\n",
                serde_json::json!({ "number": number, "at_ms": at_ms, "kind": event.kind, "text": event.text })
            )
        }
        Output::Text => format!("{} {}\n", clock::text_of(event.at_ms), event.text),
    };
    if args.follow {
        follow(&heads, &args.id, |event| print(&line(event)).map(drop)).await?;
        return Ok(Exit::Done);
    }
    let request = proto::LogsRequest { id: args.id.clone(), after: 0, follow: false };
    let mut events = ask(&heads, async |mut client| client.logs(request.clone()).await).await?;
    while let Some(event) = events.next().await {
        print(&line(&event.map_err(refused)?))?;
    }
    Ok(Exit::Done)
}

/// Calls `each` for every event of a job until it has ended, also across heads that come and go.
async fn follow(heads: &Heads, id: &str, each: impl Fn(&proto::JobEvent) -> Result<()>) -> Result<()> {
    let (mut after, mut away) = (0, clock::Stopwatch::start());
    loop {
        let request = proto::LogsRequest { id: id.to_owned(), after, follow: true };
        let asked = heads.call(|channel| {
            let request = request.clone();
            async move { JobsClient::new(channel).logs(request).await }
        });
        let status = match asked.await {
            Ok(events) => {
                let mut events = events.into_inner();
                loop {
                    match events.next().await {
                        Some(Ok(event)) => {
                            away = clock::Stopwatch::start();
                            after = event.number;
                            each(&event)?;
                        }
                        Some(Err(status)) => break status,
                        None => return Ok(()),
                    }
                }
            }
            Err(status) => status,
        };
        let is_away = matches!(
            status.code(),
            tonic::Code::Unavailable | tonic::Code::FailedPrecondition | tonic::Code::Unknown | tonic::Code::Internal
        );
        if !is_away || away.elapsed() > AWAY_MAX {
            return Err(refused(status));
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
