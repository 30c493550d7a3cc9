//! What a provider logs when it is shut down, and when it is used afterwards.

use std::fmt::Write as _;

use crate::{diagnostics::report, error::FlushError, stats::Stats};

/// Logs the spans that were lost in the provider's whole life, by place and reason, and those that
/// are still open. Logs nothing if all went well.
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
             Keep the guard or the provider until the program ends: `let _guard = ...;`, as \
             `let _ = ...;` drops it at once"
        );
    });
}

/// How many spans were lost, those of each exporter together, and the numbers by place and reason.
fn losses(stats: &Stats) -> (u64, String) {
    let mut total = 0;
    let mut text = String::new();
    let mut add = |place: &str, reason: &str, spans: u64| {
        if spans > 0 {
            total += spans;
            let separator = if text.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
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
