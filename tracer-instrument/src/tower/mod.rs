//! Spans for HTTP servers built of [tower] services: axum, hyper through `TowerToHyperService`, and any other
//! `Service<http::Request<B>, Response = http::Response<_>>`.
//!
//! Follows the stable HTTP server conventions 1.44.0. A span starts when the request reaches the service and ends with
//! the last frame of the response body, so a stream counts in full. It ends at the head when no body follows (`HEAD`,
//! `204`, `304`), when the connection becomes something else (`101`, a successful `CONNECT`), and where [`SpanEnd::Head`]
//! asks for that.
//!
//! `error.type` takes these values, besides the name of the inner service's or body's own error type (`_OTHER` for a
//! boxed one):
//!
//! | value | when |
//! | --- | --- |
//! | `500` to `599` | the status code of the response |
//! | `cancelled` | response future or body dropped before its end: the client went away, or a layer outside of this one (a timeout) gave up |
//! | `panic` | the service or the body panicked; the panic goes on |
//!
//! Each of them sets the span's status to error; a status code that was sent is kept. Everything else, `4xx` too,
//! leaves the status unset.
//!
//! # In tests
//!
//! Give the layer the provider of the test, and read the body of the response to its end, as a client does: one that is
//! dropped unread is `cancelled`.
//!
//! ```
//! use axum::body::{Body, to_bytes};
//! use axum::http::Request;
//! use axum::{Router, routing::get};
//! use tower::ServiceExt as _;
//! use tracer_core::span;
//! use tracer_core::testing::{TestProvider, assert_trace};
//!
//! // #[tokio::test]
//! async fn stock_is_looked_up() -> Result<(), Box<dyn std::error::Error>> {
//!     let trace = TestProvider::new();
//!     let layer = tracer_instrument::axum::config().tracer_provider(trace.provider()).build()?;
//!     let look_up = async || {
//!         let _span = span!("look up");
//!         "12"
//!     };
//!     let app = Router::new().route("/stock/{sku}", get(look_up)).layer(layer);
//!     let response = app.oneshot(Request::get("/stock/tea").body(Body::empty())?).await?;
//!     assert_eq!(to_bytes(response.into_body(), 100).await?, "12");
//!     assert_trace!(trace, r#"
//!         "GET /stock/{sku}" server
//!             http.response.status_code = 200
//!             "look up"
//!     "#);
//!     Ok(())
//! }
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(stock_is_looked_up())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [tower]: https://docs.rs/tower

mod body;
mod config;
mod future;
mod head;
mod layer;
mod marker;
mod service;
mod span;

pub use self::body::ResponseBody;
pub use self::config::{ForwardedHeaders, TraceConfig};
pub use self::future::ResponseFuture;
pub use self::head::RequestHead;
pub use self::layer::TraceLayer;
pub use self::marker::{HttpRoute, PeerAddr, SpanEnd, Untraced};
pub use self::service::TraceService;
