//! Reads request bodies within their bounds.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::admission::Lease;
use super::decompress::MAX_BODY_BYTES;
use super::refusal::Refusal;

/// The time that a sender has for its whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a whole body. The lease grows before each part is kept.
///
/// The rest of a refused body is left to the connection, which reads it after the answer.
pub(super) async fn read(
    body: Body,
    declared: Option<usize>,
    lease: &mut Lease,
) -> Result<Bytes, Refusal> {
    // Before any reading: a sender that waits for `100 Continue` has sent nothing yet.
    if declared.is_some_and(|declared| declared > MAX_BODY_BYTES) {
        return Err(Refusal::TooLarge);
    }
    let mut stream = body.into_data_stream();
    let mut out = Vec::new();
    let deadline = Instant::now() + BODY_TIMEOUT;
    loop {
        let part = match tokio::time::timeout_at(deadline, stream.next()).await {
            Err(_) => return Err(Refusal::TooSlow),
            Ok(None) => return Ok(out.into()),
            // The connection broke, or the body breaks the rules of HTTP.
            Ok(Some(Err(_))) => return Err(Refusal::Framing("the body is incomplete")),
            Ok(Some(Ok(part))) => part,
        };
        if out.len() + part.len() > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        lease.grow(part.len())?;
        out.extend_from_slice(&part);
    }
}
