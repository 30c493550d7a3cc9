//! The set-up from variables, against a stock collector. Variables are given by a function; the
//! environment of the process is never touched.

#![cfg(feature = "http")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]

mod support;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    global,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::trace::Sampler;
use tracer_core::{BatchConfig, SpanLimits};
use tracer_export::{Builder, Guard};
use tracer_propagation::{CompositePropagator, global as propagation};

use self::support::{
    collector::{Collector, Reply},
    eventually,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A builder that sees `variables` and installs nothing.
fn builder(variables: &[(&str, String)]) -> Builder {
    let variables: HashMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    tracer_export::builder()
        .env(move |name| variables.get(name).cloned())
        .install_global(false)
}

fn endpoint(collector: &Collector) -> (&'static str, String) {
    let url = format!("http://{}", collector.http);
    ("OTEL_EXPORTER_OTLP_ENDPOINT", url)
}

fn variable(name: &'static str, value: &str) -> (&'static str, String) {
    (name, value.to_owned())
}

fn make_span(guard: &Guard) {
    guard.provider().tracer("init").start("span").end();
}

/// The string attributes of the resource that arrived.
fn resource_of(collector: &Collector) -> HashMap<String, String> {
    let resource = collector.resource_spans().remove(0).resource.unwrap();
    let attributes = resource.attributes.into_iter();
    attributes
        .map(|attribute| {
            use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
            let value = attribute.value.and_then(|value| value.value);
            match value {
                Some(StringValue(value)) => (attribute.key, value),
                other => (attribute.key, format!("{other:?}")),
            }
        })
        .collect()
}

#[test]
fn global_spans_reach_the_collector_when_the_guard_is_dropped() {
    let collector = Collector::start();
    let guard = builder(&[
        endpoint(&collector),
        variable("OTEL_SERVICE_NAME", "shop"),
        variable(
            "OTEL_RESOURCE_ATTRIBUTES",
            "team=checkout%20crew,service.name=list",
        ),
        variable("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret%3D"),
    ])
    .install_global(true)
    .init()
    .unwrap();
    assert_eq!(guard.diagnostics(), []);

    let mut carrier = HashMap::new();
    global::tracer("shop").in_span("checkout", |cx| {
        global::get_text_map_propagator(|propagator| propagator.inject_context(&cx, &mut carrier));
    });
    assert_eq!(carrier["traceparent"].len(), 55, "{carrier:?}");
    // Not through a trait that knows only text.
    let headers = vec![("baggage".to_owned(), b"a=1,b=\xff".to_vec())];
    let cx = propagation::extract_from(&Context::new(), &headers);
    assert_eq!(cx.baggage().len(), 1);
    drop(guard);

    let received = collector.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].headers["api-key"], "s3cret=");
    let resource = resource_of(&collector);
    assert_eq!(resource["service.name"], "shop");
    assert_eq!(resource["team"], "checkout crew");
    let span = &collector.resource_spans()[0].scope_spans[0].spans[0];
    assert_eq!(span.name, "checkout");
}

#[cfg(feature = "grpc")]
#[test]
fn grpc_is_chosen_by_its_variable() {
    let collector = Collector::start();
    let guard = builder(&[
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", collector.grpc),
        ),
        variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ])
    .init()
    .unwrap();
    make_span(&guard);
    guard.shutdown(PATIENCE).unwrap();
    assert_eq!(collector.received().len(), 1);
}

