//! Random numbers for thresholds that do not belong to a trace.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// Returns a new random number of 56 bits.
///
/// The numbers come from SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number
/// Generators*, 2014) with a random seed for each thread. They are not secret.
pub(crate) fn fresh_randomness() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
    }
    // A thread that is ending has already destroyed its state.
    let state = STATE.try_with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        next
    });
    let mut z = state.unwrap_or_else(|_| RandomState::new().hash_one(0));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_56_bits_and_all_bits_change() {
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..1_000 {
            let number = fresh_randomness();
            assert!(number < 1 << 56);
            ones |= number;
            zeros |= !number;
        }
        let all = (1 << 56) - 1;
        assert_eq!((ones, zeros & all), (all, all));
    }
}
