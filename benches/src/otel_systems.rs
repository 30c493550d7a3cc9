//! The implementations of the OpenTelemetry traits, driven by the same code.

use std::{
    hint::black_box,
    mem,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::{
    Context, KeyValue,
    global::{self, BoxedTracer},
    trace::{
        Span, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer, TracerProvider as _, noop::NoopTracer,
    },
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracer, SdkTracerProvider, SpanData},
};
use tracer_core::{ExportFuture, ExportSuccess, SpanBatch, TracerProvider, TracerProviderBuilder};
use tracer_export::OtlpHttpConfig;

use crate::{
    Case, System, TIMEOUT, Target, carry,
    native_system::{ActiveSystem, NativeSystem},
};

/// Counts spans and forgets them.
#[derive(Clone, Debug, Default)]
pub struct Sink(pub(crate) Arc<AtomicU64>);

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
    /// Of a provider whose sampler refuses every root. Made when it is needed, as the next one:
    /// idle threads and memory are among what is measured.
    refused: LazyLock<T>,
    unrecorded: LazyLock<N>,
    flush: Box<dyn Fn() + Send + Sync>,
    target: Target,
    sink: Sink,
    sampled: Context,
    unsampled: Context,
    stated: Context,
}

/// Ours, with its defaults.
pub(crate) fn ours(target: &Target) -> impl System + use<> {
    ours_of(target, TracerProvider::builder())
}

/// Ours, with guards that are active in `Context`.
pub(crate) fn ours_active(target: &Target) -> impl System + use<> {
    let builder = TracerProvider::builder().context_activation(true);
    ActiveSystem(ours_of(target, builder))
}

fn ours_of(target: &Target, builder: TracerProviderBuilder) -> impl System + use<> {
    fn refused() -> tracer_core::Tracer {
        let provider = TracerProvider::builder()
            .exporter(Sink::default())
            .sampler(Sampler::AlwaysOff);
        let provider = provider.build().expect("provider");
        let tracer = provider.tracer("bench");
        mem::forget(provider);
        tracer
    }
    fn closed() -> tracer_core::Tracer {
        let provider = TracerProvider::builder().build().expect("provider");
        provider.shutdown(TIMEOUT).expect("shutdown");
        provider.tracer("bench")
    }
    let sink = Sink::default();
    let builder = match target {
        Target::Null => builder.exporter(sink.clone()),
        Target::Http(url) => {
            let exporter = OtlpHttpConfig::default().endpoint(url).build();
            builder.exporter(exporter.expect("exporter"))
        }
    };
    let provider = builder.build().expect("provider");
    provider.set_global();
    NativeSystem(OtelSystem {
        tracer: provider.tracer("bench"),
        refused: LazyLock::new(refused),
        unrecorded: LazyLock::new(closed),
        // One that is late is seen in the counts.
        flush: Box::new(move || drop(provider.force_flush(TIMEOUT))),
        target: target.clone(),
        sink,
        sampled: remote(TraceFlags::SAMPLED, TraceState::NONE),
        unsampled: remote(TraceFlags::NOT_SAMPLED, TraceState::NONE),
        stated: remote(TraceFlags::SAMPLED, carry::state()),
    })
}

/// `opentelemetry_sdk` with its batch processor and that one's defaults; where nothing is recorded,
/// the API's global tracer before any provider is installed.
pub(crate) fn stock(target: &Target) -> impl System + use<> {
    fn refused() -> SdkTracer {
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Sink::default())
            .with_sampler(Sampler::AlwaysOff)
            .build();
        let tracer = provider.tracer("bench");
        mem::forget(provider);
        tracer
    }
    fn nobody() -> BoxedTracer {
        global::tracer("bench")
    }
    let sink = Sink::default();
    let provider = stock_provider(target, &sink);
    OtelSystem {
        tracer: provider.tracer("bench"),
        refused: LazyLock::new(refused),
        unrecorded: LazyLock::new(nobody),
        flush: Box::new(move || drop(provider.force_flush())),
        target: target.clone(),
        sink,
        sampled: remote(TraceFlags::SAMPLED, TraceState::NONE),
        unsampled: remote(TraceFlags::NOT_SAMPLED, TraceState::NONE),
        stated: remote(TraceFlags::SAMPLED, carry::state()),
    }
}

pub(crate) fn stock_provider(target: &Target, sink: &Sink) -> SdkTracerProvider {
    let builder = SdkTracerProvider::builder();
    match target {
        Target::Null => builder.with_batch_exporter(sink.clone()),
        Target::Http(url) => {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_endpoint(url)
                .build();
            builder.with_batch_exporter(exporter.expect("exporter"))
        }
    }
    .build()
}

/// Nothing at all behind the API: what is left is what the caller itself does.
pub(crate) fn nothing() -> impl System {
    OtelSystem {
        tracer: NoopTracer::new(),
        refused: LazyLock::new(NoopTracer::new),
        unrecorded: LazyLock::new(NoopTracer::new),
        flush: Box::new(|| {}),
        target: Target::Null,
        sink: Sink::default(),
        sampled: remote(TraceFlags::SAMPLED, TraceState::NONE),
        unsampled: remote(TraceFlags::NOT_SAMPLED, TraceState::NONE),
        stated: remote(TraceFlags::SAMPLED, carry::state()),
    }
}

fn remote(flags: TraceFlags, state: TraceState) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        flags,
        true,
        state,
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

/// The attribute value of a large span: 8 KiB of text.
pub(crate) fn large_text() -> String {
    "x".repeat(8 << 10)
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
    T: Tracer + Send + Sync,
    T::Span: Send + Sync + 'static,
    N: Tracer + Send + Sync,
{
    fn run(&self, case: Case, operations: usize) {
        let Self {
            tracer,
            refused,
            unrecorded,
            sampled,
            unsampled,
            stated,
            ..
        } = self;
        match case.in_context() {
            Case::Root => repeat(operations, || tracer.start(black_box("root")).end()),
            Case::Attributes => repeat(operations, || attributes(tracer)),
            Case::Child => repeat(operations, || activated(tracer, sampled)),
            Case::StateChild => repeat(operations, || {
                tracer.start_with_context(black_box("child"), stated).end();
            }),
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
            Case::BurstSmall => repeat(operations, || {
                let mut span = tracer.start("root");
                span.set_attribute(KeyValue::new("http.route", "/orders/{id}"));
                span.set_attribute(KeyValue::new("http.response.status_code", 200));
            }),
            Case::BurstLarge => repeat(operations, || {
                let mut span = tracer.start("root");
                span.set_attribute(KeyValue::new("text", large_text()));
            }),
            native => panic!("{native:?} is none in a context"),
        }
    }

    fn flush(&self) {
        (self.flush)();
    }

    fn received(&self) -> u64 {
        match &self.target {
            Target::Null => self.sink.0.load(Ordering::Relaxed),
            Target::Http(url) => crate::http_sink::received(url),
        }
    }
}
