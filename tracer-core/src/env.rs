//! Reads `OTEL_*` variables, and reports invalid ones.
//!
//! A variable that is empty counts as unset. A value that is refused also counts as unset. It
//! leaves exactly one [`Diagnostic`], which is also logged as one warning of `tracing`.
//!
//! This crate reads `OTEL_SDK_DISABLED`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_BSP_*` and the variables of span limits. `tracer_export` reads those of exporters
//! (`OTEL_TRACES_EXPORTER`, `OTEL_EXPORTER_OTLP_*`), the sampler (`OTEL_TRACES_SAMPLER` and `_ARG`)
//! and `OTEL_PROPAGATORS` through the same [`Env`].
//!
//! Source: OpenTelemetry specification, configuration/sdk-environment-variables.md.
//!
//! # Examples
//! ```
//! use tracer_core::{BatchConfig, env::Env};
//!
//! let mut env = Env::new(|name| match name {
//!     "OTEL_BSP_MAX_QUEUE_SIZE" => Some("4096".to_owned()),
//!     "OTEL_BSP_SCHEDULE_DELAY" => Some("5 seconds".to_owned()),
//!     _ => None,
//! });
//! let config = BatchConfig::from_env(&mut env);
//! assert_eq!(config, BatchConfig::default().max_queue_size(4096));
//! assert_eq!(
//!     env.diagnostics()[0].to_string(),
//!     "OTEL_BSP_SCHEDULE_DELAY: is not a number of milliseconds from 0 to 18446744073709551615, 5000 applies"
//! );
//! ```

use std::{fmt, time::Duration};

use crate::diagnostics::report;

/// A function that returns the value of a variable by its name.
pub(crate) type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A message about a variable that was refused or has no effect. It never holds the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The variable's name.
    pub variable: &'static str,
    /// The reason, and the value that applies instead.
    pub reason: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.reason)
    }
}

/// A source of variables, with the diagnostics of the variables read so far.
pub struct Env {
    lookup: Lookup,
    diagnostics: Vec<Diagnostic>,
}

impl Env {
    /// Returns the environment of this process. A value that is not UTF-8 gets replacement
    /// characters. So it is refused when it is parsed, instead of counting as unset.
    pub fn of_this_process() -> Self {
        Self::new(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Creates an environment in which `lookup` returns the variables, for tests and configuration
    /// files.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            lookup: Box::new(lookup),
            diagnostics: Vec::new(),
        }
    }

    /// Returns the value without surrounding whitespace, or `None` if it is unset or empty.
    pub fn get(&self, variable: &str) -> Option<String> {
        let value = (self.lookup)(variable)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Parses the value with `parse`. Returns `None` if there is no value or it is refused. The
    /// error must contain the reason and the value that applies instead, but not the refused value.
    pub fn parse<T, E: fmt::Display>(
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

    /// Reads a boolean: `true` or `false` in any case. Anything else is false (specification,
    /// "Boolean").
    pub fn flag(&mut self, variable: &'static str) -> bool {
        self.parse(variable, |value| {
            if value.eq_ignore_ascii_case("true") {
                Ok(true)
            } else if value.eq_ignore_ascii_case("false") {
                Ok(false)
            } else {
                Err("is neither true nor false, false applies")
            }
        })
        .unwrap_or(false)
    }

    /// Reads a count that must be at least `least`.
    pub fn count(&mut self, variable: &'static str, least: u32, default: u32) -> u32 {
        self.count_if_set(variable, least, default)
            .unwrap_or(default)
    }

    /// Reads a count like [`count`](Self::count), but returns `None` if the default applies.
    pub(crate) fn count_if_set(
        &mut self,
        variable: &'static str,
        least: u32,
        default: u32,
    ) -> Option<u32> {
        self.parse(variable, |value| match value.parse() {
            Ok(count) if count >= least => Ok(count),
            _ => Err(format!(
                "is not a whole number from {least} to {}, {default} applies",
                u32::MAX
            )),
        })
    }

    /// Reads a duration in milliseconds, from 0 to `u64::MAX` (specification,
    /// configuration/common.md "Duration" and "Timeout"). A timeout of zero means no limit.
    pub fn millis(&mut self, variable: &'static str, default: Duration) -> Duration {
        self.parse(variable, |value| {
            parse_millis(value)
                .map_err(|reason| format!("{reason}, {} applies", default.as_millis()))
        })
        .unwrap_or(default)
    }

    /// Reports that a variable is refused or has no effect. It is reported once, however often it
    /// is read. `reason` must not contain the value.
    pub fn refuse(&mut self, variable: &'static str, reason: impl fmt::Display) {
        let diagnostic = Diagnostic {
            variable,
            reason: reason.to_string(),
        };
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic.clone());
            report(move || tracing::warn!(target: "tracer_core", "{diagnostic}"));
        }
    }

