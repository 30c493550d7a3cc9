//! The front door of an application: sends the spans of `tracer-core` to a collector, and sets a
//! service up from `OTEL_*` in one line.
//!
//! # Quick start
//! ```no_run
//! use tracer_core::span;
//!
//! fn main() -> Result<(), tracer_export::Error> {
//!     let _guard = tracer_export::init()?;
//!     let _span = span!("checkout", "cart.items" = 3);
//!     Ok(())
//! }
//! ```
//! Code that is written for the `opentelemetry` crate takes part: the provider and the propagators
//! are also its global ones. For code with `tracing` there is a layer in `tracer-instrument`.
//!
//! Spans go to `http://localhost:4318`, or where `OTEL_EXPORTER_OTLP_ENDPOINT` says. When the guard
//! is dropped, what is left is sent. [`builder`] sets parts from code, and lists all variables.
//!
//! # Guarantees
//! - Works inside any tokio runtime, a current-thread one included, and without one: exporters run
//!   on a thread and a runtime of the provider. Exports are not traced.
//! - Every batch ends in one of: delivered, rejected in part (counted by the collector's own
//!   number), failed with a reason. All are in [`Guard::stats`].
//! - A batch counts as delivered only if an OTLP receiver accepts it. A proxy's page, a redirect,
//!   or the answer of a server for another protocol counts as a failure, whatever its status.
//! - The first failed attempt of an outage logs one warning with the address, the cause, and what
//!   to check. Each further cause logs one more, up to eight. The end of the outage is logged too.
//! - Exports to a collector that is down, restarting or overloaded are retried with backoff and
//!   jitter, as the OTLP specification asks, until the export timeout. Nothing else is sent twice.
//!   If the collector says when to come back, no batch is sent before that, except for one last
//!   attempt for each batch before its timeout.
//! - A variable whose value is refused counts as unset and leaves one [`Diagnostic`]; it never
//!   makes the set-up fail.
//! - Answers are read up to 4 MiB; a longer one counts as a failure. `Debug`, errors and
//!   diagnostics show no header value, no query, no path of an endpoint other than `/v1/traces`,
//!   and no byte that a peer sent.
//! - Dropping the guard blocks for at most its timeout, 5 s by default. If connections to the
//!   endpoint are refused, it makes one more attempt for each batch and returns at once.
//!
//! # Nothing arrives
//! - The log says why: lost spans, failed attempts and refused variables are warnings of the targets
//!   `tracer_core` and `tracer_export`. It needs a subscriber of `tracing`.
//! - The guard has to live until the program ends: `let _guard = …`, as `let _ = …` drops it at once.
//! - `cargo tree -i opentelemetry` has to show one version, 0.33. Code that uses another one, as 0.32,
//!   records nothing, without a message: each version has a global provider and a current `Context` of
//!   its own, which this one cannot see. An error that says `ambiguous` lists the versions, and
//!   `cargo tree -i opentelemetry@0.32` shows the crate to update.
//! - `cargo tree -i tracing-opentelemetry` has to find no package where the layer for `tracing` is that
//!   of `tracer-instrument`.
//!
//! # Without the environment
//! Exporters are built from code too, and serve any [`tracer_core::TracerProvider`]:
#![cfg_attr(feature = "http", doc = "```")]
#![cfg_attr(not(feature = "http"), doc = "```text")]
//! use tracer_export::OtlpHttpConfig;
//!
//! let exporter = OtlpHttpConfig::default()
//!     .endpoint("http://localhost:4318/v1/traces")
//!     .build()?;
//! let provider = tracer_core::TracerProvider::builder()
//!     .exporter(exporter)
//!     .build()?;
//! assert_eq!(provider.stats().exporters[0].component_type, "otlp_http_span_exporter");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//! | feature | default | what |
//! | --- | --- | --- |
//! | `grpc` | no | OTLP over gRPC |
//! | `gzip` | yes | gzip compression of requests |
//! | `http` | yes | OTLP over HTTP with protobuf |
//! | `tls` | no | `https://` endpoints, verified with rustls and the Mozilla roots |
//! | `zstd` | no | zstd compression of requests |
//!
//! # Modules
//! | path | what |
//! | --- | --- |
//! | `init.rs`, `guard.rs` | the set-up and its end |
//! | `env/` | the variables |
//! | `otlp/` | the OTLP exporters: encoding, compression, HTTP, gRPC, responses |
//! | `retry/` | which failures are retried, and when |
//! | `failure/` | why an attempt failed, what to check, and when to log it |
//! | `transport/` | endpoints, and connections to them |
//! | `protobuf.rs` | the wire format |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod init;

mod guard;

mod env;

#[cfg(any(feature = "grpc", feature = "http"))]
mod failure;
#[cfg(any(feature = "grpc", feature = "http"))]
mod otlp;
#[cfg(any(feature = "grpc", feature = "http"))]
mod protobuf;
#[cfg(any(feature = "grpc", feature = "http"))]
mod retry;
#[cfg(any(feature = "grpc", feature = "http"))]
mod transport;

mod error;

#[cfg(any(feature = "grpc", feature = "http"))]
pub use crate::otlp::{Compression, OtlpEncoder};
#[cfg(feature = "grpc")]
pub use crate::otlp::{OtlpGrpcConfig, OtlpGrpcExporter};
#[cfg(feature = "http")]
pub use crate::otlp::{OtlpHttpConfig, OtlpHttpExporter};
pub use tracer_core::env::Diagnostic;

pub use crate::{
    error::{ConfigError, Error},
    guard::Guard,
    init::{Builder, builder, init},
};
