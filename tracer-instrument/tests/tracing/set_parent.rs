//! Parents that are known late, and the other methods of the extension trait.

use std::time::{Duration, SystemTime};

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{
        SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::Sampler;
use tracer_instrument::tracing::{OpenTelemetrySpanExt as Ext, SetParentError};
use tracing::info_span;
use tracing_opentelemetry::OpenTelemetrySpanExt as Theirs;

use super::support::{Ours, peer, remote};

fn caller() -> Context {
    remote(TraceFlags::SAMPLED)
}

#[track_caller]
fn assert_is_of_the_caller(ours: &Ours, name: &str) {
    let span = ours.span(name);
    assert_eq!(span.parent_span_id, SpanId::from(9));
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_id(), TraceId::from(7));
    assert_eq!(span.span_context.trace_state().header(), "vendor=1");
}

#[test]
fn parent_can_be_set_before_the_span_is_entered() {
    let ours = Ours::new();
    ours.run(|| {
        let span = info_span!("work", n = 1_i64);
        let caller = caller().with_baggage([KeyValue::new("tenant", "a")]);
        assert_eq!(Ext::set_parent(&span, caller), Ok(()));
        let _entered = span.enter();
        assert!(Context::current().baggage().get("tenant").is_some());
        drop(info_span!("child"));
    });
    assert_is_of_the_caller(&ours, "work");
    assert_eq!(ours.span("work").attributes, [KeyValue::new("n", 1)]);
    assert_eq!(
        ours.span("child").parent_span_id,
        ours.span("work").span_context.span_id()
    );
}

/// The first line of a function with `#[instrument]`, where the peer refuses.
#[test]
fn parent_can_be_set_inside_the_span() {
    #[tracing::instrument(fields(n = 1_i64))]
    fn handler() {
        let span = tracing::Span::current();
        assert_eq!(Ext::set_parent(&span, caller()), Ok(()));
        // What is current follows.
        Context::map_current(|current| {
            assert_eq!(current.span().span_context().trace_id(), TraceId::from(7));
        });
        drop(info_span!("child"));
    }
    let ours = Ours::new();
    ours.run(|| {
        handler();
        assert!(!Context::current().has_active_span());
    });
    assert_is_of_the_caller(&ours, "handler");
    assert_eq!(ours.span("handler").attributes, [KeyValue::new("n", 1)]);
    let id = ours.span("handler").span_context.span_id();
    assert_eq!(ours.span("child").parent_span_id, id);
    peer(
        |layer| layer,
        || {
            let span = info_span!("handler").entered();
            assert!(Theirs::set_parent(&*span, caller()).is_err());
        },
    );
}

/// A ratio that refuses nearly every root must not cost the fields of a span whose caller is sampled.
#[test]
fn caller_that_is_sampled_decides_although_the_root_was_refused() {
    let ours =
        Ours::with(|builder| builder.sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))));
    ours.run(|| {
        let span = info_span!("work", n = 1_i64).entered();
        assert!(!Context::current().span().is_recording());
        assert_eq!(Ext::set_parent(&*span, caller()), Ok(()));
        tracing::info!("inside");
    });
    assert_is_of_the_caller(&ours, "work");
    assert_eq!(ours.span("work").attributes, [KeyValue::new("n", 1)]);
    assert_eq!(ours.span("work").events.len(), 1);
}

#[test]
fn parent_is_refused_once_others_know_the_ids() {
    fn refused(span: &tracing::Span) -> Result<(), SetParentError> {
        Ext::set_parent(span, caller())
    }
    let ours = Ours::new();
    ours.run(|| {
        let with_child = info_span!("with child").entered();
        let child = info_span!("child");
        assert_eq!(refused(&with_child), Err(SetParentError::AlreadySeen));
        drop((child, with_child));

        let given_away = info_span!("given away");
        let _context = Ext::context(&given_away);
        assert_eq!(refused(&given_away), Err(SetParentError::AlreadySeen));

        let followed = info_span!("followed");
        info_span!("follower").follows_from(&followed);
        assert_eq!(refused(&followed), Err(SetParentError::AlreadySeen));

        let around = info_span!("around").entered();
        let baggage = Context::current_with_baggage([KeyValue::new("k", "v")]);
        {
            let tracer = ours.provider.tracer("test");
            let _inside = baggage.with_span(tracer.start("otel")).attach();
            assert_eq!(refused(&around), Err(SetParentError::EnteredElsewhere));
        }
        std::thread::scope(|scope| {
            let there = scope.spawn(|| refused(&around));
            assert_eq!(
                there.join().expect("no panic"),
                Err(SetParentError::EnteredElsewhere)
            );
        });

        assert_eq!(
            refused(&tracing::Span::none()),
            Err(SetParentError::SpanDisabled)
        );
    });
    let subscriber = tracing_subscriber::registry();
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(
            refused(&info_span!("work")),
            Err(SetParentError::NotRecorded)
        );
    });
}

#[test]
fn provider_with_processors_has_shown_the_span_already() {
    #[derive(Debug)]
    struct Nothing;
    impl tracer_core::SpanProcessor for Nothing {}
    let ours = Ours::with(|builder| builder.processor(Nothing));
    ours.run(|| {
        let span = info_span!("work");
        span.in_scope(|| ());
        let refused = Ext::set_parent(&span, caller());
        assert_eq!(refused, Err(SetParentError::AlreadySeen));
    });
}

#[test]
fn links_attributes_status_and_events_can_be_set_before_and_after_the_start() {
    let ours = Ours::new();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    ours.run(|| {
        let span = info_span!("work");
        for started in [false, true] {
            Ext::set_attribute(&span, format!("started.{started}"), started);
            Ext::add_event(&span, "now", vec![KeyValue::new("started", started)]);
            Ext::add_event_with_timestamp(&span, "then", at, vec![]);
            let caller = caller().span().span_context().clone();
            Ext::add_link(&span, caller.clone());
            Ext::add_link_with_attributes(&span, caller, vec![KeyValue::new("k", 1)]);
            Ext::add_link(&span, opentelemetry::trace::SpanContext::NONE);
            Ext::set_status(&span, Status::error("broken"));
            span.in_scope(|| ());
        }
    });
    let span = ours.span("work");
    assert_eq!(span.attributes.len(), 2);
    assert_eq!(span.events.len(), 4);
    assert_eq!(span.events[1].timestamp, at);
    assert_eq!(span.links.len(), 4);
    assert_eq!(span.links[3].attributes.len(), 1);
    assert_eq!(span.status, Status::error("broken"));
}
