//! The start of spans, for OpenTelemetry's tracers and for the native API.

use std::{mem, sync::Arc, time::SystemTime};

use opentelemetry::{
    Context, KeyValue,
    trace::{Event, Link, SpanContext, SpanKind, TraceContextExt as _},
};
use opentelemetry_sdk::trace::SamplingDecision;

use crate::{
    clock::unix_nanos,
    context::thread_stack,
    pipeline::span_counters::StartClass,
    provider_core::{ProviderCore, Sampler},
    record::kind::otlp_kind,
    sampling::{Identity, is_sampled_by_parent, may_record},
    span::{Span, recording::SpanStart},
    thread_state,
};

/// The options of a new span. They are borrowed, because a builder is much larger than most spans
/// need.
#[derive(Default)]
pub(crate) struct StartOptions<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Option<&'a SpanKind>,
    pub(crate) start_time: Option<SystemTime>,
    pub(crate) attributes: &'a [KeyValue],
    pub(crate) events: &'a [Event],
    pub(crate) links: &'a [Link],
}

/// The `Context` in which samplers and processors find the parent of a span.
pub(crate) trait ParentContext {
    /// Returns whether telemetry is suppressed there.
    fn is_suppressed(&self) -> bool;

    /// Calls `work` with a `Context` whose active span is `parent`. For a root, `parent` is invalid
    /// and the `Context` has no active span.
    fn with<T>(&self, parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T;
}

/// The `Context` that the caller gave.
impl ParentContext for &Context {
    #[inline(always)]
    fn is_suppressed(&self) -> bool {
        self.is_telemetry_suppressed()
    }

    #[inline(always)]
    fn with<T>(&self, _parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T {
        work(self)
    }
}

/// The `Context` of a native parent. It is made when it is needed, because no `Context` has the
/// span.
pub(crate) struct NativeParent {
    /// True if the current `Context` suppresses telemetry.
    pub(crate) is_suppressed: bool,
}

impl ParentContext for NativeParent {
    #[inline(always)]
    fn is_suppressed(&self) -> bool {
        self.is_suppressed
    }

    fn with<T>(&self, parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T {
        let current = thread_stack::context();
        if current.span().span_context().span_id() == parent.span_id() {
            return work(&current);
        }
        work(&if parent.is_valid() {
            current.with_remote_span_context(parent.clone())
        } else {
            // The API has no way to remove the active span and keep the rest.
            Context::new()
        })
    }
}

/// Starts a span. `parent` is invalid for a root. Calls the processors if `calls_processors`;
/// otherwise the caller does so.
// Inlined, so that options that a caller does not give take no time.
#[inline(always)]
pub(crate) fn start(
    provider: &Arc<ProviderCore>,
    scope: u32,
    options: &StartOptions<'_>,
    parent: &SpanContext,
    parent_context: &impl ParentContext,
    calls_processors: bool,
) -> Span {
    if parent_context.is_suppressed() {
        return Span::non_recording(|context| *context = SpanContext::NONE);
    }
    if !may_record(provider) {
        // A process that is shutting down still passes on the context of its callers.
        return Span::non_recording(|context| context.clone_from(parent));
    }
    let known = Some(parent).filter(|parent| parent.is_valid());
    let identity = Identity::new(provider, known);
    // Two branches, so that a span of the default sampler does not pay for the `tracestate` and the
    // attributes of another sampler: 70 instructions for a root.
    let Sampler::Custom(sampler) = &provider.sampler else {
        let is_sampled = is_sampled_by_parent(known);
        if !is_sampled {
            count_start_class(provider, known, &SamplingDecision::Drop);
            // Written out here, because a closure that several callers share would not be inlined.
            let mut context = thread_state::take_context();
            identity.write_with_parents_state(&mut context, false, known);
            return Span::of_context(context);
        }
        count_start_class(provider, known, &SamplingDecision::RecordAndSample);
        let mut span = start_recording(provider, scope, options, known, &[], |context| {
            identity.write_with_parents_state(context, true, known);
        });
        if calls_processors {
            call_processors(provider, &mut span, parent, parent_context);
        }
        return span;
    };
    let sampling = provider.sample(known, || {
        parent_context.with(parent, |context| {
            sampler.should_sample(
                Some(context),
                identity.trace_id,
                options.name,
                options.kind.unwrap_or(&SpanKind::Internal),
                options.attributes,
                options.links,
            )
        })
    });
    count_start_class(provider, known, &sampling.decision);
    let (decision, attributes) = (sampling.decision, sampling.attributes);
    let is_sampled = decision == SamplingDecision::RecordAndSample;
    let mut state = sampling.trace_state;
    let write = |context: &mut SpanContext| {
        identity.write_with_state(context, is_sampled, &mut state);
    };
    if decision == SamplingDecision::Drop {
        let span = Span::non_recording(write);
        if attributes.capacity() == 0 {
            // There is nothing to free. Dropping it would take a call to find that out.
            mem::forget(attributes);
        }
        return span;
    }
    let mut span = start_recording(provider, scope, options, known, &attributes, write);
    if calls_processors {
        call_processors(provider, &mut span, parent, parent_context);
    }
    span
}

/// Calls the processors with a span that records.
#[inline(always)]
fn call_processors(
    provider: &ProviderCore,
    span: &mut Span,
    parent: &SpanContext,
    parent_context: &impl ParentContext,
) {
    if !provider.processors.is_empty() {
        parent_context.with(parent, |context| {
            provider.processors.on_start(span, context)
        });
    }
}

/// Counts a start by its class, if there is a meter.
#[inline]
fn count_start_class(
    provider: &Arc<ProviderCore>,
    parent: Option<&SpanContext>,
    decision: &SamplingDecision,
) {
    if provider.is_metered {
        thread_state::count_start_class(provider, StartClass::of(parent, decision));
    }
}

/// Starts a span that records.
#[inline(always)]
fn start_recording(
    provider: &Arc<ProviderCore>,
    scope: u32,
    options: &StartOptions<'_>,
    parent: Option<&SpanContext>,
    attributes: &[KeyValue],
    write_context: impl FnOnce(&mut SpanContext),
) -> Span {
    let anchor = provider.clock.anchor();
    let start_unix_nanos = match options.start_time {
        Some(start) => unix_nanos(start),
        None => anchor.wall(provider.clock.monotonic_nanos()),
    };
    let mut recording = thread_state::start(provider);
    write_context(recording.context_mut());
    recording.begin(&SpanStart {
        parent,
        scope,
        kind: otlp_kind(options.kind),
        name: options.name,
        start_unix_nanos,
        anchor,
    });
    for attribute in options.attributes.iter().chain(attributes) {
        recording.set_attribute(attribute);
    }
    for event in options.events {
        let at = unix_nanos(event.timestamp);
        let dropped = event.dropped_attributes_count;
        recording.add_event(&event.name, at, &event.attributes, dropped);
    }
    for link in options.links {
        let dropped = link.dropped_attributes_count;
        recording.add_link(&link.span_context, &link.attributes, dropped);
    }
    Span::recording(recording)
}
