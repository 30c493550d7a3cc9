//! How long it takes until a span can be found.

use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::Resource;
use tracer_core::{BatchConfig, SpanExporter, TracerProvider};
use tracer_export::{OtlpGrpcConfig, OtlpHttpConfig};
use tracer_tests::collector::{Addresses, CollectorProcess};
use tracer_tests::poll::until;

const TRIES: usize = 10;
const BATCH_DELAY: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(1);

/// Ends spans, asks for their trace every 5 ms, and looks at the best try: a busy machine may
/// spoil any other.
async fn check(name: &str, collector: &CollectorProcess, exporter: impl SpanExporter) {
    let resource = Resource::builder_empty().with_attribute(KeyValue::new("service.name", "late"));
    let provider = TracerProvider::builder()
        .resource(resource.build())
        .batch_config(BatchConfig::default().scheduled_delay(BATCH_DELAY))
        .exporter(exporter)
        .build()
        .unwrap();
    let tracer = provider.tracer("latency");
    let query = collector.query();
    let mut waits = Vec::new();
    for _ in 0..TRIES {
        let mut span = tracer.start("last");
        let trace = span.span_context().trace_id().to_string();
        let ended = Instant::now();
        span.end();
        until("the trace is there", async || {
            (query.span_count(&trace).await.unwrap() == 1).then_some(())
        })
        .await
        .unwrap();
        waits.push(ended.elapsed());
    }
    waits.sort();
    let [best, .., worst] = waits[..] else {
        panic!("no tries")
    };
    let median = waits[TRIES / 2];
    println!("{name}: queryable after {best:?} at best, {median:?} median, {worst:?} at worst");
    assert!(best < LIMIT, "{waits:?}");
    tokio::task::block_in_place(|| provider.shutdown(LIMIT)).unwrap();
    assert!(provider.stats().balances());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_is_queryable_within_a_second_of_its_last_span() {
    let data = tempfile::tempdir().unwrap();
    let addresses = Addresses::free().unwrap();
    let collector = CollectorProcess::start(addresses, data.path()).unwrap();
    let http = OtlpHttpConfig::default().endpoint(addresses.http_endpoint());
    check("http/protobuf", &collector, http.build().unwrap()).await;
    let grpc = OtlpGrpcConfig::default().endpoint(addresses.grpc_endpoint());
    check("grpc", &collector, grpc.build().unwrap()).await;
    collector.kill().unwrap();
}
