//! Ours and the peer, each with the stock SDK's exporter in memory behind it.

use std::{collections::BTreeMap, time::Duration};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{
        SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
        TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracer_core::{TracerProvider, TracerProviderBuilder, sdk::SdkExporter};
use tracer_instrument::tracing::{TracingLayer, layer_with};
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// A provider of ours, and what it exported.
pub(crate) struct Ours {
    pub(crate) provider: TracerProvider,
    memory: InMemorySpanExporter,
}

impl Ours {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(
        configure: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder,
    ) -> Self {
        let memory = InMemorySpanExporter::default();
        let builder = TracerProvider::builder().exporter(SdkExporter::new(memory.clone()));
        Self {
            provider: configure(builder).build().expect("provider"),
            memory,
        }
    }

    pub(crate) fn layer(&self) -> TracingLayer {
        layer_with(self.provider.tracer("test"))
    }

    /// Runs `work` with a subscriber that has the layer.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        self.run_with(|layer| layer, work)
    }

    pub(crate) fn run_with<T>(
        &self,
        configure: impl FnOnce(TracingLayer) -> TracingLayer,
        work: impl FnOnce() -> T,
    ) -> T {
        let subscriber = tracing_subscriber::registry().with(configure(self.layer()));
        tracing::subscriber::with_default(subscriber, work)
    }

    /// What was exported so far, in the order of the ends.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.provider.force_flush(TIMEOUT).expect("flush");
        self.memory.get_finished_spans().expect("spans")
    }

    pub(crate) fn span(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let found = spans.iter().find(|span| span.name == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {spans:?}"))
            .clone()
    }
}

/// Runs `work` on our layer and returns what it exported.
pub(crate) fn ours(work: impl FnOnce()) -> Vec<SpanData> {
    let ours = Ours::new();
    ours.run(work);
    ours.spans()
}

pub(crate) type PeerLayer =
    tracing_opentelemetry::OpenTelemetryLayer<Registry, opentelemetry_sdk::trace::SdkTracer>;

/// The same on `tracing-opentelemetry` over the stock SDK, with the attributes off that ours has off.
pub(crate) fn peer(
    configure: impl FnOnce(PeerLayer) -> PeerLayer,
    work: impl FnOnce(),
) -> Vec<SpanData> {
    let memory = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(memory.clone())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("test"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    let subscriber = tracing_subscriber::registry().with(configure(layer));
    tracing::subscriber::with_default(subscriber, work);
    memory.get_finished_spans().expect("spans")
}

/// What can be compared of a span: ids are told by the names of their spans.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) parent: String,
    pub(crate) kind: SpanKind,
    pub(crate) status: Status,
    pub(crate) attributes: BTreeMap<String, Value>,
    pub(crate) events: Vec<(String, BTreeMap<String, Value>)>,
    pub(crate) links: Vec<String>,
}

pub(crate) fn told(spans: &[SpanData]) -> Vec<Told> {
    let name_of = |id: SpanId| {
        let found = spans.iter().find(|span| span.span_context.span_id() == id);
        match (found, id) {
            (Some(span), _) => span.name.to_string(),
            (None, SpanId::INVALID) => "none".to_owned(),
            (None, id) => format!("{id:?}"),
        }
    };
    let told = |span: &SpanData| Told {
        name: span.name.to_string(),
        parent: name_of(span.parent_span_id),
        kind: span.span_kind.clone(),
        status: span.status.clone(),
        attributes: map(&span.attributes),
        events: span
            .events
            .iter()
            .map(|event| (event.name.to_string(), map(&event.attributes)))
            .collect(),
        links: span
            .links
            .iter()
            .map(|link| name_of(link.span_context.span_id()))
            .collect(),
    };
    spans.iter().map(told).collect()
}

pub(crate) fn map(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    let pairs = attributes
        .iter()
        .map(|attribute| (attribute.key.to_string(), attribute.value.clone()));
    pairs.collect()
}

/// Runs the same on both, and asserts that they export the same. Returns what that is.
#[track_caller]
pub(crate) fn same(work: impl Fn()) -> Vec<Told> {
    same_with(|layer| layer, |layer| layer, work)
}

#[track_caller]
pub(crate) fn same_with(
    configure: impl FnOnce(TracingLayer) -> TracingLayer,
    configure_peer: impl FnOnce(PeerLayer) -> PeerLayer,
    work: impl Fn(),
) -> Vec<Told> {
    let ours = Ours::new();
    ours.run_with(configure, &work);
    let (ours, peer) = (told(&ours.spans()), told(&peer(configure_peer, work)));
    assert_eq!(ours, peer);
    ours
}

/// The context of a caller in another process.
pub(crate) fn remote(flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        flags,
        true,
        "vendor=1".parse().expect("a tracestate"),
    ))
}
