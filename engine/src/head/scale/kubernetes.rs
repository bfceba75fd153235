//! Workers as pods of a Deployment, scaled through the Kubernetes API.
//!
//! Kubernetes decides which pods go when a Deployment shrinks: those that do not run yet, then those that are not ready, then
//! those whose deletion cost is the lowest. So the idle ones are marked as cheap before the number is lowered. Every other pod gets
//! SIGTERM before it goes, as any worker does, and hands its leases back.

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, Config, ResourceExt};
use serde_json::json;

use super::provider::{Instance, InstanceState, Provider, ProviderError, ProviderKind, Result};

/// Names the annotation that the ReplicaSet controller reads.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Below the cost of a pod without the annotation, which is 0.
const CHEAP: &str = "-1000";
/// How often a change is tried anew when somebody else changed the Deployment in between.
const CONFLICTS_MAX: u32 = 3;

/// Which Deployment, and how patient to be.
#[derive(Clone, Debug)]
pub struct KubernetesSettings {
    /// The Deployment's name.
    pub deployment: String,
    /// Its namespace.
    pub namespace: String,
    /// How long one request may take.
    pub request_timeout: Duration,
}

/// Pods of one Deployment. A worker's id is its pod's name.
#[derive(Clone)]
pub struct Kubernetes {
    settings: KubernetesSettings,
    deployments: Api<Deployment>,
    pods: Api<Pod>,
}

impl Kubernetes {
    /// Finds the API as `kubectl` does: `$KUBECONFIG`, `~/.kube/config`, or the service account of the pod this runs in.
    ///
    /// # Errors
    /// `Invalid` if none of these is usable.
    pub async fn connect(settings: KubernetesSettings) -> Result<Kubernetes> {
        let unusable = |error: &dyn std::error::Error| ProviderError {
            kind: ProviderKind::Invalid,
            doing: "finding the Kubernetes API".to_owned(),
            what: error.to_string(),
            hint: "Set KUBECONFIG, or run the head in a pod with a service account.".to_owned(),
        };
        let config = Config::infer().await.map_err(|error| unusable(&error))?;
        let client = Client::try_from(config).map_err(|error| unusable(&error))?;
        Ok(Kubernetes::new(client, settings))
    }

    /// Uses `client`.
    pub fn new(client: Client, settings: KubernetesSettings) -> Kubernetes {
        let deployments = Api::namespaced(client.clone(), &settings.namespace);
        let pods = Api::namespaced(client, &settings.namespace);
        Kubernetes { settings, deployments, pods }
    }

    async fn scale(&self) -> Result<Scale> {
        let name = &self.settings.deployment;
        self.call(format!("reading the scale of deployment \"{name}\""), self.deployments.get_scale(name)).await
    }

    /// Pods of the Deployment that have not ended.
    async fn pods(&self, scale: &Scale) -> Result<Vec<Pod>> {
        let selector = scale.status.as_ref().and_then(|status| status.selector.as_deref()).unwrap_or_default();
        if selector.is_empty() {
            // No selector selects every pod of the namespace.
            return Err(self.without_selector());
        }
        let wanted = ListParams::default().labels(selector);
        let pods = self.call(format!("listing pods with {selector}"), self.pods.list(&wanted)).await?;
        Ok(pods.items.into_iter().filter(|pod| !has_ended(pod)).collect())
    }

    /// Changes the number of replicas, unless somebody else did since it was read: then it is read again.
    async fn change(&self, changed: impl Fn(i32) -> i32) -> Result<()> {
        let mut conflicts = 0;
        loop {
            let scale = self.scale().await?;
            let (before, after) = (replicas(&scale), changed(replicas(&scale)).max(0));
            if before == after {
                return Ok(());
            }
            match self.replace(&scale, after).await {
                Err(error) if error.kind == ProviderKind::Conflict && conflicts < CONFLICTS_MAX => conflicts += 1,
                done => return done,
            }
        }
    }

    async fn replace(&self, scale: &Scale, replicas: i32) -> Result<()> {
        let name = &self.settings.deployment;
        let version = scale.metadata.resource_version.as_deref();
        let change = Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}}));
        let request = PatchParams::default();
        let sent = self.deployments.patch_scale(name, &request, &change);
        self.call(format!("scaling deployment \"{name}\" to {replicas}"), sent).await.map(drop)
    }

    /// Marks a pod as cheap to delete, or takes the mark away. A pod that is gone needs none.
    async fn mark(&self, name: &str, cost: Option<&str>) -> Result<()> {
        let change = Patch::Merge(json!({"metadata": {"annotations": {DELETION_COST: cost}}}));
        let request = PatchParams::default();
        let sent = async {
            match self.pods.patch_metadata(name, &request, &change).await {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                done => done.map(drop),
            }
        };
        self.call(format!("setting the deletion cost of pod \"{name}\""), sent).await
    }

    /// Waits for an answer, and not for ever.
    async fn call<T>(&self, doing: String, request: impl Future<Output = kube::Result<T>>) -> Result<T> {
        let patience = self.settings.request_timeout;
        match tokio::time::timeout(patience, request).await {
            Ok(answer) => answer.map_err(|error| refused(doing, error)),
            Err(_) => Err(ProviderError {
                kind: ProviderKind::Unavailable,
                doing,
                what: format!("no answer within {} s", patience.as_secs_f64()),
                hint: "Check that the Kubernetes API is reachable from the head.".to_owned(),
            }),
        }
    }

    fn without_selector(&self) -> ProviderError {
        ProviderError {
            kind: ProviderKind::Invalid,
            doing: format!("reading the scale of deployment \"{}\"", self.settings.deployment),
            what: "it has no label selector".to_owned(),
            hint: "Name a Deployment whose selector matches the workers' pods and no others.".to_owned(),
        }
    }

    /// Names for replicas that no pod exists for yet: the same as long as they lack.
    fn missing(&self, scale: &Scale, pods: &[Pod]) -> Vec<String> {
        let staying = pods.iter().filter(|pod| state(pod) != InstanceState::Stopping).count();
        let missing = usize::try_from(replicas(scale)).unwrap_or(0).saturating_sub(staying);
        (1..=missing).map(|index| format!("{}/missing-{index}", self.settings.deployment)).collect()
    }
}

