//! Connections for HTTP.

use hyper_util::client::legacy::connect::HttpConnector;

/// What opens connections: plain ones, and with the feature `tls` verified ones.
#[cfg(feature = "tls")]
pub(crate) type Connector = hyper_rustls::HttpsConnector<HttpConnector>;

/// What opens connections: plain ones only, for lack of the feature `tls`.
#[cfg(not(feature = "tls"))]
pub(crate) type Connector = HttpConnector;

#[cfg(feature = "tls")]
pub(crate) fn connector() -> Result<Connector, crate::error::ConfigError> {
    let mut http = tcp();
    // The scheme was checked with the endpoint.
    http.enforce_http(false);
    // The provider is named, so that a second one linked by the application changes nothing.
    let provider = rustls::crypto::ring::default_provider();
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .map_err(|_| crate::error::ConfigError::Tls)?
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(https)
}

#[cfg(not(feature = "tls"))]
pub(crate) fn connector() -> Result<Connector, crate::error::ConfigError> {
    Ok(tcp())
}

fn tcp() -> HttpConnector {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http
}
