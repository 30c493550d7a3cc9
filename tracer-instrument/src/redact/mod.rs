//! Redaction of credentials in URLs, so that they never reach an attribute.

mod query;
#[cfg(feature = "reqwest")]
mod url;

pub(crate) use self::query::RedactedKeys;
#[cfg(feature = "reqwest")]
pub(crate) use self::url::redacted_url;

/// The text that replaces a secret.
pub(crate) const REDACTED: &str = "REDACTED";
