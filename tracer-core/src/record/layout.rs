//! The layout of an ended span's record between the caller's thread and the worker.
//!
//! ```text
//! | head, fixed | name | tracestate | OTLP fields 9..14 | status message |
//! ```
//!
//! The fields that every span has are in a compact head, which the exporter encodes. The caller
//! encodes attributes, events and links once, as they are set. One copy takes both into the ring.

use opentelemetry::{SpanId, TraceId, trace::Status};

/// The size of a head in bytes.
pub(crate) const HEAD_BYTES: usize = 72;

/// The position of the kind in a head.
pub(crate) const KIND_AT: usize = 21;

const PARENT_IS_REMOTE: u8 = 1;

/// The fixed part of a record. All numbers are little-endian in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The length of the whole record in bytes, including this head.
    pub(crate) len: u32,
    pub(crate) name_len: u32,
    pub(crate) trace_state_len: u32,
    pub(crate) status_len: u32,
    pub(crate) scope: u32,
    pub(crate) flags: u8,
    pub(crate) kind: u8,
    pub(crate) status_code: u8,
    pub(crate) bits: u8,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_span_id: SpanId,
    pub(crate) start_unix_nanos: u64,
    pub(crate) end_unix_nanos: u64,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            len: 0,
            name_len: 0,
            trace_state_len: 0,
            status_len: 0,
            scope: 0,
            flags: 0,
            kind: 0,
            status_code: 0,
            bits: 0,
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            parent_span_id: SpanId::INVALID,
            start_unix_nanos: 0,
            end_unix_nanos: 0,
        }
    }
}

impl Head {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let head = Self::written(bytes)?;
        (head.len as usize >= HEAD_BYTES).then_some(head)
    }

    /// Reads the head of a record that is still being written, whose length is not known yet.
    pub(crate) fn written(bytes: &[u8]) -> Option<Self> {
        // A chunk of constant size, so that the reads below need no bounds checks.
        let mut bytes = Cursor(bytes.first_chunk::<HEAD_BYTES>()?);
        Some(Self {
            len: u32::from_le_bytes(bytes.take()?),
            name_len: u32::from_le_bytes(bytes.take()?),
            trace_state_len: u32::from_le_bytes(bytes.take()?),
            status_len: u32::from_le_bytes(bytes.take()?),
            scope: u32::from_le_bytes(bytes.take()?),
            flags: u8::from_le_bytes(bytes.take()?),
            kind: u8::from_le_bytes(bytes.take()?),
            status_code: u8::from_le_bytes(bytes.take()?),
            bits: u8::from_le_bytes(bytes.take()?),
            trace_id: TraceId::from(u128::from_le_bytes(bytes.take()?)),
            span_id: SpanId::from(u64::from_le_bytes(bytes.take()?)),
            parent_span_id: SpanId::from(u64::from_le_bytes(bytes.take()?)),
            start_unix_nanos: u64::from_le_bytes(bytes.take()?),
            end_unix_nanos: u64::from_le_bytes(bytes.take()?),
        })
    }

    #[inline]
    pub(crate) fn write(&self, out: &mut [u8; HEAD_BYTES]) {
        let mut rest = out.as_mut_slice();
        put(&mut rest, &self.len.to_le_bytes());
        put(&mut rest, &self.name_len.to_le_bytes());
        put(&mut rest, &self.trace_state_len.to_le_bytes());
        put(&mut rest, &self.status_len.to_le_bytes());
        put(&mut rest, &self.scope.to_le_bytes());
        put(
            &mut rest,
            &[self.flags, self.kind, self.status_code, self.bits],
        );
        // In memory an id is a number; its interface gives big-endian bytes.
        let trace_id = u128::from_be_bytes(self.trace_id.to_bytes());
        put(&mut rest, &trace_id.to_le_bytes());
        for id in [self.span_id, self.parent_span_id] {
            put(&mut rest, &u64::from_be_bytes(id.to_bytes()).to_le_bytes());
        }
        put(&mut rest, &self.start_unix_nanos.to_le_bytes());
        put(&mut rest, &self.end_unix_nanos.to_le_bytes());
    }

    /// Returns the bytes of the head as words, each little-endian in the ring.
    #[inline(always)]
    pub(crate) fn words(&self) -> [u64; HEAD_BYTES / 8] {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let [low, high] = [0, 64].map(|shift| {
            #[expect(clippy::cast_possible_truncation, reason = "one half, then the other")]
            let half = (u128::from_be_bytes(self.trace_id.to_bytes()) >> shift) as u64;
            half
        });
        let small = [self.flags, self.kind, self.status_code, self.bits];
        [
            pair(self.len, self.name_len),
            pair(self.trace_state_len, self.status_len),
            pair(self.scope, u32::from_le_bytes(small)),
            low,
            high,
            u64::from_be_bytes(self.span_id.to_bytes()),
            u64::from_be_bytes(self.parent_span_id.to_bytes()),
            self.start_unix_nanos,
            self.end_unix_nanos,
        ]
    }

    pub(crate) fn parent_is_remote(&self) -> bool {
        self.bits & PARENT_IS_REMOTE != 0
    }

    pub(crate) fn set_parent_is_remote(&mut self, remote: bool) {
        self.bits = (self.bits & !PARENT_IS_REMOTE) | u8::from(remote);
    }
}

