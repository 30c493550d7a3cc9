//! Coming from `tracing-opentelemetry` 0.34.
//!
//! The stock SDK's provider and its layer give way to ours; spans, fields and events stay as they are.
//!
//! ```text
//! - let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
//! - global::set_tracer_provider(provider.clone());
//! - global::set_text_map_propagator(TraceContextPropagator::new());
//! - let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
//! + let guard = tracer_export::init()?;               // all of that, from OTEL_*
//! + let layer = tracer_instrument::tracing::layer();  // or layer_with(guard.provider().tracer("shop"))
//!
//! - use tracing_opentelemetry::OpenTelemetrySpanExt;
//! + use tracer_instrument::tracing::OpenTelemetrySpanExt;
//!
//! - provider.shutdown()?;
//! + guard.shutdown(Duration::from_secs(5))?;          // or let it drop at the end of main
//! ```
//!
//! An exporter written for the stock SDK goes on: `tracer_export::builder().exporter(SdkExporter::new(yours))`,
//! with `tracer_core::sdk::SdkExporter`; a processor with `SdkProcessor`.
//!
//! # The same
//! Special fields `otel.name`, `otel.kind`, `otel.status_code`, `otel.status_description`; names and
//! attributes of events; exceptions and status of error values and of `#[instrument(err)]`, with the four
//! options that map them; links of `follows_from`; explicit and contextual parents; baggage; the end of a
//! span, which is the moment in which it was left last. The tests run both on the same code and compare
//! what is exported.
//!
//! # Different
//! | what | theirs | here | why |
//! | --- | --- | --- | --- |
//! | `with_location`, `with_threads`, `with_target`, `with_tracked_inactivity` | on | off | each attribute costs time and bytes on every span; one call each turns them on |
//! | `set_parent` inside the span, as in the first line of a function with `#[instrument]` | `AlreadyStarted` | works until a child, a link, `context()` or a processor knows the ids | that is where most servers know the caller |
//! | `set_parent` on a span that the sampler refused | an unsampled span stays one | the new parent decides, on all fields | a sampled caller must not lose spans to a local ratio |
//! | `set_parent` on a span that is not recorded | `Ok`, and nothing happens, behind a per-layer filter | `NotRecorded` | silence hides broken traces |
//! | extension trait behind `tracing_subscriber::reload` | `LayerNotFound`, contexts empty | works | the span is found by the registry, not by the layer's type |
//! | `context()` of a span that is not recorded | empty: the next service starts a new trace | the nearest span around it, or what is current | the trace goes on |
//! | explicit parent that a per-layer filter hides | the span is a root | a child of the nearest recorded ancestor | the same trace with fewer spans, not two traces |
//! | unsigned and 128-bit numbers | text | numbers where they fit 64 bits with sign, else text | `http.response.status_code = 500_u16` is to be comparable |
//! | `otel.name`, `otel.kind` recorded inside the span | ignored | count | a route is known after the router ran |
//! | `otel.status_code` after `otel.status_description` | takes the description away | the description stays | the order of fields says nothing |
//! | an `ERROR` event after a status with a description | as the SDK orders descriptions | the description stays | it says more |
//! | status `Ok` | can be overwritten before the start | final | trace/api.md "Set Status" |
//! | a field whose `Debug` panics | the panic reaches the caller | the field is left out | tracing must not end a request |
//! | `parent: None` where telemetry is suppressed | a root, which is exported | not recorded | exporters must not trace themselves |
//! | sampler, processor | see fields as `String`s, run when the span is entered first or closed | the same moment; the fields are decoded for a custom sampler only | cost |
//! | `follows_from` the span itself | waits for ever | a link | |
//! | an event in a span that is entered again inside another | goes to the other, whereas spans are children of the first | goes to the first | it is where spans go |
//! | two layers on one registry | panic | the first records, the second does not | |
//! | counts of events that were filtered (`with_counting_event_filter`) | on request | not there | a filter on the layer does the rest |
//! | `get_otel_context(id, dispatch)` | there | not there | [`context()`](super::OpenTelemetrySpanExt::context) needs no dispatcher |
//! | `MetricsLayer` | there | not there | metrics are not ours |
//!
//! `set_parent` inside a span cannot know who only looked at `Context::current()` before: a log line
//! or an outgoing request between the first line of the function and `set_parent` keeps the ids that
//! the span had. Set the parent first.
//!
//! # Cost
//! `cargo bench -p tracer-benches --bench compare` times the same code on both, the extra attributes off;
//! its lines are `tracing_layer_*`. Nanoseconds, medians of nine runs of 15 rounds
//! (`benches/record/2026-12-01-cases.txt`):
//!
//! | case | theirs | here | ratio |
//! | --- | --- | --- | --- |
//! | a root span | 381 | 168 | 0.44 |
//! | with five attributes, an event and a status | 1205 | 483 | 0.40 |
//! | a child, entered | 590 | 324 | 0.55 |
//! | ten spans, each entered in the one before | 6117 | 3797 | 0.62 |
//!
//! A span that is never entered takes one allocation here, an entered one three.
