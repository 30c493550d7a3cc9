//! The memory of a segment: a power-of-two number of bytes, addressed by a position that wraps.
//!
//! The memory comes from the operating system in whole pages, not from the allocator. A page that
//! no span has reached yet takes no physical memory. Memory that is freed after a burst goes back
//! to the system, whatever else the allocator holds.
//!
//! This file does not know the head and the tail of a ring. Its functions document which bytes they
//! touch, and [`byte_ring`](super::byte_ring) ensures that only one thread touches them at a time.

#[cfg(tracer_loom)]
use crate::sync::UnsafeCell;

/// A circular buffer of bytes that two threads share.
#[derive(Debug)]
pub(crate) struct Storage {
    words: Words,
}

impl Storage {
    /// Creates a zeroed buffer of at least `bytes` bytes, rounded up to a power-of-two number of
    /// words. Returns `None` if the operating system has no memory.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let words = bytes.div_ceil(8).max(1).checked_next_power_of_two()?;
        Some(Self {
            words: Words::new(words)?,
        })
    }

    /// Returns the size in bytes, which is a power of two and a multiple of 8.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> usize {
        self.words.len * 8
    }

    /// Returns the offset of position `at`, and how many of `len` bytes fit before the wrap.
    #[inline(always)]
    fn place(&self, at: u64, len: usize) -> (usize, usize) {
        #[expect(clippy::cast_possible_truncation, reason = "masked to the capacity")]
        let at = (at & (self.capacity() as u64 - 1)) as usize;
        (at, len.min(self.capacity() - at))
    }
}

/// Words in pages of the operating system.
#[cfg(not(tracer_loom))]
#[derive(Debug)]
struct Words {
    /// Points to `len` initialised words, which `_pages` keeps mapped.
    start: std::ptr::NonNull<u64>,
    /// Invariant: a power of two.
    len: usize,
    _pages: memmap2::MmapRaw,
}

#[cfg(not(tracer_loom))]
// SAFETY: the words are plain integers in memory that this value owns, so they may be used and
// unmapped on any thread.
unsafe impl Send for Words {}

#[cfg(not(tracer_loom))]
// SAFETY: shared access goes only through `write`, `write_words`, `read` and `read_u32`. Their
// contracts exclude that two threads touch one byte at the same time.
unsafe impl Sync for Words {}

#[cfg(not(tracer_loom))]
impl Words {
    fn new(len: usize) -> Option<Self> {
        let pages = memmap2::MmapMut::map_anon(len.checked_mul(8)?).ok()?;
        let pages = memmap2::MmapRaw::from(pages);
        Some(Self {
            start: std::ptr::NonNull::new(pages.as_mut_ptr().cast())?,
            len,
            _pages: pages,
        })
    }
}

/// Words in cells, so that the model checker sees every access.
#[cfg(tracer_loom)]
#[derive(Debug)]
struct Words {
    cells: Box<[UnsafeCell<u64>]>,
    len: usize,
}

#[cfg(tracer_loom)]
// SAFETY: shared access goes only through the functions of `Storage`. Loom fails a model in which
// two threads touch one word at the same time.
unsafe impl Sync for Words {}

