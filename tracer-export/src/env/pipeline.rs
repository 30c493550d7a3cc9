//! `OTEL_BSP_*` and the limits of spans.

use tracer_core::{BatchConfig, SpanLimits};

use crate::env::Env;

/// The specification's defaults, which a queue and a batch must be compared with.
const DEFAULT_QUEUE: u32 = 2048;
const DEFAULT_BATCH: u32 = 512;

/// Source: sdk-environment-variables.md, "Batch Span Processor".
///
/// A queue below 512 makes the batches as small, which the specification demands; only a batch
/// size that was set above the queue is refused.
pub(crate) fn batch_config(env: &mut Env<'_>) -> BatchConfig {
    const QUEUE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
    const BATCH: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
    let queue = env.count(QUEUE, 1).unwrap_or(DEFAULT_QUEUE);
    let mut batch = DEFAULT_BATCH.min(queue);
    match env.count(BATCH, 1) {
        Some(set) if set > queue => env.refuse(
            BATCH,
            format_args!("is above the queue of {queue}, {batch} applies"),
        ),
        Some(set) => batch = set,
        None => {}
    }
    let mut config = BatchConfig::default()
        .max_queue_size(queue as usize)
        .max_export_batch_size(batch as usize);
    if let Some(delay) = env.millis("OTEL_BSP_SCHEDULE_DELAY", 0) {
        config = config.scheduled_delay(delay);
    }
    if let Some(timeout) = env.millis("OTEL_BSP_EXPORT_TIMEOUT", 1) {
        config = config.export_timeout(timeout);
    }
    config
}

/// Source: sdk-environment-variables.md, "Attribute Limits" and "Span Limits". The limits of spans
/// win over the general ones.
pub(crate) fn span_limits(env: &mut Env<'_>) -> SpanLimits {
    let mut limits = SpanLimits::default();
    let attributes = env.count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0);
    let general = env.count("OTEL_ATTRIBUTE_COUNT_LIMIT", 0);
    if let Some(count) = attributes.or(general) {
        limits = limits.max_attributes(count);
    }
    let length = env.count("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0);
    let general = env.count("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0);
    if let Some(bytes) = length.or(general) {
        limits = limits.max_value_length(bytes as usize);
    }
    if let Some(count) = env.count("OTEL_SPAN_EVENT_COUNT_LIMIT", 0) {
        limits = limits.max_events(count);
    }
    if let Some(count) = env.count("OTEL_SPAN_LINK_COUNT_LIMIT", 0) {
        limits = limits.max_links(count);
    }
    if let Some(count) = env.count("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 0) {
        limits = limits.max_attributes_per_event(count);
    }
    if let Some(count) = env.count("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 0) {
        limits = limits.max_attributes_per_link(count);
    }
    limits
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::env::with_variables;

    #[track_caller]
    fn check_batch(variables: &[(&str, &str)], expected: BatchConfig, refused: &[&str]) {
        let (config, diagnostics) = with_variables(variables, batch_config);
        assert_eq!(config, expected, "{variables:?}");
        let names: Vec<_> = diagnostics.iter().map(|refused| refused.variable).collect();
        assert_eq!(names, refused, "{variables:?}");
    }

    #[test]
    fn four_batch_variables_are_read() {
        check_batch(&[], BatchConfig::default(), &[]);
        let all = [
            ("OTEL_BSP_MAX_QUEUE_SIZE", "4096"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1024"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_BSP_EXPORT_TIMEOUT", " 1500 "),
        ];
        let expected = BatchConfig::default()
            .max_queue_size(4096)
            .max_export_batch_size(1024)
            .scheduled_delay(Duration::ZERO)
            .export_timeout(Duration::from_millis(1500));
        check_batch(&all, expected, &[]);
    }

    #[test]
    fn refused_batch_values_leave_the_default_and_one_diagnostic() {
        for variable in [
            "OTEL_BSP_MAX_QUEUE_SIZE",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
            "OTEL_BSP_EXPORT_TIMEOUT",
            "OTEL_BSP_SCHEDULE_DELAY",
        ] {
            for value in [
                "-1",
                "abc",
                "1.5",
                "99999999999999999999",
                "5s",
                "0x10",
                "\u{0}",
            ] {
                check_batch(&[(variable, value)], BatchConfig::default(), &[variable]);
            }
            check_batch(&[(variable, "")], BatchConfig::default(), &[]);
        }
        let zero = [("OTEL_BSP_MAX_QUEUE_SIZE", "0")];
        check_batch(&zero, BatchConfig::default(), &["OTEL_BSP_MAX_QUEUE_SIZE"]);
        let zero = [("OTEL_BSP_EXPORT_TIMEOUT", "0")];
        check_batch(&zero, BatchConfig::default(), &["OTEL_BSP_EXPORT_TIMEOUT"]);
    }

    #[test]
    fn batches_never_exceed_the_queue() {
        let small = BatchConfig::default()
            .max_queue_size(100)
            .max_export_batch_size(100);
        let queue = ("OTEL_BSP_MAX_QUEUE_SIZE", "100");
        let batch = ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "101");
        check_batch(&[queue], small.clone(), &[]);
        check_batch(&[queue, batch], small, &["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]);
    }

    #[track_caller]
    fn check_limits(variables: &[(&str, &str)], expected: SpanLimits, refused: usize) {
        let (limits, diagnostics) = with_variables(variables, span_limits);
        assert_eq!(limits, expected, "{variables:?}");
        assert_eq!(diagnostics.len(), refused, "{variables:?}");
    }

    #[test]
    fn each_limit_has_its_variable() {
        let default = SpanLimits::default;
        check_limits(&[], default(), 0);
        let cases = [
            (
                "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
                default().max_attributes(7),
            ),
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", default().max_attributes(7)),
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
            check_limits(&[(variable, "7")], expected, 0);
            check_limits(&[(variable, "many")], default(), 1);
        }
    }

    #[test]
    fn limits_of_spans_win_over_general_ones() {
        let variables = [
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", "9"),
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
        ];
        check_limits(&variables, SpanLimits::default().max_attributes(0), 0);
    }
}
