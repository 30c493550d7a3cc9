//! From a batch to the bytes that go out, once per batch however often it is sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tracer_core::{ExportError, SpanBatch};

use crate::otlp::{
    compress::{self, Compression},
    encode::Encoder,
};

/// How many encoders are kept between batches, and how large each may be. Batches of 512 spans
/// with a dozen attributes take 200 KiB.
const KEPT_ENCODERS: usize = 4;
const KEPT_BYTES: usize = 4 * 1024 * 1024;

type Pool = Arc<Mutex<Vec<Encoder>>>;

/// Makes the payloads of one exporter, in memory that it uses again.
#[derive(Debug)]
pub(crate) struct Payloads {
    compression: Compression,
    framing: Framing,
    pool: Pool,
}

/// What stands around an encoded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The head of a gRPC message: one byte tells whether it is compressed, four its length.
    #[cfg(feature = "grpc")]
    Grpc,
    /// Nothing.
    #[cfg(feature = "http")]
    None,
}

impl Payloads {
    pub(crate) fn new(compression: Compression, framing: Framing) -> Self {
        Self {
            compression,
            framing,
            pool: Pool::default(),
        }
    }

    /// The body of the request for `batch`.
    ///
    /// # Cost
    /// Without compression one small allocation; with it, the compressed bytes and what the
    /// library needs.
    pub(crate) fn payload(&self, batch: &SpanBatch) -> Result<Bytes, ExportError> {
        let mut encoder = Pooled {
            encoder: lock(&self.pool).pop().unwrap_or_default(),
            len: 0,
            pool: Arc::clone(&self.pool),
        };
        let head_len = self.framing.head_len();
        // Compressed, the head stands in the compressed bytes instead.
        let lead = match self.compression {
            Compression::None => head_len,
            _ => 0,
        };
        encoder.len = encoder
            .encoder
            .encode(batch, lead)
            .ok_or(ExportError::Encode)?;
        let compressed = match self.compression {
            Compression::Gzip => compress::gzip(encoder.as_ref(), vec![0; head_len]),
            Compression::None => {
                let len = encoder.len;
                self.framing.write_head(encoder.encoder.bytes_mut(len), 0)?;
                return Ok(Bytes::from_owner(encoder));
            }
            Compression::Zstd => compress::zstd(encoder.as_ref(), vec![0; head_len]),
        };
        let mut bytes = compressed.ok_or(ExportError::Encode)?;
        self.framing.write_head(&mut bytes, 1)?;
        Ok(Bytes::from(bytes))
    }
}

impl Framing {
    fn head_len(self) -> usize {
        match self {
            #[cfg(feature = "grpc")]
            Self::Grpc => 5,
            #[cfg(feature = "http")]
            Self::None => 0,
        }
    }

    /// Fills the head of `framed` (gRPC over HTTP/2, "Length-Prefixed-Message").
    fn write_head(self, framed: &mut [u8], compressed: u8) -> Result<(), ExportError> {
        let (head, message) = framed
            .split_at_mut_checked(self.head_len())
            .ok_or(ExportError::Encode)?;
        let len = u32::try_from(message.len()).map_err(|_| ExportError::Encode)?;
        if let [flag, length @ ..] = head {
            *flag = compressed;
            length.copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }
}

/// An encoder that goes back to its pool when the last handle of its bytes is gone.
#[derive(Debug)]
struct Pooled {
    encoder: Encoder,
    len: usize,
    pool: Pool,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        self.encoder.bytes(self.len)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut pool = lock(&self.pool);
        if pool.len() < KEPT_ENCODERS && self.encoder.capacity() <= KEPT_BYTES {
            pool.push(std::mem::take(&mut self.encoder));
        }
    }
}

fn lock(pool: &Pool) -> MutexGuard<'_, Vec<Encoder>> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}
