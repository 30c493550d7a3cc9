//! The OpenTelemetry protocol, OTLP 1.x, traces.

#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "http")]
mod http;

mod compression;
mod content_type;
mod encode;
pub(crate) mod headers;
mod partial_success;
mod payload;
pub(crate) mod settings;
#[cfg(test)]
mod testing;

pub use self::compression::Compression;
pub use self::encode::Encoder as OtlpEncoder;
#[cfg(feature = "grpc")]
pub use self::grpc::{OtlpGrpcConfig, OtlpGrpcExporter};
#[cfg(feature = "http")]
pub use self::http::{OtlpHttpConfig, OtlpHttpExporter};

/// How long one export may take, retries included, unless it is set (OTLP exporter
/// specification, `OTEL_EXPORTER_OTLP_TIMEOUT`).
pub(crate) const DEFAULT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// `User-Agent` (OTLP exporter specification): the product, then the protocol's exporter.
pub(crate) const USER_AGENT: &str = concat!(
    "OTel-OTLP-Exporter-Rust/",
    env!("CARGO_PKG_VERSION"),
    " tracer-export/",
    env!("CARGO_PKG_VERSION")
);
