//! The bound on the headers of a request.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use http::request::Parts;

use super::refusal::{ListenerRefusal, Refuse};

/// Bytes of headers, with the request line.
const MAX_BYTES: usize = 16 * 1024;
/// Number of headers.
const MAX_LINES: usize = 100;

/// The bound of bytes within hyper and h2. h2 itself answers requests over its bound, with an empty
/// body. It is four times as wide, so that a sender that is over the limit by mistake is answered
/// here.
pub(super) const CONNECTION_BYTES: usize = 4 * MAX_BYTES;
/// The bound of lines within hyper: see [`CONNECTION_BYTES`].
pub(super) const CONNECTION_LINES: usize = 4 * MAX_LINES;

/// Refuses requests to a router whose headers exceed the bound.
pub(crate) fn limit_headers(router: Router, refuse: impl Refuse) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let refuse = refuse.clone();
        async move {
            let (parts, body) = request.into_parts();
            if fits(&parts) {
                next.run(Request::from_parts(parts, body)).await
            } else {
                refuse(ListenerRefusal::HeadersTooLarge, &parts.headers)
            }
        }
    }))
}

fn fits(parts: &Parts) -> bool {
    // As HTTP/1 would write them: `name: value` and the end of the line.
    let lines = parts.headers.iter();
    let lines: usize = lines
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let path = parts
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    parts.headers.len() <= MAX_LINES && lines + path <= MAX_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: usize, lines: usize, value: usize, expected: bool) {
        let mut request = http::Request::get(format!("/{}", "p".repeat(path)));
        for line in 0..lines {
            request = request.header(format!("x-{line}"), "v".repeat(value));
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(fits(&parts), expected, "{path} {lines} {value}");
    }

    #[test]
    fn headers_are_bounded_by_their_bytes_and_their_number() {
        check(0, 100, 1, true);
        check(0, 101, 1, false);
        // "/", and of one header "x-0", ": " and the end of the line.
        check(0, 1, MAX_BYTES - 8, true);
        check(0, 1, MAX_BYTES - 7, false);
        check(MAX_BYTES - 1, 0, 0, true);
        check(MAX_BYTES, 0, 0, false);
    }
}
