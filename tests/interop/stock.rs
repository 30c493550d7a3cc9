//! Our provider and exporters send to a receiver of stock parts, over real sockets. So do the
//! stock SDK and its exporters, running the same program. What arrives must be equal.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracer_core::{SpanLimits, TracerProvider};
use tracer_export::{Compression, OtlpGrpcConfig, OtlpHttpConfig};
use tracer_tests::poll::PATIENCE;
use tracer_tests::receiver::{Receiver, Request};

use crate::program::{self, MAX_ATTRIBUTES, MAX_EVENTS, MAX_LINKS};

const SPANS: u64 = 7;

#[derive(Clone, Copy, Debug)]
enum Wire {
    Grpc,
    Http,
}

/// Runs the program on the stock SDK.
fn stock(receiver: &Receiver, wire: Wire) -> Vec<Request> {
    // The stock gRPC exporter wants a runtime that goes on.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let exporter = match wire {
        Wire::Grpc => SpanExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://{}", receiver.grpc))
            .build(),
        Wire::Http => SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("http://{}/v1/traces", receiver.http))
            .build(),
    };
    let provider = SdkTracerProvider::builder()
        .with_resource(program::resource())
        .with_max_attributes_per_span(MAX_ATTRIBUTES)
        .with_max_events_per_span(MAX_EVENTS)
        .with_max_links_per_span(MAX_LINKS)
        .with_batch_exporter(exporter.unwrap())
        .build();
    program::run(&provider);
    provider.shutdown().unwrap();
    receiver.take()
}

/// Runs the program on ours.
fn ours(receiver: &Receiver, wire: Wire, compression: Compression) -> Vec<Request> {
    let limits = SpanLimits::default()
        .max_attributes(MAX_ATTRIBUTES)
        .max_events(MAX_EVENTS)
        .max_links(MAX_LINKS);
    let builder = TracerProvider::builder()
        .resource(program::resource())
        .span_limits(limits);
    let builder = match wire {
        Wire::Grpc => builder.exporter(
            OtlpGrpcConfig::default()
                .endpoint(format!("http://{}", receiver.grpc))
                .compression(compression)
                .timeout(PATIENCE)
                .build()
                .unwrap(),
        ),
        Wire::Http => builder.exporter(
            OtlpHttpConfig::default()
                .endpoint(format!("http://{}/v1/traces", receiver.http))
                .compression(compression)
                .timeout(PATIENCE)
                .build()
                .unwrap(),
        ),
    };
    let provider = builder.build().unwrap();
    program::run(&provider);
    provider.shutdown(PATIENCE).unwrap();
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!((stats.started, stats.ended), (SPANS, SPANS), "{stats:?}");
    assert_eq!(stats.exporters[0].exported, SPANS, "{stats:?}");
    receiver.take()
}

/// Brings what arrived into a form in which only what is random by nature, the clock included, and
/// orders without meaning are gone.
fn normal(requests: Vec<Request>, started: SystemTime) -> Vec<ResourceSpans> {
    let resources = requests
        .into_iter()
        .map(|(_, request)| request.resource_spans);
    let mut merged: Vec<ResourceSpans> = Vec::new();
    for resource in resources.flatten() {
        assert!(!resource.scope_spans.is_empty());
        match merged.iter_mut().find(|known| {
            (&known.resource, &known.schema_url) == (&resource.resource, &resource.schema_url)
        }) {
            Some(known) => known.scope_spans.extend(resource.scope_spans),
            None => merged.push(resource),
        }
    }
    // The SDK groups by scope through a hash map.
    for resource in &mut merged {
        resource.scope_spans.sort_by_key(|scope| {
            let scope = scope.scope.as_ref().unwrap();
            scope.name.clone()
        });
        if let Some(resource) = &mut resource.resource {
            resource.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        }
    }
    rename_ids(&mut merged);
    for span in spans(&mut merged) {
        still_clock(span, started);
        // Unset may be written, or left out as the default that it is.
        span.status.get_or_insert_default();
    }
    merged
}

