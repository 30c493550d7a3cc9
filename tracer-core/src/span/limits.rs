//! How much one span may hold.

/// Limits on what a span keeps; what goes beyond is dropped and counted in the span itself.
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
}

impl Default for SpanLimits {
    /// 128 of each, and 4096 characters a value. The specification sets no limit for a value; without one, a
    /// single attribute could take the memory of thousands of spans.
    fn default() -> Self {
        Self {
            max_attributes: 128,
            max_events: 128,
            max_links: 128,
            max_attributes_per_event: 128,
            max_attributes_per_link: 128,
            max_value_length: 4096,
        }
    }
}

impl SpanLimits {
    /// Attributes of a span (`OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, default 128). The first ones are
    /// kept; setting a key again never counts twice.
    #[must_use]
    pub fn max_attributes(mut self, count: u32) -> Self {
        self.max_attributes = count;
        self
    }

    /// Events of a span (`OTEL_SPAN_EVENT_COUNT_LIMIT`, default 128). The first ones are kept.
    #[must_use]
    pub fn max_events(mut self, count: u32) -> Self {
        self.max_events = count;
        self
    }

    /// Links of a span (`OTEL_SPAN_LINK_COUNT_LIMIT`, default 128). The first ones are kept.
    #[must_use]
    pub fn max_links(mut self, count: u32) -> Self {
        self.max_links = count;
        self
    }

    /// Attributes of one event (`OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, default 128).
    #[must_use]
    pub fn max_attributes_per_event(mut self, count: u32) -> Self {
        self.max_attributes_per_event = count;
        self
    }

    /// Attributes of one link (`OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`, default 128).
    #[must_use]
    pub fn max_attributes_per_link(mut self, count: u32) -> Self {
        self.max_attributes_per_link = count;
        self
    }

    /// Characters of one string value (`OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, default 4096), in
    /// an array of each element. A longer one is cut. `usize::MAX` is no limit.
    #[must_use]
    pub fn max_value_length(mut self, characters: usize) -> Self {
        self.max_value_length = characters;
        self
    }
}
