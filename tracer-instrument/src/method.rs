//! Request methods of low cardinality.
//!
//! A client may send any token as a method. So only known methods get into a span name. Any other method is recorded as
//! `_OTHER`, with the original in an attribute of its own (semantic conventions, `http.request.method`).

use std::env;
use std::sync::Arc;

use http::Method;
use opentelemetry::{KeyValue, StringValue};

use crate::error::ConfigError;
use crate::semconv::{HTTP_REQUEST_METHOD, HTTP_REQUEST_METHOD_ORIGINAL, OTHER};

const KNOWN_METHODS_VARIABLE: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";

/// The methods that are recorded as they are.
#[derive(Clone, Debug, Default)]
pub(crate) enum KnownMethods {
    /// The ten methods of the conventions.
    #[default]
    Standard,
    /// A list given in code or by the environment, which replaces the standard one.
    Listed(Arc<[Arc<str>]>),
}

impl KnownMethods {
    pub(crate) fn listed<M: Into<String>>(methods: impl IntoIterator<Item = M>) -> Self {
        Self::Listed(
            methods
                .into_iter()
                .map(|method| Arc::from(method.into()))
                .collect(),
        )
    }

    /// Returns the list of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, or the standard one if it is unset or empty.
    pub(crate) fn from_env() -> Self {
        env::var(KNOWN_METHODS_VARIABLE).map_or(Self::Standard, |value| Self::from_list(&value))
    }

    /// Returns an error for an empty list.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Listed(methods) if methods.is_empty() => Err(ConfigError::NoKnownMethods),
            _ => Ok(()),
        }
    }

    /// Adds the method attributes and returns the method part of the span name.
    pub(crate) fn push_attributes(
        &self,
        method: &Method,
        attributes: &mut Vec<KeyValue>,
    ) -> StringValue {
        if let Some(known) = self.find(method.as_str()) {
            attributes.push(KeyValue::new(HTTP_REQUEST_METHOD, known.clone()));
            return known;
        }
        attributes.push(KeyValue::new(HTTP_REQUEST_METHOD, OTHER));
        attributes.push(KeyValue::new(
            HTTP_REQUEST_METHOD_ORIGINAL,
            method.as_str().to_owned(),
        ));
        StringValue::from("HTTP")
    }

    fn from_list(list: &str) -> Self {
        let methods: Arc<[Arc<str>]> = list
            .split(',')
            .map(str::trim)
            .filter(|method| !method.is_empty())
            .map(Arc::from)
            .collect();
        if methods.is_empty() {
            Self::Standard
        } else {
            Self::Listed(methods)
        }
    }

    fn find(&self, method: &str) -> Option<StringValue> {
        match self {
            Self::Standard => standard(method).map(StringValue::from),
            Self::Listed(methods) => methods
                .iter()
                .find(|known| &***known == method)
                .map(|known| StringValue::from(Arc::clone(known))),
        }
    }
}

/// Returns the static spelling of a standard method.
pub(crate) fn standard(method: &str) -> Option<&'static str> {
    const STANDARD: [&str; 10] = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "QUERY", "CONNECT", "TRACE",
    ];
    STANDARD.into_iter().find(|known| *known == method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span_name::span_name;

    #[track_caller]
    fn check(known: &KnownMethods, method: &str, expected: &[(&str, &str)], expected_name: &str) {
        let mut attributes = Vec::new();
        let name = known.push_attributes(
            &Method::from_bytes(method.as_bytes()).unwrap(),
            &mut attributes,
        );
        let attributes: Vec<_> = attributes
            .iter()
            .map(|kv| (kv.key.as_str().to_owned(), kv.value.as_str().into_owned()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(attributes, expected);
        assert_eq!(span_name(&name, None), expected_name);
        assert_eq!(
            span_name(&name, Some("/a/{b}")),
            format!("{expected_name} /a/{{b}}")
        );
    }

    // Expected values: semantic conventions 1.44.0, http.request.method and the naming of HTTP spans.
    #[test]
    fn the_ten_methods_of_the_conventions_are_known() {
        for method in [
            "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE",
        ] {
            check(
                &KnownMethods::Standard,
                method,
                &[("http.request.method", method)],
                method,
            );
        }
    }

    #[test]
    fn methods_are_case_sensitive_and_the_rest_is_other() {
        for method in ["get", "Post", "BREW", "PROPFIND"] {
            let expected = [
                ("http.request.method", "_OTHER"),
                ("http.request.method_original", method),
            ];
            check(&KnownMethods::Standard, method, &expected, "HTTP");
        }
    }

    #[test]
    fn a_list_replaces_the_standard_methods() {
        let known = KnownMethods::from_list(" PROPFIND,GET ,,");
        check(
            &known,
            "PROPFIND",
            &[("http.request.method", "PROPFIND")],
            "PROPFIND",
        );
        check(&known, "GET", &[("http.request.method", "GET")], "GET");
        let expected = [
            ("http.request.method", "_OTHER"),
            ("http.request.method_original", "POST"),
        ];
        check(&known, "POST", &expected, "HTTP");
    }

    #[test]
    fn an_empty_variable_counts_as_unset_and_an_empty_list_in_code_is_refused() {
        assert!(matches!(
            KnownMethods::from_list(" , "),
            KnownMethods::Standard
        ));
        assert!(KnownMethods::Standard.check().is_ok());
        assert!(matches!(
            KnownMethods::listed::<&str>([]).check(),
            Err(ConfigError::NoKnownMethods)
        ));
    }
}
