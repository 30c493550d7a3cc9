//! What both receivers do with a body: decompress, decode, cut into pieces, queue, await.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::admission::{Admission, Lease};
use super::body::BodyError;
use super::decompress::{DecompressError, Encoding, decompress};
use crate::decode::validate::Counts;
use crate::decode::{DecodeError, Decoded, json, protobuf};
use crate::store::catalog::Catalog;
use crate::store::commit::Work;
use crate::store::cost;
use crate::store::piece::pieces;
use crate::store::writer::Queue;
use crate::telemetry::{Ledger, Turned};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Json,
    Protobuf,
}

/// Why a request gets no success. The receivers turn it into their protocol's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// Headers or framing that no OTLP sender would send.
    BadRequest(&'static str),
    Malformed(DecodeError),
    MalformedCompression,
    /// May be sent again.
    Overloaded(&'static str),
    TooLarge,
    TooSlow,
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
    catalog: Arc<Catalog>,
    ledger: Arc<Ledger>,
    queue: Queue,
    decoders: Arc<Semaphore>,
}

impl Intake {
    pub(crate) fn new(catalog: Arc<Catalog>, ledger: Arc<Ledger>, queue: Queue) -> Self {
        // Decoded spans are larger than their bytes: no more requests at once than cores.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoders = Arc::new(Semaphore::new(cores));
        Self {
            admission: Admission::new(),
            catalog,
            ledger,
            queue,
            decoders,
        }
    }

    /// Stores the spans of a body and waits until they are.
    ///
    /// # Cancellation
    /// Decoding, once begun, goes on to the queue, and the ledger is told of it; only the answer
    /// is lost.
    pub(crate) async fn take(
        &self,
        body: Bytes,
        encoding: Encoding,
        format: Format,
        lease: Lease,
    ) -> Result<Accepted, Refusal> {
        let stopping = Refusal::Overloaded("the collector is stopping");
        let turn = Arc::clone(&self.decoders)
            .acquire_owned()
            .await
            .map_err(|_| stopping)?;
        let intake = self.clone();
        let decoding = tokio::task::spawn_blocking(move || {
            let result = intake.decode_and_queue(&body, encoding, format, lease);
            drop(turn);
            result
        });
        // A panic in the decoder costs its request, not the process.
        let (counts, outcome) = decoding
            .await
            .map_err(|_| Refusal::BadRequest("request cannot be decoded"))??;
        let outcome = match outcome.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => return Err(Refusal::Overloaded("the store cannot be written")),
            Err(_) => return Err(stopping),
        };
        let mut message = counts.message();
        if outcome.trace_too_large > 0 {
            let comma = if message.is_empty() { "" } else { ", " };
            message += &format!(
                "{comma}{} of a trace that is too large",
                outcome.trace_too_large
            );
        }
        Ok(Accepted {
            rejected: counts.rejected() + outcome.trace_too_large,
            message,
        })
    }

    /// Counts a request that ended before its spans were known.
    pub(crate) fn turned_away(&self, refusal: &Refusal) {
        self.ledger.turned_away(match refusal {
            Refusal::BadRequest(_) | Refusal::Malformed(_) | Refusal::MalformedCompression => {
                Turned::Malformed
            }
            Refusal::Overloaded(_) => Turned::Overloaded,
            Refusal::TooLarge => Turned::TooLarge,
            Refusal::TooSlow => Turned::TooSlow,
        });
    }

    fn decode_and_queue(
        &self,
        body: &Bytes,
        encoding: Encoding,
        format: Format,
        mut lease: Lease,
    ) -> Result<(Counts, Outcome), Refusal> {
        let decompressed;
        let bytes = if encoding == Encoding::Identity {
            body.as_ref()
        } else {
            decompressed = decompress(body, encoding, &mut lease)?;
            decompressed.as_slice()
        };
        // Before anything is decoded, and before the ledger knows of spans: a request that costs
        // too much is turned away whole.
        let items = match format {
            Format::Json => cost::json_items(bytes),
            Format::Protobuf => cost::protobuf_items(bytes),
        };
        if items > cost::MAX_ITEMS {
            return Err(Refusal::TooLarge);
        }
        let decoded: Decoded = match format {
            Format::Json => json::decode(bytes),
            Format::Protobuf => protobuf::decode(bytes),
        }
        .map_err(Refusal::Malformed)?;
        if cost::stored_bytes(&decoded.groups, bytes.len()) > cost::MAX_STORED_BYTES {
            return Err(Refusal::TooLarge);
        }
        let counts = decoded.counts;
        self.ledger.received(&counts);
        let (pieces, seen) = pieces(decoded, &self.catalog);
        let outcome = self
            .queue
            .submit(Work { pieces, seen }, counts.received - counts.rejected())
            .map_err(|_| Refusal::Overloaded("the queue is full"))?;
        Ok((counts, outcome))
    }
}

type Outcome = tokio::sync::oneshot::Receiver<
    Result<crate::store::commit::Outcome, crate::store::writer::NotStored>,
>;

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Broken => Self::BadRequest("body is incomplete"),
            BodyError::Overloaded => Self::Overloaded("too many bytes in work"),
            BodyError::TooLarge => Self::TooLarge,
            BodyError::TooSlow => Self::TooSlow,
        }
    }
}

impl From<DecompressError> for Refusal {
    fn from(error: DecompressError) -> Self {
        match error {
            DecompressError::Malformed => Self::MalformedCompression,
            DecompressError::Overloaded => Self::Overloaded("too many bytes in work"),
            DecompressError::TooLarge => Self::TooLarge,
        }
    }
}
