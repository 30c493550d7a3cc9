//! Converts an error of a client library, with its chain of sources, to a failure.

use std::{error::Error, io};

use crate::{failure::Failure, transport::connect::NameNotResolved};

type Source<'a> = &'a (dyn Error + 'static);

/// The failure behind an error of hyper's client.
#[cfg(feature = "http")]
pub(crate) fn of_client_error(error: &hyper_util::client::legacy::Error) -> Failure {
    let is_answer = |source: Source<'_>| {
        let error = source.downcast_ref::<hyper::Error>()?;
        error.is_parse().then_some(Failure::NotHttp)
    };
    let answer = sources(error).find_map(is_answer);
    answer.unwrap_or_else(|| of_connection(error, error.is_connect()))
}

/// The failure behind an error of tonic's channel.
#[cfg(feature = "grpc")]
pub(crate) fn of_channel_error(error: &tonic::transport::Error) -> Failure {
    let is_answer = |source: Source<'_>| {
        if source.is::<tonic::TimeoutExpired>() {
            return Some(Failure::NoAnswer);
        }
        let error = source.downcast_ref::<h2::Error>()?;
        // This side closed the connection, because the peer sent something that is not HTTP/2.
        (error.is_go_away() && error.is_library()).then_some(Failure::NotHttp2)
    };
    let is_connect = sources(error).any(|source| source.is::<tonic::ConnectError>());
    let answer = sources(error).find_map(is_answer);
    answer.unwrap_or_else(|| of_connection(error, is_connect))
}

/// The failure of a connection that was being made (`is_connect`) or was in use.
fn of_connection(error: Source<'_>, is_connect: bool) -> Failure {
    for source in sources(error) {
        if source.is::<NameNotResolved>() {
            return Failure::NameNotResolved;
        }
        if let Some(failure) = of_tls(source, is_connect) {
            return failure;
        }
        // Only an error that wraps no other, because the inner error says more.
        match source.downcast_ref::<io::Error>() {
            Some(error) if error.get_ref().is_none() => return of_io(error.kind(), is_connect),
            _ => {}
        }
    }
    if is_connect {
        Failure::Connect(io::ErrorKind::Other)
    } else {
        Failure::ConnectionLost
    }
}

fn of_io(kind: io::ErrorKind, is_connect: bool) -> Failure {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match kind {
        // There was a connection, even if a handshake was cut short.
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Failure::ConnectionLost,
        kind if is_connect => Failure::Connect(kind),
        _ => Failure::ConnectionLost,
    }
}

#[cfg(feature = "tls")]
fn of_tls(source: Source<'_>, is_connect: bool) -> Option<Failure> {
    use rustls::{CertificateError as Problem, Error as Tls};

    use crate::failure::Certificate;

    Some(match source.downcast_ref::<Tls>()? {
        Tls::InvalidCertificate(problem) => Failure::Certificate(match problem {
            Problem::Expired
            | Problem::ExpiredContext { .. }
            | Problem::NotValidYet
            | Problem::NotValidYetContext { .. } => Certificate::NotValidNow,
            Problem::NotValidForName | Problem::NotValidForNameContext { .. } => {
                Certificate::NotForThisHost
            }
            Problem::UnknownIssuer => Certificate::UnknownIssuer,
            _ => Certificate::Other,
        }),
        Tls::InvalidMessage(_) if is_connect => Failure::NotTls,
        // In TLS 1.3 the server may refuse the client after the handshake.
        Tls::AlertReceived(_) => Failure::TlsHandshake,
        _ if is_connect => Failure::TlsHandshake,
        _ => Failure::ConnectionLost,
    })
}

#[cfg(not(feature = "tls"))]
fn of_tls(_: Source<'_>, _: bool) -> Option<Failure> {
    None
}

/// The error and its sources, from the outside in. The error that an `io::Error` wraps is not its
/// source, so this asks for it separately.
fn sources<'a>(error: Source<'a>) -> impl Iterator<Item = Source<'a>> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[track_caller]
    fn check(error: io::Error, is_connect: bool, expected: Failure) {
        let shown = format!("{error:?}");
        assert_eq!(of_connection(&error, is_connect), expected, "{shown}");
        // As a connector wraps it.
        let wrapped = io::Error::other(error);
        assert_eq!(of_connection(&wrapped, is_connect), expected, "{shown}");
    }

    #[test]
    fn kinds_of_connection_errors_are_distinguished() {
        let refused = ErrorKind::ConnectionRefused;
        check(refused.into(), true, Failure::Connect(refused));
        let unreachable = ErrorKind::NetworkUnreachable;
        check(unreachable.into(), true, Failure::Connect(unreachable));
        for cut in [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof] {
            check(cut.into(), true, Failure::ConnectionLost);
            check(cut.into(), false, Failure::ConnectionLost);
        }
        check(ErrorKind::TimedOut.into(), false, Failure::ConnectionLost);
        let not_resolved = io::Error::other(NameNotResolved);
        check(not_resolved, true, Failure::NameNotResolved);
        let unknown = io::Error::other("text of another library");
        check(unknown, true, Failure::Connect(ErrorKind::Other));
    }

    /// As tokio-rustls reports them: an `io::Error` of kind `InvalidData` around the error of rustls.
    #[cfg(feature = "tls")]
    #[test]
    fn faults_of_tls_are_distinguished() {
        use rustls::{
            AlertDescription, CertificateError as Problem, Error as Tls, InvalidMessage,
            PeerIncompatible,
        };

        use crate::failure::Certificate;

        let check = |error, expected| {
            check(
                io::Error::new(ErrorKind::InvalidData, error),
                true,
                expected,
            )
        };
        for (problem, expected) in [
            (Problem::Expired, Certificate::NotValidNow),
            (Problem::NotValidYet, Certificate::NotValidNow),
            (Problem::NotValidForName, Certificate::NotForThisHost),
            (Problem::UnknownIssuer, Certificate::UnknownIssuer),
            (Problem::Revoked, Certificate::Other),
            (Problem::BadSignature, Certificate::Other),
        ] {
            check(
                Tls::InvalidCertificate(problem),
                Failure::Certificate(expected),
            );
        }
        let garbage = InvalidMessage::InvalidContentType;
        check(Tls::InvalidMessage(garbage), Failure::NotTls);
        let old = PeerIncompatible::ServerDoesNotSupportTls12Or13;
        check(Tls::PeerIncompatible(old), Failure::TlsHandshake);
        let alert = Tls::AlertReceived(AlertDescription::CertificateRequired);
        check(alert.clone(), Failure::TlsHandshake);
        // On a connection that was made.
        assert_eq!(of_connection(&alert, false), Failure::TlsHandshake);
        assert_eq!(
            of_connection(&Tls::DecryptError, false),
            Failure::ConnectionLost
        );
    }
}
