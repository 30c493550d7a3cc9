//! What can go wrong while a service sets its tracing up, or ends it.

/// Why [`init`](crate::init) or the end of a [`Guard`](crate::Guard) did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An exporter refused what it was given.
    #[error("exporter cannot be built")]
    Exporter(#[from] ConfigError),
    /// The provider could not be built: a number from code is out of range, or the operating
    /// system gave no thread.
    #[error("tracer provider cannot be built")]
    Provider(#[from] tracer_core::ConfigError),
    /// The last flush did not deliver everything, or there was an earlier shutdown.
    #[error("tracing did not end cleanly")]
    Shutdown(#[from] tracer_core::ShutdownError),
}

/// Why an exporter refused its configuration. Never carries a header's value or a whole endpoint,
/// which may hold credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The endpoint carries a user name or a password, which would not be sent.
    #[error("endpoint must not carry credentials, use a header")]
    EndpointCredentials,
    /// The endpoint is not an absolute `http` or `https` URL.
    #[error("endpoint is not an absolute http:// or https:// url")]
    EndpointInvalid,
    /// The build lacks a feature of this crate.
    #[error("feature `{feature}` of tracer-export is not enabled")]
    FeatureMissing {
        /// The feature's name.
        feature: &'static str,
    },
    /// A header's name or value has bytes that HTTP does not allow.
    #[error("header {index} is not a valid http header")]
    HeaderInvalid {
        /// Which of the headers, in the order in which they were given, from 0.
        index: usize,
    },
    /// A header is one that the protocol sets itself.
    #[error("header {index} is set by the protocol")]
    HeaderReserved {
        /// Which of the headers, in the order in which they were given, from 0.
        index: usize,
    },
    /// The TLS set-up failed.
    #[error("tls cannot be set up")]
    Tls,
}
