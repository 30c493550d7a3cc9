//! `#[traced]` records a span, and leaves the function as it was.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// Functions that run when they are called.
mod functions;

/// Parameters are dropped as those of a plain function.
mod parameters;

/// Fields are evaluated in the body.
mod parameter_fields;

/// Parameters and fields as attributes.
mod fields;

/// Errors, results and panics.
mod outcome;

/// Functions whose work is a future.
mod futures;

/// Allocations of a call.
mod cost;

/// Programs that compile, and programs that do not.
mod compile;

/// Unusual names, macros and generic methods.
#[path = "pass/forms.rs"]
mod forms;

/// The generated code causes no lint.
#[path = "pass/lints.rs"]
mod lints;

use opentelemetry::Value;
use opentelemetry_sdk::trace::SpanData;

use crate::support::{Recorder, TIMEOUT, balanced, provider};

/// Returns the spans that a program ends on this thread, in the order of their ends.
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

/// Returns the one span that a program ends.
#[track_caller]
fn one(program: impl FnOnce()) -> SpanData {
    let mut spans = recorded(program);
    assert_eq!(spans.len(), 1, "{spans:#?}");
    spans.remove(0)
}

/// Returns the attributes of a span, with keys as text.
fn attributes(span: &SpanData) -> Vec<(&str, Value)> {
    let attributes = span.attributes.iter();
    attributes
        .map(|attribute| (attribute.key.as_str(), attribute.value.clone()))
        .collect()
}
