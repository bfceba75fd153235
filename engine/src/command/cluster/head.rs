//! `head`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::pools::{self, Pool};
use crate::cli::HeadServeArgs;
use crate::cluster::identity::{ClientCertificates, Identity, Own};
use crate::cluster::peer;
use crate::cluster::private;
use crate::cluster::token::Token;
use crate::failure::{Exit, Failure, Result};
use crate::head::scale::{Kubernetes, KubernetesSettings, ProviderError, Settings};
use crate::head::{HeadOptions, ScaledPool, autoscale, serve};
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
    let settings = Settings {
        workers_min: args.min,
        workers_max: args.max.max(args.min),
        slots_per_worker: args.slots_per_worker,
        ..Settings::default()
    };
    let pools = pools::wanted(&args.pool, settings)?;
    let (started, mut starts) = mpsc::channel(1);
    let serving = serve(options, interrupt::requested(), move |head, port| {
        say(format_args!("the head listens on {scheme}://{port}"));
        drop(started.try_send(head));
    });
    let scaling = async {
        if let (Some(place), Some(head)) = (&args.scale, starts.recv().await) {
            autoscale(head, scaled(place, &pools).await?).await;
        }
        Ok(())
    };
    tokio::try_join!(serving, scaling).map(|((), ())| Exit::Done)
}

/// The pools, each with its Deployment of `kubernetes:NAMESPACE`; one alone may have it as `kubernetes:NAMESPACE/DEPLOYMENT`.
async fn scaled(place: &str, pools: &[Pool]) -> Result<Vec<ScaledPool>> {
    let mut scaled: Vec<ScaledPool> = Vec::new();
    for (pool, (namespace, deployment)) in pools.iter().zip(deployments(place, pools)?) {
        let settings = KubernetesSettings { deployment, namespace, request_timeout: KUBERNETES_ANSWER_MAX };
        let unusable = |error: ProviderError| Failure::usage(error.to_string(), error.hint);
        let provider = Arc::new(Kubernetes::connect(settings).await.map_err(unusable)?);
        scaled.push(ScaledPool { classes: pool.classes.clone(), settings: pool.settings.clone(), provider });
    }
    Ok(scaled)
}

/// Namespace and Deployment of each pool.
fn deployments(place: &str, pools: &[Pool]) -> Result<Vec<(String, String)>> {
    const WRITE: &str = "Write --scale kubernetes:NAMESPACE/DEPLOYMENT; or --scale kubernetes:NAMESPACE, and deployment= in every --pool.";
    let wrong = |what: String| Failure::usage(what, WRITE);
    let place_of = place.strip_prefix("kubernetes:").ok_or_else(|| wrong(format!("\"{place}\" cannot be scaled")))?;
    let (namespace, common) = place_of.split_once('/').map_or((place_of, None), |(of, name)| (of, Some(name)));
    let mut named: Vec<(String, String)> = Vec::new();
    for pool in pools {
        if pool.variables.is_some() {
            return Err(wrong(format!("pool {} has variables=, which its Deployment has from Secrets", pool.name())));
        }
        let deployment = match (pool.deployment.as_deref(), common) {
            (Some(_), Some(common)) => return Err(wrong(format!("deployment \"{common}\" is beside those of pools"))),
            (own, common) => own.or(common).filter(|name| !name.is_empty()),
        };
        let deployment = deployment.ok_or_else(|| wrong(format!("pool {} has no Deployment", pool.name())))?;
        if named.iter().any(|(_, other)| other == deployment) {
            return Err(wrong(format!("deployment \"{deployment}\" is that of two pools")));
        }
        named.push((namespace.to_owned(), deployment.to_owned()));
    }
    Ok(named)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(place: &str, pools: &[&str]) -> std::result::Result<Vec<(String, String)>, String> {
        let pools: Vec<_> = pools.iter().map(|pool| pool.parse().expect("a pool")).collect();
        let pools = pools::wanted(&pools, Settings::default()).expect("pools");
        deployments(place, &pools).map_err(|failure| failure.to_string())
    }

    fn place(deployment: &str) -> (String, String) {
        ("shop".to_owned(), deployment.to_owned())
    }

    #[test]
    fn every_pool_has_a_deployment_of_its_own() {
        assert_eq!(named("kubernetes:shop/workers", &[]), Ok(vec![place("workers")]));
        let two = ["classes=scout,mover,deployment=movers", "classes=validator,deployment=readers"];
        assert_eq!(named("kubernetes:shop", &two), Ok(vec![place("movers"), place("readers")]));
        assert_eq!(named("kubernetes:shop/one", &["classes=mover"]), Ok(vec![place("one")]));
        let told = |place: &str, pools: &[&str]| named(place, pools).expect_err("refused");
        assert!(told("shop/workers", &[]).contains("cannot be scaled"));
        assert!(told("kubernetes:shop", &[]).contains("has no Deployment"));
        assert!(told("kubernetes:shop/one", &["classes=mover,variables=x"]).contains("from Secrets"));
        assert!(told("kubernetes:shop/", &[]).contains("has no Deployment"));
        assert!(told("kubernetes:shop/workers", &two).contains("beside those of pools"));
        assert!(told("kubernetes:shop/workers", &["classes=mover", "classes=validator"]).contains("of two pools"));
    }
}
