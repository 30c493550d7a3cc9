//! Carries trace context and baggage between processes, in the headers of the W3C and those that
//! came before them.
//!
//! The parsers are strict and bounded: a header from a hostile peer costs linear time, little
//! memory and itself, and never what is valid beside it. What is sent is header-safe ASCII.
//!
//! ```
//! # #[cfg(feature = "http")] {
//! use opentelemetry::Context;
//! use opentelemetry::trace::TraceContextExt as _;
//! use tracer_propagation::{CompositePropagator, Propagator as _, global};
//!
//! // Once, at start: for instrumentation that uses the global propagator.
//! let propagator = CompositePropagator::default();
//! global::set_text_map_propagator(propagator.clone());
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
//! What goes out is the context of the span that sends: `Context::current()`, but where spans are
//! made with `span!` of `tracer-core` its `current_context()`, because the other does not see them.
//! What came in is best attached: a span that only takes it as its parent leaves the baggage behind.
//! `examples/messages.rs` of the repository does both.
//!
//! # Formats
//!
//! | propagator | headers | in `OTEL_PROPAGATORS` |
//! | --- | --- | --- |
//! | [`TraceContextPropagator`] | `traceparent`, `tracestate` | `tracecontext` |
//! | [`BaggagePropagator`] | `baggage` | `baggage` |
//! | [`B3Propagator`] | `b3`, `x-b3-*` | `b3`, `b3multi` |
//! | [`JaegerPropagator`] | `uber-trace-id`, `uberctx-*`, `jaeger-baggage` | `jaeger` |
//! | [`XrayPropagator`] | `x-amzn-trace-id` | `xray`, `xray-lambda` |
//! | [`OtTracePropagator`] | `ot-tracer-*`, `ot-baggage-*` | `ottrace` |
//! | [`GcpPropagator`] | `x-cloud-trace-context` | `tracer_gcp` |
//! | [`GrpcTraceBinPropagator`] | `grpc-trace-bin` | `tracer_grpc_bin` |
//! | [`XTraceIdPropagator`] | `x-trace-id`, `x-span-id`, `x-baggage-*` | `tracer_x_trace_id` |
//!
//! [`CompositePropagator`] puts several together, and `examples/formats.rs` chooses some; `none` is
//! none of them, and [`mod@env`] tells what becomes of other names. A format of your own needs no more
//! than `opentelemetry`'s trait and an empty `impl` of [`Propagator`]. What a
//! format says about sampling beyond the sampled flag, debug and deferred, is a [`SamplingState`].
//!
//! # Guarantees
//!
//! - `traceparent` and `tracestate` follow W3C Trace Context Level 2: exact lengths, lowercase hex
//!   only, all flag bits kept, several `tracestate` headers joined in order, two `traceparent`
//!   headers refused. See [`Traceparent`] and [`tracestate`].
//! - `baggage` follows W3C Baggage, under one budget over all its headers. See [`baggage`].
//! - The other formats take lowercase hex of the lengths that their documents allow, no signs, no
//!   tails, and a header twice only where the document says which one counts.
//! - A bad header never costs a good one: not the `tracestate` the `traceparent`, not a baggage
//!   member the next one, not the baggage the trace, not one format the next.
//! - Every bound is a constant in [`limits`]; what is refused or left out is counted in [`stats`].
//! - No error and no `Debug` output holds a byte that came in a header, but for the ids of a
//!   [`Traceparent`], which are hex.
//! - Reading a trace header allocates nothing but the context that takes the result, nor does
//!   looking for headers that are not there. Without a context nothing is allocated at all, in and
//!   out: [`Propagator::extract_span_context`], which names the two exceptions, and
//!   [`Propagator::inject_span_context`].
//!
//! # Beside the stock propagators
//!
//! Those of `opentelemetry_sdk` 0.33.1, `opentelemetry-zipkin` 0.33.0, `opentelemetry-aws` 0.21.0 and
//! `opentelemetry-jaeger-propagator` 0.32.0. Each line, and more, is a test that runs on both
//! (`tests/defects/` of the repository):
//!
//! | what | here | stock |
//! | --- | --- | --- |
//! | `traceparent: 00-1-1-1` | no parent | a parent |
//! | the random flag | kept | cleared |
//! | a second `tracestate` or `baggage` header | read | lost |
//! | a line break in `tracestate`, or encoded in baggage | is not sent raw | is |
//! | `baggage: a=b=c` | `a` is `b=c` | `a` is `b` |
//! | a caller who decides nothing (B3, X-Ray) | unsampled, and told apart | the random flag |
//! | the random flag, sent on as B3 or X-Ray | the sampled flag counts | "undecided" |
//! | B3 by default | `b3` | `x-b3-*`; both if `b3` is chosen |
//! | no span at all | nothing is sent | B3: "do not sample" |
//! | X-Ray's `Root` without `Parent` | the context keeps its span | loses it |
//! | `tracestate: sampled=1`, sent to X-Ray | is not | overrules the decision |
//! | X-Ray's `Lineage`, of Lambda | stays in its header | goes to all in `tracestate` |
//! | Jaeger's flags and baggage | hex, baggage | decimal, `tracestate` |
//!
//! # Trust
//!
//! What comes in may be forged and what goes out may leave the house. [`PropagationPolicy`] lists the
//! hosts that are sent trace context and baggage; `tracer-instrument`'s HTTP client asks it, and its
//! server layer can take callers for strangers, whose requests begin traces of their own.
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
//! | [`global`] | the propagator of the process |
//! | [`limits`] | the bounds |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod b3;
pub mod baggage;
pub mod carrier;
mod composite;
pub mod env;
mod error;
mod gcp;
pub mod global;
mod grpc_bin;
mod header;
mod hex;
mod jaeger;
pub mod limits;
mod ot_trace;
mod ows;
mod policy;
mod propagator;
mod remote_parent;
mod sampling_state;
mod stack_string;
mod stats;
#[cfg(test)]
mod testing;
mod trace_context;
mod traceparent;
pub mod tracestate;
mod x_trace_id;
mod xray;

pub use self::b3::B3Propagator;
pub use self::baggage::BaggagePropagator;
pub use self::composite::CompositePropagator;
pub use self::error::Error;
pub use self::gcp::GcpPropagator;
pub use self::grpc_bin::GrpcTraceBinPropagator;
pub use self::jaeger::JaegerPropagator;
pub use self::ot_trace::OtTracePropagator;
pub use self::policy::PropagationPolicy;
pub use self::propagator::{Propagator, TextMap};
pub use self::sampling_state::SamplingState;
pub use self::stats::{Stats, stats};
pub use self::trace_context::TraceContextPropagator;
pub use self::traceparent::Traceparent;
pub use self::x_trace_id::XTraceIdPropagator;
pub use self::xray::XrayPropagator;
