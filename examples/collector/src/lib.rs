#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! A reference collector, which receives spans over OTLP, stores them, and answers queries about
//! them.
//!
//! ```text
//! otlp-grpc 4317 ─┐  budget     decode      split into segments   queue   one     SQLite
//! otlp-http 4318 ─┴─ of bytes ─ validate ── encode, compress ────────── writer ── file
//!                                                                                  │
//! query 8080: API and page ────────────────────────────────────────────── readers ─┘
//! health 13133
//! ```
//!
//! # Guarantees
//! - A success is answered after the commit. Accepted spans survive `kill -9` of the process, and
//!   every query finds them from then on. A power cut may take the last commits.
//! - Nothing is lost silently. A part of a request that is dropped or changed is counted and named
//!   in a partial success. A request for which there is no room is refused with a time to retry.
//! - An unreadable value or an invalid span is dropped alone. The rest of its batch is kept.
//! - `GET /api/stats` holds the ledger: `received = stored + duplicate + rejected + refused +
//!   waiting`. Each request that has ended is in exactly one counter.
//! - Bodies, decompressed bodies, attribute nesting, headers, connections, waiting bytes and
//!   answers are bounded. By default, every listener is on the loopback interface.
//!
//! # Bounds
//! | what | bound | beyond it |
//! | --- | --- | --- |
//! | request body, compressed and again decompressed | 20 MiB | 413, `RESOURCE_EXHAUSTED` |
//! | bytes of requests in progress | 64 MiB | 503 with `Retry-After`, `UNAVAILABLE` with `RetryInfo` |
//! | bytes waiting for the writer | 64 MiB | as above |
//! | one request as it would be stored, its resources once per trace | 32 MiB | 413, `RESOURCE_EXHAUSTED` |
//! | attributes, events, links, parts of values per request | 1,000,000 | as above |
//! | attributes, events, links per span | 128 each | dropped, counted on the span |
//! | text of one attribute value, a name, a message | 64 KiB | cut, counted |
//! | nesting of an attribute value | 64 | null, counted |
//! | elements of an attribute value | 4096 | dropped, counted |
//! | spans per trace | 100,000 | rejected in a partial success |
//! | headers | 16 KiB, 100 lines | 431 |
//! | time for the first bytes, headers or a ping, to take more of an answer | 10 s each | closed, reset |
//! | time for a body | 30 s | 408, `DEADLINE_EXCEEDED` |
//! | connections of all listeners; each listener has a sixteenth reserved | 2048, or the limit of open files less 64 if that is lower | wait, with a line in the log |
//! | `Host` of OTLP/HTTP and query on a loopback address | `localhost`, a loopback address | 421 |
//! | `Origin` of OTLP/HTTP and query, if there is one | the request's own host and port | 403 |
//!
//! Dropped and cut parts are named in the partial success. After an error, the rest of a request's
//! body is read for up to 2 s, so that a sender that is still writing gets its answer.
//!
//! # Examples
//! See [`Collector::start`].

mod address;
mod collector;
mod config;
mod decode;
mod error;
mod health;
mod ledger;
mod model;
mod query;
mod receive;
mod serve;
mod store;
pub mod ui;

pub use address::{AddressError, parse_address};
pub use collector::Collector;
pub use config::CollectorConfig;
pub use error::{Error, in_one_line};
