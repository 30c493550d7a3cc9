//! A page of the process about itself: which spans run now, and how the last ones ended.
//!
//! [`DebugSpans`] is a tower service over the [`LiveView`] of a provider. It needs no framework and no script in the
//! browser, and works under any path, because its links are relative.
//!
//! ```
//! use axum::Router;
//! use tracer_core::TracerProvider;
//! use tracer_core::live::LiveView;
//! use tracer_instrument::zpages::DebugSpans;
//!
//! let live = LiveView::default();
//! let provider = TracerProvider::builder().live_view(&live).build()?;
//! let page = DebugSpans::new(live).show_values(|key| key.starts_with("http."));
//! let internal: Router = Router::new().route_service("/debug/spans", page);
//! # Ok::<(), tracer_core::ConfigError>(())
//! ```
//!
//! # What it answers
//!
//! | query | answer |
//! | --- | --- |
//! | none | the running spans, the oldest first, and a table of names and latencies |
//! | `name=N` | the running spans of one name, and the last ones that ended |
//! | `name=N&bucket=B` | those that ended in one bucket: `0`, `10us`, `100us`, `1ms`, `10ms`, `100ms`, `1s`, `10s`, `100s` (where it begins) or `failed` |
//! | `format=json` | the same as JSON, as does `Accept: application/json` |
//! | `refresh=S` | the page again every so many seconds, 1 to 3600 |
//!
//! `GET` and `HEAD` only; any other parameter is refused with 400. Durations in JSON are nanoseconds; times are
//! nanoseconds since 1970 as text, and ids hexadecimal, as in OTLP/JSON.
//!
//! # Who may see it
//!
//! The page has no login: mount it where only operators come, as on a port of its own. Span names, attribute keys and
//! event names are shown. Values of attributes, and descriptions of errors, may be secret: none is shown until
//! [`show_values`](DebugSpans::show_values) lets it.
//!
//! Every byte of a span is escaped. The response headers forbid scripts, content of other sites, frames, content sniffing
//! and caching. Pages of other sites cannot read them, unless their name is made to point here (DNS rebinding): where browsers
//! reach the port, let what is in front of it check `Host`.
//!
//! # Limits
//!
//! An answer shows at most 200 spans, and stops adding some at 512 KiB of names, keys and values; it says how many are
//! left out. A value is cut to 256 characters.

mod body;
mod format;
mod model;
mod page;
mod query;
mod service;

pub use self::body::PageBody;
pub use self::service::DebugSpans;
#[cfg(doc)]
use tracer_core::live::LiveView;
