//! A small API server, real HTTP, on loopback: it keeps one Deployment's scale and its pods as the real one does, as far as
//! this provider looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::*;

const SCALE: &str = "/apis/apps/v1/namespaces/moves/deployments/movers/scale";
const PODS: &str = "/api/v1/namespaces/moves/pods";

/// What the server keeps, and what it was asked.
#[derive(Default)]
struct Cluster {
    replicas: i32,
    version: u64,
    pods: BTreeMap<String, Value>,
    /// Method, path with query, and body of every request.
    asked: Vec<(String, Value)>,
    /// Answers with this code to requests whose method and path contain the text, so many times.
    fails: Option<(&'static str, u16, u32)>,
    /// Answers late to everything.
    hangs: bool,
    /// Changes the scale behind the provider's back before each of the next so many changes.
    meddles: u32,
}

impl Cluster {
    fn of(replicas: i32, pods: &[Value]) -> Cluster {
        let pods = pods.iter().map(|pod| (pod["metadata"]["name"].as_str().unwrap().to_owned(), pod.clone())).collect();
        Cluster { replicas, version: 1, pods, ..Cluster::default() }
    }

    fn answer(&mut self, method: &Method, uri: &Uri, body: Value) -> Response {
        let path = uri.path();
        let asked = format!("{method} {uri}");
        self.asked.push((asked.clone(), body.clone()));
        if let Some((part, code, times)) = self.fails.filter(|(part, _, times)| *times > 0 && asked.contains(part)) {
            self.fails = Some((part, code, times - 1));
            return status(code, "refused on purpose");
        }
        match (method.as_str(), path) {
            ("GET", SCALE) => self.scale(),
            ("PATCH", SCALE) => self.rescale(&body),
            ("GET", PODS) => Json(json!({"kind": "PodList", "apiVersion": "v1", "metadata": {},
                "items": self.pods.values().collect::<Vec<_>>()}))
            .into_response(),
            ("PATCH", _) => self.annotate(path, &body),
            _ => status(404, "no such path"),
        }
    }

    fn scale(&self) -> Response {
        Json(json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": {"name": "movers", "namespace": "moves", "resourceVersion": self.version.to_string()},
            "spec": {"replicas": self.replicas},
            "status": {"replicas": self.pods.len(), "selector": "app=sensei,class=mover"}}))
        .into_response()
    }

    fn rescale(&mut self, body: &Value) -> Response {
        if self.meddles > 0 {
            self.meddles -= 1;
            self.version += 1;
            self.replicas += 1;
        }
        if body["metadata"]["resourceVersion"].as_str() != Some(&self.version.to_string()) {
            return status(409, "the object has been modified");
        }
        self.version += 1;
        self.replicas = body["spec"]["replicas"].as_i64().unwrap() as i32;
        self.scale()
    }

    fn annotate(&mut self, path: &str, body: &Value) -> Response {
        let Some(pod) = path.strip_prefix(PODS).and_then(|name| self.pods.get_mut(&name[1..])) else {
            return status(404, "pods not found");
        };
        pod["metadata"]["annotations"] = match &body["metadata"]["annotations"][DELETION_COST] {
            Value::Null => json!({}),
            cost => json!({DELETION_COST: cost}),
        };
        Json(json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": pod["metadata"]}))
            .into_response()
    }
}

fn status(code: u16, message: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code});
    (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
}

fn pod(name: &str, ready: bool) -> Value {
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "creationTimestamp": "2026-11-21T08:34:56Z"},
        "status": {"phase": if ready { "Running" } else { "Pending" },
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}})
}

async fn serve(State(cluster): State<Arc<Mutex<Cluster>>>, method: Method, uri: Uri, body: Bytes) -> Response {
    if cluster.lock().unwrap().hangs {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    cluster.lock().unwrap().answer(&method, &uri, body)
}

/// A provider on a server that keeps `cluster`.
async fn on(cluster: Cluster) -> (Kubernetes, Arc<Mutex<Cluster>>) {
    let cluster = Arc::new(Mutex::new(cluster));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(cluster.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
    let settings = KubernetesSettings {
        deployment: "movers".to_owned(),
        namespace: "moves".to_owned(),
        request_timeout: Duration::from_secs(2),
    };
    (Kubernetes::new(client, settings), cluster)
}

fn changes(cluster: &Mutex<Cluster>) -> Vec<(String, Value)> {
    let mut asked = cluster.lock().unwrap().asked.clone();
    asked.retain(|(asked, _)| !asked.starts_with("GET"));
    asked
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn lists_pods_and_replicas_without_one() {
    let mut leaving = pod("c", true);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-21T08:35:00Z");
    let mut failed = pod("d", false);
    failed["status"]["phase"] = json!("Failed");
    let (provider, cluster) = on(Cluster::of(3, &[pod("a", true), pod("b", false), leaving, failed])).await;
    let instance = |id: &str, state, launched_at| Instance { id: id.to_owned(), state, launched_at };
    let at = Some(1_795_250_096_000);
    let expected = [
        instance("a", InstanceState::Running, at),
        instance("b", InstanceState::Starting, at),
        instance("c", InstanceState::Stopping, at),
        instance("movers/missing-1", InstanceState::Starting, None),
    ];
    assert_eq!(provider.list().await.unwrap(), expected);
    let asked = cluster.lock().unwrap().asked.clone();
    assert_eq!(asked[0].0, format!("GET {SCALE}"));
    assert_eq!(asked[1].0, format!("GET {PODS}?&labelSelector=app%3Dsensei%2Cclass%3Dmover"));
}

#[tokio::test]
async fn launches_by_raising_the_scale_it_has_read() {
    let (provider, cluster) = on(Cluster::of(2, &[])).await;
    assert!(provider.launch(3).await.unwrap().is_empty());
    let change = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 5}});
    assert_eq!(changes(&cluster), [(format!("PATCH {SCALE}?"), change)]);
    provider.launch(0).await.unwrap();
    assert_eq!(changes(&cluster).len(), 1, "nothing to change");
}

