//! Each environment variable takes effect. An invalid value leaves the default, and gives exactly
//! one diagnostic that does not contain the value. Source: the rows "Environment Variables" of the
//! specification's compliance matrix that belong to this crate.

use std::{collections::HashMap, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::SpanData;
use tracer_core::{
    BatchConfig, ExportFuture, ExportSuccess, SpanBatch, SpanExporter, SpanLimits, TracerProvider,
    env::Env, resource,
};

use crate::support::{Mood, Recorder, TIMEOUT, balanced, eventually};

const NUMBERS: [&str; 13] = [
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "TRACER_MAX_RING_BYTES",
];

fn env(variables: &[(&str, &str)]) -> Env {
    let variables: HashMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Env::new(move |name| variables.get(name).cloned())
}

/// Returns the span that a program makes under an environment.
fn span(variables: &[(&str, &str)]) -> SpanData {
    let recorder = Recorder::default();
    let mut env = env(variables);
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .env(&mut env)
        .build()
        .expect("provider");
    assert_eq!(env.diagnostics(), []);
    let attributes = || vec![KeyValue::new("a", "0123456789"), KeyValue::new("b", 2)];
    let target = SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let mut span = provider.tracer("t").start("x");
    span.set_attributes(attributes());
    for _ in 0..2 {
        span.add_event("e", attributes());
        span.add_link(target.clone(), attributes());
    }
    span.end();
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
    recorder.spans().remove(0)
}

/// Returns how many attributes were kept and dropped: those of the span, of its first event and of
/// its first link.
fn attribute_counts(span: &SpanData) -> [(usize, u32); 3] {
    let (event, link) = (&span.events[0], &span.links[0]);
    [
        (span.attributes.len(), span.dropped_attributes_count),
        (event.attributes.len(), event.dropped_attributes_count),
        (link.attributes.len(), link.dropped_attributes_count),
    ]
}

#[test]
fn rows_104_to_109_and_115_count_limits_take_effect() {
    const KEPT: (usize, u32) = (2, 0);
    const CUT: (usize, u32) = (1, 1);
    for (variable, expected) in [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", [CUT, KEPT, KEPT]),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", [KEPT, CUT, KEPT]),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", [KEPT, KEPT, CUT]),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", [CUT, CUT, CUT]),
    ] {
        assert_eq!(
            attribute_counts(&span(&[(variable, "1")])),
            expected,
            "{variable}"
        );
    }
    let span = span(&[
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "1"),
    ]);
    assert_eq!((span.events.len(), span.events.dropped_count), (1, 1));
    assert_eq!((span.links.len(), span.links.dropped_count), (1, 1));
}

#[test]
fn rows_105_and_114_value_lengths_take_effect_everywhere() {
    for variable in [
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    ] {
        let span = span(&[(variable, "4")]);
        let cut = KeyValue::new("a", "0123");
        assert_eq!(span.attributes[0], cut, "{variable}");
        assert_eq!(span.events[0].attributes[0], cut, "{variable}");
        assert_eq!(span.links[0].attributes[0], cut, "{variable}");
    }
}

#[test]
fn sdk_that_code_enables_all_the_same_has_the_rest_of_its_environment() {
    let recorder = Recorder::default();
    let mut env = env(&[
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
    ]);
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .env(&mut env)
        .disabled(false)
        .build()
        .expect("provider");
    for _ in 0..2 {
        let mut span = provider.tracer("t").start("x");
        span.set_attribute(KeyValue::new("a", 1));
        span.set_attribute(KeyValue::new("b", 2));
    }
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(env.diagnostics(), []);
    assert_eq!(recorder.batches(), [1, 1]);
    assert_eq!(recorder.spans()[0].attributes, [KeyValue::new("a", 1)]);
}

#[test]
fn row_92_disabled_sdk_records_nothing_and_passes_contexts_on() {
    for value in ["true", "TRUE", " True "] {
        let mut env = env(&[
            ("OTEL_SDK_DISABLED", value),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "refused all the same"),
        ]);
        let recorder = Recorder::default();
        let provider = TracerProvider::builder()
            .exporter(recorder.clone())
            .env(&mut env)
            .build()
            .expect("provider");
        assert_eq!(env.diagnostics().len(), 1);
        let tracer = provider.tracer("t");
        assert!(!tracer.enabled());
        let root = tracer.start("root");
        assert!(!root.is_recording());
        // api.md "Behavior of the API in the absence of an installed SDK".
        assert!(!root.span_context().is_valid());
        let parent = SpanContext::new(
            TraceId::from(7),
            SpanId::from(8),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        );
        let context = Context::new().with_remote_span_context(parent.clone());
        let child = tracer.start_with_context("child", &context);
        assert_eq!(*child.span_context(), parent);
        drop((root, child));
        provider.force_flush(TIMEOUT).expect("nothing to flush");
        provider.shutdown(TIMEOUT).expect("nothing to end");
        let stats = balanced(&provider);
        assert_eq!((stats.started, stats.exporters.len()), (0, 0));
        assert_eq!(recorder.spans(), []);
    }
    for value in ["false", "", "1", "yes"] {
        let mut env = env(&[("OTEL_SDK_DISABLED", value)]);
        let provider = TracerProvider::builder().env(&mut env).build();
        let provider = provider.expect("provider");
        assert!(provider.tracer("t").start("x").is_recording(), "{value:?}");
    }
}

