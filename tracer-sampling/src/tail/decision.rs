//! Decisions about traces, and the policies and verdicts that lead to them.

use std::fmt;
use std::sync::Arc;

use super::span::TailSpan;
use super::trace::BufferedTrace;

/// A policy that judges a trace whose spans have arrived.
///
/// Implement it for a policy that this crate does not have, and pass it to
/// [`TailSamplingConfig::build_with`](super::TailSamplingConfig::build_with). A panic in a method
/// counts as [`Verdict::Failed`].
///
/// Times are nanoseconds since the caller's origin and never go back.
pub trait Policy<S: TailSpan>: Send + Sync {
    /// Judges a trace.
    ///
    /// A policy is not evaluated for a trace about which an earlier policy has decided.
    fn evaluate(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Verdict;

    /// Learns from a trace.
    ///
    /// This method is called once for each decided trace, after the policies were evaluated, even
    /// if this policy was not.
    fn observe(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) {
        let _ = (now_nanos, trace);
    }

    /// Returns the inner policy that made the last [`evaluate`](Self::evaluate) sample, if the
    /// policy chooses between inner policies.
    fn sub_policy(&self) -> Option<&Arc<str>> {
        None
    }
}

/// A policy of any type.
pub(super) type BoxedPolicy<S> = Box<dyn Policy<S>>;

/// The judgement of one policy.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The trace must not be sampled, regardless of the other policies.
    Dropped,
    /// The policy could not judge the trace. The verdict has no effect, and
    /// `policy_evaluation_errors` counts it.
    Failed,
    /// The policy has no reason to sample the trace.
    NotSampled,
    /// The trace should be sampled.
    Sampled,
}

impl Verdict {
    /// Returns `Sampled` if a condition holds, and `NotSampled` otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracer_sampling::tail::Verdict;
    ///
    /// assert_eq!(Verdict::sampled_if(2 > 1), Verdict::Sampled);
    /// assert_eq!(Verdict::sampled_if(1 > 2), Verdict::NotSampled);
    /// ```
    pub fn sampled_if(condition: bool) -> Self {
        if condition {
            Self::Sampled
        } else {
            Self::NotSampled
        }
    }
}

/// The decision about a trace.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The trace is dropped, for this reason.
    Dropped(DropReason),
    /// No policy sampled the trace.
    NotSampled,
    /// The trace is sampled.
    Sampled(SampledBy),
}

impl Decision {
    /// Returns whether the trace is sampled.
    pub fn is_sampled(&self) -> bool {
        matches!(self, Self::Sampled(_))
    }
}

/// The reason why a trace is dropped.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The `drop` policy with this name dropped the trace.
    Policy(Arc<str>),
    /// The trace waited at shutdown, and `drop_pending_traces_on_shutdown` is set.
    Shutdown,
    /// The trace became larger than `maximum_trace_size_bytes`.
    TooLarge,
}

/// The policy that sampled a trace. If several policies sampled it, this is the first one.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampledBy {
    /// The name of the policy, which the Collector records as `tailsampling.policy`.
    pub policy: Arc<str>,
    /// The name of the policy inside of a composite one, which the Collector records as
    /// `tailsampling.composite_policy`.
    pub sub_policy: Option<Arc<str>>,
}

impl SampledBy {
    pub(super) fn new(policy: Arc<str>, sub_policy: Option<Arc<str>>) -> Self {
        Self { policy, sub_policy }
    }
}

impl<S: TailSpan> fmt::Debug for dyn Policy<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policy")
    }
}
