//! Starting spans.

use std::{borrow::Cow, mem, sync::Arc, time::SystemTime};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceId,
    trace::{
        Event, Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags, TraceState,
    },
};
use opentelemetry_sdk::trace::SamplingDecision;

use crate::{
    clock::unix_nanos,
    ids::{RANDOM, new_ids},
    local, metrics,
    provider::{Sampler, Shared},
    span::{Span, recording::Birth},
};

/// Starts spans of one instrumentation scope: implements [`opentelemetry::trace::Tracer`].
///
/// # Cost
/// Starting a sampled span reads the clock once and takes a buffer from the thread's pool: no
/// lock, no allocation once the pool is warm. A span that is not sampled costs its ids and the
/// sampler.
///
/// Attributes that are known when a span starts are best given to its builder: only those does a
/// sampler see (trace/api.md "Span Creation"). An attribute has a value always; the API has no null.
///
/// # Panics
/// In destructors of thread locals, `start` may find the API's own current context gone, which
/// panics there; `start_with_context` asks for no current context.
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
    fn begin_named(&self, name: &str, parent_cx: &Context) -> Span {
        let request = Request {
            name,
            ..Request::default()
        };
        self.begin(&request, parent_cx)
    }

    // Inlined into the two ways in, so that what a caller does not ask for costs nothing.
    #[inline(always)]
    fn begin(&self, request: &Request<'_>, parent_cx: &Context) -> Span {
        let shared = &self.shared;
        if parent_cx.is_telemetry_suppressed() {
            return Span::non_recording(|context| *context = SpanContext::NONE);
        }
        let parent_span = parent_cx.span();
        let parent = parent_span.span_context();
        if shared.is_closed() || shared.processors.are_running() {
            // A process that is draining still passes its callers' context on.
            return Span::non_recording(|context| context.clone_from(parent));
        }
        let parent = Some(parent).filter(|parent| parent.is_valid());
        let parent_trace_id = parent.map(SpanContext::trace_id);
        let (trace_id, span_id, root_flags) = match &shared.custom_ids {
            None => {
                let (trace_id, span_id) = new_ids(parent_trace_id);
                (trace_id, span_id, RANDOM)
            }
            Some(custom) => custom.new_ids(parent_trace_id),
        };
        let identity = Identity {
            trace_id,
            span_id,
            // All eight flags of the parent are passed on.
            flags: parent.map_or(root_flags, SpanContext::trace_flags),
        };
        let Sampler::Custom(sampler) = &shared.sampler else {
            let write = |context: &mut SpanContext, sampled| {
                let state = parent.map(SpanContext::trace_state);
                let state = state.filter(|state| **state != TraceState::NONE);
                identity.write(context, sampled, state.map(|state| || state.clone()));
            };
            if parent.is_some_and(|parent| !parent.is_sampled()) {
                self.count_start(parent, &SamplingDecision::Drop);
                return Span::non_recording(|context| write(context, false));
            }
            self.count_start(parent, &SamplingDecision::RecordAndSample);
            return self.record(request, parent_cx, parent, &[], |context| {
                write(context, true)
            });
        };
        let sampling = shared.sample(parent, || {
            sampler.should_sample(
                Some(parent_cx),
                trace_id,
                request.name,
                request.kind.unwrap_or(&SpanKind::Internal),
                request.attributes,
                request.links,
            )
        });
        self.count_start(parent, &sampling.decision);
        let mut state = sampling.trace_state;
        let sampled = sampling.decision == SamplingDecision::RecordAndSample;
        let write = |context: &mut SpanContext| {
            let has_state = state != TraceState::NONE;
            let state = || mem::take(&mut state);
            identity.write(context, sampled, has_state.then_some(state));
        };
        let attributes = sampling.attributes;
        if sampling.decision == SamplingDecision::Drop {
            let span = Span::non_recording(write);
            if attributes.capacity() == 0 {
                // Nothing to free, which its drop takes a call to find out.
                mem::forget(attributes);
            }
            return span;
        }
        self.record(request, parent_cx, parent, &attributes, write)
    }

    /// Counts a start by kind, if there is a meter to tell.
    #[inline]
    fn count_start(&self, parent: Option<&SpanContext>, decision: &SamplingDecision) {
        if self.shared.is_metered {
            local::count_birth(&self.shared, metrics::birth(parent, decision));
        }
    }

    /// Starts a span that records.
    #[inline(always)]
    fn record(
        &self,
        request: &Request<'_>,
        parent_cx: &Context,
        parent: Option<&SpanContext>,
        attributes: &[KeyValue],
        write_context: impl FnOnce(&mut SpanContext),
    ) -> Span {
        let shared = &self.shared;
        let anchor = shared.clock.anchor();
        let start_unix_nanos = match request.start_time {
            Some(start) => unix_nanos(start),
            None => anchor.wall(shared.clock.monotonic_nanos()),
        };
        let mut recording = local::start(shared);
        write_context(recording.context_mut());
        recording.begin(&Birth {
            parent,
            scope: self.scope,
            kind: otlp_kind(request.kind),
            name: request.name,
            start_unix_nanos,
            anchor,
        });
        for attribute in request.attributes.iter().chain(attributes) {
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
        let mut span = Span::recording(recording);
        if !shared.processors.is_empty() {
            shared.processors.on_start(&mut span, parent_cx);
        }
        span
    }
}

/// A span context but for its tracestate: what is written without touching other memory.
#[derive(Clone, Copy)]
struct Identity {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
}

impl Identity {
    /// Writes a whole span context in its place, where it stays: most have no tracestate, and
    /// moving one that may have costs more than all the rest.
    #[inline]
    fn write(
        self,
        context: &mut SpanContext,
        sampled: bool,
        state: Option<impl FnOnce() -> TraceState>,
    ) {
        let flags = self.flags.with_sampled(sampled);
        let (trace_id, span_id) = (self.trace_id, self.span_id);
        *context = SpanContext::new(trace_id, span_id, flags, false, TraceState::NONE);
        if let Some(state) = state {
            *context = SpanContext::new(trace_id, span_id, flags, false, state());
        }
    }
}

impl opentelemetry::trace::Tracer for Tracer {
    type Span = Span;

    // The trait's own two go through a builder, which costs more than starting the span.
    fn start<T: Into<Cow<'static, str>>>(&self, name: T) -> Span {
        let name = name.into();
        Context::map_current(|current| self.begin_named(&name, current))
    }

    fn start_with_context<T: Into<Cow<'static, str>>>(&self, name: T, parent_cx: &Context) -> Span {
        self.begin_named(&name.into(), parent_cx)
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
