//! Fields that panic, and orders that nobody expects.

use std::{fmt, panic::resume_unwind};

use opentelemetry::{Context, trace::TraceContextExt as _};
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use super::support::{Ours, map, ours, same};

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a field's Debug")
    }
}

/// Says nothing, and fails.
struct Fails;

impl fmt::Debug for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        Err(fmt::Error)
    }
}

#[test]
fn field_whose_debug_panics_costs_that_field() {
    let spans = ours(|| {
        let span =
            info_span!("work", before = 1, bad = ?Panics, worse = ?Fails, after = "2").entered();
        info!(bad = ?Panics, after = 3, "event");
        info!("{:?}", Panics);
        span.record("before", tracing::field::debug(Panics));
    });
    let [span] = spans.try_into().expect("one span");
    let attributes = map(&span.attributes);
    assert_eq!(attributes.len(), 2, "{attributes:?}");
    assert_eq!(attributes["after"], "2".into());
    assert_eq!(map(&span.events[0].attributes)["after"], 3.into());
    assert_eq!(span.events.len(), 2);
}

#[test]
fn spans_that_are_left_out_of_order_leave_the_right_one_current() {
    let told = same(|| {
        let (first, second) = (info_span!("first"), info_span!("second"));
        let in_first = first.enter();
        let in_second = second.enter();
        drop(in_first);
        drop(info_span!("in second"));
        drop(in_second);
        drop(info_span!("in none"));
        let again = first.enter();
        let twice = first.enter();
        drop(again);
        drop(info_span!("in first"));
        drop(twice);
        drop(info_span!("in none again"));
    });
    let parent = |name: &str| {
        let found = told.iter().find(|span| span.name == name);
        found.expect(name).parent.clone()
    };
    assert_eq!(parent("in second"), "second");
    assert_eq!(parent("in none"), "none");
    assert_eq!(parent("in first"), "first");
    assert_eq!(parent("in none again"), "none");
}

#[test]
fn spans_of_two_registries_with_the_same_ids_are_kept_apart() {
    let (one, two) = (Ours::new(), Ours::new());
    let dispatch =
        |ours: &Ours| tracing::Dispatch::new(tracing_subscriber::registry().with(ours.layer()));
    let (first, second) = (dispatch(&one), dispatch(&two));
    let make = |dispatch, name| {
        tracing::dispatcher::with_default(dispatch, || info_span!("span", otel.name = name))
    };
    let (a, b) = (make(&first, "a"), make(&second, "b"));
    assert_eq!(a.id(), b.id(), "registries count alike");
    let (in_a, in_b) = (a.enter(), b.enter());
    tracing::dispatcher::with_default(&first, || info!("to a"));
    drop(in_a);
    tracing::dispatcher::with_default(&second, || info!("to b"));
    drop(in_b);
    assert!(!Context::current().has_active_span());
    drop((a, b));
    assert_eq!(one.span("a").events[0].name, "to a");
    assert_eq!(two.span("b").events[0].name, "to b");
    assert_eq!((one.spans().len(), two.spans().len()), (1, 1));
}

#[test]
fn second_layer_on_a_registry_leaves_the_spans_to_the_first() {
    let (one, two) = (Ours::new(), Ours::new());
    let subscriber = tracing_subscriber::registry()
        .with(one.layer())
        .with(two.layer());
    tracing::subscriber::with_default(subscriber, || {
        let _outer = info_span!("outer").entered();
        drop(info_span!("inner"));
        info!("once");
    });
    // Beside what the second layer says of itself.
    assert_eq!(
        one.span("outer")
            .events
            .iter()
            .filter(|event| event.name == "once")
            .count(),
        1
    );
    assert_eq!((one.spans().len(), two.spans().len()), (2, 0));
}

struct PanicsAtDrop;

impl Drop for PanicsAtDrop {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

/// Panics with what panics when it is dropped.
struct PanicsTwice;

impl fmt::Debug for PanicsTwice {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        resume_unwind(Box::new(PanicsAtDrop))
    }
}

impl fmt::Display for PanicsTwice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("twice")
    }
}

impl std::error::Error for PanicsTwice {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        resume_unwind(Box::new(PanicsAtDrop))
    }
}

#[test]
fn payload_that_panics_costs_the_field_too() {
    let spans = ours(|| {
        let error: &(dyn std::error::Error + 'static) = &PanicsTwice;
        let _span = info_span!("work", bad = ?PanicsTwice, error, after = "2").entered();
        info!("{:?}", PanicsTwice);
    });
    let [span] = spans.try_into().expect("one span");
    let attributes = map(&span.attributes);
    assert_eq!(attributes.get("bad"), None);
    assert_eq!(attributes["error"], "twice".into());
    assert_eq!(attributes["after"], "2".into());
}

/// Never ends by itself.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for _ in 0..100_000_000 {
            f.write_str("again ")?;
        }
        panic!("nobody stopped it")
    }
}

#[test]
fn endless_field_is_cut() {
    let spans = ours(|| {
        let _span = info_span!("work", endless = ?Endless, after = "2").entered();
        info!("{:?}", Endless);
    });
    let [span] = spans.try_into().expect("one span");
    let attributes = map(&span.attributes);
    assert!(attributes["endless"].as_str().starts_with("again again"));
    assert_eq!(attributes["after"], "2".into());
    assert!(span.events[0].name.starts_with("again again"));
}

/// The peer waits for ever.
#[test]
fn span_that_follows_from_itself_has_a_link() {
    let spans = ours(|| {
        let span = info_span!("work");
        span.follows_from(&span);
    });
    let [span] = spans.try_into().expect("one span");
    assert_eq!(span.links[0].span_context, span.span_context);
}

/// The peer makes spans in the one that is entered again, and adds events to the one between.
#[test]
fn span_that_is_entered_again_has_what_happens_in_it() {
    let ours = Ours::new();
    ours.run(|| {
        let (outer, inner) = (info_span!("outer"), info_span!("inner"));
        let (_outer, _inner, _again) = (outer.enter(), inner.enter(), outer.enter());
        info!("event");
        drop(info_span!("child"));
    });
    let outer = ours.span("outer");
    assert_eq!(outer.events[0].name, "event");
    let child = ours.span("child");
    assert_eq!(child.parent_span_id, outer.span_context.span_id());
}
