//! OpenTelemetry spans that cost their caller almost nothing and are never lost silently.
//!
//! A [`TracerProvider`] implements the API traits of the `opentelemetry` crate, so existing
//! instrumentation works unchanged. Each thread writes its ended spans as bytes into its own ring.
//! A worker collects them into batches and passes these to [`SpanExporter`]s.
//!
//! # Quick start
//! Applications usually call `tracer_export::init()`, which does this from `OTEL_*` variables:
//!
//! ```
//! use std::time::Duration;
//!
//! use opentelemetry::{KeyValue, trace::{Span as _, Tracer as _, TracerProvider as _}};
//! use opentelemetry_sdk::trace::InMemorySpanExporter;
//! use tracer_core::{TracerProvider, sdk::SdkExporter};
//!
//! let memory = InMemorySpanExporter::default();
//! let provider = TracerProvider::builder()
//!     .exporter(SdkExporter::new(memory.clone()))
//!     .build()?;
//!
//! let mut span = provider.tracer("shop").start("checkout");
//! span.set_attribute(KeyValue::new("cart.items", 3));
//! span.end();
//!
//! provider.shutdown(Duration::from_secs(5))?;
//! assert_eq!(provider.stats().exporters[0].exported, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Native API
//! Code written for this crate can use spans that cost a fraction of those in a `Context`:
//!
//! ```
//! use tracer_core::{InSpan as _, TracerProvider, current, span, start_span};
//!
//! fn charge(cents: i64) {
//!     let _span = span!("charge", "cents" = cents); // current until the end of the scope
//!     current().add_event("card accepted", Vec::new());
//! }
//!
//! let provider = TracerProvider::builder().build()?;
//! provider.set_global(); // tracer_export::init() does so
//! charge(995);
//!
//! let request = async { charge(5) }.in_span(start_span!("request"));
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(request);
//! # assert_eq!(provider.stats().ended, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`span!`] starts a span and returns its guard, a [`LocalSpan`]. [`start_span!`] returns a
//! [`Span`], which can move between threads. [`InSpan`] puts a future into a span, and
//! [`StreamInSpan`] a stream. [`with_current_context`] and [`task`] pass the current span to
//! threads and tasks. [`#[traced]`](macro@traced) puts a function into a span, and [`operation`] an
//! operation that may fail.
//!
//! Both APIs see each other's spans. The span that was made current last is the [`current()`] one,
//! and the parent of the next span of either API.
//!
//! Code that reads `Context::current()` itself always sees the span of a future. It sees the span
//! of a guard only if the provider [activates contexts](TracerProviderBuilder::context_activation),
//! which costs two allocations a guard. `tracer_export::init()` turns this on, but
//! [`TracerProvider::builder`] leaves it off. Without it, attach [`current_context()`] before you
//! call such code.
//!
//! # Guarantees
//! - Once a thread has made its first spans, the caller's path (start, attribute, event, end) takes
//!   no lock, makes no system call, wakes no thread, and allocates nothing. There are three
//!   exceptions. A parent's `tracestate` allocates, because the API stores it as strings. A ring
//!   whose spans are not read in time takes memory and an uncontended lock to grow, and wakes the
//!   worker once 256 KiB wait. A guard that activates contexts makes the two allocations of
//!   `Context` and takes a lock of the span's own.
//! - Every ended span is exported, or counted with the reason. [`Stats`] is an exact ledger, even
//!   after a shutdown that reached its deadline.
//! - [`force_flush`](TracerProvider::force_flush) and [`shutdown`](TracerProvider::shutdown) cover
//!   every span that ended before the call, on any thread, even on one that no longer exists.
//! - An exporter that panics, hangs or fails loses only its own spans, which are counted. It never
//!   stops the worker, another exporter, or the caller. While all exporters are slow, every thread
//!   gets a share of the spans that they accept.
//! - Samplers and processors run on the caller's thread. A panic in one is caught and counted, and
//!   a slow one slows its caller.
//! - By default, memory holds a burst of about 200,000 spans with two attributes until the exporter
//!   takes them, however slow it is.
//! - Memory is bounded. The rings of all threads together take at most
//!   [`BatchConfig::max_ring_bytes`], and 16 KiB that threads without a ring share. Each thread
//!   keeps at most 128 KiB of spare buffers and 13 KiB of spare contexts. Each exporter's queue is
//!   bounded in spans and in bytes ([`BatchConfig::max_queue_bytes`]). A provider keeps 1024
//!   instrumentation scopes and one batch being formed.
//! - A forked child continues to trace through the same provider, with its own ids, rings, threads,
//!   ledger and exporters ([`SpanExporter::fork`]). Spans that started in the parent belong to the
//!   parent: one that ends in the child is counted there as [`forked`](Dropped::forked). A child
//!   that makes no span starts no thread.
//!
//! Other code causes two limits of forks. If tokio's feature `parking_lot` is on (`full` enables
//! it) and runtimes are used, fork before they start. If another thread starts or ends at the
//! moment of the fork, the child may inherit a locked lock of std that it needs to start a thread.
//!
//! Spans in memory are lost when the process is killed, aborts, or exits without
//! [`shutdown`](TracerProvider::shutdown).
//!
//! # Cost of a span
//! A root span costs its caller some 50 ns, a quarter of the stock SDK's cost: two readings of the
//! clock, no allocation, one release store. [`cost`] lists the cost of each call.
//!
//! # Comparison with the stock SDK
//! Code written against the API runs on both. The table lists the differences from version 0.33.1
//! of `opentelemetry_sdk` with its default batch processor. Each line is a test that runs on both
//! (`tests/defects/` of the repository):
//!
//! | case | this crate | stock SDK |
//! | --- | --- | --- |
//! | a span that is recorded but not sampled | passed to processors only | exported |
//! | an attribute key set twice, or empty | the last value; dropped and counted | both; kept |
//! | a second error status | replaces the first | only if its text sorts higher |
//! | the length of a string value | 4096 characters, configurable | no limit |
//! | an end before the start | moved to the start; durations are monotonic | kept |
//! | a flush | reaches the exporter | does not |
//! | an exporter that panics once | loses one batch, counted | nothing is exported any more |
//! | spans lost to full queues | counted and logged | `shutdown` is `Ok`, no number |
//! | `OTEL_RESOURCE_ATTRIBUTES` | decoded; discarded if a part is wrong | raw; in part |
//! | the schema URL of a detector | kept | lost |
//!
//! Code that uses another minor version of `opentelemetry`, such as 0.32, uses other globals and
//! records nothing here. `cargo tree -i opentelemetry` shows one version, or fails and lists all.
//!
//! # Modules
//! In layers, highest first: a module uses only those in its row and below. `sdk` and `testing` use
//! all of them.
//!
//! | path | contents |
//! | --- | --- |
//! | `deferred.rs`, `tracer.rs` | spans that start before their parent is known; [`Tracer`], which starts spans by the traits of OpenTelemetry |
//! | `native.rs`, `macros.rs`, [`operation`], `traced/` | the native API; `#[traced]` expands to `traced/` |
//! | `start.rs` | the start of a span, for both APIs |
//! | `context/`, `provider/` | the current span of a thread or future; [`TracerProvider`] and its builder |
//! | [`live`], `metrics/` | open and recently ended spans; the provider's own metrics |
//! | `sampling.rs` | the decision about a new span |
//! | `provider_core/`, `processor.rs`, `span/`, `thread_state.rs` | the state that tracers, spans and threads share |
//! | `pipeline/`, `ring/` | worker, batches, export queues, flush and shutdown; the byte ring and its memory |
//! | `exporter.rs`, `record/` | [`SpanExporter`]; the bytes of a span, batches and limits |
//! | [`resource`] | the process that the spans describe, and its detectors |
//! | `clock.rs`, [`cost`], [`diagnostics`], [`mod@env`], `error.rs`, `fork.rs`, `ids.rs`, `panic_guard.rs`, `stats.rs`, `sync.rs` | foundations |
//! | [`sdk`] | adapters to `opentelemetry_sdk` |
//! | `testing` | support for tests of instrumented code |
//!
//! # Features
//! | feature | contents |
//! | --- | --- |
//! | `testing` | for tests: spans in memory, assertions on traces, ids and a clock set by hand |

