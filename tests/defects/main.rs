//! Defects of `opentelemetry_sdk` and `opentelemetry-otlp` 0.33.1, and of the propagators of
//! `opentelemetry-zipkin` 0.33.0, `opentelemetry-aws` 0.21.0 and `opentelemetry-jaeger-propagator`
//! 0.32.0, that ours must not have. Each test runs one body on both, through the API's traits. Where
//! it asserts what the stock one does today, a failure there means that it was mended: change the
//! assertion, and the tables in the docs of `tracer-core` and `tracer-propagation`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]

mod b3;
mod baggage;
mod exporting;
mod jaeger;
mod resource;
mod spans;
mod trace_context;
mod version_0_32;
mod xray;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter},
};
use tracer_core::{TracerProvider, sdk::SdkExporter};
use tracer_tests::poll::PATIENCE;

/// An exporter of the SDK that keeps what it gets. A clone is the same exporter.
#[derive(Clone, Debug, Default)]
struct Keeper {
    spans: Arc<Mutex<Vec<SpanData>>>,
    flushes: Arc<AtomicU64>,
    /// How many exports are still to panic.
    panics: Arc<AtomicU64>,
}

impl Keeper {
    fn spans(&self) -> Vec<SpanData> {
        self.spans.lock().unwrap().clone()
    }
}

impl SpanExporter for Keeper {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let left = self.panics.load(Ordering::SeqCst);
        if left > 0 {
            self.panics.store(left - 1, Ordering::SeqCst);
            // Without the hook, which prints.
            std::panic::resume_unwind(Box::new("asked to"));
        }
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn ours(keeper: &Keeper) -> TracerProvider {
    let exporter = SdkExporter::new(keeper.clone());
    TracerProvider::builder()
        .exporter(exporter)
        .build()
        .unwrap()
}

/// The default pipeline of the stock SDK: a batch processor with a thread.
fn stock(keeper: &Keeper) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_batch_exporter(keeper.clone())
        .build()
}

/// The spans that a program makes, by ours and by the stock SDK.
fn both(
    on_ours: impl FnOnce(&tracer_core::Tracer),
    on_stock: impl FnOnce(&SdkTracer),
) -> [Vec<SpanData>; 2] {
    use opentelemetry::trace::TracerProvider as _;
    let keepers = [Keeper::default(), Keeper::default()];
    let provider = ours(&keepers[0]);
    on_ours(&provider.tracer("t"));
    provider.shutdown(PATIENCE).unwrap();
    let provider = stock(&keepers[1]);
    on_stock(&provider.tracer("t"));
    provider.shutdown().unwrap();
    keepers.map(|keeper| keeper.spans())
}

/// Headers with several values of one name, as HTTP has them.
struct Headers(Vec<(&'static str, &'static str)>);

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| *value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let found = self.0.iter().filter(|(name, _)| *name == key);
        let values: Vec<_> = found.map(|(_, value)| *value).collect();
        (!values.is_empty()).then_some(values)
    }
}

fn extract(
    propagator: &dyn TextMapPropagator,
    headers: &[(&'static str, &'static str)],
) -> Context {
    extract_beside(&Context::new(), propagator, headers)
}

/// The same into a context that has something already.
fn extract_beside(
    known: &Context,
    propagator: &dyn TextMapPropagator,
    headers: &[(&'static str, &'static str)],
) -> Context {
    propagator.extract_with_context(known, &Headers(headers.to_vec()))
}

fn inject(propagator: &dyn TextMapPropagator, context: &Context) -> HashMap<String, String> {
    let mut carrier = HashMap::new();
    propagator.inject_context(context, &mut carrier);
    carrier
}

/// What goes out to the next service after one hop.
fn one_hop(
    propagator: &dyn TextMapPropagator,
    headers: &[(&'static str, &'static str)],
) -> HashMap<String, String> {
    inject(propagator, &extract(propagator, headers))
}

/// A context whose span is in another process.
fn remote(flags: u8, state: &str) -> Context {
    let span = SpanContext::new(
        TraceId::from(0x80f1_98ee_5634_3ba8_64fe_8b2a_57d3_eff7),
        SpanId::from(0xe457_b5a2_e4d8_6bd1),
        TraceFlags::new(flags),
        true,
        state.parse().unwrap(),
    );
    Context::new().with_remote_span_context(span)
}
