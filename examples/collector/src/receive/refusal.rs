//! The causes for which a receiver refuses a whole request.

use std::borrow::Cow;

use crate::decode::DecodeError;
use crate::ledger::RequestRefusal;
use crate::serve::ListenerRefusal;
use crate::store::AppendError;

/// The cause of an error that a sender gets. The receivers translate it into the statuses of their
/// protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Refusal {
    /// The collector itself failed. The same request would fail again.
    Failed,
    /// The body breaks the framing of its protocol.
    Framing(&'static str),
    /// A guard in front of the receiver refused the request.
    Listener(ListenerRefusal),
    Malformed(DecodeError),
    MalformedCompression,
    MethodNotAllowed,
    /// The spans were counted, but are not stored. They may be sent again.
    NotStored(AppendError),
    /// The budget for requests in progress is used up. The request may be sent again.
    Overloaded,
    TooLarge,
    /// The sender was too slow.
    TooSlow,
    /// The port has no such path or method of a service.
    Unknown(&'static str),
    /// The receiver does not know the protocol, the format or the compression of the request.
    Unsupported(&'static str),
}

impl Refusal {
    /// Returns the message for the sender, which repeats nothing that the sender wrote.
    pub(super) fn message(&self) -> Cow<'static, str> {
        match self {
            Self::Failed => "the collector failed to handle the request".into(),
            Self::Framing(message) | Self::Unknown(message) | Self::Unsupported(message) => {
                (*message).into()
            }
            Self::Listener(refusal) => refusal.message().into(),
            Self::Malformed(error) => error.to_string().into(),
            Self::MalformedCompression => "the body cannot be decompressed".into(),
            Self::MethodNotAllowed => "the method must be POST".into(),
            Self::NotStored(error) => error.to_string().into(),
            Self::Overloaded => "too many requests are in progress".into(),
            Self::TooLarge => "the request is too large, as sent, decompressed or stored".into(),
            Self::TooSlow => "the body did not arrive in time".into(),
        }
    }

    /// Returns the counter of a request that is refused before its spans are known. `None` for a
    /// request that is counted already, because it was decoded.
    pub(super) fn counter(&self) -> Option<RequestRefusal> {
        match self {
            Self::Failed | Self::NotStored(_) => None,
            Self::Framing(_)
            | Self::Listener(_)
            | Self::Malformed(_)
            | Self::MalformedCompression
            | Self::MethodNotAllowed
            | Self::Unknown(_)
            | Self::Unsupported(_) => Some(RequestRefusal::Malformed),
            Self::Overloaded => Some(RequestRefusal::Overloaded),
            Self::TooLarge => Some(RequestRefusal::TooLarge),
            Self::TooSlow => Some(RequestRefusal::TooSlow),
        }
    }
}
