//! The path of a body that both receivers share: decompress, decode, store, await the commit.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::admission::{Admission, Lease};
use super::body::BodyError;
use super::decompress::{DecompressError, Encoding, decompress};
use super::stored_size::{MAX_STORED_BYTES, stored_bytes};
use crate::decode::{self, Counts, DecodeError, Decoded, Format, MAX_ITEMS};
use crate::ledger::{Ledger, OpenRequest, RequestRefusal};
use crate::store::{AppendError, PendingAppend, Store};

const STOPPING: &str = "the collector is stopping";

/// Why a request gets no success. The receivers turn it into their protocol's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// Headers or framing that no OTLP sender would send.
    BadRequest(&'static str),
    /// The collector itself failed; the same request would fail again.
    Failed,
    Malformed(DecodeError),
    MalformedCompression,
    /// The spans were counted and could not be stored; they may be sent again.
    NotStored(AppendError),
    /// May be sent again.
    Overloaded(&'static str),
    TooLarge,
    TooSlow,
}

impl Refusal {
    /// Counts `request` as refused for this reason.
    pub(crate) fn counted(self, request: OpenRequest) -> Self {
        match self {
            Self::BadRequest(_) | Self::Malformed(_) | Self::MalformedCompression => {
                request.refused(RequestRefusal::Malformed);
            }
            Self::Overloaded(_) => request.refused(RequestRefusal::Overloaded),
            Self::TooLarge => request.refused(RequestRefusal::TooLarge),
            Self::TooSlow => request.refused(RequestRefusal::TooSlow),
            // Only decoded requests end for these reasons, and they are counted already.
            Self::Failed | Self::NotStored(_) => drop(request),
        }
        self
    }
}

/// What was not taken of a request that was.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Accepted {
    pub(crate) rejected: u64,
    pub(crate) message: String,
}

/// The way into the store, shared by the receivers.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    pub(crate) admission: Admission,
    decoders: Arc<Semaphore>,
    ledger: Arc<Ledger>,
    store: Store,
}

impl Intake {
    pub(crate) fn new(store: Store, ledger: Arc<Ledger>) -> Self {
        // Decoded spans are larger than their bytes: no more requests at once than cores.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoders = Arc::new(Semaphore::new(cores));
        Self {
            admission: Admission::new(),
            decoders,
            ledger,
            store,
        }
    }

    /// Opens the ledger's entry of a request.
    pub(crate) fn request(&self) -> OpenRequest {
        self.ledger.open_request()
    }

    /// Stores the spans of a body and waits until they are. The ledger has the outcome then.
    ///
    /// # Cancellation
    /// Decoding, once begun, goes on to the queue, and the ledger has its outcome; only the answer
    /// is lost.
    pub(crate) async fn take(
        &self,
        request: OpenRequest,
        body: Bytes,
        encoding: Encoding,
        format: Format,
        lease: Lease,
    ) -> Result<Accepted, Refusal> {
        let turn = match Arc::clone(&self.decoders).acquire_owned().await {
            Ok(turn) => turn,
            Err(_) => return Err(Refusal::Overloaded(STOPPING).counted(request)),
        };
        let intake = self.clone();
        let decoding = tokio::task::spawn_blocking(move || {
            let result = intake.decode_and_append(request, &body, encoding, format, lease);
            drop(turn);
            result
        });
        // A panic in the task ends the request, not the process.
        let (counts, pending) = decoding.await.map_err(|_| Refusal::Failed)??;
        let outcome = pending.committed().await.map_err(Refusal::NotStored)?;
        let mut message = counts.message();
        if outcome.trace_too_large > 0 {
            let stop = if message.is_empty() { "" } else { "; " };
            message += &format!(
                "{stop}{} of a trace that is too large",
                outcome.trace_too_large
            );
        }
        Ok(Accepted {
            rejected: counts.rejected() + outcome.trace_too_large,
            message,
        })
    }

    fn decode_and_append(
        &self,
        request: OpenRequest,
        body: &Bytes,
        encoding: Encoding,
        format: Format,
        mut lease: Lease,
    ) -> Result<(Counts, PendingAppend), Refusal> {
        let decoded = match decode(body, encoding, format, &mut lease) {
            Ok(decoded) => decoded,
            Err(refusal) => return Err(refusal.counted(request)),
        };
        let counts = decoded.counts;
        let waiting = request.decoded(&counts);
        let pending = self.store.append(decoded.groups, waiting);
        Ok((counts, pending.map_err(Refusal::NotStored)?))
    }
}

fn decode(
    body: &Bytes,
    encoding: Encoding,
    format: Format,
    lease: &mut Lease,
) -> Result<Decoded, Refusal> {
    let decompressed;
    let bytes = if encoding == Encoding::Identity {
        body.as_ref()
    } else {
        decompressed = decompress(body, encoding, lease)?;
        decompressed.as_slice()
    };
    // Checked before anything is decoded or counted: a request that needs too much is refused whole.
    if decode::item_count(bytes, format) > MAX_ITEMS {
        return Err(Refusal::TooLarge);
    }
    let decoded = decode::decode(bytes, format).map_err(Refusal::Malformed)?;
    if stored_bytes(&decoded.groups, bytes.len()) > MAX_STORED_BYTES {
        return Err(Refusal::TooLarge);
    }
    Ok(decoded)
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Broken => Self::BadRequest("the body is incomplete"),
            BodyError::Overloaded => Self::Overloaded("too many requests are in progress"),
            BodyError::TooLarge => Self::TooLarge,
            BodyError::TooSlow => Self::TooSlow,
        }
    }
}

impl From<DecompressError> for Refusal {
    fn from(error: DecompressError) -> Self {
        match error {
            DecompressError::Malformed => Self::MalformedCompression,
            DecompressError::Overloaded => Self::Overloaded("too many requests are in progress"),
            DecompressError::TooLarge => Self::TooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{RefusedSpans, Requests};

    const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01010101010101010101010101010101",
        "spanId":"0202020202020202","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;

    async fn refused(store: Store) -> (Refusal, Arc<Ledger>) {
        let ledger = Arc::<Ledger>::default();
        let intake = Intake::new(store, Arc::clone(&ledger));
        let lease = intake.admission.lease();
        let (encoding, format) = (Encoding::Identity, Format::Json);
        let taken = intake.take(intake.request(), SPAN.into(), encoding, format, lease);
        (taken.await.unwrap_err(), ledger)
    }

    // Regression: the request was counted as decoded and as overloaded.
    #[tokio::test]
    async fn a_request_that_finds_no_room_is_in_one_counter() {
        let decoded = Requests {
            decoded: 1,
            ..Requests::default()
        };
        let (refusal, ledger) = refused(Store::without_writer(0)).await;
        assert_eq!(refusal, Refusal::NotStored(AppendError::QueueFull));
        let stats = ledger.stats();
        assert_eq!(stats.requests, decoded);
        let expected = RefusedSpans {
            queue_full: 1,
            ..RefusedSpans::default()
        };
        assert_eq!((stats.spans.refused, stats.spans.waiting), (expected, 0));

        let (refusal, ledger) = refused(Store::without_writer(1024 * 1024)).await;
        assert_eq!(refusal, Refusal::NotStored(AppendError::Stopped));
        let stats = ledger.stats();
        assert_eq!(stats.requests, decoded);
        let expected = RefusedSpans {
            interrupted: 1,
            ..RefusedSpans::default()
        };
        assert_eq!((stats.spans.refused, stats.spans.waiting), (expected, 0));
    }
}
