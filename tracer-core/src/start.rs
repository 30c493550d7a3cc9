//! Starting a span, whoever asks: a tracer of OpenTelemetry, or the native API.

use std::{mem, sync::Arc, time::SystemTime};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceId,
    trace::{Event, Link, SpanContext, SpanKind, TraceContextExt as _, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::SamplingDecision;

use crate::{
    clock::unix_nanos,
    context::slot,
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

/// Where samplers and processors find the parent of a span.
pub(crate) trait Around {
    /// Calls `work` with a `Context` whose active span is `parent`; with one that has none if that
    /// is invalid, for a root.
    fn with<T>(&self, parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T;
}

/// In the `Context` that was given.
impl Around for &Context {
    #[inline(always)]
    fn with<T>(&self, _parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T {
        work(self)
    }
}

/// Nowhere yet: a native span is in no `Context` before somebody asks for it.
pub(crate) struct Native;

impl Around for Native {
    fn with<T>(&self, parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T {
        let current = slot::context();
        if current.span().span_context().span_id() == parent.span_id() {
            return work(&current);
        }
        work(&if parent.is_valid() {
            current.with_remote_span_context(parent.clone())
        } else {
            // The API has no way to take a span out, and keep the rest.
            Context::new()
        })
    }
}

/// One of both.
impl Around for Option<&Context> {
    fn with<T>(&self, parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T {
        match self {
            Some(context) => work(context),
            None => Native.with(parent, work),
        }
    }
}

/// Starts a span of a parent, invalid for a root; tells the processors of it, or leaves that to the
/// caller.
// Inlined into the ways in, so that what a caller does not ask for costs nothing.
#[inline(always)]
pub(crate) fn begin(
    shared: &Arc<Shared>,
    scope: u32,
    request: &Request<'_>,
    parent: &SpanContext,
    around: &impl Around,
    tell: bool,
) -> Span {
    if shared.is_closed() {
        if shared.must_report_late_start() {
            shared.report_late_start();
        }
        // A process that is draining still passes its callers' context on.
        return Span::non_recording(|context| context.clone_from(parent));
    }
    if shared.processors.are_running() {
        return Span::non_recording(|context| context.clone_from(parent));
    }
    let known = Some(parent).filter(|parent| parent.is_valid());
    let identity = Identity::of(shared, known);
    let Sampler::Custom(sampler) = &shared.sampler else {
        if known.is_some_and(|parent| !parent.is_sampled()) {
            count_start(shared, known, &SamplingDecision::Drop);
            // In one piece: a closure that several ways in share would be a call.
            let mut context = local::context();
            identity.write_under(&mut context, false, known);
            return Span::of_context(context);
        }
        count_start(shared, known, &SamplingDecision::RecordAndSample);
        let mut span = record(shared, scope, request, known, &[], |context| {
            identity.write_under(context, true, known);
        });
        if tell {
            announce(shared, &mut span, parent, around);
        }
        return span;
    };
    let sampling = shared.sample(known, || {
        around.with(parent, |context| {
            sampler.should_sample(
                Some(context),
                identity.trace_id,
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
    let mut span = record(shared, scope, request, known, &attributes, write);
    if tell {
        announce(shared, &mut span, parent, around);
    }
    span
}

/// Shows a span that records to the processors.
#[inline(always)]
fn announce(shared: &Shared, span: &mut Span, parent: &SpanContext, around: &impl Around) {
    if !shared.processors.is_empty() {
        around.with(parent, |context| shared.processors.on_start(span, context));
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
    /// That of a new span.
    #[inline(always)]
    pub(crate) fn of(shared: &Shared, parent: Option<&SpanContext>) -> Self {
        let parent_trace_id = parent.map(SpanContext::trace_id);
        let (trace_id, span_id, root_flags) = match &shared.custom_ids {
            None => {
                let (trace_id, span_id) = new_ids(parent_trace_id);
                (trace_id, span_id, RANDOM)
            }
            Some(custom) => custom.new_ids(parent_trace_id),
        };
        Self {
            trace_id,
            span_id,
            // All eight flags of the parent are passed on.
            flags: parent.map_or(root_flags, SpanContext::trace_flags),
        }
    }

    /// Writes a whole span context in its place, where it stays: most have no tracestate, and
    /// moving one that may have costs more than all the rest.
    #[inline(always)]
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

    /// The same with the parent's tracestate.
    #[inline(always)]
    pub(crate) fn write_under(
        self,
        context: &mut SpanContext,
        sampled: bool,
        parent: Option<&SpanContext>,
    ) {
        let state = parent.map(SpanContext::trace_state);
        let state = state.filter(|state| **state != TraceState::NONE);
        self.write(context, sampled, state.map(|state| || state.clone()));
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
