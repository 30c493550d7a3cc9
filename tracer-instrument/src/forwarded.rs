//! The original request as proxies describe it: `Forwarded` (RFC 7239) and the `X-Forwarded-*` headers.
//!
//! Per value the first parameter of that name in `Forwarded` counts, then the first entry of the older header. Whatever
//! does not look like what it claims to be is ignored, as if the header were absent.

use std::borrow::Cow;
use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, header};

use crate::semconv::server_address;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The longest obfuscated client identifier that is recorded.
const MAX_CLIENT_BYTES: usize = 255;

/// Address of the client, without port and brackets.
pub(crate) fn client(headers: &HeaderMap) -> Option<String> {
    parameter(headers, "for")
        .and_then(|value| node_name(&value))
        .or_else(|| first_entry(headers, &X_FORWARDED_FOR).and_then(node_name))
}

/// Host and port that the client asked for.
pub(crate) fn host(headers: &HeaderMap) -> Option<(String, Option<u16>)> {
    parameter(headers, "host")
        .and_then(|value| host_and_port(&value))
        .or_else(|| first_entry(headers, &X_FORWARDED_HOST).and_then(host_and_port))
}

/// Scheme that the client used. Only the schemes of HTTP and WebSocket count: the header is the client's to forge.
pub(crate) fn scheme(headers: &HeaderMap) -> Option<&'static str> {
    parameter(headers, "proto")
        .and_then(|value| known_scheme(&value))
        .or_else(|| first_entry(headers, &X_FORWARDED_PROTO).and_then(known_scheme))
}

/// Splits `host[:port]`. User information in front of it is left out, and brackets around an IPv6 address.
pub(crate) fn host_and_port(value: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = value.trim().parse().ok()?;
    Some(authority_parts(&authority))
}

/// Host and port of an authority, by the rules of [`host_and_port`].
pub(crate) fn authority_parts(authority: &Authority) -> (String, Option<u16>) {
    (
        server_address(authority.host()).to_owned(),
        authority.port_u16(),
    )
}

/// The scheme in its one spelling, if it is one of HTTP or WebSocket.
pub(crate) fn known_scheme(value: &str) -> Option<&'static str> {
    ["http", "https", "ws", "wss"]
        .into_iter()
        .find(|scheme| scheme.eq_ignore_ascii_case(value.trim()))
}

/// The name part of an RFC 7239 node (section 6): an address or an obfuscated identifier; `unknown` is none.
fn node_name(value: &str) -> Option<String> {
    let value = value.trim();
    if let Some((address, _)) = value
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return address
            .parse::<IpAddr>()
            .ok()
            .map(|address| address.to_string());
    }
    if let Ok(address) = value.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = value.split_once(':').map_or(value, |(name, _)| name);
    let is_obfuscated = name.starts_with('_')
        && name.len() <= MAX_CLIENT_BYTES
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_obfuscated || name.parse::<IpAddr>().is_ok() {
        Some(name.to_owned())
    } else {
        None
    }
}

fn first_entry<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers
        .get(name)?
        .to_str()
        .ok()?
        .split(',')
        .next()
        .map(str::trim)
}

/// The first parameter of this name in the `Forwarded` header lines.
fn parameter<'h>(headers: &'h HeaderMap, name: &str) -> Option<Cow<'h, str>> {
    headers
        .get_all(header::FORWARDED)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(pairs)
        .find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim()
                .eq_ignore_ascii_case(name)
                .then(|| unquoted(value.trim()))
        })
}

/// Splits at the commas and semicolons that stand outside of quoted strings.
fn pairs(line: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    line.split(move |byte: char| {
        match byte {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' | ';' => return !is_quoted,
            _ => {}
        }
        false
    })
}

fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(quoted) = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
    else {
        return Cow::Borrowed(value);
    };
    if !quoted.contains('\\') {
        return Cow::Borrowed(quoted);
    }
    let mut is_escaped = false;
    let unescaped = quoted.chars().filter(|&character| {
        is_escaped = character == '\\' && !is_escaped;
        !is_escaped
    });
    Cow::Owned(unescaped.collect())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        lines.iter().map(line).collect()
    }

    #[track_caller]
    fn check_client(lines: &[(&'static str, &str)], expected: Option<&str>) {
        assert_eq!(client(&headers(lines)).as_deref(), expected);
    }

    #[track_caller]
    fn check_host(lines: &[(&'static str, &str)], expected: Option<(&str, Option<u16>)>) {
        assert_eq!(
            host(&headers(lines)),
            expected.map(|(host, port)| (host.to_owned(), port))
        );
    }

    #[track_caller]
    fn check_scheme(lines: &[(&'static str, &str)], expected: Option<&str>) {
        assert_eq!(scheme(&headers(lines)), expected);
    }

    // The header lines are the examples of RFC 7239, sections 4, 6.3 and 7.1.
    #[test]
    fn the_client_is_the_first_for_of_forwarded() {
        check_client(&[("forwarded", "for=\"_gazonk\"")], Some("_gazonk"));
        check_client(
            &[("forwarded", "For=\"[2001:db8:cafe::17]:4711\"")],
            Some("2001:db8:cafe::17"),
        );
        check_client(
            &[("forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43")],
            Some("192.0.2.60"),
        );
        check_client(
            &[("forwarded", "for=192.0.2.43, for=198.51.100.17")],
            Some("192.0.2.43"),
        );
        check_client(
            &[("forwarded", "for=\"192.0.2.43:47011\"")],
            Some("192.0.2.43"),
        );
        check_client(
            &[
                ("forwarded", "by=203.0.113.43"),
                ("forwarded", "for=192.0.2.43"),
            ],
            Some("192.0.2.43"),
        );
    }

    #[test]
    fn the_older_header_comes_second() {
        let both = [
            ("x-forwarded-for", "198.51.100.1, 10.0.0.1"),
            ("forwarded", "for=192.0.2.43"),
        ];
        check_client(&both, Some("192.0.2.43"));
        check_client(&both[..1], Some("198.51.100.1"));
        check_client(&[("x-forwarded-for", "2001:db8::1")], Some("2001:db8::1"));
        check_client(
            &[
                ("forwarded", "for=unknown"),
                ("x-forwarded-for", "198.51.100.1"),
            ],
            Some("198.51.100.1"),
        );
    }

    #[test]
    fn a_client_that_is_no_address_is_ignored() {
        for value in [
            "for=unknown",
            "for=",
            "for",
            "for=\"",
            "for=\"[::1\"",
            "for=a b",
            "for=secret",
            "for=\"_<x>\"",
        ] {
            check_client(&[("forwarded", value)], None);
        }
        check_client(&[("forwarded", &format!("for=_{}", "a".repeat(255)))], None);
        check_client(&[("x-forwarded-for", "not an address")], None);
    }

    #[test]
    fn separators_and_escapes_inside_quotes_are_part_of_the_value() {
        assert_eq!(
            pairs("a=\"x,y;z\\\"\";b=1").collect::<Vec<_>>(),
            ["a=\"x,y;z\\\"\"", "b=1"]
        );
        assert_eq!(unquoted("\"a\\\"b\\\\c\""), "a\"b\\c");
    }

    #[test]
    fn host_and_port_come_from_one_value() {
        check_host(
            &[("forwarded", "host=\"shop.example:8443\";proto=https")],
            Some(("shop.example", Some(8443))),
        );
        check_host(
            &[
                ("forwarded", "host=shop.example"),
                ("x-forwarded-host", "b:1"),
            ],
            Some(("shop.example", None)),
        );
        check_host(
            &[("x-forwarded-host", "a.example:81, b.example")],
            Some(("a.example", Some(81))),
        );
        check_host(
            &[("x-forwarded-host", "[2001:db8::1]:81")],
            Some(("2001:db8::1", Some(81))),
        );
        check_host(
            &[("x-forwarded-host", "user:secret@a.example")],
            Some(("a.example", None)),
        );
        check_host(&[("x-forwarded-host", "a b")], None);
    }

    #[test]
    fn a_forged_scheme_is_ignored() {
        check_scheme(
            &[("forwarded", "for=192.0.2.43;proto=https")],
            Some("https"),
        );
        check_scheme(&[("x-forwarded-proto", "HTTPS, http")], Some("https"));
        check_scheme(
            &[("forwarded", "proto=gopher"), ("x-forwarded-proto", "wss")],
            Some("wss"),
        );
        check_scheme(&[("x-forwarded-proto", "javascript")], None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_sends_gives_an_address_or_nothing(value in "[ -~]{0,60}", name in 0..4usize) {
            let name = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"][name];
            for value in [value.clone(), format!("for={value}"), format!("host=\"{value}\";proto={value}")] {
                let headers = headers(&[(name, &value)]);
                let client = client(&headers);
                assert!(client.is_none_or(|it| it.starts_with('_') || it.parse::<IpAddr>().is_ok()));
                let host = host(&headers);
                assert!(host.is_none_or(|(host, _)| !host.contains(['@', ' ', '/', '"'])));
                assert!(scheme(&headers).is_none_or(|it| ["http", "https", "ws", "wss"].contains(&it)));
            }
        }
    }
}
