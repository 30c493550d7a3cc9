//! Redaction of whole URLs, for `url.full`.

use std::borrow::Cow;

use ::reqwest::Url;

use crate::redact::{REDACTED, RedactedKeys};

/// Returns the URL with user, password and the values of the listed query keys replaced.
pub(crate) fn redacted_url(url: &Url, keys: &RedactedKeys) -> String {
    let query = url.query().map(|query| keys.query(query));
    let has_user_info = !url.username().is_empty() || url.password().is_some();
    if !has_user_info && !matches!(query, Some(Cow::Owned(_))) {
        return url.as_str().to_owned();
    }
    let mut redacted = url.clone();
    if has_user_info
        && (redacted.set_username(REDACTED).is_err()
            || redacted.set_password(Some(REDACTED)).is_err())
    {
        // A URL with user information accepts another one. If that were ever untrue, no URL is better than a secret.
        return REDACTED.to_owned();
    }
    if let Some(Cow::Owned(query)) = query {
        redacted.set_query(Some(&query));
    }
    redacted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        assert_eq!(
            redacted_url(&url.parse().unwrap(), &RedactedKeys::Standard),
            expected
        );
    }

    // Expected form: semantic conventions 1.44.0, url.full ("https://REDACTED:REDACTED@www.example.com/").
    #[test]
    fn user_password_and_signatures_are_replaced() {
        check(
            "https://username:password@www.example.com/",
            "https://REDACTED:REDACTED@www.example.com/",
        );
        check(
            "https://token@www.example.com/a?sig=1#f",
            "https://REDACTED:REDACTED@www.example.com/a?sig=REDACTED#f",
        );
        check(
            "http://:secret@localhost:8080/",
            "http://REDACTED:REDACTED@localhost:8080/",
        );
    }

    #[test]
    fn a_url_without_secrets_is_left_as_it_is() {
        check("http://localhost/a?b=c#d", "http://localhost/a?b=c#d");
    }
}
