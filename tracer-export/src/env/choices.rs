//! `OTEL_TRACES_SAMPLER` and `OTEL_PROPAGATORS`, by the parsers of their crates.

use opentelemetry_sdk::trace::ShouldSample;
use tracer_propagation::CompositePropagator;
use tracer_sampling::Error;

use tracer_core::env::Env;

pub(crate) fn propagator(env: &mut Env) -> CompositePropagator {
    const VARIABLE: &str = "OTEL_PROPAGATORS";
    let configured = tracer_propagation::env::propagators(env.get(VARIABLE).as_deref());
    refuse_all(env, VARIABLE, &configured.errors);
    configured.propagator
}

/// `None` if the environment has no word on it: the provider's own default then applies, which is
/// the specification's and needs no call through a trait.
pub(crate) fn sampler(env: &mut Env) -> Option<Box<dyn ShouldSample>> {
    const VARIABLE: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let name = env.get(VARIABLE)?;
    let argument = env.get(ARGUMENT);
    let configured = tracer_sampling::env::sampler(Some(&name), argument.as_deref());
    for error in &configured.errors {
        let variable = match error {
            Error::SamplerNotBuiltIn { .. } | Error::SamplerUnknown { .. } => VARIABLE,
            _ => ARGUMENT,
        };
        env.refuse(variable, error);
    }
    Some(configured.sampler)
}

/// One diagnostic, however many errors a value had.
fn refuse_all(env: &mut Env, variable: &'static str, errors: &[impl ToString]) {
    if !errors.is_empty() {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        env.refuse(variable, errors.join("; "));
    }
}

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
        let names: Vec<_> = diagnostics.iter().map(|refused| refused.variable).collect();
        assert_eq!(names, refused, "{variables:?}");
    }

    #[test]
    fn samplers_and_their_arguments_have_their_own_diagnostics() {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
        check_sampler(&[], None, &[]);
        check_sampler(&[(NAME, " ")], None, &[]);
        check_sampler(&[(NAME, "always_off")], Some("AlwaysOff"), &[]);
        check_sampler(
            &[(NAME, "traceidratio"), (ARGUMENT, "0.5")],
            Some("TraceIdRatio"),
            &[],
        );
        check_sampler(
            &[(NAME, "traceidratio"), (ARGUMENT, "2")],
            Some("TraceIdRatio"),
            &[ARGUMENT],
        );
        check_sampler(&[(NAME, "xray")], Some("ParentBased"), &[NAME]);
        check_sampler(&[(NAME, "s3cret")], Some("ParentBased"), &[NAME]);
    }

    #[test]
    fn propagators_have_one_diagnostic_for_all_errors() {
        let variables = [("OTEL_PROPAGATORS", "baggage,zipkin,s3cret,zipkin2")];
        let (propagator, refused) = with_variables(&variables, propagator);
        assert_eq!(propagator.fields().collect::<Vec<_>>(), ["baggage"]);
        assert_eq!(refused.len(), 1);
        assert!(!refused[0].reason.contains("s3cret"), "{}", refused[0]);
    }
}
