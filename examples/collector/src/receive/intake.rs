//! The path of a request that both receivers share: read, decompress, decode, store, await the
//! commit.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::admission::{Admission, Lease};
use super::decompress::{Encoding, decompress};
use super::refusal::Refusal;
use super::stored_size::{MAX_STORED_BYTES, stored_bytes};
use crate::decode::{self, Counts, Decoded, Format, MAX_ITEMS};
use crate::ledger::{Ledger, OpenRequest};
use crate::store::{PendingAppend, Store};

/// A request as it was sent.
#[derive(Debug)]
pub(super) struct EncodedRequest {
    pub(super) body: Bytes,
    pub(super) encoding: Encoding,
    pub(super) format: Format,
    /// The room that the body takes from the budget.
    pub(super) lease: Lease,
}

/// The part of an accepted request that was not kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Accepted {
    /// The number of rejected spans.
    pub(super) rejected: u64,
    /// The reasons of rejected spans, and the parts that were dropped or changed. Empty if there
    /// are none.
    pub(super) message: String,
}

/// The way into the store. The receivers share it.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    admission: Admission,
    decoders: Arc<Semaphore>,
    ledger: Arc<Ledger>,
    store: Store,
}

impl Intake {
    pub(crate) fn new(store: Store, ledger: Arc<Ledger>) -> Self {
        // Decoded spans take more memory than their bytes, so no more requests are decoded at a
        // time than there are cores.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            admission: Admission::new(),
            decoders: Arc::new(Semaphore::new(cores)),
            ledger,
            store,
        }
    }

    /// Returns an empty lease on the budget, with which a receiver reads a body.
    pub(super) fn lease(&self) -> Lease {
        self.admission.lease()
    }

    /// Counts a request that is refused unread.
    pub(super) fn refuse(&self, refusal: Refusal) -> Refusal {
        counted(refusal, self.ledger.open_request())
    }

    /// Awaits a request that is being read, stores its spans and waits for the commit. The ledger
    /// has the outcome then.
    ///
    /// # Cancellation
    /// A request that is not whole yet is counted as unfinished. Once its decoding has begun, the
    /// request goes on to the queue, and the ledger gets its outcome. Only the answer is lost.
    pub(super) async fn take(
        &self,
        reading: impl Future<Output = Result<EncodedRequest, Refusal>>,
    ) -> Result<Accepted, Refusal> {
        let entry = self.ledger.open_request();
        let request = match reading.await {
            Ok(request) => request,
            Err(refusal) => return Err(counted(refusal, entry)),
        };
        // The semaphore is never closed.
        let Ok(turn) = Arc::clone(&self.decoders).acquire_owned().await else {
            return Err(counted(Refusal::Overloaded, entry));
        };
        let intake = self.clone();
        let decoding = tokio::task::spawn_blocking(move || {
            let result = intake.decode_and_append(request, entry);
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
        mut request: EncodedRequest,
        entry: OpenRequest,
    ) -> Result<(Counts, PendingAppend), Refusal> {
        // The request keeps its lease on the budget until its spans are in the queue.
        let decoded = match decode(&mut request) {
            Ok(decoded) => decoded,
            Err(refusal) => return Err(counted(refusal, entry)),
        };
        let counts = decoded.counts;
        let waiting = entry.decoded(&counts);
        let pending = self.store.append(decoded.groups, waiting);
        Ok((counts, pending.map_err(Refusal::NotStored)?))
    }
}

/// Counts a request as refused for this cause.
fn counted(refusal: Refusal, entry: OpenRequest) -> Refusal {
    if let Some(reason) = refusal.counter() {
        entry.refused(reason);
    }
    refusal
}

fn decode(request: &mut EncodedRequest) -> Result<Decoded, Refusal> {
    let decompressed;
    let bytes = if request.encoding == Encoding::Identity {
        request.body.as_ref()
    } else {
        decompressed = decompress(&request.body, request.encoding, &mut request.lease)?;
        decompressed.as_slice()
    };
    let format = request.format;
    // Checked before anything is decoded or counted: a request that needs too much is refused
    // whole.
    if decode::item_count(bytes, format) > MAX_ITEMS {
        return Err(Refusal::TooLarge);
    }
    let decoded = decode::decode(bytes, format).map_err(Refusal::Malformed)?;
    if stored_bytes(&decoded.groups, bytes.len()) > MAX_STORED_BYTES {
        return Err(Refusal::TooLarge);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{RefusedSpans, Requests};
    use crate::store::AppendError;

    const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01010101010101010101010101010101",
        "spanId":"0202020202020202","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;

    async fn take(store: Store, body: &'static str) -> (Refusal, Arc<Ledger>) {
        let ledger = Arc::<Ledger>::default();
        let intake = Intake::new(store, Arc::clone(&ledger));
        let request = EncodedRequest {
            body: body.into(),
            encoding: Encoding::Identity,
            format: Format::Json,
            lease: intake.lease(),
        };
        let taken = intake.take(async { Ok(request) }).await;
        (taken.unwrap_err(), ledger)
    }

    // Regression: the request was counted as decoded and as overloaded.
    #[tokio::test]
    async fn a_decoded_request_that_is_not_stored_is_in_one_counter() {
        let decoded = Requests {
            decoded: 1,
            ..Requests::default()
        };
        let full = RefusedSpans {
            queue_full: 1,
            ..RefusedSpans::default()
        };
        let interrupted = RefusedSpans {
            interrupted: 1,
            ..RefusedSpans::default()
        };
        for (room, error, refused) in [
            (0, AppendError::QueueFull, full),
            (1024 * 1024, AppendError::Stopped, interrupted),
        ] {
            let (refusal, ledger) = take(Store::without_writer(room), SPAN).await;
            assert_eq!(refusal, Refusal::NotStored(error));
            let stats = ledger.stats();
            assert_eq!(stats.requests, decoded);
            assert_eq!((stats.spans.refused, stats.spans.waiting), (refused, 0));
            assert!(stats.spans.balance());
        }
    }

    #[tokio::test]
    async fn a_request_that_is_not_decoded_is_in_one_counter() {
        let (refusal, ledger) = take(Store::without_writer(1024 * 1024), "{").await;
        assert!(matches!(refusal, Refusal::Malformed(_)));
        let malformed = Requests {
            malformed: 1,
            ..Requests::default()
        };
        let stats = ledger.stats();
        assert_eq!((stats.requests, stats.spans.received), (malformed, 0));
    }
}
