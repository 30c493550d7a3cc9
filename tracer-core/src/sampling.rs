//! The decision about a new span: its ids, and whether it is recorded and sampled.

use std::mem;

use opentelemetry::{
    SpanId, TraceId,
    trace::{SpanContext, TraceFlags, TraceState},
};

use crate::{
    ids::{RANDOM, new_ids},
    provider_core::ProviderCore,
};

/// Returns whether a provider may record a new span here.
///
/// It may not record inside a callback of its processors or after its shutdown. The first span that
/// is started after the shutdown is logged.
#[inline(always)]
pub(crate) fn may_record(provider: &ProviderCore) -> bool {
    if provider.is_closed() {
        if provider.must_report_late_start() {
            provider.report_late_start();
        }
        return false;
    }
    !provider.processors.are_running()
}

/// Returns the flags of a span according to the sampler `parentbased_always_on`: the parent's
/// flags, unchanged, or those of a sampled root.
#[inline(always)]
pub(crate) fn parent_based_flags(parent: Option<TraceFlags>, root: TraceFlags) -> TraceFlags {
    parent.unwrap_or(root | TraceFlags::SAMPLED)
}

/// Returns whether `parentbased_always_on` samples, and so records, a child of this parent, or a
/// root.
#[inline(always)]
pub(crate) fn is_sampled_by_parent(parent: Option<&SpanContext>) -> bool {
    parent_based_flags(parent.map(SpanContext::trace_flags), TraceFlags::default()).is_sampled()
}

/// The ids and flags of a span: a context without its `tracestate`. It can be written without
/// touching other memory.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// The flags of the parent, or of a root, before the sampling decision.
    flags: TraceFlags,
}

impl Identity {
    /// Makes the ids of a new span.
    #[inline(always)]
    pub(crate) fn new(provider: &ProviderCore, parent: Option<&SpanContext>) -> Self {
        let parent_trace_id = parent.map(SpanContext::trace_id);
        let (trace_id, span_id, root_flags) = match &provider.custom_ids {
            None => {
                let (trace_id, span_id) = new_ids(parent_trace_id);
                (trace_id, span_id, RANDOM)
            }
            Some(custom) => custom.new_ids(parent_trace_id),
        };
        Self {
            trace_id,
            span_id,
            flags: parent.map_or(root_flags, SpanContext::trace_flags),
        }
    }

    /// Writes the context of a span according to the decision of the default sampler, with the
    /// parent's `tracestate`.
    #[inline(always)]
    pub(crate) fn write_with_parents_state(
        self,
        context: &mut SpanContext,
        is_sampled: bool,
        parent: Option<&SpanContext>,
    ) {
        let state = parent.map(SpanContext::trace_state);
        let state = state.filter(|state| **state != TraceState::NONE);
        self.write(context, is_sampled, state.map(|state| || state.clone()));
    }

    /// Writes the context of a span according to the decision of a sampler, and takes the sampler's
    /// `tracestate`.
    #[inline(always)]
    pub(crate) fn write_with_state(
        self,
        context: &mut SpanContext,
        is_sampled: bool,
        state: &mut TraceState,
    ) {
        let has_state = *state != TraceState::NONE;
        self.write(
            context,
            is_sampled,
            has_state.then_some(|| mem::take(state)),
        );
    }

    /// Writes a whole span context in place. Most contexts have no `tracestate`. Moving a context
    /// that may have one takes longer than everything else here.
    #[inline(always)]
    fn write(
        self,
        context: &mut SpanContext,
        is_sampled: bool,
        state: Option<impl FnOnce() -> TraceState>,
    ) {
        let flags = self.flags.with_sampled(is_sampled);
        let (trace_id, span_id) = (self.trace_id, self.span_id);
        *context = SpanContext::new(trace_id, span_id, flags, false, TraceState::NONE);
        if let Some(state) = state {
            *context = SpanContext::new(trace_id, span_id, flags, false, state());
        }
    }
}
