//! The metrics `otel.sdk.*` of the semantic conventions (otel/sdk-metrics.md), for spans, the
//! batching processor and the exporters.
//!
//! Most of them are read from the counters of the pipeline when the metrics are collected, so they
//! cost the caller no time. There are two exceptions. The duration of an export is recorded when
//! the export ends. The outcome of sampling is counted when a span starts, in the counters of the
//! thread.

mod values;

use std::sync::{Arc, Weak};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{AsyncInstrument, Meter, MeterProvider},
};

use self::values::Snapshot;
use crate::{
    error::ConfigError, exporter::SpanExporter, panic_guard::catch_panic,
    pipeline::export_metrics::ExportMetrics, provider_core::ProviderCore,
};

/// Returns the meter of this crate.
pub(crate) fn meter(provider: &impl MeterProvider) -> Meter {
    let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
    provider.meter_with_scope(scope)
}

/// Creates the instruments of a provider. They live as long as the meter's provider, and report
/// nothing once the tracer provider is gone.
pub(crate) fn watch(
    meter: &Meter,
    provider: &Arc<ProviderCore>,
    exporters: &[(&'static str, Arc<dyn SpanExporter>)],
) -> Result<(), ConfigError> {
    let state = provider.pipeline_state();
    for (queue, (component_type, exporter)) in state.export_queues.iter().zip(exporters) {
        let server = catch_panic(|| exporter.server()).ok_or(ConfigError::ExporterPanicked)?;
        queue.set_metrics(ExportMetrics::new(meter, component_type, server));
    }
    let instruments = Instruments {
        meter,
        provider: Arc::downgrade(provider),
    };
    instruments.counter(
        "otel.sdk.span.started",
        "The number of created spans.",
        values::started,
    );
    instruments.up_down_counter(
        "otel.sdk.span.live",
        "The number of created spans with `recording=true` for which the end operation has not been called yet.",
        values::span_live,
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
    provider: Weak<ProviderCore>,
}

/// Reports the values of one instrument, with their attributes.
type Report = fn(&Snapshot, &mut dyn FnMut(u64, &[KeyValue]));

impl Instruments<'_> {
    fn counter(&self, name: &'static str, description: &'static str, report: Report) {
        let provider = Weak::clone(&self.provider);
        self.meter
            .u64_observable_counter(name)
            .with_unit("{span}")
            .with_description(description)
            .with_callback(move |observer| observe(&provider, report, observer, |value| value))
            .build();
    }

    fn up_down_counter(&self, name: &'static str, description: &'static str, report: Report) {
        let provider = Weak::clone(&self.provider);
        self.meter
            .i64_observable_up_down_counter(name)
            .with_unit("{span}")
            .with_description(description)
            .with_callback(move |observer| {
                observe(&provider, report, observer, |value| {
                    i64::try_from(value).unwrap_or(i64::MAX)
                });
            })
            .build();
    }
}

fn observe<T>(
    provider: &Weak<ProviderCore>,
    report: Report,
    observer: &dyn AsyncInstrument<T>,
    number: fn(u64) -> T,
) {
    let Some(provider) = provider
        .upgrade()
        .filter(|provider| !provider.is_abandoned())
    else {
        return;
    };
    let snapshot = Snapshot::take(&provider);
    report(&snapshot, &mut |value, attributes| {
        observer.observe(number(value), attributes);
    });
}
