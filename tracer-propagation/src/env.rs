//! `OTEL_PROPAGATORS`: OpenTelemetry, *Environment Variable Specification*.

use crate::baggage::BaggagePropagator;
use crate::composite::CompositePropagator;
use crate::error::Error;
use crate::propagator::Propagator;
use crate::trace_context::TraceContextPropagator;

/// What a value of `OTEL_PROPAGATORS` means, and what in it was not understood.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Configured {
    /// The propagators that were named, in their order.
    pub propagator: CompositePropagator,
    /// One error for each name that was ignored. A caller logs them once, at start.
    pub errors: Vec<Error>,
}

/// Reads a value of `OTEL_PROPAGATORS`: a list separated by commas, of any case.
///
/// `tracecontext` and `baggage` are known. A name given twice counts once. `none` alone
/// propagates nothing. A name that is not known or not built in is ignored with an error; if that
/// leaves nothing, or the variable is unset or empty, the default `tracecontext,baggage` applies.
///
/// # Examples
///
/// ```
/// use opentelemetry::propagation::TextMapPropagator;
/// use tracer_propagation::{Error, env};
///
/// let value = std::env::var("OTEL_PROPAGATORS").ok();
/// let configured = env::propagators(value.as_deref());
/// # let configured = env::propagators(Some("baggage, b3, Baggage"));
/// assert_eq!(configured.propagator.fields().collect::<Vec<_>>(), ["baggage"]);
/// assert_eq!(configured.errors, [Error::PropagatorNotBuiltIn { name: "b3" }]);
/// ```
pub fn propagators(value: Option<&str>) -> Configured {
    let mut names: Vec<Name> = Vec::new();
    let mut none = false;
    let mut errors = Vec::new();
    for (position, item) in value.unwrap_or_default().split(',').enumerate() {
        let item = item.trim();
        if item.is_empty() {
            continue;
        }
        match Name::parse(item) {
            Some(Name::None) => none = true,
            Some(Name::NotBuiltIn(name)) => errors.push(Error::PropagatorNotBuiltIn { name }),
            Some(name) if !names.contains(&name) => names.push(name),
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
    let propagator = if names.is_empty() && !none {
        CompositePropagator::default()
    } else {
        CompositePropagator::new(names.iter().filter_map(Name::build).collect())
    };
    Configured { propagator, errors }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Name {
    TraceContext,
    Baggage,
    None,
    NotBuiltIn(&'static str),
}

impl Name {
    fn parse(item: &str) -> Option<Self> {
        let known = KNOWN
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(item));
        known.map(|(_, parsed)| *parsed)
    }

    fn build(&self) -> Option<Box<dyn Propagator>> {
        match self {
            Self::TraceContext => Some(Box::new(TraceContextPropagator::new())),
            Self::Baggage => Some(Box::new(BaggagePropagator::new())),
            Self::None | Self::NotBuiltIn(_) => None,
        }
    }
}

/// All names that the specification knows.
const KNOWN: &[(&str, Name)] = &[
    ("tracecontext", Name::TraceContext),
    ("baggage", Name::Baggage),
    ("none", Name::None),
    ("b3", Name::NotBuiltIn("b3")),
    ("b3multi", Name::NotBuiltIn("b3multi")),
    ("jaeger", Name::NotBuiltIn("jaeger")),
    ("ottrace", Name::NotBuiltIn("ottrace")),
    ("xray", Name::NotBuiltIn("xray")),
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
    fn other_names_are_reported_and_ignored() {
        check(
            Some("b3,tracecontext,secret\x1b[0m"),
            &TRACE,
            &[
                Error::PropagatorNotBuiltIn { name: "b3" },
                Error::PropagatorUnknown {
                    position: 2,
                    len: 10,
                },
            ],
        );
        check(
            Some("jaeger"),
            &BOTH,
            &[Error::PropagatorNotBuiltIn { name: "jaeger" }],
        );
        check(
            Some("none,xray"),
            &[],
            &[Error::PropagatorNotBuiltIn { name: "xray" }],
        );
    }
}
