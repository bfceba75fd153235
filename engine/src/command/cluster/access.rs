//! `token` and `audit`.

use std::fmt::Write;

use sensei_storage::Error;
use serde_json::json;
use tonic::{Response, Status};

use super::job::refused;
use crate::cli::{AuditArgs, HeadArgs, Output, TokenCommand};
use crate::clock;
use crate::cluster::caller::Role;
use crate::cluster::channel::HeadChannel;
use crate::cluster::connect::way;
use crate::command::present;
use crate::failure::{Doing, Exit, Result};
use crate::head::record::AuditRecord;
use crate::head::store::hash_of;
use crate::proto;
use crate::proto::access_client::AccessClient;
use crate::say::say;

/// Entries of the audit log asked for at once.
const ENTRIES_AT_ONCE: u32 = 1_000;

pub async fn token(command: TokenCommand, output: Output) -> Result<Exit> {
    match command {
        TokenCommand::Add(args) => {
            let (name, role) = (args.name, Role::from(args.role).word().to_owned());
            let request = proto::AddTokenRequest { name: name.clone(), role };
            let reply = ask(&args.head, async |mut client| client.add_token(request.clone()).await).await?;
            let object = json!({ "name": name, "token": reply.token });
            present(&object, || format!("{}\n", reply.token), output)?;
        }
        TokenCommand::List(args) => {
            let list = ask(&args, async |mut client| client.list_tokens(proto::Empty {}).await).await?;
            present(
                &json!({ "tokens": list.tokens.iter().map(token_json).collect::<Vec<_>>() }),
                || text(&list),
                output,
            )?;
        }
        TokenCommand::Revoke(args) => {
            let request = proto::TokenName { name: args.name.clone() };
            ask(&args.head, async |mut client| client.revoke_token(request.clone()).await).await?;
            present(&json!({ "revoked": args.name }), || format!("token {} is revoked\n", args.name), output)?;
        }
    }
    Ok(Exit::Done)
}

async fn ask<T, F>(args: &HeadArgs, f: impl Fn(AccessClient<HeadChannel>) -> F) -> Result<T>
where
    F: Future<Output = std::result::Result<Response<T>, Status>>,
{
    let heads = way(args)?.heads;
    heads.call(|channel| f(AccessClient::new(channel))).await.map(Response::into_inner).map_err(refused)
}

fn token_json(token: &proto::Token) -> serde_json::Value {
    json!({ "name": token.name, "role": token.role, "created_at_ms": token.created_at_ms })
}

fn text(list: &proto::TokenList) -> String {
    let mut text = String::new();
    for token in &list.tokens {
        let _ = writeln!(text, "{:32} {:9} {}", token.name, token.role, clock::text_of(token.created_at_ms));
    }
    if text.is_empty() { "no tokens\n".to_owned() } else { text }
}

pub async fn audit(args: AuditArgs, output: Output) -> Result<Exit> {
    let (mut after, mut entries) = (args.after, Vec::new());
    loop {
        let request = proto::AuditRequest { after, limit: ENTRIES_AT_ONCE };
        let list = ask(&args.head, async |mut client| client.audit(request).await).await?;
        let Some(last) = list.entries.last() else { break };
        after = last.number;
        entries.extend(list.entries);
    }
    let chained = check_chain(args.after, &entries)?;
    let objects: Vec<_> = entries.iter().map(entry_json).collect();
    if output == Output::Text {
        say(format_args!("{chained} of {} entries checked: each names the one before it", entries.len()));
    }
    present(&json!({ "entries": objects }), || entries.iter().map(line).collect(), output)?;
    Ok(Exit::Done)
}

/// Checks that each entry has the hash of itself behind the one before, and says how many were checked. Of entries that do not
/// begin with the first one, the first stands for what is before it.
fn check_chain(after: u64, entries: &[proto::AuditEntry]) -> Result<usize> {
    let (mut previous, unchecked) = match entries.first() {
        Some(first) if after > 0 => (first.sha256.clone(), 1),
        _ => (String::new(), 0),
    };
    for entry in &entries[unchecked..] {
        let record = AuditRecord {
            at: entry.at_ms,
            who: entry.who.clone(),
            role: entry.role.clone(),
            operation: entry.operation.clone(),
            object: entry.object.clone(),
            outcome: entry.outcome.clone(),
        };
        let hash = hash_of(&previous, &record).doing("checking the audit log")?;
        if hash != entry.sha256 {
            let what = format!("entry {} of the audit log", entry.number);
            return Err(Error::Altered { what, why: "its hash is that of another entry".to_owned() })
                .doing("checking the audit log");
        }
        previous = hash;
    }
    Ok(entries.len() - unchecked)
}

fn entry_json(entry: &proto::AuditEntry) -> serde_json::Value {
    json!({
        "number": entry.number,
        "at_ms": entry.at_ms,
        "who": entry.who,
        "role": entry.role,
        "operation": entry.operation,
        "object": entry.object,
        "outcome": entry.outcome,
        "sha256": entry.sha256,
    })
}

fn line(entry: &proto::AuditEntry) -> String {
    let at = clock::text_of(entry.at_ms);
    format!(
        "{:6} {at} {} ({}) {} {}: {}\n",
        entry.number, entry.who, entry.role, entry.operation, entry.object, entry.outcome
    )
}
