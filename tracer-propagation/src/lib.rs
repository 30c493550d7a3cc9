//! Carries trace context and baggage between processes, in the headers of the W3C.
//!
//! The parsers are strict and bounded: a header from a hostile peer costs linear time, little
//! memory and itself, and never what is valid beside it. What is sent is header-safe ASCII.
//!
//! ```
//! # #[cfg(feature = "http")] {
//! use opentelemetry::Context;
//! use opentelemetry::trace::TraceContextExt as _;
//! use tracer_propagation::{CompositePropagator, Propagator as _};
//!
//! // Once, at start: for instrumentation that uses the global propagator.
//! let propagator = CompositePropagator::default();
//! opentelemetry::global::set_text_map_propagator(propagator.clone());
//!
//! // A server, for each request.
//! let mut request = http::HeaderMap::new();
//! # request.insert(
//! #     "traceparent",
//! #     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap(),
//! # );
//! let parent = propagator.extract_from(&Context::current(), &request);
//! assert!(parent.span().span_context().is_remote());
//!
//! // A client, for each request, inside its span.
//! let mut outgoing = http::HeaderMap::new();
//! propagator.inject_into(&parent, &mut outgoing);
//! assert_eq!(outgoing["traceparent"], request["traceparent"]);
//! # }
//! ```
//!
//! # Guarantees
//!
//! - `traceparent` and `tracestate` follow W3C Trace Context Level 2: exact lengths, lowercase hex
//!   only, all flag bits kept, several `tracestate` headers joined in order, two `traceparent`
//!   headers refused. See [`Traceparent`] and [`tracestate`].
//! - `baggage` follows W3C Baggage, under one budget over all its headers. See [`baggage`].
//! - A bad header never costs a good one: not the `tracestate` the `traceparent`, not a baggage
//!   member the next one, not the baggage the trace.
//! - Every bound is a constant in [`limits`]; what is refused or left out is counted in [`stats`].
//! - No error and no `Debug` output holds a byte that came in a header.
//! - Reading a `traceparent` allocates nothing, nor does looking for headers that are not there.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `http` | yes | `http::HeaderMap` as a [`Carrier`](carrier::Carrier) |
//!
//! # Modules
//!
//! | module | holds |
//! | --- | --- |
//! | [`carrier`] | what headers are read from and written to |
//! | [`tracestate`] | reading and writing that header alone |
//! | [`baggage`] | the same for baggage |
//! | [`mod@env`] | `OTEL_PROPAGATORS` |
//! | [`limits`] | the bounds |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod baggage;
pub mod carrier;
mod composite;
pub mod env;
mod error;
mod hex;
pub mod limits;
mod ows;
mod propagator;
mod stats;
mod trace_context;
mod traceparent;
pub mod tracestate;

pub use self::baggage::BaggagePropagator;
pub use self::composite::CompositePropagator;
pub use self::error::Error;
pub use self::propagator::{Propagator, TextMap};
pub use self::stats::{Stats, stats};
pub use self::trace_context::TraceContextPropagator;
pub use self::traceparent::Traceparent;
