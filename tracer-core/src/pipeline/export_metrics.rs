//! The metrics of one exporter: its attributes, and the duration of its exports.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
};

use crate::{
    exporter::{ExportError, ExportResult, Status},
    panic_guard::catch_panic,
};

/// The metrics of one export queue, which counts as two components: a batching processor and its
/// exporter.
#[derive(Debug)]
pub(crate) struct ExportMetrics {
    pub(crate) processor: Vec<KeyValue>,
    pub(crate) exporter: Vec<KeyValue>,
    duration: Histogram<f64>,
}

impl ExportMetrics {
    pub(crate) fn new(
        meter: &Meter,
        component_type: &'static str,
        server: Option<(String, u16)>,
    ) -> Self {
        let mut exporter = component(component_type);
        if let Some((address, port)) = server {
            exporter.push(KeyValue::new("server.address", address));
            exporter.push(KeyValue::new("server.port", i64::from(port)));
        }
        Self {
            processor: component("batching_span_processor"),
            exporter,
            duration: meter
                .f64_histogram("otel.sdk.exporter.operation.duration")
                .with_unit("s")
                .with_description("The duration of exporting a batch of telemetry records.")
                // The conventions require a single bucket.
                .with_boundaries(Vec::new())
                .build(),
        }
    }

    /// Records the duration of one export, including retries.
    pub(crate) fn exported(&self, took: Duration, result: &ExportResult) {
        let mut attributes = self.exporter.clone();
        let (error, status) = match result {
            Ok(success) if success.rejected_spans > 0 => (Some("rejected"), success.status),
            Ok(success) => (None, success.status),
            Err(error) => (Some(error.reason()), status(error)),
        };
        attributes.extend(error.map(|reason| KeyValue::new("error.type", reason)));
        attributes.extend(match status {
            Some(Status::Http(code)) => {
                Some(KeyValue::new("http.response.status_code", i64::from(code)))
            }
            Some(Status::Grpc(code)) => Some(KeyValue::new("rpc.status_code", grpc_name(code))),
            _ => None,
        });
        // A panic in the implementation of the meter must not end the export thread.
        catch_panic(|| self.duration.record(took.as_secs_f64(), &attributes));
    }
}

/// Returns the status that the destination answered, if there is one.
fn status(error: &ExportError) -> Option<Status> {
    match error {
        ExportError::NonRetryable { status } | ExportError::RetriesExhausted { status } => {
            Some(*status)
        }
        _ => None,
    }
}

/// Returns the attributes of a new component: its type, and its name `<type>/<n>`.
fn component(component_type: &'static str) -> Vec<KeyValue> {
    static NEXT: Mutex<BTreeMap<&str, u64>> = Mutex::new(BTreeMap::new());
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let next = next.entry(component_type).or_default();
    let number = *next;
    *next += 1;
    vec![
        KeyValue::new("otel.component.type", component_type),
        KeyValue::new("otel.component.name", format!("{component_type}/{number}")),
    ]
}

/// Returns the name of a gRPC status code (gRPC, "Status codes and their use in gRPC").
fn grpc_name(code: i32) -> String {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_status_has_its_name_or_its_number() {
        assert_eq!(grpc_name(0), "OK");
        assert_eq!(grpc_name(4), "DEADLINE_EXCEEDED");
        assert_eq!(grpc_name(16), "UNAUTHENTICATED");
        assert_eq!(grpc_name(17), "17");
        assert_eq!(grpc_name(-1), "-1");
    }

    #[test]
    fn components_of_one_type_are_numbered() {
        let numbers = [
            component("a.test"),
            component("another.test"),
            component("a.test"),
        ]
        .map(|attributes| attributes[1].value.to_string());
        assert_eq!(numbers, ["a.test/0", "another.test/0", "a.test/1"]);
    }
}
