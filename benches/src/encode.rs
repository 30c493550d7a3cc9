//! From spans as the pipeline stores them to the bytes of an OTLP request.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData},
};
use prost::Message;
use tracer_core::{ExportFuture, ExportSuccess, SpanBatch, TracerProvider};
use tracer_export::OtlpEncoder;

use crate::{
    TIMEOUT, Target, attributes,
    bench::{Bench, Job, line},
};

/// Spans of one batch, the default of both.
pub const SPANS: usize = 512;
const BATCHES: usize = 200;

/// Nanoseconds and bytes a span with attributes.
pub(crate) fn compare(bench: &Bench) {
    let systems = ["ours", "otel"];
    let [[ours, bytes], [otel, peers_bytes]] = bench.measure("encode", systems, &Target::Null, &[]);
    line("encode_ns_per_span", ours, "prost", otel);
    line("encode_bytes_per_span", bytes, "prost", peers_bytes);
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let mut spent = Duration::ZERO;
    let mut bytes = 0;
    if job.system == "ours" {
        let batch = stored_by_ours();
        let mut encoder = OtlpEncoder::default();
        for round in 0..=BATCHES {
            let begun = Instant::now();
            bytes = encoder.request(&batch).expect("bytes").len();
            if round > 0 {
                spent += begun.elapsed();
            }
        }
    } else {
        let spans = stored_by_stock();
        let resource = ResourceAttributesWithSchema::from(&Resource::builder().build());
        let mut out = Vec::new();
        for round in 0..=BATCHES {
            // The transformation takes the spans for itself; copying them is not its work.
            let spans = spans.clone();
            let begun = Instant::now();
            encode_stock(spans, &resource, &mut out);
            if round > 0 {
                spent += begun.elapsed();
            }
            bytes = out.len();
        }
    }
    let nanos = spent.as_nanos() as f64 / (BATCHES * SPANS) as f64;
    vec![nanos, bytes as f64 / SPANS as f64]
}

/// What `opentelemetry-otlp` does with a batch, into memory that is used again.
pub fn encode_stock(
    spans: Vec<SpanData>,
    resource: &ResourceAttributesWithSchema,
    out: &mut Vec<u8>,
) {
    out.clear();
    let request = ExportTraceServiceRequest {
        resource_spans: group_spans_by_resource_and_scope(spans, resource),
    };
    request.encode(out).expect("memory");
}

/// A batch as our pipeline stores it.
pub fn stored_by_ours() -> SpanBatch {
    let keep = Keep::default();
    let provider = TracerProvider::builder().exporter(keep.clone()).build();
    let provider = provider.expect("provider");
    let tracer = provider.tracer("bench");
    (0..SPANS).for_each(|_| attributes(&tracer));
    provider.force_flush(TIMEOUT).expect("flush");
    let batch = keep.ours.lock().expect("the batch").take();
    batch.expect("a batch of all spans")
}

/// The same as the stock SDK stores it.
pub fn stored_by_stock() -> Vec<SpanData> {
    let keep = Keep::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(keep.clone())
        .build();
    let tracer = provider.tracer("bench");
    (0..SPANS).for_each(|_| attributes(&tracer));
    let spans = std::mem::take(&mut *keep.stock.lock().expect("the spans"));
    assert_eq!(spans.len(), SPANS);
    spans
}

/// Keeps the last full batch of ours, and all spans of the stock SDK.
#[derive(Clone, Debug, Default)]
struct Keep {
    ours: Arc<Mutex<Option<SpanBatch>>>,
    stock: Arc<Mutex<Vec<SpanData>>>,
}

impl tracer_core::SpanExporter for Keep {
    fn component_type(&self) -> &'static str {
        "keep"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        if batch.len() == SPANS {
            *self.ours.lock().expect("the batch") = Some(batch.clone());
        }
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Keep {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.stock.lock().expect("the spans").extend(batch);
        Ok(())
    }
}
