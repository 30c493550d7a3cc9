//! Threads, clones, reloads, and providers that come late or go early.

use std::{thread, time::Duration};

use opentelemetry::{
    Context,
    trace::{TraceContextExt as _, TraceFlags, TracerProvider as _},
};
use tracer_core::TracerProvider;
use tracer_instrument::tracing::{OpenTelemetrySpanExt as _, layer, layer_with};
use tracing::{Instrument as _, info, info_span};
use tracing_subscriber::{layer::SubscriberExt as _, reload};

use super::support::{Ours, TIMEOUT, remote};

#[test]
fn span_that_is_entered_and_closed_on_other_threads_is_one_span() {
    let ours = Ours::new();
    ours.run(|| {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let span = info_span!("work");
        let clone = span.clone();
        for _ in 0..2 {
            let (span, dispatch) = (span.clone(), dispatch.clone());
            let inside = thread::spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    let _entered = span.entered();
                    info!("there");
                    drop(info_span!("child"));
                });
                assert!(!Context::current().has_active_span());
            });
            inside.join().expect("no panic");
        }
        assert!(ours.spans().iter().all(|span| span.name == "child"));
        drop(span);
        thread::spawn(move || drop(clone)).join().expect("no panic");
    });
    let work = ours.span("work");
    assert_eq!(work.events.len(), 2);
    let children = ours
        .spans()
        .into_iter()
        .filter(|span| span.name == "child" && span.parent_span_id == work.span_context.span_id());
    assert_eq!(children.count(), 2);
}

#[test]
fn many_threads_on_one_span_lose_nothing() {
    let ours = Ours::new();
    ours.run(|| {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let span = info_span!("work");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for _ in 0..20 {
                            let _entered = span.enter();
                            info!("there");
                            drop(info_span!("child"));
                        }
                    });
                });
            }
        });
    });
    let work = ours.span("work");
    assert_eq!(work.events.len(), 80);
    assert_eq!(ours.spans().len(), 81);
}

#[tokio::test]
async fn futures_that_wait_are_current_only_while_they_are_polled() {
    let ours = Ours::new();
    let subscriber = tracing_subscriber::registry().with(ours.layer());
    let _default = tracing::subscriber::set_default(subscriber);
    let work = |name| {
        async move {
            for _ in 0..3 {
                drop(info_span!("step"));
                tokio::task::yield_now().await;
            }
        }
        .instrument(info_span!("future", otel.name = name))
    };
    futures_util::future::join(work("one"), work("two")).await;
    assert!(!Context::current().has_active_span());
    for name in ["one", "two"] {
        let id = ours.span(name).span_context.span_id();
        let steps = ours
            .spans()
            .into_iter()
            .filter(|span| span.parent_span_id == id);
        assert_eq!(steps.count(), 3);
    }
}

/// As in the peer: what holds the span open afterwards is not its work.
#[test]
fn span_ends_when_it_was_left_last() {
    let ours = Ours::new();
    ours.run(|| {
        let span = info_span!("work");
        span.in_scope(|| ());
        let since = std::time::Instant::now();
        while since.elapsed() < Duration::from_millis(20) {}
    });
    let span = ours.span("work");
    let took = span.end_time.duration_since(span.start_time);
    assert!(took.expect("in order") < Duration::from_millis(20));
}

/// The peer's extension trait does not find its layer behind a `reload`.
#[test]
fn layer_behind_a_reload_is_found_and_can_be_changed_under_open_spans() {
    let (one, two) = (Ours::new(), Ours::new());
    let (layer, handle) = reload::Layer::new(Some(one.layer()));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let first = info_span!("first");
        assert_eq!(first.set_parent(remote(TraceFlags::SAMPLED)), Ok(()));
        let entered = first.enter();
        handle.reload(Some(two.layer())).expect("reload");
        drop(info_span!("second"));
        drop(entered);
        assert!(!Context::current().has_active_span());
        drop(first);
        // And without a layer spans are not recorded.
        let third = info_span!("third");
        handle.reload(None).expect("reload");
        third.in_scope(|| info!("nowhere"));
        drop(info_span!("nothing"));
    });
    assert_eq!(one.span("first").parent_span_id, 9.into());
    let second = two.span("second");
    assert_eq!(
        second.parent_span_id,
        one.span("first").span_context.span_id()
    );
    // The third: nobody told the layer, which was gone, but its registry let go of it.
    assert_eq!(two.spans().len(), 2);
}

#[test]
fn provider_that_is_shut_down_passes_contexts_on() {
    let ours = Ours::new();
    ours.run(|| {
        let before = info_span!("before").entered();
        ours.provider.shutdown(TIMEOUT).expect("shutdown");
        let _caller = remote(TraceFlags::SAMPLED).attach();
        let span = info_span!("after").entered();
        info!("nowhere");
        assert_eq!(
            Context::current().span().span_context().trace_id(),
            7.into()
        );
        drop((span, before));
    });
    let stats = ours.provider.stats();
    assert_eq!(
        (stats.started, stats.ended, stats.dropped.already_shutdown),
        (1, 1, 1)
    );
}

#[test]
fn default_layer_uses_the_provider_of_the_moment() {
    let subscriber = tracing_subscriber::registry().with(layer());
    let ours = Ours::new();
    tracing::subscriber::with_default(subscriber, || {
        let early = info_span!("early").entered();
        assert!(early.set_parent(Context::new()).is_err());
        let _default = ours.provider.set_thread_default();
        drop(info_span!("in time"));
    });
    let [span] = ours.spans().try_into().expect("one span");
    assert_eq!(span.name, "in time");
    assert_eq!(span.instrumentation_scope.name(), "tracer-instrument");
}

#[test]
fn spans_may_outlive_their_provider() {
    let provider = TracerProvider::builder().build().expect("provider");
    let subscriber = tracing_subscriber::registry().with(layer_with(provider.tracer("test")));
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("work").entered();
        drop(provider);
        info!("nowhere");
        drop(info_span!("child"));
        drop(span);
    });
}
