//! The server layer for axum: route templates and peer addresses from its request extensions.
//!
//! Put it on the router with `Router::layer`, after the routes: axum then has matched the route when the layer sees the
//! request, and the template includes the prefixes of nested routers. Wrapped around a whole router from outside, the
//! layer works too, but knows no route. The peer's address is known if the application is served with
//! `into_make_service_with_connect_info::<SocketAddr>()`.
//!
//! ```
//! use axum::Router;
//! use axum::routing::get;
//!
//! let app: Router = Router::new()
//!     .route("/stock/{sku}", get(async || "12"))
//!     .layer(tracer_instrument::axum::trace_layer());
//! ```

use std::borrow::Cow;
use std::net::SocketAddr;

use ::axum::extract::{ConnectInfo, MatchedPath};

use crate::tower::{PeerAddr, RequestHead, TraceConfig, TraceLayer};

/// The layer with the defaults of [`config`].
#[must_use]
pub fn trace_layer() -> TraceLayer {
    TraceLayer::with_config(config())
}

/// The configuration that knows axum's `MatchedPath` and `ConnectInfo<SocketAddr>`; the rest as in
/// [`TraceConfig::default`].
///
/// ```
/// use tracer_instrument::tower::ForwardedHeaders;
///
/// let layer = tracer_instrument::axum::config().forwarded_headers(ForwardedHeaders::Ignore).build()?;
/// # Ok::<(), tracer_instrument::ConfigError>(())
/// ```
#[must_use]
pub fn config() -> TraceConfig {
    TraceConfig::default().route(matched_path).peer(peer)
}

fn matched_path<'r>(head: &RequestHead<'r>) -> Option<Cow<'r, str>> {
    head.extensions()
        .get::<MatchedPath>()
        .map(|path| Cow::Borrowed(path.as_str()))
}

fn peer(head: &RequestHead<'_>) -> Option<SocketAddr> {
    let extensions = head.extensions();
    let connected = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0);
    connected.or_else(|| extensions.get::<PeerAddr>().map(|peer| peer.0))
}