    /// Returns the diagnostics so far.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Converts the environment into its diagnostics.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("diagnostics", &self.diagnostics)
            .finish_non_exhaustive()
    }
}

/// Parses a duration in milliseconds like [`Env::millis`].
///
/// # Errors
/// Returns a text with the reason, without the value.
pub fn parse_millis(value: &str) -> Result<Duration, String> {
    match value.parse() {
        Ok(millis) => Ok(Duration::from_millis(millis)),
        Err(_) => Err(format!(
            "is not a number of milliseconds from 0 to {}",
            u64::MAX
        )),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::collections::HashMap;

    use super::Env;

    /// Reads `variables` with `read`. Returns the result, and the names of the refused variables.
    pub(crate) fn with_variables<T>(
        variables: &[(&str, &str)],
        read: impl FnOnce(&mut Env) -> T,
    ) -> (T, Vec<&'static str>) {
        let variables: HashMap<_, _> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut env = Env::new(move |name| variables.get(name).cloned());
        let result = read(&mut env);
        let refused = env.into_diagnostics();
        (
            result,
            refused.iter().map(|refusal| refusal.variable).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(value: &'static str) -> Env {
        Env::new(move |_| Some(value.to_owned()))
    }

    #[track_caller]
    fn check_flag(value: &'static str, expected: bool, diagnostics: usize) {
        let mut env = env(value);
        assert_eq!(env.flag("OTEL_SDK_DISABLED"), expected, "{value:?}");
        assert_eq!(env.diagnostics().len(), diagnostics, "{value:?}");
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

    #[track_caller]
    fn check_millis(value: &'static str, expected: u64, diagnostics: usize) {
        let mut env = env(value);
        let default = Duration::from_millis(30_000);
        let found = env.millis("OTEL_BSP_EXPORT_TIMEOUT", default);
        assert_eq!(found, Duration::from_millis(expected), "{value:?}");
        assert_eq!(env.diagnostics().len(), diagnostics, "{value:?}");
    }

    /// configuration/common.md: durations are non-negative integers without an upper bound. Values
    /// up to 2^31 - 1 must be accepted; larger ones may be.
    #[test]
    fn times_are_any_whole_number_of_milliseconds() {
        check_millis("0", 0, 0);
        check_millis("12000", 12_000, 0);
        check_millis("86400001", 86_400_001, 0);
        check_millis("2147483647", 2_147_483_647, 0);
        check_millis("18446744073709551615", u64::MAX, 0);
        check_millis("", 30_000, 0);
        for refused in ["-1", "1.5", "1e3", "10s", "ten", "18446744073709551616"] {
            check_millis(refused, 30_000, 1);
        }
    }

    #[test]
    fn diagnostics_name_the_variable_and_the_default_and_never_the_value() {
        let mut env = env("s3cret\x1b[31m");
        let default = Duration::from_millis(1234);
        assert_eq!(env.millis("OTEL_BSP_SCHEDULE_DELAY", default), default);
        assert_eq!(env.count("OTEL_BSP_MAX_QUEUE_SIZE", 1, 77), 77);
        let shown: Vec<_> = env.diagnostics().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "OTEL_BSP_SCHEDULE_DELAY: is not a number of milliseconds from 0 to \
                 18446744073709551615, 1234 applies",
                "OTEL_BSP_MAX_QUEUE_SIZE: is not a whole number from 1 to 4294967295, 77 applies",
            ]
        );
        assert!(!format!("{env:?}").contains("s3cret"));
    }

    #[test]
    fn variable_that_is_read_twice_is_reported_once() {
        let mut env = env("s3cret");
        env.flag("OTEL_SDK_DISABLED");
        env.flag("OTEL_SDK_DISABLED");
        assert_eq!(env.into_diagnostics().len(), 1);
    }
}
