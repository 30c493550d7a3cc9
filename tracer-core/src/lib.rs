//! Spans of OpenTelemetry that cost their caller next to nothing and are never lost in silence.
//!
//! A [`TracerProvider`] implements the API traits of the `opentelemetry` crate, so everything that
//! is instrumented with them works unchanged. Ended spans leave their thread as bytes through a
//! ring of its own; a worker batches them and hands them to [`SpanExporter`]s.
//!
//! # Quick start
//! Applications usually start with `tracer_export::init()`, which does this from `OTEL_*`:
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
//! For code that is written for this crate, spans that cost a fraction of one in a `Context`:
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
//! [`span!`] and [`start_span!`] start spans, [`LocalSpan`] is the guard of one, [`Span`] one that
//! moves between threads, [`InSpan`] is for futures, [`StreamInSpan`] for streams, [`with_current_context`] and
//! [`task`] for threads and tasks. Both APIs see each other's spans: whichever span was made
//! current last is the [`current()`] one, and the parent of the next span of either API.
//!
//! Code that reads `Context::current()` itself always sees the span of a future. It sees the span
//! of a guard only if the provider [activates contexts](TracerProviderBuilder::context_activation),
//! which costs two allocations a guard. `tracer_export::init()` turns this on;
//! [`TracerProvider::builder`] leaves it off. Without it, attach [`current_context()`] before you
//! call such code.
//!
//! [`#[traced]`](macro@traced) puts a function into a span, [`operation`] an operation that may fail.
//!
//! # Guarantees
//! - Once a thread has made its first spans, the caller's path (start, attribute, event, end) takes
//!   no lock, makes no system call, wakes no thread, and allocates nothing. There are three
//!   exceptions. A parent's `tracestate` allocates, because the API keeps it as strings. A ring
//!   whose spans are not read in time takes memory and an uncontended lock to grow, and wakes the
//!   worker once 256 KiB wait. A guard that activates contexts takes the two allocations of `Context` and a lock of
//!   the span's own.
//! - Every ended span is exported, or counted with the reason: [`Stats`] is an exact ledger, also
//!   after a shutdown that ran into its deadline.
//! - A span that ended before [`force_flush`](TracerProvider::force_flush) or
//!   [`shutdown`](TracerProvider::shutdown) is in its result, whichever thread ended it, even one
//!   that is gone.
//! - An exporter that panics, hangs or fails costs its own spans, which are counted; it never stops
//!   the worker, another exporter, or the caller. While all exporters are slow, every thread has its
//!   share of what they take. Samplers and processors run on the caller's thread: a panic in one is
//!   caught and counted, and a slow one slows its caller.
//! - By default, memory holds a burst of about 200,000 spans with two attributes until the exporter
//!   takes them, however slow it is.
//! - Memory is bounded. The rings of all threads together take at most
//!   [`BatchConfig::max_ring_bytes`], and 16 KiB that threads without a ring share. Each thread
//!   keeps at most 128 KiB of spare buffers and 13 KiB of spare contexts. Each exporter's queue is
//!   bounded in spans and in bytes ([`BatchConfig::max_queue_bytes`]). A provider keeps 1024
//!   instrumentation scopes and one batch being formed.
//! - A forked child traces on through the same provider: with ids, rings, threads and a ledger of
//!   its own, and with exporters that follow it ([`SpanExporter::fork`]). Spans that started in the
//!   parent stay the parent's; one that ends in the child is counted there as
//!   [`forked`](Dropped::forked). A child that makes no span starts no thread. What foreign code
//!   leaves behind in a fork we cannot mend: where tokio's feature `parking_lot` is on (`full` has
//!   it) and its runtimes run, fork before they start; and a fork at the very moment at which
//!   another thread starts or ends may copy a lock of std that starting a thread takes.
//!
//! Not promised: spans in memory when the process is killed, aborts, or exits without
//! [`shutdown`](TracerProvider::shutdown).
//!
//! # Cost of a span
//! A root span takes its caller some 50 ns, a quarter of the stock SDK's: two readings of the
//! clock, no allocation, one release store. [`cost`] tells what each call takes and where it goes.
//!
//! # Beside the stock SDK
//! Code written against the API runs on both. Where the two differ, with version 0.33.1 of
//! `opentelemetry_sdk` and its default batch processor; each line is a test that runs on both
//! (`tests/defects/` of the repository):
//!
//! | what | here | stock |
//! | --- | --- | --- |
//! | a span that is recorded but not sampled | for processors only | exported |
//! | an attribute key set twice, or empty | the last value; dropped and counted | both; kept |
//! | a second error status | replaces the first | only if its text sorts higher |
//! | length of a string value | 4096 characters, settable | no limit |
//! | an end before the start | cut to the start; durations are monotonic | kept |
//! | a flush | reaches the exporter | does not |
//! | an exporter that panics once | loses one batch, counted | nothing is exported any more |
//! | spans lost to full queues | counted, told | `shutdown` is `Ok`, no number |
//! | `OTEL_RESOURCE_ATTRIBUTES` | decoded; discarded if a part is wrong | raw; in part |
//! | the schema URL of a detector | kept | lost |
//!
//! Code on another minor version of `opentelemetry`, as 0.32, has other globals and records nothing
//! here: `cargo tree -i opentelemetry` shows one version, or fails and lists all.
//!
//! # Modules
//! | path | what |
//! | --- | --- |
//! | `provider/` | [`TracerProvider`], its builder, what all parts share |
//! | `tracer.rs`, `macros.rs`, `native.rs` | starting spans by OpenTelemetry's interface, and by macros |
//! | `start.rs`, `span/` | what both do; what a span records, and how that is laid out |
//! | `traced/`, `macros/` | `#[traced]`: what its code calls; the crate that writes it |
//! | [`operation`] | work in a span with its error, and events with typed data |
//! | `context/` | which span is current: guards, futures, and what goes to other threads |
//! | `local.rs`, `ids.rs`, `clock.rs` | what a thread keeps; ids; the clock |
//! | `exporter.rs` | [`SpanExporter`]: where batches go, and how an export may end |
//! | `processor.rs` | [`SpanProcessor`]: code of the application that sees every span |
//! | `foreign.rs` | calls of samplers, processors and exporters, whose panics go no further |
//! | [`diagnostics`] | messages of the SDK about itself |
//! | `fork.rs` | what a forked child makes anew |
//! | [`live`] | the running spans, and the last ended ones by name and latency |
//! | `metrics/` | what the provider tells of itself to a meter |
//! | `ring/` | the byte ring, the memory it grows into, and the registry of all threads' rings |
//! | `pipeline/` | worker, batches, lanes, flush and shutdown |
//! | `stats.rs`, `error.rs` | the ledger; what can fail |
//! | `sync` | atomics, locks and threads, or those of the model checkers |
//! | [`sdk`] | adapters to `opentelemetry_sdk` |
//! | [`mod@env`] | variables, and what was wrong with them |
//! | [`resource`] | what the spans describe, and the detectors |
//! | `testing` | for tests of instrumented code |
//!
//! # Features
//! | feature | what |
//! | --- | --- |
//! | `testing` | spans in memory, assertions on traces, ids and a clock set by hand; for `dev-dependencies` |

#![deny(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    any(tracer_loom, tracer_shuttle),
    allow(dead_code, reason = "the lane of the models needs less")
)]

// In the order of the layers: a module uses only those below it. `tests/tidy` of the repository
// checks this.
mod tracer;

mod macros;
mod native;
pub mod operation;
mod traced;

mod deferred;
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
