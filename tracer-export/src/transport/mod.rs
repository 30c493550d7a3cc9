//! The transport of the exporters: the address of a collector, and connections to it.

pub(crate) mod connect;
pub(crate) mod endpoint;

/// The transport protocol of an exporter (OTLP exporter specification,
/// `OTEL_EXPORTER_OTLP_PROTOCOL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    HttpProtobuf,
}
