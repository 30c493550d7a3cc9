//! The `OTEL_*` variables of exporters, samplers and propagators, and those without effect.
//! `tracer_core` reads those of the pipeline.

mod exporters;
#[cfg(any(feature = "grpc", feature = "http"))]
mod otlp;
mod propagator;
#[cfg(any(feature = "grpc", feature = "http"))]
mod proxy;
mod sampler;

use tracer_core::env::Env;

pub(crate) use self::{exporters::exporters, propagator::propagator, sampler::sampler};

/// Variables of the specification that have no effect here. Each one that is set makes a diagnostic.
const WITHOUT_EFFECT: [(&str, &str); 10] = [
    ("OTEL_CONFIG_FILE", FILE_REASON),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_INSECURE", INSECURE_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", INSECURE_REASON),
    ("OTEL_LOG_LEVEL", LEVEL_REASON),
];
const FILE_REASON: &str = "has no effect: configuration files are not supported";
const LEVEL_REASON: &str =
    "has no effect: the application's `tracing` subscriber decides what is logged";
const INSECURE_REASON: &str = "has no effect: the scheme of the endpoint decides";
const TLS_REASON: &str = "has no effect: servers are verified with the mozilla roots";

/// Makes a diagnostic for every variable that is set but has no effect.
pub(crate) fn refuse_ineffective(env: &mut Env) {
    for (variable, reason) in WITHOUT_EFFECT {
        if env.get(variable).is_some() {
            env.refuse(variable, reason);
        }
    }
}

/// Reads `variables` with `read`, for tests: the result, and what was refused.
#[cfg(test)]
pub(crate) fn with_variables<T>(
    variables: &[(&str, &str)],
    read: impl FnOnce(&mut Env) -> T,
) -> (T, Vec<tracer_core::env::Diagnostic>) {
    let variables: std::collections::HashMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut env = Env::new(move |name| variables.get(name).cloned());
    let read = read(&mut env);
    (read, env.into_diagnostics())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_without_effect_make_a_diagnostic() {
        let variables = [
            ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
            ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", ""),
        ];
        let ((), refused) = with_variables(&variables, refuse_ineffective);
        let names: Vec<_> = refused.iter().map(|refused| refused.variable).collect();
        assert_eq!(names, ["OTEL_CONFIG_FILE", "OTEL_EXPORTER_OTLP_INSECURE"]);
    }
}
