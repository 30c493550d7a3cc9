//! Metrics, read through the metrics pipeline of the stock SDK.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, Histogram, MetricData, Sum},
};
use tracer_core::{TracerProvider, TracerProviderBuilder};

use crate::support::TIMEOUT;

/// A metrics pipeline that is collected by hand.
pub struct Meters {
    pub provider: SdkMeterProvider,
    pub collected: InMemoryMetricExporter,
}

/// Values by `name{key=value,..}`. The value of a histogram is its number of observations.
pub type Values = BTreeMap<String, i64>;

impl Meters {
    /// Builds a pipeline that keeps what it collects in memory.
    pub fn new() -> Self {
        let collected = InMemoryMetricExporter::default();
        // By hand only: the interval is longer than any test.
        let reader = PeriodicReader::builder(collected.clone())
            .with_interval(Duration::from_secs(3600))
            .build();
        Self {
            provider: SdkMeterProvider::builder().with_reader(reader).build(),
            collected,
        }
    }

    /// Returns a builder of a provider that reports to this pipeline.
    pub fn builder(&self) -> TracerProviderBuilder {
        TracerProvider::builder().meter_provider(&self.provider)
    }

    /// Collects all metrics, and checks their scope, units and kinds.
    pub fn collect(&self) -> Values {
        self.collected.reset();
        self.provider.force_flush().expect("collected");
        let mut values = Values::new();
        for metrics in self.collected.get_finished_metrics().expect("metrics") {
            for scope in metrics.scope_metrics() {
                assert_eq!(scope.scope().name(), "tracer-core");
                for metric in scope.metrics() {
                    let (name, unit) = (metric.name(), metric.unit());
                    match metric.data() {
                        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                            assert!(sum.is_monotonic() && unit == "{span}", "{name}");
                            read(&mut values, name, sum, |value| value.cast_signed());
                        }
                        AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                            assert!(!sum.is_monotonic() && unit == "{span}", "{name}");
                            read(&mut values, name, sum, |value| value);
                        }
                        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                            assert_eq!(unit, "s", "{name}");
                            read_histogram(&mut values, name, histogram);
                        }
                        other => panic!("{name}: {other:?}"),
                    }
                }
            }
        }
        values
    }
}

fn read<T: Copy + Debug>(values: &mut Values, name: &str, sum: &Sum<T>, number: fn(T) -> i64) {
    for point in sum.data_points() {
        let key = key(name, point.attributes());
        assert!(values.insert(key, number(point.value())).is_none());
    }
}

fn read_histogram(values: &mut Values, name: &str, histogram: &Histogram<f64>) {
    for point in histogram.data_points() {
        assert_eq!(
            point.bounds().count(),
            0,
            "one bucket, as the conventions ask"
        );
        assert!(point.sum() >= 0.0 && point.sum() < TIMEOUT.as_secs_f64());
        let key = key(name, point.attributes());
        values.insert(key, point.count().cast_signed());
    }
}

/// Returns a metric's name with its attributes sorted by key. Names of components are left out,
/// because their numbers differ from run to run.
fn key<'a>(name: &str, attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let attributes: BTreeMap<_, _> = attributes
        .map(|one| (one.key.as_str(), one.value.to_string()))
        .collect();
    if let (Some(of), Some(called)) = (
        attributes.get("otel.component.type"),
        attributes.get("otel.component.name"),
    ) {
        let number = called.strip_prefix(&format!("{of}/")).expect("type/number");
        number.parse::<u64>().expect("a number");
    }
    let shown: Vec<_> = attributes
        .iter()
        .filter(|(key, _)| **key != "otel.component.name")
        .map(|(key, value)| format!("{}={value}", key.rsplit('.').next().unwrap_or(key)))
        .collect();
    format!(
        "{}{{{}}}",
        name.trim_start_matches("otel.sdk."),
        shown.join(",")
    )
}

/// Checks the values of the metric `prefix`, given by their attributes.
#[track_caller]
pub fn check(values: &Values, prefix: &str, expected: &[(&str, i64)]) {
    let seen: Vec<_> = values
        .iter()
        .filter(|(key, _)| key.starts_with(&format!("{prefix}{{")))
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(attributes, value)| (format!("{prefix}{{{attributes}}}"), *value))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    assert_eq!(seen, expected);
}
