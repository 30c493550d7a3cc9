//! Starting spans.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use opentelemetry::{
    Context, KeyValue,
    trace::{Event, Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

use crate::{
    clock::unix_nanos,
    local,
    provider::{Sampler, Shared, trace_state_of},
    span::{Span, recording::Birth},
};

/// The W3C level 2 flag that says: the trace id is random in its last 7 bytes.
const RANDOM: TraceFlags = TraceFlags::new(0x02);

/// Starts spans of one instrumentation scope: implements [`opentelemetry::trace::Tracer`].
///
/// # Cost
/// Starting a sampled span reads the clock once and takes a buffer from the thread's pool: no
/// lock, no allocation once the pool is warm. A span that is not sampled costs its ids and the
/// sampler.
#[derive(Clone, Debug)]
pub struct Tracer {
    shared: Arc<Shared>,
    scope: u32,
}

impl Tracer {
    pub(crate) fn new(shared: Arc<Shared>, scope: u32) -> Self {
        Self { shared, scope }
    }

    /// Whether somebody could see a span that is started now (trace/api.md "Enabled"): false where
    /// there is neither a processor nor an exporter, after a shutdown, and inside exporters and
    /// processors. For callers that want to spare the work of collecting attributes.
    pub fn enabled(&self) -> bool {
        self.shared.has_audience()
            && !self.shared.is_closed()
            && !self.shared.processors.are_running()
            && !Context::is_current_telemetry_suppressed()
    }
}

/// What a caller asks for. Borrowed, because a builder is much larger than what most spans need.
#[derive(Default)]
struct Request<'a> {
    name: &'a str,
    kind: Option<&'a SpanKind>,
    start_time: Option<SystemTime>,
    attributes: &'a [KeyValue],
    events: &'a [Event],
    links: &'a [Link],
}

impl Tracer {
    #[inline]
    fn begin(&self, request: &Request<'_>, parent_cx: &Context) -> Span {
        let shared = &self.shared;
        if parent_cx.is_telemetry_suppressed() {
            return Span::non_recording(SpanContext::NONE);
        }
        let parent_span = parent_cx.span();
        if shared.is_closed() || shared.processors.are_running() {
            // A process that is draining still passes its callers' context on.
            return Span::non_recording(parent_span.span_context().clone());
        }
        let parent = Some(parent_span.span_context()).filter(|parent| parent.is_valid());
        let (trace_id, span_id) = local::new_ids(parent.map(SpanContext::trace_id));
        let sampling = match &shared.sampler {
            Sampler::ParentOrAlways => SamplingResult {
                decision: match parent {
                    Some(parent) if !parent.is_sampled() => SamplingDecision::Drop,
                    _ => SamplingDecision::RecordAndSample,
                },
                attributes: Vec::new(),
                trace_state: trace_state_of(parent),
            },
            Sampler::Custom(sampler) => shared.sample(parent, || {
                sampler.should_sample(
                    Some(parent_cx),
                    trace_id,
                    request.name,
                    request.kind.unwrap_or(&SpanKind::Internal),
                    request.attributes,
                    request.links,
                )
            }),
        };
        // All eight flags of the parent are passed on; a root's id is random by construction.
        let flags = parent.map_or(RANDOM, SpanContext::trace_flags);
        let sampled = sampling.decision == SamplingDecision::RecordAndSample;
        let context = SpanContext::new(
            trace_id,
            span_id,
            flags.with_sampled(sampled),
            false,
            sampling.trace_state,
        );
        if sampling.decision == SamplingDecision::Drop {
            return Span::non_recording(context);
        }
        let offset = shared.clock.offset();
        let start_unix_nanos = match request.start_time {
            Some(start) => unix_nanos(start),
            None => offset.apply(shared.clock.monotonic_nanos()),
        };
        let mut recording = local::start(shared);
        recording.begin(&Birth {
            context: &context,
            parent,
            scope: self.scope,
            kind: otlp_kind(request.kind),
            name: request.name,
            start_unix_nanos,
            offset,
        });
        for attribute in request.attributes.iter().chain(&sampling.attributes) {
            recording.set_attribute(attribute);
        }
        for event in request.events {
            let at = unix_nanos(event.timestamp);
            let dropped = event.dropped_attributes_count;
            recording.add_event(&event.name, at, &event.attributes, dropped);
        }
        for link in request.links {
            let dropped = link.dropped_attributes_count;
            recording.add_link(&link.span_context, &link.attributes, dropped);
        }
        let mut span = Span::recording(context, recording);
        if !shared.processors.is_empty() {
            shared.processors.on_start(&mut span, parent_cx);
        }
        span
    }
}

impl opentelemetry::trace::Tracer for Tracer {
    type Span = Span;

    // The trait's own two go through a builder, which costs more than starting the span.
    fn start<T: Into<Cow<'static, str>>>(&self, name: T) -> Span {
        let name = name.into();
        Context::map_current(|current| self.begin(&named(&name), current))
    }

    fn start_with_context<T: Into<Cow<'static, str>>>(&self, name: T, parent_cx: &Context) -> Span {
        self.begin(&named(&name.into()), parent_cx)
    }

    fn build_with_context(&self, builder: SpanBuilder, parent_cx: &Context) -> Span {
        let request = Request {
            name: &builder.name,
            kind: builder.span_kind.as_ref(),
            start_time: builder.start_time,
            attributes: builder.attributes.as_deref().unwrap_or_default(),
            events: builder.events.as_deref().unwrap_or_default(),
            links: builder.links.as_deref().unwrap_or_default(),
        };
        self.begin(&request, parent_cx)
    }
}

fn named(name: &str) -> Request<'_> {
    Request {
        name,
        ..Request::default()
    }
}

/// The numbers of trace.proto's `SpanKind`; a span without one is internal.
pub(crate) fn otlp_kind(kind: Option<&SpanKind>) -> u8 {
    match kind {
        None | Some(SpanKind::Internal) => 1,
        Some(SpanKind::Server) => 2,
        Some(SpanKind::Client) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}
