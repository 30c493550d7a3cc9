//! The limits on the size of one span.

use crate::env::Env;

/// Limits on the contents of a span. Data beyond them is dropped, and the span counts it.
///
/// Source: OpenTelemetry specification, trace/sdk.md "Span Limits" and common/README.md
/// "Attribute Limits".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanLimits {
    pub(crate) max_attributes: u32,
    pub(crate) max_events: u32,
    pub(crate) max_links: u32,
    pub(crate) max_attributes_per_event: u32,
    pub(crate) max_attributes_per_link: u32,
    pub(crate) max_value_length: usize,
    pub(crate) max_value_depth: u32,
}

impl Default for SpanLimits {
    /// Returns a limit of 128 for each count, of 4096 characters for a value, and of 64 for the
    /// depth. The specification sets no limit for the length of a value. Without one, a single
    /// attribute could take the memory of thousands of spans.
    fn default() -> Self {
        Self {
            max_attributes: 128,
            max_events: 128,
            max_links: 128,
            max_attributes_per_event: 128,
            max_attributes_per_link: 128,
            max_value_length: 4096,
            max_value_depth: 64,
        }
    }
}

impl SpanLimits {
    /// Reads the limits from an environment. A limit that no variable sets has its default.
    ///
    /// `OTEL_ATTRIBUTE_COUNT_LIMIT` applies to spans, events and links, and
    /// `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` to all values, unless the more specific variable is set
    /// (common/README.md "Attribute Limits").
    pub fn from_env(env: &mut Env) -> Self {
        let default = Self::default();
        let general = env.count("OTEL_ATTRIBUTE_COUNT_LIMIT", 0, default.max_attributes);
        let length = u32::try_from(default.max_value_length).unwrap_or(u32::MAX);
        let length = env.count("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, length);
        let length = env.count("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, length);
        Self {
            max_attributes: env.count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0, general),
            max_events: env.count("OTEL_SPAN_EVENT_COUNT_LIMIT", 0, default.max_events),
            max_links: env.count("OTEL_SPAN_LINK_COUNT_LIMIT", 0, default.max_links),
            max_attributes_per_event: env.count("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 0, general),
            max_attributes_per_link: env.count("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 0, general),
            max_value_length: length as usize,
            max_value_depth: default.max_value_depth,
        }
    }

    /// Sets how many attributes a span holds (`OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, default 128). The
    /// first ones are recorded. Setting a key again does not count twice.
    #[must_use]
    pub fn max_attributes(mut self, count: u32) -> Self {
        self.max_attributes = count;
        self
    }

    /// Sets how many events a span holds (`OTEL_SPAN_EVENT_COUNT_LIMIT`, default 128). The first
    /// ones are recorded.
    #[must_use]
    pub fn max_events(mut self, count: u32) -> Self {
        self.max_events = count;
        self
    }

    /// Sets how many links a span holds (`OTEL_SPAN_LINK_COUNT_LIMIT`, default 128). The first ones
    /// are recorded.
    #[must_use]
    pub fn max_links(mut self, count: u32) -> Self {
        self.max_links = count;
        self
    }

    /// Sets how many attributes one event holds (`OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, default 128).
    #[must_use]
    pub fn max_attributes_per_event(mut self, count: u32) -> Self {
        self.max_attributes_per_event = count;
        self
    }

    /// Sets how many attributes one link holds (`OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`, default 128).
    #[must_use]
    pub fn max_attributes_per_link(mut self, count: u32) -> Self {
        self.max_attributes_per_link = count;
        self
    }

    /// Sets how many characters a string value holds (`OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`,
    /// default 4096). In an array, the limit applies to each element. A longer string is cut.
    /// `usize::MAX` means no limit.
    #[must_use]
    pub fn max_value_length(mut self, characters: usize) -> Self {
        self.max_value_length = characters;
        self
    }

    /// Sets how deeply arrays may be nested (default 64; no variable sets it). An attribute's value
    /// is at depth 1, and the API's arrays hold plain values only. So only a limit of 0 has an
    /// effect: every array becomes an empty value, which exporters of the SDK see as an empty
    /// string.
    #[must_use]
    pub fn max_value_depth(mut self, depth: u32) -> Self {
        self.max_value_depth = depth;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::testing::with_variables;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: SpanLimits, refused: usize) {
        let (limits, diagnostics) = with_variables(variables, SpanLimits::from_env);
        assert_eq!(limits, expected, "{variables:?}");
        assert_eq!(diagnostics.len(), refused, "{variables:?}");
    }

    #[test]
    fn each_limit_has_its_variable() {
        let default = SpanLimits::default;
        check(&[], default(), 0);
        let everywhere = default()
            .max_attributes(7)
            .max_attributes_per_event(7)
            .max_attributes_per_link(7);
        let cases = [
            (
                "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
                default().max_attributes(7),
            ),
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", everywhere),
            (
                "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                default().max_value_length(7),
            ),
            (
                "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                default().max_value_length(7),
            ),
            ("OTEL_SPAN_EVENT_COUNT_LIMIT", default().max_events(7)),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", default().max_links(7)),
            (
                "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
                default().max_attributes_per_event(7),
            ),
            (
                "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
                default().max_attributes_per_link(7),
            ),
        ];
        for (variable, expected) in cases {
            check(&[(variable, "7")], expected, 0);
            check(&[(variable, "many")], default(), 1);
        }
    }

    #[test]
    fn specific_limits_win_over_general_ones() {
        let variables = [
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", "9"),
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
            ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "refused"),
            ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100"),
            ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "200"),
        ];
        let expected = SpanLimits::default()
            .max_attributes(0)
            .max_attributes_per_event(9)
            .max_attributes_per_link(9)
            .max_value_length(200);
        check(&variables, expected, 1);
    }
}
