//! The extensions of requests and responses that control the layer.

use std::borrow::Cow;
use std::net::SocketAddr;

/// A response extension with the route template that matched, for frameworks that know it only after the call.
///
/// It sets `http.route` and the span's name. It is ignored if the route was known when the request arrived.
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
    /// Makes the extension from the route as it was registered, with placeholders instead of values.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self(template.into())
    }
}

/// A request extension with the socket address of the peer. The code that accepts connections sets it.
///
/// It sets `network.peer.address`, `network.peer.port` and, unless a proxy's header has it, `client.address`. The type is
/// complete: it only distinguishes the address from other extensions.
///
/// ```
/// use tracer_instrument::tower::PeerAddr;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerAddr(([127, 0, 0, 1], 40000).into()));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerAddr(pub SocketAddr);

/// The part of a response with which its span ends. As a response extension, it overrides the configuration.
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

/// A request extension that turns tracing off for its request: there is no span, and no context is extracted. The type is
/// complete, because only its presence matters.
///
/// ```
/// use tracer_instrument::tower::Untraced;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Untraced);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Untraced;
