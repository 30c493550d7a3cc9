//! Rules of the specification that the stock SDK does not follow, and bounds on hostile input.

use std::{error::Error, fmt};

use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId,
        TraceState, Tracer as _, TracerProvider as _,
    },
};
use tracer_core::{
    SpanLimits, TracerProvider,
    testing::{FinishedSpan, TestProvider},
};

use crate::support::{TIMEOUT, remote};

fn one(limits: SpanLimits, program: impl FnOnce(&tracer_core::Tracer)) -> FinishedSpan {
    let trace = TestProvider::with(|builder| builder.span_limits(limits));
    program(&trace.tracer("t"));
    trace.balance();
    trace.spans().remove(0)
}

/// common/README.md "Attribute Collections" holds for every collection, not only a span's.
#[test]
fn attributes_of_events_and_links_have_unique_keys_that_are_not_empty() {
    let attributes = || {
        vec![
            KeyValue::new("twice", 1),
            KeyValue::new("", 2),
            KeyValue::new("a", 3),
            KeyValue::new("twice", 4),
            KeyValue::new("over", 5),
        ]
    };
    let limits = SpanLimits::default()
        .max_attributes_per_event(2)
        .max_attributes_per_link(2);
    let span = one(limits, |tracer| {
        let mut span = tracer.start("x");
        span.add_event("e", attributes());
        let context = remote(1);
        span.add_link(context, attributes());
    });
    let kept = [KeyValue::new("a", 3), KeyValue::new("twice", 4)];
    assert_eq!(span.events[0].attributes, kept);
    assert_eq!(span.links[0].attributes, kept);
    assert_eq!(span.events[0].dropped_attributes_count, 2);
    assert_eq!(span.links[0].dropped_attributes_count, 2);
}

/// So many that comparing each with each would delay the caller for seconds.
#[test]
fn long_lists_of_attributes_keep_the_same_rules() {
    let attributes: Vec<_> = (0..100_000)
        .map(|n| KeyValue::new(format!("key {}", n % 50_000), n))
        .chain([KeyValue::new("", 0)])
        .collect();
    let limits = SpanLimits::default().max_attributes_per_event(2);
    let span = one(limits, |tracer| {
        tracer.start("x").add_event("e", attributes.clone());
    });
    let kept = [
        KeyValue::new("key 0", 50_000),
        KeyValue::new("key 1", 50_001),
    ];
    assert_eq!(span.events[0].attributes, kept);
    assert_eq!(span.events[0].dropped_attributes_count, 50_000 - 2 + 1);
}

#[test]
fn live_span_shows_no_end_of_the_span_before_it() {
    one(SpanLimits::default(), |tracer| {
        tracer.start("before").end();
        let span = tracer.start("after");
        assert_eq!(span.record().map(|record| record.end_unix_nanos()), Some(0));
        drop(span);
        tracer.start("x");
    });
}

/// The limit is on attribute values (common/README.md "Attribute Limits"), in characters.
#[test]
fn length_limit_cuts_values_and_neither_names_nor_descriptions() {
    let span = one(SpanLimits::default().max_value_length(3), |tracer| {
        let mut span = tracer.start("a long name");
        span.set_attribute(KeyValue::new("a long key", "ééééé"));
        span.add_event("exception", vec![KeyValue::new("k", "abcd")]);
        span.set_status(Status::error("a description"));
    });
    assert_eq!(span.name, "a long name");
    assert_eq!(span.attributes, [KeyValue::new("a long key", "ééé")]);
    assert_eq!(span.events[0].name, "exception");
    assert_eq!(span.events[0].attributes, [KeyValue::new("k", "abc")]);
    assert_eq!(span.status, Status::error("a description"));
}

/// trace/api.md "Link": links with an all-zero context are kept if they have attributes or a
/// tracestate.
#[test]
fn link_to_nowhere_is_kept_only_with_attributes() {
    let span = one(SpanLimits::default(), |tracer| {
        let mut span = tracer.start("x");
        span.add_link(SpanContext::NONE, vec![]);
        span.add_link(SpanContext::NONE, vec![KeyValue::new("why", "lost")]);
    });
    assert_eq!(span.links.len(), 1);
    assert_eq!(span.links[0].attributes, [KeyValue::new("why", "lost")]);
}

