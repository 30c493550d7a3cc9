//! The values of the instruments, computed from the counters of the provider.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::{
    exporter::FailureReason,
    pipeline::{
        PipelineOwner as _,
        export_metrics::ExportMetrics,
        export_queue_stats::ExportQueueStats,
        span_counters::{SamplingOutcome, StartsByClass},
    },
    provider_core::ProviderCore,
    stats::{ExporterStats, Stats},
};

/// All counters at one moment.
pub(super) struct Snapshot {
    stats: Stats,
    starts: StartsByClass,
    export_queues: Vec<Arc<ExportQueueStats>>,
    queue_capacity: u64,
}

impl Snapshot {
    pub(super) fn take(provider: &ProviderCore) -> Self {
        let state = provider.pipeline_state();
        Self {
            // Read before the starts, so that no span ends in a snapshot before it starts.
            stats: provider.stats(),
            starts: state.registry.totals().started_by_class,
            export_queues: state.export_queues.clone(),
            queue_capacity: provider.pipeline().config().queue().spans,
        }
    }

    fn exporters(&self) -> impl Iterator<Item = (&ExportMetrics, &ExporterStats)> {
        let queues = self.export_queues.iter().zip(&self.stats.exporters);
        queues.filter_map(|(queue, stats)| Some((queue.metrics()?, stats)))
    }
}

/// Reports `otel.sdk.span.started`.
pub(super) fn started(snapshot: &Snapshot, report: &mut dyn FnMut(u64, &[KeyValue])) {
    for (class, spans) in snapshot.starts.iter() {
        if spans > 0 {
            let origin = KeyValue::new("otel.span.parent.origin", class.origin.as_str());
            report(spans, &[origin, sampling_result(class.outcome)]);
        }
    }
}

/// Reports `otel.sdk.span.live`.
pub(super) fn span_live(snapshot: &Snapshot, report: &mut dyn FnMut(u64, &[KeyValue])) {
    let stats = &snapshot.stats;
    let record_only = snapshot
        .starts
        .iter()
        .filter(|(class, _)| class.outcome == SamplingOutcome::RecordOnly)
        .map(|(_, spans)| spans)
        .sum::<u64>()
        .saturating_sub(stats.not_sampled);
    let open = stats.started.saturating_sub(stats.ended);
    let sampled = open.saturating_sub(record_only);
    report(record_only, &[sampling_result(SamplingOutcome::RecordOnly)]);
    report(
        sampled,
        &[sampling_result(SamplingOutcome::RecordAndSample)],
    );
}

fn sampling_result(outcome: SamplingOutcome) -> KeyValue {
    KeyValue::new("otel.span.sampling_result", outcome.as_str())
}

/// Reports `otel.sdk.processor.span.queue.size`.
pub(super) fn queue_size(snapshot: &Snapshot, report: &mut dyn FnMut(u64, &[KeyValue])) {
    for (metrics, stats) in snapshot.exporters() {
        let queued = stats.waiting - stats.in_flight;
        report(snapshot.stats.waiting + queued, &metrics.processor);
    }
}

/// Reports `otel.sdk.processor.span.queue.capacity`.
pub(super) fn queue_capacity(snapshot: &Snapshot, report: &mut dyn FnMut(u64, &[KeyValue])) {
    for (metrics, _) in snapshot.exporters() {
        report(snapshot.queue_capacity, &metrics.processor);
    }
}

/// Reports `otel.sdk.processor.span.processed`.
pub(super) fn processed(snapshot: &Snapshot, report: &mut dyn FnMut(u64, &[KeyValue])) {
    let dropped = &snapshot.stats.dropped;
    for (metrics, stats) in snapshot.exporters() {
        let passed_on = stats.in_flight + finished(stats);
        report(passed_on, &metrics.processor);
        let deadline = FailureReason::Deadline.as_str();
        for (reason, spans) in [
            ("queue_full", dropped.queue_full + stats.queue_full),
            ("span_too_large", dropped.span_too_large),
            ("already_shutdown", dropped.already_shutdown),
            (deadline, stats.never_sent),
        ] {
            report_lost(spans, reason, &metrics.processor, report);
        }
    }
}

/// Returns how many spans the exporter has received and answered.
fn finished(stats: &ExporterStats) -> u64 {
    stats.exported + stats.rejected + stats.failed_total() - stats.never_sent
}

/// Reports `otel.sdk.exporter.span.inflight`.
pub(super) fn in_flight(snapshot: &Snapshot, report: &mut dyn FnMut(u64, &[KeyValue])) {
    for (metrics, stats) in snapshot.exporters() {
        report(stats.in_flight, &metrics.exporter);
    }
}

/// Reports `otel.sdk.exporter.span.exported`.
pub(super) fn exported(snapshot: &Snapshot, report: &mut dyn FnMut(u64, &[KeyValue])) {
    for (metrics, stats) in snapshot.exporters() {
        report(stats.exported, &metrics.exporter);
        report_lost(stats.rejected, "rejected", &metrics.exporter, report);
        for (reason, spans) in &stats.failed {
            let is_deadline = *reason == FailureReason::Deadline.as_str();
            let spans = spans - if is_deadline { stats.never_sent } else { 0 };
            report_lost(spans, reason, &metrics.exporter, report);
        }
    }
}

fn report_lost(
    spans: u64,
    reason: &'static str,
    component: &[KeyValue],
    report: &mut dyn FnMut(u64, &[KeyValue]),
) {
    if spans > 0 {
        let mut attributes = component.to_vec();
        attributes.push(KeyValue::new("error.type", reason));
        report(spans, &attributes);
    }
}
