//! Starting spans.

use std::sync::Arc;

use opentelemetry::{
    Context,
    trace::{SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags},
};
use opentelemetry_sdk::trace::SamplingDecision;

use crate::{
    clock::unix_nanos,
    local,
    provider::Shared,
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

    /// Whether a span started now could be recorded (trace/api.md "Enabled"): false after a
    /// shutdown and inside exporters. For callers that want to spare the work of collecting
    /// attributes.
    pub fn enabled(&self) -> bool {
        !self.shared.is_closed() && !Context::is_current_telemetry_suppressed()
    }
}

impl opentelemetry::trace::Tracer for Tracer {
    type Span = Span;

    fn build_with_context(&self, mut builder: SpanBuilder, parent_cx: &Context) -> Span {
        let shared = &self.shared;
        if parent_cx.is_telemetry_suppressed() {
            return Span::non_recording(SpanContext::NONE);
        }
        let parent_span = parent_cx.span();
        if shared.is_closed() {
            // A process that is draining still passes its callers' context on.
            return Span::non_recording(parent_span.span_context().clone());
        }
        let parent = Some(parent_span.span_context()).filter(|parent| parent.is_valid());
        let (trace_id, span_id) = local::new_ids(parent.map(SpanContext::trace_id));
        let sampling = shared.sample(parent, parent_cx, trace_id, &builder);
        let sampled = sampling.decision == SamplingDecision::RecordAndSample;
        // All eight flags of the parent are passed on; a root's id is random by construction.
        let flags = parent.map_or(RANDOM, SpanContext::trace_flags);
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
        let start_unix_nanos = match builder.start_time {
            Some(start) => unix_nanos(start),
            None => offset.apply(shared.clock.monotonic_nanos()),
        };
        let mut recording = local::start(
            shared,
            &Birth {
                context: &context,
                parent: parent.map(|parent| (parent.span_id(), parent.is_remote())),
                scope: self.scope,
                kind: otlp_kind(builder.span_kind.as_ref()),
                name: &builder.name,
                start_unix_nanos,
                offset,
            },
        );
        for attribute in builder
            .attributes
            .iter()
            .flatten()
            .chain(&sampling.attributes)
        {
            recording.set_attribute(attribute);
        }
        for event in builder.events.take().unwrap_or_default() {
            recording.add_event(
                &event.name,
                unix_nanos(event.timestamp),
                &event.attributes,
                event.dropped_attributes_count,
            );
        }
        for link in builder.links.iter().flatten() {
            recording.add_link(
                &link.span_context,
                &link.attributes,
                link.dropped_attributes_count,
            );
        }
        Span::recording(context, recording)
    }
}

/// The numbers of trace.proto's `SpanKind`; a span without one is internal.
fn otlp_kind(kind: Option<&SpanKind>) -> u8 {
    match kind {
        None | Some(SpanKind::Internal) => 1,
        Some(SpanKind::Server) => 2,
        Some(SpanKind::Client) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}
