//! The live view holds a bounded number of spans and names, and is correct under many threads.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Status, Tracer as _, TracerProvider as _},
};
use tracer_core::{
    Span, TracerProvider,
    live::{Bucket, LiveLimits, LiveView},
};

use crate::support::{TIMEOUT, balanced, rounds};

fn provider(live: &LiveView) -> TracerProvider {
    let builder = TracerProvider::builder().live_view(live);
    builder.build().expect("provider")
}

fn kept(live: &LiveView, name: &str) -> usize {
    let kept = Bucket::ALL.map(|bucket| live.recent(name, bucket).len());
    kept.into_iter().sum()
}

#[test]
fn spans_names_and_samples_beyond_the_bounds_are_counted_and_left_out() {
    let limits = LiveLimits::default()
        .max_running(3)
        .max_names(2)
        .max_samples(2);
    let live = LiveView::new(limits);
    let provider = provider(&live);
    let tracer = provider.tracer("t");
    let mut spans: Vec<_> = (0..5).map(|at| tracer.start(format!("n{at}"))).collect();
    assert_eq!(live.running().len(), 3);
    assert_eq!(live.summary().unlisted, 2);
    // A span that was not listed at its start is not listed later, and its changes have no effect.
    spans[4].set_attribute(KeyValue::new("a", 1));
    drop(spans.remove(0));
    let names: Vec<_> = live
        .running()
        .iter()
        .map(|span| span.record().name().to_owned())
        .collect();
    assert_eq!(names, ["n1", "n2"]);
    // The place is free again.
    let next = tracer.start("n0");
    assert_eq!(live.running().len(), 3);
    drop(next);
    drop(spans);
    let summary = live.summary();
    assert_eq!((summary.names.len(), summary.other), (2, 3));
    assert_eq!(summary.unlisted, 2);
    for _ in 0..10 {
        let mut span = tracer.start("n0");
        span.set_status(Status::error(""));
    }
    assert_eq!(live.recent("n0", Bucket::Failed).len(), 2);
    assert_eq!(live.summary().names[0].count(Bucket::Failed), 10);
    assert!(kept(&live, "n2") == 0 && live.summary().other == 3);
    balanced(&provider);
}

#[test]
fn bounds_of_zero_keep_nothing_but_counts() {
    let limits = LiveLimits::default()
        .max_running(0)
        .max_samples(0)
        .max_field_bytes(0);
    let live = LiveView::new(limits);
    let provider = provider(&live);
    let tracer = provider.tracer("t");
    let span = tracer.start("x");
    assert!(live.running().is_empty());
    drop(span);
    let summary = live.summary();
    assert_eq!((summary.unlisted, summary.names[0].ended()), (1, 1));
    assert_eq!(kept(&live, "x"), 0);
}

#[test]
fn large_span_is_cut_to_what_fits_and_says_so() {
    let live = LiveView::new(LiveLimits::default().max_field_bytes(100));
    let provider = provider(&live);
    // Two bytes a character after the first one, so the 256th byte is inside a character.
    let name = format!("x{}", "ä".repeat(300));
    let mut span = provider.tracer("t").start(name.clone());
    assert!(live.running()[0].is_truncated());
    let shown = live.running()[0].record().name().to_owned();
    assert_eq!(shown.len(), 255);
    assert!(name.starts_with(&shown));
    span.update_name("short");
    assert!(!live.running()[0].is_truncated());

    span.set_attribute(KeyValue::new("first", 1));
    span.set_attribute(KeyValue::new("long", "y".repeat(4000)));
    span.set_attribute(KeyValue::new("last", 2));
    let shown = live.running().remove(0);
    assert!(shown.is_truncated());
    let attributes: Vec<_> = shown.record().attributes().collect();
    assert_eq!(
        attributes,
        [KeyValue::new("first", 1), KeyValue::new("last", 2)],
        "what fits is kept"
    );
    for at in 0..1000 {
        span.set_attribute(KeyValue::new(format!("key {at}"), at));
    }
    assert!(live.running()[0].record().otlp_fields().len() <= 100);
    span.set_status(Status::error("z".repeat(10_000)));
    assert_eq!(live.running()[0].record().status_message().len(), 256);
    drop(span);
    let kept = live.recent("short", Bucket::Failed).remove(0);
    assert!(kept.is_truncated() && kept.record().otlp_fields().len() <= 100);
}

#[test]
fn names_that_begin_alike_for_256_bytes_are_counted_together() {
    let live = LiveView::default();
    let provider = provider(&live);
    let tracer = provider.tracer("t");
    let long = "n".repeat(256);
    for end in ["", "a", "b"] {
        drop(tracer.start(format!("{long}{end}")));
    }
    let summary = live.summary();
    assert_eq!(summary.names.len(), 1);
    assert_eq!(summary.names[0].ended(), 3);
    assert_eq!(kept(&live, &format!("{long}c")), kept(&live, &long));
}

#[test]
fn hundreds_of_threads_start_change_and_end_spans_while_others_read() {
    const THREADS: usize = 300;
    let spans_each = rounds(40, 400);
    let live = LiveView::new(LiveLimits::default().max_running(100_000));
    let provider = provider(&live);
    let (all_open, read) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for span in live.running() {
                    // Whole spans only: a value is never from another span or half written.
                    let record = span.record();
                    if let Some(of) = record.attribute("of") {
                        assert_eq!(of.as_str(), record.name());
                    }
                }
                let _ = live.summary();
            }
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let tracer = provider.tracer("t");
                let (all_open, read) = (&all_open, &read);
                scope.spawn(move || {
                    let name = format!("name {}", thread % 7);
                    let spans: Vec<Span> = (0..spans_each)
                        .map(|_| {
                            let mut span = tracer.start(name.clone());
                            span.set_attribute(KeyValue::new("of", name.clone()));
                            span
                        })
                        .collect();
                    all_open.wait();
                    read.wait();
                    drop(spans);
                })
            })
            .collect();
        all_open.wait();
        assert_eq!(live.running().len(), THREADS * spans_each);
        read.wait();
        for worker in workers {
            worker.join().expect("thread");
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().expect("reader");
    });
    assert!(live.running().is_empty());
    let summary = live.summary();
    assert_eq!((summary.names.len(), summary.unlisted), (7, 0));
    provider.force_flush(TIMEOUT).expect("flush");
    let ended: u64 = summary.names.iter().map(|name| name.ended()).sum();
    assert_eq!(ended, (THREADS * spans_each) as u64);
    balanced(&provider);
}
