//! The configuration of one policy: a name, a type and the section of this type.

use serde::Deserialize;

use super::sections::{
    AndConfig, BooleanAttributeConfig, BytesLimitingConfig, CompositeConfig, CriticalServiceConfig,
    CustomConfig, DropConfig, LatencyConfig, NotConfig, NumericAttributeConfig,
    OttlConditionConfig, ProbabilisticConfig, RareOperationConfig, RateLimitingConfig,
    SlowerThanP99Config, SpanCountConfig, StatusCodeConfig, StringAttributeConfig,
    TraceStateConfig,
};

/// The configuration of a policy.
///
/// The text form is that of the Collector: `name`, `type`, and a section named after the type. A
/// section of another type is refused; the Collector ignores it.
///
/// # Examples
///
/// ```
/// use tracer_sampling::tail::{LatencyConfig, PolicyConfig, PolicyKind};
///
/// let mut latency = LatencyConfig::default();
/// latency.threshold_ms = 5000;
/// let policy = PolicyConfig::new("slow", PolicyKind::Latency(latency));
///
/// let text = r#"{"name": "slow", "type": "latency", "latency": {"threshold_ms": 5000}}"#;
/// assert_eq!(serde_json::from_str::<PolicyConfig>(text)?, policy);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct PolicyConfig {
    /// The name, which identifies the policy in statistics and sampled traces.
    pub name: String,
    /// The type and its settings.
    pub kind: PolicyKind,
}

impl PolicyConfig {
    /// Creates the configuration of a policy.
    pub fn new(name: impl Into<String>, kind: PolicyKind) -> Self {
        Self {
            name: name.into(),
            kind,
        }
    }
}

