//! Hints about what to check, for each failure.

use tracer_core::Status;

use crate::{
    failure::{Certificate, Failure},
    transport::{Protocol, endpoint::SignalPath},
};

const ADDRESS: &str = "check that a collector listens there; its port is usually 4318 for \
                       http/protobuf and 4317 for grpc";
const BATCH_SIZE: &str = "a batch is larger than the receiver accepts: raise the receiver's \
                          limit, or lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
const BUSY: &str = "the receiver, or a proxy in front of it, is overloaded or not ready";
const CREDENTIALS: &str = "check the credentials, which are usually in OTEL_EXPORTER_OTLP_HEADERS";
const NETWORK: &str = "check the host, the port, the network and the firewall";
const RECEIVER: &str = "check the log of the receiver";
const PORT: &str = "check the port: it is usually 4318 for http/protobuf and 4317 for grpc \
                    (OTEL_EXPORTER_OTLP_PROTOCOL)";
const PORT_OR_TLS: &str = "check the port: it is usually 4318 for http/protobuf and 4317 for grpc \
                           (OTEL_EXPORTER_OTLP_PROTOCOL), and a port for TLS needs https://";

/// Returns what to check after this failure, for an endpoint with this protocol and path.
pub(super) fn hint(failure: Failure, protocol: Protocol, path: SignalPath) -> &'static str {
    match failure {
        Failure::Certificate(problem) => certificate(problem),
        Failure::Connect(std::io::ErrorKind::ConnectionRefused) => ADDRESS,
        Failure::Connect(_) | Failure::NoAnswer => NETWORK,
        Failure::GrpcOverHttp | Failure::NotGrpc => PORT,
        Failure::NameNotResolved => "check the host name and the DNS server",
        Failure::ConnectionLost | Failure::NotHttp | Failure::NotHttp2 => PORT_OR_TLS,
        Failure::NotOtlp(_) => path_or(
            path,
            "check the host, the port and the path: something else answers there, such as a proxy \
             or a web server",
        ),
        Failure::NotTls => {
            "check the port, or use http:// if the connection should not be encrypted"
        }
        Failure::ResponseTooLarge => "check that the endpoint is an OTLP receiver",
        Failure::Status(Status::Http(code)) => match protocol {
            Protocol::Grpc => http_of_grpc(code),
            Protocol::HttpProtobuf => http(code, path),
        },
        Failure::Status(Status::Grpc(code)) => grpc(code),
        Failure::Status(_) => RECEIVER,
        Failure::TlsHandshake => {
            "check that the server accepts TLS 1.2 or 1.3 and requires no client certificate"
        }
    }
}

fn certificate(problem: Certificate) -> &'static str {
    match problem {
        Certificate::NotForThisHost => {
            "check that the endpoint uses the host name in the certificate"
        }
        Certificate::NotValidNow => "renew the certificate, or check the clock of this machine",
        Certificate::Other => "check the server's certificate",
        Certificate::UnknownIssuer => {
            "only public certificate authorities (the Mozilla roots) are trusted: if the server's \
             is private, send to a collector on this host that forwards the spans"
        }
    }
}

fn http(code: u16, path: SignalPath) -> &'static str {
    match code {
        300..=399 => "redirects are not followed: set the endpoint to the URL that it redirects to",
        400 => "check that the endpoint is an OTLP receiver and has the right scheme",
        401 | 403 | 407 => CREDENTIALS,
        404 | 405 | 410 => path_or(
            path,
            "check the host, the port and the path: the path is usually /v1/traces",
        ),
        413 => BATCH_SIZE,
        415 => {
            "check the port: it is usually 4318 for http/protobuf and 4317 for grpc; and check \
             whether the receiver supports this compression"
        }
        429 | 502..=504 => BUSY,
        _ => RECEIVER,
    }
}

/// Prefers the hint for a path that looks wrong, which says more than the answer.
fn path_or(path: SignalPath, otherwise: &'static str) -> &'static str {
    match path {
        SignalPath::Doubled => {
            "the path has v1/traces twice: OTEL_EXPORTER_OTLP_ENDPOINT must be the URL without it"
        }
        SignalPath::Missing => {
            "the URL has no path: the path is usually /v1/traces, which is added only to \
             OTEL_EXPORTER_OTLP_ENDPOINT"
        }
        SignalPath::Usual | SignalPath::Other => otherwise,
    }
}

/// The answer of a proxy, or of a server that does not speak gRPC.
fn http_of_grpc(code: u16) -> &'static str {
    match code {
        401 | 403 | 407 => CREDENTIALS,
        413 => BATCH_SIZE,
        429 | 502..=504 => BUSY,
        _ => PORT,
    }
}

/// Source: gRPC, "Status codes and their use in gRPC".
fn grpc(code: i32) -> &'static str {
    const PERMISSION_DENIED: i32 = 7;
    const RESOURCE_EXHAUSTED: i32 = 8;
    const UNIMPLEMENTED: i32 = 12;
    const UNAVAILABLE: i32 = 14;
    const UNAUTHENTICATED: i32 = 16;
    match code {
        PERMISSION_DENIED | UNAUTHENTICATED => CREDENTIALS,
        RESOURCE_EXHAUSTED => {
            "a batch is larger than the receiver accepts, or a quota is used up: raise the limit, \
             or lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
        }
        UNIMPLEMENTED => {
            "check the port, and that the receiver supports traces and this compression"
        }
        UNAVAILABLE => BUSY,
        _ => RECEIVER,
    }
}
