//! Reading a request body within its bounds.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::admission::{Lease, Overloaded};
use super::decompress::MAX_BODY_BYTES;

/// Time a sender has for its whole body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyError {
    /// The connection broke, or the body breaks HTTP's rules.
    Broken,
    Overloaded,
    TooLarge,
    TooSlow,
}

/// Reads the whole body, paying for each part before keeping it.
///
/// The rest of a refused body is left to the connection, which reads it after the answer.
pub(crate) async fn read(
    body: Body,
    declared: Option<usize>,
    lease: &mut Lease,
) -> Result<Bytes, BodyError> {
    // Before any reading: a sender that waits for `100 Continue` has sent nothing yet.
    if declared.is_some_and(|declared| declared > MAX_BODY_BYTES) {
        return Err(BodyError::TooLarge);
    }
    let mut stream = body.into_data_stream();
    let mut out = Vec::new();
    let deadline = Instant::now() + BODY_TIMEOUT;
    loop {
        let part = match tokio::time::timeout_at(deadline, stream.next()).await {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => return Ok(out.into()),
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Ok(Some(Ok(part))) => part,
        };
        if out.len() + part.len() > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        lease
            .grow(part.len())
            .map_err(|Overloaded| BodyError::Overloaded)?;
        out.extend_from_slice(&part);
    }
}
