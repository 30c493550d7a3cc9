//! Tests of instrumented code (feature `testing`): a provider for each test, and an assertion on
//! whole traces.
//!
//! ```toml
//! [dev-dependencies]
//! tracer-core = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # Example
//! A function, and its test:
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
//! If the function set 1 as `cart.items`, the test would report:
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
//! Each span, attribute, event and link has its own line below the line that it belongs to. The
//! line is indented by four spaces more, or by any number that is the same for all lines on one
//! level. Recorded spans are printed in the same language. So a tree can be copied into a test from
//! a failure, or from [`TestProvider::tree`].
//!
//! | line | meaning |
//! | --- | --- |
//! | `"name"` | a span: its name, then in any order the words of the next rows |
//! | `… server` | the kind: `internal`, `server`, `client`, `producer` or `consumer` |
//! | `… error "text"` | the status: `unset`, `ok`, `error`, or `error` with its description |
//! | `… remote` | the parent is in another process |
//! | `… orphan` | the parent has not ended, or is not among the spans |
//! | `key = value` | an attribute of the span, event or link above it |
//! | `no key` | there is no such attribute |
//! | `event "name"` | an event of the span above it |
//! | `link "name"` | a link to the span of that name |
//! | `link 1f/2` | a link to these ids in hexadecimal digits, trace and span; may follow the name |
//! | `...` | further spans are allowed on this level, between and around the others |
//!
//! A value is `"text"`, `1`, `1.5`, `true` or `["a", "b"]`; 1 and 1.0 are different. A `*` in place
//! of a name or a value matches anything. In `~"a*b"` each star matches any text, and `\*` is a
//! literal star. Strings have Rust's escapes. A key with characters other than letters, digits and
//! `._-/:` has to be in quotes.
//!
//! A tree must list some things, and may leave out others:
//! - Every span must be listed, under the right parent. So an additional span is a difference, and
//!   so is a root that has a parent.
//! - Siblings are in the order in which they started. `unordered` after a span allows any order
//!   below it.
//! - A span without a status in the tree must not be an error. A span without a kind may be of any
//!   kind.
//! - Attributes, events and links may be left out. The events and links that are listed must be in
//!   the order in which they were added.
//! - `exactly` after a span, an event or a link means that nothing is left out. Then there are no
//!   other attributes, events and links. Kind, status and parent are the default ones if they are
//!   not given.
//! - A first line of `exactly`, `unordered` or both applies to all spans.
//! - A tree is at most 1000 lines deep.
//!
//! Times, scopes and resources are not part of trees. Read them from [`FinishedSpan`].
//!
//! # Ids and time
//! [`TestProvider`] numbers traces and spans from 1. Its clock stands still until
//! [`ManualClock::advance`] moves it, so the test decides how long a span takes.
//!
//! # Tests in parallel
//! Each [`TestProvider`] has its own spans. [`span!`](crate::span) uses it on the thread that
//! created it. Pass [`TestProvider::provider`] or [`TestProvider::tracer`] to instrumentation that
//! needs a provider or a tracer. Neither [`set_global`](crate::TracerProvider::set_global) nor
//! `opentelemetry::global` is changed, so tests may run at the same time.
//!
//! Tests of async code:
//! - `#[tokio::test]` runs everything on the test's own thread, so nothing more is needed.
//! - A span may end after the call that the test awaits. An example is a server's span, which ends
//!   after the response. [`TestProvider::wait_for`] waits for such spans.
//! - `#[tokio::test(flavor = "multi_thread")]` runs spawned tasks on other threads, where the
//!   provider is not the default. A span there has the provider of its parent. So spawn tasks
//!   inside a span, with [`task::spawn`](crate::task::spawn),
//!   [`with_current_span`](crate::InSpan::with_current_span), [`in_span`](crate::InSpan::in_span)
//!   or [`with_current_context`](crate::with_current_context). The code needs these in production
//!   too, to keep its traces whole. The spans of other tasks are not recorded, and the assertion
//!   reports them as missing.
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

/// The time that tests wait for exporters when they read spans.
const DEADLINE: Duration = Duration::from_secs(20);
