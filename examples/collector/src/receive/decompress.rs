//! Decompresses bodies, and stops as soon as one exceeds the limit.

use std::io::Read;

use super::admission::Lease;
use super::refusal::Refusal;

/// The most bytes of a request, as sent and again once decompressed.
pub(super) const MAX_BODY_BYTES: usize = 20 * 1024 * 1024;
/// Bytes that are decompressed at a time. The lease grows by as many.
const STEP_BYTES: usize = 64 * 1024;
/// The largest window that a zstd frame may ask for, as a power of two: 8 MiB, which RFC 8878
/// §3.1.1.1.2 recommends that decoders support. A frame names its own window and a decoder
/// allocates it.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    Gzip,
    Identity,
    Zstd,
}

impl Encoding {
    /// Reads a `Content-Encoding` or `grpc-encoding` value.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name.trim() {
            "" => Some(Self::Identity),
            name if name.eq_ignore_ascii_case("identity") => Some(Self::Identity),
            name if name.eq_ignore_ascii_case("gzip") => Some(Self::Gzip),
            name if name.eq_ignore_ascii_case("zstd") => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Decompresses `body` to at most [`MAX_BODY_BYTES`]. The lease grows before each step.
pub(super) fn decompress(
    body: &[u8],
    encoding: Encoding,
    lease: &mut Lease,
) -> Result<Vec<u8>, Refusal> {
    match encoding {
        Encoding::Identity => Ok(body.to_owned()),
        Encoding::Gzip => read(flate2::read::MultiGzDecoder::new(body), lease),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body)
                .map_err(|_| Refusal::MalformedCompression)?;
            decoder
                .window_log_max(MAX_ZSTD_WINDOW_LOG)
                .map_err(|_| Refusal::MalformedCompression)?;
            read(decoder, lease)
        }
    }
}

fn read(mut decoder: impl Read, lease: &mut Lease) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    loop {
        let start = out.len();
        lease.grow(STEP_BYTES)?;
        out.resize(start + STEP_BYTES, 0);
        let mut filled = start;
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            match decoder
                .read(room)
                .map_err(|_| Refusal::MalformedCompression)?
            {
                0 => {
                    out.truncate(filled);
                    return Ok(out);
                }
                count => filled += count,
            }
            if filled > MAX_BODY_BYTES {
                return Err(Refusal::TooLarge);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::receive::admission::{Admission, BUDGET_BYTES};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn both_codecs_give_back_what_went_in() {
        let text = b"some text, some text".repeat(10_000);
        let mut lease = Admission::new().lease();
        assert_eq!(
            decompress(&gzip(&text), Encoding::Gzip, &mut lease).unwrap(),
            text
        );
        let packed = zstd::encode_all(text.as_slice(), 1).unwrap();
        assert_eq!(
            decompress(&packed, Encoding::Zstd, &mut lease).unwrap(),
            text
        );
        let two = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(decompress(&two, Encoding::Gzip, &mut lease).unwrap(), b"ab");
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let zeros = vec![0; 2 * MAX_BODY_BYTES];
        for (encoding, bomb) in [
            (Encoding::Gzip, gzip(&zeros)),
            (
                Encoding::Zstd,
                zstd::encode_all(zeros.as_slice(), 19).unwrap(),
            ),
        ] {
            assert!(bomb.len() < 64 * 1024);
            let mut lease = Admission::new().lease();
            let result = decompress(&bomb, encoding, &mut lease);
            assert_eq!(result, Err(Refusal::TooLarge), "{encoding:?}");
        }
        let whole = vec![0; MAX_BODY_BYTES];
        let mut lease = Admission::new().lease();
        assert_eq!(
            decompress(&gzip(&whole), Encoding::Gzip, &mut lease)
                .unwrap()
                .len(),
            whole.len()
        );
    }

    #[test]
    fn decompressed_bytes_are_paid_from_the_budget() {
        let admission = Admission::new();
        let mut other = admission.lease();
        other.grow(BUDGET_BYTES - STEP_BYTES).unwrap();
        let mut lease = admission.lease();
        let packed = gzip(&vec![0; 2 * STEP_BYTES]);
        let result = decompress(&packed, Encoding::Gzip, &mut lease);
        assert_eq!(result, Err(Refusal::Overloaded));
    }

    #[test]
    fn garbage_and_cut_streams_are_malformed() {
        let mut lease = Admission::new().lease();
        let whole = gzip(&b"text".repeat(100));
        for (encoding, bytes) in [
            (Encoding::Gzip, b"no gzip".as_slice()),
            (Encoding::Zstd, b"no zstd"),
            (Encoding::Gzip, &whole[..20]),
        ] {
            assert_eq!(
                decompress(bytes, encoding, &mut lease),
                Err(Refusal::MalformedCompression)
            );
        }
    }

    // Window descriptor 0x88: exponent 17, so 2^27 bytes = 128 MiB (RFC 8878 §3.1.1.1.2).
    #[test]
    fn a_zstd_frame_cannot_ask_for_a_huge_window() {
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00];
        let mut lease = Admission::new().lease();
        assert_eq!(
            decompress(&frame, Encoding::Zstd, &mut lease),
            Err(Refusal::MalformedCompression)
        );
    }
}