#[cfg(tracer_loom)]
impl Words {
    fn new(len: usize) -> Option<Self> {
        let cells = (0..len).map(|_| UnsafeCell::new(0)).collect();
        Some(Self { cells, len })
    }
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
        let base = self.words.start.as_ptr().cast::<u8>();
        let (at, first) = self.place(at, bytes.len());
        let (before, after) = bytes.split_at(first);
        // SAFETY: `at + first` is at most the capacity, and the caller guarantees that no other
        // thread touches these bytes. `base` points to the whole capacity.
        unsafe {
            std::ptr::copy_nonoverlapping(before.as_ptr(), base.wrapping_add(at), before.len());
        }
        if !after.is_empty() {
            // SAFETY: `after` is shorter than the capacity, so it ends before `at`. The caller
            // guarantees that no other thread touches these bytes, and `base` points to the whole
            // capacity.
            unsafe { std::ptr::copy_nonoverlapping(after.as_ptr(), base, after.len()) };
        }
    }

    /// Stores words from position `at` on, wrapping at the end. This is for values in registers: a
    /// copy from memory that smaller writes have just filled would stall on those writes.
    ///
    /// # Safety
    /// - `at` is a multiple of 8, and `N` words are at most the capacity.
    /// - No other thread reads or writes these bytes meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn write_words<const N: usize>(&self, at: u64, words: [u64; N]) {
        debug_assert!(at.is_multiple_of(8) && N * 8 <= self.capacity());
        let base = self.words.start.as_ptr();
        let (at, before) = self.place(at, N * 8);
        if before == N * 8 {
            for (offset, word) in words.into_iter().enumerate() {
                let place = base.wrapping_add(at / 8 + offset);
                // SAFETY: all `N` words lie before the wrap, and the caller guarantees that no
                // other thread touches them. `base` points to the whole capacity.
                unsafe { place.write(word.to_le()) };
            }
            return;
        }
        let mask = self.words.len - 1;
        for (offset, word) in words.into_iter().enumerate() {
            let place = (at / 8 + offset) & mask;
            // SAFETY: `place` is below the number of words. The caller guarantees that no other
            // thread touches them, and `base` points to the whole capacity.
            unsafe { base.wrapping_add(place).write(word.to_le()) };
        }
    }

    /// Appends `len` bytes from position `at` to `out`, wrapping at the end.
    ///
    /// # Safety
    /// - `len` is at most the capacity.
    /// - No other thread writes the bytes from `at` to `at + len` meanwhile.
    pub(crate) unsafe fn read(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        debug_assert!(len <= self.capacity());
        let base = self.words.start.as_ptr().cast::<u8>().cast_const();
        let (at, first) = self.place(at, len);
        // SAFETY: `at + first` is at most the capacity, all of which is initialised. The caller
        // guarantees that no other thread writes these bytes while the slice lives.
        let before = unsafe { std::slice::from_raw_parts(base.wrapping_add(at), first) };
        out.extend_from_slice(before);
        if first < len {
            // SAFETY: the rest starts at the first word and lies within the capacity. All bytes are
            // initialised, and the caller guarantees that no other thread writes them while the
            // slice lives.
            let after = unsafe { std::slice::from_raw_parts(base, len - first) };
            out.extend_from_slice(after);
        }
    }

    /// Returns the little-endian `u32` at position `at`, a multiple of 8.
    ///
    /// # Safety
    /// - No other thread writes these bytes meanwhile.
    pub(crate) unsafe fn read_u32(&self, at: u64) -> u32 {
        let base = self.words.start.as_ptr().cast::<u8>().cast_const();
        let (at, _) = self.place(at, 4);
        // SAFETY: four bytes from a multiple of 8 lie before the wrap. They are initialised, and
        // the caller guarantees that no other thread writes them.
        u32::from_le_bytes(unsafe { base.wrapping_add(at).cast::<[u8; 4]>().read() })
    }
}

/// The same functions under the model checker, cell by cell, so that it sees each access.
#[cfg(tracer_loom)]
impl Storage {
    pub(crate) unsafe fn write(&self, at: u64, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().enumerate() {
            let (at, _) = self.place(at + offset as u64, 1);
            self.words.cells[at / 8].with_mut(|word| {
                // SAFETY: a byte of the word; loom fails the model if another thread touches it.
                unsafe { word.cast::<u8>().wrapping_add(at % 8).write(*byte) }
            });
        }
    }

    pub(crate) unsafe fn write_words<const N: usize>(&self, at: u64, words: [u64; N]) {
        for (offset, word) in words.into_iter().enumerate() {
            let (at, _) = self.place(at + 8 * offset as u64, 8);
            self.words.cells[at / 8].with_mut(|cell| {
                // SAFETY: loom fails the model if another thread touches the word.
                unsafe { cell.write(word.to_le()) }
            });
        }
    }

    pub(crate) unsafe fn read(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        for offset in 0..len {
            let (at, _) = self.place(at + offset as u64, 1);
            out.push(self.words.cells[at / 8].with(|word| {
                // SAFETY: a byte of the word; loom fails the model if another thread writes it.
                unsafe { word.cast::<u8>().wrapping_add(at % 8).read() }
            }));
        }
    }

    pub(crate) unsafe fn read_u32(&self, at: u64) -> u32 {
        let mut bytes = Vec::new();
        // SAFETY: the caller upholds the same contract.
        unsafe { self.read(at, 4, &mut bytes) };
        bytes.try_into().map_or(0, u32::from_le_bytes)
    }
}
