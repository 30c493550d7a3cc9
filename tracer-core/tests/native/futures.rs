//! Futures, streams, sinks, tasks and closures carry a span with them.

use std::{
    future::{Future as _, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex},
    task::{self, Poll, Waker},
    time::Duration,
};

use futures_util::{SinkExt as _, Stream as _, StreamExt as _, sink, stream};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{SpanContext, TraceContextExt as _, Tracer as _},
};
use tracer_core::{
    InSpan as _, StreamInSpan as _, WithSpan, current, span, start_span, task as tracer_task,
    testing::{TestProvider, assert_trace},
    with_current_context,
};

use crate::support::{balanced, quiet_panic};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("runtime")
}

/// Is pending at the first poll, and ready at the second.
async fn pause() {
    let mut paused = false;
    poll_fn(|task| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Returns the current span of the native API, and that of `Context`.
fn both() -> (SpanContext, SpanContext) {
    let context = Context::current();
    (
        current().span_context(),
        context.span().span_context().clone(),
    )
}

#[test]
fn span_is_current_at_each_poll_on_whatever_thread_and_nowhere_else() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("third party");
    let spans: Vec<_> = (0..50).map(|_| start_span!("task")).collect();
    runtime().block_on(async {
        let tasks = spans.into_iter().map(|span| {
            let own = opentelemetry::trace::Span::span_context(&span).clone();
            let tracer = tracer.clone();
            tokio::spawn(
                async move {
                    for _ in 0..10 {
                        assert_eq!(both(), (own.clone(), own.clone()));
                        drop(span!("native"));
                        tracer.start("third party's");
                        current().set_attribute(KeyValue::new("polled", true));
                        pause().await;
                    }
                }
                .in_span(span),
            )
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("task");
            assert!(!both().0.is_valid() && !both().1.is_valid());
        }
    });
    let task = "\"task\"\n  polled = true\n".to_owned()
        + &"  \"native\"\n  \"third party's\"\n".repeat(10);
    assert_trace!(trace, &task.repeat(50));
    trace.balance();
}

#[test]
fn future_ends_its_span_when_ready_dropped_or_panicked_and_only_then() {
    let trace = TestProvider::new();
    let outer = span!("outer");
    let mut task = task::Context::from_waker(Waker::noop());
    let ended = || balanced(trace.provider()).ended;

    let mut ready = pin!(pause().in_span(start_span!("ready")));
    assert!(ready.as_mut().poll(&mut task).is_pending());
    assert_eq!(ended(), 0);
    trace.clock().advance(Duration::from_millis(5));
    assert!(ready.as_mut().poll(&mut task).is_ready());
    assert_eq!(ended(), 1, "before it is dropped");

    /// Stores the current span when it is dropped.
    struct Traced(Arc<Mutex<Option<SpanContext>>>);
    impl Drop for Traced {
        fn drop(&mut self) {
            *self.0.lock().expect("lock") = Some(current().span_context());
        }
    }
    let dropped = start_span!("dropped");
    let own = opentelemetry::trace::Span::span_context(&dropped).clone();
    let seen = Arc::default();
    let held = Traced(Arc::clone(&seen));
    let mut pending = Box::pin(
        async move {
            let _held = held;
            std::future::pending::<()>().await;
        }
        .in_span(dropped),
    );
    assert!(pending.as_mut().poll(&mut task).is_pending());
    drop(pending);
    assert_eq!(ended(), 2);
    assert_eq!(*seen.lock().expect("lock"), Some(own), "inside");

    let mut panics = Box::pin(async { quiet_panic() }.in_span(start_span!("panicked")));
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let polled: Poll<()> = panics.as_mut().poll(&mut task);
        polled
    }));
    assert!(polled.is_err());
    assert_eq!(ended(), 3, "before it is dropped");
    assert_eq!(current().span_context(), outer.span_context());
    assert!(!Context::current().has_active_span());
    drop(panics);

    drop(pause().in_span(start_span!("never polled")));
    assert_eq!(ended(), 4);
    drop(outer);
    assert_trace!(
        trace,
        r#"
        "outer"
            "ready"
            "dropped"
            "panicked" error ""
                error.type = "panic"
                event "exception"
                    exception.type = "panic"
            "never polled"
        "#
    );
    // The end time is by the clock of the provider, although the `Context` owned the span.
    assert_eq!(trace.span("ready").duration(), Duration::from_millis(5));
    assert_eq!(trace.span("dropped").duration(), Duration::ZERO);
    trace.balance();
}

