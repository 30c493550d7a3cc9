//! Sampling by the decision of the parent.

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::always::AlwaysOff;
use crate::{otel_trace_state, parent};

/// A sampler that delegates to one of five samplers, depending on the parent (OpenTelemetry,
/// *ParentBased*).
///
/// | parent | remote | sampled | sampler | default |
/// | --- | --- | --- | --- | --- |
/// | none or invalid | | | `root` | given to [`new`](Self::new) |
/// | valid | yes | yes | [`remote_parent_sampled`](Self::remote_parent_sampled) | [`AlwaysOn`](crate::AlwaysOn) |
/// | valid | yes | no | [`remote_parent_not_sampled`](Self::remote_parent_not_sampled) | [`AlwaysOff`] |
/// | valid | no | yes | [`local_parent_sampled`](Self::local_parent_sampled) | [`AlwaysOn`](crate::AlwaysOn) |
/// | valid | no | no | [`local_parent_not_sampled`](Self::local_parent_not_sampled) | [`AlwaysOff`] |
///
/// The result of that sampler is returned unchanged, including its attributes and trace state.
/// There is one exception, where a default samples because the parent was sampled: if the trace
/// state carries a threshold by which the parent could not have been sampled, the threshold is
/// removed, so that backends do not extrapolate from it (*Tracestate: Probability Sampling*,
/// general requirements).
///
/// # Examples
///
/// ```
/// use opentelemetry_sdk::trace::ShouldSample;
/// use tracer_sampling::{AlwaysOff, ParentBased, Probability};
///
/// // One complete trace in ten, and no spans of traces that other processes sampled.
/// let sampler = ParentBased::new(Probability::new(0.1)?).remote_parent_sampled(AlwaysOff);
/// let boxed: Box<dyn ShouldSample> = sampler.into();
/// # drop(boxed);
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ParentBased {
    root: Box<dyn ShouldSample>,
    remote_parent_sampled: Option<Box<dyn ShouldSample>>,
    remote_parent_not_sampled: Option<Box<dyn ShouldSample>>,
    local_parent_sampled: Option<Box<dyn ShouldSample>>,
    local_parent_not_sampled: Option<Box<dyn ShouldSample>>,
}

impl ParentBased {
    /// Creates the sampler. `root` is the sampler for root spans; the other four are the defaults.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::trace::{SpanKind, TraceId};
    /// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
    /// use tracer_sampling::{AlwaysOff, ParentBased};
    ///
    /// let sampler = ParentBased::new(AlwaysOff);
    /// let root = sampler.should_sample(None, TraceId::from(1), "", &SpanKind::Server, &[], &[]);
    /// assert_eq!(root.decision, SamplingDecision::Drop);
    /// ```
    pub fn new(root: impl Into<Box<dyn ShouldSample>>) -> Self {
        Self {
            root: root.into(),
            remote_parent_sampled: None,
            remote_parent_not_sampled: None,
            local_parent_sampled: None,
            local_parent_not_sampled: None,
        }
    }

    /// Sets the sampler for a sampled parent in another process. Default:
    /// [`AlwaysOn`](crate::AlwaysOn).
    ///
    /// # Examples
    ///
    /// ```
    /// # use opentelemetry::Context;
    /// # use opentelemetry::trace::*;
    /// # use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
    /// # use tracer_sampling::{AlwaysOff, AlwaysOn, ParentBased};
    /// # let (trace_id, kind) = (TraceId::from(1), SpanKind::Server);
    /// # let flags = TraceFlags::SAMPLED;
    /// # let parent = SpanContext::new(trace_id, SpanId::from(1), flags, true, TraceState::NONE);
    /// # let parent = Context::new().with_remote_span_context(parent);
    /// let sampler = ParentBased::new(AlwaysOn).remote_parent_sampled(AlwaysOff);
    /// // `parent` is the context of such a parent.
    /// let result = sampler.should_sample(Some(&parent), trace_id, "GET", &kind, &[], &[]);
    /// assert_eq!(result.decision, SamplingDecision::Drop);
    /// ```
    pub fn remote_parent_sampled(mut self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        self.remote_parent_sampled = Some(sampler.into());
        self
    }

