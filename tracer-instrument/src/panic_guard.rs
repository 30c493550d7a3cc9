//! Calls of what is not ours: the `Debug` and `Display` of values. A panic there goes no further.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls foreign code; `None` if it panics.
pub(crate) fn isolated<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call))
        // What a panic carries may panic again when it is dropped.
        .map_err(mem::forget)
        .ok()
}