macro_rules! policy_types {
    (
        required { $($(#[$required_doc:meta])* $required:ident($required_section:ident: $required_config:ty),)* }
        optional { $($(#[$optional_doc:meta])* $optional:ident($optional_section:ident: $optional_config:ty),)* }
    ) => {
        /// The type of a policy, with its settings.
        #[non_exhaustive]
        #[derive(Clone, Debug, PartialEq)]
        pub enum PolicyKind {
            /// `always_sample`: samples every trace.
            AlwaysSample,
            /// `trace_flags`: samples if a span has the sampled flag of W3C Trace Context.
            TraceFlags,
            $($(#[$required_doc])* $required($required_config),)*
            $($(#[$optional_doc])* $optional($optional_config),)*
        }

        impl PolicyKind {
            /// Returns the type as configurations spell it.
            pub fn policy_type(&self) -> &'static str {
                match self {
                    Self::AlwaysSample => "always_sample",
                    Self::TraceFlags => "trace_flags",
                    $(Self::$required(_) => stringify!($required_section),)*
                    $(Self::$optional(_) => stringify!($optional_section),)*
                }
            }
        }

        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum PolicyType {
            AlwaysSample,
            TraceFlags,
            $($required,)*
            $($optional,)*
        }

        /// A policy as the text describes it, with all its sections.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            #[serde(default)]
            name: String,
            r#type: PolicyType,
            $(#[serde(default)] $required_section: Option<$required_config>,)*
            $(#[serde(default)] $optional_section: Option<$optional_config>,)*
        }

        impl TryFrom<Raw> for PolicyConfig {
            type Error = SectionError;

            fn try_from(mut raw: Raw) -> Result<Self, SectionError> {
                let kind = match raw.r#type {
                    PolicyType::AlwaysSample => PolicyKind::AlwaysSample,
                    PolicyType::TraceFlags => PolicyKind::TraceFlags,
                    $(PolicyType::$required => {
                        let section = raw.$required_section.take();
                        let missing = SectionError::Missing(stringify!($required_section));
                        PolicyKind::$required(section.ok_or(missing)?)
                    })*
                    $(PolicyType::$optional => {
                        PolicyKind::$optional(raw.$optional_section.take().unwrap_or_default())
                    })*
                };
                let left = [
                    $((stringify!($required_section), raw.$required_section.is_some()),)*
                    $((stringify!($optional_section), raw.$optional_section.is_some()),)*
                ];
                match left.iter().find(|(_, present)| *present) {
                    Some((section, _)) => Err(SectionError::Other {
                        section,
                        policy_type: kind.policy_type(),
                    }),
                    None => Ok(Self { name: raw.name, kind }),
                }
            }
        }
    };
}

policy_types! {
    required {
        /// `and`: samples if all of its policies sample.
        And(and: AndConfig),
        /// `boolean_attribute`: samples by a boolean attribute.
        BooleanAttribute(boolean_attribute: BooleanAttributeConfig),
        /// `bytes_limiting`: samples up to a number of bytes a second.
        BytesLimiting(bytes_limiting: BytesLimitingConfig),
        /// `composite`: divides a rate of spans among policies.
        Composite(composite: CompositeConfig),
        /// `critical_service`, not in the Collector: samples if a listed service takes part.
        CriticalService(critical_service: CriticalServiceConfig),
        /// `custom`, not in the Collector: a policy that the caller implements.
        Custom(custom: CustomConfig),
        /// `drop`: drops the trace if all of its policies sample.
        Drop(drop: DropConfig),
        /// `latency`: samples by the duration of the trace.
        Latency(latency: LatencyConfig),
        /// `not`: samples if its policy does not sample.
        Not(not: NotConfig),
        /// `numeric_attribute`: samples by a numeric attribute.
        NumericAttribute(numeric_attribute: NumericAttributeConfig),
        /// `ottl_condition`: conditions that a policy of the caller evaluates.
        OttlCondition(ottl_condition: OttlConditionConfig),
        /// `probabilistic`: samples a percentage of the traces.
        Probabilistic(probabilistic: ProbabilisticConfig),
        /// `rate_limiting`: samples up to a number of spans a second.
        RateLimiting(rate_limiting: RateLimitingConfig),
        /// `span_count`: samples by the number of spans.
        SpanCount(span_count: SpanCountConfig),
        /// `status_code`: samples by the status of spans.
        StatusCode(status_code: StatusCodeConfig),
        /// `string_attribute`: samples by a string attribute.
        StringAttribute(string_attribute: StringAttributeConfig),
        /// `trace_state`: samples by a list-member of the trace state.
        TraceState(trace_state: TraceStateConfig),
    }
    optional {
        /// `rare_operation`, not in the Collector: samples operations while they are rare.
        RareOperation(rare_operation: RareOperationConfig),
        /// `slower_than_p99`, not in the Collector: samples an operation's slowest hundredth.
        SlowerThanP99(slower_than_p99: SlowerThanP99Config),
    }
}

/// The reason why the sections of a policy are refused.
#[derive(Debug, thiserror::Error)]
enum SectionError {
    #[error("a policy of type `{0}` needs the section `{0}`")]
    Missing(&'static str),
    #[error("the section `{section}` does not belong to a policy of type `{policy_type}`")]
    Other {
        section: &'static str,
        policy_type: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = serde_json::from_str::<PolicyConfig>(text).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn sections_must_fit_the_type() {
        check_error(
            r#"{"name": "p", "type": "latency"}"#,
            "a policy of type `latency` needs the section `latency`",
        );
        check_error(
            r#"{"name": "p", "type": "always_sample", "span_count": {}}"#,
            "the section `span_count` does not belong to a policy of type `always_sample`",
        );
    }

    #[test]
    fn unknown_keys_types_and_values_are_refused() {
        check_error(r#"{"name": "p", "type": "always"}"#, "unknown variant");
        check_error(
            r#"{"name": "p", "type": "always_sample", "wait": 1}"#,
            "unknown field",
        );
        check_error(
            r#"{"name": "p", "type": "status_code", "status_code": {"status_codes": ["Error"]}}"#,
            "unknown variant",
        );
        check_error(
            r#"{"name": "p", "type": "latency", "latency": {"threshold_ms": -1}}"#,
            "invalid value",
        );
    }

    #[test]
    fn types_are_spelled_as_they_are_read() {
        for policy_type in [
            "always_sample",
            "trace_flags",
            "rare_operation",
            "slower_than_p99",
        ] {
            let text = format!(r#"{{"name": "p", "type": "{policy_type}"}}"#);
            let policy: PolicyConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(policy.kind.policy_type(), policy_type);
        }
    }
}
