//! Traces, for whoever asks for them: what a job's processes do, as spans for an OpenTelemetry collector (OTLP over gRPC)
//! on this machine, which passes them on. Nothing leaves the machine from here, so there is no TLS here.
//!
//! Every attempt of a job in a cluster is one trace. Its id follows from job and attempt, so that processes on any machine
//! belong to it without being told.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use sha2::{Digest, Sha256};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use crate::cluster::address::is_loopback;
use crate::failure::{Failure, Result};

/// The variable that names the collector, as OpenTelemetry specifies it.
pub const VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// How long one export, and the last one, may take: a collector that hangs holds nothing up.
const EXPORT_MAX: Duration = Duration::from_secs(3);

/// Where spans go, for the processes that this one starts.
static COLLECTOR: OnceLock<String> = OnceLock::new();

/// Spans on their way to a collector.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send spans to `collector`, `http://127.0.0.1:PORT`. Must be called within a runtime.
    ///
    /// # Errors
    /// `Usage` if that is no such URL, or leads off this machine.
    pub fn to(collector: &str) -> Result<Traces> {
        check(collector)?;
        let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("--traces {collector}: {error}"), HINT);
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(collector).with_timeout(EXPORT_MAX);
        let exporter = exporter.build().map_err(|error| wrong(&error))?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let process = KeyValue::new("process.pid", i64::from(std::process::id()));
        let resource = Resource::builder().with_service_name("sensei").with_attributes([version, process]).build();
        // Whoever starts second in one process says the same.
        let _ = COLLECTOR.set(collector.to_owned());
        Ok(Traces(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// What turns spans of the program into spans of a trace.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer().with_tracer(self.0.tracer("sensei"))
    }

    /// Sends what is left, for a while.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(EXPORT_MAX) {
            tracing::warn!("not all traces were sent: {error}");
        }
    }
}

const HINT: &str = "Run a collector on this machine, give http://127.0.0.1:4317, and have it pass on what it gets.";

fn check(collector: &str) -> Result<()> {
    let shown = collector.rsplit('@').next().unwrap_or_default().escape_default();
    let wrong = |why: &str| Err(Failure::usage(format!("\"{shown}\" is no address of a collector: {why}"), HINT));
    let Ok(url) = Url::parse(collector) else { return wrong("it is no URL") };
    match (url.scheme(), url.host()) {
        _ if !url.username().is_empty() || url.password().is_some() => wrong("it names a user"),
        ("http", Some(host)) if is_loopback(&host) => Ok(()),
        ("http", Some(_)) => wrong("without TLS, anybody on the way could read what is traced"),
        _ => wrong("it does not begin with http://"),
    }
}

/// What processes started by this one must find in their environment.
pub fn environment() -> Option<(&'static str, &'static str)> {
    COLLECTOR.get().map(|collector| (VARIABLE, collector.as_str()))
}

/// Makes `span` part of the trace of an attempt of a job.
pub fn join(span: &tracing::Span, job: &str, attempt: u32) {
    let hash = Sha256::digest(format!("sensei job {job}\nattempt {attempt}"));
    let (mut trace, mut parent) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&hash[..16]);
    parent.copy_from_slice(&hash[16..24]);
    let (trace, parent) = (TraceId::from_bytes(trace), SpanId::from_bytes(parent));
    let remote = SpanContext::new(trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
    // Without a collector there is nothing to join.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_collectors_are_taken_and_plain_text_stays_on_this_machine() {
        for fine in ["http://127.0.0.1:4317", "http://[::1]:4317", "http://localhost:1"] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "http://collector:4317",
            "https://127.0.0.1:1",
            "http://me:secret@127.0.0.1:1",
            "ftp://a",
            "collector:4317",
            "",
            "/x",
        ] {
            let told = check(wrong).expect_err(wrong).to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
