//! The address of a collector.

use std::fmt;

use http::Uri;

use crate::{error::ConfigError, transport::Protocol};

/// An absolute `http` or `https` URL. `Debug` shows neither path nor query, which some backends
/// use for keys.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(Uri);

impl Endpoint {
    pub(crate) fn parse(url: &str) -> Result<Self, ConfigError> {
        let uri: Uri = url.parse().map_err(|_| ConfigError::EndpointInvalid)?;
        let authority = uri.authority().ok_or(ConfigError::EndpointInvalid)?;
        if authority.as_str().contains('@') {
            return Err(ConfigError::EndpointCredentials);
        }
        // The parser takes a port that is no number for no port.
        let after_host = authority.as_str().strip_prefix(authority.host());
        let bad_port = after_host != Some("") && authority.port_u16().is_none();
        if authority.host().is_empty() || bad_port {
            return Err(ConfigError::EndpointInvalid);
        }
        match uri.scheme_str() {
            Some("http") => Ok(Self(uri)),
            Some("https") if cfg!(feature = "tls") => Ok(Self(uri)),
            Some("https") => Err(ConfigError::FeatureMissing { feature: "tls" }),
            _ => Err(ConfigError::EndpointInvalid),
        }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    /// Returns host and port as in the attributes `server.address` and `server.port`: without brackets,
    /// and with the scheme's default port.
    pub(crate) fn server(&self) -> (String, u16) {
        let host = self.0.host().unwrap_or_default();
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        let https = self.0.scheme_str() == Some("https");
        let port = self.0.port_u16().unwrap_or(if https { 443 } else { 80 });
        (host.to_owned(), port)
    }

    /// Returns the endpoint as log messages show it. Some backends have keys in the path or the query.
    /// So the query is left out, and so is a path that contains anything but `/v1/traces`.
    pub(crate) fn shown(&self, protocol: Protocol) -> String {
        match (protocol, self.signal_path()) {
            (Protocol::Grpc, _) => format!("{self:?}"),
            (Protocol::HttpProtobuf, SignalPath::Other) => format!("{self:?}/..."),
            (Protocol::HttpProtobuf, _) => format!("{self:?}{}", self.0.path()),
        }
    }

    /// Compares the path with `/v1/traces`.
    pub(crate) fn signal_path(&self) -> SignalPath {
        const SIGNAL: &str = "/v1/traces";
        let path = self.0.path();
        match path.strip_suffix('/').unwrap_or(path) {
            "" => SignalPath::Missing,
            SIGNAL => SignalPath::Usual,
            path if path.strip_suffix(SIGNAL) == Some(SIGNAL) => SignalPath::Doubled,
            _ => SignalPath::Other,
        }
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

/// How the path of an endpoint compares with `/v1/traces` (OTLP/HTTP, "Request").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalPath {
    Doubled,
    Missing,
    Other,
    Usual,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let host = self.0.host().unwrap_or_default();
        write!(f, "{scheme}://{host}")?;
        match self.0.port_u16() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Returns the URL for traces below a generic endpoint (OTLP exporter specification, "Endpoint URLs for
/// OTLP/HTTP"): `v1/traces` relative to it. Its query is kept. A fragment is left out, because it
/// is never sent.
pub(crate) fn traces_url(base: &str) -> String {
    let (base, _) = base.split_once('#').unwrap_or((base, ""));
    let (path, query) = match base.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (base, None),
    };
    let slash = if path.ends_with('/') { "" } else { "/" };
    match query {
        Some(query) => format!("{path}{slash}v1/traces?{query}"),
        None => format!("{path}{slash}v1/traces"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986 §3.2.2 for the brackets, RFC 9110 §4.2 for the ports.
    #[test]
    fn server_is_host_and_port_without_brackets() {
        for (url, host, port) in [
            ("http://collector:4318/v1/traces", "collector", 4318),
            ("http://collector/v1/traces", "collector", 80),
            ("http://[::1]:4317", "::1", 4317),
            ("http://10.1.2.3", "10.1.2.3", 80),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.server(), (host.to_owned(), port), "{url}");
        }
    }

    #[test]
    fn messages_show_no_path_that_may_be_a_key() {
        for (url, http, grpc) in [
            (
                "http://h:4318/v1/traces",
                "http://h:4318/v1/traces",
                "http://h:4318",
            ),
            ("http://h/v1/traces/", "http://h/v1/traces/", "http://h"),
            ("http://h:4318", "http://h:4318/", "http://h:4318"),
            (
                "http://[::1]:4318/v1/traces/v1/traces?s3cret#s3cret",
                "http://[::1]:4318/v1/traces/v1/traces",
                "http://[::1]:4318",
            ),
            ("http://h/s3cret/v1/traces", "http://h/...", "http://h"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.shown(Protocol::HttpProtobuf), http);
            assert_eq!(endpoint.shown(Protocol::Grpc), grpc);
        }
    }

    #[track_caller]
    fn check(url: &str, expected: Result<&str, ConfigError>) {
        let endpoint = Endpoint::parse(url);
        let shown = endpoint.map(|endpoint| format!("{endpoint:?}"));
        assert_eq!(shown.as_deref(), expected.as_deref(), "{url}");
    }

    #[test]
    fn only_absolute_http_urls_without_credentials_are_taken() {
        check(
            "http://localhost:4318/v1/traces",
            Ok("http://localhost:4318"),
        );
        check("http://[::1]:4318/?key=s3cret", Ok("http://[::1]:4318"));
        check("http://collector", Ok("http://collector"));
        check("HTTP://collector", Ok("http://collector"));
        for invalid in [
            "",
            "localhost:4317",
            "collector",
            "/v1/traces",
            "ftp://host/",
            "http://",
            "http://:4318",
            "http://a b/",
            "unix:///tmp/otlp.sock",
            "http://host:99999",
        ] {
            check(invalid, Err(ConfigError::EndpointInvalid));
        }
        for secret in ["http://user:pw@host/", "http://token@host:1/"] {
            check(secret, Err(ConfigError::EndpointCredentials));
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn https_names_the_missing_feature() {
        check(
            "https://host/",
            Err(ConfigError::FeatureMissing { feature: "tls" }),
        );
    }

    #[cfg(feature = "tls")]
    #[test]
    fn https_is_taken() {
        check("https://host/v1/traces", Ok("https://host"));
    }

    #[test]
    fn signal_path_is_relative_to_the_generic_endpoint() {
        // The first three are the specification's own examples.
        let cases = [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            (
                "http://collector/mycollector/",
                "http://collector/mycollector/v1/traces",
            ),
            (
                "http://collector/mycollector",
                "http://collector/mycollector/v1/traces",
            ),
            (
                "http://collector/a?tenant=1",
                "http://collector/a/v1/traces?tenant=1",
            ),
            // RFC 3986 §3.5: a fragment comes last, and may hold any "?" and "/".
            ("http://collector:4318#a", "http://collector:4318/v1/traces"),
            ("http://collector/a/#b/c?d", "http://collector/a/v1/traces"),
            (
                "http://collector/a?tenant=1#b",
                "http://collector/a/v1/traces?tenant=1",
            ),
        ];
        for (base, expected) in cases {
            assert_eq!(traces_url(base), expected);
        }
    }
}
