//! A process with one global subscriber: there `tracing` hands on what a field or a sampler logs while it
//! is asked, which it ignores for a subscriber of a thread. Nobody may wait for himself.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::{
    fmt,
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SamplingDecision, SamplingResult, ShouldSample, SpanData,
};
use tracer_core::{TracerProvider, TracerProviderBuilder, sdk::SdkExporter};
use tracer_instrument::tracing::{OpenTelemetrySpanExt as _, layer};
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Runs `work` on a thread with a provider of its own, and returns what was exported; panics if it
/// does not come to an end.
fn exported(
    configure: fn(TracerProviderBuilder) -> TracerProviderBuilder,
    work: fn(),
) -> Vec<SpanData> {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(layer());
        tracing::subscriber::set_global_default(subscriber).expect("the only one");
    });
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let memory = InMemorySpanExporter::default();
        let builder = TracerProvider::builder().exporter(SdkExporter::new(memory.clone()));
        let provider = configure(builder).build().expect("provider");
        let default = provider.set_thread_default();
        work();
        drop(default);
        provider.force_flush(TIMEOUT).expect("flush");
        done.send(memory.get_finished_spans().expect("spans"))
    });
    wait.recv_timeout(TIMEOUT).expect("no deadlock, no panic")
}

/// Logs, and makes a span, while it is written.
struct Talks;

impl fmt::Debug for Talks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _span = info_span!("made by a field").entered();
        info!("said by a field");
        Context::current()
            .span()
            .set_attribute(KeyValue::new("k", 1));
        f.write_str("talked")
    }
}

#[test]
fn field_that_logs_and_makes_spans_may_do_so() {
    let spans = exported(
        |builder| builder,
        || {
            let span = info_span!("work", talks = ?Talks).entered();
            info!(talks = ?Talks, "event {:?}", Talks);
            span.record("talks", tracing::field::debug(Talks));
        },
    );
    let work = spans.iter().find(|span| span.name == "work").expect("span");
    // Set again inside the span by the field's own code, which works on what is current.
    let talks = work.attributes.iter().find(|a| a.key.as_str() == "talks");
    assert_eq!(talks.map(|talks| &talks.value), Some(&"talked".into()));
    let made = spans.iter().filter(|span| span.name == "made by a field");
    assert_eq!(made.count(), 4);
    assert_eq!(work.events.len(), 1);
}

/// Logs into the span that it decides on, as far as it can know it.
#[derive(Clone, Debug)]
struct Logs;

impl ShouldSample for Logs {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        info!("sampling");
        // A root: the registry keeps the parent of a span open that is closed while another one closes.
        drop(info_span!(parent: None, "of the sampler"));
        Context::map_current(|current| current.span().set_attribute(KeyValue::new("sampler", 1)));
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: Vec::new(),
            trace_state: Default::default(),
        }
    }
}

#[test]
fn sampler_that_logs_does_not_wait_for_the_span_that_it_decides_on() {
    let spans = exported(
        |builder| builder.sampler(Logs),
        || {
            let (trace, span) = (TraceId::from(7), SpanId::from(9));
            let caller = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
            let caller = Context::new().with_remote_span_context(caller);
            let span = info_span!("work").entered();
            assert_eq!(span.set_parent(caller), Ok(()));
            drop(info_span!("child"));
        },
    );
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert!(
        names.contains(&"work") && names.contains(&"child"),
        "{names:?}"
    );
}
