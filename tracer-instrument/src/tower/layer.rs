//! The layer: one configuration for any number of services.

use std::sync::Arc;

use tower_layer::Layer;

use crate::tower::config::TraceConfig;
use crate::tower::service::TraceService;

/// Wraps a service so that every request gets a server span.
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, service_fn};
/// use tracer_instrument::tower::TraceLayer;
///
/// let service = ServiceBuilder::new()
///     .layer(TraceLayer::server())
///     .service(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
/// # let _ = service;
/// ```
#[derive(Clone, Debug)]
pub struct TraceLayer {
    config: Arc<TraceConfig>,
}

impl TraceLayer {
    /// The layer with the defaults of [`TraceConfig`]: global provider, global propagator, no route templates.
    #[must_use]
    pub fn server() -> Self {
        Self::with_config(TraceConfig::default())
    }

    /// For configurations known to be right.
    pub(crate) fn with_config(config: TraceConfig) -> Self {
        Self {
            config: Arc::new(config),
        }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TraceService::new(inner, Arc::clone(&self.config))
    }
}
