//! Our layer and that of `tracing-opentelemetry` on one registry. One test, because what is logged before
//! there is a subscriber goes to the first subscriber of the process.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TracerProvider as _},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracer_core::TracerProvider;
use tracer_instrument::tracing::layer_with;
use tracing::{Dispatch, Subscriber, info_span};
use tracing_subscriber::{Layer as _, Registry, layer::SubscriberExt as _, registry::LookupSpan};

/// What was written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes spans, as many as a thread needs to be sure, and returns the warnings.
fn warnings(
    subscriber: impl FnOnce(Registry, &TracerProvider, &SdkTracerProvider) -> Dispatch,
    lines: &Lines,
    work: impl Fn(),
) -> usize {
    let (ours, stock) = (
        TracerProvider::builder().build().expect("provider"),
        SdkTracerProvider::builder().build(),
    );
    let dispatch = subscriber(tracing_subscriber::registry(), &ours, &stock);
    tracing::dispatcher::with_default(&dispatch, || {
        (0..10).for_each(|_| work());
        ours.force_flush(Duration::from_secs(5)).expect("flush");
    });
    let written = lines.0.lock().expect("no panic");
    let written = String::from_utf8_lossy(&written);
    let names_both = |line: &&str| {
        line.contains("tracer_instrument::tracing") && line.contains("tracing_opentelemetry")
    };
    written.lines().filter(names_both).count()
}

fn fmt<S: Subscriber + for<'a> LookupSpan<'a>>(
    lines: &Lines,
) -> impl tracing_subscriber::Layer<S> + use<S> {
    let lines = lines.clone();
    tracing_subscriber::fmt::layer().with_writer(move || lines.clone())
}

fn nested() {
    let _outer = info_span!("outer").entered();
    info_span!("inner").in_scope(|| ());
}

#[test]
fn layer_of_tracing_opentelemetry_is_one_warning() {
    let lines = Lines::default;
    let peer = |stock: &SdkTracerProvider| stock.tracer("stock");

    let below = lines();
    let found = warnings(
        |registry, ours, stock| {
            let theirs = tracing_opentelemetry::layer().with_tracer(peer(stock));
            let ours = layer_with(ours.tracer("ours"));
            Dispatch::new(registry.with(theirs).with(ours).with(fmt(&below)))
        },
        &below,
        nested,
    );
    assert_eq!(found, 1, "below");

    let above = lines();
    let found = warnings(
        |registry, ours, stock| {
            let theirs = tracing_opentelemetry::layer().with_tracer(peer(stock));
            let ours = layer_with(ours.tracer("ours"));
            Dispatch::new(registry.with(ours).with(fmt(&above)).with(theirs))
        },
        &above,
        nested,
    );
    assert_eq!(found, 1, "above");

    let boxed = lines();
    let found = warnings(
        |registry, ours, stock| {
            let theirs = tracing_opentelemetry::layer().with_tracer(peer(stock));
            let ours = layer_with(ours.tracer("ours"));
            Dispatch::new(registry.with(ours).with(fmt(&boxed)).with(theirs.boxed()))
        },
        &boxed,
        nested,
    );
    assert_eq!(found, 1, "boxed, above");

    let alone = lines();
    let found = warnings(
        |registry, ours, _| {
            let ours = layer_with(ours.tracer("ours"));
            Dispatch::new(registry.with(ours).with(fmt(&alone)))
        },
        &alone,
        || {
            nested();
            // A context that is detached late, and one inside.
            let span = info_span!("outer").entered();
            let other = SpanContext::new(
                TraceId::from(1),
                SpanId::from(2),
                TraceFlags::SAMPLED,
                true,
                Default::default(),
            );
            let other = Context::current().with_remote_span_context(other);
            drop(other.clone().attach());
            let _late = other.attach();
            drop(span);
        },
    );
    assert_eq!(found, 0, "alone");
}
