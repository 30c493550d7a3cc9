//! Redaction of query values, for `url.query` and `url.full`.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::redact::REDACTED;

/// The query keys whose values are replaced by `REDACTED`.
///
/// The default are the signature keys of the semantic conventions (`url.query`, `url.full`), compared case-sensitively.
#[derive(Clone, Debug, Default)]
pub(crate) enum RedactedKeys {
    #[default]
    Standard,
    Listed(Arc<[Box<str>]>),
}

impl RedactedKeys {
    pub(crate) fn listed<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::Listed(
            keys.into_iter()
                .map(|key| key.into().into_boxed_str())
                .collect(),
        )
    }

    /// Returns the query with the values of the listed keys replaced. Borrows the query if it has none of them.
    pub(crate) fn query<'q>(&self, query: &'q str) -> Cow<'q, str> {
        if !query.split('&').any(|pair| self.is_secret(pair)) {
            return Cow::Borrowed(query);
        }
        let mut redacted = String::with_capacity(query.len());
        for (index, pair) in query.split('&').enumerate() {
            if index > 0 {
                redacted.push('&');
            }
            match pair.split_once('=') {
                Some((key, _)) if self.is_secret(pair) => {
                    redacted.push_str(key);
                    redacted.push('=');
                    redacted.push_str(REDACTED);
                }
                _ => redacted.push_str(pair),
            }
        }
        Cow::Owned(redacted)
    }

    fn is_secret(&self, pair: &str) -> bool {
        pair.split_once('=')
            .is_some_and(|(key, _)| self.contains(key))
    }

    /// Compares the decoded key, so that `%73ig` is found too.
    fn contains(&self, key: &str) -> bool {
        const STANDARD: [&str; 5] = [
            "X-Amz-Signature",
            "X-Amz-Credential",
            "X-Amz-Security-Token",
            "sig",
            "X-Goog-Signature",
        ];
        let same = |listed: &str| listed == key || percent_decode_str(key).eq(listed.bytes());
        match self {
            Self::Standard => STANDARD.into_iter().any(same),
            Self::Listed(keys) => keys.iter().any(|listed| same(listed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &RedactedKeys, query: &str, expected: &str) {
        assert_eq!(keys.query(query), expected);
    }

    // Expected values: semantic conventions 1.44.0, url.query ("?q=OpenTelemetry&sig=REDACTED").
    #[test]
    fn values_of_the_listed_keys_are_replaced_and_the_keys_kept() {
        let keys = RedactedKeys::Standard;
        check(
            &keys,
            "q=OpenTelemetry&sig=abc",
            "q=OpenTelemetry&sig=REDACTED",
        );
        check(
            &keys,
            "X-Amz-Signature=a&X-Amz-Credential=b",
            "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED",
        );
        check(
            &keys,
            "X-Goog-Signature=a&X-Amz-Security-Token=b=c",
            "X-Goog-Signature=REDACTED&X-Amz-Security-Token=REDACTED",
        );
    }

    #[test]
    fn everything_else_is_left_as_it_is() {
        let keys = RedactedKeys::Standard;
        for query in [
            "", "a", "a=b&&c", "SIG=abc", "sig", "design=1", "a=sig", "&=&", "x=%ff",
        ] {
            check(&keys, query, query);
            assert!(matches!(keys.query(query), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn a_percent_encoded_key_is_still_found() {
        check(
            &RedactedKeys::Standard,
            "%73ig=abc&a=1",
            "%73ig=REDACTED&a=1",
        );
        check(
            &RedactedKeys::Standard,
            "X%2DAmz%2DSignature=abc",
            "X%2DAmz%2DSignature=REDACTED",
        );
    }

    #[test]
    fn a_list_replaces_the_standard_keys() {
        let keys = RedactedKeys::listed(["token"]);
        check(&keys, "token=abc&sig=abc", "token=REDACTED&sig=abc");
        check(&RedactedKeys::listed::<&str>([]), "sig=abc", "sig=abc");
    }

    proptest::proptest! {
        #[test]
        fn the_value_of_a_listed_key_never_stays(before in "[ -%'-~]{0,20}", secret in "[a-z]{8}#", after in "[ -~]{0,20}") {
            let query = format!("{before}&sig={secret}&{after}");
            let redacted = RedactedKeys::Standard.query(&query).into_owned();
            assert!(!redacted.contains(&secret), "{redacted}");
            assert_eq!(redacted.split('&').count(), query.split('&').count());
        }
    }
}
