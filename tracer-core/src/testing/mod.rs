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
//! use opentelemetry::trace::Status;
//! use tracer_core::{span, testing::{TestProvider, assert_trace}};
//!
//! fn checkout(items: i64) -> Result<(), &'static str> {
//!     let span = span!("checkout", "cart.items" = items);
//!     let _charge = span!("charge");
//!     if items == 0 {
//!         span.add_event("cart.empty", vec![]);
//!         span.set_status(Status::error("nothing to pay"));
//!         return Err("nothing to pay");
//!     }
//!     Ok(())
//! }
//!
//! // #[test]
//! fn empty_cart_is_an_error() {
//!     let trace = TestProvider::new();
//!     checkout(0).unwrap_err();
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
//!   `exactly` behind a span, an event or a link says that nothing is left out: there are no other
//!   attributes, events and links, and kind, status and parent are the usual ones if none is said.
//! - A first line of `exactly`, `unordered` or both says it of all spans.
//! - A tree is at most 1000 lines deep.
//!
//! Times, scopes and resources are not part of trees: read them from [`FinishedSpan`].
//!
//! # Ids and time
//! [`TestProvider`] numbers traces and spans from 1, and its clock stands still until
//! [`ManualClock::advance`] moves it, so durations are what a test makes them.
//!
//! # Tests in parallel
//! Each [`TestProvider`] has spans of its own. It is what [`span!`](crate::span) uses on the thread
//! that made it; instrumentation that asks for a provider or a tracer gets
//! [`TestProvider::provider`] or [`TestProvider::tracer`]. The process has no part in it: neither
//! [`set_global`](crate::TracerProvider::set_global) nor `opentelemetry::global` is touched, so
//! that tests may run at the same time.
//!
//! Tests of async code:
//! - `#[tokio::test]` runs all on the test's own thread: nothing is to be done.
//! - Where a span ends after what the test awaits, as a server's does after its response,
//!   [`TestProvider::wait_for`] waits for it.
//! - `#[tokio::test(flavor = "multi_thread")]` runs spawned tasks on other threads, where the
//!   provider is not the default. A span there has the provider of its parent, so what spawns must
//!   run in a span and use [`task::spawn`](crate::task::spawn), or
//!   [`with_current_span`](crate::InSpan::with_current_span), [`in_span`](crate::InSpan::in_span)
//!   and [`with_current_context`](crate::carry), which it must do anyway to keep its traces whole. Spans of a task
//!   that was spawned without are not recorded, and the test says that they are missing.
//!
//! ```
//! use tracer_core::{InSpan as _, span, start_span, task, testing::{TestProvider, assert_trace}};
//!
//! // #[tokio::test(flavor = "multi_thread")]
//! async fn both_halves_are_sorted_at_the_same_time() {
//!     let trace = TestProvider::new();
//!     let sort = async {
//!         let left = task::spawn(async { drop(span!("left")) });
//!         let right = task::spawn(async { drop(span!("right")) });
//!         (left.await.unwrap(), right.await.unwrap())
//!     };
//!     sort.in_span(start_span!("sort")).await;
//!     assert_trace!(trace, r#"
//!         "sort" unordered
//!             "left"
//!             "right"
//!     "#);
//! }
//! # let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
//! # runtime.block_on(both_halves_are_sorted_at_the_same_time());
//! # Ok::<(), std::io::Error>(())
//! ```

mod assert;
mod clock;
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
    tree::tree,
};
pub use crate::clock::ManualClock;

/// How long reading waits for the exporters.
const DEADLINE: Duration = Duration::from_secs(20);
