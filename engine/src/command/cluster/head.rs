//! `head`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::cli::HeadServeArgs;
use crate::cluster::identity::{ClientCertificates, Identity, Own};
use crate::cluster::peer;
use crate::cluster::private;
use crate::cluster::token::Token;
use crate::failure::{Exit, Failure, Result};
use crate::head::scale::{Kubernetes, KubernetesSettings, Settings};
use crate::head::{HeadOptions, autoscale, serve};
use crate::interrupt;
use crate::random;
use crate::say::say;

/// How long the API of Kubernetes may take to answer.
const KUBERNETES_ANSWER_MAX: Duration = Duration::from_secs(10);
/// Who may read a token's file.
const TOKEN_MODE: u32 = 0o600;

pub async fn head(args: HeadServeArgs) -> Result<Exit> {
    let own = args.certificate.zip(args.certificate_key).map(|(certificate, key)| Own { certificate, key });
    own.as_ref().map_or(Ok(()), |own| peer::must_be_heads(&own.certificate))?;
    let identity = args.ca.map(|ca| Identity { ca, own });
    let tls = identity.map(|identity| identity.server(ClientCertificates::Optional)).transpose()?.map(Arc::new);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let options = HeadOptions {
        listen: args.listen,
        address: args.address.unwrap_or_else(|| format!("{scheme}://{}", args.listen)),
        store: args.store.clone(),
        tls,
        insecure: args.insecure,
        admin: args.admin_token_file.as_deref().map(admin_token).transpose()?.map(|token| token.hash()),
        holder: holder()?,
    };
    let (started, mut starts) = mpsc::channel(1);
    let serving = serve(options, interrupt::requested(), move |head, port| {
        say(format_args!("the head listens on {scheme}://{port}"));
        drop(started.try_send(head));
    });
    let scaling = async {
        if let (Some(deployment), Some(head)) = (&args.scale, starts.recv().await) {
            let settings = Settings {
                workers_min: args.min,
                workers_max: args.max.max(args.min),
                slots_per_worker: args.slots_per_worker,
                ..Settings::default()
            };
            autoscale(head, &kubernetes(deployment).await?, settings).await;
        }
        Ok(())
    };
    tokio::try_join!(serving, scaling).map(|((), ())| Exit::Done)
}

/// `kubernetes:NAMESPACE/DEPLOYMENT`.
async fn kubernetes(place: &str) -> Result<Kubernetes> {
    let named = place.strip_prefix("kubernetes:").and_then(|rest| rest.split_once('/'));
    let (namespace, deployment) = named.ok_or_else(|| {
        Failure::usage(
            format!("\"{place}\" is nothing that can be scaled"),
            "Write --scale kubernetes:NAMESPACE/DEPLOYMENT.",
        )
    })?;
    let (namespace, deployment) = (namespace.to_owned(), deployment.to_owned());
    let settings = KubernetesSettings { deployment, namespace, request_timeout: KUBERNETES_ANSWER_MAX };
    Kubernetes::connect(settings).await.map_err(|error| Failure::usage(error.to_string(), error.hint))
}

/// The token in a file, which is made if it is not there.
pub(super) fn admin_token(file: &Path) -> Result<Token> {
    if !file.exists() {
        let token = Token::new(random::key()?);
        private::create(file, TOKEN_MODE, format!("{}\n", token.expose()).as_bytes())?;
        say(format_args!("made a token of role admin: {} (keep it secret)", file.display()));
    }
    Token::from_file(file)
}

/// A name that no other process has.
pub(super) fn holder() -> Result<String> {
    Ok(format!("{}-{}", std::process::id(), &hex::encode(random::key()?)[..8]))
}
