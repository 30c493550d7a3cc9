//! For tests of instrumented code (feature `testing`): a provider for each test, and an assertion
//! on whole traces.
//!
//! ```toml
//! [dev-dependencies]
//! tracer-core = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # Example
//! A function that is to be tested, and its test:
//!
//! ```
//! use opentelemetry::{Context, KeyValue, trace::{SpanKind, Status, TraceContextExt as _, Tracer}};
//! use tracer_core::testing::{TestProvider, assert_trace};
//!
//! fn checkout<T: Tracer>(tracer: &T, items: i64) -> Result<(), &'static str>
//! where
//!     T::Span: Send + Sync + 'static,
//! {
//!     tracer.in_span("checkout", |context| {
//!         let span = context.span();
//!         span.set_attribute(KeyValue::new("cart.items", items));
//!         tracer.in_span("charge", |_context| ());
//!         if items == 0 {
//!             span.add_event("cart.empty", vec![]);
//!             span.set_status(Status::error("nothing to pay"));
//!             return Err("nothing to pay");
//!         }
//!         Ok(())
//!     })
//! }
//!
//! // #[test]
//! fn empty_cart_is_an_error() {
//!     let trace = TestProvider::new();
//!     checkout(&trace.tracer("shop"), 0).unwrap_err();
//!     assert_trace!(trace, r#"
//!         "checkout" error "nothing to pay"
//!             cart.items = 0
//!             event "cart.empty"
//!             "charge"
//!     "#);
//!     trace.balance();
//! }
//! # empty_cart_is_an_error();
//! ```
//!
//! If the function set 1 as `cart.items`, the test would say:
//!
//! ```text
//! cart.items of span "checkout" is 1, not 0
//!
//! expected:
//!     "checkout" error "nothing to pay"
//!   >     cart.items = 0
//!         event "cart.empty"
//!         "charge"
//!
//! recorded:
//!     "checkout" error "nothing to pay"
//!   >     cart.items = 1
//!         event "cart.empty"
//!         "charge"
//! ```
//!
//! # The language of trees
//! One line for each thing, below what it belongs to, four spaces further in (or any number, the
//! same for all lines on one level). What is recorded is printed in the same language, so a tree
//! can be copied from a failure, or from [`TestProvider::tree`], into a test.
//!
//! | line | says |
//! | --- | --- |
//! | `"name"` | a span: its name, then in any order the words of the next rows |
//! | `… server` | the kind: `internal`, `server`, `client`, `producer` or `consumer` |
//! | `… error "text"` | the status: `unset`, `ok`, `error`, or `error` with its description |
//! | `… remote` | the parent lives in another process |
//! | `… orphan` | the parent has not ended, or is not among the spans |
//! | `key = value` | an attribute of the span, event or link above it |
//! | `no key` | there is no such attribute |
//! | `event "name"` | an event of the span above it |
//! | `link "name"` | a link to the span of that name |
//! | `link 1f/2` | a link to these ids in hexadecimal digits, trace and span; both may be given |
//! | `...` | further spans may be there, on this level, between and around the others |
//!
//! A value is `"text"`, `1`, `1.5`, `true` or `["a", "b"]`; 1 and 1.0 are different. A name or
//! a value is `*` where it may be anything, and `~"a*b"` where a text has anything in place of each
//! star; `\*` there is a star. Texts have Rust's escapes. A key with other characters than letters,
//! digits and `._-/:` stands in quotes.
//!
//! What must be said, and what may be left out:
//! - Every span must be there, and its parent be right. So a span too many is a difference, and so
//!   is a root that has a parent after all.
//! - Siblings are in the order in which they started; `unordered` behind a span says that what is
//!   below it may be in any order.
//! - A span without a status must not be an error; a line without a kind may be of any.
//! - Attributes, events and links may be more than are said; events and links keep their order.
//!   `exactly` behind a span, an event or a link says that nothing is left out, also of the kind.
//! - A first line of `exactly`, `unordered` or both says it of all spans.
//!
//! Times, scopes and resources are not part of trees: read them from [`FinishedSpan`].
//!
//! # Ids and time
//! [`TestProvider`] numbers traces and spans from 1, and its clock stands still until
//! [`ManualClock::advance`] moves it, so durations are what a test makes them.
//!
//! # Tests in parallel
//! Each [`TestProvider`] has spans of its own. Give it to the code under test: as a tracer, or as
//! the [`TracerProvider`](crate::TracerProvider) that a configuration takes.

mod assert;
mod exporter;
mod finished;
mod ids;
mod provider;
mod tree;

use std::time::Duration;

#[doc(hidden)]
pub use self::assert::check;
pub use self::{
    assert::{FinishedSpans, assert_trace},
    exporter::InMemoryExporter,
    finished::FinishedSpan,
    ids::SequentialIds,
    provider::TestProvider,
};
pub use crate::clock::ManualClock;

/// How long reading waits for the exporters.
const DEADLINE: Duration = Duration::from_secs(20);
