//! Why an attempt to export failed, what to check, and when to log it.
//!
//! A failure holds only kinds and numbers, so its messages contain no text that a peer sent and no
//! secret from the configuration.

mod from_client_error;
mod hint;
mod report;

use std::{fmt, io};

use http::StatusCode;
use tracer_core::Status;

#[cfg(feature = "grpc")]
pub(crate) use self::from_client_error::of_channel_error;
#[cfg(feature = "http")]
pub(crate) use self::from_client_error::of_client_error;
pub(crate) use self::report::Reports;

/// Why one attempt failed.
#[cfg_attr(
    not(all(feature = "grpc", feature = "http", feature = "tls")),
    allow(dead_code, reason = "each feature has failures of its own")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The peer's certificate was not accepted.
    Certificate(Certificate),
    /// No connection could be made.
    Connect(io::ErrorKind),
    /// The connection was closed or reset before an answer.
    ConnectionLost,
    /// A gRPC server answered a request over HTTP.
    GrpcOverHttp,
    /// The host's name has no address.
    NameNotResolved,
    /// No answer came in time.
    NoAnswer,
    /// The answer has no gRPC status, or has the status OK without a message.
    NotGrpc,
    /// The answer is not HTTP/1.1.
    NotHttp,
    /// The answer is not HTTP/2.
    NotHttp2,
    /// The answer has a 2xx status but is not an OTLP response. It may be a web page.
    NotOtlp(u16),
    /// The peer does not speak TLS.
    NotTls,
    /// The answer is longer than the limit up to which answers are read.
    ResponseTooLarge,
    /// The destination refused the batch, or cannot take it now.
    Status(Status),
    /// The TLS handshake failed for a reason other than the peer's certificate.
    TlsHandshake,
}

/// A fault of a peer's certificate.
#[cfg_attr(
    not(all(feature = "grpc", feature = "http", feature = "tls")),
    allow(dead_code, reason = "each feature has failures of its own")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    NotForThisHost,
    NotValidNow,
    Other,
    UnknownIssuer,
}

impl Failure {
    /// The status that is reported to the pipeline.
    pub(crate) fn status(self) -> Status {
        match self {
            Self::Status(status) => status,
            Self::GrpcOverHttp
            | Self::NotGrpc
            | Self::NotHttp
            | Self::NotHttp2
            | Self::NotOtlp(_) => Status::OtherProtocol,
            Self::ResponseTooLarge => Status::Other,
            Self::Certificate(_)
            | Self::Connect(_)
            | Self::ConnectionLost
            | Self::NameNotResolved
            | Self::NoAnswer
            | Self::NotTls
            | Self::TlsHandshake => Status::NoAnswer,
        }
    }

    /// Whether a shutdown makes no further attempt after this failure, because nothing at the
    /// address speaks the protocol. A destination that answers, or that answered until recently,
    /// may still take the batch in time.
    pub(crate) fn ends_a_shutdown(self) -> bool {
        matches!(
            self,
            Self::Certificate(_)
                | Self::Connect(_)
                | Self::NameNotResolved
                | Self::NotHttp2
                | Self::NotTls
                | Self::TlsHandshake
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(Certificate::NotForThisHost) => {
                f.write_str("the server's certificate is for another host")
            }
            Self::Certificate(Certificate::NotValidNow) => {
                f.write_str("the server's certificate has expired or is not valid yet")
            }
            Self::Certificate(Certificate::Other) => {
                f.write_str("the server's certificate is not valid")
            }
            Self::Certificate(Certificate::UnknownIssuer) => {
                f.write_str("the server's certificate has an unknown issuer")
            }
            Self::Connect(io::ErrorKind::ConnectionRefused) => f.write_str("connection refused"),
            Self::Connect(kind) => write!(f, "no connection: {kind}"),
            Self::ConnectionLost => f.write_str("connection closed before an answer"),
            Self::GrpcOverHttp => f.write_str("answered by a gRPC server"),
            Self::NameNotResolved => f.write_str("host name not found"),
            Self::NoAnswer => f.write_str("no answer in time"),
            Self::NotGrpc => f.write_str("the answer is not a gRPC response"),
            Self::NotHttp => f.write_str("the answer is not HTTP/1.1"),
            Self::NotHttp2 => f.write_str("the answer is not HTTP/2"),
            Self::NotOtlp(code) => {
                write!(f, "the answer is not an OTLP response, ")?;
                show_status(f, Status::Http(*code))
            }
            Self::NotTls => f.write_str("the server does not speak TLS"),
            Self::ResponseTooLarge => f.write_str("the answer is too large"),
            Self::Status(status) => show_status(f, *status),
            Self::TlsHandshake => f.write_str("TLS handshake failed"),
        }
    }
}

/// Writes the status with its standard name.
fn show_status(f: &mut fmt::Formatter<'_>, status: Status) -> fmt::Result {
    write!(f, "{status}")?;
    match status {
        Status::Http(code) => {
            let reason = StatusCode::from_u16(code).ok();
            match reason.and_then(|code| code.canonical_reason()) {
                Some(reason) => write!(f, " ({reason})"),
                None => Ok(()),
            }
        }
        #[cfg(feature = "grpc")]
        Status::Grpc(code) => write!(f, " ({:?})", tonic::Code::from(code)),
        _ => Ok(()),
    }
}