    /// Sets the sampler for a parent in another process that is not sampled. Default:
    /// [`AlwaysOff`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use opentelemetry::Context;
    /// # use opentelemetry::trace::*;
    /// # use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
    /// # use tracer_sampling::{AlwaysOff, AlwaysOn, ParentBased};
    /// # let (trace_id, kind) = (TraceId::from(1), SpanKind::Server);
    /// # let flags = TraceFlags::NOT_SAMPLED;
    /// # let parent = SpanContext::new(trace_id, SpanId::from(1), flags, true, TraceState::NONE);
    /// # let parent = Context::new().with_remote_span_context(parent);
    /// let sampler = ParentBased::new(AlwaysOn).remote_parent_not_sampled(AlwaysOn);
    /// // `parent` is the context of such a parent.
    /// let result = sampler.should_sample(Some(&parent), trace_id, "GET", &kind, &[], &[]);
    /// assert_eq!(result.decision, SamplingDecision::RecordAndSample);
    /// ```
    pub fn remote_parent_not_sampled(mut self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        self.remote_parent_not_sampled = Some(sampler.into());
        self
    }

    /// Sets the sampler for a sampled parent in this process. Default:
    /// [`AlwaysOn`](crate::AlwaysOn).
    ///
    /// # Examples
    ///
    /// ```
    /// # use opentelemetry::Context;
    /// # use opentelemetry::trace::*;
    /// # use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
    /// # use tracer_sampling::{AlwaysOff, AlwaysOn, ParentBased};
    /// # let (trace_id, kind) = (TraceId::from(1), SpanKind::Server);
    /// # let flags = TraceFlags::SAMPLED;
    /// # let parent = SpanContext::new(trace_id, SpanId::from(1), flags, false, TraceState::NONE);
    /// # let parent = Context::new().with_remote_span_context(parent);
    /// let sampler = ParentBased::new(AlwaysOn).local_parent_sampled(AlwaysOff);
    /// // `parent` is the context of such a parent.
    /// let result = sampler.should_sample(Some(&parent), trace_id, "GET", &kind, &[], &[]);
    /// assert_eq!(result.decision, SamplingDecision::Drop);
    /// ```
    pub fn local_parent_sampled(mut self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        self.local_parent_sampled = Some(sampler.into());
        self
    }

    /// Sets the sampler for a parent in this process that is not sampled. Default: [`AlwaysOff`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use opentelemetry::Context;
    /// # use opentelemetry::trace::*;
    /// # use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
    /// # use tracer_sampling::{AlwaysOff, AlwaysOn, ParentBased};
    /// # let (trace_id, kind) = (TraceId::from(1), SpanKind::Server);
    /// # let flags = TraceFlags::NOT_SAMPLED;
    /// # let parent = SpanContext::new(trace_id, SpanId::from(1), flags, false, TraceState::NONE);
    /// # let parent = Context::new().with_remote_span_context(parent);
    /// let sampler = ParentBased::new(AlwaysOn).local_parent_not_sampled(AlwaysOn);
    /// // `parent` is the context of such a parent.
    /// let result = sampler.should_sample(Some(&parent), trace_id, "GET", &kind, &[], &[]);
    /// assert_eq!(result.decision, SamplingDecision::RecordAndSample);
    /// ```
    pub fn local_parent_not_sampled(mut self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        self.local_parent_not_sampled = Some(sampler.into());
        self
    }

    /// Returns the sampler for this kind of parent, or whether the default for this kind samples.
    fn branch(&self, parent: &SpanContext) -> Result<&dyn ShouldSample, bool> {
        if !parent.is_valid() {
            return Ok(self.root.as_ref());
        }
        let sampled = parent.is_sampled();
        let sampler = match (parent.is_remote(), sampled) {
            (true, true) => &self.remote_parent_sampled,
            (true, false) => &self.remote_parent_not_sampled,
            (false, true) => &self.local_parent_sampled,
            (false, false) => &self.local_parent_not_sampled,
        };
        sampler.as_deref().ok_or(sampled)
    }
}

impl ShouldSample for ParentBased {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        span_kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler: &dyn ShouldSample =
            match parent::with_parent(parent_context, |parent| self.branch(parent)) {
                Ok(sampler) => sampler,
                Err(true) => return sampled_with_parent(parent_context, trace_id),
                Err(false) => &AlwaysOff,
            };
        sampler.should_sample(parent_context, trace_id, name, span_kind, attributes, links)
    }
}

/// Returns the result of [`AlwaysOn`](crate::AlwaysOn), without a threshold that contradicts the
/// parent.
fn sampled_with_parent(parent_context: Option<&Context>, trace_id: TraceId) -> SamplingResult {
    let trace_state = parent::with_parent(parent_context, |parent| {
        let state = parent.trace_state();
        match otel_trace_state::threshold(state) {
            Some(threshold)
                if !threshold.samples(otel_trace_state::randomness(state, trace_id).value) =>
            {
                otel_trace_state::without_threshold(state)
            }
            _ => state.clone(),
        }
    });
    parent::result(SamplingDecision::RecordAndSample, trace_state)
}
