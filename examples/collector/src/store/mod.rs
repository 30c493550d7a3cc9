//! The embedded store: one SQLite file that holds compressed segments of traces, not rows of spans.
//!
//! A row per span with its indexes costs more than everything else a collector does, so the unit
//! here is the *segment*: the spans of one trace that came in one request, encoded as OTLP and
//! compressed with zstd (level 1). A trace is one summary row and as many segment rows as segments
//! arrived. Searches go through postings: each commit writes one sorted list of (term, trace),
//! where a term is the hash of a service, an operation, an attribute with its value, or a class of
//! duration, and small lists are merged into larger ones as they pile up. A posting may lie (two
//! terms may share a hash, and service and attribute may match different spans), so every hit is
//! checked against the spans themselves before it is shown.
//!
//! Spans with the same ids and different content are all kept: a client and a server that share an id
//! as Zipkin's do, or two states of a span that was sent while it ran. Content that is sent again, by
//! a sender that missed the answer, is kept once.
//!
//! Everything that belongs to an hour of receipt has numbers or keys in one range, so that an hour
//! can later be deleted whole. One task writes; readers never wait for it (write-ahead log).

pub(crate) mod catalog;
pub(crate) mod commit;
pub(crate) mod cost;
pub(crate) mod encode;
pub(crate) mod filter;
mod fnv;
mod merge;
pub(crate) mod postings;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod search;
pub(crate) mod segment;
pub(crate) mod summary;
pub(crate) mod terms;
pub(crate) mod writer;
