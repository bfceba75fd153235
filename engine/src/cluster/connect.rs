//! From what a person says about the head, or `sensei up` left for him, to the way there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::HeadAddresses;
use super::channel::Credentials;
use super::heads::Heads;
use super::identity::{Identity, Own};
use super::private::{read_private, replace, unwritable};
use super::token::Token;
use crate::cli::HeadArgs;
use crate::failure::{Failure, Result};

/// Where `sensei up` says how to reach it, in the user's configuration folder.
const LOCAL: &str = "cluster.json";
/// Who may read that.
const MODE: u32 = 0o600;
/// How long one that is being started is waited for.
const LOCAL_AWAITED: Duration = Duration::from_secs(3);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The variable that holds a token.
const TOKEN: &str = "SENSEI_TOKEN";

/// How to reach the cluster that runs on this machine.
#[derive(Serialize, Deserialize)]
pub struct LocalCluster {
    /// URL of the head.
    pub head: String,
    /// File with the token to show.
    pub token_file: PathBuf,
}

impl LocalCluster {
    /// Leaves word for commands of the same user.
    ///
    /// # Errors
    /// If the configuration folder cannot be written.
    pub fn announce(&self) -> Result<Announced> {
        let path = path()?;
        let json = serde_json::to_vec(self).map_err(|error| Failure::internal("announcing the cluster", error))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        }
        replace(&path, MODE, &json)?;
        Ok(Announced { path, json })
    }

    fn find() -> Result<LocalCluster> {
        let path = path()?;
        let none = || {
            Failure::usage(
                "no head is given, and none runs on this machine",
                "Start one with `sensei up`, or name one with --head URL.",
            )
        };
        if !path.exists() {
            return Err(none());
        }
        let json = read_private(&path, "cluster")?;
        serde_json::from_slice(&json).map_err(|_| none())
    }
}

/// A word that was left; taken back when dropped, unless another cluster left its own since.
pub struct Announced {
    path: PathBuf,
    json: Vec<u8>,
}

impl Drop for Announced {
    fn drop(&mut self) {
        if fs::read(&self.path).is_ok_and(|json| json == self.json) {
            // One that stays behind names a head that does not answer, which says enough.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Waits a moment for a cluster on this machine that is being started.
pub async fn await_local() {
    let look = async {
        while LocalCluster::find().is_err() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    // That there is none is said by whoever needs it.
    let _ = tokio::time::timeout(LOCAL_AWAITED, look).await;
}

fn path() -> Result<PathBuf> {
    Ok(crate::command::config_folder()?.join(LOCAL))
}

/// The way to the head, and the variables that tell it to processes of this one.
pub struct Way {
    /// The way.
    pub heads: Heads,
    /// Variables for processes of this one.
    pub environment: Vec<(String, String)>,
    /// Own certificate, if there is one.
    pub identity: Option<Identity>,
}

/// Finds the way to the head.
///
/// # Errors
/// `Usage` if something that is given cannot be used, or nothing is and no cluster runs here.
pub fn way(args: &HeadArgs) -> Result<Way> {
    let mut args = args.clone();
    if args.head.is_none() {
        let local = LocalCluster::find()?;
        args.head = Some(local.head);
        args.token_file = args.token_file.or(Some(local.token_file));
    }
    let url = args.head.clone().unwrap_or_default();
    let addresses = HeadAddresses::parse(&url, args.insecure)?;
    let token = match &args.token_file {
        Some(file) => Some(Token::from_file(file)?),
        None => Token::from_environment(TOKEN)?,
    };
    let identity = identity(&args);
    let tls = identity.clone().map(|identity| identity.client().map(std::sync::Arc::new)).transpose()?;
    let heads = Heads::new(addresses, Credentials { tls, token }, args.insecure)?;
    let identity = identity.filter(|identity| identity.own.is_some());
    Ok(Way { heads, environment: environment(&args, url)?, identity })
}

fn identity(args: &HeadArgs) -> Option<Identity> {
    let own = args.certificate.clone().zip(args.certificate_key.clone());
    let own = own.map(|(certificate, key)| Own { certificate, key });
    args.ca.clone().map(|ca| Identity { ca, own })
}

fn environment(args: &HeadArgs, url: String) -> Result<Vec<(String, String)>> {
    let mut variables = vec![("SENSEI_HEAD".to_owned(), url)];
    let files = [
        ("SENSEI_CA", &args.ca),
        ("SENSEI_CERTIFICATE", &args.certificate),
        ("SENSEI_CERTIFICATE_KEY", &args.certificate_key),
        ("SENSEI_TOKEN_FILE", &args.token_file),
    ];
    for (name, file) in files {
        variables.extend(file.as_deref().map(|file| Ok((name.to_owned(), text(file)?))).transpose()?);
    }
    if args.insecure {
        variables.push(("SENSEI_INSECURE".to_owned(), "true".to_owned()));
    }
    Ok(variables)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::usage(format!("{} is no UTF-8 name", path.display()), "Give the file another name."))
}
