//! Reading a request body within its bounds.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::admission::Lease;
use super::decompress::MAX_BODY_BYTES;

/// Time a sender has for its whole body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Time spent on swallowing the body of a request that is refused.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

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
/// On refusal the rest is read and thrown away for a little while, as a sender that is still
/// writing may otherwise see a reset connection instead of the answer.
pub(crate) async fn read(
    body: Body,
    declared: Option<usize>,
    lease: &mut Lease,
) -> Result<Bytes, BodyError> {
    let mut stream = body.into_data_stream();
    let mut out = Vec::new();
    let deadline = Instant::now() + BODY_TIMEOUT;
    let result = loop {
        if declared.is_some_and(|declared| declared > MAX_BODY_BYTES) {
            break Err(BodyError::TooLarge);
        }
        let part = match tokio::time::timeout_at(deadline, stream.next()).await {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => break Ok(()),
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Ok(Some(Ok(part))) => part,
        };
        if out.len() + part.len() > MAX_BODY_BYTES {
            break Err(BodyError::TooLarge);
        }
        if lease.grow(part.len()).is_err() {
            break Err(BodyError::Overloaded);
        }
        out.extend_from_slice(&part);
    };
    match result {
        Ok(()) => Ok(out.into()),
        Err(error) => {
            out = Vec::new();
            drop(out);
            let drain = async {
                let mut drained = 0;
                while let Some(Ok(part)) = stream.next().await {
                    drained += part.len();
                    if drained > MAX_BODY_BYTES {
                        break;
                    }
                }
            };
            // Whether all of it came makes no difference to the answer.
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain).await;
            Err(error)
        }
    }
}
