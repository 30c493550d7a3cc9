//! `OTEL_TRACES_SAMPLER`, by the parser of `tracer-sampling`.

use opentelemetry_sdk::trace::ShouldSample;
use tracer_core::env::Env;
use tracer_sampling::Error;

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
}
