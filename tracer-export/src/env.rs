//! `OTEL_*` variables, read once through a function, and what was wrong with them.
//!
//! A variable that is empty counts as unset. A value that is refused counts as unset too, and
//! leaves exactly one [`Diagnostic`] (OpenTelemetry specification,
//! configuration/sdk-environment-variables.md "Parsing").

mod choices;
mod exporters;
#[cfg(any(feature = "grpc", feature = "http"))]
mod otlp;
mod pipeline;

use std::{fmt, time::Duration};

pub(crate) use self::{
    choices::{propagator, sampler},
    exporters::exporters,
    pipeline::{batch_config, span_limits},
};

/// One day; longer times are taken for mistakes.
const MAX_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Variables of the specification that have no effect here, so that nobody who sets one believes
/// otherwise.
const WITHOUT_EFFECT: [(&str, &str); 9] = [
    ("OTEL_CONFIG_FILE", FILE_REASON),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_INSECURE", INSECURE_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", TLS_REASON),
    ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", INSECURE_REASON),
];
const FILE_REASON: &str = "has no effect: configuration files are not supported";
const INSECURE_REASON: &str = "has no effect: the scheme of the endpoint decides";
const TLS_REASON: &str = "has no effect: servers are verified with the mozilla roots";

/// A variable that was refused, or has no effect. Never holds the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong with it, and what happens instead.
    pub reason: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.reason)
    }
}

/// Where variables come from, and what was wrong with those read so far.
pub(crate) struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Env<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn refuse(&mut self, variable: &'static str, reason: impl fmt::Display) {
        self.diagnostics.push(Diagnostic {
            variable,
            reason: reason.to_string(),
        });
    }

    /// Tells of every variable that is set for nothing.
    pub(crate) fn refuse_ineffective(&mut self) {
        for (variable, reason) in WITHOUT_EFFECT {
            if self.get(variable).is_some() {
                self.refuse(variable, reason);
            }
        }
    }

    /// `true` or `false` in any case; anything else is false (specification, "Boolean value").
    pub(crate) fn flag(&mut self, variable: &'static str) -> bool {
        self.parse(variable, |value| {
            if value.eq_ignore_ascii_case("true") {
                Ok(true)
            } else if value.eq_ignore_ascii_case("false") {
                Ok(false)
            } else {
                Err("is neither true nor false, taken for false")
            }
        })
        .unwrap_or(false)
    }

    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// The value without the blanks around it, unless that is nothing.
    pub(crate) fn get(&self, variable: &str) -> Option<String> {
        let value = (self.lookup)(variable)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn parse<T, E: fmt::Display>(
        &mut self,
        variable: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(&self.get(variable)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(variable, reason);
                None
            }
        }
    }

    /// A count of at least `least`.
    fn count(&mut self, variable: &'static str, least: u32) -> Option<u32> {
        self.parse(variable, |value| match value.parse() {
            Ok(count) if count >= least => Ok(count),
            _ => Err(format!(
                "is not a whole number from {least} to {}, ignored",
                u32::MAX
            )),
        })
    }

    /// A time in milliseconds of at least `least`.
    fn millis(&mut self, variable: &'static str, least: u64) -> Option<Duration> {
        self.parse(variable, |value| match value.parse() {
            Ok(millis) if (least..=MAX_MILLIS).contains(&millis) => {
                Ok(Duration::from_millis(millis))
            }
            _ => Err(format!(
                "is not a number of milliseconds from {least} to {MAX_MILLIS}, ignored"
            )),
        })
    }
}

/// Reads `variables` with `read`, for tests: the result, and what was refused.
#[cfg(test)]
pub(crate) fn with_variables<T>(
    variables: &[(&str, &str)],
    read: impl FnOnce(&mut Env<'_>) -> T,
) -> (T, Vec<Diagnostic>) {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let mut env = Env::new(&lookup);
    let read = read(&mut env);
    (read, env.into_diagnostics())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_flag(value: &str, expected: bool, diagnostics: usize) {
        let (flag, refused) = with_variables(&[("OTEL_SDK_DISABLED", value)], |env| {
            env.flag("OTEL_SDK_DISABLED")
        });
        assert_eq!((flag, refused.len()), (expected, diagnostics), "{value:?}");
    }

    #[test]
    fn flags_are_true_or_false_in_any_case() {
        check_flag("true", true, 0);
        check_flag(" TRUE ", true, 0);
        check_flag("False", false, 0);
        check_flag("", false, 0);
        check_flag("1", false, 1);
        check_flag("yes", false, 1);
    }

    #[test]
    fn diagnostics_never_hold_the_value() {
        let variables = [("OTEL_BSP_SCHEDULE_DELAY", "s3cret\x1b[31m")];
        let (value, refused) =
            with_variables(&variables, |env| env.millis("OTEL_BSP_SCHEDULE_DELAY", 0));
        assert_eq!(value, None);
        assert_eq!(refused.len(), 1);
        let shown = refused[0].to_string();
        assert!(shown.starts_with("OTEL_BSP_SCHEDULE_DELAY: "), "{shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains('\x1b'),
            "{shown}"
        );
    }

    #[test]
    fn variables_without_effect_are_told() {
        let variables = [
            ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
            ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", ""),
        ];
        let ((), refused) = with_variables(&variables, |env| env.refuse_ineffective());
        let names: Vec<_> = refused.iter().map(|refused| refused.variable).collect();
        assert_eq!(names, ["OTEL_CONFIG_FILE", "OTEL_EXPORTER_OTLP_INSECURE"]);
    }
}
