//! Log correlation: each log line carries the ids of the current span and the service's name.
//!
//! | name | what | where it is from |
//! | --- | --- | --- |
//! | `trace_id` | 32 lower-case hexadecimal digits | Trace Context in non-OTLP Log Formats (stable) |
//! | `span_id` | 16 of them | the same |
//! | `trace_flags` | 2 of them, `01` for a sampled trace | the same, which has it from W3C Trace Context |
//! | `service.name` | the name in the spans' resource, once it is known | semantic conventions |
//!
//! The ids are those of the innermost current span, of whatever API it comes from. Outside of all spans the line has
//! none, never zeros. An event of `tracing` with a `parent:` of its own has the ids of the current span too. A span that
//! is not sampled gives ids too, with flags that say so: other services may log for the same trace.
//!
//! ```
//! use tracer_instrument::log::LineFormat;
//! use tracing_subscriber::filter::LevelFilter;
//! use tracing_subscriber::layer::SubscriberExt as _;
//! use tracing_subscriber::util::SubscriberInitExt as _;
//!
//! let lines = tracing_subscriber::fmt::layer().event_format(LineFormat::json());
//! tracing_subscriber::registry().with(lines).with(LevelFilter::INFO).init();
//! // let _guard = tracer_export::init()?;
//! tracing::info!(cents = 1200, "order priced");
//! ```
//!
//! The service's name is that of the global provider, whether the log or tracing is set up first. Lines before `init()`
//! have no name. Lines of a process with `OTEL_SDK_DISABLED`, or without a global provider of `tracer-core`, never have
//! one, unless `service_name` of the type sets it.
//!
//! - Lines of `tracing-subscriber` (feature `log-fmt`): [`LineFormat`] writes JSON or text that nothing in an event can
//!   break; [`CorrelatedFormat`] puts the ids into the lines of any other format.
//! - Records of the `log` crate (feature `log`): [`CorrelatedLogger`] adds the ids to their key-values.
//! - Anything else: [`TraceFields::current`] gives the ids as text.

#[cfg(feature = "log-fmt")]
mod correlated_format;
#[cfg(feature = "log-fmt")]
mod format;
#[cfg(feature = "log-fmt")]
mod line;
#[cfg(feature = "log")]
mod logger;
#[cfg(any(feature = "log", feature = "log-fmt"))]
mod service_name;
mod trace_fields;
#[cfg(feature = "log-fmt")]
mod visitor;

#[cfg(feature = "log-fmt")]
pub use self::correlated_format::CorrelatedFormat;
#[cfg(feature = "log-fmt")]
pub use self::format::LineFormat;
#[cfg(feature = "log")]
pub use self::logger::CorrelatedLogger;
pub use self::trace_fields::TraceFields;

// The names that the specifications fix.
const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";
const TRACE_FLAGS: &str = "trace_flags";
const SERVICE_NAME: &str = "service.name";