#[test]
fn row_97_batches_follow_their_variables() {
    let provider = |variables: &[(&str, &str)], recorder: &Recorder| {
        TracerProvider::builder()
            .exporter(recorder.clone())
            .env(&mut env(variables))
            .build()
            .expect("provider")
    };
    let make = |provider: &TracerProvider, spans| {
        for _ in 0..spans {
            provider.tracer("t").start("x");
        }
    };
    let by_size = Recorder::default();
    let sized = provider(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")], &by_size);
    make(&sized, 6);
    sized.force_flush(TIMEOUT).expect("flush");
    assert_eq!(by_size.batches(), [2, 2, 2]);

    let at_once = Recorder::default();
    let undelayed = provider(&[("OTEL_BSP_SCHEDULE_DELAY", "0")], &at_once);
    make(&undelayed, 1);
    eventually("an export without a flush", || at_once.spans().len() == 1);

    let hung = Recorder::with_mood(Mood::Hang);
    let short = provider(
        &[
            ("OTEL_BSP_EXPORT_TIMEOUT", "1"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ],
        &hung,
    );
    make(&short, 1);
    eventually("the export to be given up", || {
        short.stats().exporters[0].failed_total() == 1
    });

    // configuration/common.md "Timeout": zero is no limit.
    let unlimited = TracerProvider::builder()
        .exporter(TakesTime)
        .env(&mut env(&[("OTEL_BSP_EXPORT_TIMEOUT", "0")]))
        .build()
        .expect("provider");
    make(&unlimited, 1);
    unlimited.force_flush(TIMEOUT).expect("flush");
}

#[derive(Debug)]
struct TakesTime;

impl SpanExporter for TakesTime {
    fn component_type(&self) -> &'static str {
        "takes_time"
    }

    fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(ExportSuccess::default())
        })
    }
}

#[test]
fn rows_93_and_94_resource_variables_reach_the_provider_decoded() {
    let mut env = env(&[
        ("OTEL_RESOURCE_ATTRIBUTES", "a=x%2Cy,service.name=list"),
        ("OTEL_SERVICE_NAME", "orders"),
    ]);
    let resource = resource::from_env(&mut env);
    let get = |key: &'static str| resource.get(&key.into()).map(|value| value.to_string());
    assert_eq!(get("a").as_deref(), Some("x,y"));
    assert_eq!(get("service.name").as_deref(), Some("orders"));
}

/// More than 200 invalid values, one variable at a time.
#[test]
fn hostile_values_leave_the_default_and_one_diagnostic_each() {
    let long = "9".repeat(100_000);
    let numbers = [
        "s3cret",
        "-1",
        "1.5",
        "1e3",
        "0x10",
        "NaN",
        "inf",
        "+-1",
        "1 000",
        "1_000",
        "1,000",
        "\u{ff11}\u{ff12}",
        "18446744073709551616",
        "99999999999999999999999999",
        "1;s3cret",
        "\u{1b}[31ms3cret",
        "\u{0}",
        "1\n2",
        "s3cret\r\nX: y",
        "null",
        "true",
        "5s",
        "%31",
        "${OTEL_BSP_MAX_QUEUE_SIZE}",
        "\u{fffd}\u{fffd}",
        &long,
    ];
    let mut checked = 0;
    for variable in NUMBERS {
        for value in numbers {
            check(variable, value);
            checked += 1;
        }
    }
    for value in ["s3cret", "1", "yes", "on", "tru", "truee", "\u{0}", &long] {
        check("OTEL_SDK_DISABLED", value);
        checked += 1;
    }
    for value in [
        "s3cret",
        "=s3cret",
        "a=1,s3cret",
        "a=%ff%fe",
        "a=%00%ff",
        "a=s3cret%00",
        "a=\u{1b}[31ms3cret",
        "a=s3cret\u{fffd}",
        ";",
    ] {
        check("OTEL_RESOURCE_ATTRIBUTES", value);
        checked += 1;
    }
    for value in ["\u{1b}[31ms3cret", "a\u{0}b", "\u{fffd}", &long] {
        check("OTEL_SERVICE_NAME", value);
        checked += 1;
    }
    assert!(checked > 200, "{checked}");
}

#[track_caller]
fn check(variable: &'static str, value: &str) {
    let shown = &value[..value.floor_char_boundary(40)];
    let mut env = env(&[(variable, value)]);
    assert!(!env.flag("OTEL_SDK_DISABLED"));
    assert_eq!(
        BatchConfig::from_env(&mut env),
        BatchConfig::default(),
        "{variable}={shown:?}"
    );
    assert_eq!(
        SpanLimits::from_env(&mut env),
        SpanLimits::default(),
        "{variable}={shown:?}"
    );
    let resource = resource::from_env(&mut env);
    let name = resource.get(&"service.name".into()).expect("always there");
    assert!(name.as_str().starts_with("unknown_service:"), "{shown:?}");
    let [told] = env.diagnostics() else {
        assert_eq!(env.diagnostics().len(), 1, "{variable}={shown:?}");
        return;
    };
    assert_eq!(told.variable, variable);
    let text = told.to_string();
    assert!(text.len() < 200 && text.is_ascii(), "{text}");
    assert!(!text.contains(char::is_control), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

/// A whole environment of nonsense still gives a provider that works.
#[test]
fn provider_works_under_an_environment_of_nonsense() {
    let mut env = Env::new(|_| Some("s3cret".to_owned()));
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .env(&mut env)
        .exporter(recorder.clone())
        .build()
        .expect("provider");
    provider.tracer("t").start("x");
    provider
        .force_flush(Duration::from_secs(20))
        .expect("flush");
    assert_eq!(recorder.spans().len(), 1);
    // Only the service's name is valid, because any plain text is.
    assert_eq!(env.diagnostics().len(), NUMBERS.len() + 2);
}
