//! Client spans for reqwest 0.13.
//!
//! [`TracedClient`] stands in for `reqwest::Client`: the same methods, but `send` starts a client span, writes its
//! context into the request's headers and ends it when the head of the response is there. Follows the stable HTTP client
//! conventions 1.44.0.
//!
//! One span covers one call. reqwest follows redirects and retries requests inside a call, and has no hook for the end of
//! each attempt. So those attempts share the span, and `url.full` is the first URL. A caller that retries requests itself
//! gets a span for each attempt, and numbers them with [`TracedRequest::resend_count`]. The same goes for redirects with
//! `reqwest::redirect::Policy::none()`.
//!
//! The span does not cover the response body, because the caller may leave it unread.
//!
//! `error.type` takes these values: the status code for `4xx` and `5xx`; otherwise, by reqwest's classes of errors,
//! `timeout`, `dns`, `connect`, `redirect`, `body`, `decode`, `upgrade`, `builder`, `request`, or `_OTHER`. Each sets the
//! status to error. A call that its caller gives up (the future is dropped) ends the span without an error.
//!
//! ```
//! use tracer_instrument::reqwest::TracedClient;
//!
//! # async fn run(order: serde_json::Value) -> Result<(), reqwest::Error> {
//! let client = TracedClient::new(reqwest::Client::new());
//! let response = client.post("http://127.0.0.1:9000/orders").json(&order).send().await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
mod redirect;
mod request;
mod span;

pub use self::client::TracedClient;
pub use self::config::ClientConfig;
pub use self::redirect::redirects_within;
pub use self::request::TracedRequest;
