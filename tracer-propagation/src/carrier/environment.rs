//! Environment variables: OpenTelemetry, *Environment Variables as Context Propagation Carriers*.

use std::borrow::Cow;
use std::env;
use std::fmt;
use std::ops::ControlFlow;
use std::process::Command;

use crate::carrier::{Carrier, CarrierMut};

/// The variables of this process, as they were when this was made: read them once, at start.
///
/// `traceparent` is read from `TRACEPARENT`, `x-b3-traceid` from `X_B3_TRACEID`: names are in
/// uppercase, with `_` for all that is no letter or digit and before a digit in front. Variables of
/// other names are not seen.
///
/// # Baggage
///
/// That of W3C Baggage is found, and the list in `jaeger-baggage`. Baggage whose keys are in the
/// names of headers (`uberctx-*`, `ot-baggage-*`, `x-baggage-*`) is written to a [`Command`] as to
/// any carrier, but none of it is read: the specification has the names that a carrier lists in
/// their normal form too, and that of `uberctx-build-id` and of `uberctx-build_id` is
/// `UBERCTX_BUILD_ID`. Each guess at the key would be right for some and wrong for others. Put a
/// [`BaggagePropagator`](crate::BaggagePropagator) beside such a format, on both sides.
///
/// A child process is told by [`CarrierMut`] of [`Command`]. Other users of the machine may be able
/// to read variables: they are no place for secrets.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use opentelemetry::Context;
/// use tracer_propagation::carrier::{CarrierMut, Environment};
/// use tracer_propagation::{CompositePropagator, Propagator as _};
///
/// // At the start of a program that may be a step of something greater.
/// let propagator = CompositePropagator::default();
/// let parent = propagator.extract_from(&Context::new(), &Environment::of_process());
///
/// // For the programs that it starts, inside a span.
/// let mut command = Command::new("true");
/// propagator.inject_into(&parent, &mut command);
/// # command.set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
/// assert!(command.get_envs().any(|(name, _)| name == "TRACEPARENT"));
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    variables: Vec<(String, Vec<u8>)>,
}

impl Environment {
    /// Copies the variables of this process.
    pub fn of_process() -> Self {
        env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_encoded_bytes()))
            })
            .collect()
    }
}

/// From variables of another source, such as a job's description.
impl FromIterator<(String, Vec<u8>)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(variables: I) -> Self {
        let is_normal = |name: &String| normalized(name).eq(name.chars());
        Self {
            variables: variables
                .into_iter()
                .filter(|(name, _)| is_normal(name))
                .collect(),
        }
    }
}

impl Carrier for Environment {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        for (known, value) in &self.variables {
            if normalized(name).eq(known.chars()) && visit(value).is_break() {
                return;
            }
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        for (name, _) in &self.variables {
            if visit(name).is_break() {
                return;
            }
        }
    }
}

/// Only the number of variables: their values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("len", &self.variables.len())
            .finish_non_exhaustive()
    }
}

/// Sets variables for the child alone, by the names that [`Environment`] reads.
///
/// A child inherits what nobody sets or removes: the baggage that this process was started with,
/// if the context to inject has none. To pass on nothing else, remove the propagator's `fields()`
/// first.
impl CarrierMut for Command {
    fn set(&mut self, name: &str, value: Cow<'_, str>) {
        self.env(normalized(name).collect::<String>(), value.as_ref());
    }

    fn remove(&mut self, name: &str) {
        self.env_remove(normalized(name).collect::<String>());
    }
}

/// The name of the variable for a header.
fn normalized(name: &str) -> impl Iterator<Item = char> {
    let starts_right = name.starts_with(|first: char| !first.is_ascii_digit());
    let letters = name.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_uppercase(),
        _ => '_',
    });
    (!starts_right).then_some('_').into_iter().chain(letters)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use opentelemetry::baggage::BaggageExt;
    use opentelemetry::{Context, KeyValue};

    use super::*;
    use crate::propagator::Propagator;

    /// The rules and the example of the specification, *Key Name Normalization*.
    #[test]
    fn names_are_normalized() {
        for (name, expected) in [
            ("traceparent", "TRACEPARENT"),
            ("x-b3-traceid", "X_B3_TRACEID"),
            ("", "_"),
            ("1st.key", "_1ST_KEY"),
            ("_A9", "_A9"),
            ("é-b", "__B"),
        ] {
            assert_eq!(normalized(name).collect::<String>(), expected);
        }
    }

    #[test]
    fn only_normal_names_are_seen() {
        let variables = [
            ("TRACEPARENT", "right"),
            ("traceparent", "wrong"),
            ("X-B3-TRACEID", "wrong"),
            ("X_B3_TRACEID", "b3"),
            ("9LIVES", "wrong"),
            ("", "wrong"),
        ];
        let environment: Environment = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .collect();
        let mut names = Vec::new();
        environment.each_name(&mut |name| {
            names.push(name);
            ControlFlow::Continue(())
        });
        assert_eq!(names, ["TRACEPARENT", "X_B3_TRACEID"]);
        for (name, expected) in [("traceparent", "right"), ("x-b3-traceid", "b3")] {
            let mut values = Vec::new();
            environment.each_value(name, &mut |value| {
                values.push(value);
                ControlFlow::Continue(())
            });
            assert_eq!(values, [expected.as_bytes()]);
        }
        assert_eq!(format!("{environment:?}"), "Environment { len: 2, .. }");
    }

    /// *Key Name Normalization*: names are listed in their normal form, so keys cannot be told.
    #[test]
    fn baggage_is_found_whole_in_a_header_of_one_name_and_not_at_all_in_names() {
        let baggage = ["build", "build-id", "build_id", "Tenant"];
        let cx = Context::new().with_baggage(baggage.map(|key| KeyValue::new(key, "1")));
        let after = |names: &str| {
            let propagator = crate::env::propagators(Some(names)).propagator;
            let mut command = Command::new("true");
            propagator.inject_into(&cx, &mut command);
            let variables = command.get_envs().filter_map(|(name, value)| {
                let name = name.to_str()?.to_owned();
                Some((name, value?.as_encoded_bytes().to_vec()))
            });
            let environment: Environment = variables.collect();
            let cx = propagator.extract_from(&Context::new(), &environment);
            let mut keys: Vec<String> = cx.baggage().iter().map(|(k, _)| k.to_string()).collect();
            keys.sort();
            (environment.variables.len(), keys)
        };
        for names in ["jaeger", "ottrace", "tracer_x_trace_id"] {
            // The two keys that differ in one sign have one variable.
            assert_eq!(after(names), (3, Vec::<String>::new()), "{names}");
            let (_, found) = after(&format!("{names},baggage"));
            assert_eq!(
                found,
                ["Tenant", "build", "build-id", "build_id"],
                "{names}"
            );
        }

        let list = [("JAEGER_BAGGAGE".to_owned(), b"build-id=1".to_vec())];
        let environment: Environment = list.into_iter().collect();
        let cx = crate::JaegerPropagator::new().extract_from(&Context::new(), &environment);
        assert!(cx.baggage().get("build-id").is_some());
    }

    #[test]
    fn a_command_takes_variables_and_loses_them() {
        let mut command = Command::new("true");
        command.set("tracestate", Cow::Borrowed("a=1"));
        command.set("baggage", Cow::Borrowed("b=2"));
        command.remove("tracestate");
        let variables: Vec<_> = command.get_envs().collect();
        assert_eq!(
            variables,
            [
                (OsStr::new("BAGGAGE"), Some(OsStr::new("b=2"))),
                // Not even inherited.
                (OsStr::new("TRACESTATE"), None),
            ]
        );
    }
}
