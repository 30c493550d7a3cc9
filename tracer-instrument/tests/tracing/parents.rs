//! Who is whose child.

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{
        Span as _, SpanId, TraceContextExt as _, TraceFlags, Tracer as _, TracerProvider as _,
    },
};
use tracer_instrument::tracing::OpenTelemetrySpanExt as _;
use tracing::{info_span, level_filters::LevelFilter};
use tracing_subscriber::{Layer as _, filter::filter_fn, layer::SubscriberExt as _};

use super::support::{Ours, remote, same};

#[test]
fn parents_are_those_of_the_peer() {
    let told = same(|| {
        let outer = info_span!("outer");
        let entered = outer.enter();
        let inner = info_span!("inner").entered();
        drop(info_span!("contextual"));
        drop(info_span!(parent: &outer, "explicit"));
        drop(info_span!(parent: None, "root"));
        drop(inner.exit());
        drop(entered);
        // Never entered, and not entered any more.
        let never = info_span!("never");
        drop(info_span!(parent: &never, "of never"));
        drop(info_span!(parent: &outer, "of outer"));
        drop(info_span!("alone"));
    });
    let parent = |name: &str| {
        let found = told.iter().find(|span| span.name == name);
        found.expect(name).parent.clone()
    };
    assert_eq!(parent("contextual"), "inner");
    assert_eq!(parent("explicit"), "outer");
    assert_eq!(parent("root"), "none");
    assert_eq!(parent("of never"), "never");
    assert_eq!(parent("of outer"), "outer");
    assert_eq!(parent("alone"), "none");
}

#[test]
fn follows_from_makes_links_before_and_after_the_start() {
    let told = same(|| {
        let (first, second) = (info_span!("first"), info_span!("second"));
        let span = info_span!("span");
        span.follows_from(&first);
        let _entered = span.enter();
        span.follows_from(&second);
        // Closed already: there is nothing to link to.
        let gone = info_span!("gone");
        let id = gone.id();
        drop(gone);
        span.follows_from(id);
    });
    let span = told.iter().find(|told| told.name == "span");
    assert_eq!(span.expect("the span").links, ["first", "second"]);
}

#[test]
fn spans_of_tracing_opentelemetry_and_native_ones_are_parents_of_each_other() {
    let ours = Ours::new();
    let _default = ours.provider.set_thread_default();
    let tracer = ours.provider.tracer("test");
    ours.run(|| {
        let _tracing = info_span!("1 tracing").entered();
        {
            let span = tracer.start("2 otel");
            let _otel = Context::current_with_span(span).attach();
            let _tracing = info_span!("3 tracing").entered();
            let _native = tracer_core::span!("4 native");
            let _tracing = info_span!("5 tracing").entered();
            tracer.start("6 otel").end();
            drop(tracer_core::start_span!("6 native"));
        }
        drop(info_span!("2 again"));
    });
    let span = |name: &str| ours.span(name);
    let trace = span("1 tracing").span_context.trace_id();
    for (child, parent) in [
        ("2 otel", "1 tracing"),
        ("3 tracing", "2 otel"),
        ("4 native", "3 tracing"),
        ("5 tracing", "4 native"),
        ("6 otel", "5 tracing"),
        ("6 native", "5 tracing"),
        ("2 again", "1 tracing"),
    ] {
        let (child, parent) = (span(child), span(parent));
        assert_eq!(
            child.parent_span_id,
            parent.span_context.span_id(),
            "{} of {}",
            child.name,
            parent.name
        );
        assert_eq!(child.span_context.trace_id(), trace);
    }
}

#[test]
fn active_span_of_the_context_takes_what_opentelemetry_code_sets() {
    let ours = Ours::new();
    ours.run(|| {
        let _span = info_span!("work").entered();
        let context = Context::current();
        assert!(context.span().is_recording());
        context.span().set_attribute(KeyValue::new("otel", true));
        context.span().add_event("event", vec![]);
        context.span().update_name("renamed");
    });
    let span = ours.span("renamed");
    assert_eq!(span.attributes, [KeyValue::new("otel", true)]);
    assert_eq!(span.events.len(), 1);
}

#[test]
fn baggage_of_the_place_where_a_span_is_made_is_there_where_it_is_entered() {
    let ours = Ours::new();
    ours.run(|| {
        let baggage = Context::current_with_baggage([KeyValue::new("tenant", "a")]);
        let guard = baggage.attach();
        let span = info_span!("work");
        drop(guard);
        let _entered = span.enter();
        let tenant = Context::current().baggage().get("tenant").cloned();
        assert_eq!(tenant, Some("a".into()));
    });
}

#[test]
fn children_of_spans_that_a_filter_keeps_out_are_those_of_the_next_one_around() {
    let ours = Ours::new();
    let layer = ours
        .layer()
        .with_filter(filter_fn(|metadata| metadata.target() != "hidden"));
    // The other layer has all of them enabled.
    let other = tracing_subscriber::fmt::layer()
        .with_writer(std::io::sink)
        .with_filter(LevelFilter::TRACE);
    let subscriber = tracing_subscriber::registry().with(layer).with(other);
    tracing::subscriber::with_default(subscriber, || {
        let _outer = info_span!("outer").entered();
        let hidden = info_span!(target: "hidden", "hidden");
        let context = hidden.context();
        {
            let _hidden = hidden.enter();
            drop(info_span!("contextual"));
            drop(info_span!(parent: &hidden, "explicit"));
            tracing::info!("to the outer one");
        }
        assert!(context.span().span_context().is_valid());
        let refused = hidden.set_parent(Context::new());
        assert_eq!(
            refused,
            Err(tracer_instrument::tracing::SetParentError::NotRecorded)
        );
    });
    let outer = ours.span("outer");
    let id = outer.span_context.span_id();
    assert_eq!(ours.span("contextual").parent_span_id, id);
    assert_eq!(ours.span("explicit").parent_span_id, id);
    assert_eq!(outer.events.len(), 1);
    assert_eq!(ours.spans().len(), 3);
}

#[test]
fn unsampled_parents_have_unsampled_children() {
    let ours = Ours::new();
    ours.run(|| {
        let _context = remote(TraceFlags::NOT_SAMPLED).attach();
        let span = info_span!("work", n = 1).entered();
        let context = span.context();
        assert_eq!(context.span().span_context().trace_id(), 7.into());
        assert!(!context.span().span_context().is_sampled());
        drop(info_span!("child"));
    });
    assert!(ours.spans().is_empty());
}

#[test]
fn suppressed_code_is_not_traced_whatever_parent_it_names() {
    let ours = Ours::new();
    ours.run(|| {
        let span = info_span!("outer");
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        drop(info_span!("contextual"));
        drop(info_span!(parent: None, "root"));
        drop(span);
    });
    let [outer] = ours.spans().try_into().expect("one span");
    assert_eq!(
        (outer.name.as_ref(), outer.parent_span_id),
        ("outer", SpanId::INVALID)
    );
}

#[test]
fn without_activation_only_spans_of_tracing_find_each_other() {
    let ours = Ours::new();
    ours.run_with(
        |layer| layer.with_context_activation(false),
        || {
            let _outer = info_span!("outer").entered();
            assert!(!Context::current().has_active_span());
            tracing::info!("event");
            drop(info_span!("inner"));
        },
    );
    let outer = ours.span("outer");
    assert_eq!(
        ours.span("inner").parent_span_id,
        outer.span_context.span_id()
    );
    assert_eq!(outer.events.len(), 1);
}
