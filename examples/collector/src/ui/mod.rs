//! The collector's web page: a search form, its results and the timeline of one trace.
//!
//! Everything is compiled into the binary and served from memory. The page calls the query API of
//! the same origin and nothing else. Spans are untrusted, so the page treats every byte of
//! them as text: the scripts never build markup from data, and the headers below take away what an
//! overlooked mistake would need (no inline script or style, no foreign origin, and Trusted Types,
//! under which assigning a string to `innerHTML` throws).

#[cfg(test)]
mod contrast;

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Returns the routes of the page: `/`, the deep links `/search` and `/trace/{id}`, and
/// `/assets/{name}`.
///
/// All answers carry a validator and `Cache-Control: no-cache`. A browser keeps them and asks
/// whether they changed, so an upgraded collector is never used with old scripts.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(page))
        .route("/search", get(page))
        .route("/trace/{id}", get(page))
        .route("/assets/{name}", get(asset))
}

async fn page(headers: HeaderMap) -> Response {
    respond(&INDEX, &headers)
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|file| file.name == name) {
        Some(file) => respond(file, &headers),
        None => (StatusCode::NOT_FOUND, SAFETY, "no such file").into_response(),
    }
}

fn respond(file: &File, request: &HeaderMap) -> Response {
    let tag = entity_tag(file.body);
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|list| list.split(',').any(|one| one.trim() == tag));
    let common = (
        SAFETY,
        [(header::ETAG, tag)],
        [
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_TYPE, file.content_type),
        ],
    );
    if fresh {
        (StatusCode::NOT_MODIFIED, common).into_response()
    } else {
        (common, file.body).into_response()
    }
}

/// Returns a validator that depends on the content alone, so equal builds have equal validators.
fn entity_tag(body: &str) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

struct File {
    name: &'static str,
    content_type: &'static str,
    body: &'static str,
}

const SAFETY: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

static INDEX: File = File {
    name: "index.html",
    content_type: "text/html; charset=utf-8",
    body: include_str!("assets/index.html"),
};

macro_rules! assets {
    ($($name:literal: $content_type:expr,)*) => {
        &[$(File { name: $name, content_type: $content_type, body: include_str!(concat!("assets/", $name)) },)*]
    };
}

static ASSETS: &[File] = assets![
    "icon.svg": "image/svg+xml",
    "style.css": STYLE,
    "search.css": STYLE,
    "trace.css": STYLE,
    "details.css": STYLE,
    "app.js": SCRIPT,
    "api.js": SCRIPT,
    "dom.js": SCRIPT,
    "format.js": SCRIPT,
    "palette.js": SCRIPT,
    "query.js": SCRIPT,
    "form.js": SCRIPT,
    "search.js": SCRIPT,
    "results.js": SCRIPT,
    "scatter.js": SCRIPT,
    "tree.js": SCRIPT,
    "trace.js": SCRIPT,
    "head.js": SCRIPT,
    "timeline.js": SCRIPT,
    "rows.js": SCRIPT,
    "minimap.js": SCRIPT,
    "details.js": SCRIPT,
];

#[cfg(test)]
mod tests {
    use super::*;

    async fn fetch(name: &str, headers: HeaderMap) -> Response {
        asset(Path(name.to_owned()), headers).await
    }

    #[tokio::test]
    async fn every_answer_carries_the_policy() {
        for response in [
            page(HeaderMap::new()).await,
            fetch("app.js", HeaderMap::new()).await,
            fetch("../mod.rs", HeaderMap::new()).await,
        ] {
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap();
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(
                response.headers()[header::X_CONTENT_TYPE_OPTIONS],
                "nosniff"
            );
        }
    }

    #[tokio::test]
    async fn known_validator_saves_the_body() {
        let first = fetch("app.js", HeaderMap::new()).await;
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_TYPE], SCRIPT);
        let mut headers = HeaderMap::new();
        let tag = first.headers()[header::ETAG].to_str().unwrap();
        headers.insert(
            header::IF_NONE_MATCH,
            format!("\"other\", {tag}").parse().unwrap(),
        );
        assert_eq!(
            fetch("app.js", headers.clone()).await.status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(fetch("api.js", headers).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn unknown_file_is_not_found() {
        assert_eq!(
            fetch("secret.js", HeaderMap::new()).await.status(),
            StatusCode::NOT_FOUND
        );
    }

    /// Every file that a page or module names is served, every served file is named, and none has
    /// more than 400 lines.
    #[test]
    fn files_name_each_other_and_stay_short() {
        let mut named = Vec::new();
        for file in ASSETS.iter().chain([&INDEX]) {
            assert!(
                file.body.lines().count() <= 400,
                "{} is too long",
                file.name
            );
            for marker in ["from './", "=\"/assets/"] {
                for rest in file.body.split(marker).skip(1) {
                    let end = rest.find(['\'', '"']).unwrap();
                    named.push(rest[..end].to_owned());
                }
            }
        }
        for name in &named {
            assert!(
                ASSETS.iter().any(|file| file.name == name),
                "{name} is named and not served"
            );
        }
        for file in ASSETS {
            assert!(
                named.iter().any(|name| name == file.name),
                "{} is served and not named",
                file.name
            );
        }
    }

    /// Our scripts contain nothing that turns data into markup or code.
    #[test]
    fn scripts_hold_no_sink_for_markup() {
        for file in ASSETS.iter().chain([&INDEX]) {
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                "srcdoc",
                "javascript:",
                "DOMParser",
                " style=\"",
                " onclick",
                "setAttribute('style'",
                "http:",
                "https:",
            ] {
                let allowed = file.body.matches(sink).count()
                    - file.body.matches("http://www.w3.org/2000/svg").count()
                        * usize::from(sink == "http:");
                assert_eq!(allowed, 0, "{sink} in {}", file.name);
            }
        }
    }
}
