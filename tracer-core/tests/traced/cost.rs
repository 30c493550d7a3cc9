//! The cost that the attribute adds to that of the span.

use allocation_counter::measure;
use opentelemetry::KeyValue;
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

/// Returns the number of allocations of one call on this thread, after some calls that warm its
/// pools.
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

#[traced(fields(user = &user[1..]))]
fn texts(text: &str, owned: String, user: &str) -> usize {
    text.len() + owned.len() + user.len()
}

#[test]
fn text_is_recorded_where_it_is() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let default = provider.set_thread_default();
    let user = String::from("user-7");
    let native = || {
        drop(span!(
            "x",
            "user" = user,
            "part" = &user[..4],
            "n" = user.len()
        ))
    };
    assert_eq!(warm(native), 0);
    // One allocation, for the argument.
    assert_eq!(warm(|| assert_eq!(texts("a", user.clone(), &user), 13)), 1);
    drop(default);
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
    let spans = recorder.spans();
    let last = spans.last().expect("recorded").attributes.clone();
    let expected = [("text", "a"), ("owned", "user-7"), ("user", "ser-7")];
    assert_eq!(last, expected.map(|(key, value)| KeyValue::new(key, value)));
    let first = [
        KeyValue::new("user", "user-7"),
        KeyValue::new("part", "user"),
        KeyValue::new("n", 6),
    ];
    assert_eq!(spans[0].attributes, first);
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
