//! Traces reach a collector that speaks OTLP: of a run, and of a job whose processes belong to one trace.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "the collector is no part of the engine")]

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use sensei_tests::{Deadline, Sensei};
use tokio::net::{TcpListener, TcpStream};

/// Longer than the spans of a process take to be sent.
const SENT_MAX: Duration = Duration::from_secs(30);
/// Bytes before a message of gRPC.
const PREFIX: usize = 5;

/// Takes whatever is exported; its address, and what it got.
fn collector() -> (String, Receiver<Vec<Span>>) {
    let (spans, received) = channel();
    let (bound, address) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            bound.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, spans.clone()));
            }
        });
    });
    (format!("http://{}", address.recv().unwrap()), received)
}

async fn serve(stream: TcpStream, spans: Sender<Vec<Span>>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        let spans = spans.clone();
        tokio::spawn(async move {
            let (mut body, mut bytes) = (request.into_body(), Vec::new());
            while let Some(Ok(data)) = body.data().await {
                bytes.extend_from_slice(&data);
                body.flow_control().release_capacity(data.len()).unwrap();
            }
            let exported = ExportTraceServiceRequest::decode(&bytes[PREFIX..]).unwrap();
            let of_scopes = exported.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            // The test may be over.
            let _ = spans.send(of_scopes.flat_map(|scope| scope.spans).collect());
            let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            stream.send_data(vec![0; PREFIX].into(), false).unwrap();
            let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
            stream.send_trailers(status).unwrap();
        });
    }
}

/// A job of one table of so many splits.
fn shop() -> Sensei {
    let sensei = Sensei::new();
    sensei
        .sqlite("shop.db", "CREATE TABLE items(id INTEGER PRIMARY KEY, note TEXT); INSERT INTO items VALUES (1, 'a')");
    let ends = "source: { url: \"sqlite:shop.db\" }\ntarget: { url: \"sqlite:copy.db\" }\n";
    sensei.write("plan.yaml", format!("version: 1\nname: shop\n{ends}"));
    sensei
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    span.attributes.iter().find(|attribute| attribute.key == key).map(|found| format!("{:?}", found.value))
}

#[test]
fn a_run_is_a_trace_with_its_stages_and_splits() {
    let (url, received) = collector();
    shop().run(&["run", "plan.yaml", "--traces", &url]).expect(0);
    let spans: Vec<Span> = received.try_iter().flatten().collect();
    let named = |name: &str| spans.iter().find(|span| span.name == name);
    let run = named("run").expect("the run");
    let split = named("split").expect("its split");
    assert!(attribute(split, "table").is_some_and(|table| table.contains("items")), "{split:?}");
    assert!(attribute(split, "generation").is_some(), "{split:?}");
    assert!(named("stage").is_some() && named("copying").is_some());
    let traces: BTreeSet<&[u8]> = spans.iter().map(|span| span.trace_id.as_slice()).collect();
    assert_eq!(traces.len(), 1, "all of it is one trace");
    assert!(run.parent_span_id.is_empty() && !split.parent_span_id.is_empty());
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up_and_plain_text_leaves_no_machine() {
    let sensei = shop();
    sensei.run(&["run", "plan.yaml", "--traces", "http://127.0.0.1:1"]).expect(0);
    sensei.run(&["run", "plan.yaml", "--traces", "http://collector.example:4317"]).expect(2).says("without TLS");
}

#[test]
fn the_processes_of_a_job_belong_to_its_trace() {
    let (url, received) = collector();
    let sensei = shop().env("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    let up = sensei.spawn(&["up", "--port", "0"]);
    let is_up = Deadline::after(SENT_MAX).wait_for(|| up.stderr().contains("the cluster is up").then_some(()));
    assert!(is_up.is_some(), "{}", up.stderr());
    sensei.run(&["job", "submit", "plan.yaml", "--id", "traced", "--wait"]).expect(0);
    let mut spans: Vec<Span> = Vec::new();
    let task = Deadline::after(SENT_MAX).wait_for(|| {
        spans.extend(received.try_iter().flatten());
        spans.iter().find(|span| span.name == "task").cloned()
    });
    let task = task.expect("the process that conducts the job");
    up.interrupt();
    up.wait().expect(0);
    // As it is documented, so that a job's trace can be looked up.
    let hash = <sha2::Sha256 as sha2::Digest>::digest("sensei job traced\nattempt 1");
    assert_eq!(task.trace_id, hash[..16]);
    assert_eq!(task.parent_span_id, hash[16..24]);
    let split = spans.iter().find(|span| span.name == "split").expect("the job's split");
    assert_eq!(split.trace_id, task.trace_id);
}
