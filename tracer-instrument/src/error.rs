//! What can be wrong with a configuration.

use http::HeaderName;

/// A configuration that cannot be used, reported by `build()`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// reqwest cannot make the client.
    #[cfg(feature = "reqwest")]
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),

    /// A list of known methods without a single method would turn every request into `_OTHER`.
    #[error("the list of known methods is empty")]
    NoKnownMethods,

    /// The values of this header are secrets and are never captured.
    #[error("the values of header {header} are secrets and cannot be captured")]
    SecretHeader {
        /// The header that was asked for.
        header: HeaderName,
    },
}
