//! Headers that a backend asks for, such as keys. Their values are secrets.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::error::ConfigError;

/// Names that a user may not set: they frame the request.
const RESERVED: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
];

/// Checks headers as a user gave them. Of two with the same name the later one counts.
pub(crate) fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, ConfigError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (index, (name, value)) in headers.iter().enumerate() {
        let invalid = |_| ConfigError::HeaderInvalid { index };
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| ConfigError::HeaderInvalid { index })?;
        let mut value = HeaderValue::from_str(value).map_err(invalid)?;
        if RESERVED.contains(&name) || name.as_str().starts_with("grpc-") {
            return Err(ConfigError::HeaderReserved { index });
        }
        // Keeps the value out of `Debug` and out of the tables of HPACK.
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, expected: Result<(), ConfigError>) {
        let headers = [
            ("x-first".to_owned(), "1".to_owned()),
            (name.to_owned(), value.to_owned()),
        ];
        assert_eq!(header_map(&headers).map(|_| ()), expected, "{name:?}");
    }

    #[test]
    fn headers_are_checked_before_the_first_export() {
        let index = 1;
        check("api-key", "s3cret", Ok(()));
        check("Authorization", "Bearer abc=", Ok(()));
        check("api-key", "", Ok(()));
        check("", "x", Err(ConfigError::HeaderInvalid { index }));
        check("a b", "x", Err(ConfigError::HeaderInvalid { index }));
        check("x", "a\r\nY: b", Err(ConfigError::HeaderInvalid { index }));
        check("x", "a\0", Err(ConfigError::HeaderInvalid { index }));
        check(
            "Content-Length",
            "5",
            Err(ConfigError::HeaderReserved { index }),
        );
        check(
            "grpc-timeout",
            "1S",
            Err(ConfigError::HeaderReserved { index }),
        );
    }

    #[test]
    fn values_do_not_show() {
        let headers = [("api-key".to_owned(), "s3cret".to_owned())];
        let map = header_map(&headers).unwrap();
        assert_eq!(map["api-key"], "s3cret");
        assert!(!format!("{map:?}").contains("s3cret"));
    }
}
