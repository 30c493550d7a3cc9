//! Builds a tail sampler from its configuration.

use super::{Limits, TailSampler};
use crate::tail::buffer::Buffer;
use crate::tail::config::{PolicyConfig, TailSamplingConfig};
use crate::tail::decision::Policy;
use crate::tail::decision_cache::DecisionCache;
use crate::tail::error::ConfigError;
use crate::tail::policies::Policies;
use crate::tail::policy::Context;
use crate::tail::span::TailSpan;
use crate::tail::stats::TailStats;

impl TailSamplingConfig {
    /// Builds a sampler that has only built-in policies.
    ///
    /// # Errors
    ///
    /// Returns a [`ConfigError`] that names the policy and the wrong key. A policy of type
    /// `ottl_condition` or `custom` causes [`ConfigError::PolicyNotBuiltIn`]; see
    /// [`build_with`](Self::build_with).
    pub fn build<S: TailSpan>(&self) -> Result<TailSampler<S>, ConfigError> {
        self.build_with(|_| None)
    }

    /// Builds a sampler with policies that the caller implements.
    ///
    /// `make` is called for each policy of type `ottl_condition` or `custom`, including policies
    /// inside of other policies. It returns `None` for a policy that it does not know.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`build`](Self::build), but [`ConfigError::PolicyNotBuiltIn`]
    /// only if `make` returned `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use opentelemetry::trace::TraceId;
    /// # use tracer_sampling::tail::{AttributeValue, StatusCode, TailSpan};
    /// # struct Span { events: Vec<String> }
    /// # impl TailSpan for Span {
    /// #     fn trace_id(&self) -> TraceId { TraceId::from(1) }
    /// #     fn is_root(&self) -> bool { true }
    /// #     fn name(&self) -> &str { "" }
    /// #     fn start_unix_nanos(&self) -> u64 { 0 }
    /// #     fn end_unix_nanos(&self) -> u64 { 0 }
    /// #     fn status(&self) -> StatusCode { StatusCode::Ok }
    /// #     fn flags(&self) -> u32 { 1 }
    /// #     fn trace_state(&self) -> &str { "" }
    /// #     fn attribute(&self, _: &str) -> Option<AttributeValue<'_>> { None }
    /// #     fn resource_attribute(&self, _: &str) -> Option<AttributeValue<'_>> { None }
    /// #     fn size_bytes(&self) -> usize { size_of::<Self>() }
    /// # }
    /// use std::time::Duration;
    /// use tracer_sampling::tail::{
    ///     BufferedTrace, Policy, PolicyKind, TailSamplingConfig, Verdict,
    /// };
    ///
    /// /// Samples traces with an event, which no built-in policy looks at.
    /// struct HasEvent(String);
    ///
    /// impl Policy<Span> for HasEvent {
    ///     fn evaluate(&mut self, _now_nanos: u64, trace: &BufferedTrace<'_, Span>) -> Verdict {
    ///         let mut events = trace.spans().iter().flat_map(|span| &span.events);
    ///         Verdict::sampled_if(events.any(|event| *event == self.0))
    ///     }
    /// }
    ///
    /// let config: TailSamplingConfig = serde_json::from_str(
    ///     r#"{"policies": [{"name": "paid", "type": "custom", "custom": {"id": "paid"}}]}"#,
    /// )?;
    /// let mut sampler = config.build_with(|policy| match &policy.kind {
    ///     PolicyKind::Custom(custom) => Some(Box::new(HasEvent(custom.id.clone()))),
    ///     _ => None,
    /// })?;
    /// sampler.add(Duration::ZERO, Span { events: vec!["paid".to_owned()] });
    /// let decided = sampler.shutdown(Duration::ZERO).next().unwrap();
    /// assert!(decided.decision.is_sampled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build_with<S: TailSpan>(
        &self,
        mut make: impl FnMut(&PolicyConfig) -> Option<Box<dyn Policy<S>>>,
    ) -> Result<TailSampler<S>, ConfigError> {
        let num_traces = self.num_traces;
        if num_traces == 0 || num_traces > MOST_TRACES {
            return Err(ConfigError::NumTracesOutOfRange { num_traces });
        }
        let mut context = Context {
            sketch_seed: self.sketch_seed,
            make: &mut make,
        };
        Ok(TailSampler {
            policies: Policies::new(self, &mut context)?,
            buffer: Buffer::with_capacity(self.expected_traces()),
            cache: DecisionCache::new(self.decision_cache),
            limits: self.limits(),
            counts: TailStats::default(),
            now_nanos: 0,
        })
    }

    fn limits(&self) -> Limits {
        let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let unless_zero = |time| Some(nanos(time)).filter(|nanos| *nanos > 0);
        let bound = |number| match number {
            0 => u64::MAX,
            number => number,
        };
        Limits {
            traces: self.num_traces,
            spans: bound(self.maximum_buffered_spans),
            bytes: bound(self.maximum_buffered_bytes),
            trace_bytes: bound(self.maximum_trace_size_bytes),
            wait_nanos: nanos(self.decision_wait),
            wait_after_root_nanos: unless_zero(self.decision_wait_after_root_received),
            decision_age_nanos: unless_zero(self.maximum_decision_age),
            block_on_overflow: self.block_on_overflow,
            drop_pending_on_shutdown: self.drop_pending_traces_on_shutdown,
        }
    }

    /// Returns the number of traces to allocate for in advance.
    fn expected_traces(&self) -> usize {
        let traces = self
            .expected_new_traces_per_sec
            .saturating_mul(self.decision_wait.as_secs().max(1));
        usize::try_from(traces).map_or(self.num_traces, |traces| traces.min(self.num_traces))
    }
}

/// Positions in the buffer are 32 bits wide.
const MOST_TRACES: usize = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_traces_are_bounded_by_the_traces() {
        for (per_second, seconds, expected) in [
            (0, 30, 0),
            (10, 30, 300),
            (10, 0, 10),
            (1_000_000, 30, 50_000),
            (u64::MAX, 30, 50_000),
        ] {
            let config = TailSamplingConfig {
                expected_new_traces_per_sec: per_second,
                decision_wait: std::time::Duration::from_secs(seconds),
                ..TailSamplingConfig::default()
            };
            assert_eq!(config.expected_traces(), expected);
        }
    }
}
