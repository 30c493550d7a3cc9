//! Guards against panics in user code, such as the `Debug` and `Display` of values.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls user code, and returns `None` if it panics.
pub(crate) fn catch_panic<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call))
        // The payload may panic again when it is dropped.
        .map_err(mem::forget)
        .ok()
}
