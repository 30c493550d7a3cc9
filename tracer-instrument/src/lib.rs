//! Instrumentation for services: spans of HTTP servers and clients by the stable semantic conventions (1.44.0), a layer for
//! `tracing`, log lines with trace ids, and a page of the running spans.
//!
//! Servers, clients and logs work with any provider of the `opentelemetry` 0.33 API, by default the global provider and
//! the global propagator. These are looked up when a request or a log line needs them, so an application may set them
//! before or after it builds its layers and clients. Both can be given instead. The layer and the page work with the
//! provider of `tracer-core`.
//!
//! A server (feature `axum`) and a client (feature `reqwest`):
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//! use tracer_instrument::reqwest::TracedClient;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = TracedClient::new(reqwest::Client::new());
//! let handler = async move || match client.get("http://127.0.0.1:9000/stock/7").send().await {
//!     Ok(response) => response.status(),
//!     Err(_) => http::StatusCode::BAD_GATEWAY,
//! };
//! let app = Router::new().route("/orders/{id}", get(handler)).layer(tracer_instrument::axum::trace_layer());
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:0").await?, app).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - Every span that is started is ended exactly once: by the end of the body, an error, a disconnect, a timeout outside
//!   of it or a panic, which goes on unharmed.
//! - Span names are of low cardinality: a known method and a route template, never a path or an unknown method.
//! - Passwords in URLs, signatures in queries, `Authorization` and cookies never become attributes. Status
//!   descriptions stay empty.
//! - The trace of an untrusted caller (`TraceConfig::public_endpoint`) is linked, not continued. No host gets more trace
//!   context or baggage than `ClientConfig::propagation_policy` allows. By default all callers and hosts are trusted.
//! - Requests of an exporter (telemetry suppressed in their context) get no spans.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `axum` | no | `axum`: the server layer with axum's route templates and peer addresses |
//! | `log` | no | `log`: trace ids in the key-values of the `log` crate's records |
//! | `log-fmt` | no | `log`: trace ids in the lines of `tracing-subscriber` |
//! | `reqwest` | no | `reqwest`: a client whose requests have client spans |
//! | `tower` | no | `tower`: the server layer for any HTTP service of tower's traits |
//! | `tracing` | no | `tracing`: a layer that makes spans of OpenTelemetry of spans of `tracing` |
//! | `zpages` | no | `zpages`: a page of the spans that run now, and how the last ones ended |
//!
//! # Modules
//!
//! | module | what is in it |
//! | --- | --- |
//! | `tower` | `TraceLayer`, `TraceConfig`, and the extensions by which a service talks to the layer |
//! | `axum` | `trace_layer()`, `config()` |
//! | `log` | `LineFormat`, `CorrelatedFormat`, `CorrelatedLogger`, `TraceFields` |
//! | `reqwest` | `TracedClient`, `TracedRequest`, `ClientConfig`, `redirects_within` |
//! | `tracing` | `layer()`, `TracingLayer`, `OpenTelemetrySpanExt`, and how to come from `tracing-opentelemetry` |
//! | `zpages` | `DebugSpans`: a tower service over the live view of `tracer-core` |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "tower")]
pub mod tower;

#[cfg(feature = "axum")]
pub mod axum;

#[cfg(feature = "reqwest")]
pub mod reqwest;

#[cfg(any(feature = "log", feature = "log-fmt"))]
pub mod log;

#[cfg(feature = "tracing")]
pub mod tracing;

#[cfg(feature = "zpages")]
pub mod zpages;

mod error;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod error_type;
#[cfg(feature = "tower")]
mod forwarded;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod method;
#[cfg(any(feature = "log-fmt", feature = "tracing"))]
mod panic_guard;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod propagator;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod redact;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod semconv;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod span_name;
#[cfg(any(feature = "tracing", feature = "zpages"))]
mod thread_id;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod tracer;

pub use self::error::ConfigError;
