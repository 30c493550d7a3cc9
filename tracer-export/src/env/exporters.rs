//! `OTEL_TRACES_EXPORTER`.

use tracer_core::SpanExporter;

use crate::{env::Env, error::ConfigError};

const VARIABLE: &str = "OTEL_TRACES_EXPORTER";

/// The exporters that the environment asks for: a list of names in any case, of which `otlp` (the
/// default) and `none` are built in. A list that leaves nothing counts as unset.
///
/// Source: sdk-environment-variables.md, "Exporter Selection".
pub(crate) fn exporters(env: &mut Env) -> Result<Vec<Box<dyn SpanExporter>>, ConfigError> {
    match selected(env) {
        Selected::None => Ok(Vec::new()),
        Selected::Otlp => Ok(otlp(env)?.into_iter().collect()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selected {
    None,
    Otlp,
}

fn selected(env: &mut Env) -> Selected {
    let Some(list) = env.get(VARIABLE) else {
        return Selected::Otlp;
    };
    let mut none = false;
    let mut otlp = false;
    let mut refused = Vec::new();
    for (index, name) in list.split(',').map(str::trim).enumerate() {
        match name.to_ascii_lowercase().as_str() {
            "" => {}
            "none" => none = true,
            "otlp" => otlp = true,
            // Names are shown only if they are the specification's.
            "console" => refused.push("`console` is not built in".to_owned()),
            "zipkin" => refused.push("`zipkin` is not built in".to_owned()),
            _ => refused.push(format!("entry {} is not known", index + 1)),
        }
    }
    if none && otlp {
        refused.push("`none` beside others is ignored".to_owned());
    }
    let selected = if none && !otlp {
        Selected::None
    } else {
        Selected::Otlp
    };
    if !refused.is_empty() {
        let instead = match selected {
            Selected::None => "nothing is exported",
            Selected::Otlp => "`otlp` applies",
        };
        env.refuse(VARIABLE, format_args!("{}; {instead}", refused.join("; ")));
    }
    selected
}

#[cfg(any(feature = "grpc", feature = "http"))]
use super::otlp::exporter as otlp;

#[cfg(not(any(feature = "grpc", feature = "http")))]
fn otlp(env: &mut Env) -> Result<Option<Box<dyn SpanExporter>>, ConfigError> {
    let missing = ConfigError::FeatureMissing { feature: "http" };
    env.refuse(VARIABLE, format_args!("{missing}; nothing is exported"));
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::with_variables;

    #[track_caller]
    fn check(value: &str, expected: Selected, diagnostics: usize) {
        let (found, refused) = with_variables(&[(VARIABLE, value)], selected);
        assert_eq!((found, refused.len()), (expected, diagnostics), "{value:?}");
        for refused in refused {
            assert!(!refused.reason.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn exporters_are_selected_by_name() {
        check("", Selected::Otlp, 0);
        check("otlp", Selected::Otlp, 0);
        check(" OTLP , ", Selected::Otlp, 0);
        check("none", Selected::None, 0);
        check("None", Selected::None, 0);
    }

    #[test]
    fn what_is_not_built_in_leaves_one_diagnostic() {
        check("console", Selected::Otlp, 1);
        check("otlp,console,zipkin", Selected::Otlp, 1);
        check("none,otlp", Selected::Otlp, 1);
        check("none,s3cret", Selected::None, 1);
        check("s3cret", Selected::Otlp, 1);
    }
}
