//! The two implementations of the OpenTelemetry traits, driven by the same code.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer, TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData},
};
use tracer_core::{ExportFuture, ExportSuccess, SpanBatch, TracerProvider};

use crate::{Case, System};

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

struct OtelSystem<T> {
    tracer: T,
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
    let tracer = provider.tracer("bench");
    let flush = move || {
        provider
            .force_flush(Duration::from_secs(30))
            .expect("flush")
    };
    OtelSystem::new(tracer, Box::new(flush), sink)
}

/// `opentelemetry_sdk` with its batch processor and that one's defaults.
pub(crate) fn stock() -> impl System {
    let sink = Sink::default();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(sink.clone())
        .build();
    let tracer = provider.tracer("bench");
    let flush = move || provider.force_flush().expect("flush");
    OtelSystem::new(tracer, Box::new(flush), sink)
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

impl<T> OtelSystem<T>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    fn new(tracer: T, flush: Box<dyn Fn()>, sink: Sink) -> Self {
        Self {
            tracer,
            flush,
            sink,
            sampled: remote(TraceFlags::SAMPLED),
            unsampled: remote(TraceFlags::NOT_SAMPLED),
        }
    }

    fn attributes(&self) {
        let mut span = self.tracer.start("GET /orders/{id}");
        span.set_attribute(KeyValue::new("http.request.method", "GET"));
        span.set_attribute(KeyValue::new("http.route", "/orders/{id}"));
        span.set_attribute(KeyValue::new("http.response.status_code", 500));
        span.set_attribute(KeyValue::new("user.id", String::from("user-1234567890")));
        span.set_attribute(KeyValue::new("retry", false));
        span.add_event("cache miss", vec![KeyValue::new("key", "order")]);
        span.set_status(Status::error("broken"));
        span.end();
    }

    fn child(&self) {
        let span = self.tracer.start_with_context("child", &self.sampled);
        let _active = self.sampled.with_span(span).attach();
        black_box(());
    }

    /// A span that is active while its descendants are made.
    fn tree(&self, depth: usize) {
        if depth > 0 {
            let span = self.tracer.start("node");
            let _active = Context::current_with_span(span).attach();
            self.tree(depth - 1);
        }
    }

    /// What instrumentation does whose request is not sampled.
    fn unsampled(&self, name: &'static str) {
        let mut span = self.tracer.start_with_context(name, &self.unsampled);
        if span.is_recording() {
            span.set_attribute(KeyValue::new("http.route", "/orders/{id}"));
        }
        span.end();
    }
}

impl<T> System for OtelSystem<T>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    fn run(&self, case: Case, operations: usize) {
        for _ in 0..operations {
            match case {
                Case::Root => self.tracer.start(black_box("root")).end(),
                Case::Attributes => self.attributes(),
                Case::Child => self.child(),
                Case::Tree => self.tree(10),
                Case::UnsampledRoot => self.unsampled("root"),
                Case::UnsampledChild => {
                    let span = self.tracer.start_with_context("child", &self.unsampled);
                    let _active = self.unsampled.with_span(span).attach();
                    black_box(());
                }
            }
        }
    }

    fn flush(&self) {
        (self.flush)();
    }

    fn received(&self) -> u64 {
        self.sink.0.load(Ordering::Relaxed)
    }
}
