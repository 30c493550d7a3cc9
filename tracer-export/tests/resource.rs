//! What a service says of itself without a word of configuration, as it arrives at a collector.

#![cfg(feature = "http")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]

mod support;

use std::{collections::BTreeMap, time::Duration};

use opentelemetry::{
    KeyValue,
    trace::{Tracer as _, TracerProvider as _},
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tracer_core::resource::{Detector, SCHEMA_URL};
use tracer_export::Builder;

use self::support::collector::Collector;

/// The resource that arrives, and its schema URL.
fn arrived(
    variables: &'static [(&str, &str)],
    set_up: impl FnOnce(Builder) -> Builder,
) -> (BTreeMap<String, Option<Value>>, String) {
    let collector = Collector::start();
    let url = format!("http://{}", collector.http);
    let builder = tracer_export::builder()
        .env(move |name| {
            if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
                return Some(url.clone());
            }
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .install_global(false);
    let guard = set_up(builder).init().unwrap();
    guard.provider().tracer("t").start("x");
    guard.shutdown(Duration::from_secs(20)).unwrap();
    let arrived = collector.resource_spans().remove(0);
    let attributes = arrived.resource.unwrap().attributes.into_iter();
    let attributes = attributes.map(|one| (one.key, one.value.and_then(|value| value.value)));
    (attributes.collect(), arrived.schema_url)
}

fn text(value: &str) -> Option<Value> {
    Some(Value::StringValue(value.to_owned()))
}

#[test]
fn detectors_run_by_default_and_give_way_to_variables_and_code() {
    let (resource, schema_url) = arrived(
        &[
            ("OTEL_SERVICE_NAME", "orders"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "host.name=variable,os.type=variable",
            ),
        ],
        |builder| builder.resource_attribute(KeyValue::new("os.type", "code")),
    );
    assert_eq!(schema_url, SCHEMA_URL);
    let pid = i64::from(std::process::id());
    assert_eq!(
        resource.get("process.pid"),
        Some(&Some(Value::IntValue(pid)))
    );
    assert!(resource.contains_key("service.instance.id"));
    assert!(resource.contains_key("host.arch"));
    assert_eq!(resource.get("service.name"), Some(&text("orders")));
    assert_eq!(resource.get("host.name"), Some(&text("variable")));
    assert_eq!(resource.get("os.type"), Some(&text("code")));
}

#[test]
fn detectors_are_chosen_in_code() {
    let (resource, schema_url) = arrived(&[], |builder| builder.detectors([]));
    let keys: Vec<_> = resource.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "service.name",
            "telemetry.sdk.language",
            "telemetry.sdk.name",
            "telemetry.sdk.version",
        ]
    );
    assert_eq!(schema_url, "");
    let (resource, _) = arrived(&[], |builder| builder.detectors([Detector::Service]));
    assert_eq!(resource.len(), 5, "{resource:?}");
    assert!(resource.contains_key("service.instance.id"));
}