#[test]
fn code_wins_over_variables() {
    let collector = Collector::start();
    let guard = builder(&[
        endpoint(&collector),
        variable("OTEL_SERVICE_NAME", "from the environment"),
        variable("OTEL_TRACES_SAMPLER", "always_off"),
        variable("OTEL_PROPAGATORS", "tracecontext"),
        variable("OTEL_BSP_MAX_QUEUE_SIZE", "not read"),
        variable("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "not read"),
    ])
    .service_name("from code")
    .resource_attribute(KeyValue::new("team", "code"))
    .sampler(Sampler::AlwaysOn)
    .propagator(CompositePropagator::new(Vec::new()))
    .batch_config(BatchConfig::default().scheduled_delay(Duration::ZERO))
    .span_limits(SpanLimits::default().max_attributes(1))
    .init()
    .unwrap();
    assert_eq!(guard.diagnostics(), []);
    let fields = opentelemetry::propagation::TextMapPropagator::fields(guard.propagator());
    assert_eq!(fields.count(), 0);
    let mut span = guard.provider().tracer("init").start("span");
    span.set_attribute(KeyValue::new("kept", 1));
    span.set_attribute(KeyValue::new("dropped", 1));
    span.end();
    // Without a delay the span leaves before any flush.
    eventually("the span arrives", || collector.received().len() == 1);
    guard.shutdown(PATIENCE).unwrap();
    let span = collector.resource_spans()[0].scope_spans[0].spans[0].clone();
    assert_eq!(
        (span.attributes.len(), span.dropped_attributes_count),
        (1, 1)
    );
    let resource = resource_of(&collector);
    assert_eq!(resource["service.name"], "from code");
    assert_eq!(resource["team"], "code");
}

#[test]
fn exporters_of_code_stand_beside_those_of_the_environment() {
    let (one, other) = (Collector::start(), Collector::start());
    let extra = || {
        let url = format!("http://{}/v1/traces", other.http);
        tracer_export::OtlpHttpConfig::default()
            .endpoint(url)
            .build()
            .unwrap()
    };
    let both = builder(&[endpoint(&one)]).exporter(extra()).init().unwrap();
    make_span(&both);
    both.shutdown(PATIENCE).unwrap();
    assert_eq!((one.received().len(), other.received().len()), (1, 1));

    let none = variable("OTEL_TRACES_EXPORTER", "none");
    let alone = builder(&[endpoint(&one), none])
        .exporter(extra())
        .init()
        .unwrap();
    make_span(&alone);
    alone.shutdown(PATIENCE).unwrap();
    assert_eq!((one.received().len(), other.received().len()), (1, 2));
}

#[test]
fn sampler_and_batch_variables_take_effect() {
    let collector = Collector::start();
    let off = variable("OTEL_TRACES_SAMPLER", "always_off");
    let guard = builder(&[endpoint(&collector), off]).init().unwrap();
    make_span(&guard);
    guard.shutdown(PATIENCE).unwrap();
    assert!(collector.received().is_empty());

    let guard = builder(&[
        endpoint(&collector),
        variable("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2"),
    ])
    .init()
    .unwrap();
    for _ in 0..6 {
        make_span(&guard);
    }
    guard.shutdown(PATIENCE).unwrap();
    assert_eq!(collector.received().len(), 3);
}

#[test]
fn disabled_sdk_records_nothing_and_keeps_its_propagators() {
    let guard = builder(&[
        variable("OTEL_SDK_DISABLED", "TRUE"),
        variable("OTEL_PROPAGATORS", "baggage"),
        variable("OTEL_EXPORTER_OTLP_ENDPOINT", "not even read"),
    ])
    .init()
    .unwrap();
    make_span(&guard);
    assert_eq!(guard.diagnostics(), []);
    let stats = guard.stats();
    assert_eq!((stats.started, stats.exporters.len()), (0, 0));
    let fields = opentelemetry::propagation::TextMapPropagator::fields(guard.propagator());
    assert_eq!(fields.collect::<Vec<_>>(), ["baggage"]);
}

#[test]
fn hostile_variables_leave_defaults_and_one_diagnostic_each() {
    let names = [
        "OTEL_SDK_DISABLED",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_TRACES_EXPORTER",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_PROPAGATORS",
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_BSP_EXPORT_TIMEOUT",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
        "OTEL_SPAN_LINK_COUNT_LIMIT",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_CONFIG_FILE",
    ];
    let long = "s3cret".repeat(20_000);
    let values = [
        "s3cret",
        "-1",
        "\u{1b}[31ms3cret",
        "\u{0}",
        "\u{fffd}\u{fffd}",
        "s3cret\r\nX: y",
        "%ZZ",
        "%ff%fe",
        ",,,",
        "=,=",
        ";",
        "1e999",
        "NaN",
        "18446744073709551616",
        &long,
    ];
    let accepted_somewhere = [",,,", "%ZZ", ";", "=,="];
    for value in values {
        let variables: Vec<_> = names.iter().map(|name| (*name, value.to_owned())).collect();
        let guard = builder(&variables).init().unwrap();
        let told: Vec<_> = guard
            .diagnostics()
            .iter()
            .map(|told| told.variable)
            .collect();
        let distinct: HashSet<_> = told.iter().collect();
        assert_eq!(distinct.len(), told.len(), "one each: {told:?}");
        if !accepted_somewhere.contains(&value) {
            // Without a known sampler its argument is not looked at, nor the general headers
            // where traces have their own.
            assert!(told.len() >= names.len() - 2, "{value:?}: {told:?}");
        }
        for told in guard.diagnostics() {
            let shown = told.to_string();
            assert!(!shown.contains("s3cret") && shown.is_ascii(), "{shown}");
            assert!(
                !shown.contains(char::is_control) && shown.len() < 300,
                "{shown}"
            );
        }
        guard.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn wrong_numbers_from_code_are_an_error() {
    let config = BatchConfig::default().max_queue_size(0);
    let error = builder(&[]).batch_config(config).init().unwrap_err();
    assert!(
        matches!(error, tracer_export::Error::Provider(_)),
        "{error:?}"
    );
}

#[test]
fn dropping_the_guard_is_bounded_when_the_collector_hangs() {
    let collector = Collector::with_replies(vec![Reply::Hang]);
    let timeout = Duration::from_millis(300);
    let guard = builder(&[endpoint(&collector)])
        .shutdown_timeout(timeout)
        .init()
        .unwrap();
    make_span(&guard);
    let provider = guard.provider().clone();
    let start = Instant::now();
    drop(guard);
    let took = start.elapsed();
    assert!(
        took >= timeout && took < timeout + Duration::from_secs(1),
        "{took:?}"
    );
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(stats.exporters[0].failed_total(), 1, "{stats:?}");
}

#[test]
fn shutdown_says_what_was_lost() {
    let collector = Collector::with_replies(vec![Reply::Partial(1, String::new())]);
    let guard = builder(&[endpoint(&collector)]).init().unwrap();
    make_span(&guard);
    let error = guard.shutdown(PATIENCE).unwrap_err();
    assert!(
        matches!(error, tracer_export::Error::Shutdown(_)),
        "{error:?}"
    );
}

/// Exporters that borrow the application's runtime deadlock here: its one thread is blocked by the
/// flush that waits for them.
#[tokio::test(flavor = "current_thread")]
async fn works_inside_a_current_thread_runtime() {
    inside_a_runtime();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn works_inside_a_multi_thread_runtime() {
    inside_a_runtime();
}

fn inside_a_runtime() {
    let collector = Collector::start();
    let guard = builder(&[endpoint(&collector)]).init().unwrap();
    make_span(&guard);
    guard.provider().force_flush(PATIENCE).unwrap();
    make_span(&guard);
    drop(guard);
    assert_eq!(collector.received().len(), 2);
}

#[cfg(feature = "grpc")]
#[tokio::test(flavor = "current_thread")]
async fn grpc_works_inside_a_current_thread_runtime() {
    let collector = Collector::start();
    let url = format!("http://{}", collector.grpc);
    let guard = builder(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ])
    .init()
    .unwrap();
    make_span(&guard);
    drop(guard);
    assert_eq!(collector.received().len(), 1);
}