#[derive(Debug)]
struct Ouroboros;

impl fmt::Display for Ouroboros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("again")
    }
}

impl Error for Ouroboros {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

/// The chain of causes was once followed without end.
#[test]
fn error_that_is_its_own_source_is_followed_32_times() {
    let span = one(SpanLimits::default(), |tracer| {
        tracer.start("x").record_exception(&Ouroboros, &[]);
    });
    let chain = span.events[0]
        .attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == "exception.stacktrace")
        .expect("causes");
    assert_eq!(chain.value.as_str().matches("again").count(), 32);
}

/// An error whose `Display` fails in the middle, as that of its causes does.
#[derive(Debug)]
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("so far")?;
        Err(fmt::Error)
    }
}

impl Error for Mute {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&Mute)
    }
}

/// Such an error once panicked in the caller.
#[test]
fn error_that_cannot_be_written_is_recorded_as_far_as_it_goes() {
    let span = one(SpanLimits::default(), |tracer| {
        let mut span = tracer.start("x");
        span.record_exception(&Mute, &[]);
        span.record_error(&Mute);
    });
    assert_eq!(span.events.len(), 2);
    for event in &span.events {
        let message = KeyValue::new("exception.message", "so far");
        assert!(event.attributes.contains(&message), "{event:?}");
    }
}

/// A process that finishes its last requests must not break the traces that run through it.
#[test]
fn after_the_shutdown_spans_carry_the_context_of_their_parent() {
    let provider = TracerProvider::builder().build().expect("provider");
    provider.shutdown(TIMEOUT).expect("shutdown");
    let parent = remote(1);
    let context = Context::new().with_remote_span_context(parent.clone());
    let span = provider.tracer("t").start_with_context("x", &context);
    assert!(!span.is_recording());
    assert_eq!(*span.span_context(), parent);
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no price")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// trace/exceptions.md and the semantic conventions: type or message, the natural stack trace, and
/// what the caller adds. The stock SDK records the message only.
#[test]
fn dynamic_errors_are_recorded_with_message_causes_and_the_callers_attributes() {
    let error = Outer("x".parse::<u8>().expect_err("no number"));
    let dynamic: Box<dyn Error + Send + Sync> = Box::new(error);
    let span = one(SpanLimits::default(), |tracer| {
        let mut span = tracer.start("x");
        span.record_exception(&*dynamic, &[KeyValue::new("retry", 3)]);
        span.record_error(&*dynamic);
        let given = [KeyValue::new("exception.stacktrace", "at main.rs:7")];
        span.record_exception(&*dynamic, &given);
    });
    let message = KeyValue::new("exception.message", "no price");
    let causes = KeyValue::new(
        "exception.stacktrace",
        "caused by: invalid digit found in string\n",
    );
    let retry = KeyValue::new("retry", 3);
    assert_eq!(
        span.events[0].attributes,
        [message.clone(), causes.clone(), retry]
    );
    assert_eq!(span.events[1].attributes, [message.clone(), causes]);
    let given = KeyValue::new("exception.stacktrace", "at main.rs:7");
    assert_eq!(span.events[2].attributes, [message, given]);
}

/// trace/api.md "Add Link": links after creation, in the order in which they were added.
#[test]
fn links_added_later_follow_those_given_at_the_start_in_order() {
    let to = |id| {
        SpanContext::new(
            TraceId::from(1),
            SpanId::from(id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        )
    };
    let span = one(SpanLimits::default(), |tracer| {
        let first = opentelemetry::trace::Link::with_context(to(1));
        let mut span = tracer.build(tracer.span_builder("x").with_links(vec![first]));
        span.add_link(to(2), vec![]);
        span.add_event("between", vec![]);
        span.add_link(to(3), vec![KeyValue::new("k", 1)]);
    });
    let ids: Vec<_> = span
        .links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert_eq!(ids, [1, 2, 3].map(SpanId::from));
    assert_eq!(span.links[2].attributes, [KeyValue::new("k", 1)]);
}
