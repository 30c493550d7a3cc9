//! The messages that a provider logs at its shutdown, and at its first use after that.

use std::fmt::Write as _;

use crate::{diagnostics::report, error::FlushError, stats::Stats};

/// Logs how many spans were lost in the provider's lifetime, by place and reason, and how many are
/// still open. Logs nothing if nothing was lost, no span is open, and the shutdown succeeded.
pub(super) fn report_shutdown(stats: &Stats, result: &Result<(), FlushError>) {
    let (lost, reasons) = losses(stats);
    let ended = stats.ended;
    if lost > 0 {
        report(move || {
            tracing::warn!(
                target: "tracer_core",
                lost, ended, reasons,
                "spans were lost before tracing ended"
            );
        });
    }
    if let Err(error) = result {
        let error = error.to_string();
        report(move || tracing::warn!(target: "tracer_core", error, "shutdown was incomplete"));
    }
    let open = stats.started.saturating_sub(stats.ended);
    if open > 0 {
        report(move || {
            tracing::warn!(
                target: "tracer_core",
                open,
                "spans were still open when tracing ended; they are not exported"
            );
        });
    }
}

/// Logs that a span was started after the shutdown.
#[cold]
pub(super) fn report_late_start() {
    report(|| {
        tracing::warn!(
            target: "tracer_core",
            "a span was started after tracing ended; this one and later ones are not recorded. \
             Keep the guard or the provider until the program ends: write `let _guard = ...;`, \
             because `let _ = ...;` drops it at once"
        );
    });
}

/// Returns how many spans were lost in total, and the numbers by place and reason as text. A span
/// that two exporters lost counts twice.
fn losses(stats: &Stats) -> (u64, String) {
    let mut total = 0;
    let mut text = String::new();
    let mut add = |place: &str, reason: &str, spans: u64| {
        if spans > 0 {
            total += spans;
            let separator = if text.is_empty() { "" } else { ", " };
            // Ignored, because writing to a string does not fail.
            let _ = write!(text, "{separator}{place} {reason}: {spans}");
        }
    };
    let dropped = &stats.dropped;
    add("rings", "queue_full", dropped.queue_full);
    add("rings", "span_too_large", dropped.span_too_large);
    add("provider", "already_shutdown", dropped.already_shutdown);
    for exporter in &stats.exporters {
        add(exporter.component_type, "queue_full", exporter.queue_full);
        add(exporter.component_type, "rejected", exporter.rejected);
        for (reason, spans) in &exporter.failed {
            add(exporter.component_type, reason, *spans);
        }
    }
    (total, text)
}
