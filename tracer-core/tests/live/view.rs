//! The live view shows running spans as they are now, and ended ones by name and latency.

use std::{
    mem,
    sync::Mutex,
    thread,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{
        Link, Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
    },
};
use tracer_core::{Span, live::Bucket};

use crate::support::{
    eventually,
    live::{names, only, viewed},
    remote,
};

#[test]
fn running_span_is_listed_as_it_is_now() {
    let (live, provider, _) = viewed();
    let scope = InstrumentationScope::builder("shop")
        .with_version("1.2")
        .build();
    let tracer = provider.tracer_with_scope(scope.clone());
    let parent = remote(1);
    let start = SystemTime::now() - Duration::from_secs(5);
    let mut span = tracer
        .span_builder("checkout")
        .with_kind(SpanKind::Consumer)
        .with_start_time(start)
        .with_attributes([KeyValue::new("at.start", true)])
        .start_with_context(
            &tracer,
            &Context::new().with_remote_span_context(parent.clone()),
        );

    let shown = only(&live);
    let record = shown.record();
    assert_eq!(record.name(), "checkout");
    assert_eq!(record.kind(), SpanKind::Consumer);
    assert_eq!(record.trace_id(), parent.trace_id());
    assert_eq!(record.span_id(), span.span_context().span_id());
    assert_eq!(record.parent_span_id(), parent.span_id());
    assert!(record.parent_is_remote() && record.trace_flags().is_sampled());
    assert_eq!(record.status(), Status::Unset);
    assert_eq!(shown.scope(), Some(&scope));
    assert!(shown.age() >= Duration::from_secs(5) && shown.age() < Duration::from_secs(60));
    assert_eq!(shown.thread_name(), thread::current().name());
    assert_eq!(shown.thread_id(), Some(thread::current().id()));
    assert!(!shown.is_truncated());
    let attributes: Vec<_> = record.attributes().collect();
    assert_eq!(attributes, [KeyValue::new("at.start", true)]);

    // Every change is visible at once.
    span.set_attribute(KeyValue::new("items", 3));
    span.set_attributes([KeyValue::new("a", "b"), KeyValue::new("items", 4)]);
    span.add_event("paid", vec![KeyValue::new("by", "card")]);
    span.add_link(remote(0), Vec::new());
    span.set_status(Status::error("declined"));
    span.update_name("pay");
    assert!(span.remove_attribute("at.start"));
    let shown = only(&live);
    let record = shown.record();
    assert_eq!(record.name(), "pay");
    let attributes: Vec<_> = record.attributes().collect();
    assert_eq!(
        attributes,
        [KeyValue::new("a", "b"), KeyValue::new("items", 4)]
    );
    let event = record.events().next().expect("an event");
    assert_eq!(event.name, "paid");
    assert_eq!(event.attributes, [KeyValue::new("by", "card")]);
    let link: Link = record.links().next().expect("a link");
    assert_eq!(link.span_context.span_id(), parent.span_id());
    assert_eq!(record.status(), Status::error("declined"));

    span.end();
    assert!(live.running().is_empty());
    // The handle does nothing any more.
    span.set_attribute(KeyValue::new("late", 1));
    drop(span);
    assert!(live.running().is_empty());
}

#[test]
fn oldest_span_comes_first_and_ages() {
    let (live, _provider, tracer) = viewed();
    let started = |name: &'static str, seconds| {
        let start = SystemTime::now() - Duration::from_secs(seconds);
        tracer
            .span_builder(name)
            .with_start_time(start)
            .start(&tracer)
    };
    let _spans = [started("b", 20), started("c", 1), started("a", 300)];
    assert_eq!(names(&live), ["a", "b", "c"]);
    let before = live.running()[2].age();
    eventually("time", || live.running()[2].age() > before);
    // An age is never negative.
    let later = SystemTime::now() + Duration::from_secs(3600);
    let _future = tracer
        .span_builder("z")
        .with_start_time(later)
        .start(&tracer);
    assert_eq!(live.running()[3].age(), Duration::ZERO);
}

#[test]
fn ended_spans_are_counted_by_name_and_latency_and_the_last_are_kept() {
    let (live, _provider, tracer) = viewed();
    let start = SystemTime::now();
    let ended = |name: &'static str, micros: i64, failed: bool| {
        let mut span = tracer
            .span_builder(name)
            .with_start_time(start)
            .start(&tracer);
        span.set_attribute(KeyValue::new("micros", micros));
        if failed {
            span.set_status(Status::error("no"));
        }
        span.end_with_timestamp(start + Duration::from_micros(micros.cast_unsigned()));
    };
    for micros in [0, 9, 10, 99, 999, 500_000, 2_000_000] {
        ended("a", micros, false);
    }
    ended("a", 5, true);
    ended("b", 100_000_000, false);
    let _running = tracer.start("b");

    let summary = live.summary();
    let seen: Vec<_> = summary.names.iter().map(|name| name.name()).collect();
    assert_eq!(seen, ["a", "b"]);
    let counts = |at: usize| Bucket::ALL.map(|bucket| summary.names[at].count(bucket));
    // Nine latencies by rising boundary, then the failed ones.
    assert_eq!(counts(0), [2, 2, 1, 0, 0, 1, 1, 0, 0, 1]);
    assert_eq!(counts(1), [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(
        (summary.names[0].running(), summary.names[0].ended()),
        (0, 8)
    );
    assert_eq!(
        (summary.names[1].running(), summary.names[1].ended()),
        (1, 1)
    );
    assert_eq!((summary.other, summary.unlisted), (0, 0));

    let fast = live.recent("a", Bucket::From0);
    let micros: Vec<_> = fast
        .iter()
        .map(|span| span.record().attribute("micros"))
        .collect();
    assert_eq!(micros, [Some(9.into()), Some(0.into())], "the newest first");
    assert_eq!(fast[0].latency(), Duration::from_micros(9));
    assert_eq!(fast[0].scope().name(), "shop");
    let failed = live.recent("a", Bucket::Failed);
    assert_eq!(failed[0].record().status(), Status::error("no"));
    assert!(live.recent("a", Bucket::From1ms).is_empty());
    assert!(live.recent("unknown", Bucket::From0).is_empty());
}

#[test]
fn leaked_span_stays_and_one_that_ends_elsewhere_leaves() {
    let (live, _provider, tracer) = viewed();
    mem::forget(tracer.start("leaked"));
    let span = thread::Builder::new()
        .name("starter".to_owned())
        .spawn(move || tracer.start("moved"))
        .expect("thread")
        .join()
        .expect("span");
    assert_eq!(names(&live), ["leaked", "moved"]);
    assert_eq!(live.running()[1].thread_name(), Some("starter"));
    drop(span);
    assert_eq!(names(&live), ["leaked"]);
}

#[test]
fn span_that_ends_with_its_threads_locals_leaves_the_list() {
    thread_local! {
        static LAST: Mutex<Option<Span>> = const { Mutex::new(None) };
    }
    let (live, _provider, tracer) = viewed();
    thread::spawn(move || {
        // Registered before the locals that a span needs, so dropped after them.
        LAST.with(|last| drop(last.lock().expect("lock")));
        let span = tracer.start("last");
        LAST.with(|last| *last.lock().expect("lock") = Some(span));
    })
    .join()
    .expect("thread");
    assert!(live.running().is_empty());
    assert_eq!(live.summary().names[0].ended(), 1);
}
