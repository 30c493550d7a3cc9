//! The errors in the configuration of a tail sampler.

/// The reason why a [`TailSamplingConfig`](super::TailSamplingConfig) was refused.
///
/// The messages contain names of policies, which come from the configuration and not from spans.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The lower bound of a policy is above its upper bound. For `latency`, it is not below the
    /// upper bound.
    #[error("the bounds of policy `{policy}` are reversed")]
    BoundsReversed {
        /// The name of the policy.
        policy: String,
    },

    /// Two policies have the same name.
    #[error("two policies have the name `{policy}`")]
    NameRepeated {
        /// The name of the policies.
        policy: String,
    },

    /// `policy_order` or `rate_allocation` names a policy that is not in `composite_sub_policy`,
    /// or names one twice.
    #[error(
        "`{field}` of policy `{policy}` names `{name}`, which is not one of its policies or is repeated"
    )]
    NameUnknown {
        /// The name of the composite policy.
        policy: String,
        /// The key with the list of names.
        field: &'static str,
        /// The name in that list.
        name: String,
    },

    /// A policy has no name.
    #[error("policy {index} has no name")]
    NameMissing {
        /// The position of the policy in its list, from 0.
        index: usize,
    },

    /// A policy of this type cannot be inside of another policy.
    #[error("policy `{policy}` of type `{policy_type}` cannot be inside of another policy")]
    Nested {
        /// The name of the inner policy.
        policy: String,
        /// The type of the inner policy.
        policy_type: &'static str,
    },

    /// There are no policies, so no trace could be sampled.
    #[error("there are no policies")]
    NoPolicies,

    /// A number is outside of its range.
    #[error("`{field}` of policy `{policy}` is out of range")]
    NumberOutOfRange {
        /// The name of the policy.
        policy: String,
        /// The key of the number.
        field: &'static str,
    },

    /// `num_traces` is 0 or above 2^31.
    #[error("num_traces {num_traces} is outside 1 to 2147483648")]
    NumTracesOutOfRange {
        /// The number given.
        num_traces: usize,
    },

    /// A regular expression was refused; the source says why.
    #[error("pattern {index} of policy `{policy}` is invalid")]
    PatternInvalid {
        /// The name of the policy.
        policy: String,
        /// The position of the pattern in `values`, from 0.
        index: usize,
        /// The reason.
        #[source]
        reason: PatternError,
    },

    /// The caller did not supply the implementation of a policy that is not built in.
    #[error("policy `{policy}` of type `{policy_type}` is not built in")]
    PolicyNotBuiltIn {
        /// The name of the policy.
        policy: String,
        /// The type of the policy.
        policy_type: &'static str,
    },

    /// A list that needs an entry is empty, or a required value is not set.
    #[error("`{field}` of policy `{policy}` is empty")]
    ValueMissing {
        /// The name of the policy.
        policy: String,
        /// The key of the list or value.
        field: &'static str,
    },
}

/// The reason why a regular expression was refused: it is malformed, or too large when compiled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct PatternError(regex::Error);

impl PatternError {
    pub(super) fn new(error: regex::Error) -> Self {
        Self(error)
    }
}
