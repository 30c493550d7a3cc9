//! `OTEL_PROPAGATORS`, by the parser of `tracer-propagation`.

use tracer_core::env::Env;
use tracer_propagation::CompositePropagator;

/// Returns the propagators that the environment names, or the default.
pub(crate) fn propagator(env: &mut Env) -> CompositePropagator {
    const VARIABLE: &str = "OTEL_PROPAGATORS";
    let configured = tracer_propagation::env::propagators(env.get(VARIABLE).as_deref());
    let mut parts: Vec<_> = configured.errors.iter().map(ToString::to_string).collect();
    if !parts.is_empty() {
        parts.push(match configured.names.join(",") {
            names if names.is_empty() => "nothing is propagated".to_owned(),
            names => format!("`{names}` applies"),
        });
        // One diagnostic for the whole list, however many errors it has.
        env.refuse(VARIABLE, parts.join("; "));
    }
    configured.propagator
}

#[cfg(test)]
mod tests {
    use opentelemetry::propagation::TextMapPropagator as _;

    use super::*;
    use crate::env::with_variables;

    #[test]
    fn propagators_have_one_diagnostic_that_says_what_applies() {
        let check = |list, fields: &[&str], reason: &str| {
            let variables = [("OTEL_PROPAGATORS", list)];
            let (propagator, refused) = with_variables(&variables, propagator);
            assert_eq!(propagator.fields().collect::<Vec<_>>(), fields, "{list}");
            let shown: Vec<_> = refused.iter().map(|refused| &refused.reason).collect();
            assert_eq!(shown, [reason], "{list}");
        };
        check(
            "baggage,zipkin,s3cret",
            &["baggage"],
            "item 2 of the list, 6 bytes long, is no known propagator and is ignored; \
             item 3 of the list, 6 bytes long, is no known propagator and is ignored; \
             `baggage` applies",
        );
        check(
            "gcp",
            &["traceparent", "tracestate", "baggage"],
            "item 1 of the list, 3 bytes long, is no known propagator and is ignored; \
             `tracecontext,baggage` applies",
        );
        check(
            "none,gcp",
            &[],
            "item 2 of the list, 3 bytes long, is no known propagator and is ignored; \
             nothing is propagated",
        );
        check(
            "none,b3",
            &["b3"],
            "`none` beside other propagators is ignored; `b3` applies",
        );
    }
}
