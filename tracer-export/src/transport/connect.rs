//! Opens connections for both protocols.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect::{
    HttpConnector,
    dns::{GaiAddrs, GaiResolver, Name},
};
use tower_service::Service;

/// Opens TCP connections.
pub(crate) type Tcp = HttpConnector<Resolver>;

/// Opens connections for HTTP, plain or with TLS.
#[cfg(all(feature = "http", feature = "tls"))]
pub(crate) type Connector = hyper_rustls::HttpsConnector<Tcp>;

/// Opens connections for HTTP, plain only because the feature `tls` is off.
#[cfg(all(feature = "http", not(feature = "tls")))]
pub(crate) type Connector = Tcp;

#[cfg(all(feature = "http", feature = "tls"))]
pub(crate) fn connector() -> Result<Connector, crate::error::ConfigError> {
    // The provider is named, so that a second one linked by the application changes nothing.
    let provider = rustls::crypto::ring::default_provider();
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .map_err(|_| crate::error::ConfigError::Tls)?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp());
    Ok(https)
}

#[cfg(all(feature = "http", not(feature = "tls")))]
pub(crate) fn connector() -> Result<Connector, crate::error::ConfigError> {
    Ok(tcp())
}

pub(crate) fn tcp() -> Tcp {
    let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
    tcp.set_nodelay(true);
    // `Endpoint::parse` has checked the scheme.
    tcp.enforce_http(false);
    tcp
}

/// The resolver of the operating system, with an error type of its own. A bare `io::Error` does not
/// say that a name could not be resolved.
#[derive(Clone, Debug)]
pub(crate) struct Resolver(GaiResolver);

/// The host name has no address, or could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("host name cannot be resolved")]
pub(crate) struct NameNotResolved;

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = NameNotResolved;
    type Future = Pin<Box<dyn Future<Output = Result<GaiAddrs, NameNotResolved>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NameNotResolved>> {
        self.0.poll_ready(context).map_err(|_| NameNotResolved)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async { resolving.await.map_err(|_| NameNotResolved) })
    }
}
