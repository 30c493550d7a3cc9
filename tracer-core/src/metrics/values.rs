//! The values of the instruments, computed from the counts of the provider.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::{LaneMetrics, ORIGINS, RESULTS};
use crate::{
    exporter::ExportError,
    pipeline::lane_stats::LaneStats,
    provider::Shared,
    ring::counters::BIRTHS,
    stats::{ExporterStats, Stats},
};

/// All counts at one moment.
pub(super) struct Snapshot {
    stats: Stats,
    births: [u64; BIRTHS],
    lanes: Vec<Arc<LaneStats>>,
    queue_capacity: u64,
}

impl Snapshot {
    pub(super) fn take(shared: &Arc<Shared>) -> Self {
        let engine = shared.engine();
        Self {
            // Before the starts, so that no span is seen to end before it started.
            stats: shared.stats(),
            births: engine.registry.totals().births,
            lanes: engine.lanes.clone(),
            queue_capacity: shared.batch.queue().spans,
        }
    }

    /// The starts by origin of the parent and result of sampling.
    fn births(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let kinds = ORIGINS
            .into_iter()
            .flat_map(|origin| RESULTS.into_iter().map(move |result| (origin, result)));
        kinds
            .zip(self.births)
            .map(|((origin, result), spans)| (origin, result, spans))
    }

    fn lanes(&self) -> impl Iterator<Item = (&LaneMetrics, &ExporterStats)> {
        let lanes = self.lanes.iter().zip(&self.stats.exporters);
        lanes.filter_map(|(lane, stats)| Some((lane.metrics()?, stats)))
    }
}

pub(super) fn started(snapshot: &Snapshot, tell: &mut dyn FnMut(u64, &[KeyValue])) {
    for (origin, result, spans) in snapshot.births() {
        if spans > 0 {
            let origin = KeyValue::new("otel.span.parent.origin", origin);
            tell(spans, &[origin, sampling_result(result)]);
        }
    }
}

pub(super) fn live(snapshot: &Snapshot, tell: &mut dyn FnMut(u64, &[KeyValue])) {
    let stats = &snapshot.stats;
    let record_only = snapshot
        .births()
        .filter(|(_, result, _)| *result == RESULTS[1])
        .map(|(_, _, spans)| spans)
        .sum::<u64>()
        .saturating_sub(stats.not_sampled);
    let live = stats.started.saturating_sub(stats.ended);
    tell(record_only, &[sampling_result(RESULTS[1])]);
    let sampled = live.saturating_sub(record_only);
    tell(sampled, &[sampling_result(RESULTS[2])]);
}

fn sampling_result(result: &'static str) -> KeyValue {
    KeyValue::new("otel.span.sampling_result", result)
}

pub(super) fn queue_size(snapshot: &Snapshot, tell: &mut dyn FnMut(u64, &[KeyValue])) {
    for (lane, stats) in snapshot.lanes() {
        let queued = stats.waiting - stats.in_flight;
        tell(snapshot.stats.waiting + queued, &lane.processor);
    }
}

pub(super) fn queue_capacity(snapshot: &Snapshot, tell: &mut dyn FnMut(u64, &[KeyValue])) {
    for (lane, _) in snapshot.lanes() {
        tell(snapshot.queue_capacity, &lane.processor);
    }
}

pub(super) fn processed(snapshot: &Snapshot, tell: &mut dyn FnMut(u64, &[KeyValue])) {
    let dropped = &snapshot.stats.dropped;
    for (lane, stats) in snapshot.lanes() {
        let passed_on = stats.in_flight + finished(stats);
        tell(passed_on, &lane.processor);
        for (reason, spans) in [
            ("queue_full", dropped.queue_full + stats.queue_full),
            ("span_too_large", dropped.span_too_large),
            ("already_shutdown", dropped.already_shutdown),
            ("deadline", stats.unsent),
        ] {
            tell_failed(spans, reason, &lane.processor, tell);
        }
    }
}

/// The spans that the exporter was given and has answered for.
fn finished(stats: &ExporterStats) -> u64 {
    stats.exported + stats.rejected + stats.failed_total() - stats.unsent
}

pub(super) fn in_flight(snapshot: &Snapshot, tell: &mut dyn FnMut(u64, &[KeyValue])) {
    for (lane, stats) in snapshot.lanes() {
        tell(stats.in_flight, &lane.exporter);
    }
}

pub(super) fn exported(snapshot: &Snapshot, tell: &mut dyn FnMut(u64, &[KeyValue])) {
    for (lane, stats) in snapshot.lanes() {
        tell(stats.exported, &lane.exporter);
        tell_failed(stats.rejected, "rejected", &lane.exporter, tell);
        for (reason, spans) in &stats.failed {
            let is_deadline = *reason == ExportError::REASONS[ExportError::DEADLINE];
            let spans = spans - if is_deadline { stats.unsent } else { 0 };
            tell_failed(spans, reason, &lane.exporter, tell);
        }
    }
}

fn tell_failed(
    spans: u64,
    reason: &'static str,
    component: &[KeyValue],
    tell: &mut dyn FnMut(u64, &[KeyValue]),
) {
    if spans > 0 {
        let mut attributes = component.to_vec();
        attributes.push(KeyValue::new("error.type", reason));
        tell(spans, &attributes);
    }
}