fn spans(resources: &mut [ResourceSpans]) -> impl Iterator<Item = &mut Span> {
    let scopes = resources
        .iter_mut()
        .flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

/// Puts the span's name, which is its own here, in the place of a random id, wherever that stands.
fn rename_ids(resources: &mut [ResourceSpans]) {
    let mut names: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    for span in spans(resources) {
        assert_eq!(span.span_id.len(), 8);
        let name = span.name.clone().into_bytes();
        assert_eq!(names.insert(span.span_id.clone(), name.clone()), None);
        if span.trace_id != program::REMOTE_TRACE.to_be_bytes() {
            assert_eq!((span.trace_id.len(), span.parent_span_id.len()), (16, 0));
            names.insert(span.trace_id.clone(), name);
        }
    }
    for span in spans(resources) {
        let links = span.links.iter_mut();
        let ids = links.flat_map(|link| [&mut link.trace_id, &mut link.span_id]);
        for id in ids.chain([
            &mut span.trace_id,
            &mut span.span_id,
            &mut span.parent_span_id,
        ]) {
            if let Some(name) = names.get(id) {
                id.clone_from(name);
            }
        }
    }
}

/// Checks times that were read from the clock, and puts 0 in their place.
fn still_clock(span: &mut Span, started: SystemTime) {
    let nanos = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let (started, now) = (nanos(started), nanos(SystemTime::now()));
    let still = |time: &mut u64| {
        assert!((started..=now).contains(time), "{started} {time} {now}");
        *time = 0;
    };
    if span.name == "clock" {
        assert!(span.start_time_unix_nano <= span.events[0].time_unix_nano);
        assert!(span.events[0].time_unix_nano <= span.end_time_unix_nano);
        still(&mut span.start_time_unix_nano);
        still(&mut span.end_time_unix_nano);
    }
    for event in &mut span.events {
        if matches!(event.name.as_str(), "exception" | "tick") {
            still(&mut event.time_unix_nano);
        }
    }
}

fn check(wire: Wire) {
    let receiver = Receiver::start().unwrap();
    let started = SystemTime::now();
    let expected = normal(stock(&receiver, wire), started);
    let compressions = [
        (Compression::None, None),
        (Compression::Gzip, Some("gzip")),
        (Compression::Zstd, Some("zstd")),
    ];
    for (compression, name) in compressions {
        let started = SystemTime::now();
        let requests = ours(&receiver, wire, compression);
        assert!(!requests.is_empty());
        for (encoding, _) in &requests {
            assert_eq!(encoding.as_deref(), name);
        }
        let mut arrived = normal(requests, started);
        claim_no_randomness(&mut arrived);
        same(arrived, expected.clone());
    }
}

/// Our ids are random and say so (W3C Trace Context Level 2, "Random Trace ID Flag"). Those of the
/// stock SDK are as random and do not say it, which is allowed.
fn claim_no_randomness(resources: &mut [ResourceSpans]) {
    const RANDOM: u32 = 2;
    for span in spans(resources) {
        if span.parent_span_id.is_empty() {
            assert_eq!(span.flags & RANDOM, RANDOM, "{}", span.name);
            span.flags -= RANDOM;
        }
    }
}

/// Equality, span by span first: a difference is easier to find so.
#[track_caller]
fn same(mut arrived: Vec<ResourceSpans>, mut expected: Vec<ResourceSpans>) {
    let count = spans(&mut arrived)
        .zip(spans(&mut expected))
        .map(|(arrived, expected)| assert_eq!(arrived, expected))
        .count();
    assert_eq!(count as u64, SPANS);
    assert_eq!(arrived, expected);
}

#[test]
fn spans_sent_over_grpc_arrive_as_those_of_the_stock_sdk() {
    check(Wire::Grpc);
}

#[test]
fn spans_sent_over_http_arrive_as_those_of_the_stock_sdk() {
    check(Wire::Http);
}
