//! The memory of a ring: a fixed number of 8-byte cells, addressed by a byte position that wraps.
//!
//! This file knows nothing of heads and tails: who may touch which bytes when is the contract of
//! its two functions, kept by [`byte_ring`](super::byte_ring).

use crate::sync::UnsafeCell;

/// A circular buffer of bytes that two threads share.
#[derive(Debug)]
pub(crate) struct Storage {
    // Invariant: the length is a power of two, at least one.
    words: Box<[UnsafeCell<u64>]>,
}

// SAFETY: the cells are plain integers. All access goes through `write` and `read`, whose
// contracts rule out that two threads touch one byte at the same time.
unsafe impl Sync for Storage {}

impl Storage {
    /// A buffer of at least `bytes` bytes, rounded up to a power of two of words.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            words: zeroed(bytes.div_ceil(8).max(1).next_power_of_two()),
        }
    }

    /// The size in bytes: a power of two, a multiple of 8.
    pub(crate) fn capacity(&self) -> usize {
        self.words.len() * 8
    }

    /// Where position `at` lies, and how many of `len` bytes fit before the wrap.
    fn place(&self, at: u64, len: usize) -> (usize, usize) {
        #[expect(clippy::cast_possible_truncation, reason = "masked to the capacity")]
        let at = (at & (self.capacity() as u64 - 1)) as usize;
        (at, len.min(self.capacity() - at))
    }
}

/// Zeroed memory as the operating system gives it: a page is taken when it is first written.
#[cfg(not(tracer_loom))]
fn zeroed(words: usize) -> Box<[UnsafeCell<u64>]> {
    let words = Box::new_zeroed_slice(words);
    // SAFETY: all bits zero is a valid `u64`, and `UnsafeCell` has the layout of what it holds.
    unsafe { words.assume_init() }
}

#[cfg(tracer_loom)]
fn zeroed(words: usize) -> Box<[UnsafeCell<u64>]> {
    (0..words).map(|_| UnsafeCell::new(0)).collect()
}

#[cfg(not(tracer_loom))]
impl Storage {
    /// Copies `bytes` to position `at`, wrapping at the end.
    ///
    /// # Safety
    /// - `bytes.len()` is at most the capacity.
    /// - No other thread reads or writes the bytes from `at` to `at + bytes.len()` meanwhile.
    pub(crate) unsafe fn write(&self, at: u64, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.capacity());
        let base = UnsafeCell::raw_get(self.words.as_ptr()).cast::<u8>();
        let (at, first) = self.place(at, bytes.len());
        let (before, after) = bytes.split_at(first);
        // SAFETY: `at + first` is at most the capacity, and the caller says that nobody else
        // touches these bytes. `base` comes from the whole slice of cells.
        unsafe {
            std::ptr::copy_nonoverlapping(before.as_ptr(), base.wrapping_add(at), before.len());
        }
        if !after.is_empty() {
            // SAFETY: `after` is shorter than the capacity, so it ends before `at`; as above.
            unsafe { std::ptr::copy_nonoverlapping(after.as_ptr(), base, after.len()) };
        }
    }

    /// Stores words from position `at` on, wrapping at the end: for values that are in registers.
    /// Copied from memory that was just written by smaller pieces, they would wait for those.
    ///
    /// # Safety
    /// - `at` is a multiple of 8, and `N` words are at most the capacity.
    /// - No other thread reads or writes these bytes meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn write_words<const N: usize>(&self, at: u64, words: [u64; N]) {
        debug_assert!(at.is_multiple_of(8) && N * 8 <= self.capacity());
        let base = UnsafeCell::raw_get(self.words.as_ptr());
        let (at, before) = self.place(at, N * 8);
        if before == N * 8 {
            for (offset, word) in words.into_iter().enumerate() {
                let place = base.wrapping_add(at / 8 + offset);
                // SAFETY: all `N` words lie before the wrap, and the caller says that nobody else
                // touches them. `base` comes from the whole slice of cells.
                unsafe { place.write(word.to_le()) };
            }
            return;
        }
        let mask = self.words.len() - 1;
        for (offset, word) in words.into_iter().enumerate() {
            let place = (at / 8 + offset) & mask;
            // SAFETY: `place` is below the number of cells; as above.
            unsafe { base.wrapping_add(place).write(word.to_le()) };
        }
    }

    /// Fills `out` from position `at`, wrapping at the end.
    ///
    /// # Safety
    /// - `out.len()` is at most the capacity.
    /// - No other thread writes the bytes from `at` to `at + out.len()` meanwhile.
    pub(crate) unsafe fn read(&self, at: u64, out: &mut [u8]) {
        debug_assert!(out.len() <= self.capacity());
        let base = UnsafeCell::raw_get(self.words.as_ptr()).cast::<u8>();
        let (at, first) = self.place(at, out.len());
        let (before, after) = out.split_at_mut(first);
        // SAFETY: `at + first` is at most the capacity, and the caller says that nobody writes
        // these bytes. All bytes are initialised: the cells start as zero.
        unsafe {
            std::ptr::copy_nonoverlapping(
                base.wrapping_add(at).cast_const(),
                before.as_mut_ptr(),
                before.len(),
            );
        }
        if !after.is_empty() {
            // SAFETY: as above; `after` starts at the first cell.
            unsafe {
                std::ptr::copy_nonoverlapping(base.cast_const(), after.as_mut_ptr(), after.len());
            }
        }
    }
}

/// The same under the model checker, cell by cell, so that it sees each access.
#[cfg(tracer_loom)]
impl Storage {
    pub(crate) unsafe fn write(&self, at: u64, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().enumerate() {
            let (at, _) = self.place(at + offset as u64, 1);
            self.words[at / 8].with_mut(|word| {
                // SAFETY: a byte of the word; loom fails the model if another thread touches it.
                unsafe { word.cast::<u8>().wrapping_add(at % 8).write(*byte) }
            });
        }
    }

    pub(crate) unsafe fn write_words<const N: usize>(&self, at: u64, words: [u64; N]) {
        for (offset, word) in words.into_iter().enumerate() {
            let (at, _) = self.place(at + 8 * offset as u64, 8);
            self.words[at / 8].with_mut(|cell| {
                // SAFETY: loom fails the model if another thread touches the word.
                unsafe { cell.write(word.to_le()) }
            });
        }
    }

    pub(crate) unsafe fn read(&self, at: u64, out: &mut [u8]) {
        for (offset, byte) in out.iter_mut().enumerate() {
            let (at, _) = self.place(at + offset as u64, 1);
            *byte = self.words[at / 8].with(|word| {
                // SAFETY: as above.
                unsafe { word.cast::<u8>().wrapping_add(at % 8).read() }
            });
        }
    }
}
