//! `fields()` names what a propagator writes (OpenTelemetry, *Propagators API*, Fields; for B3, *B3
//! Requirements*, Fields): all that a carrier must be emptied of before it is used again.

use std::borrow::Cow;
use std::collections::BTreeSet;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracer_propagation::carrier::CarrierMut;
use tracer_propagation::{B3Propagator, Propagator, env};

/// Remembers the names of headers, and whether they were set or taken away.
#[derive(Default)]
struct Names {
    set: BTreeSet<String>,
    removed: BTreeSet<String>,
}

impl CarrierMut for Names {
    fn set(&mut self, name: &str, _value: Cow<'_, str>) {
        self.set.insert(name.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.removed.insert(name.to_owned());
    }
}

/// A trace state and baggage with each sampling state that a format has a place for: a span, or
/// none, or a decision alone.
fn contexts() -> Vec<Context> {
    const IDS: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
    let full = Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        false,
        TraceState::from_key_value([("a", "1")]).unwrap_or_default(),
    ));
    let said = ["-1", "-0", "-d", ""].map(|state| format!("{IDS}{state}"));
    let said = said.iter().map(String::as_str).chain(["0", "d"]);
    let of_b3 = |value| {
        let headers = [("b3", value)];
        B3Propagator::single().extract_from(&Context::new(), &headers.as_slice())
    };
    let contexts = [Context::new(), full].into_iter().chain(said.map(of_b3));
    let baggage = || [opentelemetry::KeyValue::new("tenant", "7")];
    contexts
        .flat_map(|cx| [cx.with_baggage(baggage()), cx])
        .collect()
}

const B3: [&str; 1] = ["b3"];
const B3_MULTI: [&str; 4] = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];
const W3C: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// A name in `OTEL_PROPAGATORS`, headers that are sent, and one whose name depends on the baggage.
type Sent = (
    &'static str,
    &'static [&'static [&'static str]],
    Option<&'static str>,
);

/// As the documents of each format have them.
const SENT: [Sent; 13] = [
    ("tracecontext,baggage", &[&W3C], None),
    ("baggage", &[&["baggage"]], None),
    ("b3", &[&B3], None),
    ("b3multi", &[&B3_MULTI], None),
    ("b3,b3multi", &[&B3, &B3_MULTI], None),
    ("jaeger", &[&["uber-trace-id"]], Some("uberctx-tenant")),
    (
        "ottrace",
        &[&["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"]],
        Some("ot-baggage-tenant"),
    ),
    ("xray", &[&["x-amzn-trace-id"]], None),
    ("xray-lambda", &[&["x-amzn-trace-id"]], None),
    ("tracer_gcp", &[&["x-cloud-trace-context"]], None),
    ("tracer_grpc_bin", &[&["grpc-trace-bin"]], None),
    (
        "tracer_x_trace_id",
        &[&["x-trace-id", "x-span-id"]],
        Some("x-baggage-tenant"),
    ),
    ("none", &[], None),
];

#[test]
fn fields_are_the_headers_that_are_written() {
    use opentelemetry::propagation::TextMapPropagator;

    for (value, headers, baggage) in SENT {
        let propagator = env::propagators(Some(value)).propagator;
        let expected: BTreeSet<_> = headers.concat().into_iter().map(str::to_owned).collect();
        let fields: BTreeSet<_> = propagator.fields().map(str::to_owned).collect();
        assert_eq!(fields, expected, "{value}");
        assert_eq!(propagator.fields().count(), expected.len(), "{value}");

        let mut names = Names::default();
        for cx in contexts() {
            propagator.inject_into(&cx, &mut names);
        }
        let with_baggage = expected.into_iter().chain(baggage.map(str::to_owned));
        assert_eq!(names.set, with_baggage.collect(), "{value}");
        // The one header that is never sent, and may have been copied from an incoming message.
        names.removed.remove("x-b3-parentspanid");
        assert!(names.removed.is_subset(&fields), "{value}");
    }
}
