//! `#[traced]`: what it records, and what it leaves as it was.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[path = "../support/mod.rs"]
mod support;

mod compile;
mod cost;
mod fields;
#[path = "pass/forms.rs"]
mod forms;
mod functions;
mod futures;
#[path = "pass/lints.rs"]
mod lints;
mod outcome;
mod parameter_fields;
mod parameters;

use opentelemetry::Value;
use opentelemetry_sdk::trace::SpanData;
use support::{Recorder, TIMEOUT, balanced, provider};

/// The spans that a program makes on this thread, in the order of their ends.
fn recorded(program: impl FnOnce()) -> Vec<SpanData> {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let on_this_thread = provider.set_thread_default();
    program();
    drop(on_this_thread);
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
    recorder.spans()
}

/// The one span that a program makes.
#[track_caller]
fn one(program: impl FnOnce()) -> SpanData {
    let mut spans = recorded(program);
    assert_eq!(spans.len(), 1, "{spans:#?}");
    spans.remove(0)
}

/// The attributes of a span, as text with types.
fn attributes(span: &SpanData) -> Vec<(&str, Value)> {
    let attributes = span.attributes.iter();
    attributes
        .map(|attribute| (attribute.key.as_str(), attribute.value.clone()))
        .collect()
}
