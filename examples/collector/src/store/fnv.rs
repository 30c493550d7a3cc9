//! 64-bit FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>).
//!
//! Hashes are stored in the file, so the function is fixed. A sender that chooses the input can
//! make two hashes equal; each use of the function documents the consequence.

/// The hash of nothing.
pub(super) const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Returns the hash of the bytes behind `hash`, followed by `bytes`.
pub(super) fn add(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Noll's test vectors.
    #[test]
    fn the_function_is_fnv_1a() {
        assert_eq!(add(EMPTY, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(add(EMPTY, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(add(EMPTY, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(add(add(EMPTY, b"foo"), b"bar"), 0x8594_4171_f739_67e8);
    }
}
