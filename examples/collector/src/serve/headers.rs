//! The bound on the headers of a request.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;

/// Bytes of headers, with the request line.
const MAX_BYTES: usize = 16 * 1024;
/// Number of headers.
const MAX_LINES: usize = 100;

/// The bounds within hyper and h2. h2 answers requests over its bound itself, with an empty body. Both
/// are four times as wide, so that a sender that is over the limit by mistake is answered here.
pub(super) const CONNECTION_BYTES: usize = 4 * MAX_BYTES;
/// See [`CONNECTION_BYTES`].
pub(super) const CONNECTION_LINES: usize = 4 * MAX_LINES;

/// Why headers are refused.
pub(crate) const TOO_LARGE: &str = "the headers exceed 16 KiB or 100 lines";

/// Puts the bound in front of everything `router` answers; `refuse` makes the refusal, with status
/// 431.
pub(crate) fn bound(
    router: Router,
    refuse: impl Fn(&HeaderMap) -> Response + Clone + Send + Sync + 'static,
) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let refuse = refuse.clone();
        async move {
            let (parts, body) = request.into_parts();
            if fits(&parts) {
                next.run(Request::from_parts(parts, body)).await
            } else {
                refuse(&parts.headers)
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
