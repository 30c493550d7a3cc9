//! Keeps web pages of other sites away from a collector on the loopback interface.
//!
//! A browser lets a page read the answers of its own host. A site that makes its name resolve to
//! 127.0.0.1 turns the collector into that host ("DNS rebinding"), but it cannot choose what the
//! `Host` header says. A listener on a loopback address therefore answers only to loopback names.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use http::header::{HOST, HeaderName, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Version};

use super::refusal::{ListenerRefusal, Refuse};

/// Refuses requests of other sites' pages to a router that listens on `address`.
pub(crate) fn refuse_cross_site(
    router: Router,
    address: SocketAddr,
    refuse: impl Refuse,
) -> Router {
    let local = is_loopback(address.ip());
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let refuse = refuse.clone();
        async move {
            match check(local, &request) {
                Ok(()) => next.run(request).await,
                Err(refusal) => refuse(refusal, request.headers()),
            }
        }
    }))
}

fn check<B>(local: bool, request: &http::Request<B>) -> Result<(), ListenerRefusal> {
    let header = one(request.headers(), &HOST).map_err(|()| ListenerRefusal::Host)?;
    // `:authority` of HTTP/2, or the whole URI in an HTTP/1 request line, which goes before `Host`.
    let named = request.uri().authority().map(Authority::as_str);
    if local {
        let absent = header.is_none() && named.is_none();
        if absent && request.version() > Version::HTTP_10 {
            return Err(ListenerRefusal::Host);
        }
        let header = header.map(HeaderValue::as_bytes);
        let mut hosts = header.into_iter().chain(named.map(str::as_bytes));
        if !hosts.all(is_local) {
            return Err(ListenerRefusal::Host);
        }
    }
    let origin = one(request.headers(), &ORIGIN).map_err(|()| ListenerRefusal::Origin)?;
    let Some(origin) = origin else { return Ok(()) };
    // Browsers leave a default port out of both, so that equal origins are equal texts.
    let origin = origin.as_bytes();
    let origin = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    let host = named
        .map(str::as_bytes)
        .or(header.map(HeaderValue::as_bytes));
    match (origin, host) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(ListenerRefusal::Origin),
    }
}

/// Returns a header that may occur once, or an error if it occurs more often.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (one, None) => Ok(one),
        _ => Err(()),
    }
}

fn is_local(host: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(host) else {
        return false;
    };
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    // User information has no place in `Host`.
    !authority.as_str().contains('@')
        && (host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(is_loopback))
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> http::Request<()> {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_local_listener_answers_to_local_names_only() {
        let hosts = [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.255.0.9",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:1",
        ];
        for host in hosts {
            assert_eq!(check(true, &request(&[("host", host)])), Ok(()), "{host}");
        }
        let hosts = [
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "192.0.2.1",
            "0.0.0.0:8080",
            "[2001:db8::1]",
            "",
            ":8080",
            "localhost/",
        ];
        for host in hosts {
            let request = request(&[("host", host)]);
            assert_eq!(check(true, &request), Err(ListenerRefusal::Host), "{host}");
            assert_eq!(check(false, &request), Ok(()), "{host}");
        }
        let twice = request(&[("host", "localhost"), ("host", "localhost")]);
        assert_eq!(check(true, &twice), Err(ListenerRefusal::Host));
    }

    #[test]
    fn a_host_may_be_absent_in_http_1_0_only() {
        for (version, expected) in [
            (Version::HTTP_10, Ok(())),
            (Version::HTTP_11, Err(ListenerRefusal::Host)),
            (Version::HTTP_2, Err(ListenerRefusal::Host)),
        ] {
            let mut request = request(&[]);
            *request.version_mut() = version;
            assert_eq!(check(true, &request), expected, "{version:?}");
        }
    }

    #[test]
    fn the_authority_of_the_uri_is_held_to_the_same() {
        for (uri, expected) in [
            ("http://localhost:1/", Ok(())),
            ("http://evil.example/", Err(ListenerRefusal::Host)),
        ] {
            let mut request = request(&[("host", "localhost")]);
            *request.uri_mut() = uri.parse().unwrap();
            assert_eq!(check(true, &request), expected, "{uri}");
            // As HTTP/2 has it: no header.
            request.headers_mut().clear();
            *request.version_mut() = Version::HTTP_2;
            assert_eq!(check(true, &request), expected, "{uri}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused_everywhere() {
        let host = ("host", "localhost:8080");
        for origin in ["http://localhost:8080", "http://LocalHost:8080"] {
            let request = request(&[host, ("origin", origin)]);
            assert_eq!(check(true, &request), Ok(()), "{origin}");
        }
        let origins = [
            "null",
            "",
            "http://evil.example",
            "http://localhost:3000",
            "http://localhost",
            "https://localhost:8080.evil.example",
        ];
        for origin in origins {
            let request = request(&[host, ("origin", origin)]);
            for local in [true, false] {
                assert_eq!(
                    check(local, &request),
                    Err(ListenerRefusal::Origin),
                    "{origin}"
                );
            }
        }
    }
}
