//! The cost of a span for its caller. This module is documentation and holds no code.
//!
//! # Each call
//! The figures are for a warm thread. Allocations and atomics are those of this crate only, without
//! a `String` or `Vec` that the caller makes. Instructions are from `benches/record/icount.txt`,
//! and include the creation of arguments and the drop of the span. Nanoseconds are from
//! `benches/record/2026-12-01-cases.txt` (two cores of an AMD EPYC, rustc 1.95, thin LTO). For an
//! attribute and an event, they are the slope over one to ten of them.
//!
//! | call | allocations | atomics | clock reads | instructions | ns |
//! | --- | --- | --- | --- | --- | --- |
//! | root span: start, end, drop | 0 | 3 stores | 2 | 674 | 55 |
//! | root span that the sampler drops | 0 | 0 | 0 | 402 | 31 |
//! | child of a span that is not sampled | 0 | 0 | 0 | 276 | 18 |
//! | start on a provider that is shut down or disabled | 0 | 0 | 0 | 181 | 11 |
//! | [`set_attribute`](opentelemetry::trace::Span::set_attribute) | 0 | 0 | 0 | 250 | 12 |
//! | [`add_event`](opentelemetry::trace::Span::add_event) | 0 | 0 | 1 | not counted | 16 |
//! | root with 5 attributes, an event and an error status | 0 | 3 stores | 3 | 2546 | 211 |
//! | child in a `Context`, activated | 0, the API's 2 | 3 stores, the API's own | 2 | 1114 | 95 |
//! | tree of 10 in `Context` | 0, the API's 20 | 30 stores, the API's own | 20 | 12460 | 1068 |
//! | native root, `span!` | 0 | 3 stores | 2 | 588 | 47 |
//! | native leaf under a native span | 0 | 3 stores | 2 | 542 | 43 |
//! | native leaf that is not sampled | 0 | 0 | 0 | 278 | 16 |
//! | native root with 5 attributes, an event and an error status | 0 | 3 stores | 3 | 2711 | 216 |
//! | native tree of 10 | 0 | 30 stores | 20 | 5537 | 464 |
//! | native root, active in `Context` | 0, the API's 2 | 3 stores, locks, the API's own | 2 | 1841 | 156 |
//! | native leaf, active in `Context` | 0, the API's 2 | 3 stores, locks, the API's own | 2 | 1820 | 154 |
//! | native tree of 10, active in `Context` | 0, the API's 20 | 30 stores, locks, the API's own | 20 | 18806 | 1597 |
//!
//! Stores are release stores of words that a single thread writes, which are plain moves on x86-64.
//! [`context_activation`](crate::TracerProviderBuilder::context_activation) makes native spans
//! active. No other call takes a lock or does a read-modify-write of memory that threads share.
//! None makes a system call, except an end whose ring must grow.
//!
//! # Where the time goes
//! - A reading of the time stamp counter takes 9.5 ns on that machine. A root span takes two
//!   readings.
//! - Ids are three steps of a generator that the thread owns, some 7 ns.
//! - The record is written once, into a buffer of the thread, in the form that the worker reads. It
//!   consists of a fixed head of 72 bytes, the name, then attributes, events and links in OTLP's
//!   encoding. The end copies it into the thread's ring.
//! - The worker's core has read the ring's cache lines, so they must be fetched back before they
//!   are written again. That takes some 5 ns a line if the cores share a cache.
//! - `Context::with_span` and `attach` allocate twice and take some 35 ns, whatever implements the
//!   span.
//!
//! # Cold paths
//! - A span that finds the thread's pool empty allocates its box and buffer, together some 740
//!   bytes, and a list with its first attribute. A span that is not sampled allocates 64 bytes.
//! - The first span of a thread takes a ring: that of a thread that has ended, or a new one.
//! - The first use of each 4 KiB of a ring's memory causes a page fault. On the first lap through
//!   the ring, about one root span in 50 takes 1.5 us longer. A lap is 16 KiB, or 64 KiB in a ring
//!   that has grown.
//! - A ring whose spans are not read in time takes another 64 KiB, from a lock-free queue or from
//!   the operating system. In a burst this happens once in several hundred spans. It also wakes the
//!   worker if 256 KiB wait in the ring, or if all rings have taken half of their limit.
//! - A span's buffer starts with 512 bytes, and doubles when the record outgrows it. Up to 128 KiB
//!   of buffers stay with the thread for later spans.
//! - A span that ends on another thread than it started on leaves its buffer there. If spans move
//!   in one direction only, each start allocates.
//!
//! # Optional features
//! | feature | at | extra cost |
//! | --- | --- | --- |
//! | a custom sampler | start | its call, through a trait and a panic guard: some 10 ns |
//! | a [`SpanProcessor`](crate::SpanProcessor) | start, end | some 40 ns for an empty one; no allocation |
//! | a [live view](crate::live) | start, end | some 170 ns together (`benches/live.rs`); three locks, one of which all threads share |
//! | a live view | each change of a span | some 25 ns: the span's bytes are copied again |
//! | a meter | start | one more store: some 3 ns |
//! | [`sdk::SdkProcessor`](crate::sdk::SdkProcessor) | start, end | an additional SDK span for each span, which allocates |
//! | a parent with a `tracestate` | start | five allocations with two members: the API stores it as strings |
//! | a custom id generator | start | its two calls |
//!
//! # How to reduce the cost
//! - Check [`is_recording`](opentelemetry::trace::Span::is_recording) before you collect expensive
//!   attributes, or [`Tracer::enabled`](crate::Tracer::enabled) before you start a span.
//! - Use `&'static str` for names, keys and values if possible: a `String` is an allocation.
//! - Activate a span in a `Context` only if code below it needs its parent; a leaf does not.
//!
//! # Memory
//! An idle provider with its worker and an OTLP exporter takes 0.14 MB. Its process grows by 1.7
//! MB; the difference is program code that runs for the first time. Each thread that makes spans
//! adds 7 KB at first. Its ring takes up to 16 KiB, or 64 KiB once the thread has made a burst.
//! During a burst the rings of all threads together grow up to
//! [`BatchConfig::max_ring_bytes`](crate::BatchConfig::max_ring_bytes). That memory is freed within
//! about three seconds after the worker has read the spans.