/// The fields that are known only at the end. They overwrite those of the head from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) len: u32,
    pub(crate) name_len: u32,
    pub(crate) status_len: u32,
    pub(crate) status_code: u8,
    pub(crate) end_unix_nanos: u64,
}

impl End {
    #[inline]
    pub(crate) fn write(&self, head: &mut [u8; HEAD_BYTES]) {
        let mut rest = head.as_mut_slice();
        put(&mut rest, &self.len.to_le_bytes());
        put(&mut rest, &self.name_len.to_le_bytes());
        skip(&mut rest, 4);
        put(&mut rest, &self.status_len.to_le_bytes());
        skip(&mut rest, 6);
        put(&mut rest, &[self.status_code]);
        skip(&mut rest, 41);
        put(&mut rest, &self.end_unix_nanos.to_le_bytes());
    }
}

/// Returns the number of trace.proto's `StatusCode`, and the description.
#[inline]
pub(crate) fn otlp_status(status: &Status) -> (u8, &str) {
    match status {
        Status::Unset => (0, ""),
        Status::Ok => (1, ""),
        Status::Error { description } => (2, description.as_ref()),
    }
}

/// Converts a length in memory. The ring refuses a record over 4 GiB anyway.
pub(crate) fn len_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Writes the next bytes. The lengths are constants, so each write is a plain store.
#[inline(always)]
fn put<const N: usize>(rest: &mut &mut [u8], bytes: &[u8; N]) {
    if let Some((here, after)) = std::mem::take(rest).split_first_chunk_mut() {
        *here = *bytes;
        *rest = after;
    }
}

#[inline(always)]
fn skip(rest: &mut &mut [u8], bytes: usize) {
    *rest = std::mem::take(rest).get_mut(bytes..).unwrap_or_default();
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (here, after) = self.0.split_first_chunk::<N>()?;
        self.0 = after;
        Some(*here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_survives_the_ring() {
        let mut head = Head {
            len: 80,
            name_len: 5,
            trace_state_len: 1,
            status_len: 2,
            scope: 7,
            flags: 0x83,
            kind: 3,
            status_code: 2,
            bits: 0,
            trace_id: TraceId::from(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
            span_id: SpanId::from(0x1112_1314_1516_1718),
            parent_span_id: SpanId::from(3),
            start_unix_nanos: u64::MAX,
            end_unix_nanos: 9,
        };
        head.set_parent_is_remote(true);
        let mut bytes = [0; HEAD_BYTES];
        head.write(&mut bytes);
        assert_eq!(Head::read(&bytes), Some(head));
        assert!(head.parent_is_remote());
        assert_eq!(head.words().map(u64::to_le_bytes).as_flattened(), bytes);
        assert_eq!(bytes.get(KIND_AT), Some(&head.kind));
        let end = End {
            len: 90,
            name_len: 6,
            status_len: 3,
            status_code: 1,
            end_unix_nanos: 10,
        };
        end.write(&mut bytes);
        let ended = Head {
            len: 90,
            name_len: 6,
            status_len: 3,
            status_code: 1,
            end_unix_nanos: 10,
            ..head
        };
        assert_eq!(Head::read(&bytes), Some(ended));
    }

    #[test]
    fn short_or_lying_head_is_refused() {
        assert_eq!(Head::read(&[0; HEAD_BYTES]), None, "shorter than itself");
        assert_eq!(Head::read(&[0xff; HEAD_BYTES - 1]), None, "cut");
    }
}
