//! Processors that panic, that call their own provider, or that take spans out of their handles.

use std::{
    mem,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{Span as _, SpanContext, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{FlushError, Span, SpanProcessor, SpanRecord, TracerProvider};

use crate::support::{Recorder, TIMEOUT, balanced, eventually};

#[derive(Debug)]
struct Panics;

impl SpanProcessor for Panics {
    fn on_start(&self, _: &mut Span, _: &Context) {
        panic!("asked to");
    }

    fn on_ending(&self, _: &mut Span) {
        panic!("asked to");
    }

    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        panic!("asked to");
    }

    fn force_flush(&self, _: Duration) -> Result<(), FlushError> {
        panic!("asked to");
    }
}

static CALLS: AtomicU64 = AtomicU64::new(0);

/// A processor after the one that panics.
#[derive(Debug)]
struct After;

impl SpanProcessor for After {
    fn on_start(&self, _: &mut Span, _: &Context) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }

    fn on_ending(&self, _: &mut Span) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }

    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_thousand_panics_lose_no_span_and_no_call_and_are_counted() {
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .processor(Panics)
        .processor(After)
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    for _ in 0..1000 {
        tracer.start("x").end();
    }
    assert_eq!(provider.force_flush(TIMEOUT), Err(FlushError::Processor));
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(recorder.distinct(), 1000);
    assert_eq!(balanced(&provider).processor_panics, 3001);
    assert_eq!(CALLS.load(Ordering::Relaxed), 3000);
}

/// A processor that calls its own provider in every way, in every callback.
#[derive(Debug)]
struct Snake {
    provider: &'static OnceLock<TracerProvider>,
    recorded: AtomicU64,
    /// Open spans, one of which it ends in each callback.
    kept: Mutex<Vec<Span>>,
}

impl Snake {
    fn bite(&self) {
        let provider = self.provider.get().expect("set");
        let tracer = provider.tracer("snake");
        assert!(!tracer.enabled());
        let span = tracer.start("inside");
        self.recorded
            .fetch_add(u64::from(span.is_recording()), Ordering::Relaxed);
        drop(span);
        let kept = self.kept.lock().unwrap().pop();
        drop(kept);
    }
}

impl SpanProcessor for &'static Snake {
    fn on_start(&self, span: &mut Span, _: &Context) {
        if span.record().is_some_and(|record| record.name() == "bite") {
            self.bite();
        }
    }

    fn on_ending(&self, span: &mut Span) {
        span.end();
        assert!(span.is_recording(), "the end is under way already");
        self.bite();
    }

    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        self.bite();
        let provider = self.provider.get().expect("set");
        provider
            .force_flush(TIMEOUT)
            .expect("flush inside a callback");
    }

    fn force_flush(&self, _: Duration) -> Result<(), FlushError> {
        let provider = self.provider.get().expect("set");
        provider.force_flush(TIMEOUT)
    }
}

#[test]
fn processor_that_calls_its_own_provider_neither_hangs_nor_triggers_itself() {
    static PROVIDER: OnceLock<TracerProvider> = OnceLock::new();
    let recorder = Recorder::default();
    let snake: &Snake = Box::leak(Box::new(Snake {
        provider: &PROVIDER,
        recorded: AtomicU64::new(0),
        kept: Mutex::default(),
    }));
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .processor(snake)
        .build()
        .expect("provider");
    PROVIDER.set(provider.clone()).expect("once");
    let tracer = provider.tracer("t");
    // More spans than callbacks may nest. Each one ends inside a callback of another one.
    let kept: Vec<_> = (0..100).map(|_| tracer.start("kept")).collect();
    *snake.kept.lock().unwrap() = kept;
    while !snake.kept.lock().unwrap().is_empty() {
        tracer.start("bite").end();
    }
    provider.force_flush(TIMEOUT).expect("flush");
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(snake.recorded.load(Ordering::Relaxed), 0);
    let stats = balanced(&provider);
    assert_eq!((stats.processor_panics, stats.started), (0, stats.ended));
    assert!(stats.dropped.discarded > 0, "nesting was bounded");
    assert_eq!(recorder.distinct() + stats.dropped.discarded, stats.ended);
}

/// Spans started in a callback pass the context on, so that a trace is not cut.
#[derive(Debug)]
struct Child(
    &'static OnceLock<TracerProvider>,
    &'static OnceLock<SpanContext>,
);

impl SpanProcessor for Child {
    fn on_start(&self, span: &mut Span, _: &Context) {
        let parent = Context::new().with_remote_span_context(span.span_context().clone());
        let tracer = self.0.get().expect("set").tracer("t");
        let child = tracer.start_with_context("child", &parent);
        self.1.get_or_init(|| child.span_context().clone());
    }
}