/// The two traits are in scope above.
#[test]
fn futures_method_does_not_hide_that_of_tracers() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    tracer.in_span("by value", |_| ());
    let borrowed = &tracer;
    borrowed.in_span("by reference", |_| ());
    assert_trace!(trace, "\"by value\"\n\"by reference\"\n");
    trace.balance();
}

#[test]
fn what_is_inside_is_not_printed() {
    let trace = TestProvider::new();
    let stream = WithSpan::new(stream::iter(["secret"]), start_span!("x"));
    assert_eq!(format!("{stream:?}"), "WithSpan { .. }");
    drop(stream);
    trace.balance();
}

#[test]
fn span_whose_context_others_keep_ends_with_its_future() {
    let trace = TestProvider::new();
    let kept = runtime().block_on(async { Context::current() }.in_span(start_span!("x")));
    assert_eq!(balanced(trace.provider()).ended, 1);
    assert!(kept.has_active_span() && !kept.span().is_recording());
    drop(kept);
    trace.balance();
}

#[test]
fn streams_and_sinks_end_with_their_last_item_and_their_close() {
    let trace = TestProvider::new();
    let ended = || balanced(trace.provider()).ended;
    futures_util::FutureExt::now_or_never(async {
        let numbers = stream::iter(0..3).map(|n| {
            drop(span!("item"));
            n
        });
        let mut numbers = numbers.in_span(start_span!("stream"));
        assert_eq!(numbers.size_hint(), (3, Some(3)));
        for n in 0..3 {
            assert_eq!(numbers.next().await, Some(n));
        }
        assert_eq!(ended(), 3);
        assert_eq!(numbers.next().await, None);
        assert_eq!(ended(), 4);

        let taken = sink::unfold((), |(), n: i32| async move {
            drop(span!("taken"));
            (n >= 0).then_some(()).ok_or(n)
        });
        let mut taken = Box::pin(WithSpan::new(taken, start_span!("sink")));
        taken.send(1).await.expect("taken");
        assert_eq!(taken.send(-1).await, Err(-1));
        assert_eq!(ended(), 6);
    })
    .expect("ready");
    let mut closed = WithSpan::new(sink::drain::<i32>(), start_span!("closed"));
    futures_util::FutureExt::now_or_never(closed.close())
        .expect("ready")
        .expect("closed");
    assert_eq!(ended(), 8, "the sink above with its drop");
    assert_trace!(
        trace,
        r#"
        "stream"
            "item"
            "item"
            "item"
        "sink"
            "taken"
            "taken"
        "closed"
        "#
    );
    trace.balance();
}

#[test]
fn tasks_and_threads_carry_the_current_span_and_baggage() {
    let trace = TestProvider::new();
    let baggage = Context::current_with_baggage([KeyValue::new("tenant", "t1")]);
    let _attached = baggage.attach();
    let tenant = || Context::current().baggage().get("tenant").cloned();
    let outer = span!("outer");
    let own = outer.span_context();
    let check = move |name: &'static str| {
        assert_eq!(both(), (own.clone(), own.clone()));
        assert_eq!(tenant(), Some("t1".into()));
        assert!(!current().is_recording(), "a parent only");
        drop(span!(name));
    };
    let runtime = runtime();
    runtime.block_on(async {
        let (a, b) = (check.clone(), check.clone());
        tracer_task::spawn(async move { a("task") })
            .await
            .expect("task");
        tracer_task::spawn_blocking(move || b("blocking"))
            .await
            .expect("thread");
    });
    let there = check.clone();
    std::thread::spawn(with_current_context(move || there("thread")))
        .join()
        .expect("thread");
    assert!(outer.is_recording());
    drop(outer);
    // The captured context outlives the span.
    assert_trace!(
        trace,
        r#"
        "outer"
            "task"
            "blocking"
            "thread"
        "#
    );
    trace.balance();
}

#[test]
fn span_of_a_context_is_carried_whole() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let attached = Context::current_with_span(tracer.start("active")).attach();
    let there = std::thread::spawn(with_current_context(|| {
        current().set_attribute(KeyValue::new("there", true));
    }));
    there.join().expect("thread");
    drop(attached);
    assert_trace!(
        trace,
        r#"
        "active"
            there = true
        "#
    );
    trace.balance();
}
