//! From a batch to the bytes that go out, once per batch however often it is sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tracer_core::{ExportError, SpanBatch};

use crate::otlp::{
    compression::{self, Compression},
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
    head_len: usize,
    pool: Pool,
}

impl Payloads {
    /// `head_len` is 0 for a bare request, and 5 for a gRPC message.
    pub(crate) fn new(compression: Compression, head_len: usize) -> Self {
        Self {
            compression,
            head_len,
            pool: Pool::default(),
        }
    }

    /// How payloads are compressed.
    pub(crate) fn compression(&self) -> Compression {
        self.compression
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
        // Compressed, the head stands in the compressed bytes instead.
        let lead = match self.compression {
            Compression::None => self.head_len,
            _ => 0,
        };
        encoder.len = encoder
            .encoder
            .encode(batch, lead)
            .ok_or(ExportError::Encode)?;
        let compressed = match self.compression {
            Compression::Gzip => compression::gzip(encoder.as_ref(), vec![0; self.head_len]),
            Compression::None => {
                let len = encoder.len;
                write_head(self.head_len, encoder.encoder.bytes_mut(len), 0)?;
                return Ok(Bytes::from_owner(encoder));
            }
            Compression::Zstd => compression::zstd(encoder.as_ref(), vec![0; self.head_len]),
        };
        let mut bytes = compressed.ok_or(ExportError::Encode)?;
        write_head(self.head_len, &mut bytes, 1)?;
        Ok(Bytes::from(bytes))
    }
}

/// Fills the head of a gRPC message: one byte for compression, four for the length
/// (gRPC over HTTP/2, "Length-Prefixed-Message"). A bare request has no head to fill.
fn write_head(head_len: usize, framed: &mut [u8], compressed: u8) -> Result<(), ExportError> {
    let (head, message) = framed
        .split_at_mut_checked(head_len)
        .ok_or(ExportError::Encode)?;
    if let [flag, a, b, c, d] = head {
        let len = u32::try_from(message.len()).map_err(|_| ExportError::Encode)?;
        *flag = compressed;
        [*a, *b, *c, *d] = len.to_be_bytes();
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::Resource;
    use tracer_core::SpanLimits;

    use super::*;
    use crate::otlp::testing::batch;

    fn spans(count: usize, name_bytes: usize) -> SpanBatch {
        let resource = Resource::builder_empty().build();
        batch(resource, SpanLimits::default(), |provider| {
            for _ in 0..count {
                provider.tracer("t").start("x".repeat(name_bytes)).end();
            }
        })
    }

    #[test]
    fn memory_is_used_again_and_only_so_much_is_kept() {
        let batch = spans(3, 10);
        let payloads = Payloads::new(Compression::None, 0);
        let first = payloads.payload(&batch).unwrap();
        let (address, content) = (first.as_ptr(), first.to_vec());
        let copy = first.clone();
        drop(first);
        let second = payloads.payload(&batch).unwrap();
        assert_ne!(second.as_ptr(), address, "a handle of the first is left");
        assert_eq!(second, content);
        drop(copy);
        drop(second);
        let reused = payloads.payload(&batch).unwrap();
        assert_eq!(reused, content);
        drop(reused);
        let many: Vec<_> = (0..10).map(|_| payloads.payload(&batch).unwrap()).collect();
        drop(many);
        assert_eq!(lock(&payloads.pool).len(), KEPT_ENCODERS);
        let addresses: Vec<_> = (0..KEPT_ENCODERS)
            .map(|_| payloads.payload(&batch).unwrap())
            .map(|payload| payload.as_ptr())
            .collect();
        assert!(
            addresses.windows(2).all(|pair| pair[0] == pair[1]),
            "last in, first out"
        );
    }

    #[test]
    fn grpc_messages_have_their_head() {
        let batch = spans(2, 100);
        let bare = Payloads::new(Compression::None, 0).payload(&batch).unwrap();
        let framed = Payloads::new(Compression::None, 5).payload(&batch).unwrap();
        let len = u32::try_from(bare.len()).unwrap();
        assert_eq!(framed[0], 0);
        assert_eq!(framed[1..5], len.to_be_bytes());
        assert_eq!(framed[5..], bare[..]);
    }
}