#[async_trait]
impl Provider for Kubernetes {
    /// Pods; and replicas without a pod, for instance because of a quota, as starting under a made-up name, so that they are
    /// counted, and given up in time.
    async fn list(&self) -> Result<Vec<Instance>> {
        let scale = self.scale().await?;
        let pods = self.pods(&scale).await?;
        let missing = self.missing(&scale, &pods).into_iter();
        let missing = missing.map(|id| Instance { id, state: InstanceState::Starting, launched_at: None });
        Ok(pods.iter().map(instance).chain(missing).collect())
    }

    /// Kubernetes names its pods later: no name is known yet.
    async fn launch(&self, n: u32) -> Result<Vec<String>> {
        let more = i32::try_from(n).unwrap_or(i32::MAX);
        self.change(|replicas| replicas.saturating_add(more)).await?;
        Ok(Vec::new())
    }

    async fn retire(&self, ids: &[String]) -> Result<()> {
        let scale = self.scale().await?;
        let pods = self.pods(&scale).await?;
        let missing = self.missing(&scale, &pods).into_iter().filter(|id| ids.contains(id)).count();
        let staying: Vec<&Pod> = pods.iter().filter(|pod| state(pod) != InstanceState::Stopping).collect();
        let mut going = 0;
        for pod in &staying {
            let goes = ids.contains(&pod.name_any());
            // A mark may be left over from an earlier retirement that took another pod; its bearer may have work by now.
            if goes != is_cheap(pod) {
                self.mark(&pod.name_any(), goes.then_some(CHEAP)).await?;
            }
            going += usize::from(goes);
        }
        if going + missing == 0 {
            return Ok(());
        }
        let (present, fewer) = (count(staying.len()), count(going + missing));
        // More pods than replicas: Kubernetes has yet to remove some, which may be these. They must not count twice.
        self.change(|replicas| replicas.min(replicas.max(present).saturating_sub(fewer))).await
    }
}

fn replicas(scale: &Scale) -> i32 {
    scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0)
}

fn count(pods: usize) -> i32 {
    i32::try_from(pods).unwrap_or(i32::MAX)
}

fn is_cheap(pod: &Pod) -> bool {
    pod.annotations().get(DELETION_COST).is_some_and(|cost| cost == CHEAP)
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn state(pod: &Pod) -> InstanceState {
    if pod.metadata.deletion_timestamp.is_some() {
        return InstanceState::Stopping;
    }
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    match conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True") {
        true => InstanceState::Running,
        false => InstanceState::Starting,
    }
}

fn instance(pod: &Pod) -> Instance {
    let launched_at = pod.metadata.creation_timestamp.as_ref().map(|time| time.0.as_millisecond());
    Instance { id: pod.name_any(), state: state(pod), launched_at }
}

fn refused(doing: String, error: kube::Error) -> ProviderError {
    let (kind, what, hint) = match error {
        kube::Error::Api(status) => answered(status.code, status.message),
        other => (
            ProviderKind::Unavailable,
            other.to_string(),
            "Check that the Kubernetes API is reachable from the head and that its certificate is trusted.",
        ),
    };
    ProviderError { kind, doing, what, hint: hint.to_owned() }
}

fn answered(code: u16, message: String) -> (ProviderKind, String, &'static str) {
    let what = format!("Kubernetes answered {code}: {message}");
    match code {
        401 | 403 => (
            ProviderKind::Invalid,
            what,
            "Allow the head's service account to get and patch deployments/scale, and to list and patch pods.",
        ),
        404 => (ProviderKind::Invalid, what, "Check the names of the Deployment and of its namespace."),
        409 => (ProviderKind::Conflict, what, "Make sure that nothing else scales this Deployment, such as an HPA."),
        400 | 422 => {
            (ProviderKind::Invalid, what, "Check the Deployment, and that the API is not older than this head.")
        }
        _ => (ProviderKind::Unavailable, what, "Nothing, if it passes; it is tried again at the next decision."),
    }
}

#[cfg(test)]
#[path = "kubernetes_tests.rs"]
mod tests;
