//! What the attribute adds to the span itself.

use allocation_counter::measure;
use tracer_core::{span, traced};

use crate::support::{Recorder, TIMEOUT, balanced, provider};

#[traced]
fn typed(a: u64, b: bool, c: f64) -> u64 {
    if b { a } else { c as u64 }
}

#[traced(err, ret, fields("static" = "text"))]
fn looked_at(a: u64) -> Result<u64, std::fmt::Error> {
    Ok(a)
}

/// Allocations of one call on this thread, after some that warm its pools.
fn warm(mut work: impl FnMut()) -> u64 {
    for _ in 0..100 {
        work();
    }
    measure(work).count_total
}

#[test]
fn a_function_with_plain_arguments_allocates_nothing() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let default = provider.set_thread_default();
    let bare = warm(|| drop(span!("x", "a" = 1, "b" = true, "c" = 0.5)));
    assert_eq!(bare, 0);
    assert_eq!(warm(|| assert_eq!(typed(1, true, 0.5), 1)), 0);
    assert_eq!(warm(|| assert_eq!(looked_at(1), Ok(1))), 0);
    drop(default);
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}