#![deny(unsafe_code)]
#![warn(missing_docs)]

// In the order of the layers: a module uses only its own group and those below it. `tests/tidy` of
// the repository checks this.
mod deferred;
mod tracer;

mod macros;
mod native;
pub mod operation;
mod traced;

mod start;

mod context;
mod provider;

pub mod live;
mod metrics;

mod sampling;

mod processor;
mod provider_core;
mod span;
mod thread_state;

mod pipeline;
#[expect(unsafe_code, reason = "two threads share a ring without a lock")]
mod ring;

mod exporter;
mod record;

pub mod resource;

mod clock;
pub mod cost;
pub mod diagnostics;
pub mod env;
mod error;
#[cfg_attr(unix, expect(unsafe_code, reason = "only the C library reports forks"))]
mod fork;
mod ids;
mod panic_guard;
mod stats;
mod sync;

pub mod sdk;
#[cfg(feature = "testing")]
#[expect(clippy::panic, reason = "this is how a test fails")]
pub mod testing;

pub use crate::{
    context::{
        CurrentSpan, DefaultProvider, InSpan, LocalSpan, StreamInSpan, WithSpan, current,
        current_context, task, with_current_context,
    },
    deferred::DefaultTracer,
    error::{ConfigError, FlushError, ShutdownError},
    exporter::{ExportError, ExportFuture, ExportResult, ExportSuccess, SpanExporter, Status},
    ids::TraceIdRandomness,
    native::in_span,
    pipeline::BatchConfig,
    processor::SpanProcessor,
    provider::{TracerProvider, TracerProviderBuilder},
    record::{AttributeRef, SpanBatch, SpanLimits, SpanRecord, SpanRecords, ValueRef},
    span::Span,
    stats::{Dropped, ExporterStats, OverLimit, Stats},
    traced::traced,
    tracer::Tracer,
};

/// Items for the code that the macros expand to and for the other crates of this family.
#[doc(hidden)]
pub mod __private {
    pub use crate::context::Moment;
    pub use crate::native::{IntoParent, Options, Site, StartedSpan};
    pub mod traced {
        pub use crate::traced::{
            Argument, AttributeValue, DebuggedResult, DisplayedError, Enter, Fallible, FutureSpan,
            OutcomeFuture, OutcomeRecorder, Running, SpanKind, SpanLookup, ToAttribute, argument,
            call, debug, debugged_result, display, displayed_error, enter, exit, observe, run,
            typed,
        };
    }
}
