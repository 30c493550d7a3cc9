//! `OTEL_PROPAGATORS`: OpenTelemetry, *Environment Variable Specification*.

use crate::b3::B3Propagator;
use crate::baggage::BaggagePropagator;
use crate::composite::CompositePropagator;
use crate::error::Error;
use crate::gcp::GcpPropagator;
use crate::grpc_bin::GrpcTraceBinPropagator;
use crate::jaeger::JaegerPropagator;
use crate::ot_trace::OtTracePropagator;
use crate::propagator::Propagator;
use crate::trace_context::TraceContextPropagator;
use crate::x_trace_id::XTraceIdPropagator;
use crate::xray::XrayPropagator;

/// What a value of `OTEL_PROPAGATORS` means, and what in it was not understood.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Configured {
    /// The propagators that were named, in their order, or the default.
    pub propagator: CompositePropagator,
    /// The names of the propagators that apply, as the table of [`propagators`] spells them. Empty
    /// for `none`.
    pub names: Vec<&'static str>,
    /// One error for each name that was ignored. A caller logs them once, at start.
    pub errors: Vec<Error>,
}

/// Reads a value of `OTEL_PROPAGATORS`: a list separated by commas, of any case.
///
/// | name | propagator |
/// | --- | --- |
/// | `tracecontext` | [`TraceContextPropagator`] |
/// | `baggage` | [`BaggagePropagator`] |
/// | `b3` | [`B3Propagator::single`]; with `b3multi` beside it one [`B3Propagator::both`] |
/// | `b3multi` | [`B3Propagator::multi`] |
/// | `jaeger` | [`JaegerPropagator`] |
/// | `ottrace` | [`OtTracePropagator`] |
/// | `xray` | [`XrayPropagator::new`] |
/// | `xray-lambda` | [`XrayPropagator::lambda`] (semantic conventions, *Instrumenting AWS Lambda*) |
/// | `none` | none at all, if it stands alone |
/// | `tracer_gcp`, `tracer_grpc_bin`, `tracer_x_trace_id` | [`GcpPropagator`], [`GrpcTraceBinPropagator`], [`XTraceIdPropagator`]: names of our own |
///
/// A name given twice counts once. One that is not known is ignored with an error; if that leaves
/// nothing, or the variable is unset or empty, the default `tracecontext,baggage` applies.
///
/// # Examples
///
/// ```
/// use opentelemetry::propagation::TextMapPropagator;
/// use tracer_propagation::{Error, env};
///
/// let value = std::env::var("OTEL_PROPAGATORS").ok();
/// let configured = env::propagators(value.as_deref());
/// # let configured = env::propagators(Some("b3, baggage, B3, zipkin"));
/// assert_eq!(configured.propagator.fields().collect::<Vec<_>>(), ["b3", "baggage"]);
/// assert_eq!(configured.names, ["b3", "baggage"]);
/// assert_eq!(configured.errors, [Error::PropagatorUnknown { position: 3, len: 6 }]);
/// ```
pub fn propagators(value: Option<&str>) -> Configured {
    let mut names: Vec<(&'static str, Name)> = Vec::new();
    let mut none = false;
    let mut errors = Vec::new();
    for (position, item) in value.unwrap_or_default().split(',').enumerate() {
        let item = item.trim();
        if item.is_empty() {
            continue;
        }
        match Name::parse(item) {
            Some((_, Name::None)) => none = true,
            Some(known) if !names.contains(&known) => names.push(known),
            Some(_) => {}
            None => errors.push(Error::PropagatorUnknown {
                position,
                len: item.len(),
            }),
        }
    }
    if none && !names.is_empty() {
        errors.push(Error::NoneBesideOthers);
    }
    if names.is_empty() && !none {
        names.extend(DEFAULT);
    }
    let (names, parsed): (Vec<_>, Vec<_>) = names.into_iter().unzip();
    Configured {
        propagator: CompositePropagator::new(build(&parsed)),
        names,
        errors,
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Name {
    B3,
    B3Multi,
    Baggage,
    Gcp,
    GrpcTraceBin,
    Jaeger,
    None,
    OtTrace,
    XTraceId,
    TraceContext,
    Xray,
    XrayLambda,
}

impl Name {
    fn parse(item: &str) -> Option<(&'static str, Self)> {
        let mut known = KNOWN.iter().copied();
        known.find(|(name, _)| name.eq_ignore_ascii_case(item))
    }
}

/// One propagator a name, but one for the two encodings of B3: it reads both, so a second one
/// would only read them again.
fn build(names: &[Name]) -> Vec<Box<dyn Propagator>> {
    let both = names.contains(&Name::B3) && names.contains(&Name::B3Multi);
    let mut built: Vec<Box<dyn Propagator>> = Vec::new();
    let mut b3 = both.then(B3Propagator::both);
    for name in names {
        match name {
            Name::B3 | Name::B3Multi if both => {
                if let Some(b3) = b3.take() {
                    built.push(Box::new(b3));
                }
            }
            Name::B3 => built.push(Box::new(B3Propagator::single())),
            Name::B3Multi => built.push(Box::new(B3Propagator::multi())),
            Name::Baggage => built.push(Box::new(BaggagePropagator::new())),
            Name::Gcp => built.push(Box::new(GcpPropagator::new())),
            Name::GrpcTraceBin => built.push(Box::new(GrpcTraceBinPropagator::new())),
            Name::Jaeger => built.push(Box::new(JaegerPropagator::new())),
            Name::None => {}
            Name::OtTrace => built.push(Box::new(OtTracePropagator::new())),
            Name::XTraceId => built.push(Box::new(XTraceIdPropagator::new())),
            Name::TraceContext => built.push(Box::new(TraceContextPropagator::new())),
            Name::Xray => built.push(Box::new(XrayPropagator::new())),
            Name::XrayLambda => built.push(Box::new(XrayPropagator::lambda())),
        }
    }
    built
}

/// The propagators that apply if the variable names none.
const DEFAULT: [(&str, Name); 2] = [
    ("tracecontext", Name::TraceContext),
    ("baggage", Name::Baggage),
];

/// All names of the specifications, and ours.
const KNOWN: &[(&str, Name)] = &[
    ("tracecontext", Name::TraceContext),
    ("baggage", Name::Baggage),
    ("none", Name::None),
    ("b3", Name::B3),
    ("b3multi", Name::B3Multi),
    ("jaeger", Name::Jaeger),
    ("ottrace", Name::OtTrace),
    ("xray", Name::Xray),
    ("xray-lambda", Name::XrayLambda),
    ("tracer_gcp", Name::Gcp),
    ("tracer_grpc_bin", Name::GrpcTraceBin),
    ("tracer_x_trace_id", Name::XTraceId),
];

#[cfg(test)]
mod tests {
    use opentelemetry::propagation::TextMapPropagator;

    use super::*;

    const TRACE: [&str; 2] = ["traceparent", "tracestate"];
    const BOTH: [&str; 3] = ["traceparent", "tracestate", "baggage"];

    #[track_caller]
    fn check(value: Option<&str>, fields: &[&str], errors: &[Error]) {
        let configured = propagators(value);
        assert_eq!(
            configured.propagator.fields().collect::<Vec<_>>(),
            fields,
            "{value:?}"
        );
        assert_eq!(configured.errors, errors, "{value:?}");
    }

    #[test]
    fn unset_and_empty_mean_the_default() {
        check(None, &BOTH, &[]);
        check(Some(""), &BOTH, &[]);
        check(Some(" , "), &BOTH, &[]);
    }

    #[test]
    fn names_are_taken_in_order_and_once() {
        check(Some("tracecontext,baggage"), &BOTH, &[]);
        check(Some("tracecontext"), &TRACE, &[]);
        check(
            Some("baggage,tracecontext"),
            &["baggage", "traceparent", "tracestate"],
            &[],
        );
        check(Some(" TraceContext , tracecontext,"), &TRACE, &[]);
        let twice = format!("{:?}", propagators(Some("xray,XRay")).propagator);
        assert_eq!(twice.matches("XrayPropagator").count(), 1);
    }

    #[test]
    fn both_names_of_b3_are_one_propagator() {
        check(Some("b3"), &["b3"], &[]);
        let multi = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];
        check(Some("b3multi"), &multi, &[]);
        let both = [&["b3"][..], &multi, &["baggage"]].concat();
        check(Some("b3multi,baggage,b3"), &both, &[]);
    }

    #[test]
    fn none_propagates_nothing() {
        check(Some("none"), &[], &[]);
        check(
            Some("none,baggage"),
            &["baggage"],
            &[Error::NoneBesideOthers],
        );
    }

    #[test]
    fn every_name_stands_for_its_headers() {
        for (name, first) in [
            ("jaeger", "uber-trace-id"),
            ("ottrace", "ot-tracer-traceid"),
            ("xray", "x-amzn-trace-id"),
            ("xray-lambda", "x-amzn-trace-id"),
            ("tracer_gcp", "x-cloud-trace-context"),
            ("tracer_grpc_bin", "grpc-trace-bin"),
            ("tracer_x_trace_id", "x-trace-id"),
        ] {
            let configured = propagators(Some(name));
            assert_eq!(configured.propagator.fields().next(), Some(first));
            assert_eq!(configured.errors, [], "{name}");
        }
        let debug = |name| format!("{:?}", propagators(Some(name)).propagator);
        assert!(debug("xray-lambda").contains("environment: Some"));
        assert!(debug("xray").contains("environment: None"));
    }

    #[test]
    fn names_that_apply_are_listed() {
        let check = |value, expected: &[&str]| assert_eq!(propagators(value).names, expected);
        check(None, &["tracecontext", "baggage"]);
        check(Some("zipkin"), &["tracecontext", "baggage"]);
        check(Some("B3,xray, b3,zipkin"), &["b3", "xray"]);
        check(Some("none"), &[]);
        check(Some("none,zipkin"), &[]);
        check(Some("none,Baggage"), &["baggage"]);
    }

    #[test]
    fn other_names_are_reported_and_ignored() {
        let unknown = |position, len| Error::PropagatorUnknown { position, len };
        check(
            Some("zipkin,tracecontext,secret\x1b[0m"),
            &TRACE,
            &[unknown(0, 6), unknown(2, 10)],
        );
        check(Some("gcp"), &BOTH, &[unknown(0, 3)]);
        check(Some("none,plain"), &[], &[unknown(1, 5)]);
        // In words, items count from 1, as whoever wrote the list counts them.
        let shown = unknown(1, 5).to_string();
        assert!(shown.starts_with("item 2 of the list, 5 bytes"), "{shown}");
    }
}
