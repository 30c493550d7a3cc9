//! Starting a span, whoever asks: a tracer of OpenTelemetry, or the native API.

use std::{mem, sync::Arc, time::SystemTime};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceId,
    trace::{
        Event, Link, Span as _, SpanContext, SpanKind, TraceContextExt as _, TraceFlags, TraceState,
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

/// What a caller asks for. Borrowed, because a builder is much larger than what most spans need.
#[derive(Default)]
pub(crate) struct Request<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Option<&'a SpanKind>,
    pub(crate) start_time: Option<SystemTime>,
    pub(crate) attributes: &'a [KeyValue],
    pub(crate) events: &'a [Event],
    pub(crate) links: &'a [Link],
}

/// What a new span is a child of.
#[derive(Clone, Copy)]
pub(crate) struct Parent<'a> {
    /// Invalid for a root.
    pub(crate) span: &'a SpanContext,
    /// A `Context` in which that span is the active one. `None` where there is none yet: a native
    /// span is in no `Context` before somebody asks for it.
    pub(crate) context: Option<&'a Context>,
}

impl Parent<'_> {
    /// The parent as samplers and processors are given it. A root, and the child of a native span,
    /// are in the current `Context` but for its span; a root under an active span is in an empty
    /// one, because the API has no way to take a span out.
    pub(crate) fn with_context<T>(&self, work: impl FnOnce(&Context) -> T) -> T {
        if let Some(context) = self.context {
            return work(context);
        }
        let current = Context::current();
        work(&match (self.span.is_valid(), current.has_active_span()) {
            (true, _) => current.with_remote_span_context(self.span.clone()),
            (false, false) => current,
            (false, true) => Context::new(),
        })
    }
}

/// Starts a span that no processor has seen yet.
// Inlined into the ways in, so that what a caller does not ask for costs nothing.
#[inline(always)]
pub(crate) fn begin(
    shared: &Arc<Shared>,
    scope: u32,
    request: &Request<'_>,
    parent: &Parent<'_>,
) -> Span {
    if shared.is_closed() || shared.processors.are_running() {
        // A process that is draining still passes its callers' context on.
        return Span::non_recording(|context| context.clone_from(parent.span));
    }
    let known = Some(parent.span).filter(|span| span.is_valid());
    let parent_trace_id = known.map(SpanContext::trace_id);
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
        flags: known.map_or(root_flags, SpanContext::trace_flags),
    };
    let Sampler::Custom(sampler) = &shared.sampler else {
        let write = |context: &mut SpanContext, sampled| {
            let state = known.map(SpanContext::trace_state);
            let state = state.filter(|state| **state != TraceState::NONE);
            identity.write(context, sampled, state.map(|state| || state.clone()));
        };
        if known.is_some_and(|parent| !parent.is_sampled()) {
            count_start(shared, known, &SamplingDecision::Drop);
            return Span::non_recording(|context| write(context, false));
        }
        count_start(shared, known, &SamplingDecision::RecordAndSample);
        return record(shared, scope, request, known, &[], |context| {
            write(context, true)
        });
    };
    let sampling = shared.sample(known, || {
        parent.with_context(|context| {
            sampler.should_sample(
                Some(context),
                trace_id,
                request.name,
                request.kind.unwrap_or(&SpanKind::Internal),
                request.attributes,
                request.links,
            )
        })
    });
    count_start(shared, known, &sampling.decision);
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
    record(shared, scope, request, known, &attributes, write)
}

/// Shows a span that has started to the processors.
#[inline(always)]
pub(crate) fn announce(shared: &Shared, span: &mut Span, parent: &Parent<'_>) {
    if !shared.processors.is_empty() && span.is_recording() {
        parent.with_context(|context| shared.processors.on_start(span, context));
    }
}

/// Counts a start by kind, if there is a meter to tell.
#[inline]
fn count_start(shared: &Arc<Shared>, parent: Option<&SpanContext>, decision: &SamplingDecision) {
    if shared.is_metered {
        local::count_birth(shared, metrics::birth(parent, decision));
    }
}

/// Starts a span that records.
#[inline(always)]
fn record(
    shared: &Arc<Shared>,
    scope: u32,
    request: &Request<'_>,
    parent: Option<&SpanContext>,
    attributes: &[KeyValue],
    write_context: impl FnOnce(&mut SpanContext),
) -> Span {
    let anchor = shared.clock.anchor();
    let start_unix_nanos = match request.start_time {
        Some(start) => unix_nanos(start),
        None => anchor.wall(shared.clock.monotonic_nanos()),
    };
    let mut recording = local::start(shared);
    write_context(recording.context_mut());
    recording.begin(&Birth {
        parent,
        scope,
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
    Span::recording(recording)
}

/// A span context but for its tracestate: what is written without touching other memory.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
}

impl Identity {
    /// Writes a whole span context in its place, where it stays: most have no tracestate, and
    /// moving one that may have costs more than all the rest.
    #[inline]
    pub(crate) fn write(
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
