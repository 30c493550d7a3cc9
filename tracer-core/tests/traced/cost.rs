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

#[traced]
fn text(text: &str) -> usize {
    text.len()
}

#[test]
fn a_large_text_is_not_copied_in_full_and_counted_as_cut() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let default = provider.set_thread_default();
    // Four bytes a character, so that the bound in bytes is reached with the fewest characters.
    let large = "\u{1f980}".repeat(1_000_000);
    let bytes = measure(|| assert_eq!(text(&large), 4_000_000)).bytes_total;
    assert!(bytes < 1_000_000, "{bytes}");
    drop(default);
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).over_limit.values, 1);
    let kept = recorder.spans()[0].attributes[0]
        .value
        .as_str()
        .chars()
        .count();
    assert_eq!(kept, 4096, "what a span keeps of a text by default");
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
