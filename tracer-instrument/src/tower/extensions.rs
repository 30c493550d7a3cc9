//! What a service tells the layer through the extensions of a request or a response.

use std::borrow::Cow;
use std::net::SocketAddr;

/// Response extension: the route template that matched, for frameworks that know it only after the call.
///
/// Gives `http.route` and the span's name. Ignored if the route was known when the request came in.
///
/// ```
/// use tracer_instrument::tower::HttpRoute;
///
/// let mut response = http::Response::new(());
/// response.extensions_mut().insert(HttpRoute::new("/stock/{sku}"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpRoute(pub(super) Cow<'static, str>);

impl HttpRoute {
    /// The route as it was registered, with placeholders instead of values.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self(template.into())
    }
}

/// Request extension: the socket address of the peer, set by whoever accepts the connections.
///
/// Gives `network.peer.address`, `network.peer.port` and, without a proxy's header, `client.address`. Complete: it wraps the
/// address to give it a type of its own among the extensions.
///
/// ```
/// use tracer_instrument::tower::PeerAddr;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerAddr(([127, 0, 0, 1], 40000).into()));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerAddr(pub SocketAddr);

/// When the span ends. As a response extension it overrides the configuration for that response.
///
/// ```
/// use tracer_instrument::tower::SpanEnd;
///
/// // A stream of events that stays open for hours.
/// let mut response = http::Response::new(());
/// response.extensions_mut().insert(SpanEnd::Head);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SpanEnd {
    /// With the last frame of the response body.
    #[default]
    Body,
    /// With the head of the response.
    Head,
}

/// Request extension: no span for this request, and its context is not extracted. Complete: being there says it all.
///
/// ```
/// use tracer_instrument::tower::Untraced;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Untraced);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Untraced;
