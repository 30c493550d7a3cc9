//! Policies that look for an attribute in spans and in their resources.
//!
//! An attribute of a span does not hide the same attribute of its resource; either of them can
//! match.

use super::pattern::Matcher;
use crate::tail::config::{BooleanAttributeConfig, NumericAttributeConfig};
use crate::tail::decision::{Policy, Verdict};
use crate::tail::span::{AttributeValue, TailSpan};
use crate::tail::trace::BufferedTrace;

/// The policy `string_attribute`.
#[derive(Debug)]
pub(super) struct StringAttribute {
    pub(super) key: String,
    pub(super) matcher: Matcher,
    pub(super) invert: bool,
}

impl<S: TailSpan> Policy<S> for StringAttribute {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let found = any(trace, &self.key, |value| match value {
            AttributeValue::String(text) => !text.is_empty() && self.matcher.matches(text),
            _ => false,
        });
        Verdict::sampled_if(found != self.invert)
    }
}

/// The policy `numeric_attribute`.
#[derive(Debug)]
pub(super) struct NumericAttribute {
    key: String,
    min: i64,
    max: i64,
    invert: bool,
}

impl NumericAttribute {
    pub(super) fn new(config: &NumericAttributeConfig) -> Self {
        Self {
            key: config.key.clone(),
            min: config.min_value.unwrap_or(i64::MIN),
            max: config.max_value.unwrap_or(i64::MAX),
            invert: config.invert_match,
        }
    }
}

impl<S: TailSpan> Policy<S> for NumericAttribute {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let found = any(trace, &self.key, |value| match value {
            AttributeValue::Int(number) => (self.min..=self.max).contains(&number),
            // NaN is in no range. Bounds above 2^53 are rounded to the nearest double.
            AttributeValue::Double(number) => (self.min as f64..=self.max as f64).contains(&number),
            _ => false,
        });
        Verdict::sampled_if(found != self.invert)
    }
}

/// The policy `boolean_attribute`.
#[derive(Debug)]
pub(super) struct BooleanAttribute {
    config: BooleanAttributeConfig,
}

impl BooleanAttribute {
    pub(super) fn new(config: BooleanAttributeConfig) -> Self {
        Self { config }
    }
}

impl<S: TailSpan> Policy<S> for BooleanAttribute {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let wanted = AttributeValue::Bool(self.config.value);
        let found = any(trace, &self.config.key, |value| value == wanted);
        Verdict::sampled_if(found != self.config.invert_match)
    }
}

/// Returns whether the attribute matches in any span or resource.
fn any<S: TailSpan>(
    trace: &BufferedTrace<'_, S>,
    key: &str,
    mut matches: impl FnMut(AttributeValue<'_>) -> bool,
) -> bool {
    trace.spans().iter().any(|span| {
        span.attribute(key).is_some_and(&mut matches)
            || span.resource_attribute(key).is_some_and(&mut matches)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::policy::testing::{Span, check};

    /// Checks a policy and the same policy with `invert_match`.
    #[track_caller]
    fn check_both(policy_type: &str, settings: &str, spans: &[Span], matches: bool) {
        for (invert, expected) in [(false, matches), (true, !matches)] {
            let config = format!(
                r#"{{"name": "p", "type": "{policy_type}",
                    "{policy_type}": {{"key": "example", "invert_match": {invert}, {settings}}}}}"#
            );
            check(&config, spans, expected);
        }
    }

    fn both(key: &'static str, value: AttributeValue<'static>) -> [[Span; 2]; 2] {
        [
            [Span::default(), Span::attribute(key, value)],
            [Span::resource(key, value), Span::default()],
        ]
    }

    #[test]
    fn strings_match_exactly() {
        for (key, value, expected) in [
            ("example", AttributeValue::String("value"), true),
            ("example", AttributeValue::String("other"), true),
            ("example", AttributeValue::String("val"), false),
            ("example", AttributeValue::String("values"), false),
            ("example", AttributeValue::String(""), false),
            ("Example", AttributeValue::String("value"), false),
            ("example", AttributeValue::Int(1), false),
        ] {
            for spans in both(key, value) {
                let settings = r#""values": ["value", "", "other"]"#;
                check_both("string_attribute", settings, &spans, expected);
            }
        }
    }

    #[test]
    fn patterns_match_anywhere() {
        for (pattern, value, expected) in [
            ("v[0-9]+.HealthCheck$", "grpc.health.v1.HealthCheck", true),
            ("^v[0-9]+", "grpc.health.v1", false),
            ("val*", "va", true),
            ("/live", "/health/live/1", true),
            ("(?i)ERROR", "an error", true),
            ("\\\\d+", "abc", false),
        ] {
            for spans in both("example", AttributeValue::String(value)) {
                let settings = format!(
                    r#""values": ["nothing", "{pattern}"], "enabled_regex_matching": true"#
                );
                check_both("string_attribute", &settings, &spans, expected);
            }
        }
    }

    #[test]
    fn numbers_match_up_to_the_bounds() {
        let min = i64::from(i32::MIN);
        let max = i64::from(i32::MAX);
        let settings = format!(r#""min_value": {min}, "max_value": {max}"#);
        for (key, value, expected) in [
            ("other", AttributeValue::Int(min), false),
            ("example", AttributeValue::Int(min), true),
            ("example", AttributeValue::Int(max), true),
            ("example", AttributeValue::Int(min - 1), false),
            ("example", AttributeValue::Int(max + 1), false),
            ("example", AttributeValue::Double(0.5), true),
            ("example", AttributeValue::Double(max as f64 + 0.5), false),
            ("example", AttributeValue::Double(f64::NAN), false),
            ("example", AttributeValue::Double(f64::INFINITY), false),
            ("example", AttributeValue::Bool(true), false),
            ("example", AttributeValue::String("5"), false),
        ] {
            for spans in both(key, value) {
                check_both("numeric_attribute", &settings, &spans, expected);
            }
        }
    }

    #[test]
    fn numbers_need_one_bound_only() {
        for (settings, value, expected) in [
            (r#""min_value": 100"#, 200, true),
            (r#""min_value": 100"#, 50, false),
            (r#""min_value": 100"#, i64::MAX, true),
            (r#""min_value": 0"#, -1, false),
            (r#""max_value": 100"#, 50, true),
            (r#""max_value": 100"#, 200, false),
            (r#""max_value": 0"#, i64::MIN, true),
        ] {
            for spans in both("example", AttributeValue::Int(value)) {
                check_both("numeric_attribute", settings, &spans, expected);
            }
        }
    }

    #[test]
    fn booleans_match_booleans_only() {
        for (value, yes, no) in [
            (AttributeValue::Bool(true), true, false),
            (AttributeValue::Bool(false), false, true),
            (AttributeValue::String("true"), false, false),
            (AttributeValue::Int(0), false, false),
        ] {
            for spans in both("example", value) {
                check_both("boolean_attribute", r#""value": true"#, &spans, yes);
                check_both("boolean_attribute", r#""value": false"#, &spans, no);
            }
        }
    }

    #[test]
    fn attribute_of_the_span_does_not_hide_that_of_the_resource() {
        let span = Span {
            resource: Some(("example", AttributeValue::String("value"))),
            ..Span::attribute("example", AttributeValue::String("other"))
        };
        for value in ["value", "other"] {
            let settings = format!(r#""values": ["{value}"]"#);
            check_both(
                "string_attribute",
                &settings,
                std::slice::from_ref(&span),
                true,
            );
        }
    }
}
