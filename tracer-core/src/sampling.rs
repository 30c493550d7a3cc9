//! The decision about a new span: its ids, and whether it is recorded and sampled.

use std::mem;

use opentelemetry::{
    KeyValue, SpanId, TraceId,
    trace::{SpanContext, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::{
    ids::{RANDOM, new_ids},
    provider_core::{ProviderCore, Sampler},
};

/// Returns whether a provider may record a new span here. It may not after its shutdown, of which
/// the first such span is logged, nor inside a callback of its processors.
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

/// Returns the flags of a span by the sampler `parentbased_always_on`: those of the parent, or those
/// of a sampled root. The parent's flags are all passed on.
#[inline(always)]
pub(crate) fn parent_based_flags(parent: Option<TraceFlags>, root: TraceFlags) -> TraceFlags {
    parent.unwrap_or(root | TraceFlags::SAMPLED)
}

/// The decision about one span.
pub(crate) enum Decision {
    /// By `parentbased_always_on`: the span is recorded if it is sampled. It has the parent's
    /// `tracestate`.
    ParentBased {
        is_sampled: bool,
    },
    Custom(SamplingResult),
}

impl Decision {
    /// Makes the decision. `ask` calls a sampler of the application.
    #[inline(always)]
    pub(crate) fn make(
        provider: &ProviderCore,
        identity: Identity,
        parent: Option<&SpanContext>,
        ask: impl FnOnce(&dyn ShouldSample) -> SamplingResult,
    ) -> Self {
        match &provider.sampler {
            Sampler::ParentBasedAlwaysOn => Self::ParentBased {
                is_sampled: identity.parent_based_flags(parent).is_sampled(),
            },
            Sampler::Custom(sampler) => {
                Self::Custom(provider.sample(parent, || ask(sampler.as_ref())))
            }
        }
    }

    #[inline(always)]
    pub(crate) fn is_sampled(&self) -> bool {
        match self {
            Self::ParentBased { is_sampled } => *is_sampled,
            Self::Custom(result) => result.decision == SamplingDecision::RecordAndSample,
        }
    }

    /// Returns whether the span records.
    #[inline(always)]
    pub(crate) fn is_recording(&self) -> bool {
        match self {
            Self::ParentBased { is_sampled } => *is_sampled,
            Self::Custom(result) => result.decision != SamplingDecision::Drop,
        }
    }

    /// Returns the decision by the specification's names.
    #[inline]
    pub(crate) fn sampling_decision(&self) -> SamplingDecision {
        match (self.is_recording(), self.is_sampled()) {
            (false, _) => SamplingDecision::Drop,
            (true, false) => SamplingDecision::RecordOnly,
            (true, true) => SamplingDecision::RecordAndSample,
        }
    }

    /// Writes the span's context in its place.
    #[inline(always)]
    pub(crate) fn write_context(
        &mut self,
        identity: Identity,
        context: &mut SpanContext,
        parent: Option<&SpanContext>,
    ) {
        let is_sampled = self.is_sampled();
        match self {
            Self::ParentBased { .. } => {
                let state = parent.map(SpanContext::trace_state);
                let state = state.filter(|state| **state != TraceState::NONE);
                identity.write(context, is_sampled, state.map(|state| || state.clone()));
            }
            Self::Custom(result) => {
                let state = &mut result.trace_state;
                let has_state = *state != TraceState::NONE;
                identity.write(
                    context,
                    is_sampled,
                    has_state.then_some(|| mem::take(state)),
                );
            }
        }
    }

    /// Takes the attributes that the sampler adds.
    #[inline(always)]
    pub(crate) fn take_attributes(&mut self) -> Vec<KeyValue> {
        match self {
            Self::ParentBased { .. } => Vec::new(),
            Self::Custom(result) => mem::take(&mut result.attributes),
        }
    }
}

/// The ids and flags of a span: a context without its `tracestate`, which is written without
/// touching other memory.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// The flags of the parent, or of a root, before sampling.
    flags: TraceFlags,
}

impl Identity {
    /// Returns the ids of a new span.
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

    #[inline(always)]
    fn parent_based_flags(self, parent: Option<&SpanContext>) -> TraceFlags {
        parent_based_flags(parent.map(SpanContext::trace_flags), self.flags)
    }

    /// Writes a whole span context in its place. Most contexts have no `tracestate`, and moving one
    /// that may have it costs more than all the rest.
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
