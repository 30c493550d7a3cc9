//! Spans for HTTP servers built of [tower] services: axum, hyper through `TowerToHyperService`, and any other
//! `Service<http::Request<B>, Response = http::Response<_>>`.
//!
//! The spans follow the stable HTTP server conventions 1.44.0. A span starts when the request reaches the service, and
//! ends with the last frame of the response body, so it covers a whole stream. It ends with the head of the response if no
//! body follows (`HEAD`, `204`, `304`), if the connection leaves HTTP (`101`, a successful `CONNECT`), or if
//! [`SpanEnd::Head`] says so.
//!
//! `error.type` is the name of the error type of the inner service or body (`_OTHER` if it is boxed), or one of these:
//!
//! | value | when |
//! | --- | --- |
//! | `500` to `599` | the status code of the response |
//! | `cancelled` | the response future or body was dropped before its end: the client disconnected, or an outer layer timed out |
//! | `panic` | the service or the body panicked; the panic continues |
//!
//! Each of them sets the span's status to error, and keeps a status code that was sent. Any other response, `4xx`
//! included, leaves the status unset.
//!
//! # In tests
//!
//! Give the layer the provider of the test. Read the response body to its end, as a client does, because a body that is
//! dropped unread ends its span as `cancelled`.
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
mod extensions;
mod future;
mod layer;
mod request;
mod response_end;
mod service;
mod span;

pub use self::body::ResponseBody;
pub use self::config::{ForwardedHeaders, TraceConfig};
pub use self::extensions::{HttpRoute, PeerAddr, SpanEnd, Untraced};
pub use self::future::ResponseFuture;
pub use self::layer::TraceLayer;
pub use self::request::RequestHead;
pub use self::service::TraceService;
