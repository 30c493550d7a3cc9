//! What both protocols are configured with.

use std::{fmt, time::Duration};

use http::HeaderMap;

use crate::{
    error::ConfigError,
    otlp::{Compression, DEFAULT_TIMEOUT, headers::header_map},
    transport::endpoint::Endpoint,
};

/// As the user gave them. `Debug` shows no header and no path of the endpoint.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) endpoint: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) compression: Compression,
    pub(crate) timeout: Duration,
}

impl Settings {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            headers: Vec::new(),
            compression: Compression::None,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    pub(crate) fn check(&self) -> Result<Checked, ConfigError> {
        Ok(Checked {
            endpoint: Endpoint::parse(&self.endpoint)?,
            headers: header_map(&self.headers)?,
            compression: self.compression.check()?,
            timeout: self.timeout,
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoint", &Endpoint::parse(&self.endpoint))
            .field("headers", &self.headers.len())
            .field("compression", &self.compression)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// What an exporter can work with.
pub(crate) struct Checked {
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: HeaderMap,
    pub(crate) compression: Compression,
    pub(crate) timeout: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_settings_fail_before_any_export() {
        let good = Settings::new("http://localhost:4318");
        assert!(good.check().is_ok());
        let check = |change: fn(&mut Settings), expected: ConfigError| {
            let mut settings = good.clone();
            change(&mut settings);
            assert_eq!(settings.check().err(), Some(expected));
        };
        check(|s| s.endpoint.clear(), ConfigError::EndpointInvalid);
        check(
            |s| s.headers = vec![("a\n".to_owned(), "b".to_owned())],
            ConfigError::HeaderInvalid { index: 0 },
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut settings = Settings::new("http://host:1/path-s3cret?key=s3cret");
        settings.headers = vec![("x-s3cret".to_owned(), "s3cret".to_owned())];
        let shown = format!("{settings:?}");
        assert!(shown.contains("http://host:1"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
        settings.endpoint = "http://user:s3cret@host/".to_owned();
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
