//! `OTEL_TRACES_SAMPLER` and `OTEL_PROPAGATORS`, by the parsers of their crates.

use opentelemetry_sdk::trace::ShouldSample;
use tracer_propagation::CompositePropagator;
use tracer_sampling::Error;

use tracer_core::env::Env;

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

/// Returns `None` if the environment names no sampler. The provider's default then applies, which
/// is the one that the specification asks for and needs no call through a trait.
pub(crate) fn sampler(env: &mut Env) -> Option<Box<dyn ShouldSample>> {
    const VARIABLE: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let name = env.get(VARIABLE);
    let argument = env.get(ARGUMENT);
    let configured = tracer_sampling::env::sampler(name.as_deref(), argument.as_deref());
    for error in &configured.errors {
        match error {
            Error::SamplerNotBuiltIn { .. } | Error::SamplerUnknown { .. } => {
                env.refuse(VARIABLE, format_args!("{error}, {DEFAULT_SAMPLER} applies"));
            }
            Error::ArgumentUnused { .. } => {
                env.refuse(ARGUMENT, format_args!("has no effect: {error}"));
            }
            Error::ArgumentWithoutSampler => env.refuse(
                ARGUMENT,
                format_args!("has no effect without {VARIABLE}: {DEFAULT_SAMPLER} applies"),
            ),
            _ => env.refuse(ARGUMENT, format_args!("{error}, a ratio of 1 applies")),
        }
    }
    name.map(|_| configured.sampler)
}

/// Source: sdk-environment-variables.md, "General SDK Configuration".
const DEFAULT_SAMPLER: &str = "`parentbased_always_on`";

#[cfg(test)]
mod tests {
    use opentelemetry::propagation::TextMapPropagator as _;

    use super::*;
    use crate::env::with_variables;

    #[track_caller]
    fn check_sampler(variables: &[(&str, &str)], expected: Option<&str>, refused: &[&str]) {
        let (sampler, diagnostics) = with_variables(variables, sampler);
        let shown = sampler.map(|sampler| format!("{sampler:?}"));
        let start = shown
            .as_deref()
            .map(|shown| shown.split(['(', ' ']).next().unwrap());
        assert_eq!(start, expected, "{variables:?}");
        let shown: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(shown, refused, "{variables:?}");
    }

    /// Each diagnostic ends with what applies. The defaults are those of
    /// sdk-environment-variables.md, "General SDK Configuration".
    #[test]
    fn samplers_and_their_arguments_have_their_own_diagnostics() {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
        check_sampler(&[], None, &[]);
        check_sampler(&[(NAME, " ")], None, &[]);
        check_sampler(&[(NAME, "always_off")], Some("AlwaysOff"), &[]);
        check_sampler(
            &[(ARGUMENT, "0.1")],
            None,
            &[
                "OTEL_TRACES_SAMPLER_ARG: has no effect without OTEL_TRACES_SAMPLER: \
                 `parentbased_always_on` applies",
            ],
        );
        check_sampler(
            &[(NAME, "always_on"), (ARGUMENT, "0.1")],
            Some("AlwaysOn"),
            &["OTEL_TRACES_SAMPLER_ARG: has no effect: sampler `always_on` takes no argument"],
        );
        check_sampler(
            &[(NAME, "traceidratio"), (ARGUMENT, "0.5")],
            Some("TraceIdRatio"),
            &[],
        );
        check_sampler(
            &[(NAME, "traceidratio"), (ARGUMENT, "2")],
            Some("TraceIdRatio"),
            &["OTEL_TRACES_SAMPLER_ARG: sampling ratio 2 is outside 0 to 1, a ratio of 1 applies"],
        );
        check_sampler(
            &[(NAME, "traceidratio"), (ARGUMENT, "s3cret")],
            Some("TraceIdRatio"),
            &[
                "OTEL_TRACES_SAMPLER_ARG: the sampler argument is not a number, 6 bytes long, \
                 a ratio of 1 applies",
            ],
        );
        check_sampler(
            &[(NAME, "xray"), (ARGUMENT, "x")],
            Some("ParentBased"),
            &["OTEL_TRACES_SAMPLER: sampler `xray` is not built in, \
                 `parentbased_always_on` applies"],
        );
        check_sampler(
            &[(NAME, "s3cret")],
            Some("ParentBased"),
            &[
                "OTEL_TRACES_SAMPLER: unknown sampler, its name is 6 bytes long, \
                 `parentbased_always_on` applies",
            ],
        );
    }

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
