//! What a provider tells of itself as metrics: `otel.sdk.*` of the semantic conventions
//! (otel/sdk-metrics.md), for spans, the batching processor and the exporters.
//!
//! All but one are read from the counts that exist anyway when somebody collects them, so they
//! cost the caller nothing. The exceptions: the duration of an export is recorded when it ends, and
//! the outcome of sampling is counted where a span starts, on the thread's own counters.

#[cfg_attr(
    any(tracer_loom, tracer_shuttle),
    allow(dead_code, reason = "the lanes of models export nothing")
)]
mod lane;
mod values;

use std::sync::{Arc, Weak};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{AsyncInstrument, Meter, MeterProvider},
    trace::SpanContext,
};
use opentelemetry_sdk::trace::SamplingDecision;

pub(crate) use self::lane::LaneMetrics;
use self::values::Snapshot;
use crate::{
    error::ConfigError, exporter::SpanExporter, foreign::isolated, provider::Shared,
    ring::counters::BIRTHS,
};

const ORIGINS: [&str; 3] = ["none", "local", "remote"];
const RESULTS: [&str; 3] = ["DROP", "RECORD_ONLY", "RECORD_AND_SAMPLE"];
const _: () = assert!(BIRTHS == ORIGINS.len() * RESULTS.len());

/// The index of one kind of start.
pub(crate) fn birth(parent: Option<&SpanContext>, decision: &SamplingDecision) -> usize {
    let origin = match parent {
        None => 0,
        Some(parent) if !parent.is_remote() => 1,
        Some(_) => 2,
    };
    let result = match decision {
        SamplingDecision::Drop => 0,
        SamplingDecision::RecordOnly => 1,
        SamplingDecision::RecordAndSample => 2,
    };
    origin * RESULTS.len() + result
}

/// The meter of this crate.
pub(crate) fn meter(provider: &impl MeterProvider) -> Meter {
    let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
    provider.meter_with_scope(scope)
}

/// Creates the instruments of a provider. They live as long as the meter's provider, and report
/// nothing once this one is gone.
pub(crate) fn watch(
    meter: &Meter,
    shared: &Arc<Shared>,
    exporters: &[(&'static str, Arc<dyn SpanExporter>)],
) -> Result<(), ConfigError> {
    for (lane, (component_type, exporter)) in shared.engine().lanes.iter().zip(exporters) {
        let server = isolated(|| exporter.server()).ok_or(ConfigError::ExporterPanicked)?;
        lane.set_metrics(LaneMetrics::new(meter, component_type, server));
    }
    let instruments = Instruments {
        meter,
        shared: Arc::downgrade(shared),
    };
    instruments.counter(
        "otel.sdk.span.started",
        "The number of created spans.",
        values::started,
    );
    instruments.up_down_counter(
        "otel.sdk.span.live",
        "The number of created spans with `recording=true` for which the end operation has not been called yet.",
        values::live,
    );
    instruments.up_down_counter(
        "otel.sdk.processor.span.queue.size",
        "The number of spans in the queue of a given instance of an SDK span processor.",
        values::queue_size,
    );
    instruments.up_down_counter(
        "otel.sdk.processor.span.queue.capacity",
        "The maximum number of spans the queue of a given instance of an SDK span processor can hold.",
        values::queue_capacity,
    );
    instruments.counter(
        "otel.sdk.processor.span.processed",
        "The number of spans for which the processing has finished, either successful or failed.",
        values::processed,
    );
    instruments.up_down_counter(
        "otel.sdk.exporter.span.inflight",
        "The number of spans which were passed to the exporter, but that have not been exported yet (neither successful, nor failed).",
        values::in_flight,
    );
    instruments.counter(
        "otel.sdk.exporter.span.exported",
        "The number of spans for which the export has finished, either successful or failed.",
        values::exported,
    );
    Ok(())
}

struct Instruments<'a> {
    meter: &'a Meter,
    shared: Weak<Shared>,
}

/// Tells the values of one instrument, with their attributes.
type Tell = fn(&Snapshot, &mut dyn FnMut(u64, &[KeyValue]));

impl Instruments<'_> {
    fn counter(&self, name: &'static str, description: &'static str, tell: Tell) {
        let shared = Weak::clone(&self.shared);
        self.meter
            .u64_observable_counter(name)
            .with_unit("{span}")
            .with_description(description)
            .with_callback(move |observer| observe(&shared, tell, observer, |value| value))
            .build();
    }

    fn up_down_counter(&self, name: &'static str, description: &'static str, tell: Tell) {
        let shared = Weak::clone(&self.shared);
        self.meter
            .i64_observable_up_down_counter(name)
            .with_unit("{span}")
            .with_description(description)
            .with_callback(move |observer| {
                observe(&shared, tell, observer, |value| {
                    i64::try_from(value).unwrap_or(i64::MAX)
                });
            })
            .build();
    }
}

fn observe<T>(
    shared: &Weak<Shared>,
    tell: Tell,
    observer: &dyn AsyncInstrument<T>,
    number: fn(u64) -> T,
) {
    let Some(shared) = shared.upgrade().filter(|shared| !shared.is_abandoned()) else {
        return;
    };
    let snapshot = Snapshot::take(&shared);
    tell(&snapshot, &mut |value, attributes| {
        observer.observe(number(value), attributes);
    });
}
