//! What to check, for each failure.

use tracer_core::Status;

use crate::{
    failure::{Certificate, Failure},
    otlp::{Protocol, endpoint::SignalPath},
};

const ADDRESS: &str = "check that a collector listens there; its port is usually 4318 for \
                       http/protobuf and 4317 for grpc";
const BATCH_SIZE: &str = "a batch is larger than the receiver takes: raise its limit, or lower \
                          OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
const BUSY: &str = "the receiver, or a proxy in front of it, is overloaded or not ready";
const CREDENTIALS: &str = "check the credentials, which are usually in OTEL_EXPORTER_OTLP_HEADERS";
const NETWORK: &str = "check host, port, network and firewall";
const RECEIVER: &str = "check the log of the receiver";
const PORT: &str = "check the port: it is usually 4318 for http/protobuf and 4317 for grpc \
                    (OTEL_EXPORTER_OTLP_PROTOCOL)";
const PORT_OR_TLS: &str = "check the port: it is usually 4318 for http/protobuf and 4317 for grpc \
                           (OTEL_EXPORTER_OTLP_PROTOCOL), and one for TLS needs https://";

/// What to check when spans do not get to an endpoint of this kind.
pub(super) fn hint(failure: Failure, protocol: Protocol, path: SignalPath) -> &'static str {
    match failure {
        Failure::Certificate(problem) => certificate(problem),
        Failure::Connect(std::io::ErrorKind::ConnectionRefused) => ADDRESS,
        Failure::Connect(_) | Failure::NoAnswer => NETWORK,
        Failure::GrpcOverHttp | Failure::NotGrpc => PORT,
        Failure::NameNotResolved => "check the host name and the name server",
        Failure::ConnectionLost | Failure::NotHttp | Failure::NotHttp2 => PORT_OR_TLS,
        Failure::NotOtlp(_) => path_or(
            path,
            "check host, port and path: something else answers there, such as a proxy or a web \
             server",
        ),
        Failure::NotTls => {
            "check the port, or use http:// if the connection is not to be encrypted"
        }
        Failure::ResponseTooLarge => "check that the endpoint is a receiver of OTLP",
        Failure::Status(Status::Http(code)) => match protocol {
            Protocol::Grpc => http_of_grpc(code),
            Protocol::HttpProtobuf => http(code, path),
        },
        Failure::Status(Status::Grpc(code)) => grpc(code),
        Failure::Status(_) => RECEIVER,
        Failure::TlsHandshake => {
            "check that the server takes TLS 1.2 or 1.3 and asks for no client certificate"
        }
    }
}

fn certificate(problem: Certificate) -> &'static str {
    match problem {
        Certificate::NotForThisHost => {
            "check that the endpoint has the host name of the certificate"
        }
        Certificate::NotValidNow => "renew the certificate, or check the clock of this machine",
        Certificate::Other => "check the server's certificate",
        Certificate::UnknownIssuer => {
            "only certificates of public authorities (the Mozilla roots) are trusted: with a \
             private one, send to a collector on this host that forwards"
        }
    }
}

fn http(code: u16, path: SignalPath) -> &'static str {
    match code {
        300..=399 => "redirects are not followed: set the endpoint to the URL that it redirects to",
        400 => "check that the endpoint is a receiver of OTLP and has the right scheme",
        401 | 403 | 407 => CREDENTIALS,
        404 | 405 | 410 => path_or(
            path,
            "check host, port and path: the path is usually /v1/traces",
        ),
        413 => BATCH_SIZE,
        415 => "check the port, and whether the receiver takes this compression",
        429 | 502..=504 => BUSY,
        _ => RECEIVER,
    }
}

/// A path that is wrong by its looks says more than any answer.
fn path_or(path: SignalPath, otherwise: &'static str) -> &'static str {
    match path {
        SignalPath::Doubled => {
            "the path has v1/traces twice: OTEL_EXPORTER_OTLP_ENDPOINT takes the URL without it"
        }
        SignalPath::Missing => {
            "the URL has no path: it is usually /v1/traces, which is added to \
             OTEL_EXPORTER_OTLP_ENDPOINT only"
        }
        SignalPath::Usual | SignalPath::Other => otherwise,
    }
}

/// A proxy's answer, or that of a server that does not speak gRPC.
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
            "a batch is larger than the receiver takes, or a quota is used up: raise the limit, or \
             lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
        }
        UNIMPLEMENTED => "check the port, and that the receiver takes traces and this compression",
        UNAVAILABLE => BUSY,
        _ => RECEIVER,
    }
}
