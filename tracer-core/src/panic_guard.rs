//! Catches panics in user code: samplers, processors, exporters, id generators, meters,
//! subscribers, and their destructors.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Calls user code. Returns `None` if it panics, so that the caller can count the panic.
#[inline]
pub(crate) fn catch_panic<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // Dropping the payload may panic again, so it is leaked.
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
        assert_eq!(catch_panic(|| 1), Some(1));
        let panics = || -> u8 { resume_unwind(Box::new(PanicsAtDrop)) };
        assert_eq!(catch_panic(panics), None);
    }
}