#[tokio::test]
async fn retires_by_marking_first_and_lowering_then() {
    let mut marked = pod("b", true);
    marked["metadata"]["annotations"] = json!({DELETION_COST: CHEAP});
    let (provider, cluster) = on(Cluster::of(4, &[pod("a", true), marked, pod("c", true), pod("d", true)])).await;
    provider.retire(&names(&["a", "d", "gone"])).await.unwrap();
    let mark = |cost: Option<&str>| json!({"metadata": {"annotations": {DELETION_COST: cost}}});
    let expected = [
        (format!("PATCH {PODS}/a?"), mark(Some(CHEAP))),
        (format!("PATCH {PODS}/b?"), mark(None)),
        (format!("PATCH {PODS}/d?"), mark(Some(CHEAP))),
        (format!("PATCH {SCALE}?"), json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}})),
    ];
    assert_eq!(changes(&cluster), expected);
    provider.retire(&names(&["a", "d"])).await.unwrap();
    assert_eq!(cluster.lock().unwrap().replicas, 2, "asked twice before the pods were removed");
}

#[tokio::test]
async fn gives_up_replicas_that_get_no_pod() {
    let (provider, cluster) = on(Cluster::of(5, &[pod("a", true)])).await;
    let missing: Vec<String> = provider.list().await.unwrap().into_iter().skip(1).map(|instance| instance.id).collect();
    assert_eq!(missing.len(), 4);
    provider.retire(&missing[..3]).await.unwrap();
    assert_eq!(cluster.lock().unwrap().replicas, 2);
    provider.retire(&names(&["unknown"])).await.unwrap();
    assert_eq!(cluster.lock().unwrap().replicas, 2);
}

#[tokio::test]
async fn reads_again_what_somebody_else_changed_but_not_for_ever() {
    let (provider, cluster) = on(Cluster { meddles: 2, ..Cluster::of(1, &[]) }).await;
    provider.launch(1).await.unwrap();
    assert_eq!(cluster.lock().unwrap().replicas, 4, "both changes count");
    cluster.lock().unwrap().meddles = 1_000;
    let error = provider.launch(1).await.unwrap_err();
    assert_eq!(error.kind, ProviderKind::Conflict);
    assert_eq!(changes(&cluster).len() as u32, 3 + 1 + CONFLICTS_MAX);
}

#[tokio::test]
async fn a_pod_that_goes_meanwhile_is_no_error() {
    let fails = Some(("PATCH /api/v1/namespaces/moves/pods/a", 404, 1));
    let (provider, cluster) = on(Cluster { fails, ..Cluster::of(2, &[pod("a", true), pod("b", true)]) }).await;
    provider.retire(&names(&["a"])).await.unwrap();
    assert_eq!(cluster.lock().unwrap().replicas, 1);
}

#[tokio::test]
async fn nothing_shrinks_unless_all_are_marked() {
    let fails = Some(("pods/b", 403, 9));
    let (provider, cluster) = on(Cluster { fails, ..Cluster::of(2, &[pod("a", true), pod("b", true)]) }).await;
    let error = provider.retire(&names(&["a", "b"])).await.unwrap_err();
    assert_eq!(error.kind, ProviderKind::Invalid);
    assert!(error.hint.contains("service account"), "{}", error.hint);
    assert_eq!(cluster.lock().unwrap().replicas, 2);
}

#[tokio::test]
async fn errors_say_what_and_what_next() {
    for (code, kind) in [
        (400, ProviderKind::Invalid),
        (401, ProviderKind::Invalid),
        (403, ProviderKind::Invalid),
        (404, ProviderKind::Invalid),
        (409, ProviderKind::Conflict),
        (500, ProviderKind::Unavailable),
    ] {
        let (provider, _) = on(Cluster { fails: Some(("scale", code, 99)), ..Cluster::of(1, &[]) }).await;
        let error = provider.list().await.unwrap_err();
        assert_eq!(error.kind, kind, "{code}");
        let said =
            format!("reading the scale of deployment \"movers\": Kubernetes answered {code}: refused on purpose");
        assert_eq!(error.to_string(), said);
        assert_eq!(provider.launch(1).await.unwrap_err().kind, kind, "{code}");
    }
}

#[tokio::test]
async fn silence_and_absence_are_unavailable() {
    let (mut provider, _cluster) = on(Cluster { hangs: true, ..Cluster::of(1, &[]) }).await;
    provider.settings.request_timeout = Duration::from_millis(100);
    let error = provider.list().await.unwrap_err();
    assert_eq!((error.kind, error.what.as_str()), (ProviderKind::Unavailable, "no answer within 0.1 s"));

    let client = Client::try_from(Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
    let provider = Kubernetes::new(client, provider.settings);
    assert_eq!(provider.list().await.unwrap_err().kind, ProviderKind::Unavailable);
}
