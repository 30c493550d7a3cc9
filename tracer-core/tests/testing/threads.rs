//! The spans that a test sees, on the threads of the test and on others.

use std::thread;

use opentelemetry::{KeyValue, trace::Tracer as _};
use tracer_core::{
    InSpan as _, SpanLimits, current, span, start_span, task,
    testing::{TestProvider, assert_trace},
    with_current_context,
};

/// The common part of the tests of both runtimes: spans before and after awaiting, and in a task.
async fn work(number: i64) {
    let inner = async move {
        current().set_attribute(KeyValue::new("number", number));
        for _ in 0..5 {
            tokio::task::yield_now().await;
            drop(span!("step"));
        }
        let task = task::spawn(async {
            drop(span!("in a task"));
            tokio::task::yield_now().await;
        });
        task.await.expect("task");
        let blocking = task::spawn_blocking(|| drop(span!("on a blocking thread")));
        blocking.await.expect("task");
    };
    inner.in_span(start_span!("work")).await;
}

fn check(trace: &TestProvider, number: i64) {
    assert_trace!(
        trace,
        &format!(
            r#"
            "work" exactly
                number = {number}
                "step"
                "step"
                "step"
                "step"
                "step"
                "in a task"
                "on a blocking thread"
            "#
        )
    );
    trace.balance();
}

async fn alone(number: i64) {
    let trace = TestProvider::new();
    work(number).await;
    check(&trace, number);
}

// Each several times, so that they run at the same time.
#[tokio::test]
async fn current_thread_1() {
    alone(1).await;
}

#[tokio::test]
async fn current_thread_2() {
    alone(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multi_thread_3() {
    alone(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multi_thread_4() {
    alone(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn task_that_carries_no_span_is_missing_from_the_trace() {
    let trace = TestProvider::new();
    let work = async { tokio::spawn(async { drop(span!("lost")) }).await };
    work.in_span(start_span!("work")).await.expect("task");
    assert_trace!(trace, r#" "work" "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn spans_that_end_later_are_waited_for() {
    let trace = TestProvider::new();
    let (end, ended) = tokio::sync::oneshot::channel();
    tokio::spawn(async { ended.await.expect("sent") }.in_span(start_span!("later")));
    drop(span!("now"));
    assert_eq!(trace.wait_for(1).await[0].name, "now");
    end.send(()).expect("received");
    assert_eq!(trace.wait_for(2).await.len(), 2);
    trace.balance();
}

/// This is how code can start roots on other threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn task_that_is_given_the_provider_makes_roots_of_the_trace() {
    let trace = TestProvider::new();
    let provider = trace.provider().clone();
    let task = tokio::spawn(async move {
        let _default = provider.set_thread_default();
        drop(span!("root"));
    });
    task.await.expect("task");
    assert_trace!(trace, r#" "root" "#);
}

#[test]
fn native_spans_and_those_of_tracers_are_one_trace() {
    let trace =
        TestProvider::with(|builder| builder.span_limits(SpanLimits::default().max_attributes(1)));
    let outer = span!("outer", "kept" = true, "over" = true);
    trace.tracer("library").in_span("middle", |_context| {
        drop(span!("inner"));
    });
    thread::spawn(with_current_context(|| drop(span!("on a thread"))))
        .join()
        .expect("thread");
    drop(outer);
    assert_trace!(
        trace,
        r#"
        exactly
        "outer"
            kept = true
            "middle"
                "inner"
            "on a thread"
        "#
    );
    assert_eq!(trace.span("outer").scope.name(), "tracer-core");
    assert_eq!(trace.span("middle").scope.name(), "library");
    trace.balance();
}

#[test]
fn later_provider_of_a_thread_comes_first_until_it_is_dropped() {
    let outer = TestProvider::new();
    drop(span!("before"));
    let inner = TestProvider::new();
    drop(span!("inside"));
    assert_eq!(inner.tree(), "\"inside\"\n");
    drop(inner);
    drop(span!("after"));
    assert_eq!(outer.tree(), "\"before\"\n\"after\"\n");
    drop(outer);
    assert!(!span!("nobody's").is_recording());
}
