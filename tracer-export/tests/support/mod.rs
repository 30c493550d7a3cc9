//! What the tests share: spans to send, a stock collector, and a scripted HTTP server.

// Each test binary uses its own part.
#![allow(dead_code)]

pub mod collector;
pub mod h2;
pub mod log;
pub mod raw;
#[cfg(feature = "tls")]
pub mod tls;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _},
};
use opentelemetry_proto::{
    tonic::trace::v1::{ResourceSpans, ScopeSpans, Span},
    transform::trace::tonic::group_spans_by_resource_and_scope,
};
use opentelemetry_sdk::{Resource, error::OTelSdkResult, trace::SpanData};
use tracer_core::{ExporterStats, SpanExporter, TracerProvider, sdk::SdkExporter};

pub fn resource() -> Resource {
    Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "export test"))
        .build()
}

/// What a provider with one exporter came to.
#[derive(Debug)]
pub struct Sent {
    pub stats: ExporterStats,
    /// From the first span's end to the end of the flush or shutdown.
    pub took: Duration,
}

/// Sends `spans` spans through `exporter` alone, with a flush whose timeout is `patience`.
pub fn send(exporter: impl SpanExporter, spans: u64, patience: Duration) -> Sent {
    send_boxed(Box::new(exporter), spans, patience)
}

pub fn send_boxed(exporter: Box<dyn SpanExporter>, spans: u64, patience: Duration) -> Sent {
    send_with(exporter, spans, |provider| {
        // Ignored: the statistics show what was not delivered.
        let _ = provider.force_flush(patience);
    })
}

/// Like [`send`], with a shutdown in place of the flush. During a shutdown fewer exports are
/// retried.
pub fn send_at_shutdown(exporter: Box<dyn SpanExporter>, spans: u64, patience: Duration) -> Sent {
    send_with(exporter, spans, |provider| {
        let _ = provider.shutdown(patience);
    })
}

fn send_with(
    exporter: Box<dyn SpanExporter>,
    spans: u64,
    end: impl FnOnce(&TracerProvider),
) -> Sent {
    let provider = TracerProvider::builder()
        .resource(resource())
        .boxed_exporter(exporter)
        .build()
        .unwrap();
    let tracer = provider.tracer("send");
    let start = Instant::now();
    for number in 0..spans {
        tracer.start(format!("span {number}")).end();
    }
    end(&provider);
    let took = start.elapsed();
    let _ = provider.shutdown(Duration::ZERO);
    let stats = provider.stats();
    assert_eq!(stats.ended, spans);
    assert!(stats.balances(), "{stats:?}");
    let [stats] = stats.exporters.try_into().unwrap();
    Sent { stats, took }
}

/// Sends spans of several kinds through `exporter`, and through the stock SDK's own
/// transformation: what should have arrived.
pub fn send_varied(exporter: impl SpanExporter) -> ResourceSpans {
    let capture = StockCapture::default();
    let provider = TracerProvider::builder()
        .resource(resource())
        .exporter(exporter)
        .exporter(SdkExporter::new(capture.clone()))
        .build()
        .unwrap();
    let web = provider.tracer("web");
    web.in_span("root", |_| {
        let db = provider.tracer("db");
        for number in 0..50_i64 {
            let mut span = db
                .span_builder(format!("query {number}"))
                .with_kind(SpanKind::Client)
                .with_attributes([KeyValue::new("db.system.name", "postgresql")])
                .start(&db);
            span.set_attribute(KeyValue::new("rows", number));
            span.add_event("fetched", vec![KeyValue::new("more", number % 2 == 0)]);
            if number % 10 == 0 {
                span.set_status(Status::error("deadlock"));
            }
            span.end();
        }
    });
    provider.shutdown(Duration::from_secs(20)).unwrap();
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    for exporter in &stats.exporters {
        assert_eq!(exporter.exported, 51, "{stats:?}");
    }
    let spans = std::mem::take(&mut *capture.0.lock().unwrap());
    let grouped = group_spans_by_resource_and_scope(spans, &(&resource()).into());
    let [expected] = grouped.try_into().unwrap();
    expected
}

/// Takes away what may differ between two right encodings: orders, and whether an unset status is
/// written. Several requests become one.
pub fn normal(resource_spans: impl IntoIterator<Item = ResourceSpans>) -> ResourceSpans {
    let mut merged: Option<ResourceSpans> = None;
    for resource_spans in resource_spans {
        match &mut merged {
            None => merged = Some(resource_spans),
            Some(merged) => {
                assert_eq!(merged.resource, resource_spans.resource);
                merged.scope_spans.extend(resource_spans.scope_spans);
            }
        }
    }
    let mut merged = merged.expect("something arrived");
    let mut scopes: Vec<ScopeSpans> = Vec::new();
    for scope in merged.scope_spans {
        match scopes.iter_mut().find(|known| known.scope == scope.scope) {
            Some(known) => known.spans.extend(scope.spans),
            None => scopes.push(scope),
        }
    }
    let name = |scope: &ScopeSpans| scope.scope.as_ref().unwrap().name.clone();
    scopes.sort_by_key(name);
    for span in scopes.iter_mut().flat_map(|scope| &mut scope.spans) {
        span.status.get_or_insert_default();
    }
    for scope in &mut scopes {
        scope
            .spans
            .sort_by(|a: &Span, b: &Span| a.name.cmp(&b.name));
    }
    merged.scope_spans = scopes;
    merged
}

/// Polls until `condition` holds.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[derive(Clone, Debug, Default)]
struct StockCapture(Arc<Mutex<Vec<SpanData>>>);

impl opentelemetry_sdk::trace::SpanExporter for StockCapture {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}
