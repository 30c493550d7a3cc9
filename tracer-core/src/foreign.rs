//! Calls of code that is not ours: samplers, processors, exporters, generators, meters,
//! subscribers, and the drops of them all. A panic there goes no further.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Calls foreign code; nothing if it panics. Whoever calls counts that, where it has a count.
#[inline]
pub(crate) fn isolated<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // What a panic carries may panic again when it is dropped.
            mem::forget(payload);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;

    use super::*;

    struct PanicsAtDrop;

    impl Drop for PanicsAtDrop {
        fn drop(&mut self) {
            resume_unwind(Box::new("dropped"));
        }
    }

    #[test]
    fn panic_whose_payload_panics_when_dropped_gives_nothing() {
        assert_eq!(isolated(|| 1), Some(1));
        let panics = || -> u8 { resume_unwind(Box::new(PanicsAtDrop)) };
        assert_eq!(isolated(panics), None);
    }
}