#[test]
fn span_of_a_callback_carries_the_context_of_its_parent() {
    static PROVIDER: OnceLock<TracerProvider> = OnceLock::new();
    static SEEN: OnceLock<SpanContext> = OnceLock::new();
    let processor = Child(&PROVIDER, &SEEN);
    let provider = TracerProvider::builder()
        .processor(processor)
        .build()
        .expect("provider");
    PROVIDER.set(provider.clone()).expect("once");
    let span = provider.tracer("t").start("x");
    let seen = SEEN.get().expect("child");
    assert_eq!(seen.span_id(), span.span_context().span_id());
    drop(span);
    assert_eq!(balanced(&provider).started, 1);
}

/// Takes the span that ends out of its handle: drops it, or leaves another one there.
#[derive(Debug)]
struct Thief(Mutex<Option<Span>>);

impl SpanProcessor for &'static Thief {
    fn on_ending(&self, span: &mut Span) {
        if let Some(other) = self.0.lock().unwrap().take() {
            drop(mem::replace(span, other));
        }
    }
}

#[test]
fn span_taken_out_of_its_handle_is_discarded_and_the_other_one_lives_on() {
    let recorder = Recorder::default();
    let thief: &'static Thief = Box::leak(Box::new(Thief(Mutex::new(None))));
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .processor(thief)
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    *thief.0.lock().unwrap() = Some(tracer.start("other"));
    let mut handle = tracer.start("stolen");
    handle.end();
    assert!(handle.is_recording());
    handle.end();
    provider.shutdown(TIMEOUT).expect("shutdown");
    let names: Vec<_> = recorder.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["other"]);
    let stats = balanced(&provider);
    assert_eq!((stats.ended, stats.dropped.discarded), (2, 1));
}

/// The trait's documentation forbids this. It aborts the callback, but does not affect the caller:
/// the API panics if a context is attached while it reads the current one.
#[derive(Debug)]
struct Attaches;

impl SpanProcessor for Attaches {
    fn on_start(&self, _: &mut Span, parent: &Context) {
        drop(parent.clone().attach());
    }
}

#[test]
fn callback_that_attaches_a_context_at_start_is_abandoned_and_counted() {
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .processor(Attaches)
        .build()
        .expect("provider");
    provider.tracer("t").start("x").end();
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(recorder.distinct(), 1);
    assert_eq!(balanced(&provider).processor_panics, 1);
}

/// A shutdown is the last call that a processor gets.
#[derive(Debug)]
struct Closed;

impl SpanProcessor for Closed {
    fn on_ending(&self, _: &mut Span) {
        panic!("called after the shutdown");
    }
}

#[test]
fn span_that_ends_after_the_shutdown_reaches_no_processor_and_is_counted() {
    let provider = TracerProvider::builder()
        .processor(Closed)
        .build()
        .expect("provider");
    let mut span = provider.tracer("t").start("x");
    provider.shutdown(TIMEOUT).expect("shutdown");
    span.end();
    let stats = balanced(&provider);
    assert_eq!(
        (stats.processor_panics, stats.dropped.already_shutdown),
        (0, 1)
    );
}

/// Forwards all calls to a provider of its own, as a processor that routes by tenant does.
#[derive(Debug)]
struct Forwards(TracerProvider);

impl SpanProcessor for Forwards {
    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        self.0.tracer("forwarded").start("copy").end();
    }

    fn force_flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.force_flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.shutdown(timeout).map_err(|_| FlushError::Processor)
    }
}

#[derive(Clone, Debug, Default)]
struct Counts(std::sync::Arc<[AtomicU64; 3]>);

impl Counts {
    fn seen(&self) -> [u64; 3] {
        [0, 1, 2].map(|at| self.0[at].load(Ordering::SeqCst))
    }
}

impl SpanProcessor for Counts {
    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        self.0[0].fetch_add(1, Ordering::SeqCst);
    }

    fn force_flush(&self, _: Duration) -> Result<(), FlushError> {
        self.0[1].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn shutdown(&self, _: Duration) -> Result<(), FlushError> {
        self.0[2].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn processor_may_forward_to_a_provider_whose_processors_see_it_all() {
    let counts = Counts::default();
    let second = TracerProvider::builder().processor(counts.clone()).build();
    let first = TracerProvider::builder()
        .processor(Forwards(second.expect("provider")))
        .build()
        .expect("provider");
    first.tracer("t").start("x").end();
    first.force_flush(TIMEOUT).expect("flush");
    first.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(counts.seen(), [1, 1, 1]);
}

#[test]
fn shutdown_in_a_callback_closes_the_processors_without_waiting_for_them() {
    static PROVIDER: OnceLock<TracerProvider> = OnceLock::new();

    #[derive(Debug)]
    struct Calls;

    impl SpanProcessor for Calls {
        fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
            let provider = PROVIDER.get().expect("provider");
            provider.shutdown(TIMEOUT).expect("shutdown");
        }
    }

    let counts = Counts::default();
    let provider = TracerProvider::builder()
        .processor(Calls)
        .processor(counts.clone())
        .build()
        .expect("provider");
    PROVIDER.set(provider.clone()).expect("once");
    provider.tracer("t").start("x").end();
    eventually("shutdown of the processors", || counts.seen()[2] == 1);
    assert_eq!(counts.seen(), [1, 0, 1]);
}
