//! The two implementations of the OpenTelemetry traits, driven by the same code.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::{
    Context, KeyValue, global,
    trace::{
        Span, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer, TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, SpanData},
};
use tracer_core::{ExportFuture, ExportSuccess, SpanBatch, TracerProvider};

use crate::{Case, System, TIMEOUT};

/// Counts spans and forgets them.
#[derive(Clone, Debug, Default)]
struct Sink(Arc<AtomicU64>);

impl opentelemetry_sdk::trace::SpanExporter for Sink {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl tracer_core::SpanExporter for Sink {
    fn component_type(&self) -> &'static str {
        "sink"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

/// A system: `T` is its tracer, `N` the tracer of a process that records nothing.
struct OtelSystem<T, N> {
    tracer: T,
    /// Of a provider whose sampler refuses every root.
    refused: T,
    unrecorded: N,
    flush: Box<dyn Fn()>,
    sink: Sink,
    sampled: Context,
    unsampled: Context,
}

/// Ours, with its defaults.
pub(crate) fn ours() -> impl System {
    let sink = Sink::default();
    let provider = TracerProvider::builder()
        .exporter(sink.clone())
        .build()
        .expect("provider");
    let refusing = TracerProvider::builder()
        .exporter(sink.clone())
        .sampler(Sampler::AlwaysOff)
        .build()
        .expect("provider");
    let closed = TracerProvider::builder().build().expect("provider");
    closed.shutdown(TIMEOUT).expect("shutdown");
    OtelSystem {
        tracer: provider.tracer("bench"),
        refused: refusing.tracer("bench"),
        unrecorded: closed.tracer("bench"),
        flush: Box::new(move || {
            // Kept alive as long as the system.
            let _ = &refusing;
            provider.force_flush(TIMEOUT).expect("flush");
        }),
        sink,
        sampled: remote(TraceFlags::SAMPLED),
        unsampled: remote(TraceFlags::NOT_SAMPLED),
    }
}

/// `opentelemetry_sdk` with its batch processor and that one's defaults; where nothing is recorded,
/// the API's global tracer before any provider is installed.
pub(crate) fn stock() -> impl System {
    let sink = Sink::default();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(sink.clone())
        .build();
    let refusing = SdkTracerProvider::builder()
        .with_batch_exporter(sink.clone())
        .with_sampler(Sampler::AlwaysOff)
        .build();
    OtelSystem {
        tracer: provider.tracer("bench"),
        refused: refusing.tracer("bench"),
        unrecorded: global::tracer("bench"),
        flush: Box::new(move || {
            let _ = &refusing;
            provider.force_flush().expect("flush");
        }),
        sink,
        sampled: remote(TraceFlags::SAMPLED),
        unsampled: remote(TraceFlags::NOT_SAMPLED),
    }
}

fn remote(flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        flags,
        true,
        TraceState::NONE,
    ))
}

/// A root span with what a request of a server has.
pub fn attributes(tracer: &impl Tracer) {
    let mut span = tracer.start("GET /orders/{id}");
    span.set_attribute(KeyValue::new("http.request.method", "GET"));
    span.set_attribute(KeyValue::new("http.route", "/orders/{id}"));
    span.set_attribute(KeyValue::new("http.response.status_code", 500));
    span.set_attribute(KeyValue::new("user.id", String::from("user-1234567890")));
    span.set_attribute(KeyValue::new("retry", false));
    span.add_event("cache miss", vec![KeyValue::new("key", "order")]);
    span.set_status(Status::error("broken"));
    span.end();
}

/// A span that is active while `parent` is.
fn activated<T>(tracer: &T, parent: &Context)
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let span = tracer.start_with_context("child", parent);
    let _active = parent.with_span(span).attach();
    black_box(());
}

/// Spans that are active while their descendants are made.
fn tree<T>(tracer: &T, depth: usize)
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    if depth > 0 {
        let span = tracer.start("node");
        let _active = Context::current_with_span(span).attach();
        tree(tracer, depth - 1);
    }
}

/// What instrumentation does with a span that is likely not sampled.
fn guarded(mut span: impl Span) {
    if span.is_recording() {
        span.set_attribute(KeyValue::new("http.route", "/orders/{id}"));
    }
    span.end();
}

// Generic, so that each work is compiled into its own loop.
fn repeat(operations: usize, work: impl Fn()) {
    for _ in 0..operations {
        work();
    }
}

impl<T, N> System for OtelSystem<T, N>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
    N: Tracer,
{
    fn run(&self, case: Case, operations: usize) {
        let Self {
            tracer,
            refused,
            unrecorded,
            sampled,
            unsampled,
            ..
        } = self;
        match case {
            Case::Root => repeat(operations, || tracer.start(black_box("root")).end()),
            Case::Attributes => repeat(operations, || attributes(tracer)),
            Case::Child => repeat(operations, || activated(tracer, sampled)),
            Case::Tree => repeat(operations, || tree(tracer, 10)),
            Case::UnsampledRoot => repeat(operations, || guarded(refused.start(black_box("root")))),
            Case::UnsampledChild => {
                let parent = refused.start("parent");
                let _active = Context::current_with_span(parent).attach();
                repeat(operations, || tracer.start(black_box("child")).end());
            }
            Case::UnsampledRemoteChild => {
                repeat(operations, || {
                    guarded(tracer.start_with_context(black_box("child"), unsampled))
                });
            }
            Case::UnsampledActivated => repeat(operations, || activated(tracer, unsampled)),
            Case::NoProvider => repeat(operations, || unrecorded.start(black_box("root")).end()),
        }
    }

    fn flush(&self) {
        (self.flush)();
    }

    fn received(&self) -> u64 {
        self.sink.0.load(Ordering::Relaxed)
    }
}
