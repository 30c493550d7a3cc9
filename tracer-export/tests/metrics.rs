//! What the OTLP exporters tell of themselves as metrics, against stock collectors.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]
#![cfg(all(feature = "http", feature = "grpc"))]

mod support;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};
use tracer_core::{Span, SpanProcessor};

use self::support::collector::{Collector, Reply};

const PATIENCE: Duration = Duration::from_secs(20);

/// Discards what is not to be seen.
#[derive(Debug)]
struct Filter;

impl SpanProcessor for Filter {
    fn on_ending(&self, span: &mut Span) {
        if span
            .record()
            .is_some_and(|record| record.name() == "hidden")
        {
            span.discard();
        }
    }
}

/// Sends three spans, two of which arrive, and returns the attributes under which the one export
/// was told.
fn export(protocol: &'static str, to: SocketAddr) -> BTreeMap<String, String> {
    let told = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(told.clone()).build())
        .build();
    let guard = tracer_export::builder()
        .env(move |name| match name {
            "OTEL_EXPORTER_OTLP_PROTOCOL" => Some(protocol.to_owned()),
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(format!("http://{to}")),
            _ => None,
        })
        .meter_provider(&meters)
        .processor(Filter)
        .install_global(false)
        .init()
        .unwrap();
    let tracer = guard.provider().tracer("t");
    for name in ["one", "hidden", "two"] {
        tracer.start(name).end();
    }
    // What was rejected is in the metrics.
    let _ = guard.provider().shutdown(PATIENCE);
    assert_eq!(guard.provider().stats().dropped.discarded, 1);
    meters.force_flush().unwrap();
    let told = told.get_finished_metrics().unwrap();
    let scope = told.last().unwrap().scope_metrics().next().unwrap();
    let duration = scope
        .metrics()
        .find(|metric| metric.name() == "otel.sdk.exporter.operation.duration")
        .unwrap();
    let AggregatedMetrics::F64(MetricData::Histogram(duration)) = duration.data() else {
        panic!("a histogram");
    };
    let points: Vec<_> = duration.data_points().collect();
    assert_eq!((points.len(), points[0].count()), (1, 1));
    points[0]
        .attributes()
        .filter(|one| one.key.as_str() != "otel.component.name")
        .map(|one| (one.key.to_string(), one.value.to_string()))
        .collect()
}

fn attributes(own: [(&str, &str); 2], to: SocketAddr) -> BTreeMap<String, String> {
    own.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .chain([
            ("server.address".to_owned(), to.ip().to_string()),
            ("server.port".to_owned(), to.port().to_string()),
        ])
        .collect()
}

#[test]
fn http_exporter_tells_its_server_and_the_status() {
    let collector = Collector::start();
    let own = [
        ("otel.component.type", "otlp_http_span_exporter"),
        ("http.response.status_code", "200"),
    ];
    let told = export("http/protobuf", collector.http);
    assert_eq!(told, attributes(own, collector.http));
}

#[test]
fn grpc_exporter_tells_its_server_and_the_status() {
    let collector = Collector::start();
    let own = [
        ("otel.component.type", "otlp_grpc_span_exporter"),
        ("rpc.status_code", "OK"),
    ];
    let told = export("grpc", collector.grpc);
    assert_eq!(told, attributes(own, collector.grpc));
}

#[test]
fn partial_success_is_told_as_rejected_with_the_status_of_the_answer() {
    let collector = Collector::with_replies(vec![Reply::Partial(1, "no".to_owned())]);
    let mut told = export("http/protobuf", collector.http);
    assert_eq!(told.remove("error.type").as_deref(), Some("rejected"));
    let own = [
        ("otel.component.type", "otlp_http_span_exporter"),
        ("http.response.status_code", "200"),
    ];
    assert_eq!(told, attributes(own, collector.http));
}
